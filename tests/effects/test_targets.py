"""Estimands: who an effect is averaged over, and that every estimator agrees with its own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from effect_tables import ADJUSTMENT, confounded_table

from causalimg.effects import AIPW, GComputation
from causalimg.effects.dml import DML
from causalimg.effects.entropy import EntropyBalance
from causalimg.effects.estimators import IPW
from causalimg.effects.matching import Matching
from causalimg.effects.stratification import Stratification
from causalimg.effects.targets import propensity_target, target_key, target_keys
from causalimg.effects.tmle import TMLE
from causalimg.errors import InvalidInputError

EVERY = [AIPW, IPW, GComputation, TMLE, EntropyBalance, Stratification, Matching]


def varying(seed: int, n: int = 4000) -> tuple[pd.DataFrame, dict[str, float]]:
    """Effect 1 + x, treatment likelier for large x: att > ate > atc."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    share = 1 / (1 + np.exp(-x))
    b = rng.random(n) < share
    effect = 1 + x
    frame = pd.DataFrame({"x": x, "t": np.where(b, "B", "A")})
    frame["y"] = x + effect * b + rng.normal(size=n)
    h = share * (1 - share)
    truth = {
        "ate": effect.mean(),
        "att": effect[b].mean(),
        "atc": effect[~b].mean(),
        "ato": (h * effect).sum() / h.sum(),
    }
    return frame, truth


@pytest.mark.parametrize("estimator", EVERY)
def test_every_estimand_is_recovered(estimator: type[AIPW]) -> None:
    frame, truth = varying(0)
    more = {"n_strata": 20} if estimator is Stratification else {}
    for estimand, value in truth.items():
        fit = estimator(treatment="t", adjustment=["x"], estimand=estimand, **more)
        if estimand == "ato" and estimator in (EntropyBalance, Stratification, Matching):
            with pytest.raises(InvalidInputError, match=r"allowed: ate, att, atc\)"):
                fit.fit(frame, ["y"])
            continue
        row = fit.fit(frame, ["y"]).effects_.frame.iloc[0]
        assert row["estimand"] == estimand
        assert abs(row["estimate"] - value) < 4 * row["se"]
        assert row["se"] < 0.12


def test_partially_linear_model_gives_the_overlap_effect() -> None:
    frame, truth = varying(1, n=20_000)
    row = DML(treatment="t", adjustment=["x"]).fit(frame, ["y"]).effects_.frame.iloc[0]
    assert row["estimand"] == "ato"
    assert abs(row["estimate"] - truth["ato"]) < 4 * row["se"]


def test_att_by_hand() -> None:
    """Hajek weights e / (1 - e) on the untreated, one on the treated."""
    frame, names = confounded_table(0)
    fit = IPW(treatment="scanner", adjustment=ADJUSTMENT, estimand="att").fit(frame, names)
    e = fit.propensity_["B"].to_numpy()
    b = (frame["scanner"] == "B").to_numpy()
    odds = (e / (1 - e))[~b]
    for name in names:
        y = frame[name].to_numpy()
        expected = y[b].mean() - odds @ y[~b] / odds.sum()
        row = fit.effects_.frame.query("outcome == @name").iloc[0]
        assert row["estimate"] == pytest.approx(expected, rel=1e-9)


def test_three_levels_have_a_population_per_contrast() -> None:
    frame, names = confounded_table(1, n=3000, levels="ABC")
    for estimand in ("att", "atc"):
        fit = AIPW(treatment="scanner", adjustment=ADJUSTMENT, estimand=estimand)
        found = fit.fit(frame, names).effects(pairs=True).frame
        for pair in ("AB", "AC", "BC"):
            two = frame[frame["scanner"].isin(list(pair))]
            alone = AIPW(treatment="scanner", adjustment=ADJUSTMENT, estimand=estimand)
            row = alone.fit(two, names).effects_.frame
            both = found[found["contrast"] == f"{pair[1]} - {pair[0]}"]
            np.testing.assert_allclose(both["estimate"], row["estimate"], atol=0.03)


def test_keys() -> None:
    assert target_keys("ate", 3) == target_keys("ato", 3) == (-1,)
    assert target_keys("att", 3) == (1, 2)
    assert target_keys("atc", 3) == (0, 1)
    assert target_key("att", 2, 0) == 2
    assert target_key("atc", 2, 0) == 0
    assert target_key("ato", 2, 0) == -1


@pytest.mark.parametrize("estimand", ["ate", "att", "ato"])
def test_slopes_are_derivatives(estimand: str) -> None:
    rng = np.random.default_rng(2)
    eta = rng.normal(size=(50, 2))
    codes = np.arange(50) % 3
    key = target_key(estimand, 2, 0)

    def weights(moved: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        full = np.exp(np.column_stack([np.zeros(50), moved]))
        found = propensity_target(
            full / full.sum(axis=1, keepdims=True), codes, estimand, key, slopes=True
        )
        assert found.direct_slope is not None
        assert found.average_slope is not None
        # undo the normalisation: compare ratios to the first case of each level
        return found, np.array([codes.tolist().index(code) for code in codes])

    step = 1e-5
    for j in range(2):
        moved = eta.copy()
        moved[:, j] += step
        back = eta.copy()
        back[:, j] -= step
        up, first = weights(moved)
        down, _ = weights(back)
        here, _ = weights(eta)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = (np.log(up.direct) - np.log(down.direct)) / (2 * step)
        expected = here.direct_slope[:, j]
        np.testing.assert_allclose(slope - slope[first], expected - expected[first], atol=1e-6)


def test_overlap_population_is_estimable_where_everybody_is_not() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=1500)
    b = rng.random(1500) < 1 / (1 + np.exp(-4.5 * x))
    frame = pd.DataFrame({"x": x, "t": np.where(b, "B", "A")})
    frame["y"] = x + 0.5 * b + rng.normal(size=1500)
    everybody = AIPW(treatment="t", adjustment=["x"]).fit(frame, ["y"])
    assert everybody.effects_.frame["status"].iloc[0] == "not_estimable"
    overlap = AIPW(treatment="t", adjustment=["x"], estimand="ato").fit(frame, ["y"])
    row = overlap.effects_.frame.iloc[0]
    assert row["status"] == "ok"
    assert row["ci_low"] < 0.5 < row["ci_high"]
    assert any("overlap population" in note for note in overlap.notes_)


def test_dropping_cases_instead_of_clipping() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=1500)
    b = rng.random(1500) < 1 / (1 + np.exp(-2.5 * x))
    frame = pd.DataFrame({"x": x, "t": np.where(b, "B", "A")})
    frame["y"] = x + 0.5 * b + rng.normal(size=1500)
    fit = AIPW(treatment="t", adjustment=["x"], trim=0.1, trim_method="drop").fit(frame, ["y"])
    row = fit.effects_.frame.iloc[0]
    kept = ((fit.propensity_ >= 0.1).all(axis=1)).to_numpy()
    assert row["n"] == kept.sum() < 1200
    alone = AIPW(treatment="t", adjustment=["x"], trim=0.0).fit(frame[kept], ["y"])
    assert row["estimate"] == pytest.approx(alone.effects_.frame["estimate"].iloc[0])
    assert row["se"] == pytest.approx(alone.effects_.frame["se"].iloc[0])
    said = f"{(~kept).sum()} of 1500 cases have a propensity below 0.1"
    assert any(said in note for note in fit.notes_)
    influence = fit.influence("B")["y"]
    assert (influence[~kept] == 0).all()
    assert np.sqrt((influence**2).sum()) / 1500 == pytest.approx(row["se"])
    with pytest.raises(InvalidInputError, match="did you mean 'drop'"):
        AIPW(treatment="t", adjustment=["x"], trim_method="dro").fit(frame, ["y"])


def test_weighting_errors_know_that_propensities_are_estimated() -> None:
    """The spread of Hajek estimates over tables, beside the reported error."""
    rng = np.random.default_rng(5)
    for estimand in ("ate", "att", "ato"):
        estimates, errors = [], []
        for _ in range(60):
            x = rng.normal(size=(400, 2))
            b = rng.random(400) < 1 / (1 + np.exp(-x[:, 0]))
            y = 2 * x[:, [0]] + x[:, [1]] + rng.normal(size=(400, 20))
            frame = pd.DataFrame(np.hstack([x, y]), columns=["a", "b", *map(str, range(20))])
            frame["t"] = np.where(b, "B", "A")
            fit = IPW(treatment="t", adjustment=["a", "b"], estimand=estimand)
            found = fit.fit(frame, [str(k) for k in range(20)]).effects_.frame
            estimates.append(found["estimate"].to_numpy())
            errors.append(found["se"].to_numpy())
        ratio = np.mean(errors) / np.std(estimates, axis=0).mean()
        assert 0.85 < ratio < 1.15


def test_stabilised_weights_have_mean_one_within_levels_and_balance() -> None:
    frame, names = confounded_table(6, n=1500, levels="ABC")
    fit = EntropyBalance(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    weights = fit.balancing_weights()
    np.testing.assert_allclose(weights.groupby(frame["scanner"]).mean(), 1.0)
    for level in "ABC":
        inside = frame["scanner"] == level
        mean = np.average(frame.loc[inside, "age"], weights=weights[inside])
        assert mean == pytest.approx(frame["age"].mean())
    ipw = IPW(treatment="scanner", adjustment=ADJUSTMENT, estimand="att").fit(frame, names)
    np.testing.assert_allclose(ipw.balancing_weights("C", "B")[frame["scanner"] == "C"], 1.0)
    with pytest.raises(InvalidInputError, match="'att' is not estimated for 'A' against 'B'"):
        ipw.influence("A", "B")
