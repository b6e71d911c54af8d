"""Search over causal orders by least squares: every position of a node scored in O(d).

Let ``L`` be the Cholesky factor of the covariance with its columns in a given order. The residual
variance of the node at position ``k`` given all before it is ``L[k, k]**2``, and the score of an
order is their sum. Write ``v`` for a node at position ``p``, and ``M`` for the inverse of ``L``.

- The residual variance of ``v`` given the first ``k <= p`` nodes is
  ``L[p, p]**2 + sum(L[p, k:p]**2)``.
- Given the first ``k`` of the *other* nodes, ``k >= p``, it is ``1 / sum(M[p:k+1, p]**2)``,
  since ``M[:k+1].T @ M[:k+1]`` is the inverse of the leading block.
- Let node ``t`` get ``v`` as a further predecessor, and let ``before`` and ``after`` be the
  residual variance of ``v`` without and with ``t`` among its predecessors. By the determinant of
  the joint block, the residual variance of ``t`` is multiplied by ``after / before``.

So the change of the score for all positions of ``v`` needs one column of ``L`` and one of ``M``,
and nothing cancels. Row ``j`` of the array ``factor`` holds column ``j`` of ``L`` for the nodes
at positions ``>= j`` and row ``j`` of ``M`` for the others, with its columns indexed by node, not
by position: exchanging two neighbours in the order is then one plane rotation of two rows, which
is the same for both parts, and four entries set by hand.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def combined_factor(cov: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return ``L`` and its inverse in one array, shape (d, d); see the module."""
    d = len(order)
    square = np.empty((d, d))
    for i in range(d):
        for j in range(d):
            square[i, j] = cov[order[i], order[j]]
    lower = np.linalg.cholesky(square)
    inverse = np.zeros((d, d))
    for i in range(d):
        for k in range(i):
            size = lower[i, k]
            for j in range(k + 1):
                inverse[i, j] -= size * inverse[k, j]
        scale = 1.0 / lower[i, i]
        for j in range(i):
            inverse[i, j] *= scale
        inverse[i, i] = scale
    factor = np.empty((d, d))
    for i in range(d):
        for j in range(i):
            factor[i, order[j]] = inverse[i, j]
        for j in range(i, d):
            factor[i, order[j]] = lower[j, i]
    return factor


@njit(cache=True, nogil=True)
def _exchange(factor: np.ndarray, order: np.ndarray, place: np.ndarray, j: int) -> None:
    """Exchange the nodes at positions ``j`` and ``j + 1``."""
    first, second = order[j], order[j + 1]
    upper, lower = factor[j], factor[j + 1]
    diagonal, below, last = upper[first], upper[second], lower[second]
    root = np.sqrt(below * below + last * last)
    cosine, sine = below / root, last / root
    for x in range(len(order)):
        a, b = upper[x], lower[x]
        upper[x] = cosine * a + sine * b
        lower[x] = sine * a - cosine * b
    upper[second] = root
    upper[first] = cosine * diagonal
    lower[first] = sine * diagonal
    lower[second] = -cosine / (root * sine)
    order[j], order[j + 1] = second, first
    place[second], place[first] = j, j + 1


@njit(cache=True, nogil=True)
def _best_position(
    factor: np.ndarray, order: np.ndarray, p: int, low: int, high: int
) -> tuple[float, int]:
    """Return the largest fall of the score over positions low..high, and the position."""
    node = order[p]
    best, where = 0.0, p
    own = factor[p, node] ** 2
    change = 0.0
    spread = own
    for k in range(p - 1, low - 1, -1):
        part = factor[k, node] ** 2
        spread += part
        change += part * (1.0 - factor[k, order[k]] ** 2 / spread)
        if change < best:
            best, where = change, k
    change = 0.0
    precision = 1.0 / own
    for k in range(p + 1, high + 1):
        part = factor[k, node] ** 2
        wider = precision + part
        change += part / precision * (factor[k, order[k]] ** 2 - 1.0 / wider)
        precision = wider
        if change < best:
            best, where = change, k
    return best, where


@njit(cache=True, nogil=True)
def search_order(
    cov: np.ndarray, start: np.ndarray, before: np.ndarray, visits: np.ndarray, tolerance: float
) -> tuple[np.ndarray, float, int, int]:
    """Move single nodes to their best position until no move lowers the score.

    Parameters
    ----------
    cov : ndarray, shape (d, d)
        Positive definite.
    start : ndarray of int, shape (d,)
        An order that respects ``before``.
    before : ndarray of bool, shape (d, d)
        ``[i, j]``: i must come before j; transitively closed. Shape (0, 0) for no constraint.
    visits : ndarray of int, shape (n_sweeps, d)
        The order in which each sweep visits the nodes; the number of rows bounds the sweeps.
    tolerance : float
        Smallest fall of the score that counts, relative to the score.

    Returns
    -------
    order : ndarray of int, shape (d,)
    score : float
        Sum of the residual variances.
    sweeps : int
    moves : int
    """
    d = len(start)
    order = start.copy()
    place = np.empty(d, dtype=np.int64)
    for k in range(d):
        place[order[k]] = k
    factor = combined_factor(cov, order)
    moves = 0
    sweeps = 0
    for sweep in range(len(visits)):
        if sweep > 0 and sweep % 8 == 0:
            factor = combined_factor(cov, order)
        score = 0.0
        for k in range(d):
            score += factor[k, order[k]] ** 2
        moved = False
        sweeps += 1
        for node in visits[sweep]:
            p = place[node]
            low, high = 0, d - 1
            if len(before):
                for x in range(d):
                    if before[x, node] and place[x] >= low:
                        low = place[x] + 1
                    if before[node, x] and place[x] <= high:
                        high = place[x] - 1
            best, where = _best_position(factor, order, p, low, high)
            if best < -tolerance * score:
                moved = True
                moves += 1
                for j in range(p, where):
                    _exchange(factor, order, place, j)
                for j in range(p - 1, where - 1, -1):
                    _exchange(factor, order, place, j)
        if not moved:
            break
    score = 0.0
    for k in range(d):
        score += factor[k, order[k]] ** 2
    return order, score, sweeps, moves


@njit(cache=True, nogil=True)
def min_pivot_order(cov: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Take again and again the node with the smallest variance given those taken.

    ``before`` as in `search_order`.
    """
    d = len(cov)
    rest = cov.copy()
    order = np.empty(d, dtype=np.int64)
    taken = np.zeros(d, dtype=np.bool_)
    waits = np.zeros(d, dtype=np.int64)
    for i in range(len(before)):
        for j in range(d):
            waits[j] += before[i, j]
    for k in range(d):
        best = -1
        for x in range(d):
            if not taken[x] and waits[x] == 0 and (best < 0 or rest[x, x] < rest[best, best]):
                best = x
        order[k] = best
        taken[best] = True
        if len(before):
            for x in range(d):
                waits[x] -= before[best, x]
        pivot = rest[best, best]
        row = rest[best].copy()
        for i in range(d):
            if not taken[i]:
                size = row[i] / pivot
                for j in range(d):
                    rest[i, j] -= size * row[j]
    return order
