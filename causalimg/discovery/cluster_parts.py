"""Whether a cluster of columns holds one thing or two: its parts, with their noise set aside."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
_SMALLEST = 2  # members of a part: of one alone, the noise cannot be told from the thing
_TINY = 1e-6


def two_parts(corr: Float) -> Bool | None:
    """Return which members make up one of the two most different parts, or None.

    The signs of the second eigenvector; then members that are on average nearer to the other part
    change sides, one at a time, since the eigenvector cuts through the middle one of three things.
    None if a part has fewer than two members.

    Examples
    --------
    >>> block = np.full((4, 4), 0.8)
    >>> block[:2, :2] = block[2:, 2:] = 0.9
    >>> np.fill_diagonal(block, 1.0)
    >>> sorted(np.flatnonzero(two_parts(block)).tolist()) in ([0, 1], [2, 3])
    True
    """
    size = len(corr)
    if size < 2 * _SMALLEST:
        return None
    side: Bool = np.linalg.eigh(corr)[1][:, -2] > 0
    log = np.log(np.maximum(corr, _TINY))
    np.fill_diagonal(log, 0.0)
    for _ in range(size):
        counts = side.sum(), size - side.sum()
        if min(counts) < _SMALLEST:
            return None
        first, second = log[:, side].sum(axis=1), log[:, ~side].sum(axis=1)
        own = np.where(side, first, second) / np.where(side, counts[0] - 1, counts[1] - 1)
        other = np.where(side, second / counts[1], first / counts[0])
        gain = np.where(np.where(side, *counts) > _SMALLEST, other - own, -np.inf)
        if gain.max() <= 0:
            break
        side[gain.argmax()] ^= True
    return side


def noiseless_correlation(corr: Float, side: Bool) -> float:
    """Return the correlation of two parts corrected for the noise within them.

    The mean correlation between the parts over the geometric mean of those within, in logarithms:
    1 for copies of one thing, however unequal their noise.

    Examples
    --------
    >>> block = np.full((4, 4), 0.8)
    >>> block[:2, :2] = block[2:, 2:] = 0.9
    >>> round(noiseless_correlation(block, np.array([True, True, False, False])), 3)
    0.889
    """
    return float(np.exp((_weights(side) * np.log(np.maximum(corr, _TINY))).sum() / 2))


def difference(rows: Float, side: Bool) -> tuple[float, float]:
    """Return the corrected correlation of two parts, and how sure it is below 1, as a z value.

    The standard error is that of the influence function of the logarithm, which holds for any
    distribution with fourth moments.

    Parameters
    ----------
    rows : ndarray, shape (n, m)
        The members; ranks for a rank correlation.
    side : ndarray of bool, shape (m,)

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.normal(size=(2, 500))
    >>> things = np.column_stack([a, a, 0.9 * a + 0.4 * b, 0.9 * a + 0.4 * b])
    >>> r, z = difference(things + 0.2 * rng.normal(size=(500, 4)), np.array([1, 1, 0, 0], bool))
    >>> round(r, 2), z > 5
    (0.93, True)
    """
    z = rows - rows.mean(axis=0)
    spread = z.std(axis=0)
    z /= np.where(spread > 0, spread, 1.0)
    corr = z.T @ z / len(z)
    z *= np.where(corr[0] < 0, -1.0, 1.0)
    corr = np.maximum(np.abs(corr), _TINY)
    r, weights = noiseless_correlation(corr, side), _weights(side)
    influence = ((z @ (weights / corr)) * z).sum(axis=1) - (z * z) @ weights.sum(axis=1)
    error = float((influence / 2).std() / np.sqrt(len(z)))
    return r, -float(np.log(r)) / max(error, np.finfo(float).tiny)


def _weights(side: Bool) -> Float:
    """Return the weight of each pair in the logarithm; each pair stands twice, shape (m, m)."""
    weights = np.zeros((len(side), len(side)))
    parts = [np.flatnonzero(side), np.flatnonzero(~side)]
    for part in parts:
        weights[np.ix_(part, part)] = -0.5 / (len(part) * (len(part) - 1) / 2)
    for one, other in (parts, parts[::-1]):
        weights[np.ix_(one, other)] = 1 / (len(parts[0]) * len(parts[1]))
    np.fill_diagonal(weights, 0.0)
    return weights
