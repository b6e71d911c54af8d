"""Mean outcome under each treatment level with influence functions, and contrasts of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


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
    codes : ndarray of int, shape (n_samples,)
    spread_df : float or None
        Degrees of freedom of the rest of the variance; n_samples - 1 by default.
    variance : callable or None
        ``variance(level, base)`` returns the variance of the effects, shape (n_outcomes,), where
        it is not the mean square of the influence (matching). Not used with clusters.
    """

    means: Array
    influence: Array
    residual_variance: Array
    residual_df: Array
    codes: NDArray[np.intp]
    spread_df: float | None = None
    variance: Callable[[int, int], Array] | None = None


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
    effects with that of the target population, less one.

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
    spread_df = n - 1 if solution.spread_df is None else solution.spread_df
    if cluster is None and solution.variance is not None:
        total = n**2 * solution.variance(level, base)
    elif cluster is None:
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
        + between**2 / max(spread_df, 1)
    )
    whole = (first + second + between) ** 2
    df = np.where(spread > 0, whole / np.where(spread > 0, spread, 1.0), float(spread_df))
    if cluster is not None:
        own = [len(np.unique(cluster[solution.codes == k])) for k in (level, base)]
        df = np.minimum(df, max(min(own) - 1, 1))
    return Contrast(solution.means[level] - solution.means[base], np.sqrt(variance), df)
