"""Continuous treatment: slope, curve, weights, clusters, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalimg.effects.dose import DoseResponse
from causalimg.errors import InvalidInputError, NotEstimableError


def dosed(seed: int, n: int = 800, curve: float = 0.0) -> tuple[pd.DataFrame, list[str]]:
    rng = np.random.default_rng(seed)
    age = rng.normal(60, 10, n)
    site = rng.choice(["S1", "S2"], n)
    dose = 100 + 0.6 * (age - 60) + 4 * (site == "S2") + rng.normal(0, 8, n)
    frame = pd.DataFrame({"age": age, "site": site, "dose": dose})
    names = [f"f{k}" for k in range(5)]
    mean = 0.05 * age + 0.3 * (site == "S2") - 0.04 * dose + curve * ((dose - 100) / 10) ** 2
    values = mean[:, None] + rng.normal(size=(n, 5))
    return frame.join(pd.DataFrame(values, columns=names)), names


def test_slope_is_recovered_with_and_without_weights() -> None:
    for weighted in (True, False):
        hits = []
        for seed in range(20):
            frame, names = dosed(seed)
            fit = DoseResponse(treatment="dose", adjustment=["age", "site"], weighted=weighted)
            found = fit.fit(frame, names).effects_.frame
            hits.append((found["ci_low"] < -0.04) & (found["ci_high"] > -0.04))
        assert 0.86 <= np.mean(hits) <= 1.0
    assert found["contrast"].unique() == ["+1 dose"]


def test_without_weights_it_is_least_squares_with_hc2() -> None:
    api = pytest.importorskip("statsmodels.api")
    frame, names = dosed(0)
    fit = DoseResponse(treatment="dose", adjustment=["age", "site"], weighted=False)
    row = fit.fit(frame, names).effects_.frame.iloc[0]
    exog = frame[["dose", "age"]].assign(two=(frame["site"] == "S2").astype(float))
    model = api.OLS(frame[names[0]], api.add_constant(exog)).fit(cov_type="HC2", use_t=True)
    assert row["estimate"] == pytest.approx(model.params["dose"])
    assert row["se"] == pytest.approx(model.bse["dose"])
    assert row["p"] == pytest.approx(model.pvalues["dose"])


def test_weights_take_the_covariates_out_of_the_dose() -> None:
    frame, names = dosed(1, n=3000)
    fit = DoseResponse(treatment="dose", adjustment=["age", "site"], max_weight=1.0)
    balance = fit.fit(frame, names).effects_.balance
    assert balance is not None
    assert balance["smd_raw"].abs().max() > 0.4
    assert balance["smd_weighted"].abs().max() < 0.12
    assert fit.weights_.mean() == pytest.approx(1.0)
    # wrong outcome model: age squared matters and is left out
    frame["bent"] = 0.003 * (frame["age"] - 60) ** 2 * np.sign(frame["age"] - 60) + frame[names[0]]
    weighted = DoseResponse(treatment="dose", adjustment=["age", "site"]).fit(frame, ["bent"])
    assert weighted.effects_.frame["estimate"].iloc[0] == pytest.approx(-0.04, abs=0.03)


def test_a_curve_follows_a_curved_response() -> None:
    frame, names = dosed(2, n=4000, curve=0.5)
    fit = DoseResponse(treatment="dose", adjustment=["age", "site"], curve=4).fit(frame, names)
    doses = [90.0, 100.0, 110.0]
    found = fit.response(doses).pivot(index="outcome", columns="dose", values="estimate")
    np.testing.assert_allclose(found[90.0] - found[100.0], 0.5 + 0.4, atol=0.2)
    np.testing.assert_allclose(found[110.0] - found[100.0], 0.5 - 0.4, atol=0.2)
    with pytest.raises(InvalidInputError, match="outside the doses that were seen"):
        fit.response([1e4])


def test_copied_cases_need_clusters() -> None:
    frame, names = dosed(3, n=300)
    frame["patient"] = np.arange(300)
    four = pd.concat([frame] * 4, ignore_index=True)
    plain = DoseResponse(treatment="dose", adjustment=["age"]).fit(frame, names)
    robust = DoseResponse(treatment="dose", adjustment=["age"], cluster="patient")
    ratio = robust.fit(four, names).effects_.frame["se"] / plain.effects_.frame["se"]
    np.testing.assert_allclose(ratio, 1.0, rtol=0.05)


def test_missing_outcomes_and_refusals() -> None:
    frame, names = dosed(4)
    frame.loc[:99, names[0]] = np.nan
    frame["flat"] = 1.0
    found = DoseResponse(treatment="dose", adjustment=["age"]).fit(frame, [*names, "flat"])
    rows = found.effects_.frame.set_index("outcome")
    alone = DoseResponse(treatment="dose", adjustment=["age"]).fit(frame[100:], names[:1])
    assert rows.loc[names[0], "estimate"] == pytest.approx(
        alone.effects_.frame["estimate"].iloc[0], rel=1e-3
    )
    assert rows.loc["flat", "status"] == "not_estimable"
    with pytest.raises(InvalidInputError, match="'site' is not a number column"):
        DoseResponse(treatment="site", adjustment=["age"]).fit(frame, names)
    frame["few"] = np.arange(len(frame)) % 3
    with pytest.raises(NotEstimableError, match="3 different values"):
        DoseResponse(treatment="few", adjustment=["age"]).fit(frame, names)
    frame["copy"] = frame["age"] * 2
    with pytest.raises(NotEstimableError, match="determine treatment 'copy'"):
        DoseResponse(treatment="copy", adjustment=["age"]).fit(frame, names)
