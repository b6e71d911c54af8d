"""Anchor regression: its special cases, robustness to shifts, choice of gamma, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression

from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError
from causalimg.invariance.anchor import AnchorRegression


def shifted(seed: int, *, size: float = 1.0, n: int = 2000) -> pd.DataFrame:
    """A hidden confounder of x1 and y; sites shift x1 and x2, an effect of y."""
    rng = np.random.default_rng(seed)
    site = rng.integers(0, 4, n)
    move = size * np.array([-1.5, -0.5, 0.5, 1.5])[site]
    hidden = rng.normal(size=n)
    x1 = move + hidden + rng.normal(size=n)
    y = x1 + 2 * hidden + rng.normal(size=n)
    x2 = 0.5 * y + 2 * move + rng.normal(size=n)
    return pd.DataFrame({"x1": x1, "x2": x2, "y": y, "site": [f"s{s}" for s in site], "z": move})


def fitted(frame: pd.DataFrame, **settings: object) -> AnchorRegression:
    return AnchorRegression(**{"anchors": "site", **settings}).fit(frame, "y", ["x1", "x2"])


def test_gamma_one_is_least_squares() -> None:
    frame = shifted(0)
    model = fitted(frame, gamma=1.0)
    peer = LinearRegression().fit(frame[["x1", "x2"]], frame["y"])
    np.testing.assert_allclose(model.coef_, peer.coef_, rtol=1e-8)
    assert model.intercept_ == pytest.approx(peer.intercept_)
    np.testing.assert_allclose(model.predict(frame), peer.predict(frame[["x1", "x2"]]))


def test_gamma_zero_partials_the_anchors_out() -> None:
    frame = shifted(1)
    within = frame[["x1", "x2", "y"]] - frame.groupby("site")[["x1", "x2", "y"]].transform("mean")
    peer = LinearRegression().fit(within[["x1", "x2"]], within["y"])
    np.testing.assert_allclose(fitted(frame, gamma=0.0).coef_, peer.coef_, rtol=1e-8)


def test_a_large_gamma_is_two_stage_least_squares() -> None:
    frame = shifted(2)
    means = frame.groupby("site")[["x1", "x2"]].transform("mean")
    peer = LinearRegression().fit(means, frame["y"])
    np.testing.assert_allclose(fitted(frame, gamma=1e9).coef_, peer.coef_, rtol=1e-4)


def test_the_transformed_regression_gives_the_same() -> None:
    frame = shifted(3, n=300)
    centred = frame[["x1", "x2", "y"]] - frame[["x1", "x2", "y"]].mean()
    anchor = (frame["z"] - frame["z"].mean()).to_numpy()
    values = centred.to_numpy()
    along = np.outer(anchor, anchor @ values) / (anchor @ anchor)
    moved = values + (np.sqrt(5.0) - 1) * along
    direct = np.linalg.lstsq(moved[:, :2], moved[:, 2], rcond=None)[0]
    found = fitted(frame, anchors=["z"], gamma=5.0)
    np.testing.assert_allclose(found.coef_, direct, rtol=1e-8)
    assert found.path_.index.is_monotonic_increasing
    np.testing.assert_allclose(found.path_.loc[5.0], direct, rtol=1e-8)


def test_it_holds_up_under_a_larger_shift() -> None:
    ratio = []
    for seed in range(10):
        train, far = shifted(seed), shifted(100 + seed, size=4.0)
        error = {
            gamma: ((far["y"] - fitted(train, gamma=gamma).predict(far)) ** 2).mean()
            for gamma in (1.0, 16.0)
        }
        ratio.append(error[16.0] / error[1.0])
    assert np.mean(ratio) < 0.8


def test_gamma_is_chosen_by_the_worst_left_out_site() -> None:
    model = fitted(shifted(4))
    assert model.worst_ is not None
    assert model.gamma_ == model.worst_.idxmin()
    assert model.gamma_ > 1


def test_units_and_order_do_not_matter() -> None:
    frame = shifted(5)
    first = fitted(frame, gamma=4.0)
    second = fitted(
        frame.assign(x1=frame["x1"] * 1e4 - 7).sample(frac=1, random_state=0), gamma=4.0
    )
    np.testing.assert_allclose(second.coef_ * [1e4, 1], first.coef_, rtol=1e-7)


def test_more_features_than_rows_need_a_ridge() -> None:
    rng = np.random.default_rng(6)
    names = [f"f{k}" for k in range(50)]
    frame = shifted(6, n=40).join(pd.DataFrame(rng.normal(size=(40, 50)), columns=names))
    search = AnchorRegression(anchors="site", gamma=2.0)
    with pytest.raises(NotEstimableError, match="50 features and 40 rows; set ridge"):
        search.fit(frame, "y", names)
    search.set_params(ridge=0.1).fit(frame, "y", names)
    assert np.isfinite(search.coef_).all()


def test_refusals() -> None:
    frame = shifted(7, n=100)
    with pytest.raises(InvalidInputError, match="gamma must be at least 0"):
        fitted(frame, gamma=-1.0)
    with pytest.raises(InvalidInputError, match="a number or 'auto'"):
        fitted(frame, gamma="best")
    with pytest.raises(InvalidInputError, match="is a number; set gamma"):
        fitted(frame, anchors=["z"])
    with pytest.raises(NotEstimableError, match="needs three levels"):
        fitted(frame[frame["site"].isin(["s0", "s1"])])
    with pytest.raises(UnknownNameError, match="did you mean 'site'"):
        fitted(frame, anchors=["sites"])
    with pytest.raises(InvalidInputError, match="columns with two roles"):
        fitted(frame, anchors=["site", "x1"])
    assert clone(AnchorRegression(anchors="site")).get_params()["gamma"] == "auto"
