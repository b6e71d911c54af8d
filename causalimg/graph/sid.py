"""Structural intervention distance: how many effects a graph would get wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from causalimg.errors import IdentificationError, InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind
from causalimg.graph.equivalence import all_dags
from causalimg.graph.orientation import reachable

Bool = NDArray[np.bool_]


def sid(graph: CausalGraph, truth: CausalGraph) -> int:
    """Return the structural intervention distance of a DAG from the true DAG.

    The number of ordered pairs (i, j) for which adjusting for the parents that i has in
    ``graph`` does not give the effect of i on j that is true in ``truth``. Not symmetric.

    Parameters
    ----------
    graph, truth : CausalGraph
        DAGs over the same nodes, in any order.

    Raises
    ------
    IdentificationError
        If one of them is not a DAG; for a CPDAG see `sid_bounds`.
    InvalidInputError
        If the graphs do not have the same nodes.

    Notes
    -----
    Assumptions: the effects are read from ``graph`` by adjustment for parents, on data that
    ``truth`` generates.

    References
    ----------
    Peters J, Buhlmann P. Structural intervention distance for evaluating causal graphs. Neural
    Comput 2015;27:771-799. doi:10.1162/NECO_a_00708
    Shpitser I, VanderWeele T, Robins JM. On the validity of covariate adjustment for estimating
    causal effects. UAI 2010. doi:10.48550/arXiv.1203.3515

    Examples
    --------
    >>> truth = CausalGraph.from_directed(("a", "b"), [[0, 1], [0, 0]])
    >>> empty = CausalGraph.from_directed(("a", "b"), [[0, 0], [0, 0]])
    >>> reverse = CausalGraph.from_directed(("a", "b"), [[0, 0], [1, 0]])
    >>> sid(truth, truth), sid(empty, truth), sid(reverse, truth)
    (0, 1, 2)
    """
    graph.require_dag("sid")
    guess, true, paths = _aligned(graph, truth)
    return int(sum(_wrong(true, paths, i, guess[:, i]).sum() for i in range(len(true))))


def sid_bounds(graph: CausalGraph, truth: CausalGraph, *, limit: int = 10_000) -> tuple[int, int]:
    """Return the least and the largest distance among the DAGs that a CPDAG stands for.

    Parameters
    ----------
    graph : CausalGraph
        A CPDAG or DAG.
    truth : CausalGraph
        A DAG over the same nodes.
    limit : int
        Largest number of DAGs to go through for one connected part of unoriented edges.

    Raises
    ------
    IdentificationError
        If the graph is a PAG or ADMG, the truth is not a DAG, or there are too many DAGs.
    InvalidInputError
        If the graphs do not have the same nodes.

    Notes
    -----
    Parts joined by unoriented edges are directed independently of each other, which is exact for
    CPDAGs; with background knowledge the bounds can be wider than necessary.

    References
    ----------
    Peters J, Buhlmann P. Structural intervention distance for evaluating causal graphs. Neural
    Comput 2015;27:771-799. doi:10.1162/NECO_a_00708

    Examples
    --------
    >>> truth = CausalGraph.from_directed(("a", "b"), [[0, 1], [0, 0]])
    >>> sid_bounds(CausalGraph.from_directed("ab", [[0, 1], [1, 0]], kind="cpdag"), truth)
    (0, 2)
    """
    if graph.kind not in (GraphKind.DAG, GraphKind.CPDAG):
        raise IdentificationError(f"sid_bounds needs a DAG or CPDAG, not a {graph.kind}")
    guess, true, paths = _aligned(graph, truth)
    loose = graph.undirected()
    least = largest = 0
    seen: set[int] = set()
    for start in range(len(true)):
        if start in seen:
            continue
        part = _part(loose, start)
        seen |= set(part)
        inside = np.ix_(part, part)
        names = tuple(graph.nodes[k] for k in part)
        open_part = CausalGraph.from_directed(names, guess[inside], kind=GraphKind.CPDAG)
        found = []
        for dag in all_dags(open_part, limit=limit) if len(part) > 1 else [open_part]:
            arrows = guess & ~loose
            arrows[inside] = dag.directed()
            found.append(int(sum(_wrong(true, paths, i, arrows[:, i]).sum() for i in part)))
        least += min(found)
        largest += max(found)
    return least, largest


def _aligned(graph: CausalGraph, truth: CausalGraph) -> tuple[Bool, Bool, Bool]:
    """Return the edges of the graph and, in its node order, the true edges and paths."""
    truth.require_dag("the truth of sid")
    if set(graph.nodes) != set(truth.nodes):
        odd = sorted(set(graph.nodes) ^ set(truth.nodes))
        raise InvalidInputError(f"the two graphs have different nodes; in one only: {odd[:10]}")
    order = [truth.nodes.index(node) for node in graph.nodes]
    true = truth.directed()[np.ix_(order, order)]
    return graph.directed() | graph.undirected(), true, reachable(true)


def _part(loose: Bool, start: int) -> list[int]:
    found = np.zeros(len(loose), dtype=bool)
    found[start] = True
    while True:
        wider = found | loose[found].any(axis=0)
        if (wider == found).all():
            return [int(k) for k in np.flatnonzero(found)]
        found = wider


def _wrong(true: Bool, paths: Bool, i: int, parents: Bool) -> Bool:
    """Return for which j adjusting for ``parents`` gives the wrong effect of i, shape (d,)."""
    d = len(true)
    after = paths[i]
    reach = paths | np.eye(d, dtype=bool)
    # adjusting for a descendant of a node on a causal path from i to j
    harmful = after & reach[:, parents].any(axis=1)
    wrong = reach[harmful].any(axis=0) | _open_noncausal(true, reach, i, parents)
    # a parent in the graph is taken to be no effect
    wrong[parents] = after[parents]
    wrong[i] = False
    return np.asarray(wrong)


def _open_noncausal(true: Bool, reach: Bool, i: int, given: Bool) -> Bool:
    """Return the nodes that an open walk from i reaches which is not a causal path.

    Three sets grow together: nodes reached by arrows forward only, by any other walk whose last
    edge points into the node, and by one whose last edge points out of it.
    """
    collider = reach[:, given].any(axis=1)
    forward = true[i].copy()
    into = np.zeros(len(true), dtype=bool)
    out = true[:, i].copy()
    while True:
        headed = (forward | into) & collider  # a collider there is open
        passes = (into | out) & ~given
        new_forward = forward | true[forward & ~given].any(axis=0)
        new_into = into | true[passes].any(axis=0)
        new_out = out | true[:, headed | (out & ~given)].any(axis=1)
        for grown in (new_forward, new_into, new_out):
            grown[i] = False
        if (new_forward == forward).all() and (new_into == into).all() and (new_out == out).all():
            return np.asarray(into | out)
        forward, into, out = new_forward, new_into, new_out
