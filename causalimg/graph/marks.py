"""The marks at the ends of an edge, what they mean, and which ends a kind of graph allows."""

from __future__ import annotations

from enum import IntEnum, StrEnum

import numpy as np
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError


class Mark(IntEnum):
    """The mark at one end of an edge (the codes that pcalg uses for PAGs).

    Examples
    --------
    >>> from causalimg.graph.core import CausalGraph
    >>> graph = CausalGraph.from_directed(("age", "size"), [[0, 1], [0, 0]])
    >>> Mark(graph.marks[0, 1]).name, Mark(graph.marks[1, 0]).name
    ('ARROW', 'TAIL')
    """

    NONE = 0
    CIRCLE = 1
    ARROW = 2
    TAIL = 3


class GraphKind(StrEnum):
    """What the marks mean; stated by the algorithm, not derived from the marks.

    Examples
    --------
    >>> from causalimg.graph.core import CausalGraph
    >>> CausalGraph.from_directed(("age", "size"), [[0, 1], [1, 0]], kind="cpdag").kind
    <GraphKind.CPDAG: 'cpdag'>
    """

    DAG = "dag"
    CPDAG = "cpdag"
    ADMG = "admg"
    PAG = "pag"


_ALLOWED = {
    GraphKind.DAG: {(Mark.TAIL, Mark.ARROW)},
    GraphKind.CPDAG: {(Mark.TAIL, Mark.ARROW), (Mark.TAIL, Mark.TAIL)},
    GraphKind.ADMG: {(Mark.TAIL, Mark.ARROW), (Mark.ARROW, Mark.ARROW)},
}
_NEAR = {Mark.CIRCLE: "o", Mark.ARROW: "<", Mark.TAIL: "-"}
_FAR = {Mark.CIRCLE: "o", Mark.ARROW: ">", Mark.TAIL: "-"}


def edge_text(near: int, far: int) -> str:
    """Return how an edge with two marks is written.

    Examples
    --------
    >>> edge_text(Mark.CIRCLE, Mark.ARROW)
    'o->'
    """
    return f"{_NEAR[Mark(near)]}-{_FAR[Mark(far)]}"


def drawn_ends(marks: NDArray[np.int8]) -> list[tuple[int, int, Mark, Mark]]:
    """Return (source, target, mark at source, mark at target), arrows pointing forward."""
    out = []
    for i, j in np.argwhere(np.triu(marks != Mark.NONE)):
        near, far = Mark(marks[j, i]), Mark(marks[i, j])
        if near is Mark.ARROW and far is not Mark.ARROW:
            i, j, near, far = j, i, far, near
        out.append((int(i), int(j), near, far))
    return out


def directed_cycle(directed: NDArray[np.bool_]) -> list[int]:
    """Return the nodes left after stripping sources again and again: empty if acyclic."""
    left = list(range(len(directed)))
    while left:
        inside = np.asarray(directed[np.ix_(left, left)].any(axis=0))
        kept = [node for node, has in zip(left, inside, strict=True) if has]
        if len(kept) == len(left):
            return left
        left = kept
    return []


def check_marks(nodes: tuple[str, ...], marks: NDArray[np.int8], kind: GraphKind) -> None:
    """Raise `InvalidInputError` unless the marks, shape (d, d), make a graph of that kind."""
    if ((marks < 0) | (marks > 3)).any():
        raise InvalidInputError("marks must be 0 (none), 1 (circle), 2 (arrow) or 3 (tail)")
    bad = np.argwhere((marks == Mark.NONE) != (marks.T == Mark.NONE))
    if len(bad) or marks.diagonal().any():
        where = [nodes[i] for i in (bad[0] if len(bad) else [marks.diagonal().argmax()])]
        raise InvalidInputError(f"an edge needs a mark at both ends and two nodes: {where}")
    allowed = _ALLOWED.get(kind)
    if allowed is not None:
        for i, j in zip(*np.nonzero(np.triu(marks)), strict=True):
            ends = tuple(sorted((Mark(marks[j, i]), Mark(marks[i, j])), reverse=True))
            if ends not in allowed:
                drawn = edge_text(marks[j, i], marks[i, j])
                raise InvalidInputError(f"a {kind} has no edge like {nodes[i]} {drawn} {nodes[j]}")
    if kind is not GraphKind.PAG:
        cycle = directed_cycle(np.asarray((marks == Mark.ARROW) & (marks.T == Mark.TAIL)))
        if cycle:
            raise InvalidInputError(
                "the directed edges form a cycle among " + ", ".join(nodes[k] for k in cycle[:8])
            )
