"""Questions to a DAG: d-separation, ancestors, descendants, Markov blanket."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind
from causalimg.graph.orientation import reachable

Names = str | Iterable[str]


def _indices(graph: CausalGraph, names: Names) -> list[int]:
    chosen = (names,) if isinstance(names, str) else tuple(names)
    return sorted({graph.index(name) for name in chosen})


def _require_paths(graph: CausalGraph, what_for: str) -> None:
    """Refuse a graph in which directed paths are not all there is to know of ancestry."""
    if graph.kind is not GraphKind.ADMG:
        graph.require_dag(what_for)


def ancestors(graph: CausalGraph, nodes: Names) -> tuple[str, ...]:
    """Return the nodes with a directed path into ``nodes``, without ``nodes`` themselves.

    Parameters
    ----------
    graph : CausalGraph
        A DAG or ADMG.
    nodes : str or iterable of str

    Raises
    ------
    IdentificationError
        If the graph is neither.

    Examples
    --------
    >>> dag = CausalGraph.from_directed(("a", "b", "c"), [[0, 1, 0], [0, 0, 1], [0, 0, 0]])
    >>> ancestors(dag, "c"), descendants(dag, "a")
    (('a', 'b'), ('b', 'c'))
    """
    _require_paths(graph, "ancestors")
    chosen = _indices(graph, nodes)
    found = reachable(graph.directed())[:, chosen].any(axis=1)
    return tuple(graph.nodes[k] for k in np.flatnonzero(found) if k not in chosen)


def descendants(graph: CausalGraph, nodes: Names) -> tuple[str, ...]:
    """Return the nodes that a directed path from ``nodes`` reaches, without ``nodes``."""
    _require_paths(graph, "descendants")
    chosen = _indices(graph, nodes)
    found = reachable(graph.directed())[chosen].any(axis=0)
    return tuple(graph.nodes[k] for k in np.flatnonzero(found) if k not in chosen)


def markov_blanket(graph: CausalGraph, node: str) -> tuple[str, ...]:
    """Return the parents, children and other parents of the children of ``node``.

    Given its blanket, a node is independent of everything else.

    Examples
    --------
    >>> dag = CausalGraph.from_directed(("a", "b", "c"), [[0, 0, 1], [0, 0, 1], [0, 0, 0]])
    >>> markov_blanket(dag, "a")
    ('b', 'c')
    """
    graph.require_dag("markov_blanket")
    directed = graph.directed()
    at = graph.index(node)
    children = directed[at]
    found = directed[:, at] | children | directed[:, children].any(axis=1)
    found[at] = False
    return tuple(graph.nodes[k] for k in np.flatnonzero(found))


def _moral(directed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return who is joined once parents of a common child are joined and arrows dropped."""
    number = directed.astype(np.float32)
    return np.asarray(directed | directed.T | (number @ number.T > 0))


def d_separated(graph: CausalGraph, x: Names, y: Names, given: Names = ()) -> bool:
    """Tell whether ``given`` blocks every path between ``x`` and ``y`` in a DAG.

    Decided in the moral graph of the ancestors of all nodes named.

    Parameters
    ----------
    graph : CausalGraph
        A DAG.
    x, y, given : str or iterable of str
        Disjoint sets of nodes.

    Raises
    ------
    IdentificationError
        If the graph is not a DAG.
    InvalidInputError
        If the sets overlap or ``x`` or ``y`` is empty.
    UnknownNameError
        If a node is not in the graph.

    References
    ----------
    Lauritzen SL, Dawid AP, Larsen BN, Leimer HG. Independence properties of directed Markov
    fields. Networks 1990;20:491-505. doi:10.1002/net.3230200503

    Examples
    --------
    >>> collider = CausalGraph.from_directed(("a", "b", "c"), [[0, 0, 1], [0, 0, 1], [0, 0, 0]])
    >>> d_separated(collider, "a", "b"), d_separated(collider, "a", "b", given="c")
    (True, False)
    """
    graph.require_dag("d_separated")
    first, second, block = (_indices(graph, names) for names in (x, y, given))
    shared = (set(first) & set(second)) | ((set(first) | set(second)) & set(block))
    if shared or not first or not second:
        raise InvalidInputError(
            "d_separated needs x, y and given to be disjoint and x, y not empty; in two sets: "
            f"{[graph.nodes[k] for k in sorted(shared)]}"
        )
    directed = graph.directed()
    named = [*first, *second, *block]
    inside = np.asarray(reachable(directed)[:, named].any(axis=1))
    inside[named] = True
    moral = _moral(np.asarray(directed & inside[:, None] & inside[None, :]))
    moral[block] = False
    moral[:, block] = False
    seen = np.zeros(len(directed), dtype=bool)
    seen[first] = True
    while True:
        wider = seen | moral[seen].any(axis=0)
        if wider[second].any():
            return False
        if (wider == seen).all():
            return True
        seen = wider
