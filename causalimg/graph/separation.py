"""m-separation: independence in graphs with hidden common causes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from causalimg.errors import IdentificationError, InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind, Mark
from causalimg.graph.orientation import reachable

Names = str | Iterable[str]


def m_separated(graph: CausalGraph, x: Names, y: Names, given: Names = ()) -> bool:
    """Tell whether ``given`` blocks every path between ``x`` and ``y`` in an ADMG.

    A path is open if each of its colliders is in ``given`` or has a descendant there, and none
    of its other nodes is in ``given``; a node is a collider where both edges have an arrowhead,
    those of ``<->`` included. In a DAG this is d-separation.

    Parameters
    ----------
    graph : CausalGraph
        An ADMG or DAG.
    x, y, given : str or iterable of str
        Disjoint sets of nodes.

    Raises
    ------
    IdentificationError
        If the graph is a CPDAG with unoriented edges or a PAG.
    InvalidInputError
        If the sets overlap or ``x`` or ``y`` is empty.
    UnknownNameError
        If a node is not in the graph.

    References
    ----------
    Richardson T. Markov properties for acyclic directed mixed graphs. Scand J Stat
    2003;30:145-157. doi:10.1111/1467-9469.00323

    Examples
    --------
    >>> from causalimg.graph.io_dagitty import from_dagitty
    >>> graph = from_dagitty("dag { a -> b ; b <-> c ; d -> c }")
    >>> m_separated(graph, "a", "c"), m_separated(graph, "a", "c", given="b")
    (True, False)
    """
    if graph.kind is GraphKind.PAG or graph.undirected().any():
        raise IdentificationError(
            f"m_separated needs an ADMG or DAG, not a {graph.kind} with open ends: what is"
            " separated can differ among the graphs it stands for"
        )
    sets = [_indices(graph, names) for names in (x, y, given)]
    first, second, block = sets
    shared = (set(first) & set(second)) | ((set(first) | set(second)) & set(block))
    if shared or not first or not second:
        raise InvalidInputError(
            "m_separated needs x, y and given to be disjoint and x, y not empty; in two sets:"
            f" {[graph.nodes[k] for k in sorted(shared)]}"
        )
    joined = graph.marks != Mark.NONE
    head = graph.marks == Mark.ARROW  # [u, v]: an arrowhead at v
    blocked = np.zeros(len(joined), dtype=bool)
    blocked[block] = True
    opened = blocked | reachable(graph.directed())[:, block].any(axis=1)
    into, out = head[first].any(axis=0), (joined & ~head)[first].any(axis=0)
    while True:
        # on by a tail: no collider there; on by an arrowhead: one, if the last edge had one too
        by_tail = (into | out) & ~blocked
        by_head = (into & opened) | (out & ~blocked)
        step = (by_tail[:, None] & joined & ~head.T) | (by_head[:, None] & head.T)
        new_into, new_out = into | (step & head).any(axis=0), out | (step & ~head).any(axis=0)
        if (new_into | new_out)[second].any():
            return False
        if (new_into == into).all() and (new_out == out).all():
            return True
        into, out = new_into, new_out


def _indices(graph: CausalGraph, names: Names) -> list[int]:
    chosen = (names,) if isinstance(names, str) else tuple(names)
    return sorted({graph.index(name) for name in chosen})
