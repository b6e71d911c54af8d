"""Effects that vary with covariates: recovery, coverage, agreement with econml, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalimg.effects.cate import DRLearner
from causalimg.effects.econml_engine import econml_effects
from causalimg.errors import InvalidInputError


def varying(seed: int, n: int = 600, outcomes: int = 5) -> tuple[pd.DataFrame, list[str]]:
    """Effect 1 + 0.5 age for men and women alike."""
    rng = np.random.default_rng(seed)
    age = rng.normal(size=n)
    age = (age - age.mean()) / age.std()
    sex = rng.choice(["F", "M"], n)
    b = rng.random(n) < 1 / (1 + np.exp(-0.8 * age))
    frame = pd.DataFrame({"age": age, "sex": sex, "t": np.where(b, "B", "A")})
    names = [f"f{k}" for k in range(outcomes)]
    mean = age + 0.4 * (sex == "M") + (1 + 0.5 * age) * b
    values = mean[:, None] + rng.normal(size=(n, outcomes))
    return frame.join(pd.DataFrame(values, columns=names)), names


def test_modification_is_recovered_and_covered() -> None:
    inside, null = [], []
    for seed in range(40):
        frame, names = varying(seed)
        fit = DRLearner(treatment="t", adjustment=["age", "sex"], modifiers=["age", "sex"])
        found = fit.fit(frame, names).modification_
        age = found[found["modifier"] == "age"]
        inside.append((age["ci_low"] < 0.5) & (age["ci_high"] > 0.5))
        null.append(found.loc[found["modifier"] == "sex[M]", "p"] < 0.05)
    assert 0.90 <= np.mean(inside) <= 0.99
    assert 0.0 <= np.mean(null) <= 0.10
    assert set(fit.effects_.frame["estimator"]) == {"dr_learner"}
    effects = fit.predict()
    assert effects.shape == (600, 5)
    assert effects["f0"].corr(frame["age"]) > 0.9


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_agrees_with_econml() -> None:
    pytest.importorskip("econml")
    frame, names = varying(0, n=1000, outcomes=1)
    fit = DRLearner(treatment="t", adjustment=["age", "sex"], modifiers=["age"]).fit(frame, names)
    theirs = econml_effects(
        frame, names, treatment="t", adjustment=["age", "sex"], modifiers=["age"]
    ).iloc[0]
    row = fit.effects_.frame.iloc[0]
    assert theirs["contrast"] == "B - A"
    assert theirs["estimate"] == pytest.approx(row["estimate"], abs=2 * row["se"])
    own = fit.modification_.iloc[0]
    assert theirs["spread"] == pytest.approx(abs(own["estimate"]), abs=3 * own["se"])
    assert theirs["age"] > 0.99


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_econml_as_the_engine_agrees() -> None:
    pytest.importorskip("econml")
    from sklearn.linear_model import LogisticRegression, RidgeCV

    frame, names = varying(3, n=1500, outcomes=2)
    frame.loc[:19, names[1]] = np.nan
    frame["flat"] = 1.0
    frame["t"] = np.where(frame.index % 5 == 0, "C", frame["t"])
    settings = {"treatment": "t", "adjustment": ["age", "sex"], "modifiers": ["age"]}
    models = {"outcome_model": RidgeCV(), "propensity_model": LogisticRegression(), "n_folds": 3}
    every = [*names, "flat"]
    native = DRLearner(**settings).fit(frame, every)
    theirs = DRLearner(**settings, **models, engine="econml").fit(frame, every)
    own, other = native.modification_, theirs.modification_
    columns = ["outcome", "contrast", "modifier", "status"]
    pd.testing.assert_frame_equal(own[columns], other[columns])
    assert (other["status"] == "ok").tolist() == [True] * 4 + [False] * 2
    good = own["status"] == "ok"
    gap = (own["estimate"] - other["estimate"])[good].abs()
    assert (gap < own["se"][good]).all()
    assert (gap > 0).all()
    ratio = (own["se"] / other["se"])[good]
    assert ((ratio > 0.8) & (ratio < 1.25)).all()
    effects = theirs.predict()[names[0]]
    assert effects.mean() == pytest.approx(1.0, abs=0.3)
    assert effects.std() == pytest.approx(0.5, abs=0.25)


def test_engine_settings() -> None:
    frame, names = varying(4)
    settings = {"treatment": "t", "adjustment": ["age", "sex"], "modifiers": ["age"]}
    with pytest.raises(InvalidInputError, match="did you mean 'econml'"):
        DRLearner(**settings, engine="econlm").fit(frame, names)
    with pytest.raises(InvalidInputError, match="no cluster-robust errors"):
        DRLearner(**settings, engine="econml", cluster="sex").fit(frame, names)


def test_refusals() -> None:
    frame, names = varying(1)
    with pytest.raises(InvalidInputError, match="modifier 'sex' is not in the adjustment set"):
        DRLearner(treatment="t", adjustment=["age"], modifiers=["sex"]).fit(frame, names)
    with pytest.raises(InvalidInputError, match="at least one column"):
        DRLearner(treatment="t", adjustment=["age"], modifiers=[]).fit(frame, names)
    frame["flat"] = 1.0
    frame.loc[:9, names[0]] = np.nan
    fit = DRLearner(treatment="t", adjustment=["age", "sex"], modifiers=["age"])
    found = fit.fit(frame, [*names, "flat"]).modification_.set_index("outcome")
    assert found.loc["flat", "status"] == "not_estimable"
    assert (found.loc[names, "status"] == "ok").all()
