"""The contract of effect estimators: ours keep it, and each broken plug-in is found out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from causalimg import registry
from causalimg.effects.estimators import AIPW, DifferenceInMeans
from causalimg.errors import InvalidInputError
from causalimg.testing import ConformanceError, check_effect, trial_table

ADJUSTED: dict[str, Any] = {"treatment": "scanner", "adjustment": ["age", "sex"]}
SETTINGS: dict[str, dict[str, Any]] = {
    "difference_in_means": {"treatment": "scanner"},
    "dose_response": {"treatment": "dose", "adjustment": ["age", "sex"]},
    "dr_learner": {**ADJUSTED, "modifiers": ["age"]},
    "front_door": {"treatment": "scanner", "mediators": ["sharpness"]},
    "iv": {"treatment": "scanner", "instruments": ["protocol"]},
}


@pytest.mark.parametrize("name", registry.names("causalimg.effects"))
def test_every_registered_estimator_keeps_the_contract(name: str) -> None:
    estimator = registry.load("causalimg.effects", name)(**SETTINGS.get(name, ADJUSTED))
    report = check_effect(estimator, runs=240)
    assert set(report.left_out) <= {"confounded"}
    assert ("confounded" in report.left_out) == (name in SETTINGS and name != "dr_learner")


class Changed(DifferenceInMeans):
    """The difference in means, with its frame changed."""

    def fit(self, frame: pd.DataFrame, outcomes: Sequence[str]) -> Any:
        super().fit(frame, outcomes)
        changed = self.change(self.effects_.to_frame())
        self.effects_ = replace(self.effects_, frame=changed)
        return self

    def change(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows

    def scaled(self, rows: pd.DataFrame, factor: float) -> pd.DataFrame:
        half = factor * (rows["ci_high"] - rows["estimate"])
        low, high = rows["estimate"] - half, rows["estimate"] + half
        return rows.assign(se=factor * rows["se"], ci_low=low, ci_high=high)


class TooShort(Changed):
    def change(self, rows: pd.DataFrame) -> pd.DataFrame:
        return self.scaled(rows, 0.7)


class TooLong(Changed):
    def change(self, rows: pd.DataFrame) -> pd.DataFrame:
        return self.scaled(rows, 2.0)


class Biased(Changed):
    def change(self, rows: pd.DataFrame) -> pd.DataFrame:
        shift = 0.1 * rows["outcome_sd"]
        moved = {name: rows[name] + shift for name in ("estimate", "ci_low", "ci_high")}
        return rows.assign(**moved)


class WrongSign(Changed):
    def change(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(
            estimate=-rows["estimate"], ci_low=-rows["ci_high"], ci_high=-rows["ci_low"]
        )


class NoInterval(Changed):
    def change(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(ci_low=rows["estimate"], ci_high=rows["estimate"])


class Standardises(Changed):
    def change(self, rows: pd.DataFrame) -> pd.DataFrame:
        names = ["estimate", "se", "ci_low", "ci_high"]
        return rows.assign(**{name: rows[name] / rows["outcome_sd"] for name in names})


class Shrinks(Changed):
    def change(self, rows: pd.DataFrame) -> pd.DataFrame:
        pulled = 0.5 * (rows["estimate"] + rows["estimate"].mean())
        return rows.assign(estimate=pulled)


class OtherNames(Changed):
    def change(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(contrast="A - B")


class Adds(DifferenceInMeans):
    def fit(self, frame: pd.DataFrame, outcomes: Sequence[str]) -> Any:
        super().fit(frame, outcomes)
        frame["propensity"] = 0.5
        return self


class Shuffles(DifferenceInMeans):
    def fit(self, frame: pd.DataFrame, outcomes: Sequence[str]) -> Any:
        rows = np.random.choice(len(frame), len(frame))  # noqa: NPY002
        return super().fit(frame.iloc[rows].reset_index(drop=True), outcomes)


class ByLabel(DifferenceInMeans):
    def fit(self, frame: pd.DataFrame, outcomes: Sequence[str]) -> Any:
        if isinstance(frame.index, pd.RangeIndex):
            return super().fit(frame, outcomes)
        return super().fit(frame.sort_index().head(len(frame) // 2), outcomes)


class Fills(AIPW):
    def fit(self, frame: pd.DataFrame, outcomes: Sequence[str]) -> Any:
        return super().fit(frame.assign(age=frame["age"].fillna(60.0)), outcomes)


class FillsOutcomes(DifferenceInMeans):
    def fit(self, frame: pd.DataFrame, outcomes: Sequence[str]) -> Any:
        return super().fit(frame.assign(**{n: frame[n].fillna(0.0) for n in outcomes}), outcomes)


class StopsAtOne(DifferenceInMeans):
    def fit(self, frame: pd.DataFrame, outcomes: Sequence[str]) -> Any:
        if any(frame[name].nunique() < 2 for name in outcomes if name in frame):
            raise InvalidInputError("a constant outcome")
        return super().fit(frame, outcomes)


class SkipsUnknown(DifferenceInMeans):
    def fit(self, frame: pd.DataFrame, outcomes: Sequence[str]) -> Any:
        return super().fit(frame, [name for name in outcomes if name in frame] or ["feature_000"])


class ZeroForOneLevel(DifferenceInMeans):
    def fit(self, frame: pd.DataFrame, outcomes: Sequence[str]) -> Any:
        if self.treatment in frame and frame[self.treatment].nunique() == 1:
            frame = frame.assign(scanner=np.where(np.arange(len(frame)) % 2, "A", "B"))
        return super().fit(frame, outcomes)


class IgnoresAge(AIPW):
    def fit(self, frame: pd.DataFrame, outcomes: Sequence[str]) -> Any:
        kept, self.adjustment = self.adjustment, ["sex"]
        try:
            return super().fit(frame, outcomes)
        finally:
            self.adjustment = kept


class Positional(DifferenceInMeans):
    def __init__(self, treatment: str = "scanner") -> None:
        super().__init__(treatment=treatment)


BROKEN: list[tuple[str, Any, str]] = [
    ("parameters", Positional(), "keyword-only"),
    ("result", NoInterval(treatment="scanner"), "does not hold its estimate"),
    ("result", OtherNames(treatment="scanner"), "'B - A'"),
    ("input_unchanged", Adds(treatment="scanner"), "propensity"),
    ("alone", Shrinks(treatment="scanner"), "alone the estimate"),
    ("units", Standardises(treatment="scanner"), "thousand times"),
    ("index", ByLabel(treatment="scanner"), "another index"),
    ("repeatable", Shuffles(treatment="scanner"), "fitted again"),
    ("column_order", Shuffles(treatment="scanner"), "columns reversed"),
    ("unknown_column", SkipsUnknown(treatment="scanner"), "UnknownNameError"),
    ("missing_cells", Fills(**ADJUSTED), "no error"),
    ("one_level", ZeroForOneLevel(treatment="scanner"), "no error"),
    ("bad_outcome", StopsAtOne(treatment="scanner"), "must not stop the others"),
    ("missing_outcome", FillsOutcomes(treatment="scanner"), "20 values missing"),
    ("unbiased", Biased(treatment="scanner"), "mean error"),
    ("unbiased", WrongSign(treatment="scanner"), "the sign"),
    ("coverage", TooShort(treatment="scanner"), "too small"),
    ("coverage", TooLong(treatment="scanner"), "too large"),
    ("confounded", IgnoresAge(**ADJUSTED), "do not enter"),
]


@pytest.mark.parametrize(
    ("clause", "broken", "said"),
    BROKEN,
    ids=lambda v: v if isinstance(v, str) else type(v).__name__,
)
def test_a_broken_estimator_is_found_out(clause: str, broken: Any, said: str) -> None:
    with pytest.raises(ConformanceError) as caught:
        check_effect(broken)
    failed = {failure.clause: str(failure) for failure in caught.value.failures}
    assert clause in failed
    assert said in failed[clause]


def test_what_is_given_must_fit_the_table() -> None:
    with pytest.raises(InvalidInputError, match="give an instance"):
        check_effect(AIPW)
    with pytest.raises(InvalidInputError, match="trial_table"):
        check_effect(AIPW(treatment="site", adjustment=["age"]))


def test_the_table_is_a_trial_with_the_effects_it_names() -> None:
    table = trial_table(20_000, outcomes=3)
    b = table["scanner"] == "B"
    assert abs(table.loc[b, "age"].mean() - table.loc[~b, "age"].mean()) < 0.6
    means = table.groupby("scanner")[["feature_000", "feature_001"]].mean()
    np.testing.assert_allclose(means.loc["B"] - means.loc["A"], 0.5, atol=0.08)
    slope = np.polyfit(table["dose"], table["feature_002"], 1)[0]
    assert abs(slope - 0.2) < 0.04
