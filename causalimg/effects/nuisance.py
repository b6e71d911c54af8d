"""How estimates depend on the propensity model that was fitted first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.leverage import cluster_sums

Array = NDArray[np.float64]

_LEAST_LEFT = 0.1


@dataclass(frozen=True)
class Nuisance:
    """How estimates move with the coefficients of a logistic propensity model.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_parameters)
    gradient : ndarray of shape (n_samples, n_parameters * (n_levels - 1))
        Each case's part of the gradient of the likelihood.
    score : ndarray of shape (n_samples, n_parameters * (n_levels - 1))
        The same, times the inverse information.
    """

    matrix: Array
    gradient: Array
    score: Array

    def raised(self, cluster: NDArray[np.intp] | None = None) -> Array:
        """Return by how much each case's influence looks too small, shape (n_samples,).

        The part of the influence that the likelihood's gradient explains is taken away; it explains
        some by chance, most where a case has much leverage on the propensities, as those with a
        rare level have. With clusters all are raised alike, by the share that the gradient's sums
        within clusters explain by chance: the number of parameters over that of cases where these
        sums vary as if cases were independent, over that of clusters where clusters act as one.
        """
        if cluster is None:
            leverage = (np.linalg.qr(self.gradient)[0] ** 2).sum(axis=1)
        else:
            sums = cluster_sums(self.gradient, cluster), cluster_sums(self.score, cluster)
            leverage = np.full(len(cluster), (sums[0] * sums[1]).sum() / len(cluster))
        return np.asarray(1.0 / np.sqrt(np.maximum(1.0 - leverage, _LEAST_LEFT)))


def logistic_nuisance(
    matrix: Array, codes: NDArray[np.intp], probability: Array, information: Array
) -> Nuisance:
    """Prepare the correction for propensities estimated by multinomial logistic regression.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_parameters)
    codes : ndarray of int, shape (n_samples,)
    probability : ndarray of shape (n_samples, n_levels)
        Before clipping.
    information : ndarray of shape (n_parameters * (n_levels - 1),) * 2

    Returns
    -------
    Nuisance

    References
    ----------
    Lunceford, Davidian (2004). doi:10.1002/sim.1903
    """
    levels = np.arange(1, probability.shape[1])
    gap = (codes[:, None] == levels) - probability[:, 1:]
    gradient = np.hstack([matrix * gap[:, [j]] for j in range(len(levels))])
    return Nuisance(matrix, gradient, np.linalg.solve(information, gradient.T).T)
