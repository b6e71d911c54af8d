"""Constraint-based search for the skeleton: level by level, all tests of a level at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from causalimg.stats.ci_test import CITest

Bool = NDArray[np.bool_]
Int = NDArray[np.intp]
Float = NDArray[np.float64]
_CHUNK = 1 << 17  # tests per batch


@dataclass(frozen=True)
class Skeleton:
    """Result of the search.

    Parameters
    ----------
    adjacent : ndarray of bool, shape (d, d)
    p_max : ndarray, shape (d, d)
        Largest p-value over the tests of a pair; NaN where none was made.
    separating : dict of (i, j) with i < j to tuple of int
        Of the pairs that a test removed; the set with the largest p-value of its level.
    largest : int
        Size of the largest conditioning set used.
    n_tests : int
    stopped : str
        ``"done"``, ``"max_condition"`` or ``"rows"``: what ended the search.
    closest : dict of (i, j) with i < j to tuple of int
        The set that ``p_max`` belongs to, where it is not the empty set.
    """

    adjacent: Bool
    p_max: Float
    separating: dict[tuple[int, int], tuple[int, ...]]
    largest: int
    n_tests: int
    stopped: str
    closest: dict[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)


def conditional_tests(
    test: CITest, x: Int, y: Int, pool: Bool, size: int
) -> Iterator[tuple[Int, Int, Float]]:
    """Test each pair given every subset of one size of its pool.

    Parameters
    ----------
    test : CITest
    x, y : ndarray of int, shape (m,)
    pool : ndarray of bool, shape (m, d)
        Nodes that each pair may be conditioned on.
    size : int

    Yields
    ------
    rows : ndarray of int, shape (k,)
        Positions in ``x``.
    sets : ndarray of int, shape (k, c, size)
    p_values : ndarray, shape (k, c)
    """
    counts = pool.sum(axis=1)
    for count in np.unique(counts[counts >= size]):
        rows = np.flatnonzero(counts == count)
        members = np.nonzero(pool[rows])[1].reshape(len(rows), int(count))
        subsets = itertools.combinations(range(int(count)), size)
        while block := list(itertools.islice(subsets, _CHUNK)):
            chosen = np.array(block, dtype=np.intp).reshape(len(block), size)
            step = max(_CHUNK // len(block), 1)
            for low in range(0, len(rows), step):
                part = rows[low : low + step]
                sets = members[low : low + step][:, chosen]
                k, c = sets.shape[:2]
                p_values = test.batch(
                    np.repeat(x[part], c), np.repeat(y[part], c), sets.reshape(k * c, size)
                )[1]
                yield part, sets, p_values.reshape(k, c)


def stable_skeleton(
    test: CITest,
    alpha: float,
    *,
    forbidden: Bool,
    required: Bool,
    max_condition: int | None = None,
) -> Skeleton:
    """Return the order-independent skeleton (PC-stable).

    A pair that is forbidden in both directions is never joined and never tested; a required
    edge is never tested. From the side of x, sets are drawn from the neighbours of x that may
    be parents of x: if x and y are not joined, the parents of one of them separate them, so
    that a node in a later tier than both is never needed.

    References
    ----------
    Colombo D, Maathuis MH. Order-independent constraint-based causal structure learning.
    J Mach Learn Res 2014;15:3741-3782.
    """
    d = len(test.nodes)
    fixed = required | required.T
    adjacent = ~(forbidden & forbidden.T)
    np.fill_diagonal(adjacent, False)
    p_max = np.full((d, d), np.nan)
    separating: dict[tuple[int, int], tuple[int, ...]] = {}
    closest: dict[tuple[int, int], tuple[int, ...]] = {}
    x, y = np.nonzero(np.triu(adjacent & ~fixed))
    p_values = test.batch(x, y, np.empty((len(x), 0), dtype=np.intp))[1]
    p_max[x, y] = p_max[y, x] = p_values
    gone = p_values > alpha
    separating.update({(int(i), int(j)): () for i, j in zip(x[gone], y[gone], strict=True)})
    adjacent[x[gone], y[gone]] = adjacent[y[gone], x[gone]] = False
    n_tests, size = len(x), 0
    room = test.largest_condition()
    limit = room if max_condition is None else min(room, max_condition)
    while True:
        size += 1
        x, y = np.nonzero(adjacent & ~fixed)
        pool = (adjacent & ~forbidden).T[x]
        pool[np.arange(len(x)), y] = False
        if not len(x) or int(pool.sum(axis=1).max()) < size:
            return Skeleton(adjacent, p_max, separating, size - 1, n_tests, "done", closest)
        if size > limit:
            stopped = "rows" if limit == room else "max_condition"
            return Skeleton(adjacent, p_max, separating, size - 1, n_tests, stopped, closest)
        best = np.full(len(x), -1.0)
        sets = np.zeros((len(x), size), dtype=np.intp)
        for rows, given, p in conditional_tests(test, x, y, pool, size):
            n_tests += p.size
            top = p.argmax(axis=1)
            value = p[np.arange(len(rows)), top]
            better = value > best[rows]
            best[rows[better]] = value[better]
            sets[rows[better]] = given[better, top[better]]
        before = p_max[x, y]
        np.maximum.at(p_max, (x, y), best)
        np.maximum.at(p_max, (y, x), best)
        for k in np.flatnonzero((best > before) & (best == p_max[x, y])):
            i, j = sorted((int(x[k]), int(y[k])))
            closest[i, j] = tuple(int(v) for v in sets[k])
        found: dict[tuple[int, int], tuple[float, tuple[int, ...]]] = {}
        for k in np.flatnonzero(best > alpha):
            pair = (min(int(x[k]), int(y[k])), max(int(x[k]), int(y[k])))
            entry = (-float(best[k]), tuple(int(v) for v in sets[k]))
            found[pair] = min(found.get(pair, entry), entry)
        for (i, j), (_, given_set) in found.items():
            separating[(i, j)] = given_set
            adjacent[i, j] = adjacent[j, i] = False
