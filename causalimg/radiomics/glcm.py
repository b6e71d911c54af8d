"""Features of grey level co-occurrence matrices.

With p(i, j) the matrix over its sum, p_x and p_y its margins, m_x and m_y their means and s_x, s_y
their standard deviations, d(k) = sum of p where |i - j| = k, a(k) = sum of p where i + j = k, G the
number of levels, and H, HX, HY, HXY1 = -sum p log2(p_x p_y), HXY2 = -sum p_x p_y log2(p_x p_y) the
entropies [bit]:

===================  ===============================================  ======
feature              formula                                          IBSI
===================  ===============================================  ======
Autocorrelation      sum p i j                                        QWB0
ClusterProminence    sum p (i + j - m_x - m_y)^4                      AE86
ClusterShade         sum p (i + j - m_x - m_y)^3                      7NFM
ClusterTendency      sum p (i + j - m_x - m_y)^2                      DG8W
Contrast             sum p (i - j)^2                                  ACUI
Correlation          (sum p i j - m_x m_y) / (s_x s_y); 1 if flat     NI2N
DifferenceAverage    sum d k                                          TF7R
DifferenceEntropy    -sum d log2 d                                    NTRS
DifferenceVariance   sum d (k - DifferenceAverage)^2                  D3YU
Id                   sum d / (1 + k)                                  IB1Z
Idm                  sum d / (1 + k^2)                                WF0Z
Idmn                 sum d / (1 + k^2 / G^2)                          1QCO
Idn                  sum d / (1 + k / G)                              NDRX
Imc1                 (H - HXY1) / max(HX, HY); 0 if flat              R8DG
Imc2                 sqrt(1 - exp(-2 (HXY2 - H))); 0 if independent   JN9H
InverseVariance      sum over k > 0 of d / k^2                        E8JP
JointAverage         m_x                                              60VM
JointEnergy          sum p^2                                          8ZQL
JointEntropy         H                                                TU9B
MCC                  second largest singular value of
                     p / sqrt(p_x p_y); 1 if flat                     (none)
MaximumProbability   max p                                            GYBY
SumAverage           sum a k                                          ZGXS
SumEntropy           -sum a log2 a                                    P6QZ
SumSquares           variance of i under p_x                          UR99
===================  ===============================================  ======

All are pure numbers.
"""

from __future__ import annotations

import numpy as np

from causalimg.radiomics.emphasis import EPSILON, entropy

NAMES = (
    "Autocorrelation",
    "ClusterProminence",
    "ClusterShade",
    "ClusterTendency",
    "Contrast",
    "Correlation",
    "DifferenceAverage",
    "DifferenceEntropy",
    "DifferenceVariance",
    "Id",
    "Idm",
    "Idmn",
    "Idn",
    "Imc1",
    "Imc2",
    "InverseVariance",
    "JointAverage",
    "JointEnergy",
    "JointEntropy",
    "MCC",
    "MaximumProbability",
    "SumAverage",
    "SumEntropy",
    "SumSquares",
)


def features(
    counts: np.ndarray, *, levels: np.ndarray | None = None, n_levels: int | None = None
) -> dict[str, np.ndarray]:
    """Return the 24 co-occurrence features of each matrix.

    Parameters
    ----------
    counts : ndarray, shape (..., n_levels, n_levels)
        Co-occurrences; need not be normalised.
    levels : ndarray, shape (n_levels,), optional
        The grey levels of the rows, where some are left out. None: 1, 2, 3 ...
    n_levels : int, optional
        The highest grey level there could be (G). None: the last of ``levels``.

    Returns
    -------
    dict of str to ndarray, shape (...)
        NaN for a matrix without counts.

    Examples
    --------
    >>> float(features(np.array([[0.0, 1.0], [1.0, 2.0]]))["Contrast"])
    0.5
    """
    side = counts.shape[-1]
    number = np.arange(1, side + 1) if levels is None else np.asarray(levels)
    highest = int(number[-1]) if n_levels is None else n_levels
    stack = counts.reshape(-1, side, side)
    total = stack.sum(axis=(1, 2))
    good = np.flatnonzero(total > 0)
    values = {name: np.full(len(stack), np.nan) for name in NAMES}
    if len(good):
        kept = np.flatnonzero(stack.any(axis=(0, 1)) | stack.any(axis=(0, 2)))
        table = stack[good[:, None, None], kept[:, None], kept] / total[good, None, None]
        for name, value in _of_probabilities(table, number[kept], highest).items():
            values[name][good] = value
    return {name: value.reshape(counts.shape[:-2]) for name, value in values.items()}


def _of_probabilities(p: np.ndarray, level: np.ndarray, n_levels: int) -> dict[str, np.ndarray]:
    """Return the features of matrices that sum to 1, over the levels that occur."""
    px, py = p.sum(axis=2), p.sum(axis=1)
    i = level.astype(np.float64)
    mx, my = px @ i, py @ i
    vx = (px * (i - mx[:, None]) ** 2).sum(axis=1)
    vy = (py * (i - my[:, None]) ** 2).sum(axis=1)
    added = _gathered(p, level[:, None] + level - 2, 2 * n_levels - 1)
    apart = _gathered(p, np.abs(level[:, None] - level), n_levels)
    k = np.arange(n_levels, dtype=np.float64)
    k2 = k * k
    sums = np.arange(2, 2 * n_levels + 1, dtype=np.float64)
    around = sums - (mx + my)[:, None]
    square = around * around
    tendency = (added * square).sum(axis=1)
    contrast = apart @ k2
    difference = apart @ k
    covariance = ((p @ i) * i).sum(axis=1) - mx * my
    spread = np.sqrt(vx * vy)
    flat = spread == 0
    joint = entropy(p, (1, 2))
    hx, hy = entropy(px, 1), entropy(py, 1)
    product = px[:, :, None] * py[:, None, :]
    log_product = np.log2(product + EPSILON)
    hxy1 = -(p * log_product).sum(axis=(1, 2))
    hxy2 = -(product * log_product).sum(axis=(1, 2))
    most = np.maximum(hx, hy)
    return {
        "Autocorrelation": ((p @ i) * i).sum(axis=1),
        "ClusterProminence": (added * square * square).sum(axis=1),
        "ClusterShade": (added * square * around).sum(axis=1),
        "ClusterTendency": tendency,
        "Contrast": contrast,
        "Correlation": np.where(flat, 1.0, covariance / np.where(flat, 1.0, spread)),
        "DifferenceAverage": difference,
        "DifferenceEntropy": entropy(apart, 1),
        "DifferenceVariance": (apart * (k - difference[:, None]) ** 2).sum(axis=1),
        "Id": apart @ (1 / (1 + k)),
        "Idm": apart @ (1 / (1 + k2)),
        "Idmn": apart @ (1 / (1 + k2 / n_levels**2)),
        "Idn": apart @ (1 / (1 + k / n_levels)),
        "Imc1": np.where(most > 0, (joint - hxy1) / np.where(most > 0, most, 1.0), 0.0),
        "Imc2": np.sqrt(np.maximum(1 - np.exp(-2 * (hxy2 - joint)), 0.0)),
        "InverseVariance": apart[:, 1:] @ (1 / k2[1:]),
        "JointAverage": mx,
        "JointEnergy": (p * p).sum(axis=(1, 2)),
        "JointEntropy": joint,
        "MCC": _maximal_correlation(p, px, py),
        "MaximumProbability": p.max(axis=(1, 2)),
        "SumAverage": added @ sums,
        "SumEntropy": entropy(added, 1),
        "SumSquares": vx,
    }


def _gathered(p: np.ndarray, group: np.ndarray, n_groups: int) -> np.ndarray:
    """Sum the entries of each matrix by the group that they belong to."""
    flat = group.ravel()
    rows = [np.bincount(flat, weights=one.ravel(), minlength=n_groups) for one in p]
    return np.array(rows)


def _maximal_correlation(p: np.ndarray, px: np.ndarray, py: np.ndarray) -> np.ndarray:
    """Return the second largest singular value of p / sqrt(p_x p_y); the largest is 1."""
    if p.shape[1] < 2:
        return np.ones(len(p))
    with np.errstate(divide="ignore"):
        left = np.where(px > 0, 1 / np.sqrt(px), 0.0)
        right = np.where(py > 0, 1 / np.sqrt(py), 0.0)
    scaled = p * left[:, :, None] * right[:, None, :]
    if np.array_equal(p, p.transpose(0, 2, 1)):
        values = np.abs(np.linalg.eigvalsh(scaled))
    else:
        values = np.linalg.svd(scaled, compute_uv=False)
    return np.sort(values, axis=1)[:, -2]
