"""Simultaneous bands, bootstrap intervals, and outcomes in chunks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from effect_tables import ADJUSTMENT, confounded_table

from causalimg.effects import AIPW, IPW, TMLE, DifferenceInMeans, simultaneous
from causalimg.effects import blocks as blocks_module
from causalimg.errors import InvalidInputError


def test_bands_hold_for_all_outcomes_together() -> None:
    rng = np.random.default_rng(0)
    covered, rejected = [], []
    for _ in range(150):
        common = rng.normal(size=(120, 1))
        values = 0.8 * common + 0.6 * rng.normal(size=(120, 15))
        frame = pd.DataFrame(values).rename(columns=str)
        frame["t"] = np.where(rng.random(120) < 0.5, "A", "B")
        fit = DifferenceInMeans(treatment="t").fit(frame, [str(k) for k in range(15)])
        found = simultaneous(fit, n_bootstrap=400).frame
        covered.append(((found["band_low"] < 0) & (found["band_high"] > 0)).all())
        rejected.append((found["p_family"] <= 0.05).any())
    assert 0.90 <= np.mean(covered) <= 0.99
    assert np.mean(rejected) == pytest.approx(1 - np.mean(covered), abs=0.04)


def test_bands_are_wider_than_intervals_and_narrower_than_bonferroni() -> None:
    frame, names = confounded_table(1, n_outcomes=30)
    copies = frame[names[:1]].rename(columns=lambda name: f"{name}_copy")
    fit = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    found = simultaneous(fit)
    rows = fit.effects_.frame
    assert (found.frame["band_low"] < rows["ci_low"]).all()
    assert 2.5 < found.critical < 3.2
    twice = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(
        frame.join(copies), [names[0], f"{names[0]}_copy"]
    )
    assert simultaneous(twice).critical < 2.1
    np.testing.assert_allclose(found.frame["p"], rows["p"])
    assert (found.frame["p_family"] >= found.frame["p"] - 0.02).all()
    assert "critical value" in repr(found)


def test_bands_with_missing_outcomes_clusters_and_refused_rows() -> None:
    frame, names = confounded_table(2, levels="ABC")
    frame.loc[:80, names[0]] = np.nan
    frame["flat"] = 1.0
    fit = AIPW(treatment="scanner", adjustment=ADJUSTMENT, cluster="case_id")
    fit.fit(frame, [*names, "flat"])
    found = simultaneous(fit, pairs=True, random_state=3).frame
    assert len(found) == 3 * (len(names) + 1)
    flat = found["outcome"] == "flat"
    assert found.loc[flat, ["band_low", "p_family"]].isna().all().all()
    assert found.loc[~flat, ["band_low", "p_family"]].notna().all().all()
    again = simultaneous(fit, pairs=True, random_state=3).frame
    pd.testing.assert_frame_equal(found, again)
    with pytest.raises(InvalidInputError, match="not fitted"):
        simultaneous(AIPW(treatment="t", adjustment=[]))
    with pytest.raises(InvalidInputError, match="n_bootstrap must be at least 100"):
        simultaneous(fit, n_bootstrap=10)


@pytest.mark.parametrize("estimator", [AIPW, IPW, TMLE])
def test_bootstrap_agrees_with_influence_functions(estimator: type[AIPW]) -> None:
    frame, names = confounded_table(3, n=300, n_outcomes=4)
    count = 60 if estimator is TMLE else 300
    plain = estimator(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names).effects_.frame
    fit = estimator(treatment="scanner", adjustment=ADJUSTMENT, bootstrap=count).fit(frame, names)
    found = fit.effects_.frame
    np.testing.assert_array_equal(found["estimate"], plain["estimate"])
    np.testing.assert_allclose(found["se"], plain["se"], rtol=0.3)
    assert ((found["ci_low"] < found["estimate"]) & (found["estimate"] < found["ci_high"])).all()
    again = estimator(treatment="scanner", adjustment=ADJUSTMENT, bootstrap=count)
    pd.testing.assert_frame_equal(again.fit(frame, names).effects_.frame, found)
    other = estimator(
        treatment="scanner", adjustment=ADJUSTMENT, bootstrap=count, random_state=1
    ).fit(frame, names)
    assert (other.effects_.frame["se"] != found["se"]).all()


def test_bootstrap_draws_clusters() -> None:
    frame, names = confounded_table(4, n=200)
    four = pd.concat([frame] * 4, ignore_index=True)
    settings = {"treatment": "scanner", "adjustment": ADJUSTMENT, "bootstrap": 200}
    plain = AIPW(**settings).fit(frame, names).effects_.frame
    robust = AIPW(**settings, cluster="case_id").fit(four, names).effects_.frame
    naive = AIPW(**settings).fit(four, names).effects_.frame
    assert (robust["se"] / plain["se"]).mean() == pytest.approx(1.0, abs=0.15)
    assert (naive["se"] / plain["se"]).mean() == pytest.approx(0.5, abs=0.1)
    with pytest.raises(InvalidInputError, match="bootstrap must be at least 50"):
        AIPW(treatment="scanner", adjustment=ADJUSTMENT, bootstrap=3).fit(frame, names)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    frame, names = confounded_table(5, n_outcomes=70, levels="ABC")
    frame.loc[:30, names[::3]] = np.nan
    whole = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    bands = simultaneous(whole).frame
    influence = whole.influence("C", "B")
    monkeypatch.setattr(blocks_module, "_CHUNK_NUMBERS", 400 * 3 * 16)
    parts = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    pd.testing.assert_frame_equal(whole.effects_.frame, parts.effects_.frame)
    pd.testing.assert_frame_equal(influence, parts.influence("C", "B"))
    pd.testing.assert_frame_equal(bands, simultaneous(parts).frame, rtol=1e-4, atol=1e-3)
