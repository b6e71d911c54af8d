"""Density-ratio weights against densities that are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from causalimg.errors import InvalidInputError, UnknownNameError
from causalimg.shift import density_ratio


def moved(seed: int, n: int = 1500) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    return (
        pd.DataFrame({"x": rng.normal(0, 1, n), "z": rng.normal(size=n)}),
        pd.DataFrame({"x": rng.normal(0.8, 1, n), "z": rng.normal(size=n)}),
    )


@pytest.mark.parametrize("method", ["classifier", "ulsif"])
def test_the_weights_are_the_true_ratio(method: str) -> None:
    source, target = moved(0)
    found = density_ratio(source, target, method=method)
    truth = norm.pdf(source["x"], 0.8) / norm.pdf(source["x"])
    truth /= truth.mean()
    assert np.corrcoef(found.weights, truth)[0, 1] > 0.8
    assert found.weights.mean() == pytest.approx(1.0)
    frame = found.to_frame().set_index("column")
    assert abs(frame.loc["x", "gap_raw"]) > 0.6
    assert abs(frame.loc["x", "gap_weighted"]) < 0.12
    assert found.ess < len(source)


@pytest.mark.parametrize("method", ["classifier", "ulsif"])
def test_no_shift_gives_weights_near_one(method: str) -> None:
    rng = np.random.default_rng(1)
    both = pd.DataFrame(rng.normal(size=(2000, 2)), columns=["x", "z"])
    found = density_ratio(both[:1000], both[1000:], method=method)
    assert found.weights.std() < 0.25
    assert found.ess > 940


def test_weighted_risk_is_the_risk_on_the_target() -> None:
    source, target = moved(2, 4000)
    rng = np.random.default_rng(20)
    loss = [np.sin(part["x"]) + 0.1 * rng.normal(size=4000) for part in (source, target)]
    found = density_ratio(source, target)
    assert abs(loss[0].mean() - loss[1].mean()) > 0.3
    assert abs(found.weights @ loss[0] / 4000 - loss[1].mean()) < 0.05


def test_squares_see_a_variance_that_differs() -> None:
    rng = np.random.default_rng(3)
    source = pd.DataFrame({"x": rng.normal(0, 2, 2000)})
    target = pd.DataFrame({"x": rng.normal(0, 1, 2000)})
    line = density_ratio(source, target)
    curve = density_ratio(source, target, squares=True)
    spread = [np.sqrt(w.weights @ source["x"] ** 2 / 2000) for w in (line, curve)]
    assert spread[0] > 1.8 and abs(spread[1] - 1.0) < 0.1


def test_units_do_not_matter_and_labels_are_columns_too() -> None:
    source, target = moved(4)
    large = [part.assign(x=part["x"] * 1e5 + 3) for part in (source, target)]
    first = density_ratio(source, target, columns=["x"])
    np.testing.assert_allclose(
        density_ratio(*large, columns=["x"]).weights, first.weights, rtol=1e-6
    )
    rng = np.random.default_rng(4)
    shares = ([0.8, 0.2], [0.4, 0.6])
    sex = [pd.DataFrame({"sex": rng.choice(["F", "M"], 1500, p=p)}) for p in shares]
    found = density_ratio(*sex)
    men = (sex[0]["sex"] == "M").to_numpy()
    assert abs(found.weights[men].sum() / 1500 - 0.6) < 0.05


def test_refusals() -> None:
    source, target = moved(5, 60)
    with pytest.raises(InvalidInputError, match="did you mean 'ulsif'"):
        density_ratio(source, target, method="ulsiff")
    with pytest.raises(UnknownNameError, match=r"columns \(target\)"):
        density_ratio(source, target.drop(columns="z"))
    with pytest.raises(InvalidInputError, match="n_folds=99"):
        density_ratio(source, target, n_folds=99)
    with pytest.raises(InvalidInputError, match="every column is the same"):
        density_ratio(source.assign(x=1.0), target.assign(x=1.0), columns=["x"])
