"""The location and scale model of batches: feature = mean + covariates + shift + scale * noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalimg.harmonize.bayes import nonparametric, parametric, shrunk_shift

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
Solve = Callable[[Array, Array], Array]
"""Design and values -> coefficients, shape (n_parameters, n_features)."""


@dataclass(frozen=True)
class LocationScale:
    """Fitted shifts and scales of every batch.

    Parameters
    ----------
    mean : ndarray of shape (n_features,)
        Of the features where covariates are 0, over all batches or of the reference batch.
    coefficient : ndarray of shape (n_covariates, n_features)
    spread : ndarray of shape (n_features,)
        Pooled standard deviation within batches.
    shift, variance : ndarray of shape (n_batches, n_features)
        Posterior estimates, in units of ``spread`` and its square.
    reference : int or None
        The batch that stays as it is.
    """

    mean: Array
    coefficient: Array
    spread: Array
    shift: Array
    variance: Array
    reference: int | None

    def centre(self, covariates: Array) -> Array:
        """Return what the covariates predict, shape (n_cases, n_features)."""
        return np.asarray(self.mean + covariates @ self.coefficient)

    def residual(self, values: Array, codes: Codes, covariates: Array) -> Array:
        """Return harmonised residuals in units of ``spread``."""
        scaled = (values - self.centre(covariates)) / self.spread
        return np.asarray((scaled - self.shift[codes]) / np.sqrt(self.variance[codes]))

    def restore(self, residual: Array, values: Array, codes: Codes, covariates: Array) -> Array:
        """Turn residuals into features; cases of the reference batch keep ``values``."""
        out = residual * self.spread + self.centre(covariates)
        if self.reference is not None:
            kept = codes == self.reference
            out[kept] = values[kept]
        return np.asarray(out)

    def adjust(self, values: Array, codes: Codes, covariates: Array) -> Array:
        """Return harmonised values, shape (n_cases, n_features)."""
        return self.restore(self.residual(values, codes, covariates), values, codes, covariates)


def batch_columns(codes: Codes, count: int, reference: int | None) -> Array:
    """Return one 0/1 column for each batch; the reference's is all ones."""
    columns = np.eye(count)[codes]
    if reference is not None:
        columns[:, reference] = 1.0
    return columns


def least_squares(design: Array, values: Array) -> Array:
    """Return the ordinary coefficients of every column of ``values``."""
    return np.asarray(np.linalg.pinv(design) @ values)


def fit_location_scale(
    values: Array,
    codes: Codes,
    count: int,
    covariates: Array,
    *,
    reference: int | None = None,
    is_parametric: bool = True,
    mean_only: bool = False,
    solve: Solve = least_squares,
) -> LocationScale:
    """Estimate the model.

    Parameters
    ----------
    values : ndarray of shape (n_cases, n_features)
    codes : ndarray of int, shape (n_cases,)
    count : int
        Number of batches.
    covariates : ndarray of shape (n_cases, n_covariates)
    reference : int, optional
    is_parametric, mean_only : bool
    solve : callable
        The regression on batches and covariates.
    """
    batches = batch_columns(codes, count, reference)
    coefficient = solve(np.hstack([batches, covariates]), values)
    shares = np.bincount(codes, minlength=count) / len(codes)
    mean = shares @ coefficient[:count] if reference is None else coefficient[reference]
    error = values - batches @ coefficient[:count] - covariates @ coefficient[count:]
    inside = error if reference is None else error[codes == reference]
    spread = np.sqrt((inside**2).mean(axis=0))
    scaled = (values - mean - covariates @ coefficient[count:]) / spread
    shift, variance = _posterior(
        scaled, codes, batches, reference, is_parametric=is_parametric, mean_only=mean_only
    )
    return LocationScale(
        mean=mean,
        coefficient=coefficient[count:],
        spread=spread,
        shift=shift,
        variance=variance,
        reference=reference,
    )


def _posterior(
    scaled: Array,
    codes: Codes,
    batches: Array,
    reference: int | None,
    *,
    is_parametric: bool,
    mean_only: bool,
) -> tuple[Array, Array]:
    raw = least_squares(batches, scaled)
    shift, variance = np.zeros_like(raw), np.ones_like(raw)
    for k in range(len(raw)):
        if k == reference:
            continue
        mine = scaled[codes == k]
        spread = np.ones(scaled.shape[1]) if mean_only else mine.var(axis=0, ddof=1)
        if scaled.shape[1] == 1:
            # with one feature there is nothing to borrow from
            shift[k], variance[k] = raw[k], spread
        elif not is_parametric:
            shift[k], variance[k] = nonparametric(mine, raw[k], spread)
        elif mean_only:
            shift[k] = shrunk_shift(raw[k])
        else:
            shift[k], variance[k] = parametric(mine, raw[k], spread)
    return shift, variance
