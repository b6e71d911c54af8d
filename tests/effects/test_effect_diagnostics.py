"""Overlap, effective sample size, balance, and the gate in front of the numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from effect_tables import ADJUSTMENT, confounded_table

from causalimg.effects import AIPW, DifferenceInMeans, OverlapLimits, balance_table
from causalimg.effects.diagnostics import effective_size
from causalimg.errors import InvalidInputError, UnknownNameError


def weak_overlap(seed: int, strength: float, n: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    treated = rng.random(n) < 1 / (1 + np.exp(-strength * x))
    return pd.DataFrame({"x": x, "t": np.where(treated, "B", "A"), "y": x + rng.normal(size=n)})


def test_balance_by_hand() -> None:
    frame = pd.DataFrame(
        {
            "t": list("AAAABBBB"),
            "age": [1.0, 2, 3, 4, 3, 4, 5, 6],
            "site": list("xxxyxyyy"),
        }
    )
    found = balance_table(frame, "t", ["age", "site"]).set_index("covariate")
    assert list(found.index) == ["age", "site[x]", "site[y]"]
    assert found.loc["age", "smd_raw"] == pytest.approx(2 / np.std([1, 2, 3, 4]))
    assert found.loc["site[y]", "smd_raw"] == pytest.approx(0.5 / np.sqrt(3 / 16))
    assert found.loc["site[x]", "smd_raw"] == pytest.approx(-found.loc["site[y]", "smd_raw"])
    weights = np.array([0, 0, 1, 1, 1, 1, 0, 0.0])
    weighted = balance_table(frame, "t", ["age"], weights)
    assert weighted["smd_weighted"].iloc[0] == pytest.approx(0.0)
    assert weighted["smd_raw"].iloc[0] == pytest.approx(2 / np.std([1, 2, 3, 4]))


def test_weighting_balances() -> None:
    frame, names = confounded_table(0, n=3000, levels="ABC")
    fit = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    assert fit.balance_ is not None
    assert fit.balance_["smd_raw"].abs().max() > 0.5
    assert fit.balance_["smd_weighted"].abs().max() < 0.1
    assert set(fit.balance_["covariate"]) == {
        "age", "sex[F]", "sex[M]", "site[S1]", "site[S2]", "site[S3]"
    }  # fmt: skip


def test_balance_names_are_checked() -> None:
    with pytest.raises(UnknownNameError, match="covariates"):
        balance_table(pd.DataFrame({"t": ["A", "B"]}), "t", ["age"])


def test_effective_size() -> None:
    assert effective_size(np.ones(7)) == pytest.approx(7)
    assert effective_size(np.array([1.0, 0, 0])) == pytest.approx(1)
    assert effective_size(np.array([2.0, 1.0])) == pytest.approx(9 / 5)


def test_good_overlap_is_called_good() -> None:
    frame, names = confounded_table(1)
    report = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names).overlap_
    assert report is not None
    assert report.verdict == "good"
    table = report.to_frame()
    assert table["n"].sum() == len(frame)
    assert report.histogram["count"].sum() == 2 * len(frame)
    assert set(report.histogram["level"]) == {"A", "B"}
    assert ((table["ess"] > 0) & (table["ess"] <= table["n"])).all()


def test_verdicts_get_worse_with_confounding() -> None:
    found = []
    for strength in (0.5, 2.5, 6.0):
        fit = AIPW(treatment="t", adjustment=["x"]).fit(weak_overlap(2, strength), ["y"])
        assert fit.overlap_ is not None
        found.append((fit.overlap_.verdict, fit.effects_.frame["status"].iloc[0]))
    assert found == [
        ("good", "ok"),
        ("limited", "ok"),
        ("poor: not estimable", "not_estimable"),
    ]


def test_the_gate_sets_numbers_to_missing_and_says_why() -> None:
    fit = AIPW(treatment="t", adjustment=["x"]).fit(weak_overlap(3, 6.0), ["y"])
    row = fit.effects_.frame.iloc[0]
    assert row["status"] == "not_estimable"
    assert "have a probability below 0.01 of t=" in row["reason"]
    assert row[["estimate", "se", "ci_low", "ci_high", "p", "q", "effect_sd"]].isna().all()
    assert np.isfinite(row["ess"])
    assert np.isfinite(row["max_smd"])
    assert any("overlap poor: not estimable" in note for note in fit.effects_.notes)


def test_rows_with_limited_overlap_say_so() -> None:
    found = {}
    for strength in (0.5, 2.5):
        fit = AIPW(treatment="t", adjustment=["x"]).fit(weak_overlap(2, strength), ["y"])
        row = fit.effects_.frame.iloc[0]
        assert row["status"] == "ok"
        assert np.isfinite(row["estimate"])
        found[strength] = row["reason"]
    assert found[0.5] == ""
    assert found[2.5].startswith("limited overlap: t=")
    assert "effective of" in found[2.5]


def test_a_level_without_counterparts_is_explained_by_covariate() -> None:
    """B is not given to the old or to site S3: the notes name age and site, not height."""
    rng = np.random.default_rng(8)
    n = 1500
    age, height = rng.normal(60, 10, n), rng.normal(170, 10, n)
    site = rng.choice(["S1", "S2", "S3"], n)
    eta = 1.0 - 0.35 * np.maximum(age - 62, 0) - 2.5 * (site == "S3")
    frame = pd.DataFrame({"age": age, "height": height, "site": site, "y": rng.normal(size=n)})
    frame["t"] = np.where(rng.random(n) < 1 / (1 + np.exp(-eta)), "B", "A")
    fit = AIPW(treatment="t", adjustment=["age", "height", "site"]).fit(frame, ["y"])
    said = [note for note in fit.notes_ if "could hardly have had t=B" in note]
    assert len(said) == 1
    lost = (fit.propensity_["B"] < 0.01) & (frame["t"] == "A")
    assert said[0].startswith(f"{int(lost.sum())} of {n} cases could hardly have had t=B: 'age' (")
    assert f"{age[lost].mean():.3g} on average, {age[~lost].mean():.3g} in the others" in said[0]
    assert "'site[S3]' (" in said[0]
    assert "of them, " in said[0]
    assert "height" not in said[0]
    even = AIPW(treatment="t", adjustment=["height"]).fit(frame, ["y"])
    assert not any("could hardly" in note or "unlike the rest" in note for note in even.notes_)


def test_levels_that_only_differ_are_explained_too() -> None:
    """Too few effective cases, and none that could not have had the level."""
    frame = weak_overlap(2, 1.2)
    strict = OverlapLimits(min_ess=550)
    fit = AIPW(treatment="t", adjustment=["x"], limits=strict).fit(frame, ["y"])
    assert (fit.propensity_ > 0.01).all(axis=None)
    assert any(note.startswith("cases with t=B are unlike the rest: 'x' (") for note in fit.notes_)


def test_limits_are_settings() -> None:
    frame = weak_overlap(4, 6.0)
    open_gate = OverlapLimits(min_ess=0, min_ess_share=0, max_unmatched=1)
    fit = AIPW(treatment="t", adjustment=["x"], limits=open_gate).fit(frame, ["y"])
    assert fit.effects_.frame["status"].iloc[0] == "ok"
    strict = OverlapLimits(min_ess=1000)
    fit = AIPW(treatment="t", adjustment=["x"], limits=strict).fit(frame, ["y"])
    assert "limit 1000" in fit.effects_.frame["reason"].iloc[0]
    with pytest.raises(InvalidInputError, match="min_ess_share must be between 0 and 1"):
        OverlapLimits(min_ess_share=3)
    with pytest.raises(InvalidInputError, match="min_ess must be 0 or more"):
        OverlapLimits(min_ess=float("nan"))


def test_only_the_level_without_overlap_is_refused() -> None:
    """A and B overlap; C was given to others: C's contrasts have no number, B - A has."""
    rng = np.random.default_rng(5)
    n = 900
    x = rng.normal(size=n)
    eta = np.stack([np.zeros(n), 0.3 * x, 4.5 * x - 7])
    share = np.exp(eta) / np.exp(eta).sum(axis=0)
    code = (rng.random(n) > share.cumsum(axis=0)).sum(axis=0)
    frame = pd.DataFrame({"x": x, "t": np.array(list("ABC"))[code], "y": rng.normal(size=n)})
    fit = AIPW(treatment="t", adjustment=["x"]).fit(frame, ["y"])
    status = fit.effects(pairs=True).frame.set_index("contrast")["status"].to_dict()
    assert status == {"B - A": "ok", "C - A": "not_estimable", "C - B": "not_estimable"}


def test_clipping_is_reported() -> None:
    fit = AIPW(treatment="t", adjustment=["x"]).fit(weak_overlap(6, 3.0), ["y"])
    clipped = int((fit.propensity_ < 0.01).any(axis=1).sum())
    assert clipped > 0
    assert any(f"{clipped} of 600 cases have a propensity below 0.01" in n for n in fit.notes_)


def test_lalonde_with_psid_controls_is_refused(shared_data: Path) -> None:
    """Plain AIPW says 4235 where the randomised trial says 1794: there is no overlap."""
    folder = shared_data / "tables"
    trial = pd.read_stata(folder / "lalonde_nsw_dw.dta")
    psid = pd.read_stata(folder / "lalonde_psid_controls.dta")
    adjustment = [
        "age", "education", "black", "hispanic", "married", "nodegree", "re74", "re75"
    ]  # fmt: skip
    mixed = pd.concat([trial[trial["treat"] == 1], psid], ignore_index=True)
    found = AIPW(treatment="treat", adjustment=adjustment).fit(mixed, ["re78"]).effects_
    row = found.frame.iloc[0]
    assert row["status"] == "not_estimable"
    assert np.isnan(row["estimate"])
    assert row["ess"] < 20
    assert "probability below 0.01 of treat=1" in row["reason"]
    naive = DifferenceInMeans(treatment="treat").fit(mixed, ["re78"]).effects_.frame.iloc[0]
    assert naive["estimate"] == pytest.approx(-15205, abs=1)
    assert naive["se"] == pytest.approx(657, abs=1)


def test_lalonde_trial_is_estimated(shared_data: Path) -> None:
    trial = pd.read_stata(shared_data / "tables" / "lalonde_nsw_dw.dta")
    naive = DifferenceInMeans(treatment="treat").fit(trial, ["re78"]).effects_.frame.iloc[0]
    assert naive["estimate"] == pytest.approx(1794.34, abs=0.01)
    assert naive["se"] == pytest.approx(671.0, abs=0.01)
    fit = AIPW(treatment="treat", adjustment=["age", "education", "re74", "re75"])
    row = fit.fit(trial, ["re78"]).effects_.frame.iloc[0]
    assert row["status"] == "ok"
    assert row["ci_low"] < 1794.34 < row["ci_high"]
