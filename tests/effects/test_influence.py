"""The array solver against a plain loop, statsmodels and known limits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from effect_tables import ADJUSTMENT, confounded_table
from scipy import stats

from causalimg.effects import AIPW, IPW, DifferenceInMeans, GComputation
from causalimg.effects.design import build_design
from causalimg.effects.influence import contrast
from causalimg.effects.plans import linear_plan
from causalimg.effects.propensity import fit_propensity
from causalimg.effects.targets import propensity_target


def test_point_estimates_equal_a_plain_loop() -> None:
    frame, names = confounded_table(0, levels="ABC")
    design = build_design(frame, treatment="scanner", adjustment=ADJUSTMENT)
    probability = np.maximum(fit_propensity(design).probability, 0.01)
    fit = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    for name in names:
        y = frame[name].to_numpy()
        means = []
        for level in range(3):
            inside = design.codes == level
            beta, *_ = np.linalg.lstsq(design.matrix[inside], y[inside], rcond=None)
            predicted = design.matrix @ beta
            weight = inside / probability[:, level]
            means.append(predicted.mean() + (weight * (y - predicted)).sum() / weight.sum())
        rows = fit.effects_.frame.query("outcome == @name")
        np.testing.assert_allclose(
            rows["estimate"], [means[1] - means[0], means[2] - means[0]], rtol=1e-9
        )


def test_standard_error_equals_its_formula() -> None:
    frame, names = confounded_table(1, n=150)
    design = build_design(frame, treatment="scanner", adjustment=ADJUSTMENT)
    probability = fit_propensity(design).probability
    y = frame[names[0]].to_numpy()
    n, x = len(y), design.matrix
    total = np.zeros(n)
    for level, sign in ((1, 1.0), (0, -1.0)):
        rows = np.flatnonzero(design.codes == level)
        inverse = np.linalg.inv(x[rows].T @ x[rows])
        beta = inverse @ x[rows].T @ y[rows]
        hat = np.diag(x[rows] @ inverse @ x[rows].T)
        direct = 1 / probability[rows, level]
        direct /= direct.sum()
        weights = (x.mean(axis=0) - direct @ x[rows]) @ inverse @ x[rows].T + direct
        assert weights.sum() == pytest.approx(1.0)
        total += sign * (x @ beta - (x @ beta).mean())
        residual = y[rows] - x[rows] @ beta
        total[rows] += sign * n * weights * residual / np.sqrt(1 - hat)
        # the propensities are estimated: derivative by their coefficients, times influence on those
        gap = (design.codes == level) - probability[:, level]
        gradient = -(x[rows] * gap[rows, None]).T @ (direct * (residual - direct @ residual))
        share = probability[:, 1] * probability[:, 0]
        information = (x * share[:, None]).T @ x
        total += sign * n * (x * gap[:, None]) @ np.linalg.solve(information, gradient)
    fit = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names[:1])
    assert fit.effects_.frame["se"].iloc[0] == pytest.approx(np.sqrt((total**2).sum()) / n)
    influence = fit.influence_["B - A"]
    np.testing.assert_allclose(influence[names[0]], total, atol=1e-6)
    assert influence.index.equals(frame.index)


def test_agrees_with_statsmodels() -> None:
    treatment = pytest.importorskip("statsmodels.treatment.treatment_effects")
    api = pytest.importorskip("statsmodels.api")
    frame, names = confounded_table(2, n=800)
    design = build_design(frame, treatment="scanner", adjustment=["age", "site"])
    exog, y = design.matrix, frame[names[0]].to_numpy()
    selection = api.Logit(design.codes, exog).fit(disp=0)
    theirs = treatment.TreatmentEffect(
        api.OLS(y, exog), design.codes, results_select=selection
    ).aipw(return_results=True)
    fit = AIPW(treatment="scanner", adjustment=["age", "site"]).fit(frame, names[:1])
    row = fit.effects_.frame.iloc[0]
    # theirs does not divide by the sum of the weights
    assert row["estimate"] == pytest.approx(float(np.ravel(theirs.effect)[0]), abs=2e-3)
    assert row["se"] == pytest.approx(float(np.squeeze(theirs.results_gmm.bse)[0]), rel=0.05)


def test_agrees_with_econml() -> None:
    dr = pytest.importorskip("econml.dr")
    linear_model = pytest.importorskip("sklearn.linear_model")
    frame, names = confounded_table(3, n=2000)
    design = build_design(frame, treatment="scanner", adjustment=ADJUSTMENT)
    learner = dr.LinearDRLearner(
        model_propensity=linear_model.LogisticRegression(C=1e6, max_iter=1000),
        model_regression=linear_model.LinearRegression(),
        random_state=0,
    )
    x = design.matrix[:, 1:]
    learner.fit(frame[names[0]].to_numpy(), design.codes, X=x)
    fit = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names[:1])
    row = fit.effects_.frame.iloc[0]
    assert row["estimate"] == pytest.approx(float(learner.ate(x, T0=0, T1=1)), abs=0.5 * row["se"])


def test_difference_in_means_is_welch() -> None:
    frame, names = confounded_table(4, n=60)
    fit = DifferenceInMeans(treatment="scanner").fit(frame, names)
    rows = fit.effects_.frame.set_index("outcome")
    for name in names:
        groups = [frame.loc[frame["scanner"] == level, name] for level in "BA"]
        welch = stats.ttest_ind(*groups, equal_var=False)
        interval = welch.confidence_interval(0.95)
        assert rows.loc[name, "p"] == pytest.approx(welch.pvalue)
        assert rows.loc[name, "ci_low"] == pytest.approx(interval.low)
        assert rows.loc[name, "ci_high"] == pytest.approx(interval.high)
        assert rows.loc[name, "outcome_sd"] == pytest.approx(
            np.sqrt(sum((len(g) - 1) * g.var() for g in groups) / (len(frame) - 2))
        )


def test_g_computation_equals_a_regression_with_interactions() -> None:
    frame, names = confounded_table(5)
    fit = GComputation(treatment="scanner", adjustment=["age"]).fit(frame, names[:1])
    age = frame["age"] - frame["age"].mean()
    b = (frame["scanner"] == "B").astype(float)
    exog = np.column_stack([np.ones(len(frame)), b, age, b * age])
    beta, *_ = np.linalg.lstsq(exog, frame[names[0]].to_numpy(), rcond=None)
    assert fit.effects_.frame["estimate"].iloc[0] == pytest.approx(beta[1])


def test_aipw_is_doubly_robust() -> None:
    """Outcome far from linear, propensity right: g-computation is biased, AIPW is not."""
    rng = np.random.default_rng(6)
    n = 20_000
    x = rng.normal(size=n)
    b = rng.random(n) < 1 / (1 + np.exp(-x))
    # one arm is quadratic only, so the linear model of that arm is wrong
    y = np.where(b, 1.0 + x**2, 0.0) + rng.normal(size=n)
    frame = pd.DataFrame({"x": x, "t": np.where(b, "B", "A"), "y": y})
    aipw = AIPW(treatment="t", adjustment=["x"]).fit(frame, ["y"]).effects_.frame.iloc[0]
    plain = GComputation(treatment="t", adjustment=["x"]).fit(frame, ["y"]).effects_.frame.iloc[0]
    assert abs(aipw["estimate"] - 2.0) < 4 * aipw["se"]
    assert abs(plain["estimate"] - 2.0) > 6 * plain["se"]


def test_clusters_of_one_change_next_to_nothing() -> None:
    frame, names = confounded_table(7)
    plain = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    single = AIPW(treatment="scanner", adjustment=ADJUSTMENT, cluster="case_id").fit(frame, names)
    np.testing.assert_allclose(single.effects_.frame["se"], plain.effects_.frame["se"], rtol=1e-4)
    first, second = single.contrast_frame()["df"], plain.contrast_frame()["df"]
    np.testing.assert_allclose(first, second, rtol=1e-3)


def test_copied_cases_need_clusters() -> None:
    """Every case entered four times: the clustered error is that of the original table."""
    frame, names = confounded_table(8)
    four = pd.concat([frame] * 4, ignore_index=True)
    single = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names).effects_.frame
    naive = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(four, names).effects_.frame
    robust = AIPW(treatment="scanner", adjustment=ADJUSTMENT, cluster="case_id")
    robust_se = robust.fit(four, names).effects_.frame["se"]
    assert (naive["se"] < 0.55 * single["se"]).all()
    np.testing.assert_allclose(robust_se, single["se"], rtol=0.03)


def test_a_parameter_that_rests_on_one_case_is_noted() -> None:
    frame, names = confounded_table(9)
    keep = ~((frame["site"] == "S3") & (frame["scanner"] == "A"))
    keep[frame.index[(frame["site"] == "S3") & (frame["scanner"] == "A")][0]] = True
    frame = frame[keep]
    fit = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    assert np.isfinite(fit.effects_.frame["se"]).all()
    case = frame.loc[(frame["site"] == "S3") & (frame["scanner"] == "A"), "case_id"].iloc[0]
    assert any("rests on single cases" in note and case in note for note in fit.notes_)


def test_outcomes_do_not_influence_each_other() -> None:
    rng = np.random.default_rng(10)
    matrix = np.column_stack([np.ones(200), rng.normal(size=(200, 2))])
    codes = np.arange(200) % 2
    outcomes = rng.normal(size=(200, 40))
    probability = np.full((200, 2), 0.5)
    plan = linear_plan(matrix, codes, propensity_target(probability, codes, "ate", -1), 2)
    together = contrast(plan.solve(outcomes), 1, 0)
    alone = contrast(plan.solve(outcomes[:, [7]]), 1, 0)
    assert together.estimate[7] == pytest.approx(alone.estimate[0], rel=1e-10)
    assert together.se[7] == pytest.approx(alone.se[0], rel=1e-10)
    assert together.df[7] == pytest.approx(alone.df[0], rel=1e-10)


def test_ipw_allows_for_each_cases_leverage_on_the_propensities() -> None:
    """A case with a rare level has most to say on the propensities, and is corrected most."""
    rng = np.random.default_rng(12)
    x = rng.normal(size=400)
    treated = rng.random(400) < 1 / (1 + np.exp(-2 * x))
    frame = pd.DataFrame({"x": x, "f0": x + rng.normal(size=400)})
    frame["scanner"] = np.where(treated, "B", "A")
    fit = IPW(treatment="scanner", adjustment=["x"]).fit(frame, ["f0"])
    nuisance = fit.blocks()[0].model.nuisance
    z = np.column_stack([np.ones(400), (x - x.mean()) / x.std()])
    share = fit.propensity_["B"].to_numpy()
    score = z * (treated - share)[:, None]
    leverage = np.einsum("ij,jk,ik->i", score, np.linalg.inv(score.T @ score), score)
    np.testing.assert_allclose(nuisance.raised(), 1 / np.sqrt(1 - leverage), rtol=1e-6)
    assert leverage.sum() == pytest.approx(2)
    rare = np.where(treated, share, 1 - share) < 0.1
    assert nuisance.raised()[rare].min() > np.median(nuisance.raised())
    # clusters of one are cases; copies of a case in clusters count as one case
    mean = 1 / np.sqrt(1 - np.einsum("ij,ij->", nuisance.gradient, nuisance.score) / 400)
    np.testing.assert_allclose(nuisance.raised(np.arange(400)), mean)
    assert mean == pytest.approx(1 / np.sqrt(1 - 2 / 400), rel=1e-3)
    copies = pd.concat([frame] * 4, ignore_index=True).assign(patient=np.tile(np.arange(400), 4))
    again = IPW(treatment="scanner", adjustment=["x"], cluster="patient").fit(copies, ["f0"])
    copied = again.blocks()[0].model.nuisance
    np.testing.assert_allclose(copied.raised(again.clusters_), mean, rtol=1e-6)
