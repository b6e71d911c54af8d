"""The scene of a plan: one DAG that holds the outcome, the content and the image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from causalimg.errors import IdentificationError, InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind, Mark
from causalimg.training.roles import Edges, Roles


@dataclass(frozen=True)
class Scene:
    """A DAG with a content and an image node, and what was read into the graph to get it."""

    graph: CausalGraph
    content: str
    image: str
    notes: tuple[str, ...] = field(default=())


def _fresh(name: str, nodes: Iterable[str]) -> str:
    taken = set(nodes)
    while name in taken:
        name += "_"
    return name


def without_bidirected(graph: CausalGraph) -> CausalGraph:
    """Return a DAG in which each bidirected edge of an ADMG is a hidden common cause."""
    nodes = list(graph.nodes)
    edges: list[tuple[str, str]] = []
    for i, a in enumerate(graph.nodes):
        for j, b in enumerate(graph.nodes):
            if graph.marks[i, j] == Mark.ARROW and graph.marks[j, i] == Mark.TAIL:
                edges.append((a, b))
            elif i < j and graph.marks[i, j] == graph.marks[j, i] == Mark.ARROW:
                hidden = _fresh(f"hidden({a},{b})", nodes)
                nodes.append(hidden)
                edges += [(hidden, a), (hidden, b)]
    return _dag(nodes, edges)


def _dag(nodes: Sequence[str], edges: Iterable[tuple[str, str]]) -> CausalGraph:
    at = {node: k for k, node in enumerate(nodes)}
    matrix = [[0] * len(nodes) for _ in nodes]
    for a, b in edges:
        matrix[at[a]][at[b]] = 1
    return CausalGraph.from_directed(tuple(nodes), matrix)


def _edges(graph: CausalGraph) -> set[tuple[str, str]]:
    return {(a, b) for a in graph.nodes for b in graph.children(a)}


def _direction(edges: set[tuple[str, str]], images: set[str], roles: Roles) -> str:
    """Return the direction given, or read it off the edges between outcome and image."""
    if roles.direction is not None:
        return roles.direction
    shown = any((roles.outcome, node) in edges for node in images)
    read = any((node, roles.outcome) in edges for node in images)
    if shown == read:
        what = "edges in both directions" if shown else "no edge"
        raise InvalidInputError(
            f"the graph has {what} between {roles.outcome!r} and the image, so it does not say"
            " whether the outcome causes what the image shows: give direction='anticausal' (a"
            " disease shows in the image) or 'causal' (the label was read off the image)"
        )
    return "anticausal" if shown else "causal"


def build_scene(graph: CausalGraph, roles: Roles) -> Scene:
    """Insert the content and the image into a DAG that lacks them.

    A latent node, the content, stands for what the image shows of the outcome; it points to the
    image and is joined to the outcome in the direction stated. Where features stand for the
    image they become one node: what environment and attributes do to a feature is measurement
    and acts on the image; what any other node does to it acts on the content.

    Raises
    ------
    IdentificationError
        For a graph that is not a DAG.
    InvalidInputError
        If nothing in the graph is the image, the direction is open, or the features and another
        node would cause each other.
    """
    graph.require_dag("build_scene")
    roles.check(graph.nodes)
    features = roles.features(graph.nodes)
    nodes, edges = list(graph.nodes), _edges(graph)
    notes: list[str] = []
    if features:
        image = _fresh("image", set(nodes) - set(features))
    else:
        image = roles.image if isinstance(roles.image, str) else "image"
        if image not in nodes:
            raise InvalidInputError(
                "no node of the graph is the image or a feature measured from it: name it with"
                " image=, or add it to the graph"
            )
    content = roles.content or _fresh("content", [*nodes, image])
    if features:
        direction = None if roles.content else _direction(edges, set(features), roles)
        nodes, edges = _collapsed(nodes, edges, set(features), content, image, roles)
        notes.append(
            f"{len(features)} measured features stand for the image; an edge into them from"
            f" {_listed([roles.environment, *roles.attributes])} is measurement and acts on the"
            " image, one from any other node is biology and acts on the content"
        )
    elif roles.content is None:
        direction = _direction(edges, {image}, roles)
        nodes.append(content)
        edges -= {(roles.outcome, image), (image, roles.outcome)}
    if roles.content is None:
        first, second = roles.outcome, content
        if direction == "causal":
            first, second = content, roles.outcome
        edges |= {(content, image), (first, second)}
        notes.append(
            f"'{content}' is the part of the image about {roles.outcome!r}; it was inserted as"
            f" {first} -> {second} and {content} -> {image}"
        )
    scene = _acyclic(nodes, edges, content, image)
    if roles.content is not None and not has_directed_path(scene, content, image):
        raise InvalidInputError(
            f"content={content!r} does not reach the image {image!r} in the graph: a part of the"
            " image is a cause of it"
        )
    return Scene(scene, content, image, tuple(notes))


def _listed(names: Iterable[str | None]) -> str:
    present = [repr(name) for name in names if name is not None]
    return " and ".join(present) if present else "the environment"


def _collapsed(
    nodes: list[str],
    edges: set[tuple[str, str]],
    features: set[str],
    content: str,
    image: str,
    roles: Roles,
) -> tuple[list[str], set[tuple[str, str]]]:
    """Replace the features by one image node and the content behind it."""
    measured = {*roles.attributes, roles.environment}
    kept: set[tuple[str, str]] = set()
    for a, b in edges:
        if a in features and b in features:
            continue
        if b in features:
            if a not in (roles.outcome, content):
                kept.add((a, image if a in measured else content))
            elif a == content:
                kept.add((content, image))
        elif a in features:
            if b != roles.outcome:
                kept.add((content, b))
        else:
            kept.add((a, b))
    left = [n for n in nodes if n not in features]
    return [*left, *(n for n in (content, image) if n not in left)], kept


def _acyclic(
    nodes: list[str], edges: set[tuple[str, str]], content: str, image: str
) -> CausalGraph:
    try:
        return _dag(nodes, edges)
    except InvalidInputError as error:
        causes = sorted(a for a, b in edges if b == content)
        effects = sorted(b for a, b in edges if a == content and b != image)
        raise InvalidInputError(
            f"with the content inserted the graph has a cycle: {content!r} would be caused by"
            f" {causes} and cause {effects}. Draw the content as a node yourself and name it with"
            " content=, or move one of these among the attributes"
        ) from error


def has_directed_path(graph: CausalGraph, start: str, end: str, without: Edges = ()) -> bool:
    """Tell whether a directed path leads from one node to another, some edges left out."""
    return bool(directed_path(graph, start, end, without))


def directed_path(graph: CausalGraph, start: str, end: str, without: Edges = ()) -> tuple[str, ...]:
    """Return a shortest directed path, or an empty tuple."""
    front: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    while front:
        longer = []
        for path in front:
            for child in graph.children(path[-1]):
                if (path[-1], child) in without or child in seen:
                    continue
                if child == end:
                    return (*path, child)
                seen.add(child)
                longer.append((*path, child))
        front = longer
    return ()


def as_dag(graph: CausalGraph) -> CausalGraph:
    """Return a DAG or ADMG as a DAG with hidden causes; refuse what has circles or open edges."""
    if graph.kind == GraphKind.ADMG:
        return without_bidirected(graph)
    if graph.kind == GraphKind.PAG:
        raise IdentificationError(
            "a PAG has circle marks, so d-separation statements about a new node (the content) are"
            " not defined on it: give a DAG, a CPDAG or an ADMG, for example one member of the"
            " class you can defend"
        )
    return replace(graph, weights=None, support=None, provenance=None)
