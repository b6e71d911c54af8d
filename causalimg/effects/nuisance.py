"""How estimates depend on the propensity model that was fitted first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Nuisance:
    """How estimates move with the coefficients of a logistic propensity model.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_parameters)
    score : ndarray of shape (n_samples, n_parameters * (n_levels - 1))
        Each case's part of the gradient of the likelihood, times the inverse information.
    """

    matrix: Array
    score: Array


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
    score = np.hstack([matrix * gap[:, [j]] for j in range(len(levels))])
    return Nuisance(matrix, np.linalg.solve(information, score.T).T)
