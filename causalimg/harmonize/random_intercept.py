"""Linear models with one random intercept per patient, for many features at once, by REML."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

_SHARE = (np.sqrt(5.0) - 1) / 2
_ROUNDS = 60


@dataclass(frozen=True)
class RandomIntercepts:
    """Fitted models.

    Parameters
    ----------
    coefficient : ndarray of shape (n_parameters, n_features)
    ratio : ndarray of shape (n_features,)
        Variance of the intercepts over the variance of the noise.
    spread : ndarray of shape (n_features,)
        Standard deviation of the noise (REML).
    """

    coefficient: Array
    ratio: Array
    spread: Array

    def intercepts(self, residual: Array, patient: Codes) -> Array:
        """Predict each patient's intercept (BLUP), shape (n_patients, n_features).

        Parameters
        ----------
        residual : ndarray of shape (n_cases, n_features)
            Values minus the fixed part.
        patient : ndarray of int, shape (n_cases,)
            0 to n_patients - 1.
        """
        count = np.bincount(patient)
        total = sums(residual, patient, len(count))
        return np.asarray(self.ratio * total / (1 + count[:, None] * self.ratio))


def sums(values: Array, patient: Codes, count: int) -> Array:
    """Add up the rows of each patient."""
    out = np.zeros((count, values.shape[1]))
    np.add.at(out, patient, values)
    return out


def fit_random_intercepts(design: Array, values: Array, patient: Codes) -> RandomIntercepts:
    """Fit all features; the variance ratio of each maximises its restricted likelihood.

    Given the ratio t, the covariance of a patient with n rows is that of noise plus t times ones,
    whose inverse takes t / (1 + t n) of the patient's sums away: so patients enter by their sums,
    added up over patients with equally many rows. The logarithm of t is found by golden-section
    search, for all features in step, and compared with 0.

    Parameters
    ----------
    design : ndarray of shape (n_cases, n_parameters)
        Full rank.
    values : ndarray of shape (n_cases, n_features)
    patient : ndarray of int, shape (n_cases,)

    References
    ----------
    Patterson, Thompson (1971). doi:10.1093/biomet/58.3.545
    """
    n, p = design.shape
    sizes = np.bincount(patient)
    from_design = sums(design, patient, len(sizes))
    from_values = sums(values, patient, len(sizes))
    kinds = np.unique(sizes)
    groups = [sizes == kind for kind in kinds]
    number = np.array([group.sum() for group in groups])
    xx = np.stack([from_design[g].T @ from_design[g] for g in groups])
    xy = np.stack([from_design[g].T @ from_values[g] for g in groups])
    yy = np.stack([(from_values[g] ** 2).sum(axis=0) for g in groups])
    whole_xx, whole_xy = design.T @ design, design.T @ values
    whole_yy = (values**2).sum(axis=0)

    def solve(ratio: Array) -> tuple[Array, Array, Array]:
        weight = ratio[:, None] / (1 + ratio[:, None] * kinds)
        a = whole_xx - np.tensordot(weight, xx, axes=(1, 0))
        b = whole_xy.T - np.einsum("fk,kpf->fp", weight, xy)
        coefficient = np.linalg.solve(a, b[..., None])[..., 0]
        left = whole_yy - np.einsum("fk,kf->f", weight, yy) - (b * coefficient).sum(axis=1)
        left = np.maximum(left, np.finfo(float).tiny)
        spread = np.log(1 + ratio[:, None] * kinds) @ number
        minus = (n - p) * np.log(left) + spread + np.linalg.slogdet(a)[1]
        return coefficient, left / (n - p), minus

    low = np.full(values.shape[1], np.log(1e-6))
    high = np.full(values.shape[1], np.log(1e6))
    for _ in range(_ROUNDS):
        width = high - low
        left, right = high - _SHARE * width, low + _SHARE * width
        nearer = solve(np.exp(left))[2] < solve(np.exp(right))[2]
        high, low = np.where(nearer, right, high), np.where(nearer, low, left)
    ratio = np.exp((low + high) / 2)
    ratio = np.where(solve(ratio)[2] < solve(np.zeros_like(ratio))[2], ratio, 0.0)
    coefficient, variance, _ = solve(ratio)
    return RandomIntercepts(coefficient.T, ratio, np.sqrt(variance))
