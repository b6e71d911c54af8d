"""Causal ComBat: no answer where batches hold no comparable cases."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from causalimg.errors import CausalImgWarning, InvalidInputError, NotEstimableError
from causalimg.harmonize import CausalComBat, ComBat, check_overlap


def apart(seed: int = 0, n: int = 200) -> pd.DataFrame:
    """Young patients on scanner A, old ones on B; age moves the features, the scanner nothing.

    The change comes between the ages of the two scanners, so within a scanner there is nothing
    that a regression on age could preserve.
    """
    rng = np.random.default_rng(seed)
    old = np.repeat([False, True], n // 2)
    age = np.where(old, rng.uniform(60, 80, n), rng.uniform(20, 40, n))
    step = 3.0 * (age > 50)
    values = step[:, None] * [1.0, 0.5, -1.0, 2.0] + rng.normal(size=(n, 4))
    frame = pd.DataFrame(values).add_prefix("f")
    return frame.assign(age=age, scanner=np.where(old, "B", "A"), ill=old.astype(int))


def half(seed: int, n: int = 800) -> tuple[pd.DataFrame, np.ndarray]:
    """Ages overlap from 45 to 55 only; a curved age effect, and scanner B adds 1."""
    rng = np.random.default_rng(seed)
    late = np.repeat([False, True], n // 2)
    age = np.where(late, rng.uniform(45, 90, n), rng.uniform(10, 55, n))
    curve = 3.0 * np.tanh((age - 50) / 8)
    values = curve[:, None] * np.linspace(0.8, 1.2, 5) + late[:, None]
    frame = pd.DataFrame(values + 0.5 * rng.normal(size=(n, 5))).add_prefix("f")
    return frame.assign(age=age, scanner=np.where(late, "B", "A")), values


@pytest.mark.parametrize("covariates", [(), ("age",)])
def test_plain_combat_destroys_what_causal_combat_refuses_to_touch(
    covariates: tuple[str, ...],
) -> None:
    frame = apart()
    names = ["f0", "f1", "f2", "f3"]
    # the scanner does nothing: the right answer is the table as it is
    after = ComBat(batch="scanner", covariates=covariates).fit_transform(frame, features=names)
    moved = (after - frame[names]).abs().mean() / frame.groupby("scanner")[names].std().mean()
    assert moved["f0"] > 1.0
    assert roc_auc_score(frame["ill"], frame["f0"]) > 0.95
    assert roc_auc_score(frame["ill"], after["f0"]) < 0.65
    for choice in ("refuse", "match"):
        with pytest.raises(NotEstimableError, match="no answer"):
            CausalComBat(batch="scanner", covariates=["age"], on_no_overlap=choice).fit(
                frame, features=names
            )


def test_the_refusal_says_where_and_what_to_do() -> None:
    with pytest.raises(
        NotEstimableError, match=r"'age' separates batch 'scanner'.*on_no_overlap='match'"
    ):
        CausalComBat(batch="scanner", covariates=["age"]).fit(apart(), features=["f0", "f1"])
    with pytest.raises(NotEstimableError, match="covariate 'age' separates batch 'scanner'"):
        check_overlap(apart(), batch="scanner", covariates=["age"])


def test_matching_finds_the_shift_that_extrapolation_misses() -> None:
    frame, _ = half(0)
    names = [f"f{k}" for k in range(5)]
    with pytest.raises(NotEstimableError, match="no answer: overlap poor"):
        CausalComBat(batch="scanner", covariates=["age"]).fit(frame, features=names)
    matched = CausalComBat(batch="scanner", covariates=["age"], on_no_overlap="match").fit(
        frame, features=names
    )
    plain = ComBat(batch="scanner", covariates=["age"]).fit(frame, features=names)

    def shift(combat: ComBat) -> np.ndarray:
        model = combat.model_
        return np.asarray((model.shift[1] - model.shift[0]) * model.spread)

    assert np.abs(shift(matched) - 1.0).max() < 0.35
    assert np.abs(shift(plain) - 1.0).min() > 1.0
    used = frame[matched.used_]
    assert used["age"].between(44, 56).all()
    assert (used["scanner"] == "A").sum() == (used["scanner"] == "B").sum() >= 10


def test_cases_outside_the_common_support_are_missing_unless_asked_for() -> None:
    frame, _ = half(1)
    names = [f"f{k}" for k in range(5)]
    fitted = CausalComBat(batch="scanner", covariates=["age"], on_no_overlap="match")
    fitted.fit(frame, features=names)
    with pytest.warns(CausalImgWarning, match="missing in the result"):
        after = fitted.transform(frame)
    inside = fitted.comparable(frame)
    assert frame.loc[inside, "age"].between(44, 56).all()
    assert after[~inside].isna().all(axis=None) and after[inside].notna().all(axis=None)
    fitted.outside = "adjust"
    assert fitted.transform(frame).notna().all(axis=None)


def test_with_overlap_it_is_combat() -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.normal(size=(300, 4))).add_prefix("f")
    frame = frame.assign(age=rng.normal(60, 9, 300), scanner=rng.choice(["A", "B", "C"], 300))
    names = ["f0", "f1", "f2", "f3"]
    causal = CausalComBat(batch="scanner", covariates=["age"]).fit(frame, features=names)
    assert causal.overlap_ is not None and causal.overlap_.verdict == "good"
    plain = ComBat(batch="scanner", covariates=["age"]).fit_transform(frame, features=names)
    pd.testing.assert_frame_equal(causal.transform(frame), plain)
    assert causal.used_.all()


def test_three_batches_are_matched_together() -> None:
    rng = np.random.default_rng(3)
    start = np.repeat([20.0, 40.0, 55.0], 150)
    age = start + rng.uniform(0, 45, 450)
    frame = pd.DataFrame(rng.normal(size=(450, 3)) + age[:, None] / 10).add_prefix("f")
    frame = frame.assign(age=age, scanner=np.repeat(["A", "B", "C"], 150))
    fitted = CausalComBat(
        batch="scanner", covariates=["age"], on_no_overlap="match", min_matched=3, caliper=0.5
    ).fit(frame, features=["f0", "f1", "f2"])
    used = frame[fitted.used_]
    assert fitted.matched_
    assert used["scanner"].value_counts().nunique() == 1
    assert used["age"].between(50, 70).all()


def test_the_outcome_is_kept_out_of_the_covariates() -> None:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(size=(200, 3)), columns=["f0", "f1", "age"])
    frame = frame.assign(ill=rng.integers(0, 2, 200), scanner=rng.choice(["A", "B"], 200))
    settings = {"batch": "scanner", "covariates": ["age", "ill"], "outcome": "ill"}
    with pytest.raises(InvalidInputError, match="carry the labels"):
        CausalComBat(**settings).fit(frame, features=["f0", "f1"])
    with pytest.warns(CausalImgWarning, match="carry the labels"):
        CausalComBat(**settings, allow_outcome=True).fit(frame, features=["f0", "f1"])
    with pytest.raises(InvalidInputError, match="covariates_from_graph"):
        CausalComBat(batch="scanner", covariates=[]).fit(frame, features=["f0", "f1"])
