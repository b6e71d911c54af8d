"""Stabilised regression: an average of the regressions that are stable and predict well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.multiplicity import check_choice
from causalimg.effects.parameters import Parametrised
from causalimg.errors import InvalidInputError, NotEstimableError, check_columns
from causalimg.invariance.environments import EnvironmentData, read_environments
from causalimg.invariance.gram import Grams, Sets, standardised, subsets, with_intercept
from causalimg.invariance.predictors import COLUMNS, InvariantPredictors
from causalimg.invariance.screening import SCREENINGS, screened
from causalimg.invariance.set_icp import MOST_FEATURES
from causalimg.invariance.set_tests import LINEAR_TESTS, LinearSetTest
from causalimg.parallel import spawn_seeds
from causalimg.provenance import Provenance

Array = NDArray[np.float64]


class StabilizedRegression(Parametrised):
    """Predict an outcome with the average of all stable, well predicting linear regressions.

    Every subset of the (screened) features is regressed on. Those whose regression is the same in
    all environments (p-value at least ``alpha_stable``) and whose mean squared error is among the
    best are averaged. A feature is called invariant if it is in at least ``threshold`` of them.

    Parameters
    ----------
    environment : str
    alpha_stable : float, default=0.05
        Smallest p-value of a stable set.
    alpha_predict : float, default=0.05
        A set predicts well if its error is below the upper ``alpha_predict`` quantile of the
        bootstrapped error of the best stable set.
    threshold : float, default=0.5
        Smallest share of the averaged sets that a feature must be in.
    test : {"chow", "residuals", "levene"}
        See `LinearSetTest`.
    screening : {"boosting", "lasso", "forest"}
    max_features : int, default=12
    n_bootstrap : int, default=200
    random_state : int or None, default=0

    Attributes
    ----------
    predictors_ : InvariantPredictors
        ``share`` is the share of the averaged sets with the feature; ``estimate`` the averaged
        coefficient.
    coef_ : pandas.Series
    intercept_ : float
    averaged_sets_ : list of tuple of str
    unstable_ : pandas.Series
        Per feature: its share among the best predicting sets, stable or not, minus its share among
        the averaged ones. Large for features that predict but not alike everywhere.
    invariant_set_ : InvariantSet
        The same features and evidence, to save and share.

    Notes
    -----
    Assumptions: linear relations. No error probability is claimed for the selected features; where
    the assumptions of `ICP` hold, they estimate the stable blanket, which predicts at least as
    well as the direct causes and may contain effects of the outcome that no environment moves.

    References
    ----------
    Pfister, Williams, Peters, Aebersold, Buhlmann (2021). doi:10.1214/21-AOAS1487

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> site = np.repeat(["a", "b"], 400)
    >>> cause = rng.normal(size=800) + 2.0 * (site == "b")
    >>> y = cause + rng.normal(size=800)
    >>> stable = y + rng.normal(size=800)
    >>> moved = y + rng.normal(size=800) + 3.0 * (site == "b")
    >>> table = pd.DataFrame({"site": site, "cause": cause, "stable": stable, "moved": moved})
    >>> names = ["cause", "stable", "moved"]
    >>> model = StabilizedRegression(environment="site")
    >>> model.fit(table.assign(y=y), outcome="y", features=names).invariant_set_.features
    ('cause', 'stable')
    """

    def __init__(
        self,
        *,
        environment: str,
        alpha_stable: float = 0.05,
        alpha_predict: float = 0.05,
        threshold: float = 0.5,
        test: str = "chow",
        screening: str = "boosting",
        max_features: int = 12,
        n_bootstrap: int = 200,
        random_state: int | None = 0,
    ) -> None:
        self.environment = environment
        self.alpha_stable = alpha_stable
        self.alpha_predict = alpha_predict
        self.threshold = threshold
        self.test = test
        self.screening = screening
        self.max_features = max_features
        self.n_bootstrap = n_bootstrap
        self.random_state = random_state

    def fit(self, frame: pd.DataFrame, *, outcome: str, features: Sequence[str]) -> Self:
        """Fit every subset and average.

        Parameters
        ----------
        frame : pandas.DataFrame
            One row per case. Not modified.
        outcome : str
            A number column.
        features : sequence of str

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            For settings outside their range, missing values or text.
        NotEstimableError
            If no subset is stable, or an environment is too small.
        UnknownNameError
            If a column does not exist.
        """
        self._check()
        data = read_environments(
            frame,
            environment=self.environment,
            outcome=outcome,
            features=features,
            family="gaussian",
        )
        first, second = spawn_seeds(self.random_state, 2)
        part = screened(data, self.screening, self.max_features, first)
        size = len(part.features)
        test, pooled = LinearSetTest(part, self.test), Grams.of(part).pooled()
        every = [subsets(size, k) for k in range(size + 1)]
        p = np.concatenate([test.p_values(batch) for batch in every])
        fits = [pooled.regress(batch, 0) for batch in every]
        error = np.concatenate([fit.rss for fit in fits]) / len(data.y)
        coef = np.vstack(
            [_spread(batch, fit.coef, size) for batch, fit in zip(every, fits, strict=True)]
        )
        stable = p >= self.alpha_stable
        if not stable.any():
            raise NotEstimableError(
                f"no set of the {size} features is stable across {self.environment!r}"
                f" (largest p-value {p.max():.2g}): an environment acts on the outcome itself, or"
                " on its relation to the features"
            )
        best = int(np.where(stable, error, np.inf).argmin())
        averaged = stable & (error <= self._cut(part, coef[best], second))
        free = error <= self._cut(part, coef[int(error.argmin())], second)
        weights = coef[averaged].mean(axis=0) * pooled.y_scale / pooled.scale
        share, loose = (np.abs(coef[rows] != 0).mean(axis=0) for rows in (averaged, free))
        self.coef_ = pd.Series(weights, index=list(part.features))
        self.intercept_ = float(part.y.mean() - part.x.mean(axis=0) @ weights)
        self.averaged_sets_ = [
            tuple(part.features[k] for k in np.flatnonzero(row)) for row in coef[averaged]
        ]
        self.unstable_ = pd.Series(loose - share, index=list(part.features))
        self._record(list(map(str, features)), part, share, float(p.max()))
        return self

    def predict(self, frame: pd.DataFrame) -> Array:
        """Predict the outcome of new rows, shape (n_samples,)."""
        check_columns(frame, list(self.coef_.index), "predict")
        x = frame[list(self.coef_.index)].to_numpy(dtype=np.float64)
        return np.asarray(x @ self.coef_.to_numpy() + self.intercept_)

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return only the selected features."""
        return self.invariant_set_.transform(frame)

    # ---- steps ---------------------------------------------------------------------------

    def _check(self) -> None:
        for name in ("alpha_stable", "alpha_predict", "threshold"):
            if not 0 < getattr(self, name) < 1:
                raise InvalidInputError(
                    f"{name} must be between 0 and 1, got {getattr(self, name)!r}"
                )
        check_choice(self.test, LINEAR_TESTS, "test")
        check_choice(self.screening, SCREENINGS, "screening")
        if not 1 <= self.max_features <= MOST_FEATURES:
            raise InvalidInputError(
                f"max_features={self.max_features!r} must be from 1 to {MOST_FEATURES}"
            )
        if self.n_bootstrap < 20:
            raise InvalidInputError(f"n_bootstrap must be at least 20, got {self.n_bootstrap!r}")

    def _cut(self, data: EnvironmentData, coef: Array, seed: np.random.SeedSequence) -> float:
        """Return the largest error that still counts as that of these coefficients."""
        z, y, _, _ = standardised(data)
        squares = (y - z[:, 1:] @ coef) ** 2
        rng = np.random.default_rng(seed)
        weights = rng.multinomial(len(y), np.full(len(y), 1 / len(y)), self.n_bootstrap)
        errors = weights @ squares / len(y)
        return float(np.quantile(errors, 1 - self.alpha_predict))

    def _record(
        self, names: list[str], data: EnvironmentData, share: Array, p_model: float
    ) -> None:
        at = {name: k for k, name in enumerate(data.features)}
        rows = []
        for name in names:
            k = at.get(name)
            if k is None:
                rows.append((name, "screened_out", *[np.nan] * 5))
                continue
            verdict = "invariant" if share[k] >= self.threshold else "not_shown"
            row = (self.coef_.iloc[k], np.nan, np.nan, np.nan, share[k])
            rows.append((name, verdict, *row))
        evidence = pd.DataFrame(rows, columns=list(COLUMNS))
        self.predictors_ = InvariantPredictors(
            features=tuple(evidence.loc[evidence["verdict"] == "invariant", "feature"]),
            method="stabilized_regression",
            environment=self.environment,
            outcome=data.outcome,
            alpha=float(self.alpha_stable),
            claim=(
                "No error probability is claimed: these features are in most of the regressions"
                " that are stable across the environments and predict well."
            ),
            evidence=evidence,
            accepted_sets=tuple(self.averaged_sets_),
            p_model=p_model,
            environments=data.levels,
            provenance=Provenance.of(
                "invariance",
                settings={
                    "estimator": "stabilized_regression",
                    **self.settings(),
                    "outcome": data.outcome,
                },
                inputs={"table": data.sha256},
                assumptions=("The outcome is linear in the features of every stable set.",),
                seed=self.random_state,
            ),
        )
        self.invariant_set_ = self.predictors_.to_invariant_set()


def _spread(sets: Sets, coef: Array, d: int) -> Array:
    """Return coefficients of all features, zero outside the set, shape (n_sets, d)."""
    out = np.zeros((len(sets), d + 1))
    np.put_along_axis(out, with_intercept(sets), coef, axis=1)
    return out[:, 1:]
