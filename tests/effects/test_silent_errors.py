"""Errors that go unnoticed elsewhere: each of these must give the right answer or a message."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from effect_tables import ADJUSTMENT, confounded_table

from causalimg.effects import AIPW
from causalimg.errors import InvalidInputError


@pytest.mark.parametrize("share", [0.0, 0.05, 0.20])
def test_missing_outcomes_of_treated_cases(share: float) -> None:
    """Outcomes about 100, effect 0.5: weights of cases without outcome must not count."""
    rng = np.random.default_rng(0)
    n = 2000
    x = rng.normal(size=n)
    treated = rng.random(n) < 1 / (1 + np.exp(-x))
    y = 100 + x + 0.5 * treated + rng.normal(size=n)
    y[treated & (rng.random(n) < share)] = np.nan
    frame = pd.DataFrame({"x": x, "t": np.where(treated, "new", "old"), "y": y})
    fit = AIPW(treatment="t", adjustment=["x"], reference="old").fit(frame, ["y"])
    row = fit.effects_.frame.iloc[0]
    assert row["n"] == np.isfinite(y).sum()
    assert row["ci_low"] < 0.5 < row["ci_high"]
    assert row["estimate"] == pytest.approx(0.5, abs=0.2)


@pytest.mark.parametrize("kind", ["number", "category", "text", "bool"])
def test_codes_of_scanners_are_labels(kind: str) -> None:
    """Three scanners coded 0, 1, 2 with effects +1.0 and -0.5: not an amount."""
    rng = np.random.default_rng(1)
    n = 3000
    x = rng.normal(size=n)
    code = (rng.random(n)[:, None] > np.array([0.35, 0.7])).sum(axis=1)
    if kind == "bool":
        code = np.minimum(code, 1)
    effect = np.array([0.0, 1.0, -0.5])
    frame = pd.DataFrame({"x": x, "y": x + effect[code] + rng.normal(size=n)})
    frame["scanner"] = code
    if kind == "category":
        frame["scanner"] = frame["scanner"].astype("category")
    elif kind == "text":
        frame["scanner"] = np.array(["Siemens Aera", "GE Signa", "Philips <Ingenia>"])[code]
    elif kind == "bool":
        frame["scanner"] = frame["scanner"].astype(bool)
    reference = "Siemens Aera" if kind == "text" else None
    fit = AIPW(treatment="scanner", adjustment=["x"], reference=reference).fit(frame, ["y"])
    found = fit.effects_.frame.set_index("contrast")["estimate"]
    expected = {
        "number": {"1 - 0": 1.0, "2 - 0": -0.5},
        "category": {"1 - 0": 1.0, "2 - 0": -0.5},
        "text": {"GE Signa - Siemens Aera": 1.0, "Philips <Ingenia> - Siemens Aera": -0.5},
        "bool": {"True - False": 1.0},
    }[kind]
    assert set(found.index) == set(expected)
    for contrast, truth in expected.items():
        assert found[contrast] == pytest.approx(truth, abs=0.15)


def test_a_list_of_outcomes_gives_one_row_each() -> None:
    frame, names = confounded_table(2)
    both = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names[:2])
    second = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names[1:2])
    assert both.effects_.frame["outcome"].tolist() == names[:2]
    assert both.effects_.frame["estimate"].iloc[1] == pytest.approx(
        second.effects_.frame["estimate"].iloc[0]
    )


def test_a_column_called_propensity_score_is_only_a_column() -> None:
    frame, names = confounded_table(3)
    plain = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    columns = list(frame.columns)
    frame["propensity_score"] = 0.5
    frame["ips_weight"] = 2.0
    with_it = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    assert list(frame.columns) == [*columns, "propensity_score", "ips_weight"]
    np.testing.assert_array_equal(
        plain.effects_.frame["estimate"], with_it.effects_.frame["estimate"]
    )


def test_numbers_sort_by_size_and_one_point_zero_is_one() -> None:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"protocol": rng.choice([2.0, 10.0, 1.5], 300), "y": rng.normal(size=300)})
    fit = AIPW(treatment="protocol", adjustment=[]).fit(frame, ["y"])
    assert fit.levels_ == ("1.5", "2", "10")


@pytest.mark.parametrize(("written", "said"), [("unknown", "'unknown' (1 of 400"), (",", "comma")])
def test_numbers_that_are_text_are_not_taken_for_categories(written: str, said: str) -> None:
    """One cell of words makes a column of text: a level for every age is no adjustment."""
    frame, names = confounded_table()
    text = frame["age"].round(1).astype(str)
    frame["age"] = text.str.replace(".", ",") if written == "," else [written, *text[1:]]
    with pytest.raises(InvalidInputError, match=re.escape(said)):
        AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
