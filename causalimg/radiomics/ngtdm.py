"""Features of neighbourhood grey tone difference matrices.

With n_i the number of voxels of level i, N their sum, p_i = n_i / N, s_i the sum of the differences
between those voxels and the mean of their neighbours, and G the number of levels with p_i > 0
(sums over i and j leave out the levels with p = 0):

===========  ===================================================================  ======
feature      formula                                                              IBSI
===========  ===================================================================  ======
Coarseness   1 / sum p_i s_i                                                      QCDE
Contrast     sum_ij p_i p_j (i - j)^2 / (G (G - 1)) * sum s_i / N                 65HE
Busyness     sum p_i s_i / sum_ij |i p_i - j p_j|                                 NQ30
Complexity   sum_ij |i - j| (p_i s_i + p_j s_j) / (p_i + p_j) / N                 HDEZ
Strength     sum_ij (p_i + p_j) (i - j)^2 / sum s_i                               1X9X
===========  ===================================================================  ======

All are pure numbers. Where a denominator is 0 (a uniform region) coarseness is 10^6 and the others
are 0, as in the IBSI manual.
"""

from __future__ import annotations

import numpy as np

_UNIFORM = 1e6


def features(
    n: np.ndarray, s: np.ndarray, *, levels: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return the 5 tone difference features of each matrix.

    Parameters
    ----------
    n, s : ndarray, shape (..., n_levels)
        Number of voxels of each level, and the sums of their differences.
    levels : ndarray, shape (n_levels,), optional
        The grey levels of the rows, where some are left out. None: 1, 2, 3 ...

    Returns
    -------
    dict of str to ndarray, shape (...)
        NaN for a matrix without voxels.

    Examples
    --------
    >>> float(features(np.array([1.0, 2.0]), np.array([1.0, 0.5]))["Coarseness"])
    1.5
    """
    lead = n.shape[:-1]
    rows = [
        _one(count, spread, levels)
        for count, spread in zip(
            n.reshape(-1, n.shape[-1]), s.reshape(-1, s.shape[-1]), strict=True
        )
    ]
    return {name: np.array([row[name] for row in rows]).reshape(lead) for name in rows[0]}


def _one(n: np.ndarray, s: np.ndarray, levels: np.ndarray | None) -> dict[str, float]:
    kept = np.flatnonzero(n)
    names = ("Busyness", "Coarseness", "Complexity", "Contrast", "Strength")
    if not len(kept):
        return dict.fromkeys(names, float("nan"))
    level = (kept + 1 if levels is None else np.asarray(levels)[kept]).astype(np.float64)
    total = float(n.sum())
    p, spread = n[kept] / total, s[kept]
    rough, change = float(p @ spread), float(spread.sum())
    apart = level[:, None] - level
    both = p[:, None] + p
    weighted = level * p
    pairs = float(np.abs(weighted[:, None] - weighted).sum())
    ps = p * spread
    varied = len(kept) > 1
    contrast = float(p @ apart**2 @ p) * change / total
    return {
        "Busyness": rough / pairs if pairs else 0.0,
        "Coarseness": 1 / rough if rough else _UNIFORM,
        "Complexity": float((np.abs(apart) * (ps[:, None] + ps) / both).sum()) / total,
        "Contrast": contrast / (len(kept) * (len(kept) - 1)) if varied else 0.0,
        "Strength": float((both * apart**2).sum()) / change if change else 0.0,
    }
