"""Features of grey level size zone matrices.

With P(i, j) the number of zones of level i and size j, N its sum, p = P / N, and V the number of
voxels in the zones:

==================================  =================================  ======
feature                             formula                            IBSI
==================================  =================================  ======
SmallAreaEmphasis                   sum p / j^2                        5QRC
LargeAreaEmphasis                   sum p j^2                          48P8
LowGrayLevelZoneEmphasis            sum p / i^2                        XMSY
HighGrayLevelZoneEmphasis           sum p i^2                          5GN9
SmallAreaLowGrayLevelEmphasis       sum p / (i^2 j^2)                  5RAI
SmallAreaHighGrayLevelEmphasis      sum p i^2 / j^2                    HW1V
LargeAreaLowGrayLevelEmphasis       sum p j^2 / i^2                    YH51
LargeAreaHighGrayLevelEmphasis      sum p i^2 j^2                      J17V
GrayLevelNonUniformity              sum_i (sum_j P)^2 / N              JNSA
GrayLevelNonUniformityNormalized    sum_i (sum_j P)^2 / N^2            Y1RO
SizeZoneNonUniformity               sum_j (sum_i P)^2 / N              4JP3
SizeZoneNonUniformityNormalized     sum_j (sum_i P)^2 / N^2            VB3A
ZonePercentage                      N / V                              P30P
GrayLevelVariance                   variance of i under p              BYLV
ZoneVariance                        variance of j under p              3NSA
ZoneEntropy                         -sum p log2 p                      GU8N
==================================  =================================  ======

All are pure numbers; sizes are in voxels.
"""

from __future__ import annotations

import numpy as np

from causalimg.radiomics.emphasis import emphases

_NAMES = {
    "GrayLevelNonUniformity": "level_non_uniformity",
    "GrayLevelNonUniformityNormalized": "level_non_uniformity_normalized",
    "GrayLevelVariance": "level_variance",
    "HighGrayLevelZoneEmphasis": "high",
    "LargeAreaEmphasis": "long",
    "LargeAreaHighGrayLevelEmphasis": "long_high",
    "LargeAreaLowGrayLevelEmphasis": "long_low",
    "LowGrayLevelZoneEmphasis": "low",
    "SizeZoneNonUniformity": "size_non_uniformity",
    "SizeZoneNonUniformityNormalized": "size_non_uniformity_normalized",
    "SmallAreaEmphasis": "short",
    "SmallAreaHighGrayLevelEmphasis": "short_high",
    "SmallAreaLowGrayLevelEmphasis": "short_low",
    "ZoneEntropy": "entropy",
    "ZoneVariance": "size_variance",
}


def features(
    counts: np.ndarray,
    sizes: np.ndarray,
    n_voxels: float | np.ndarray | None = None,
    *,
    levels: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Return the 16 size zone features of each matrix.

    Parameters
    ----------
    counts : ndarray, shape (..., n_levels, n_sizes)
    sizes : ndarray, shape (n_sizes,)
        Zone sizes of the columns [voxels].
    n_voxels : float or ndarray of shape (...), optional
        Number of voxels for the zone percentage. None: the voxels in the zones.
    levels : ndarray, shape (n_levels,), optional
        The grey levels of the rows, where some are left out. None: 1, 2, 3 ...

    Returns
    -------
    dict of str to ndarray, shape (...)

    Examples
    --------
    >>> float(features(np.array([[1.0, 1.0]]), np.array([1, 3]))["ZonePercentage"])
    0.5
    """
    found = emphases(counts, sizes, levels)
    values = {name: found[key] for name, key in _NAMES.items()}
    with np.errstate(invalid="ignore", divide="ignore"):
        share = found["total"] / (found["covered"] if n_voxels is None else n_voxels)
    return {**values, "ZonePercentage": np.asarray(share)}
