"""Between a graph and a list of its edges, as the file formats need it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError, UnknownNameError, nearest
from causalimg.graph.core import CausalGraph, GraphKind, Mark
from causalimg.graph.marks import drawn_ends

NamedEdge = tuple[str, str, Mark, Mark]


def drawn_edges(graph: CausalGraph) -> list[tuple[int, int, Mark, Mark]]:
    """Return (source, target, mark at source, mark at target), arrows pointing forward.

    Examples
    --------
    >>> drawn_edges(CausalGraph.from_directed(("b", "a"), [[0, 0], [1, 0]]))
    [(1, 0, <Mark.TAIL: 3>, <Mark.ARROW: 2>)]
    """
    return drawn_ends(graph.marks)


def implied_kind(edges: Sequence[NamedEdge]) -> GraphKind:
    """Return the narrowest kind of graph that has such edges, for formats that do not say.

    Circles make it a PAG, ``<->`` an ADMG, ``---`` a CPDAG; else it is a DAG.

    Examples
    --------
    >>> str(implied_kind([("a", "b", Mark.TAIL, Mark.TAIL)]))
    'cpdag'
    """
    ends = {frozenset((near, far)) for _, _, near, far in edges}
    if any(Mark.CIRCLE in pair for pair in ends):
        return GraphKind.PAG
    both, none = frozenset((Mark.ARROW,)) in ends, frozenset((Mark.TAIL,)) in ends
    if both:
        return GraphKind.PAG if none else GraphKind.ADMG
    return GraphKind.CPDAG if none else GraphKind.DAG


def graph_of_edges(
    nodes: Sequence[str],
    kind: str,
    edges: Sequence[NamedEdge],
    where: str,
    *,
    weights: NDArray[np.float64] | None = None,
) -> CausalGraph:
    """Make a graph of named edges.

    Raises
    ------
    InvalidInputError
        If the kind is unknown or two edges join one pair; ``where`` begins the message.
    UnknownNameError
        If an edge names a node that is not in ``nodes``.
    """
    if kind not in set(GraphKind):
        raise InvalidInputError(
            f"{where}: kind {kind!r} is not one of {[str(k) for k in GraphKind]}"
        )
    at = {name: k for k, name in enumerate(nodes)}
    marks = np.zeros((len(nodes), len(nodes)), dtype=np.int8)
    for a, b, near, far in edges:
        for name in (a, b):
            if name not in at:
                raise UnknownNameError(
                    f"{where}: an edge names {name!r}, which is not a node{nearest(name, nodes)}"
                )
        if marks[at[a], at[b]]:
            raise InvalidInputError(f"{where}: more than one edge between {a!r} and {b!r}")
        marks[at[a], at[b]], marks[at[b], at[a]] = far, near
    return CausalGraph(tuple(nodes), marks, GraphKind(kind), weights=weights)
