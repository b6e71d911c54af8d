"""Refuters over all outcomes: what must pass passes, what must fail fails."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from effect_tables import ADJUSTMENT, confounded_table

from causalimg.effects import AIPW, DifferenceInMeans
from causalimg.effects.negative_controls import (
    negative_control_outcome,
    negative_control_treatment,
)
from causalimg.effects.refute import placebo_treatment, random_common_cause, random_subset
from causalimg.effects.tmle import TMLE
from causalimg.errors import InvalidInputError


def test_placebo_effects_centre_on_zero_and_real_ones_stand_out() -> None:
    frame, names = confounded_table(0, effect=0.6, levels="ABC")
    frame["flat"] = 1.0
    fit = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, [*names, "flat"])
    found = placebo_treatment(fit, n_refits=60)
    rows = found.frame[found.frame["outcome"] != "flat"]
    assert set(rows["verdict"]) == {"passes"}
    assert (rows["p_placebo"] < 0.05).mean() > 0.9
    assert set(found.frame.query("outcome == 'flat'")["verdict"]) == {"not_estimable"}
    # permuted treatments are balanced: their spread is that of the effects without confounding
    assert (rows["placebo_sd"] < fit.effects_.frame.dropna()["se"].to_numpy() * 1.4).all()
    again = placebo_treatment(fit, n_refits=60)
    pd.testing.assert_frame_equal(found.frame, again.frame)
    assert placebo_treatment(fit, n_refits=60, random_state=1).summary


def test_weights_in_one_product_equal_refits_one_by_one() -> None:
    frame, names = confounded_table(1)
    fit = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    from causalimg.effects.resample import permuted_block

    draws = fit.refits(permuted_block, 3, seed=5)
    rng = np.random.default_rng(np.random.SeedSequence(5).spawn(1)[0])
    for k in range(3):
        mixed = frame.copy()
        code = rng.permutation((frame["scanner"] == "B").to_numpy().astype(int))
        mixed["scanner"] = np.where(code == 1, "B", "A")
        row = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(mixed, names).effects_.frame
        np.testing.assert_allclose(draws[k, :, 0], row["estimate"], rtol=1e-8)


def test_placebo_of_an_estimator_that_is_not_linear() -> None:
    frame, names = confounded_table(2, n=200)
    fit = TMLE(treatment="scanner", adjustment=["age"]).fit(frame, names)
    assert set(placebo_treatment(fit, n_refits=10).frame["verdict"]) == {"passes"}


def test_clusters_exchange_their_treatments() -> None:
    rng = np.random.default_rng(3)
    patient = np.repeat(np.arange(100), 4)
    b = rng.random(100) < 0.5
    own = rng.normal(size=100)
    frame = pd.DataFrame({"patient": patient, "t": np.where(b, "B", "A")[patient]})
    frame["y"] = own[patient] + 0.3 * rng.normal(size=400)
    fit = DifferenceInMeans(treatment="t", cluster="patient").fit(frame, ["y"])
    sd = placebo_treatment(fit, n_refits=100).frame["placebo_sd"].iloc[0]
    assert sd == pytest.approx(fit.effects_.frame["se"].iloc[0], rel=0.25)


def test_a_random_common_cause_moves_nothing() -> None:
    frame, names = confounded_table(4)
    fit = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    found = random_common_cause(fit).frame
    assert set(found["verdict"]) == {"passes"}
    assert (found["moved_se"] < 0.3).all()


def test_parts_agree_unless_a_few_cases_make_the_effect() -> None:
    frame, names = confounded_table(5)
    fit = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    found = random_subset(fit, share=0.8).frame
    assert set(found["verdict"]) == {"passes"}
    np.testing.assert_allclose(found["subset_sd"], found["expected_sd"], rtol=0.5)
    with pytest.raises(InvalidInputError, match="share must be between 0 and 1"):
        random_subset(fit, share=1.2)


def test_negative_controls() -> None:
    rng = np.random.default_rng(6)
    n = 2000
    x, u = rng.normal(size=(2, n))
    b = rng.random(n) < 1 / (1 + np.exp(-x - u))
    later = rng.random(n) < 1 / (1 + np.exp(-x - u))
    frame = pd.DataFrame({"x": x, "u": u, "t": np.where(b, "B", "A")})
    frame["later"] = np.where(later, "new", "old")
    frame["y"] = x + u + 0.5 * b + rng.normal(size=n)
    frame["before"] = x + u + rng.normal(size=n)
    open_door = AIPW(treatment="t", adjustment=["x"])
    closed = AIPW(treatment="t", adjustment=["x", "u"])
    for estimator, verdict in ((open_door, "fails"), (closed, "passes")):
        found = negative_control_outcome(estimator, frame, ["before"], alpha=0.001)
        assert found.frame["verdict"].tolist() == [verdict]
        found = negative_control_treatment(
            estimator, frame, ["before"], treatment="later", alpha=0.001
        )
        assert found.frame["verdict"].tolist() == [verdict]
    assert not hasattr(open_door, "effects_")


def test_refuters_need_a_fit() -> None:
    with pytest.raises(InvalidInputError, match="not fitted"):
        placebo_treatment(AIPW(treatment="t", adjustment=[]))


def test_placebo_refits_of_many_outcomes_equal_those_of_one() -> None:
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(rng.normal(size=(300, 210))).rename(columns=str)
    frame["scanner"] = np.where(rng.random(300) < 0.5, "A", "B")
    names = [str(k) for k in range(210)]
    fit = AIPW(treatment="scanner", adjustment=names[:10])
    together = placebo_treatment(fit.fit(frame, names[10:]), n_refits=20).frame
    alone = placebo_treatment(fit.fit(frame, ["100"]), n_refits=20).frame
    row = together.set_index("outcome").loc["100"]
    for column in alone.select_dtypes("number"):
        assert row[column] == pytest.approx(alone[column].iloc[0], rel=1e-8), column
