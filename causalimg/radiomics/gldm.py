"""Features of grey level dependence matrices.

With P(i, j) the number of voxels of level i that have dependence j (the voxel itself and its
neighbours of about the same level), N its sum, and p = P / N:

=====================================  =================================  ======
feature                                formula                            IBSI
=====================================  =================================  ======
SmallDependenceEmphasis                sum p / j^2                        SODN
LargeDependenceEmphasis                sum p j^2                          IMOQ
LowGrayLevelEmphasis                   sum p / i^2                        TL9H
HighGrayLevelEmphasis                  sum p i^2                          OAE7
SmallDependenceLowGrayLevelEmphasis    sum p / (i^2 j^2)                  EQ3F
SmallDependenceHighGrayLevelEmphasis   sum p i^2 / j^2                    JA6D
LargeDependenceLowGrayLevelEmphasis    sum p j^2 / i^2                    NBZI
LargeDependenceHighGrayLevelEmphasis   sum p i^2 j^2                      9QMG
GrayLevelNonUniformity                 sum_i (sum_j P)^2 / N              FP8K
DependenceNonUniformity                sum_j (sum_i P)^2 / N              Z87G
DependenceNonUniformityNormalized      sum_j (sum_i P)^2 / N^2            OKJI
GrayLevelVariance                      variance of i under p              1PFV
DependenceVariance                     variance of j under p              DNX2
DependenceEntropy                      -sum p log2 p                      FCBV
=====================================  =================================  ======

All are pure numbers. The IBSI calls the matrix the neighbouring grey level dependence matrix.
"""

from __future__ import annotations

import numpy as np

from causalimg.radiomics.emphasis import emphases

_NAMES = {
    "DependenceEntropy": "entropy",
    "DependenceNonUniformity": "size_non_uniformity",
    "DependenceNonUniformityNormalized": "size_non_uniformity_normalized",
    "DependenceVariance": "size_variance",
    "GrayLevelNonUniformity": "level_non_uniformity",
    "GrayLevelVariance": "level_variance",
    "HighGrayLevelEmphasis": "high",
    "LargeDependenceEmphasis": "long",
    "LargeDependenceHighGrayLevelEmphasis": "long_high",
    "LargeDependenceLowGrayLevelEmphasis": "long_low",
    "LowGrayLevelEmphasis": "low",
    "SmallDependenceEmphasis": "short",
    "SmallDependenceHighGrayLevelEmphasis": "short_high",
    "SmallDependenceLowGrayLevelEmphasis": "short_low",
}


def features(counts: np.ndarray, *, levels: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Return the 14 dependence features of each matrix.

    Parameters
    ----------
    counts : ndarray, shape (..., n_levels, n_dependences)
        Column k holds the voxels of dependence k + 1.
    levels : ndarray, shape (n_levels,), optional
        The grey levels of the rows, where some are left out. None: 1, 2, 3 ...

    Returns
    -------
    dict of str to ndarray, shape (...)

    Examples
    --------
    >>> float(features(np.array([[1.0, 3.0]]))["LargeDependenceEmphasis"])
    3.25
    """
    found = emphases(counts, np.arange(1, counts.shape[-1] + 1), levels)
    return {name: found[key] for name, key in _NAMES.items()}
