"""Outcome models from scikit-learn: cross-fitting, a nonlinear problem, warnings and refusals."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from causalimg.effects import AIPW, DML, TMLE, DRLearner, GComputation
from causalimg.errors import CausalImgWarning, InvalidInputError

pytest.importorskip("sklearn")

from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Lasso, LinearRegression, Ridge
from sklearn.multioutput import MultiOutputRegressor

KERNEL = KernelRidge(alpha=0.1, kernel="rbf", gamma=0.5)
NAMES = [f"f{k}" for k in range(8)]


def curved(seed: int, n: int = 500) -> pd.DataFrame:
    """Treatment and outcome both depend on a wave in age; true effect 0.5."""
    rng = np.random.default_rng(seed)
    age, size = rng.normal(size=(2, n))
    wave = np.sin(2 * age)
    b = rng.random(n) < 1 / (1 + np.exp(-1.5 * wave))
    y = (1.5 * wave + 0.5 * size + 0.5 * b)[:, None] + rng.normal(size=(n, 8))
    return pd.DataFrame(y, columns=NAMES).assign(age=age, size=size, scanner=np.where(b, "B", "A"))


def rows(estimator: type, frame: pd.DataFrame, **more: Any) -> pd.DataFrame:
    if estimator is DRLearner:
        more["modifiers"] = ["size"]
    fit = estimator(treatment="scanner", adjustment=["age", "size"], **more)
    found: pd.DataFrame = fit.fit(frame, NAMES).effects_.frame
    return found


@pytest.mark.parametrize("estimator", [AIPW, TMLE, DML, DRLearner])
def test_a_flexible_model_removes_what_straight_lines_leave(estimator: type) -> None:
    plain, flexible, inside = [], [], []
    for seed in range(6):
        frame = curved(seed)
        plain.append(rows(estimator, frame)["estimate"].mean())
        found = rows(estimator, frame, outcome_model=KERNEL, n_folds=5)
        flexible.append(found["estimate"].mean())
        inside.append(((found["ci_low"] < 0.5) & (found["ci_high"] > 0.5)).mean())
    assert abs(np.mean(plain) - 0.5) > 0.2
    assert abs(np.mean(flexible) - 0.5) < 0.1
    assert np.mean(inside) > 0.75


def test_g_computation_needs_resampling() -> None:
    frame = curved(0, n=200)
    with pytest.raises(InvalidInputError, match="no standard error but by resampling"):
        rows(GComputation, frame, outcome_model=KERNEL, n_folds=3)
    found = rows(GComputation, frame, outcome_model=KERNEL, n_folds=3, bootstrap=50)
    assert (found["ci_low"] < found["ci_high"]).all()
    assert abs(found["estimate"].mean() - 0.5) < 0.3
    with pytest.raises(InvalidInputError, match="give either them or outcome_model"):
        rows(GComputation, frame, outcome_model=KERNEL, n_folds=3, interactions=())


def test_predictions_are_for_other_folds() -> None:
    """By hand: one outcome, ridge regression per level, two folds."""
    from causalimg.effects.design import build_design
    from causalimg.effects.propensity import fit_propensity
    from causalimg.effects.propensity_model import fold_codes

    frame = curved(1, n=120)
    model = Ridge(alpha=1.0)
    found = rows(AIPW, frame, outcome_model=model, n_folds=2, random_state=4)
    design = build_design(frame, treatment="scanner", adjustment=["age", "size"])
    folds = fold_codes(design.codes, 2, 4)
    y, x = frame["f0"].to_numpy(), design.matrix[:, 1:]
    share = np.maximum(fit_propensity(design).probability, 0.01)
    means = []
    for level in (0, 1):
        has = design.codes == level
        predicted = np.empty(120)
        for fold in (0, 1):
            train = has & (folds != fold)
            mean, scale = y[train].mean(), y[train].std()
            fitted = Ridge(alpha=1.0).fit(x[train], (y[train] - mean) / scale)
            predicted[folds == fold] = fitted.predict(x[folds == fold]) * scale + mean
        weight = has / share[:, level]
        means.append(predicted.mean() + (weight * (y - predicted)).sum() / weight.sum())
    assert found["estimate"].iloc[0] == pytest.approx(means[1] - means[0])


def test_regressors_of_one_outcome_are_looped() -> None:
    frame = curved(2, n=200)
    each = rows(AIPW, frame, outcome_model=MultiOutputRegressor(Ridge()), n_folds=3)
    together = rows(AIPW, frame, outcome_model=Ridge(), n_folds=3)
    np.testing.assert_allclose(each["estimate"], together["estimate"], rtol=1e-8)
    one = AIPW(treatment="scanner", adjustment=["age"], outcome_model=Lasso(0.01), n_folds=3)
    assert np.isfinite(one.fit(frame, ["f0"]).effects_.frame["se"].iloc[0])


def test_missing_outcomes_and_clusters_are_kept_together() -> None:
    frame = curved(3, n=240)
    frame["patient"] = np.arange(240) // 2
    frame.loc[:20, "f0"] = np.nan
    more = {"outcome_model": Ridge(), "n_folds": 4, "cluster": "patient"}
    found = rows(AIPW, frame, **more)
    assert (found["status"] == "ok").all()
    assert found["n"].tolist() == [219, *[240] * 7]


def test_warnings_and_refusals() -> None:
    frame = curved(4, n=200)
    with pytest.warns(CausalImgWarning, match="fitted to the cases that it predicts"):
        rows(AIPW, frame, outcome_model=Ridge())
    with pytest.warns(CausalImgWarning, match="not regularised"):
        rows(AIPW, frame, outcome_model=LinearRegression(), n_folds=5)
    with pytest.raises(InvalidInputError, match="must be a regressor with fit and predict"):
        rows(AIPW, frame, outcome_model="forest")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # the built-in propensities are not cross-fitted with it
        rows(AIPW, frame, outcome_model=Ridge(), n_folds=5)
