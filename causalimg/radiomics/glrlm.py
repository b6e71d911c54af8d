"""Features of grey level run length matrices.

With P(i, j) the number of runs of level i and length j, N its sum, p = P / N, and V the number of
voxels that the runs go through:

==================================  =================================  ======
feature                             formula                            IBSI
==================================  =================================  ======
ShortRunEmphasis                    sum p / j^2                        22OV
LongRunEmphasis                     sum p j^2                          W4KF
LowGrayLevelRunEmphasis             sum p / i^2                        V3SW
HighGrayLevelRunEmphasis            sum p i^2                          G3QZ
ShortRunLowGrayLevelEmphasis        sum p / (i^2 j^2)                  HTZT
ShortRunHighGrayLevelEmphasis       sum p i^2 / j^2                    GD3A
LongRunLowGrayLevelEmphasis         sum p j^2 / i^2                    IVPO
LongRunHighGrayLevelEmphasis        sum p i^2 j^2                      3KUM
GrayLevelNonUniformity              sum_i (sum_j P)^2 / N              R5YN
GrayLevelNonUniformityNormalized    sum_i (sum_j P)^2 / N^2            OVBL
RunLengthNonUniformity              sum_j (sum_i P)^2 / N              W92Y
RunLengthNonUniformityNormalized    sum_j (sum_i P)^2 / N^2            IC23
RunPercentage                       N / V                              9ZK5
GrayLevelVariance                   variance of i under p              8CE5
RunVariance                         variance of j under p              SXLW
RunEntropy                          -sum p log2 p                      HJ9O
==================================  =================================  ======

All are pure numbers.
"""

from __future__ import annotations

import numpy as np

from causalimg.radiomics.emphasis import emphases

_NAMES = {
    "GrayLevelNonUniformity": "level_non_uniformity",
    "GrayLevelNonUniformityNormalized": "level_non_uniformity_normalized",
    "GrayLevelVariance": "level_variance",
    "HighGrayLevelRunEmphasis": "high",
    "LongRunEmphasis": "long",
    "LongRunHighGrayLevelEmphasis": "long_high",
    "LongRunLowGrayLevelEmphasis": "long_low",
    "LowGrayLevelRunEmphasis": "low",
    "RunEntropy": "entropy",
    "RunLengthNonUniformity": "size_non_uniformity",
    "RunLengthNonUniformityNormalized": "size_non_uniformity_normalized",
    "RunVariance": "size_variance",
    "ShortRunEmphasis": "short",
    "ShortRunHighGrayLevelEmphasis": "short_high",
    "ShortRunLowGrayLevelEmphasis": "short_low",
}


def features(
    counts: np.ndarray,
    lengths: np.ndarray | None = None,
    n_voxels: float | np.ndarray | None = None,
    *,
    levels: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Return the 16 run length features of each matrix.

    Parameters
    ----------
    counts : ndarray, shape (..., n_levels, n_lengths)
    lengths : ndarray, shape (n_lengths,), optional
        Run lengths of the columns [voxels]. None: 1, 2, 3 ...
    n_voxels : float or ndarray of shape (...), optional
        Number of voxels for the run percentage; of merged matrices the sum over the matrices.
        None: the voxels in the runs.
    levels : ndarray, shape (n_levels,), optional
        The grey levels of the rows, where some are left out. None: 1, 2, 3 ...

    Returns
    -------
    dict of str to ndarray, shape (...)

    Examples
    --------
    >>> float(features(np.array([[2.0, 0.0], [0.0, 1.0]]))["RunPercentage"])
    0.75
    """
    if lengths is None:
        lengths = np.arange(1, counts.shape[-1] + 1)
    found = emphases(counts, lengths, levels)
    values = {name: found[key] for name, key in _NAMES.items()}
    with np.errstate(invalid="ignore", divide="ignore"):
        share = found["total"] / (found["covered"] if n_voxels is None else n_voxels)
    return {**values, "RunPercentage": np.asarray(share)}
