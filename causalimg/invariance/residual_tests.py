"""Tests that the residuals of a flexible regression look alike in every environment."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.invariance.environments import EnvironmentData
from causalimg.invariance.gram import Sets, standardised
from causalimg.invariance.score_tests import fit_canonical, mean_and_weight

Array = NDArray[np.float64]

REGRESSORS = ("splines", "forest")
COMPARISONS = ("levene", "ks")
_RIDGE = 1e-4
_MOST_KNOTS = 16


def stratified_folds(
    codes: NDArray[np.intp], n_folds: int, seed: np.random.SeedSequence
) -> NDArray[np.intp]:
    """Return the fold of every row, each environment spread evenly over all folds."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    folds = np.empty(len(codes), dtype=np.intp)
    folds[order] = np.arange(len(codes)) % n_folds
    return folds


class ResidualSetTest:
    """Invariance of a nonlinear mechanism, by out-of-fold residuals of the pooled regression.

    Parameters
    ----------
    data : EnvironmentData
    regressor : {"splines", "forest"} or scikit-learn estimator
        ``splines`` is additive: a cubic spline of each feature, lightly penalised.
    comparison : {"levene", "ks"}
        For continuous outcomes, each environment against all others: rank sum and
        Brown-Forsythe tests, or the Kolmogorov-Smirnov test. For binary and count outcomes, Welch
        tests of the residual's mean and of its product with the predictor (calibration in the
        large, and slope), whatever is set here.
    n_folds : int
    seed : numpy.random.SeedSequence
    """

    def __init__(
        self,
        data: EnvironmentData,
        *,
        regressor: Any,
        comparison: str,
        n_folds: int,
        seed: np.random.SeedSequence,
    ) -> None:
        self._data, self._comparison = data, comparison
        self._regressor = regressor
        first, second = seed.spawn(2)
        self._folds = stratified_folds(data.codes, n_folds, first)
        self._state = int(second.generate_state(1)[0])
        count = len(data.levels)
        self._groups = [data.codes == e for e in range(1 if count == 2 else count)]
        self._basis: list[Array] = []
        self._y = data.y
        if isinstance(regressor, str) and regressor == "splines":
            self._basis = [_spline_basis(column) for column in data.x.T]
        if data.family == "gaussian":
            self._y = standardised(data)[1]

    def p_values(self, sets: Sets) -> Array:
        """Return the p-value of invariance of each subset, shape (n_sets,)."""
        return np.array([self._one(chosen) for chosen in sets])

    def coefficients(self, sets: Sets) -> tuple[Array, Array, float]:
        """Return NaN: a nonlinear mechanism has no coefficients."""
        return np.full(sets.shape, np.nan), np.full(sets.shape, np.nan), float("inf")

    def _one(self, chosen: NDArray[np.intp]) -> float:
        predicted = self._predicted(chosen)
        residual = self._y - predicted
        if self._data.family == "gaussian":
            parts = [self._continuous(residual, group) for group in self._groups]
        else:
            mean = np.clip(predicted, 1e-4, None if self._data.family == "poisson" else 1 - 1e-4)
            slope = np.log(mean) if self._data.family == "poisson" else np.log(mean / (1 - mean))
            tilted = residual * (slope - slope.mean())
            parts = [
                2 * min(_welch(residual, group), _welch(tilted, group)) for group in self._groups
            ]
        return float(min(1.0, len(self._groups) * min(parts)))

    def _continuous(self, residual: Array, group: NDArray[np.bool_]) -> float:
        from scipy.stats import ks_2samp, levene, mannwhitneyu

        here, there = residual[group], residual[~group]
        if self._comparison == "ks":
            return float(ks_2samp(here, there, method="asymp").pvalue)
        place = mannwhitneyu(here, there, method="asymptotic").pvalue
        return float(2 * min(place, levene(here, there, center="median").pvalue))

    def _predicted(self, chosen: NDArray[np.intp]) -> Array:
        out = np.empty(len(self._y))
        for fold in range(self._folds.max() + 1):
            train, test = self._folds != fold, self._folds == fold
            if not len(chosen):
                out[test] = self._y[train].mean()
            elif self._basis:
                out[test] = self._splines(chosen, train, test)
            else:
                out[test] = self._machine(self._data.x[:, chosen], train, test)
        return out

    def _splines(
        self, chosen: NDArray[np.intp], train: NDArray[np.bool_], test: NDArray[np.bool_]
    ) -> Array:
        z = np.hstack([np.ones((len(self._y), 1)), *(self._basis[k] for k in chosen)])
        penalty = _RIDGE * train.sum()
        if self._data.family == "gaussian":
            gram = z[train].T @ z[train]
            gram[np.arange(1, len(gram)), np.arange(1, len(gram))] += penalty
            return np.asarray(z[test] @ np.linalg.solve(gram, z[train].T @ self._y[train]))
        coef, _ = fit_canonical(z[train], self._y[train], self._data.family, ridge=penalty)
        return mean_and_weight(z[test] @ coef, self._data.family)[0]

    def _machine(self, x: Array, train: NDArray[np.bool_], test: NDArray[np.bool_]) -> Array:
        from sklearn.base import clone
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        binary = self._data.family == "binomial"
        if isinstance(self._regressor, str):
            kind = RandomForestClassifier if binary else RandomForestRegressor
            model = kind(n_estimators=100, min_samples_leaf=5, random_state=self._state)
        else:
            model = clone(self._regressor)
        model.fit(x[train], self._y[train])
        if binary and hasattr(model, "predict_proba"):
            return np.asarray(model.predict_proba(x[test])[:, 1])
        return np.asarray(model.predict(x[test]))


def _spline_basis(column: Array) -> Array:
    from sklearn.preprocessing import SplineTransformer

    distinct = len(np.unique(column))
    if distinct < 6:
        return np.asarray(((column - column.mean()) / column.std())[:, None])
    knots = min(4 + int(len(column) ** (1 / 3)), _MOST_KNOTS)
    made = SplineTransformer(n_knots=knots, knots="quantile", extrapolation="linear").fit_transform(
        (column - column.mean())[:, None] / column.std()
    )
    made = made - made.mean(axis=0)
    spread = made.std(axis=0)
    return np.asarray(made[:, spread > 1e-6] / spread[spread > 1e-6])


def _welch(values: Array, group: NDArray[np.bool_]) -> float:
    from scipy.special import ndtr

    here, there = values[group], values[~group]
    se = np.sqrt(here.var(ddof=1) / len(here) + there.var(ddof=1) / len(there))
    if not se > 0:
        return 1.0
    return float(2 * ndtr(-abs(here.mean() - there.mean()) / se))
