"""Whether a cluster of columns holds one thing or two: its parts, with their noise set aside."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


def two_parts(corr: Float) -> NDArray[np.bool_] | None:
    """Return which members make up one of the two most different parts, or None.

    The signs of the second eigenvector; None if a part has fewer than two members, of which the
    noise cannot be told from the thing.

    Examples
    --------
    >>> block = np.full((4, 4), 0.8)
    >>> block[:2, :2] = block[2:, 2:] = 0.9
    >>> np.fill_diagonal(block, 1.0)
    >>> sorted(np.flatnonzero(two_parts(block)).tolist()) in ([0, 1], [2, 3])
    True
    """
    if len(corr) < 4:
        return None
    side = np.linalg.eigh(corr)[1][:, -2] > 0
    return side if 2 <= side.sum() <= len(corr) - 2 else None


def noiseless_correlation(corr: Float, side: NDArray[np.bool_]) -> float:
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
    log = np.log(np.maximum(corr, 1e-6))
    inner = [
        log[np.ix_(part, part)][np.triu_indices(int(part.sum()), 1)].mean()
        for part in (side, ~side)
    ]
    return float(np.exp(log[np.ix_(side, ~side)].mean() - sum(inner) / 2))
