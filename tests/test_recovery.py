"""Recovery of the truth: every number checked by hand."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from causalimg.datasets import PhantomTruth
from causalimg.datasets.truth import EFFECT_COLUMNS
from causalimg.errors import InvalidInputError
from causalimg.recovery import RECOVERY_COLUMNS, known_effects, recovery
from causalimg.tables.effect_table import COLUMNS, EffectTable
from causalimg.tables.invariant_set import EVIDENCE_COLUMNS, InvariantSet


def effect_table(rows: list[tuple[str, str, float, float, float, float, str]]) -> EffectTable:
    made = []
    for name, contrast, estimate, low, high, sd, status in rows:
        row = dict.fromkeys(COLUMNS, 0.0)
        row |= {"outcome": name, "contrast": contrast, "estimand": "ate", "estimator": "aipw",
                "estimate": estimate, "ci_low": low, "ci_high": high, "outcome_sd": sd,
                "effect_sd": estimate / sd, "status": status, "reason": ""}  # fmt: skip
        made.append(row)
    return EffectTable(pd.DataFrame(made, columns=list(COLUMNS)))


def known(rows: list[tuple[str, str, float, float]]) -> PhantomTruth:
    made = []
    for name, contrast, effect, effect_sd in rows:
        row = dict.fromkeys(EFFECT_COLUMNS, 0.0)
        row |= {"outcome": name, "contrast": contrast, "effect": effect, "effect_sd": effect_sd}
        made.append(row)
    return PhantomTruth(pd.DataFrame(made, columns=list(EFFECT_COLUMNS)), "A")


def invariant(verdicts: dict[str, str], margin: float = 0.5) -> InvariantSet:
    rows = [(name, verdict, "B - A", 0.1, -0.2, 0.3, 0.01, 0.01, 50, np.nan)
            for name, verdict in verdicts.items()]  # fmt: skip
    evidence = pd.DataFrame(rows, columns=list(EVIDENCE_COLUMNS))
    stable = tuple(name for name, verdict in verdicts.items() if verdict == "stable")
    return InvariantSet(stable, "stable_measurement", "scanner", margin, evidence)


ADJUSTED = effect_table(
    [
        ("a", "B - A", 1.0, 0.5, 1.5, 2.0, "ok"),
        ("b", "B - A", 0.0, -0.5, 0.5, 1.0, "ok"),
        ("c", "B - A", 3.0, 2.5, 3.5, 1.0, "ok"),
        ("d", "B - A", np.nan, np.nan, np.nan, 1.0, "not_estimable"),
    ]
)
NAIVE = effect_table(
    [("a", "B - A", 3.0, 2.5, 3.5, 2.0, "ok"), ("b", "B - A", 0.2, -0.1, 0.5, 1.0, "ok")]
)
TRUTH = known(
    [("a", "B - A", 1.2, 0.6), ("b", "B - A", 0.1, 0.1), ("c", "B - A", 2.0, 2.0),
     ("d", "B - A", 0.0, 0.0)]
)  # fmt: skip


def test_coverage_and_errors_by_hand():
    found = recovery(ADJUSTED, NAIVE, None, TRUTH)
    assert list(found.frame.columns) == list(RECOVERY_COLUMNS)
    assert list(found.frame["feature"]) == ["a", "b", "c"]
    assert list(found.frame["covered"]) == [True, True, False]
    assert found.coverage == pytest.approx(2 / 3)
    assert found.naive_coverage == pytest.approx(1 / 2)
    assert list(found.frame["naive_covered"]) == [False, True, None]
    assert found.frame["true_effect_sd"].tolist() == pytest.approx([0.6, 0.1, 2.0])
    assert found.rmse_sd == pytest.approx(np.sqrt((0.1**2 + 0.1**2 + 1.0**2) / 3))
    assert found.naive_rmse_sd == pytest.approx(np.sqrt((0.9**2 + 0.1**2) / 2))
    assert np.isnan(found.precision) and np.isnan(found.margin)


def test_precision_and_recall_by_hand():
    found = recovery(
        ADJUSTED, None, invariant({"a": "stable", "b": "stable", "c": "shifted",
                                   "d": "not_certifiable"}), TRUTH
    )  # fmt: skip
    assert (found.n_true_invariant, found.n_certified) == (2, 2)
    assert found.precision == pytest.approx(1 / 2)
    assert found.recall == pytest.approx(1 / 2)
    assert list(found.frame["truly_invariant"]) == [False, True, False]
    assert list(found.frame["certified"]) == [True, True, False]


def test_nothing_certified_has_no_precision():
    found = recovery(ADJUSTED, None, invariant({"a": "shifted", "b": "not_certifiable"}), TRUTH)
    assert np.isnan(found.precision)
    assert found.recall == 0.0
    summary = found.summary()
    assert summary["precision"] is None and summary["naive_coverage"] is None
    json.dumps(summary, allow_nan=False)
    assert "not defined" in found.in_words()


def test_a_contrast_the_other_way_round_changes_the_sign():
    turned = effect_table([("a", "A - B", -1.0, -1.5, -0.5, 2.0, "ok")])
    found = recovery(turned, None, None, TRUTH)
    assert found.frame["true_effect"].tolist() == pytest.approx([-1.2])
    assert found.coverage == 1.0


def test_level_names_that_hold_the_sign_of_a_contrast():
    truth = known([("a", "GE - 3T - Philips", 1.0, 1.0)])
    both = known_effects(truth)
    assert both["a", "GE - 3T - Philips"] == 1.0
    assert both["a", "Philips - GE - 3T"] == -1.0
    assert both["a", "3T - Philips - GE"] == -1.0


def test_no_common_effect_is_refused():
    other = effect_table([("a", "C - A", 1.0, 0.5, 1.5, 2.0, "ok")])
    with pytest.raises(InvalidInputError, match=r"no estimated effect has a known truth.*C - A"):
        recovery(other, None, None, TRUTH)


def test_row_order_does_not_matter():
    turned = EffectTable(ADJUSTED.frame.iloc[::-1])
    a, b = recovery(ADJUSTED, NAIVE, None, TRUTH), recovery(turned, NAIVE, None, TRUTH)
    assert a.summary() == pytest.approx(b.summary())


def test_words_say_what_one_cohort_is():
    words = recovery(ADJUSTED, NAIVE, invariant({"a": "stable", "b": "stable"}), TRUTH).in_words()
    assert "67%" in words and "naive difference in means: 50%" in words
    assert "one draw of correlated features" in words
