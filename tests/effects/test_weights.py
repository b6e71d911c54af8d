"""Where weights come from: entropy balancing, any classifier, folds, splines."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from effect_tables import ADJUSTMENT, confounded_table

from causalimg.effects import AIPW, IPW, EntropyBalance
from causalimg.effects.entropy import entropy_weights
from causalimg.effects.propensity_model import fold_codes
from causalimg.effects.splines import natural_knots, natural_spline
from causalimg.errors import CausalImgWarning, InvalidInputError, NotEstimableError


def test_entropy_weights_solve_their_problem() -> None:
    """Exponential in the covariates, exact in the means: the conditions that define them."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    aim = np.array([0.4, -0.3, 0.1])
    weights, imbalance = entropy_weights(x, aim)
    assert imbalance < 1e-9
    np.testing.assert_allclose(weights @ x, aim, atol=1e-9)
    assert (weights > 0).all()
    basis = np.column_stack([np.ones(200), x])
    fitted = basis @ np.linalg.lstsq(basis, np.log(weights), rcond=None)[0]
    np.testing.assert_allclose(np.log(weights), fitted, atol=1e-8)


def test_an_aim_out_of_reach_is_reported() -> None:
    x = np.linspace(0, 1, 50)[:, None]
    assert entropy_weights(x, np.array([1.2]))[1] > 0.1
    rng = np.random.default_rng(1)
    b = rng.random(300) < 0.5
    frame = pd.DataFrame({"age": np.where(b, rng.uniform(50, 90, 300), rng.uniform(40, 60, 300))})
    frame["t"], frame["y"] = np.where(b, "B", "A"), rng.normal(size=300)
    fit = EntropyBalance(treatment="t", adjustment=["age"], estimand="att")
    with pytest.raises(NotEstimableError, match=r"did not converge.*t=A.*means of t=B.*'age'"):
        fit.fit(frame, ["y"])


def test_entropy_balance_is_exact_and_its_error_is_that_of_the_regression() -> None:
    frame, names = confounded_table(2, levels="ABC")
    fit = EntropyBalance(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    assert fit.balance_ is not None
    assert fit.balance_["smd_weighted"].abs().max() < 1e-6
    aipw = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    ratio = fit.effects_.frame["se"] / aipw.effects_.frame["se"]
    assert ratio.between(0.85, 1.1).all()


def test_any_classifier_gives_propensities() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    frame, names = confounded_table(3, n=1500, levels="ABC")
    ours = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    model = linear.LogisticRegression(C=1e6, max_iter=2000)
    theirs = AIPW(treatment="scanner", adjustment=ADJUSTMENT, propensity_model=model)
    theirs.fit(frame, names)
    np.testing.assert_allclose(ours.propensity_, theirs.propensity_, atol=2e-3)
    np.testing.assert_allclose(
        ours.effects_.frame["estimate"], theirs.effects_.frame["estimate"], atol=2e-3
    )
    assert not hasattr(model, "coef_")
    with pytest.raises(InvalidInputError, match="list, which has no fit"):
        AIPW(treatment="scanner", adjustment=ADJUSTMENT, propensity_model=[]).fit(frame, names)


def test_cross_fitting_needs_a_penalty() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    frame, names = confounded_table(4, n=600)
    settings = {"treatment": "scanner", "adjustment": ADJUSTMENT, "n_folds": 5}
    with pytest.warns(CausalImgWarning, match="unregularised model"):
        AIPW(**settings).fit(frame, names)
    with pytest.warns(CausalImgWarning, match="unregularised model"):
        AIPW(**settings, propensity_model=linear.LogisticRegression(C=1e9)).fit(frame, names)
    fit = AIPW(**settings, propensity_model=linear.LogisticRegression()).fit(frame, names)
    again = AIPW(**settings, propensity_model=linear.LogisticRegression()).fit(frame, names)
    pd.testing.assert_frame_equal(fit.effects_.frame, again.effects_.frame)
    whole = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    assert abs(fit.effects_.frame["estimate"] - whole.effects_.frame["estimate"]).max() < 0.1
    with pytest.raises(InvalidInputError, match="n_folds must be at least 1"):
        AIPW(treatment="scanner", adjustment=ADJUSTMENT, n_folds=0).fit(frame, names)


def test_folds_are_even_and_keep_clusters() -> None:
    codes = np.array([0, 1, 1] * 20)
    folds = fold_codes(codes, 4, 0)
    assert set(np.bincount(folds)) == {15}
    assert np.ptp(np.bincount(folds[codes == 0], minlength=4)) <= 1
    cluster = np.arange(60) // 3
    folds = fold_codes(codes, 4, 0, cluster)
    assert all(len(set(folds[cluster == k])) == 1 for k in range(20))
    with pytest.raises(InvalidInputError, match="more than the 20 cases or clusters"):
        fold_codes(codes, 21, 0, cluster)


def test_natural_splines_are_linear_outside_and_smooth_inside() -> None:
    x = np.linspace(-3, 3, 4001)
    knots = natural_knots(x, 4)
    basis = natural_spline(x, knots)
    assert basis.shape == (4001, 4)
    assert np.linalg.matrix_rank(np.column_stack([np.ones(4001), basis])) == 5
    second = np.diff(basis, 2, axis=0) / (x[1] - x[0]) ** 2
    outside = (x[1:-1] < knots[0] - 0.01) | (x[1:-1] > knots[-1] + 0.01)
    assert np.abs(second[outside]).max() < 1e-4
    assert np.abs(np.diff(second, axis=0)).max() < 0.05
    with pytest.raises(InvalidInputError, match="at least 2 degrees"):
        natural_knots(x, 1)


def test_splines_repair_a_bent_confounder() -> None:
    rng = np.random.default_rng(5)
    n = 3000
    x = rng.normal(size=n)
    b = rng.random(n) < 1 / (1 + np.exp(-(x**2 - 1)))
    frame = pd.DataFrame({"x": x, "sex": rng.choice(["F", "M"], n), "t": np.where(b, "B", "A")})
    frame["y"] = 2 * x**2 + 0.5 * b + rng.normal(size=n)
    plain = IPW(treatment="t", adjustment=["x", "sex"]).fit(frame, ["y"]).effects_.frame.iloc[0]
    assert plain["ci_low"] > 1.0
    bent = IPW(treatment="t", adjustment=["x", "sex"], splines=4).fit(frame, ["y"])
    # beyond the outer knots the log odds are straight: a little is left
    assert abs(bent.effects_.frame["estimate"].iloc[0] - 0.5) < 0.2 * (plain["estimate"] - 0.5)
    both = AIPW(treatment="t", adjustment=["x", "sex"], splines=4).fit(frame, ["y"])
    row = both.effects_.frame.iloc[0]
    assert row["ci_low"] < 0.5 < row["ci_high"]
    assert row["se"] < 0.15
