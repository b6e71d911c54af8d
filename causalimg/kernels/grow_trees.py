"""Positions of a node in a causal order, scored through trees of grown parent sets.

The parents of a node given those before it are grown greedily, which depends only on what is
before it. A tree keeps the growths that were met: at a vertex, ``branches`` are the candidates
that would improve the score, the best first; the first one that is before the node is taken.
"""

from __future__ import annotations

import numpy as np
from numba import njit

TIED = 1e-6  # scores that differ by less are the same


@njit(cache=True, nogil=True)
def _follow(
    vertex: int,
    before: np.ndarray,
    first: np.ndarray,
    count: np.ndarray,
    variable: np.ndarray,
    child: np.ndarray,
) -> tuple[int, int]:
    """Return the vertex where growth ends, and the branch that has no vertex yet, or -1."""
    while True:
        start = first[vertex]
        following = -1
        for b in range(start, start + count[vertex]):
            if before[variable[b]]:
                following = b
                break
        if following < 0 or child[following] < 0:
            return vertex, following
        vertex = child[following]


@njit(cache=True, nogil=True)
def trace_positions(
    node: int,
    others: np.ndarray,
    root: np.ndarray,
    first: np.ndarray,
    count: np.ndarray,
    variable: np.ndarray,
    child: np.ndarray,
    value: np.ndarray,
    scores: np.ndarray,
    missing: np.ndarray,
) -> int:
    """Score a node at every position of an order, as far as the trees reach.

    Parameters
    ----------
    node : int
    others : ndarray of int, shape (d - 1,)
        The order without the node.
    root, first, count, variable, child, value : ndarray
        The trees.
    scores : ndarray, shape (3, d)
        Filled where NaN: the score of the node at position k; of ``others[k]`` without the node
        before it; and with it.
    missing : ndarray of int, shape (3 * d, 2)
        Filled with ``(vertex, branch)`` of the vertices to be made.

    Returns
    -------
    int
        Rows of ``missing`` that were filled.
    """
    d = len(others) + 1
    before = np.zeros(d, dtype=np.bool_)
    lacking = 0
    for k in range(d):
        for which in range(3):
            if not np.isnan(scores[which, k]) or (which and k == d - 1):
                continue
            target = others[k] if which else node
            if which == 2:
                before[node] = True
            vertex, branch = _follow(root[target], before, first, count, variable, child)
            if which == 2:
                before[node] = False
            if branch < 0:
                scores[which, k] = value[vertex]
            else:
                missing[lacking, 0] = vertex
                missing[lacking, 1] = branch
                lacking += 1
        if k < d - 1:
            before[others[k]] = True
    return lacking


@njit(cache=True, nogil=True)
def best_position(scores: np.ndarray, low: int, high: int, now: int) -> tuple[int, float]:
    """Return the best position from ``low`` to ``high``, and what it gains over ``now``.

    Of positions that differ by rounding only (the order of two nodes that do not depend on each
    other), the first counts as the best, so that the scale of the columns cannot decide.
    """
    d = scores.shape[1]
    after = 0.0
    for k in range(d - 1):
        after += scores[2, k]
    total = np.empty(d)
    ahead = 0.0
    for k in range(d):
        total[k] = ahead + scores[0, k] + after
        if k < d - 1:
            ahead += scores[1, k]
            after -= scores[2, k]
    most = total[now]
    for k in range(low, high + 1):
        most = max(most, total[k])
    best = now
    for k in range(low, high + 1):
        if total[k] > most - TIED:
            best = k
            break
    return best, total[best] - total[now]
