"""The answer in words, and the choice of the weakest point."""

from __future__ import annotations

from dataclasses import replace

import pytest

from causalimg.report.words import answer, number, probability, signed, weak_points
from causalimg.study_result import Refusal
from causalimg.tables.effect_table import EffectTable


def with_effects(study, **columns):
    frame = study.effects.frame.assign(**columns)
    return replace(study, effects=EffectTable(frame, study.effects.balance))


def test_the_answer_counts(study):
    good = study.effects.estimable
    hits = int((good["q"] < 0.05).sum())
    lines = answer(study).lines
    assert lines[0].startswith(f"{hits} of {len(good)} features are shifted by scanner")
    assert "age, sex and site" in lines[0]
    worst = good.loc[good["effect_sd"].abs().idxmax()]
    assert worst["outcome"] in lines[1] and signed(worst["effect_sd"]) in lines[1]
    counts = study.invariant.counts()
    assert lines[2].startswith(f"{counts['stable']} of")
    assert f"{counts['not_certifiable']} cannot be certified" in lines[2]


def test_no_significant_shift_is_said(study):
    lines = answer(with_effects(study, q=0.8)).lines
    assert lines[0].startswith("0 of") and lines[1].startswith("No shift is significant")


def test_nothing_estimable_is_said(study):
    said = answer(with_effects(study, status="not_estimable", reason="too few"))
    assert "No effect of scanner could be estimated" in said.lines[0]
    assert "too few" in said.weakest


def test_effects_that_were_refused_are_said_first(study):
    refusal = Refusal("effects", "NotEstimableError", "one level only")
    said = answer(replace(study, effects=None, invariant=None, refusals=(refusal,)))
    assert said.lines[0] == "What scanner does to the features is not answered."
    assert "one level only" in said.weakest


def test_extraction_only(bare):
    said = answer(bare)
    assert said.lines == ("32 features were extracted from 160 cases.",)
    assert "no effect was asked for" in said.weakest


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"refusals": (Refusal("discover", "E", "the reason"),)}, "the reason"),
        ({"effects": ("overlap poor: not estimable for scanner=B: 3 of 80 cases",)},
         "Poor overlap: scanner=B: 3 of 80 cases."),
    ],
)  # fmt: skip
def test_the_worst_of_several_points_is_named(study, change, expected):
    if "effects" in change:
        table = EffectTable(study.effects.frame, study.effects.balance, notes=change["effects"])
        change = {"effects": table}
    assert expected in answer(replace(study, **change)).weakest


def test_few_cases_and_imbalance_are_points(studies):
    assert any("Few cases" in said for _, said in weak_points(studies(n=40)))
    unlike = with_effects(studies(), max_smd=0.4)
    assert "0.40 SD" in answer(unlike).weakest


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, "0"), (1.0, "1.00"), (12.34, "12.3"), (1e9, "1.00e+09"), (-2e-7, "−2.00e−07"),
     (float("inf"), "∞"), (None, ""), ("x", "")],
)  # fmt: skip
def test_numbers(value, expected):
    assert number(value) == expected


def test_probabilities():
    assert [probability(v) for v in (1e-9, 0.0123, 0.4, float("nan"))] == [
        "<0.001", "0.012", "0.40", ""
    ]  # fmt: skip
