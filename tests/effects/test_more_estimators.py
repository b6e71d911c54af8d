"""TMLE, partially linear model, matching, stratification, parallel slopes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from effect_tables import ADJUSTMENT, confounded_table
from scipy.special import expit, logit

from causalimg.effects import AIPW, DML, TMLE, GComputation, Matching, Stratification
from causalimg.effects.design import build_design
from causalimg.effects.stratification import strata
from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError


def test_tmle_by_hand() -> None:
    frame, names = confounded_table(0, n=200)
    fit = TMLE(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names[:1])
    design = build_design(frame, treatment="scanner", adjustment=ADJUSTMENT)
    y = frame[names[0]].to_numpy()
    low, width = y.min(), np.ptp(y)
    unit, means = (y - low) / width, []
    for level, name in enumerate("AB"):
        rows = design.codes == level
        beta, *_ = np.linalg.lstsq(design.matrix[rows], unit[rows], rcond=None)
        start = logit(np.clip(design.matrix @ beta, 0.005, 0.995))
        weight = rows / np.maximum(fit.propensity_[name].to_numpy(), 0.01)
        left, right = -5.0, 5.0
        for _ in range(200):
            shift = (left + right) / 2
            gap = weight @ (unit - expit(start + shift))
            left, right = (shift, right) if gap > 0 else (left, shift)
        means.append(low + width * expit(start + shift).mean())
    estimate = fit.effects_.frame["estimate"].iloc[0]
    assert estimate == pytest.approx(means[1] - means[0], abs=1e-8)


def test_tmle_stays_inside_the_range() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=500)
    b = rng.random(500) < 1 / (1 + np.exp(-1.5 * x))
    y = (rng.random(500) < expit(3 * x + b)).astype(float)
    frame = pd.DataFrame({"x": x, "t": np.where(b, "B", "A"), "y": y})
    row = TMLE(treatment="t", adjustment=["x"]).fit(frame, ["y"]).effects_.frame.iloc[0]
    assert -1 < row["estimate"] < 1
    aipw = AIPW(treatment="t", adjustment=["x"]).fit(frame, ["y"]).effects_.frame.iloc[0]
    assert abs(row["estimate"] - aipw["estimate"]) < aipw["se"]


def test_dml_equals_the_regression_on_residuals() -> None:
    api = pytest.importorskip("statsmodels.api")
    frame, names = confounded_table(2)
    fit = DML(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    design = build_design(frame, treatment="scanner", adjustment=ADJUSTMENT)
    rest = (design.codes == 1) - fit.propensity_["B"].to_numpy()
    for name in names:
        model = api.OLS(frame[name], np.column_stack([design.matrix, rest])).fit(cov_type="HC2")
        row = fit.effects_.frame.query("outcome == @name").iloc[0]
        assert row["estimate"] == pytest.approx(model.params.iloc[-1])
        # theirs takes the propensities for known
        assert row["se"] == pytest.approx(model.bse.iloc[-1], rel=0.01)


def test_dml_of_three_levels_and_precision_covariates() -> None:
    frame, names = confounded_table(3, n=1200, levels="ABC")
    plain = DML(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    rows = plain.effects(pairs=True).frame
    for contrast, truth in (("B - A", 0.5), ("C - A", 1.0), ("C - B", 0.5)):
        part = rows[rows["contrast"] == contrast]
        assert abs(part["estimate"].mean() - truth) < 0.1
    rng = np.random.default_rng(0)
    frame["ward"] = rng.choice(list("uvwx"), len(frame))
    frame[names] = frame[names].add(2.0 * (frame["ward"] == "u"), axis=0)
    wide = DML(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    narrow = DML(treatment="scanner", adjustment=ADJUSTMENT, precision=["ward"]).fit(frame, names)
    assert (narrow.effects_.frame["se"] < 0.85 * wide.effects_.frame["se"]).all()
    np.testing.assert_allclose(narrow.propensity_, wide.propensity_)
    with pytest.raises(InvalidInputError, match="'age' is in adjustment and in precision"):
        DML(treatment="scanner", adjustment=["age"], precision=["age"]).fit(frame, names)
    with pytest.raises(InvalidInputError, match="'ward' cannot be an outcome: it is a covariate"):
        DML(treatment="scanner", adjustment=["age"], precision=["ward"]).fit(frame, ["ward"])


def test_parallel_slopes_are_the_coefficient_of_a_regression() -> None:
    api = pytest.importorskip("statsmodels.api")
    frame, names = confounded_table(4)
    fit = GComputation(treatment="scanner", adjustment=ADJUSTMENT, interactions=())
    row = fit.fit(frame, names).effects_.frame.iloc[0]
    design = build_design(frame, treatment="scanner", adjustment=ADJUSTMENT)
    exog = np.column_stack([design.matrix, design.codes == 1])
    model = api.OLS(frame[names[0]], exog).fit(cov_type="HC2")
    assert row["estimate"] == pytest.approx(model.params.iloc[-1])
    assert row["se"] == pytest.approx(model.bse.iloc[-1])


def test_all_interactions_are_a_model_per_level() -> None:
    frame, names = confounded_table(5, levels="ABC")
    both = [
        GComputation(treatment="scanner", adjustment=ADJUSTMENT, interactions=chosen)
        .fit(frame, names)
        .effects(pairs=True)
        .frame["estimate"]
        for chosen in (None, ADJUSTMENT)
    ]
    np.testing.assert_allclose(both[0], both[1])
    with pytest.raises(UnknownNameError, match="did you mean 'age'"):
        GComputation(treatment="scanner", adjustment=["age"], interactions=["agee"]).fit(
            frame, names
        )


def test_matching_by_hand() -> None:
    """One covariate, one match, no adjustment: imputed from the nearest, Abadie-Imbens error."""
    frame, names = confounded_table(6, n=120)
    fit = Matching(treatment="scanner", adjustment=["age"], bias_adjust=False).fit(frame, names)
    age, b = frame["age"].to_numpy(), (frame["scanner"] == "B").to_numpy()
    y = frame[names[0]].to_numpy()
    gap = np.abs(age[:, None] - age)
    other = np.where(b[:, None] != b, gap, np.inf).argmin(axis=1)
    used = np.bincount(other, minlength=120)
    effect = np.where(b, y - y[other], y[other] - y)
    same = np.where((b[:, None] == b) & ~np.eye(120, dtype=bool), gap, np.inf).argmin(axis=1)
    noise = (y - y[same]) ** 2 / 2
    variance = ((effect - effect.mean()) ** 2).sum() + ((used**2 + used) * noise).sum()
    row = fit.effects_.frame.iloc[0]
    assert row["estimate"] == pytest.approx(effect.mean())
    assert row["se"] == pytest.approx(np.sqrt(variance) / 120)


def test_matching_of_the_treated_by_hand() -> None:
    frame, names = confounded_table(7, n=120)
    fit = Matching(treatment="scanner", adjustment=["age"], bias_adjust=False, estimand="att")
    row = fit.fit(frame, names).effects_.frame.iloc[0]
    age, b = frame["age"].to_numpy(), (frame["scanner"] == "B").to_numpy()
    y = frame[names[0]].to_numpy()
    gap = np.abs(age[:, None] - age)
    other = np.where(b[:, None] != b, gap, np.inf).argmin(axis=1)
    used = np.bincount(other[b], minlength=120)
    effect = (y - y[other])[b]
    same = np.where((b[:, None] == b) & ~np.eye(120, dtype=bool), gap, np.inf).argmin(axis=1)
    noise = (y - y[same]) ** 2 / 2
    variance = ((effect - effect.mean()) ** 2).sum() + (used * (used - 1) * noise)[~b].sum()
    assert row["estimate"] == pytest.approx(effect.mean())
    assert row["se"] == pytest.approx(np.sqrt(variance) / b.sum())


def test_the_error_of_matching_is_free_of_what_the_model_explains() -> None:
    """The nearest case of the same level has other covariates: their slopes are not noise."""
    rng = np.random.default_rng(12)
    n, count = 200, 400
    x = rng.normal(size=(n, 3))
    noise = rng.normal(size=(n, count))
    frame = pd.DataFrame(x, columns=list("abc"))
    frame["scanner"] = np.where(rng.random(n) < 1 / (1 + np.exp(-x[:, 0])), "B", "A")
    names = [f"f{k}" for k in range(count)]
    flat = frame.join(pd.DataFrame(noise, columns=names))
    steep = frame.join(pd.DataFrame(noise + x @ [[3.0], [-2.0], [5.0]], columns=names))
    settings = {"treatment": "scanner", "adjustment": list("abc")}
    fits = [Matching(**settings).fit(table, names) for table in (flat, steep)]
    rows = [fit.effects_.frame[["estimate", "se"]].to_numpy() for fit in fits]
    np.testing.assert_allclose(rows[0], rows[1], rtol=1e-8)
    # the noise has variance one: so must its estimate, case by case, on average over outcomes
    plan = fits[1].blocks()[0].plans[-1]
    found = plan._noise(steep[names].to_numpy()).mean(axis=1)
    assert abs(found.mean() - 1.0) < 0.02
    assert (np.abs(found - 1.0) < 6 * np.sqrt(2 / count)).all()
    raw = [Matching(**settings, bias_adjust=False).fit(t, names) for t in (flat, steep)]
    mean_se = [fit.effects_.frame["se"].mean() for fit in raw]
    assert mean_se[1] > 1.5 * mean_se[0]


def test_matching_settings() -> None:
    frame, names = confounded_table(8)
    wide = Matching(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    four = Matching(treatment="scanner", adjustment=ADJUSTMENT, n_matches=4).fit(frame, names)
    assert four.effects_.frame["se"].mean() < wide.effects_.frame["se"].mean()
    tight = Matching(treatment="scanner", adjustment=ADJUSTMENT, metric="propensity", caliper=0.002)
    assert any(
        "have no match within the caliper" in note for note in tight.fit(frame, names).notes_
    )
    with pytest.raises(NotEstimableError, match="no case has a match"):
        Matching(treatment="scanner", adjustment=["age"], caliper=1e-9).fit(frame, names)
    with pytest.raises(InvalidInputError, match="bootstrap is not valid for matching"):
        Matching(treatment="scanner", adjustment=["age"], bootstrap=100).fit(frame, names)
    with pytest.raises(InvalidInputError, match="n_matches must be at least 1"):
        Matching(treatment="scanner", adjustment=["age"], n_matches=0).fit(frame, names)


def test_ties_are_all_used_so_that_row_order_does_not_matter() -> None:
    frame, names = confounded_table(9)
    frame["decade"] = (frame["age"] // 10).astype(float)
    first = Matching(treatment="scanner", adjustment=["decade", "sex"]).fit(frame, names)
    mixed = frame.sample(frac=1, random_state=0)
    second = Matching(treatment="scanner", adjustment=["decade", "sex"]).fit(mixed, names)
    np.testing.assert_allclose(
        first.effects_.frame["estimate"], second.effects_.frame["estimate"], rtol=1e-9
    )


def test_stratification_by_hand() -> None:
    frame, names = confounded_table(10)
    fit = Stratification(treatment="scanner", adjustment=ADJUSTMENT, n_strata=4)
    row = fit.fit(frame, names).effects_.frame.iloc[0]
    score = fit.propensity_["B"].to_numpy()
    b, y = (frame["scanner"] == "B").to_numpy(), frame[names[0]].to_numpy()
    place = strata(score, b, ~b, np.full(len(b), 1 / len(b)), 4)
    assert len(np.unique(place)) == 4
    gaps = [y[(place == k) & b].mean() - y[(place == k) & ~b].mean() for k in range(4)]
    assert row["estimate"] == pytest.approx(np.bincount(place) @ gaps / len(b), abs=0.03)
    finer = Stratification(treatment="scanner", adjustment=ADJUSTMENT, n_strata=15)
    assert abs(finer.fit(frame, names).effects_.frame["estimate"].mean() - 0.5) < 0.2
    with pytest.raises(InvalidInputError, match="n_strata must be at least 2"):
        Stratification(treatment="scanner", adjustment=ADJUSTMENT, n_strata=1).fit(frame, names)


@pytest.mark.parametrize("estimator", [TMLE, DML, Matching, Stratification, GComputation])
def test_copied_cases_need_clusters(estimator: type[AIPW]) -> None:
    frame, names = confounded_table(11)
    frame["age"] = frame["age"] + 1e-6 * np.arange(len(frame))
    four = pd.concat([frame] * 4, ignore_index=True)
    more = {"n_matches": 4} if estimator is Matching else {}
    single = estimator(treatment="scanner", adjustment=ADJUSTMENT, cluster="case_id")
    robust = estimator(treatment="scanner", adjustment=ADJUSTMENT, cluster="case_id", **more)
    ratio = (
        robust.fit(four, names).effects_.frame["se"] / single.fit(frame, names).effects_.frame["se"]
    )
    np.testing.assert_allclose(ratio, 1.0, rtol=0.12)


@pytest.mark.parametrize("estimator", [TMLE, DML, Matching, Stratification, GComputation])
def test_row_order_and_clone(estimator: type[AIPW]) -> None:
    base = pytest.importorskip("sklearn.base")
    frame, names = confounded_table(12, levels="ABC")
    fit = estimator(treatment="scanner", adjustment=ADJUSTMENT, alpha=0.1).fit(frame, names)
    again = base.clone(fit)
    assert again.get_params() == fit.get_params()
    mixed = frame.sample(frac=1, random_state=1)
    found = again.fit(mixed, names).effects_.frame
    for column in ("estimate", "se", "p"):
        np.testing.assert_allclose(fit.effects_.frame[column], found[column], rtol=1e-5)
