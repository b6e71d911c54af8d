"""Tests of invariance for binary and count outcomes: score tests in generalised linear models."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from causalimg.invariance.environments import EnvironmentData
from causalimg.invariance.gram import Sets, standardised, with_intercept

Array = NDArray[np.float64]

_STEPS = 60
_TOLERANCE = 1e-9
_LIMIT = 30.0


def mean_and_weight(eta: Array, family: str) -> tuple[Array, Array]:
    """Return the mean at a linear predictor and the variance there (canonical link)."""
    if family == "binomial":
        mean = 1.0 / (1.0 + np.exp(-np.clip(eta, -_LIMIT, _LIMIT)))
        return mean, np.maximum(mean * (1.0 - mean), 1e-10)
    mean = np.exp(np.clip(eta, -_LIMIT, _LIMIT))
    return mean, np.maximum(mean, 1e-10)


def fit_canonical(x: Array, y: Array, family: str, *, ridge: float = 0.0) -> tuple[Array, Array]:
    """Fit a logistic or Poisson regression by Newton's method.

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_columns)
        With its intercept.
    y : ndarray of shape (n_samples,)
    family : {"binomial", "poisson"}
    ridge : float
        Penalty on the squares of all coefficients but the intercept.

    Returns
    -------
    coef : ndarray of shape (n_columns,)
        Under separation, a point far out with fitted values of 0 and 1.
    information : ndarray of shape (n_columns, n_columns)
    """
    coef = np.zeros(x.shape[1])
    mean = np.clip(y.mean(), 1e-3, None if family == "poisson" else 1 - 1e-3)
    coef[0] = np.log(mean) if family == "poisson" else np.log(mean / (1 - mean))

    penalty = np.full(len(coef), ridge)
    penalty[0] = 0.0

    def likelihood(b: Array) -> float:
        eta = np.clip(x @ b, -_LIMIT, _LIMIT)
        free = np.exp(eta) if family == "poisson" else np.logaddexp(0.0, eta)
        return float(y @ eta - free.sum() - (penalty * b**2).sum() / 2)

    height = likelihood(coef)
    for _ in range(_STEPS):
        mu, weight = mean_and_weight(x @ coef, family)
        information = x.T @ (x * weight[:, None]) + np.diag(penalty)
        slope = x.T @ (y - mu) - penalty * coef
        if ridge > 0:
            step = np.linalg.solve(information, slope)
        else:
            step = np.linalg.lstsq(information, slope, rcond=1e-10)[0]
        size = 1.0
        while size > 1e-6 and likelihood(coef + size * step) < height - 1e-12 * abs(height):
            size /= 2
        coef = coef + size * step
        gain = likelihood(coef) - height
        height += gain
        if gain <= _TOLERANCE * (abs(height) + 1.0):
            break
    mu, weight = mean_and_weight(x @ coef, family)
    return coef, x.T @ (x * weight[:, None])


class ScoreSetTest:
    """Equal coefficients in every environment, for logistic and Poisson regression.

    Rao's score test of the interactions of intercept and features with the environment: only the
    pooled model is fitted, so that an environment in which the classes are separated by the
    features does no harm. For counts the variance of the scores is estimated from the residuals, so
    that it need not equal the mean (generalised score test).

    Parameters
    ----------
    data : EnvironmentData

    References
    ----------
    Rao (1948). doi:10.1017/S0305004100023987
    Boos (1992). doi:10.1080/00031305.1992.10475921
    """

    def __init__(self, data: EnvironmentData) -> None:
        self._z, _, self._scale, _ = standardised(data)
        self._y, self._family = data.y, data.family
        self._rows = [np.flatnonzero(data.codes == e) for e in range(len(data.levels))]

    def p_values(self, sets: Sets) -> Array:
        """Return the p-value of invariance of each subset, shape (n_sets,)."""
        return np.array([self._one(at) for at in with_intercept(sets)])

    def _one(self, at: NDArray[np.intp]) -> float:
        from scipy.special import chdtrc

        x = self._z[:, at]
        coef, whole = fit_canonical(x, self._y, self._family)
        mu, weight = mean_and_weight(x @ coef, self._family)
        residual = self._y - mu
        parts = [x[rows] for rows in self._rows]
        scores = [part.T @ residual[rows] for part, rows in zip(parts, self._rows, strict=True)]
        information = [
            part.T @ (part * weight[rows][:, None])
            for part, rows in zip(parts, self._rows, strict=True)
        ]
        if self._family == "binomial":
            found = [_quadratic(s, i) for s, i in zip(scores, information, strict=True)]
            extra = sum(rank for _, rank in found) - len(at)
            statistic = sum(value for value, _ in found)
        else:
            spread = [
                part.T @ (part * residual[rows][:, None] ** 2)
                for part, rows in zip(parts, self._rows, strict=True)
            ]
            statistic, extra = _robust(scores, information, spread, whole)
        return float(chdtrc(extra, statistic)) if extra > 0 else 1.0

    def coefficients(self, sets: Sets) -> tuple[Array, Array, float]:
        """Return pooled coefficients and standard errors per unit of each feature."""
        coef, se = np.zeros(sets.shape), np.zeros(sets.shape)
        for k, at in enumerate(with_intercept(sets)):
            x = self._z[:, at]
            found, information = fit_canonical(x, self._y, self._family)
            variance = np.diag(np.linalg.pinv(information, hermitian=True))[1:]
            if self._family == "poisson":
                mu, _ = mean_and_weight(x @ found, self._family)
                bread = np.linalg.pinv(information, hermitian=True)
                meat = x.T @ (x * (self._y - mu)[:, None] ** 2) * len(x) / (len(x) - len(at))
                variance = np.diag(bread @ meat @ bread)[1:]
            coef[k] = found[1:] / self._scale[sets[k]]
            se[k] = np.sqrt(variance) / self._scale[sets[k]]
        return coef, se, float("inf")


def _quadratic(vector: Array, matrix: Array) -> tuple[float, int]:
    """Return ``vector' matrix^- vector`` and the rank."""
    values, vectors = np.linalg.eigh(matrix)
    good = values > 1e-9 * values[-1]
    return float(((vector @ vectors[:, good]) ** 2 / values[good]).sum()), int(good.sum())


def _robust(
    scores: list[Array], information: list[Array], spread: list[Array], whole: Array
) -> tuple[float, int]:
    """Return the generalised score statistic of all environments but the last, and its rank."""
    count, k = len(scores), len(whole)
    inverse = np.linalg.pinv(whole, rcond=1e-10, hermitian=True)
    # the pooled fit takes from each environment its share of the sum of all scores
    share = np.vstack([part @ inverse for part in information[:-1]])
    total = sum(spread, np.zeros((k, k)))
    stacked = np.vstack(spread[:-1])
    covariance = share @ total @ share.T - _both_ways(share, stacked, k)
    for e in range(count - 1):
        covariance[e * k : (e + 1) * k, e * k : (e + 1) * k] += spread[e]
    return _quadratic(np.concatenate(scores[:-1]), covariance)


def _both_ways(share: Array, stacked: Array, k: int) -> Array:
    """Return ``A + A'`` with blocks ``A[e, f] = share[e] spread[f]``."""
    blocks = stacked.reshape(-1, k, k).transpose(1, 0, 2).reshape(k, -1)
    product = share @ blocks
    return np.asarray(product + product.T)
