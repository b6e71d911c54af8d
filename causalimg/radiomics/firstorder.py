"""First-order features: of the intensities of a region, without their places.

With x the n intensities, m their mean, c the array shift (0 by default), v the volume of a voxel,
P_q the q-th percentile (linear interpolation), and p the share of each grey level:

============================  =====================================  ================  =====
feature                       formula                                unit              IBSI
============================  =====================================  ================  =====
10Percentile, 90Percentile    P_10, P_90                             intensity         QG58, 8DWT
Energy                        sum (x + c)^2                          intensity^2       N8CA
TotalEnergy                   v sum (x + c)^2                        intensity^2 mm^3
Entropy                       -sum p log2 p                          1                 TLU2
Uniformity                    sum p^2                                1                 BJ5W
InterquartileRange            P_75 - P_25                            intensity         SALO
Kurtosis                      mean (x - m)^4 / variance^2            1
Maximum, Minimum, Range       max x, min x, their difference         intensity         84IY ...
Mean, Median                  m, P_50                                intensity         Q4LE, Y12H
MeanAbsoluteDeviation         mean |x - m|                           intensity         4FUA
RobustMeanAbsoluteDeviation   the same of the x from P_10 to P_90    intensity         1128
RootMeanSquared               sqrt(mean (x + c)^2)                   intensity         5ZWQ
Skewness                      mean (x - m)^3 / variance^(3/2)        1                 KE2A
Variance                      mean (x - m)^2                         intensity^2       ECT3
============================  =====================================  ================  =====

Kurtosis is not in excess of 3 (the IBSI's is). Skewness and kurtosis of a constant region are
0; the robust deviation of two voxels is NaN, since neither lies from P_10 to P_90.
"""

from __future__ import annotations

import math

import numpy as np

from causalimg.radiomics.emphasis import entropy


def features(
    values: np.ndarray, levels: np.ndarray, *, voxel_volume: float, shift: float = 0.0
) -> dict[str, float]:
    """Return the 18 first-order features.

    Parameters
    ----------
    values : ndarray, shape (n_voxels,)
        Intensities.
    levels : ndarray of int, shape (n_voxels,)
        Grey levels, from 1.
    voxel_volume : float
        [mm^3]
    shift : float
        Added to the intensities in Energy, TotalEnergy and RootMeanSquared [intensity].

    Examples
    --------
    >>> found = features(np.array([1.0, 3.0]), np.array([1, 1]), voxel_volume=2.0)
    >>> found["Mean"], found["TotalEnergy"], found["Uniformity"]
    (2.0, 20.0, 1.0)
    """
    x = np.sort(values.astype(np.float64))
    n = len(x)
    p10, p25, p75, p90 = (_percentile(x, q) for q in (10, 25, 75, 90))
    mean = float(x.mean())
    away = x - mean
    square = away * away
    variance = float(square.mean())
    spread = variance if variance else 1.0
    shifted = x + shift
    energy = float(shifted @ shifted)
    middle = x[np.searchsorted(x, p10) : np.searchsorted(x, p90, side="right")]
    inner = float(np.abs(middle - middle.mean()).mean()) if len(middle) else math.nan
    counts = np.bincount(levels)
    p = counts[counts > 0] / n
    return {
        "10Percentile": p10,
        "90Percentile": p90,
        "Energy": energy,
        "Entropy": float(entropy(p, 0)),
        "InterquartileRange": p75 - p25,
        "Kurtosis": float((square * square).mean()) / spread**2,
        "Maximum": float(x[-1]),
        "Mean": mean,
        "MeanAbsoluteDeviation": float(np.abs(away).mean()),
        "Median": float(x[(n - 1) // 2] + x[n // 2]) / 2,
        "Minimum": float(x[0]),
        "Range": float(x[-1] - x[0]),
        "RobustMeanAbsoluteDeviation": inner,
        "RootMeanSquared": math.sqrt(energy / n),
        "Skewness": float((square * away).mean()) / spread**1.5,
        "TotalEnergy": energy * voxel_volume,
        "Uniformity": float(p @ p),
        "Variance": variance,
    }


def _percentile(ordered: np.ndarray, q: float) -> float:
    """Interpolate between the two values around a percentile, as numpy does to the last bit."""
    place = (len(ordered) - 1) * (q / 100)
    first = math.floor(place)
    low, high = float(ordered[first]), float(ordered[min(first + 1, len(ordered) - 1)])
    t = place - first
    return high - (high - low) * (1 - t) if t >= 0.5 else low + (high - low) * t
