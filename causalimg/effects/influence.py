"""Mean outcome under each treatment level with influence functions, and contrasts of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.leverage import cluster_sums

Array = NDArray[np.float64]

_ALL = slice(None)


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
    shared : callable or None
        ``shared(level, base)`` returns residual variance, shape (n_outcomes,), and degrees of
        freedom of a contrast, where levels share a model.
    excess : callable or None
        ``excess(level, base)`` returns what the sum of squares is known to be too large by, shape
        (n_outcomes,). Not used with clusters.
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
    shared: Callable[[int, int], tuple[Array, float]] | None = None
    excess: Callable[[int, int], Array] | None = None
    variance: Callable[[int, int], Array] | None = None

    def difference(self, level: int, base: int, columns: slice = _ALL) -> Array:
        """Return the influence of each case on the effects, shape (n_samples, n_columns)."""
        return np.asarray(self.influence[level][:, columns] - self.influence[base][:, columns])


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
        Cluster of each case, 0 to n_clusters - 1, as the plan had it; contributions are added up
        within clusters, what is not residual is multiplied by C / (C - 1), and the degrees of
        freedom are at most C - 1.

    Returns
    -------
    Contrast
    """
    difference = solution.difference(level, base)
    n = len(difference)
    spread_df = n - 1 if solution.spread_df is None else solution.spread_df
    if cluster is None and solution.variance is not None:
        total = n**2 * solution.variance(level, base)
    elif cluster is None:
        total = np.einsum("ij,ij->j", difference, difference)
    else:
        summed = cluster_sums(difference, cluster)
        total = np.einsum("ij,ij->j", summed, summed)
    variance = total / n**2
    if cluster is None and solution.excess is not None:
        variance = np.maximum(variance - solution.excess(level, base), variance / 2)
    if solution.shared is None:
        parts = [
            (solution.residual_variance[k], float(solution.residual_df[k])) for k in (level, base)
        ]
    else:
        parts = [solution.shared(level, base)]
    residual = sum((part for part, _ in parts), start=np.zeros_like(variance))
    between = np.maximum(variance - residual, 0.0)
    spread = between**2 / max(spread_df, 1.0)
    for part, own in parts:
        spread = spread + part**2 / own
    whole = (residual + between) ** 2
    df = np.where(spread > 0, whole / np.where(spread > 0, spread, 1.0), float(spread_df))
    if cluster is not None:
        others = len(summed) - 1
        variance = variance + between / max(others, 1)
        df = np.minimum(df, max(others, 1))
    return Contrast(solution.means[level] - solution.means[base], np.sqrt(variance), df)
