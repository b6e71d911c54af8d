"""The effect table: contents, refusals by row, levels, missing outcomes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from effect_tables import ADJUSTMENT, confounded_table

from causalimg.effects import AIPW, DifferenceInMeans, GComputation, fdr_adjust
from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError
from causalimg.tables.effect_table import COLUMNS, EffectTable


def fitted(frame: pd.DataFrame, names: list[str], **settings: object) -> AIPW:
    return AIPW(**{"treatment": "scanner", "adjustment": ADJUSTMENT, **settings}).fit(frame, names)


def test_columns_and_arithmetic() -> None:
    frame, names = confounded_table(0, levels="ABC")
    table = fitted(frame, names).effects_
    assert isinstance(table, EffectTable)
    found = table.frame
    assert tuple(found.columns) == COLUMNS
    assert found["outcome"].tolist() == [name for name in names for _ in range(2)]
    assert found["contrast"].tolist() == ["B - A", "C - A"] * len(names)
    assert set(found["status"]) == {"ok"}
    np.testing.assert_allclose(found["effect_sd"], found["estimate"] / found["outcome_sd"])
    np.testing.assert_allclose(found["q"], fdr_adjust(found["p"], "bh"))
    np.testing.assert_allclose(
        found["estimate"], (found["ci_low"] + found["ci_high"]) / 2, atol=1e-12
    )
    assert ((found["p"] < 0.05) == ((found["ci_low"] > 0) | (found["ci_high"] < 0))).all()
    assert table.balance is not None
    assert set(table.balance["level_contrast"]) == {"B - A", "C - A", "C - B"}


def test_round_trip_through_a_file(tmp_path: object) -> None:
    frame, names = confounded_table(1)
    frame["flat"] = 1.0
    table = fitted(frame, [*names, "flat"]).effects_
    path = f"{tmp_path}/effects.parquet"
    table.save(path)
    again = EffectTable.load(path)
    pd.testing.assert_frame_equal(again.frame, table.frame, check_dtype=False)
    assert again.notes == table.notes
    assert again.assumptions == " ".join(fitted(frame, names).assumptions)
    assert "No unmeasured confounding" in again.assumptions


def test_effects_are_recovered_and_the_naive_ones_are_not() -> None:
    frame, names = confounded_table(2, n=4000, n_outcomes=40)
    ours = fitted(frame, names).effects_.frame
    naive = DifferenceInMeans(treatment="scanner").fit(frame, names).effects_.frame
    assert abs(ours["estimate"].mean() - 0.5) < 0.05
    assert ((ours["ci_low"] < 0.5) & (ours["ci_high"] > 0.5)).mean() > 0.8
    assert ((naive["ci_low"] < 0.5) & (naive["ci_high"] > 0.5)).mean() < 0.05


def test_every_pair_and_the_reference() -> None:
    frame, names = confounded_table(3, levels="ABC")
    fit = fitted(frame, names)
    pairs = fit.effects(pairs=True).frame.pivot(
        index="outcome", columns="contrast", values="estimate"
    )
    assert list(pairs.columns) == ["B - A", "C - A", "C - B"]
    np.testing.assert_allclose(pairs["C - B"], pairs["C - A"] - pairs["B - A"], atol=1e-12)
    turned = fitted(frame, names, reference="B").effects_.frame
    assert set(turned["contrast"]) == {"A - B", "C - B"}
    back = turned[turned["contrast"] == "A - B"].set_index("outcome")["estimate"]
    np.testing.assert_allclose(back, -pairs["B - A"], atol=1e-6)


def test_the_callers_table_is_not_touched() -> None:
    frame, names = confounded_table(4)
    frame.loc[3, names[0]] = np.nan
    before = frame.copy(deep=True)
    fitted(frame, names)
    DifferenceInMeans(treatment="scanner").fit(frame, names)
    pd.testing.assert_frame_equal(frame, before)


def test_row_and_column_order_do_not_matter() -> None:
    frame, names = confounded_table(5, levels="ABC")
    first = fitted(frame, names).effects_.frame
    mixed = frame.sample(frac=1, random_state=0)[list(frame.columns[::-1])]
    second = fitted(mixed, names, adjustment=ADJUSTMENT[::-1]).effects_.frame
    for column in ("estimate", "se", "p", "outcome_sd", "ess", "max_smd"):
        np.testing.assert_allclose(first[column], second[column], rtol=1e-6)


def test_units_of_the_outcome() -> None:
    frame, names = confounded_table(6)
    frame["metres"] = frame[names[0]] / 1000 + 1e3
    found = fitted(frame, [names[0], "metres"]).effects_.frame
    assert found["estimate"].iloc[1] == pytest.approx(found["estimate"].iloc[0] / 1000, rel=1e-6)
    assert found["effect_sd"].iloc[1] == pytest.approx(found["effect_sd"].iloc[0], rel=1e-6)
    assert found["p"].iloc[1] == pytest.approx(found["p"].iloc[0], rel=1e-5)


def test_bad_outcomes_are_recorded_and_the_others_go_on() -> None:
    frame, names = confounded_table(7)
    frame["flat"] = 3.0
    frame["empty"] = np.nan
    frame["huge"] = frame[names[0]]
    frame.loc[11, "huge"] = np.inf
    frame["word"] = "x"
    frame["copy"] = 2 * frame["age"] + 1
    bad = ["flat", "empty", "huge", "word", "copy"]
    found = fitted(frame, [*bad, *names]).effects_
    rows = found.frame.set_index("outcome")
    assert set(rows.loc[names, "status"]) == {"ok"}
    assert set(rows.loc[bad, "status"]) == {"not_estimable"}
    assert rows.loc["flat", "reason"] == "constant (3 in every case)"
    assert rows.loc["empty", "reason"] == "no case has a value"
    assert rows.loc["huge", "reason"] == "1 infinite values (case p0011)"
    assert rows.loc["word", "reason"].startswith("not a number column")
    assert rows.loc["copy", "reason"].startswith("no residual spread")
    numbers = ["estimate", "se", "ci_low", "ci_high", "p", "q", "effect_sd"]
    assert rows.loc[bad, numbers].isna().all().all()
    alone = fitted(frame, names).effects_.frame.set_index("outcome")
    np.testing.assert_allclose(rows.loc[names, "estimate"], alone["estimate"])
    np.testing.assert_allclose(rows.loc[names, "q"], alone["q"])
    assert any("4 outcomes cannot be analysed" in note for note in found.notes)


def test_missing_outcomes_are_complete_cases_refitted() -> None:
    frame, names = confounded_table(8)
    gaps = np.random.default_rng(0).random(len(frame)) < 0.2
    frame.loc[gaps, names[0]] = np.nan
    found = fitted(frame, names).effects_
    alone = fitted(frame[~gaps], names[:1]).effects_.frame.iloc[0]
    row = found.frame.iloc[0]
    assert row["n"] == (~gaps).sum()
    assert found.frame["n"].iloc[1] == len(frame)
    for column in ("estimate", "se", "ci_low", "ess", "outcome_sd", "max_smd"):
        assert row[column] == pytest.approx(alone[column], rel=1e-6)
    influence = fitted(frame, names).influence("B")[names[0]]
    assert (influence[gaps] == 0).all()
    assert np.sqrt((influence**2).sum()) / len(frame) == pytest.approx(row["se"])
    assert any("1 outcomes have missing values" in note for note in found.notes)


def test_a_level_that_never_has_the_outcome() -> None:
    frame, names = confounded_table(9)
    frame.loc[frame["scanner"] == "B", names[0]] = np.nan
    found = fitted(frame, names).effects_.frame
    assert found["status"].iloc[0] == "not_estimable"
    assert "scanner=B has 0" in found["reason"].iloc[0]
    assert (found["status"].iloc[1:] == "ok").all()


def test_roles_are_exclusive() -> None:
    frame, names = confounded_table(10)
    for name, role in (("scanner", "the treatment"), ("age", "a covariate")):
        with pytest.raises(InvalidInputError, match=f"'{name}' cannot be an outcome: it is {role}"):
            fitted(frame, [*names, name])
    with pytest.raises(InvalidInputError, match="more than once"):
        fitted(frame, [names[0], names[0]])
    with pytest.raises(InvalidInputError, match="outcomes is empty"):
        fitted(frame, [])
    with pytest.raises(UnknownNameError, match=r"outcomes: no such column.*'f99'"):
        fitted(frame, ["f99"])


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("alpha", 1.5, "alpha must be between 0 and 1"),
        ("fdr", "bhh", "did you mean 'bh'"),
        ("estimand", "atx", "allowed: ate, att, atc, ato"),
        ("trim", 0.6, "trim must be"),
    ],
)
def test_settings_are_checked(setting: str, value: object, said: str) -> None:
    frame, names = confounded_table(11)
    with pytest.raises(InvalidInputError, match=said):
        fitted(frame, names, **{setting: value})


def test_a_feature_table_is_not_a_frame() -> None:
    with pytest.raises(InvalidInputError, match=r"has it as \.frame"):
        AIPW(treatment="t", adjustment=[]).fit({"t": [1]}, ["y"])


def test_clusters_are_checked() -> None:
    frame, names = confounded_table(12)
    frame["hospital"] = np.where(frame["scanner"] == "B", "H1", frame["site"])
    with pytest.raises(NotEstimableError, match="scanner=B are in one cluster of 'hospital'"):
        fitted(frame, names, cluster="hospital")
    frame["ward"] = np.arange(len(frame)) % 12
    assert any(
        "12 clusters of 'ward'" in note for note in fitted(frame, names, cluster="ward").notes_
    )
    frame["ward"] = frame["ward"].astype(float)
    frame.loc[0, "ward"] = np.nan
    with pytest.raises(InvalidInputError, match="cluster 'ward' has 1 missing"):
        fitted(frame, names, cluster="ward")


def test_clone_and_settings() -> None:
    base = pytest.importorskip("sklearn.base")
    frame, names = confounded_table(13)
    first = fitted(frame, names, alpha=0.1)
    again = base.clone(first)
    assert not hasattr(again, "effects_")
    assert again.get_params() == first.get_params()
    with pytest.raises(UnknownNameError, match="did you mean 'alpha'"):
        again.set_params(alhpa=0.2)
    assert "alpha=0.1" in repr(again)


def test_alpha_changes_the_interval_only() -> None:
    frame, names = confounded_table(14)
    wide, narrow = fitted(frame, names, alpha=0.01), fitted(frame, names, alpha=0.2)
    first, second = wide.effects_.frame, narrow.effects_.frame
    np.testing.assert_array_equal(first["p"], second["p"])
    assert (first["ci_low"] < second["ci_low"]).all()


def test_provenance_records_settings_and_inputs() -> None:
    frame, names = confounded_table(15)
    first = fitted(frame, names).effects_.provenance
    second = fitted(frame, names).effects_.provenance
    assert first is not None
    assert second is not None
    assert first.digest() == second.digest()
    assert first.settings["treatment"] == "scanner"
    assert first.settings["estimator"] == "aipw"
    assert len(first.assumptions) == 4
    frame.loc[0, names[0]] += 1e-9
    third = fitted(frame, names).effects_.provenance
    assert third is not None
    assert third.inputs != first.inputs


def test_without_covariates_aipw_is_the_difference_in_means() -> None:
    frame, names = confounded_table(16)
    ours = AIPW(treatment="scanner", adjustment=[]).fit(frame, names).effects_.frame
    plain = DifferenceInMeans(treatment="scanner").fit(frame, names).effects_.frame
    for column in ("estimate", "se", "ci_low", "p"):
        np.testing.assert_allclose(ours[column], plain[column], rtol=1e-8)


def test_g_computation_has_the_same_interface() -> None:
    frame, names = confounded_table(17, n=2000)
    fit = GComputation(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    assert set(fit.effects_.frame["estimator"]) == {"g_computation"}
    assert abs(fit.effects_.frame["estimate"].mean() - 0.5) < 0.1
    assert fit.overlap_ is not None
    assert not fit.overlap_.weighted


def test_a_thousand_outcomes_together_equal_each_alone() -> None:
    rng = np.random.default_rng(18)
    x = rng.normal(size=(300, 4))
    b = rng.random(300) < 1 / (1 + np.exp(-x[:, 0]))
    y = x @ rng.normal(size=(4, 1000)) + 0.5 * b[:, None] + rng.normal(size=(300, 1000))
    columns = [*(f"x{k}" for k in range(4)), *(f"f{k}" for k in range(1000))]
    frame = pd.DataFrame(np.hstack([x, y]), columns=columns)
    frame["scanner"] = np.where(b, "B", "A")
    fit = AIPW(treatment="scanner", adjustment=columns[:4])
    together = fit.fit(frame, columns[4:]).effects_.frame.set_index("outcome")
    for name in ("f0", "f499", "f999"):
        alone = fit.fit(frame, [name]).effects_.frame.set_index("outcome").loc[name]
        for column in ("estimate", "se", "ci_low", "p"):
            assert together.loc[name, column] == pytest.approx(alone[column], rel=1e-9)
