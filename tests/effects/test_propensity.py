"""The treatment model: agreement with scikit-learn, and refusals that name the covariate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from effect_tables import ADJUSTMENT, confounded_table

from causalimg.effects import AIPW
from causalimg.effects.design import build_design, independent_columns
from causalimg.effects.propensity import check_separation, fit_multinomial, fit_propensity
from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError


@pytest.mark.parametrize("levels", ["AB", "ABC", "ABCD"])
def test_agrees_with_scikit_learn(levels: str) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    frame, _ = confounded_table(1, n=600, levels=levels)
    design = build_design(frame, treatment="scanner", adjustment=ADJUSTMENT)
    ours = fit_propensity(design).probability
    model = linear_model.LogisticRegression(C=1e8, tol=1e-10, max_iter=5000)
    model.fit(design.matrix[:, 1:], design.codes)
    np.testing.assert_allclose(ours, model.predict_proba(design.matrix[:, 1:]), atol=2e-5)
    np.testing.assert_allclose(ours.sum(axis=1), 1.0)


def test_score_equations_hold() -> None:
    frame, _ = confounded_table(2, levels="ABC")
    design = build_design(frame, treatment="scanner", adjustment=ADJUSTMENT)
    fitted = fit_propensity(design).probability
    score = design.matrix.T @ (np.eye(3)[design.codes] - fitted)
    assert np.abs(score).max() < 1e-4


def test_column_order_and_start_do_not_matter() -> None:
    frame, _ = confounded_table(3)
    first = build_design(frame, treatment="scanner", adjustment=ADJUSTMENT)
    second = build_design(frame, treatment="scanner", adjustment=ADJUSTMENT[::-1])
    ours = fit_propensity(first)
    np.testing.assert_allclose(ours.probability, fit_propensity(second).probability, atol=1e-7)
    again = fit_multinomial(first.matrix, first.codes, 2, start=ours.coefficient)
    np.testing.assert_allclose(ours.probability, again.probability, atol=1e-9)


def test_scale_of_a_covariate_does_not_matter() -> None:
    frame, names = confounded_table(4)
    other = frame.assign(age=frame["age"] * 1e6 + 1e9)
    first = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    second = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(other, names)
    np.testing.assert_allclose(
        first.effects_.frame["estimate"], second.effects_.frame["estimate"], rtol=1e-6
    )


def test_a_site_with_one_scanner_is_named() -> None:
    frame, names = confounded_table(5)
    frame.loc[frame["site"] == "S3", "scanner"] = "B"
    count = int((frame["site"] == "S3").sum())
    with pytest.raises(NotEstimableError) as error:
        AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    assert (
        "covariate 'site' separates treatment 'scanner': site=S3 has only scanner B, none with"
        f" scanner=A (0 of {count} cases)"
    ) in str(error.value)


def test_a_zero_one_covariate_is_treated_like_a_category() -> None:
    frame, names = confounded_table(6)
    frame["contrast_agent"] = (frame["scanner"] == "A") & (frame["age"] > 60)
    frame["contrast_agent"] = frame["contrast_agent"].astype(int)
    with pytest.raises(NotEstimableError, match="contrast_agent=1 has only scanner A"):
        AIPW(treatment="scanner", adjustment=["age", "contrast_agent"]).fit(frame, names)


def test_disjoint_ranges_are_named() -> None:
    frame, names = confounded_table(7)
    frame["thickness"] = np.where(frame["scanner"] == "B", 5.0, 1.0)
    frame["thickness"] += np.random.default_rng(0).uniform(0, 1, len(frame))
    with pytest.raises(NotEstimableError, match="'thickness' separates treatment 'scanner': with"):
        AIPW(treatment="scanner", adjustment=["age", "thickness"]).fit(frame, names)


def test_two_covariates_that_separate_together_are_found() -> None:
    rng = np.random.default_rng(8)
    a, b = rng.normal(size=(2, 300))
    frame = pd.DataFrame({"a": a, "b": b, "c": rng.normal(size=300), "y": rng.normal(size=300)})
    frame["scanner"] = np.where(a + b > 0, "B", "A")
    with pytest.raises(NotEstimableError, match=r"together separate treatment.*covariate '[ab]'"):
        AIPW(treatment="scanner", adjustment=["a", "b", "c"]).fit(frame, ["y"])


def test_an_interaction_of_categories_that_separates_is_not_an_error_without_it() -> None:
    """Every site has both scanners, so a model without the interaction is estimable."""
    frame, names = confounded_table(9)
    design = build_design(frame, treatment="scanner", adjustment=ADJUSTMENT)
    check_separation(frame, design)
    fit = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    assert (fit.effects_.frame["status"] == "ok").all()


def test_one_level_and_too_few_cases() -> None:
    frame, names = confounded_table(10)
    with pytest.raises(NotEstimableError, match="one level only"):
        AIPW(treatment="scanner", adjustment=["age"]).fit(frame.assign(scanner="A"), names)
    few = frame.copy()
    few["scanner"] = "A"
    few.loc[:3, "scanner"] = "B"
    with pytest.raises(NotEstimableError, match="scanner=B has 4, and 5 parameters"):
        AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(few, names)


def test_fewer_cases_than_covariates() -> None:
    rng = np.random.default_rng(11)
    frame = pd.DataFrame(rng.normal(size=(20, 30)), columns=[f"x{k}" for k in range(30)])
    frame["scanner"] = ["A", "B"] * 10
    with pytest.raises(NotEstimableError, match="too few cases"):
        AIPW(treatment="scanner", adjustment=[f"x{k}" for k in range(29)]).fit(frame, ["x29"])


@pytest.mark.parametrize(
    ("column", "role"), [("scanner", "treatment"), ("age", "covariate"), ("site", "covariate")]
)
def test_missing_values_name_column_and_case(column: str, role: str) -> None:
    frame, names = confounded_table(12)
    frame[column] = frame[column].astype(object if column != "age" else float)
    frame.loc[[3, 7], column] = np.nan if column == "age" else None
    with pytest.raises(InvalidInputError, match=rf"{role} '{column}' has 2 missing.*p0003, p0007"):
        AIPW(treatment="scanner", adjustment=["age", "site"]).fit(frame, names)


def test_an_infinite_covariate_is_refused() -> None:
    frame, names = confounded_table(13)
    frame.loc[5, "age"] = np.inf
    with pytest.raises(InvalidInputError, match="'age' has 1 infinite value in 400 cases"):
        AIPW(treatment="scanner", adjustment=["age"]).fit(frame, names)


def test_constant_and_aliased_covariates_are_left_out_with_a_note() -> None:
    frame, names = confounded_table(14)
    frame["country"] = "X"
    frame["dose"] = 3.0
    frame["age_months"] = 12 * frame["age"] + 1
    more = ["age", "site", "country", "dose", "age_months"]
    fit = AIPW(treatment="scanner", adjustment=more).fit(frame, names)
    plain = AIPW(treatment="scanner", adjustment=["age", "site"]).fit(frame, names)
    np.testing.assert_allclose(
        fit.effects_.frame["estimate"], plain.effects_.frame["estimate"], rtol=1e-8
    )
    notes = " | ".join(fit.notes_)
    assert "'country' is constant" in notes
    assert "'dose' is constant" in notes
    assert "'age_months' is a linear combination" in notes


def test_a_covariate_without_spread_in_one_level_is_named() -> None:
    frame, names = confounded_table(15)
    rng = np.random.default_rng(0)
    frame["kvp"] = np.where(frame["scanner"] == "B", 110.0, rng.choice([100.0, 110.0, 120.0], 400))
    with pytest.raises(NotEstimableError, match=r"scanner=B, covariate 'kvp' does not vary"):
        AIPW(treatment="scanner", adjustment=["age", "kvp"]).fit(frame, names)


def test_settings_and_names_are_checked() -> None:
    frame, names = confounded_table(16)
    with pytest.raises(InvalidInputError, match=r"write \['age'\]"):
        AIPW(treatment="scanner", adjustment="age").fit(frame, names)
    with pytest.raises(InvalidInputError, match="own adjustment set"):
        AIPW(treatment="scanner", adjustment=["age", "scanner"]).fit(frame, names)
    with pytest.raises(UnknownNameError, match="did you mean 'site'"):
        AIPW(treatment="scanner", adjustment=["sit"]).fit(frame, names)
    with pytest.raises(InvalidInputError, match=r"reference 'C' is not a level.*A, B"):
        AIPW(treatment="scanner", adjustment=["age"], reference="C").fit(frame, names)
    with pytest.raises(InvalidInputError, match="400 different numbers"):
        AIPW(treatment="age", adjustment=["site"]).fit(frame, names)


def test_independent_columns_marks_the_first_of_a_dependent_group() -> None:
    rng = np.random.default_rng(17)
    block = rng.normal(size=(50, 3))
    matrix = np.column_stack([block, block[:, 0] - block[:, 1], rng.normal(size=50)])
    assert independent_columns(matrix).tolist() == [True, True, True, False, True]
