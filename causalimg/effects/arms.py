"""What an estimate does with the cases of one treatment level."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.leverage import corrected_weights, residual_df

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Arm:
    """The plan of one treatment level.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_parameters)
        Of the outcome model, for all cases.
    rows : ndarray of int, shape (n_level,)
    weights : ndarray of shape (n_level,)
        Add up to 1; the level's mean is their product with the outcomes.
    hat : ndarray of shape (n_parameters, n_level)
        Coefficients of the outcome model are its product with the outcomes.
    follow : tuple of ndarray or None
        Matrix (n_level, n_fitted) and hat (n_fitted, n_level) whose product gives the fitted
        values that residuals are taken from; None for values that were fitted to other cases.
    cluster : ndarray of int, shape (n_level,), or None
    """

    matrix: Array
    rows: NDArray[np.intp]
    weights: Array
    hat: Array
    follow: tuple[Array, Array] | None
    cluster: NDArray[np.intp] | None = None

    @cached_property
    def corrected(self) -> tuple[Array, NDArray[np.bool_]]:
        """Weights corrected for leverage, and the cases that a parameter rests on alone."""
        if self.follow is None:
            return self.weights, np.zeros(len(self.rows), dtype=bool)
        return corrected_weights(*self.follow, self.weights, self.cluster)

    @property
    def spare(self) -> int:
        """Cases less parameters."""
        fitted = 0 if self.follow is None else self.follow[0].shape[1]
        return max(len(self.rows) - fitted, 1)

    @property
    def df(self) -> float:
        """Degrees of freedom of the sum of squares of residuals with the corrected weights."""
        pull, full = self.corrected
        follow = self.follow
        if follow is None:
            follow = (np.ones((len(pull), 1)), np.full((1, len(pull)), 1.0 / len(pull)))
        return residual_df(*follow, np.where(full, 0.0, pull), self.cluster)
