"""Array solvers: mean outcome under each treatment level, with influence functions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_FULL_LEVERAGE = 1.0 - 1e-8


@dataclass(frozen=True)
class LevelMeans:
    """Estimated mean of every outcome if all cases had each treatment level.

    Parameters
    ----------
    means : ndarray of shape (n_levels, n_outcomes)
    influence : ndarray of shape (n_levels, n_samples, n_outcomes)
        Influence of each case on each mean, with leverage-corrected residuals:
        ``means[k] - truth`` behaves like the mean of ``influence[k]`` over cases.
    residual_variance : ndarray of shape (n_levels, n_outcomes)
        Part of the variance of ``means`` that comes from the outcome residuals.
    residual_df : ndarray of shape (n_levels,)
        Degrees of freedom behind ``residual_variance``.
    effective : ndarray of shape (n_levels,)
        Effective number of cases in the level, given the weights that its mean puts on them.
    codes : ndarray of int, shape (n_samples,)
    alone : tuple of (int, int)
        (level, case) of cases with leverage 1: a parameter of the outcome model rests on them.
    """

    means: Array
    influence: Array
    residual_variance: Array
    residual_df: Array
    effective: Array
    codes: NDArray[np.intp]
    alone: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Contrast:
    """Difference of two level means, for every outcome.

    Parameters
    ----------
    estimate, se, df : ndarray of shape (n_outcomes,)
        ``df`` are the degrees of freedom of the t distribution for intervals.
    """

    estimate: Array
    se: Array
    df: Array


def level_means(
    matrix: Array,
    codes: NDArray[np.intp],
    outcomes: Array,
    probability: Array | None,
    n_levels: int,
) -> LevelMeans:
    """Estimate the mean of every outcome under every treatment level.

    One least squares model per level. Without ``probability`` its prediction is averaged over all
    cases (g-computation); with it, the inversely weighted mean residual is added (AIPW), the
    weights adding up to one within the level.

    Either estimate is a weighted sum of the outcomes seen in the level. The residual part of the
    influence function uses these exact weights, not the first-order ones, and residuals divided
    by the square root of one minus their leverage (HC2).

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_parameters)
        First column ones; full rank within every level.
    codes : ndarray of int, shape (n_samples,)
    outcomes : ndarray of shape (n_samples, n_outcomes)
        Finite.
    probability : ndarray of shape (n_samples, n_levels) or None
        Propensity of each level, bounded away from 0.
    n_levels : int

    Returns
    -------
    LevelMeans
    """
    n, p = matrix.shape
    count = outcomes.shape[1]
    centre = outcomes.mean(axis=0)
    centred = outcomes - centre
    average = matrix.mean(axis=0)
    means = np.empty((n_levels, count))
    influence = np.empty((n_levels, n, count))
    variance = np.empty((n_levels, count))
    df = np.empty(n_levels)
    effective = np.empty(n_levels)
    alone: list[tuple[int, int]] = []
    for level in range(n_levels):
        rows = np.flatnonzero(codes == level)
        inside, seen = matrix[rows], centred[rows]
        orthogonal, triangle = np.linalg.qr(inside)
        beta = np.linalg.solve(triangle, orthogonal.T @ seen)
        leverage = (orthogonal**2).sum(axis=1)
        predicted = np.matmul(matrix, beta, out=influence[level])
        residual = seen - predicted[rows]
        if probability is None:
            direct = np.zeros(len(rows))
        else:
            direct = 1.0 / probability[rows, level]
            direct /= direct.sum()
        gap = average - direct @ inside
        weights = orthogonal @ np.linalg.solve(triangle.T, gap) + direct
        means[level] = weights @ seen
        full = leverage >= _FULL_LEVERAGE
        spare = max(len(rows) - p, 1)
        corrected = residual / np.sqrt(np.where(full, 1.0, 1.0 - leverage))[:, None]
        if full.any():
            # nothing is left of such a residual: the level's residual spread stands in for it
            corrected[full] = np.sqrt((residual**2).sum(axis=0) / spare)
            alone += [(level, int(rows[k])) for k in np.flatnonzero(full)]
        corrected *= weights[:, None]
        variance[level] = np.einsum("ij,ij->j", corrected, corrected)
        predicted -= predicted.mean(axis=0)
        predicted[rows] += n * corrected
        effective[level] = weights.sum() ** 2 / (weights**2).sum()
        df[level] = max(effective[level] * spare / len(rows), 1.0)
    return LevelMeans(means + centre, influence, variance, df, effective, codes, tuple(alone))


def contrast(
    solution: LevelMeans,
    level: int,
    base: int,
    *,
    cluster: NDArray[np.intp] | None = None,
) -> Contrast:
    """Compare two levels: estimate, standard error, degrees of freedom.

    The degrees of freedom follow Satterthwaite: residual parts with the effective number of
    cases of their level, less the share spent on parameters; the spread of the individual
    effects with n - 1.

    Parameters
    ----------
    solution : LevelMeans
    level, base : int
        The effect is ``means[level] - means[base]``.
    cluster : ndarray of int, shape (n_samples,), optional
        Cluster of each case, 0 to n_clusters - 1; contributions are added up within clusters,
        the variance is multiplied by C / (C - 1), and the degrees of freedom are at most one less
        than the number of clusters in the level that has fewer.

    Returns
    -------
    Contrast
    """
    difference = solution.influence[level] - solution.influence[base]
    n = len(difference)
    if cluster is None:
        total = np.einsum("ij,ij->j", difference, difference)
    else:
        clusters = int(cluster.max()) + 1
        summed = np.zeros((clusters, difference.shape[1]))
        np.add.at(summed, cluster, difference)
        total = np.einsum("ij,ij->j", summed, summed) * clusters / max(clusters - 1, 1)
    variance = total / n**2
    first, second = solution.residual_variance[level], solution.residual_variance[base]
    between = np.maximum(variance - first - second, 0.0)
    spread = (
        first**2 / solution.residual_df[level]
        + second**2 / solution.residual_df[base]
        + between**2 / max(n - 1, 1)
    )
    whole = (first + second + between) ** 2
    df = np.where(spread > 0, whole / np.where(spread > 0, spread, 1.0), n - 1.0)
    if cluster is not None:
        own = [len(np.unique(cluster[solution.codes == k])) for k in (level, base)]
        df = np.minimum(df, max(min(own) - 1, 1))
    return Contrast(solution.means[level] - solution.means[base], np.sqrt(variance), df)
