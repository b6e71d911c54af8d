"""Stabilised regression: the stable blanket, prediction under shift, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from causalimg.errors import InvalidInputError, NotEstimableError
from causalimg.invariance.stabilized import StabilizedRegression

NAMES = ["cause", "stable", "moved", "noise"]


def table(seed: int, *, n: int = 300, levels: int = 3, size: float = 2.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    code = np.repeat(np.arange(levels), n)
    move = size * code
    cause = rng.normal(size=len(code)) + move * (code == 1)
    y = cause + rng.normal(size=len(code))
    stable = y + rng.normal(size=len(code))
    moved = 2 * y + 0.5 * rng.normal(size=len(code)) + move
    noise = rng.normal(size=len(code))
    columns = {"cause": cause, "stable": stable, "moved": moved, "noise": noise, "y": y}
    return pd.DataFrame({**columns, "site": [f"s{c}" for c in code]})


def fitted(frame: pd.DataFrame, **settings: object) -> StabilizedRegression:
    search = StabilizedRegression(environment="site", **settings)
    return search.fit(frame, outcome="y", features=NAMES)


def test_the_stable_blanket_is_found() -> None:
    found = [set(fitted(table(seed)).predictors_.features) for seed in range(20)]
    assert sum("moved" in one for one in found) <= 3
    assert sum({"cause", "stable"} <= one for one in found) >= 17


def test_the_unstable_predictor_is_named() -> None:
    model = fitted(table(0))
    assert model.unstable_.idxmax() == "moved"
    assert model.unstable_["moved"] > 0.9
    assert "No error probability" in model.predictors_.claim


def test_it_predicts_a_new_environment_better_than_least_squares() -> None:
    train, far = table(1), table(2, size=-4.0)
    model = fitted(train)
    plain = LinearRegression().fit(train[NAMES], train["y"])
    ours = ((far["y"] - model.predict(far)) ** 2).mean()
    theirs = ((far["y"] - plain.predict(far[NAMES])) ** 2).mean()
    assert ours < 0.7
    assert theirs > 1.5 * ours


def test_the_average_is_that_of_the_regressions() -> None:
    frame = table(3)
    model = fitted(frame)
    direct = np.zeros(4)
    for chosen in model.averaged_sets_:
        columns = list(chosen)
        one = LinearRegression().fit(frame[columns], frame["y"])
        direct[[NAMES.index(name) for name in columns]] += one.coef_
    np.testing.assert_allclose(model.coef_, direct / len(model.averaged_sets_), atol=1e-8)


def test_seeds_order_and_units() -> None:
    frame = table(4)
    first = fitted(frame)
    again = fitted(frame)
    pd.testing.assert_series_equal(first.coef_, again.coef_)
    search = StabilizedRegression(environment="site")
    other = search.fit(frame.assign(noise=frame["noise"] * 100), outcome="y", features=NAMES[::-1])
    np.testing.assert_allclose(other.coef_[NAMES[:3]], first.coef_[NAMES[:3]], rtol=1e-6)


def test_no_stable_set_is_an_error() -> None:
    frame = table(5)
    frame["y"] += 5.0 * (frame["site"] == "s2") * frame["noise"] ** 2
    with pytest.raises(NotEstimableError, match="no set of the 4 features is stable"):
        fitted(frame)


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("threshold", 1.5, "threshold must be between"),
        ("test", "chaw", "did you mean 'chow'"),
        ("max_features", 0, "must be from 1 to 20"),
        ("n_bootstrap", 3, "at least 20"),
    ],
)
def test_settings_are_checked(setting: str, value: object, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        fitted(table(6), **{setting: value})
