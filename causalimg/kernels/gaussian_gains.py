"""What each node adds to the Gaussian likelihood of another, for all nodes in one pass.

Let ``B`` be the parents of ``y``. The log-likelihood gained by a further parent ``x`` is
``-n / 2 * log(1 - r**2)`` with ``r`` the partial correlation of ``x`` and ``y`` given ``B``, so
that one factorisation of the parents' correlation matrix serves every ``x``: its rows are reduced
like those of a Cholesky factor, each in one sweep over all nodes.
"""

from __future__ import annotations

import numpy as np
from numba import njit

FLAT = 1e-10  # a partial variance below this share of the variance is rounding


@njit(cache=True, nogil=True)
def _reduced(corr: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Return the rows of the Cholesky factor of ``base``, continued over all columns."""
    width = corr.shape[0]
    rows = np.zeros((len(base), width))
    for i in range(len(base)):
        c = base[i]
        row = rows[i]
        for x in range(width):
            row[x] = corr[c, x]
        for j in range(i):
            size = rows[j, c]
            for x in range(width):
                row[x] -= size * rows[j, x]
        pivot = row[c]
        scale = 1.0 / np.sqrt(pivot) if pivot > FLAT else 0.0
        for x in range(width):
            row[x] *= scale
    return rows


@njit(cache=True, nogil=True)
def _information(share: float) -> float:
    """Return ``-log(1 - share)``, by its series where that is exact: most shares are small."""
    if share > 0.02:
        return float(-np.log1p(-share))
    out = 1.0 / 9.0
    for k in range(8, 0, -1):
        out = out * share + 1.0 / k
    return out * share


@njit(cache=True, nogil=True)
def scalar_gains(
    corr: np.ndarray, y: int, base: np.ndarray, n: float, penalty: float
) -> np.ndarray:
    """Return what each node adds to ``y`` given ``base`` without that node, shape (d,).

    Parameters
    ----------
    corr : ndarray, shape (d, d)
    y : int
    base : ndarray of int, shape (b,)
        Parents of ``y``.
    n : float
        Rows.
    penalty : float
        Cost of one parent.
    """
    d = corr.shape[0]
    b = len(base)
    rows = _reduced(corr, base)
    left = np.ones(d)
    cross = corr[y].copy()
    for i in range(b):
        own = rows[i, y]
        for x in range(d):
            size = rows[i, x]
            left[x] -= size * size
            cross[x] -= own * size
    out = np.full(d, -penalty)
    if left[y] > FLAT:
        for x in range(d):
            if left[x] > FLAT and x != y:
                share = min(cross[x] * cross[x] / (left[x] * left[y]), 1.0 - 1e-15)
                out[x] += 0.5 * n * _information(share)
    out[y] = -np.inf
    for k in range(b):
        out[base[k]] = _inner_gain(corr, y, base, k, n) - penalty
    return out


@njit(cache=True, nogil=True)
def _inner_gain(corr: np.ndarray, y: int, base: np.ndarray, k: int, n: float) -> float:
    """Return the likelihood gained by ``base[k]`` over the rest of ``base``.

    The same operations in the same order as for a node outside, so that taking an edge out and
    putting it back add up to zero exactly.
    """
    b = len(base)
    columns = np.empty(b + 1, dtype=np.int64)
    size = 0
    for j in range(b):
        if j != k:
            columns[size] = base[j]
            size += 1
    columns[size], columns[size + 1] = base[k], y
    rows = np.zeros((size, size + 2))
    for i in range(size):
        for c in range(size + 2):
            rows[i, c] = corr[columns[i], columns[c]]
        for j in range(i):
            weight = rows[j, i]
            for c in range(size + 2):
                rows[i, c] -= weight * rows[j, c]
        pivot = rows[i, i]
        scale = 1.0 / np.sqrt(pivot) if pivot > FLAT else 0.0
        for c in range(size + 2):
            rows[i, c] *= scale
    left_x, left_y, cross = 1.0, 1.0, corr[y, base[k]]
    for i in range(size):
        left_x -= rows[i, size] * rows[i, size]
        left_y -= rows[i, size + 1] * rows[i, size + 1]
        cross -= rows[i, size + 1] * rows[i, size]
    if left_x <= FLAT or left_y <= FLAT:
        return 0.0
    return 0.5 * n * _information(min(cross * cross / (left_x * left_y), 1.0 - 1e-15))


@njit(cache=True, nogil=True)
def _log_determinant(matrix: np.ndarray) -> float:
    """Return the log determinant; a direction without variance counts as `FLAT`."""
    k = matrix.shape[0]
    work = matrix.copy()
    total = 0.0
    for i in range(k):
        pivot = max(work[i, i], FLAT)
        total += np.log(pivot)
        for a in range(i + 1, k):
            size = work[a, i] / pivot
            for c in range(i + 1, k):
                work[a, c] -= size * work[i, c]
    return total


@njit(cache=True, nogil=True)
def block_gains(
    corr: np.ndarray,
    starts: np.ndarray,
    y: int,
    base: np.ndarray,
    n: float,
    penalty: float,
) -> np.ndarray:
    """Return `scalar_gains` for nodes that are blocks of columns, for nodes outside ``base``.

    Node ``k`` has the columns ``starts[k]`` to ``starts[k + 1]``; a pair of blocks costs
    ``penalty`` times the product of their widths. Nodes in ``base`` get NaN.
    """
    d = len(starts) - 1
    count = 0
    for k in base:
        count += starts[k + 1] - starts[k]
    columns = np.empty(count, dtype=np.int64)
    at = 0
    for k in base:
        for c in range(starts[k], starts[k + 1]):
            columns[at] = c
            at += 1
    rows = _reduced(corr, columns)
    low, high = starts[y], starts[y + 1]
    own = high - low
    inner = _partial(corr, rows, low, high, low, high)
    alone = _log_determinant(inner)
    inside = np.zeros(d, dtype=np.bool_)
    for k in base:
        inside[k] = True
    out = np.empty(d)
    for x in range(d):
        if x == y or inside[x]:
            out[x] = -np.inf if x == y else np.nan
            continue
        first, last = starts[x], starts[x + 1]
        size = last - first
        joint = np.empty((own + size, own + size))
        cross = _partial(corr, rows, low, high, first, last)
        rest = _partial(corr, rows, first, last, first, last)
        for i in range(own + size):
            for j in range(own + size):
                if i < own:
                    joint[i, j] = inner[i, j] if j < own else cross[i, j - own]
                else:
                    joint[i, j] = cross[j, i - own] if j < own else rest[i - own, j - own]
        other = _log_determinant(rest)
        change = _log_determinant(joint) - alone - other
        out[x] = -0.5 * n * min(change, 0.0) - penalty * own * size
    return out


@njit(cache=True, nogil=True)
def _partial(corr: np.ndarray, rows: np.ndarray, a: int, b: int, c: int, e: int) -> np.ndarray:
    out = np.empty((b - a, e - c))
    for i in range(b - a):
        for j in range(e - c):
            out[i, j] = corr[a + i, c + j]
    for k in range(rows.shape[0]):
        for i in range(b - a):
            size = rows[k, a + i]
            for j in range(e - c):
                out[i, j] -= size * rows[k, c + j]
    return out


@njit(cache=True, nogil=True)
def residual_log_determinant(corr: np.ndarray, inside: np.ndarray, base: np.ndarray) -> float:
    """Return the log determinant of the partial correlation block of ``inside`` given ``base``."""
    rows = _reduced(corr, base)
    k = len(inside)
    block = np.empty((k, k))
    for i in range(k):
        for j in range(k):
            block[i, j] = corr[inside[i], inside[j]]
            for r in range(len(base)):
                block[i, j] -= rows[r, inside[i]] * rows[r, inside[j]]
    return _log_determinant(block)
