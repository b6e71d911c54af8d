"""Invariant prediction of binary, count and nonlinear outcomes: levels and agreement."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from invariance_tables import outcome_arrays
from scipy import stats
from sklearn.linear_model import LogisticRegression, PoissonRegressor

from causalimg.errors import InvalidInputError
from causalimg.invariance.environments import EnvironmentData
from causalimg.invariance.icp import ICP
from causalimg.invariance.nonlinear_icp import NonlinearICP
from causalimg.invariance.residual_tests import ResidualSetTest, stratified_folds
from causalimg.invariance.score_tests import ScoreSetTest, fit_canonical
from causalimg.invariance.subset_search import search_sets

NAMES = ["a", "b", "c", "d"]


def data(seed: int, family: str, **sizes: int) -> EnvironmentData:
    x, y, codes = outcome_arrays(seed, family, **sizes)
    kind = "gaussian" if family == "smooth" else family
    levels = tuple(f"s{k}" for k in range(codes.max() + 1))
    return EnvironmentData(x, y, codes, tuple(NAMES), "y", "site", levels, kind, (), "")


def frame(seed: int, family: str, **sizes: int) -> pd.DataFrame:
    x, y, codes = outcome_arrays(seed, family, **sizes)
    return pd.DataFrame(x, columns=NAMES).assign(y=y, site=[f"s{c}" for c in codes])


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_the_fit_agrees_with_scikit_learn(family: str) -> None:
    x, y, _ = outcome_arrays(0, family)
    coef, _ = fit_canonical(np.hstack([np.ones((len(x), 1)), x]), y, family)
    if family == "binomial":
        peer = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x, y)
    else:
        peer = PoissonRegressor(alpha=0.0, tol=1e-10, max_iter=1000).fit(x, y)
    np.testing.assert_allclose(coef[1:], np.ravel(peer.coef_), atol=2e-4)
    np.testing.assert_allclose(coef[0], np.ravel(peer.intercept_)[0], atol=2e-4)


def test_the_score_test_is_near_the_likelihood_ratio() -> None:
    one = data(1, "binomial", n=2000)
    p = ScoreSetTest(one).p_values(np.array([[0]]))[0]

    def deviance(rows: np.ndarray) -> float:
        x = np.column_stack([np.ones(rows.sum()), one.x[rows, 0]])
        coef, _ = fit_canonical(x, one.y[rows], "binomial")
        eta = x @ coef
        return float(-2 * (one.y[rows] @ eta - np.logaddexp(0, eta).sum()))

    whole = deviance(np.ones(len(one.y), dtype=bool))
    apart = sum(deviance(one.codes == e) for e in range(3))
    assert stats.chi2.isf(p, 4) == pytest.approx(whole - apart, rel=0.05)


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_the_score_test_holds_its_level(family: str) -> None:
    p = np.array(
        [ScoreSetTest(data(s, family, n=100)).p_values(np.array([[0, 1]]))[0] for s in range(300)]
    )
    for level in (0.05, 0.2):
        assert abs((p <= level).mean() - level) <= 3 * np.sqrt(level * (1 - level) / 300) + 0.01


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_direct_causes_of_binary_and_count_outcomes(family: str) -> None:
    wrong = full = 0
    for seed in range(60):
        test = ScoreSetTest(data(seed, family))
        chosen = set(search_sets(test, 4, alpha=0.05, most=4, kind="all").intersection())
        wrong += not chosen <= {0, 1}
        full += chosen == {0, 1}
    assert wrong <= 8  # 60 runs at 5 %: 3, and three standard errors
    assert full >= 40


def test_separated_classes_are_no_obstacle() -> None:
    table = frame(2, "binomial", n=60)
    table["label"] = np.where(table["a"] > 0, "ill", "well")
    found = ICP(environment="site").fit(table, outcome="label", features=["a", "b"])
    assert np.isfinite(found.predictors_.p_model)
    assert found.predictors_.features == ("a",)


def test_binary_intervals_hold_the_truth() -> None:
    found = ICP(environment="site").fit(frame(3, "binomial", n=800), outcome="y", features=NAMES)
    rows = found.predictors_.evidence.set_index("feature")
    assert found.predictors_.features == ("a", "b")
    assert rows.loc["a", "ci_low"] < 0.8 < rows.loc["a", "ci_high"]
    assert rows.loc["b", "ci_low"] < -0.7 < rows.loc["b", "ci_high"]
    assert found.predictors_.p_model > 0.05


@pytest.mark.parametrize("comparison", ["levene", "ks"])
def test_direct_causes_of_a_nonlinear_outcome(comparison: str) -> None:
    wrong = full = 0
    for seed in range(25):
        test = ResidualSetTest(
            data(seed, "smooth", n=200),
            regressor="splines",
            comparison=comparison,
            n_folds=5,
            seed=np.random.SeedSequence(seed),
        )
        chosen = set(search_sets(test, 4, alpha=0.05, most=4, kind="minimal").intersection())
        wrong += not chosen <= {0, 1}
        full += chosen == {0, 1}
    assert wrong <= 4
    assert full >= 15


def test_linear_icp_rejects_what_the_nonlinear_one_explains() -> None:
    table = frame(4, "smooth", n=400)
    straight = ICP(environment="site").fit(table, outcome="y", features=["a", "b", "d"])
    curved = NonlinearICP(environment="site").fit(table, outcome="y", features=["a", "b", "d"])
    assert straight.model_rejected_
    assert curved.predictors_.features == ("a", "b")
    assert curved.predictors_.evidence["estimate"].isna().all()
    assert "approximate" in curved.predictors_.claim


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_nonlinear_with_other_outcomes(family: str) -> None:
    found = NonlinearICP(environment="site", family=family)
    found.fit(frame(5, family, n=400), outcome="y", features=NAMES[:3])
    assert set(found.predictors_.features) == {"a", "b"}


def test_forests_and_estimators_of_the_caller() -> None:
    from sklearn.neighbors import KNeighborsRegressor

    table = frame(6, "smooth", n=250)
    for regressor in ("forest", KNeighborsRegressor(20)):
        search = NonlinearICP(environment="site", regressor=regressor, n_folds=2)
        found = search.fit(table, outcome="y", features=["a", "c"]).predictors_
        assert set(found.features) <= {"a"}
    with pytest.raises(InvalidInputError, match="must be one of splines, forest or have fit"):
        NonlinearICP(environment="site", regressor=3).fit(table, outcome="y", features=["a"])


def test_folds_are_even_in_every_environment_and_seeded() -> None:
    codes = np.repeat([0, 1, 2], [50, 31, 19])
    folds = stratified_folds(codes, 5, np.random.SeedSequence(1))
    for e in range(3):
        counts = np.bincount(folds[codes == e], minlength=5)
        assert np.ptp(counts) <= 1
    again = stratified_folds(codes, 5, np.random.SeedSequence(1))
    np.testing.assert_array_equal(folds, again)
    assert (folds != stratified_folds(codes, 5, np.random.SeedSequence(2))).any()
