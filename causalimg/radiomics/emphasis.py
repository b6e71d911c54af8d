"""What the run length, size zone, distance zone and dependence matrices have in common.

Each is a count P(i, j) of things (runs, zones, voxels) of grey level i and of some size j, with
N = sum P and p = P / N. The statistics below are the same for all of them; the modules of the
matrices give them their names.
"""

from __future__ import annotations

import numpy as np

EPSILON = float(np.spacing(1.0))


def entropy(p: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """Return -sum p log2(p + e), with e the spacing of floating point numbers at 1 [bit]."""
    return np.asarray(-(p * np.log2(p + EPSILON)).sum(axis=axis))


def emphases(
    counts: np.ndarray, sizes: np.ndarray, levels: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return the statistics of matrices of counts by grey level and size.

    Parameters
    ----------
    counts : ndarray, shape (..., n_levels, n_sizes)
        P(i, j). The leading axes are kept: one value for each matrix.
    sizes : ndarray, shape (n_sizes,)
        The sizes j of the columns.
    levels : ndarray, shape (n_levels,), optional
        The levels i of the rows, where some are left out. None: 1, 2, 3 ...

    Returns
    -------
    dict of str to ndarray, shape (...)
        ``short``: sum p / j^2. ``long``: sum p j^2. ``low``: sum p / i^2. ``high``: sum p i^2.
        ``short_low`` ... ``long_high``: their products. ``level_non_uniformity``:
        sum_i (sum_j P)^2 / N, ``size_non_uniformity``: sum_j (sum_i P)^2 / N, and
        ``..._normalized`` the same over N^2. ``level_variance`` and ``size_variance``: of i and j
        under p. ``entropy``: -sum p log2 p. ``energy``: sum p^2. ``total``: N. ``covered``:
        sum P j.
        NaN for a matrix without counts.

    Examples
    --------
    >>> found = emphases(np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([1, 2]))
    >>> float(found["long"]), float(found["covered"])
    (2.0, 4.0)
    """
    used = np.flatnonzero(counts.any(axis=tuple(range(counts.ndim - 1))))
    rows = np.flatnonzero(counts.any(axis=(*range(counts.ndim - 2), counts.ndim - 1)))
    table = counts[..., rows[:, None], used]
    i = (rows + 1 if levels is None else np.asarray(levels)[rows]).astype(np.float64)
    i2 = i * i
    j = np.asarray(sizes, dtype=np.float64)[used]
    j2 = j * j
    number = table.sum(axis=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        p = table / number[..., None, None]
        by_level, by_size = p.sum(axis=-1), p.sum(axis=-2)
        short, long = p @ (1 / j2), p @ j2
        level_mean = by_level @ i
        size_mean = by_size @ j
        level_spread = (i - level_mean[..., None]) ** 2
        size_spread = (j - size_mean[..., None]) ** 2
        found = {
            "short": short.sum(axis=-1),
            "long": long.sum(axis=-1),
            "low": by_level @ (1 / i2),
            "high": by_level @ i2,
            "short_low": short @ (1 / i2),
            "short_high": short @ i2,
            "long_low": long @ (1 / i2),
            "long_high": long @ i2,
            "level_non_uniformity": (by_level**2).sum(axis=-1) * number,
            "level_non_uniformity_normalized": (by_level**2).sum(axis=-1),
            "size_non_uniformity": (by_size**2).sum(axis=-1) * number,
            "size_non_uniformity_normalized": (by_size**2).sum(axis=-1),
            "level_variance": (by_level * level_spread).sum(axis=-1),
            "size_variance": (by_size * size_spread).sum(axis=-1),
            "entropy": entropy(p, (-2, -1)),
            "energy": (p**2).sum(axis=(-2, -1)),
        }
    none = number == 0
    return {
        **{name: np.where(none, np.nan, value) for name, value in found.items()},
        "total": number,
        "covered": (table.sum(axis=-2) * j).sum(axis=-1),
    }
