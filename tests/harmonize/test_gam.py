"""ComBat with curves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalimg.errors import InvalidInputError
from causalimg.harmonize import ComBat, ComBatGAM
from causalimg.harmonize.gam import penalised, roughness


def curved(seed: int, n: int = 600) -> tuple[pd.DataFrame, np.ndarray]:
    """Features with a U-shaped age effect; the scanners see different ages, and shift by 1."""
    rng = np.random.default_rng(seed)
    age = rng.uniform(20, 80, n)
    late = rng.random(n) < 0.1 + 0.8 * (np.abs(age - 50) > 15)
    shape = ((age - 50) / 12) ** 2
    clean = shape[:, None] * np.linspace(0.5, 1.5, 5) + rng.normal(size=(n, 5))
    frame = pd.DataFrame(clean + late[:, None]).add_prefix("f")
    return frame.assign(age=age, scanner=np.where(late, "B", "A")), clean


@pytest.mark.parametrize("penalise", [True, False])
def test_a_curve_is_kept_that_a_line_would_take_for_the_scanner(penalise: bool) -> None:
    frame, clean = curved(0)
    gaps = {}
    for name, combat in (
        ("line", ComBat(batch="scanner", covariates=["age"])),
        (
            "curve",
            ComBatGAM(batch="scanner", covariates=["age"], smooth=["age"], penalise=penalise),
        ),
    ):
        error = combat.fit_transform(frame).to_numpy() - clean
        late = (frame["scanner"] == "B").to_numpy()
        gaps[name] = np.abs(error[late].mean(axis=0) - error[~late].mean(axis=0)).mean()
    assert gaps["line"] > 1.0
    assert gaps["curve"] < 0.2


def test_the_penalty_goes_from_least_squares_to_a_line() -> None:
    rng = np.random.default_rng(1)
    frame, _ = curved(1)
    fitted = ComBatGAM(batch="scanner", covariates=["age"], smooth=["age"]).fit(frame)
    assert (fitted.strength_ < 1e3).all()
    straight = frame.assign(
        **{f"f{k}": 0.1 * frame["age"] + rng.normal(size=len(frame)) for k in range(5)}
    )
    flat = ComBatGAM(batch="scanner", covariates=["age"], smooth=["age"]).fit(straight)
    assert np.median(flat.strength_) > np.median(fitted.strength_)


def test_penalised_regression_solves_its_normal_equations() -> None:
    rng = np.random.default_rng(2)
    design, values = rng.normal(size=(80, 6)), rng.normal(size=(80, 3))
    penalty = np.zeros((6, 6))
    penalty[2:, 2:] = roughness(4)
    coefficient, strength = penalised(design, values, penalty)
    for k in range(3):
        expected = np.linalg.solve(
            design.T @ design + strength[k] * penalty, design.T @ values[:, k]
        )
        np.testing.assert_allclose(coefficient[:, k], expected, rtol=1e-5, atol=1e-8)


def test_new_ages_beyond_training_go_on_as_a_line() -> None:
    frame, _ = curved(3)
    fitted = ComBatGAM(batch="scanner", covariates=["age"], smooth=["age"]).fit(frame)
    beyond = frame.iloc[[0, 0, 0]].assign(age=[90.0, 100.0, 110.0], scanner="B")
    centre = fitted.model_.centre(fitted.covariates_.matrix(beyond))
    np.testing.assert_allclose(centre[1] - centre[0], centre[2] - centre[1], atol=1e-8)


def test_refusals() -> None:
    frame, _ = curved(4, n=60)
    with pytest.raises(InvalidInputError, match="'sex', which is not among the covariates"):
        ComBatGAM(batch="scanner", covariates=["age"], smooth=["sex"]).fit(frame)
    with pytest.raises(InvalidInputError, match="n_knots must be at least 3"):
        ComBatGAM(batch="scanner", covariates=["age"], smooth=["age"], n_knots=2).fit(frame)
    labelled = frame.assign(sex=np.tile(["F", "M"], 30))
    with pytest.raises(InvalidInputError, match="'sex' is a category"):
        ComBatGAM(batch="scanner", covariates=["sex"], smooth=["sex"]).fit(labelled)
