"""Separating sets beyond the neighbours, which hidden common causes make necessary."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from causalimg.discovery.skeleton import Skeleton, conditional_tests
from causalimg.graph.core import Mark
from causalimg.stats.ci_test import CITest

Bool = NDArray[np.bool_]


def possible_dsep(marks: NDArray[np.int8], node: int) -> Bool:
    """Return the nodes that may be needed to separate ``node`` from another, shape (d,).

    Those on a path from ``node`` on which every inner node is a collider or the middle of a
    triangle.

    References
    ----------
    Spirtes P, Glymour C, Scheines R. Causation, Prediction, and Search. MIT Press 2000, 6.7.

    Examples
    --------
    >>> marks = np.zeros((3, 3), dtype=np.int8)
    >>> marks[0, 1] = marks[2, 1] = Mark.ARROW  # a o-> b <-o c
    >>> marks[1, 0] = marks[1, 2] = Mark.CIRCLE
    >>> possible_dsep(marks, 0).tolist()
    [False, True, True]
    """
    joined = marks != Mark.NONE
    into = marks == Mark.ARROW
    found = np.array(joined[node], dtype=bool)
    front = [(node, int(v)) for v in np.flatnonzero(joined[node])]
    seen = set(front)
    while front:
        before, at = front.pop()
        onward = joined[at] & (joined[before] | (into[:, at] & into[before, at]))
        onward[[before, node]] = False
        for v in np.flatnonzero(onward):
            step = (at, int(v))
            if step not in seen:
                seen.add(step)
                found[v] = True
                front.append(step)
    return found


def remove_by_possible_dsep(
    test: CITest,
    alpha: float,
    skeleton: Skeleton,
    marks: NDArray[np.int8],
    *,
    required: Bool,
    before: Bool,
    tried: Bool,
    limit: int | None,
) -> tuple[Skeleton, tuple[tuple[int, int], ...]]:
    """Test each edge of a skeleton given subsets of the possible d-separating nodes.

    The sets come from the marks that are given, not from what has been removed meanwhile, so
    that the order of edges does not matter. Only nodes on a path between the two are tried
    (their biconnected component), and none that comes after both.

    Parameters
    ----------
    test : CITest
    alpha : float
    skeleton : Skeleton
    marks : ndarray of int8, shape (d, d)
        The skeleton with its colliders.
    required : ndarray of bool, shape (d, d)
        Edges that are not tested.
    before : ndarray of bool, shape (d, d)
        ``[i, j]``: i is known to come before j.
    tried : ndarray of bool, shape (d, d)
        ``[i, j]``: j was among the nodes from which the skeleton search drew sets for i.
    limit : int or None
        Largest set.

    Returns
    -------
    skeleton : Skeleton
    removed : tuple of (i, j)
        The pairs that were parted here.

    References
    ----------
    Colombo D, Maathuis MH, Kalisch M, Richardson TS. Learning high-dimensional directed acyclic
    graphs with latent and selection variables. Ann Stat 2012;40:294-321. doi:10.1214/11-AOS940
    """
    together = _together(skeleton.adjacent)
    near = np.array([possible_dsep(marks, k) for k in range(len(marks))], dtype=bool)
    x, y = np.nonzero(skeleton.adjacent & ~(required | required.T))
    pool = near[x] & together[x, y] & ~(before[x] & before[y])
    pool[np.arange(len(x)), x] = pool[np.arange(len(x)), y] = False
    wider = (pool & ~tried[x]).any(axis=1)
    x, y, pool = x[wider], y[wider], pool[wider]
    room = test.largest_condition()
    limit = room if limit is None else min(room, limit)
    adjacent, p_max = skeleton.adjacent.copy(), skeleton.p_max.copy()
    separating, closest = dict(skeleton.separating), dict(skeleton.closest)
    n_tests, largest, removed = skeleton.n_tests, skeleton.largest, []
    size = 0
    while size < limit and len(x) and int(pool.sum(axis=1).max()) > size:
        size += 1
        found: dict[tuple[int, int], tuple[float, tuple[int, ...]]] = {}
        for rows, sets, p in conditional_tests(test, x, y, pool, size):
            n_tests += p.size
            top = p.argmax(axis=1)
            for row, given, value in zip(
                rows, sets[np.arange(len(rows)), top], p[np.arange(len(rows)), top], strict=True
            ):
                i, j = sorted((int(x[row]), int(y[row])))
                if np.isnan(p_max[i, j]) or value > p_max[i, j]:
                    p_max[i, j] = p_max[j, i] = value
                    closest[i, j] = tuple(int(v) for v in given)
                if value > alpha:
                    entry = (-float(value), tuple(int(v) for v in given))
                    found[(i, j)] = min(found.get((i, j), entry), entry)
        for (i, j), (_, given_set) in sorted(found.items()):
            separating[(i, j)] = given_set
            adjacent[i, j] = adjacent[j, i] = False
            removed.append((i, j))
            largest = max(largest, size)
        left = adjacent[x, y]
        x, y, pool = x[left], y[left], pool[left]
    new = replace(
        skeleton,
        adjacent=adjacent,
        p_max=p_max,
        separating=separating,
        closest=closest,
        largest=largest,
        n_tests=n_tests,
    )
    return new, tuple(removed)


def _together(adjacent: Bool) -> NDArray[np.bool_]:
    """Return ``[i, j, k]``: k lies on a path between the joined nodes i and j."""
    import networkx as nx

    d = len(adjacent)
    out = np.zeros((d, d, d), dtype=bool)
    for block in nx.biconnected_components(nx.from_numpy_array(adjacent)):
        at = np.array(sorted(block), dtype=np.intp)
        out[at[:, None, None], at[None, :, None], at[None, None, :]] = True
    return out
