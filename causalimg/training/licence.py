"""What one DAG licenses: independence statements of the content, and why some are refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from causalimg.graph.query import d_separated
from causalimg.training.roles import Roles
from causalimg.training.scene import Scene, directed_path

MAX_CANDIDATES = 12


class Kind(StrEnum):
    """What the graph says about one attribute."""

    STATEMENT = "statement"
    CAUSES_OUTCOME = "causes_outcome"
    NOT_IN_IMAGE = "not_in_image"
    NO_SET = "no_set"
    AMBIGUOUS = "ambiguous"


class Family(StrEnum):
    """Families of losses across environments, by the statement that each needs."""

    RISK_INVARIANCE = "risk_invariance"
    MARGINAL_ALIGNMENT = "marginal_alignment"
    CONDITIONAL_ALIGNMENT = "conditional_alignment"


@dataclass(frozen=True)
class AttributeAnswer:
    """One DAG's answer for one attribute: every set given which it is independent of the content.

    ``sets`` are in order of preference: smallest first; of one size those with the outcome, then
    the environment, then the other attributes.
    """

    kind: Kind
    reason: str
    sets: tuple[tuple[str, ...], ...] = ()


def statement(content: str, attribute: str, given: Sequence[str]) -> str:
    """Return an independence in words.

    Examples
    --------
    >>> statement("content", "scanner", ["malignant"])
    'content ⊥ scanner | malignant'
    """
    return f"{content} ⊥ {attribute}" + (f" | {', '.join(given)}" if given else "")


def separated(scene: Scene, x: str, y: str, given: Sequence[str], roles: Roles) -> bool:
    """Tell whether ``x`` and ``y`` are d-separated given a set and the selection nodes."""
    block = {*given, *roles.selection} - {x, y}
    return d_separated(scene.graph, x, y, sorted(block))


def candidate_sets(roles: Roles, attribute: str) -> Iterator[tuple[str, ...]]:
    """Yield the sets that a statement about an attribute may condition on, smallest first."""
    others = [a for a in roles.attributes if a != attribute]
    pool = [roles.outcome, roles.environment, *others, *roles.observed]
    named = [node for node in pool if node is not None and node != attribute]
    largest = len(named) if len(named) <= MAX_CANDIDATES else 3
    for size in range(largest + 1):
        yield from combinations(named, size)


def ask_attribute(scene: Scene, roles: Roles, attribute: str) -> AttributeAnswer:
    """Ask one DAG which independence of content and attribute it licenses.

    An attribute that causes the outcome is refused although d-separation alone might license a
    penalty: enforcing it would take away signal.
    """
    graph = scene.graph
    path = directed_path(graph, attribute, roles.outcome, roles.spurious)
    if path:
        return AttributeAnswer(
            Kind.CAUSES_OUTCOME,
            f"'{attribute}' causes the outcome ({' -> '.join(path)}): a penalty would take away"
            " signal; adjust for it instead (BackdoorClassifier, with the columns of"
            " effects.backdoor_sets), or mark the path spurious if you know better",
        )
    reach = directed_path(graph, attribute, scene.image)
    if not reach:
        return AttributeAnswer(
            Kind.NOT_IN_IMAGE,
            f"no directed path leads from '{attribute}' to the image: nothing of it is there to"
            " remove",
        )
    found = tuple(
        given
        for given in candidate_sets(roles, attribute)
        if separated(scene, scene.content, attribute, given, roles)
    )
    if found:
        reason = f"'{attribute}' reaches the image ({' -> '.join(reach)}) and " + (
            f"{statement(scene.content, attribute, (*found[0], *roles.selection))} in the graph"
        )
        return AttributeAnswer(Kind.STATEMENT, reason, found)
    return AttributeAnswer(Kind.NO_SET, _why_no_set(scene, roles, attribute))


def _why_no_set(scene: Scene, roles: Roles, attribute: str) -> str:
    """Say what stands between the content and an attribute that nothing observed separates."""
    content = scene.content
    advice = "augment by intervention on what it does to the image, or collect what is missing"
    if attribute in scene.graph.children(content) or attribute in scene.graph.parents(content):
        return (
            f"'{attribute}' and the content are joined by an edge, so nothing makes them"
            f" independent; {advice}"
        )
    allowed = {roles.outcome, roles.environment, *roles.attributes, *roles.observed}
    hidden = [
        node
        for node in scene.graph.nodes
        if node not in allowed and node not in (content, scene.image, *roles.selection)
    ]
    for given in candidate_sets(roles, attribute):
        for node in hidden:
            if separated(scene, content, attribute, (*given, node), roles):
                wanted = statement(content, attribute, (*given, node))
                return (
                    f"nothing observed separates '{attribute}' from the content; {wanted} would"
                    f" hold: measure '{node}' and list it under observed, or {advice}"
                )
    return f"no observed set separates '{attribute}' from the content; {advice}"


def family_questions(roles: Roles, scene: Scene) -> dict[Family, tuple[str, str, tuple[str, ...]]]:
    """Return for each family of losses the independence it needs, as (x, y, given)."""
    environment = roles.environment or ""
    return {
        Family.RISK_INVARIANCE: (roles.outcome, environment, (scene.content,)),
        Family.MARGINAL_ALIGNMENT: (scene.content, environment, ()),
        Family.CONDITIONAL_ALIGNMENT: (scene.content, environment, (roles.outcome,)),
    }


def ask_environment(scene: Scene, roles: Roles) -> dict[Family, bool]:
    """Ask one DAG which families of losses across environments it licenses."""
    return {
        family: separated(scene, x, y, given, roles)
        for family, (x, y, given) in family_questions(roles, scene).items()
    }


def minimal(sets: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Return the sets of which no proper subset is among the sets, in the order given."""
    return tuple(s for s in sets if not any(set(t) < set(s) for t in sets))
