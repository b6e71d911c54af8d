"""ComBat: agreement with neuroCombat, recovery, invariances, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from batch_tables import batch_table
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from causalimg.errors import (
    CausalImgWarning,
    InvalidInputError,
    NotEstimableError,
    UnknownNameError,
)
from causalimg.harmonize import ComBat

GOLDEN = json.loads((Path(__file__).parent / "neurocombat.json").read_text())
SETTINGS: dict[str, dict[str, Any]] = {
    "parametric": {},
    "plain": {"covariates": ()},
    "mean_only": {"mean_only": True},
    "reference": {"reference_batch": "b"},
    "nonparametric": {"parametric": False},
}


@pytest.mark.parametrize("case", list(SETTINGS))
def test_the_values_are_those_of_neurocombat(case: str) -> None:
    given = GOLDEN["values"]
    frame = pd.DataFrame(given).add_prefix("f")
    names = list(frame)
    frame = frame.assign(site=GOLDEN["site"], age=GOLDEN["age"], sex=GOLDEN["sex"])
    settings = {"covariates": ["age", "sex"], **SETTINGS[case]}
    combat = ComBat(batch="site", new_covariates="training_mean", **settings)
    later = pd.DataFrame(GOLDEN["new_values"], columns=names).assign(site=GOLDEN["new_site"])
    expected = GOLDEN["results"][case]
    own = ComBat(batch="site", **settings).fit_transform(frame, features=names)
    np.testing.assert_allclose(own, expected["harmonised"], rtol=0, atol=1e-8)
    new = combat.fit(frame, features=names).transform(later)
    if case == "reference":
        # neuroCombatFromTraining leaves new cases of the reference as they are, too
        kept = np.array(GOLDEN["new_site"]) == "b"
        np.testing.assert_array_equal(new[kept], later.loc[kept, names])
    np.testing.assert_allclose(new, expected["new"], rtol=0, atol=1e-8)


def test_scanner_effects_go_and_age_effects_stay() -> None:
    frame, names, clean = batch_table(0, n=600)
    fitted = ComBat(batch="scanner", covariates=["age", "sex"]).fit(frame)
    assert fitted.features_ == tuple(names)
    after = fitted.transform(frame)
    error = after.to_numpy() - clean.to_numpy()
    raw = frame[names].to_numpy() - clean.to_numpy()
    # an overall shift of a feature over all scanners is not ComBat's to know
    for part in (error, raw):
        part -= part.mean(axis=0)
    assert np.sqrt((error**2).mean()) < 0.35 * np.sqrt((raw**2).mean())
    slope = [np.polyfit(frame["age"], values, 1)[0] for values in (after["f0"], clean["f0"])]
    assert abs(slope[0] - slope[1]) < 0.02
    without = ComBat(batch="scanner").fit_transform(frame, features=names)
    assert (
        np.abs(without.corrwith(frame["age"])).mean() < np.abs(after.corrwith(frame["age"])).mean()
    )


def test_new_cases_are_treated_as_those_of_training() -> None:
    frame, names, _ = batch_table(1)
    fitted = ComBat(batch="scanner", covariates=["age", "sex"]).fit(frame)
    whole = fitted.transform(frame)
    rows = np.array([5, 3, 200])
    pd.testing.assert_frame_equal(fitted.transform(frame.iloc[rows]), whole.iloc[rows])
    before = frame.copy()
    fitted.transform(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert fitted.get_feature_names_out().tolist() == names


def test_nothing_depends_on_the_order_of_rows_columns_or_units() -> None:
    frame, names, _ = batch_table(2)
    combat = ComBat(batch="scanner", covariates=["age", "sex"])
    whole = combat.fit_transform(frame)
    rows = np.random.default_rng(0).permutation(len(frame))
    turned = ComBat(batch="scanner", covariates=["sex", "age"]).fit_transform(
        frame.iloc[rows], features=names[::-1]
    )
    np.testing.assert_allclose(turned.loc[frame.index, names], whole, atol=1e-9)
    metres = frame.assign(age=frame["age"] * 1e3 + 7, **{n: frame[n] * 1e4 - 3 for n in names})
    np.testing.assert_allclose(
        (combat.fit_transform(metres) + 3) / 1e4, whole, rtol=1e-7, atol=1e-7
    )


def test_nonparametric_large_batches_do_not_underflow() -> None:
    frame, _, clean = batch_table(3, n=3000, n_features=6, levels="AB")
    after = ComBat(batch="scanner", covariates=["age", "sex"], parametric=False).fit_transform(
        frame
    )
    assert np.isfinite(after.to_numpy()).all()
    gap = after.groupby(frame["scanner"]).std().max() / clean.std()
    assert gap.max() < 2.0


def test_an_unseen_scanner_is_refused_with_advice_or_taken_for_the_reference() -> None:
    frame, names, _ = batch_table(4)
    fitted = ComBat(batch="scanner").fit(frame, features=names)
    other = frame.assign(scanner="D")
    with pytest.raises(NotEstimableError, match=r"'D' was not in the training data.*StableFeat"):
        fitted.transform(other)
    mapped = ComBat(batch="scanner", reference_batch="A", on_unseen="reference")
    after = mapped.fit(frame, features=names).transform(other)
    np.testing.assert_array_equal(after, other[names])
    with pytest.raises(InvalidInputError, match="set reference_batch="):
        ComBat(batch="scanner", on_unseen="reference").fit(frame)


def test_a_batch_of_one_case_is_refused_by_name() -> None:
    frame, names, _ = batch_table(5, n=60)
    frame.loc[0, "scanner"] = "Z9"
    with pytest.raises(NotEstimableError, match=r"'Z9' \(1\) has fewer than 2 cases"):
        ComBat(batch="scanner").fit(frame, features=names)
    after = ComBat(batch="scanner", mean_only=True).fit_transform(frame, features=names)
    assert np.isfinite(after.to_numpy()).all()


def test_constant_features_pass_through_and_are_named() -> None:
    frame, names, _ = batch_table(6)
    frame["flat"] = 3.0
    frame["flat_in_b"] = np.where(frame["scanner"] == "B", 0.0, frame["f0"])
    combat = ComBat(batch="scanner")
    with pytest.warns(CausalImgWarning, match="flat, flat_in_b"):
        after = combat.fit_transform(frame, features=[*names, "flat", "flat_in_b"])
    assert combat.passed_through_ == ("flat", "flat_in_b")
    np.testing.assert_array_equal(after["flat_in_b"], frame["flat_in_b"])
    plain = ComBat(batch="scanner").fit_transform(frame, features=names)
    np.testing.assert_allclose(after[names], plain)


def test_it_says_what_is_wrong_with_the_table() -> None:
    frame, names, _ = batch_table(7, n=90)
    with pytest.raises(UnknownNameError, match="did you mean 'scanner'"):
        ComBat(batch="scaner").fit(frame)
    with pytest.raises(UnknownNameError, match="reference_batch 'X' is not a level"):
        ComBat(batch="scanner", reference_batch="X").fit(frame)
    with pytest.raises(InvalidInputError, match=r"write \['age'\]"):
        ComBat(batch="scanner", covariates="age").fit(frame)
    with pytest.raises(NotEstimableError, match="one level only"):
        ComBat(batch="scanner").fit(frame.assign(scanner="A"))
    site = frame.assign(place=frame["scanner"].map({"A": 0.0, "B": 1.0, "C": 1.0}))
    with pytest.raises(NotEstimableError, match=r"'place' cannot be told from batch 'scanner'"):
        ComBat(batch="scanner", covariates=["place"]).fit(site, features=names)
    frame.loc[3, "f1"] = np.nan
    with pytest.raises(InvalidInputError, match=r"feature 'f1' has 1 missing value"):
        ComBat(batch="scanner").fit(frame, features=names)
    with pytest.raises(InvalidInputError, match="call fit"):
        ComBat(batch="scanner").transform(frame)


def test_it_is_a_step_of_a_pipeline() -> None:
    frame, names, clean = batch_table(8, n=400)
    label = (clean["f0"] + np.random.default_rng(0).normal(size=400) > 10).astype(int)
    steps = make_pipeline(
        ComBat(batch="scanner", covariates=["age", "sex"]), StandardScaler(), LogisticRegression()
    )
    copy = clone(steps)
    assert copy.named_steps["combat"].get_params() == steps.named_steps["combat"].get_params()
    score = cross_val_score(copy, frame, label, cv=3, scoring="roc_auc")
    assert score.min() > 0.6
    assert copy.fit(frame, label)[:-1].get_feature_names_out().tolist() == names
