"""Feature table, effect table and invariant set: written, validated, read back equal."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from causalimg.errors import FileReadError, InvalidInputError, SchemaError, UnknownNameError
from causalimg.provenance import Provenance
from causalimg.tables.effect_table import COLUMNS, EffectTable
from causalimg.tables.features import Column, FeatureTable, failure_table
from causalimg.tables.invariant_set import EVIDENCE_COLUMNS, InvariantSet
from causalimg.tables.io import write_table


@pytest.fixture
def table() -> FeatureTable:
    frame = pd.DataFrame(
        {
            "case_id": ["a", "b", "c"],
            "site": pd.Categorical(["s1", "s2", "s1"]),
            "<script>": [0.1, 1 / 3, np.nan],
        }
    )
    columns = (
        Column("case_id", "id", "string"),
        Column("site", "context", "string"),
        Column("<script>", "feature", unit="HU", family="firstorder", ibsi="Q4LE"),
    )
    failed = failure_table(
        [{"case_id": "d", "stage": "read", "error": "GeometryError", "reason": "no overlap"}]
    )
    return FeatureTable(frame, columns, failed, Provenance.of("extract", settings={"bin": 25}))


@pytest.fixture
def effects() -> EffectTable:
    row = {
        "outcome": "contrast", "contrast": "B - A", "estimand": "ate", "estimator": "aipw",
        "estimate": 1.5, "se": 0.1, "ci_low": 1.3, "ci_high": 1.7, "p": 1e-9, "q": 2e-9,
        "effect_sd": 0.7, "outcome_sd": 2.1, "n": 100, "ess": 88.0, "max_smd": 0.02,
        "status": "ok", "reason": "",
    }  # fmt: skip
    bad = {
        **row,
        **dict.fromkeys(("estimate", "se", "ci_low", "ci_high", "p", "q", "effect_sd"), np.nan),
        "outcome": "flat", "status": "not_estimable", "reason": "the same value in every case",
    }  # fmt: skip
    balance = pd.DataFrame(
        [["age", "B - A", 0.4, 0.01], ["site[s2]", "B - A", -0.2, np.nan]],
        columns=["covariate", "level_contrast", "smd_raw", "smd_weighted"],
    )
    return EffectTable(
        pd.DataFrame([row, bad])[list(COLUMNS)],
        balance,
        Provenance.of("effects", assumptions=["no unmeasured confounder"], seed=3),
        ("overlap is good",),
    )


@pytest.fixture
def stable() -> InvariantSet:
    evidence = pd.DataFrame(
        [
            ["volume", "stable", "B - A", 0.01, -0.1, 0.12, 1e-4, 2e-4, 100, np.nan],
            ["energy", "shifted", "B - A", 1.0, 0.9, 1.1, 1.0, 1.0, 100, np.nan],
            ["entropy", "not_certifiable", "B - A", 0.3, -0.1, 0.7, 0.3, 0.4, 100, 412],
        ],
        columns=list(EVIDENCE_COLUMNS),
    )
    return InvariantSet(
        ("volume",), "stable_measurement", "scanner", 0.5, evidence, Provenance.of("invariant")
    )


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_feature_table_round_trip_is_exact(
    table: FeatureTable, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"features{suffix}"
    table.save(path)
    again = FeatureTable.load(path)
    assert again.columns == table.columns
    assert again.digest() == table.digest()
    assert again.provenance == table.provenance
    np.testing.assert_array_equal(
        again.frame["<script>"].to_numpy(), table.frame["<script>"].to_numpy()
    )


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_effect_table_round_trip_is_exact(
    effects: EffectTable, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"effects{suffix}"
    effects.save(path)
    again = EffectTable.load(path)
    assert again.digest() == effects.digest()
    assert again.notes == effects.notes
    assert again.balance is not None and effects.balance is not None
    pd.testing.assert_frame_equal(again.balance, effects.balance)
    assert len(again.estimable) == 1


def test_invariant_set_round_trip_and_use(stable: InvariantSet, tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    stable.save(path)
    again = InvariantSet.load(path)
    assert again.digest() == stable.digest()
    assert again.counts() == {"stable": 1, "shifted": 1, "not_certifiable": 1}
    frame = pd.DataFrame({"energy": [1.0], "volume": [2.0]})
    assert list(again.transform(frame)) == ["volume"]
    with pytest.raises(UnknownNameError, match=r"'volume'; did you mean 'volum'\?"):
        again.transform(frame.rename(columns={"volume": "volum"}))


def test_a_changed_invariant_set_is_refused(stable: InvariantSet, tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    stable.save(path)
    document = json.loads(path.read_text())
    document["evidence"][1]["verdict"] = "stable"
    document["features"].append("energy")
    path.write_text(json.dumps(document))
    with pytest.raises(InvalidInputError, match="changed after it was written"):
        InvariantSet.load(path)


def test_an_older_or_other_document_is_refused_by_its_schema(
    stable: InvariantSet, tmp_path: Path
) -> None:
    path = tmp_path / "set.json"
    stable.save(path)
    document = json.loads(path.read_text())
    document["$schema"] = document["$schema"].replace("2.0.0", "1.0.0")
    path.write_text(json.dumps(document))
    with pytest.raises(SchemaError, match=r"format version 1\.0\.0.* reads 2\.0\.0: make it again"):
        InvariantSet.load(path)
    document["$schema"] = "https://causalimg.org/schemas/effect_table/1.0.0"
    path.write_text(json.dumps(document))
    with pytest.raises(SchemaError, match=r"not a valid invariant_set document: at \$schema"):
        InvariantSet.load(path)
    path.write_text("{")
    with pytest.raises(SchemaError, match="is not JSON"):
        InvariantSet.load(path)
    with pytest.raises(FileReadError, match="no such file"):
        InvariantSet.load(tmp_path / "other.json")


def test_a_set_that_contradicts_its_evidence_is_refused(stable: InvariantSet) -> None:
    with pytest.raises(InvalidInputError, match="energy"):
        InvariantSet(("volume", "energy"), "stable_measurement", "scanner", 0.5, stable.evidence)


def test_a_table_and_its_dictionary_must_agree(table: FeatureTable) -> None:
    with pytest.raises(SchemaError, match=r"only in the dictionary: \['<script>'\]"):
        FeatureTable(table.frame[["case_id", "site"]], table.columns, table.failures)


def test_another_suffix_is_refused_and_nothing_is_written(
    table: FeatureTable, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInputError, match=r"\.parquet or \.csv"):
        table.save(tmp_path / "features.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file(table: FeatureTable, tmp_path: Path) -> None:
    path = tmp_path / "features.parquet"
    table.save(path)
    before = path.read_bytes()
    with pytest.raises(SchemaError):
        write_table(table.frame, {"fields": []}, path, schema="feature_table")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["features.parquet"]


def test_a_truncated_parquet_is_a_named_error(table: FeatureTable, tmp_path: Path) -> None:
    path = tmp_path / "features.parquet"
    table.save(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(FileReadError, match=r"features\.parquet cannot be read as parquet"):
        FeatureTable.load(path)


def test_features_extracted_elsewhere_become_a_table() -> None:
    frame = pd.DataFrame({"id": ["a", "b"], "site": [1, 2], "x": [0.5, 1.0], "note": ["u", "v"]})
    made = FeatureTable.from_frame(frame, roles={"id": "id", "site": "context"})
    assert made.features == ["x"]
    assert made.column("note").role == "other"
    assert made.column("site").type == "string"
    with pytest.raises(UnknownNameError, match=r"'sit'; did you mean 'site'\?"):
        FeatureTable.from_frame(frame, roles={"sit": "context"})


def test_provenance_digest_ignores_the_time_only(tmp_path: Path) -> None:
    made = Provenance.of("extract", settings={"a": (1, 2)}, seed=1)
    later = Provenance.from_dict({**made.to_dict(), "created": "2030-01-01T00:00:00+00:00"})
    assert made.digest() == later.digest()
    assert made.digest() != Provenance.of("extract", settings={"a": (1, 3)}, seed=1).digest()
    made.save(tmp_path / "p.json")
    assert Provenance.load(tmp_path / "p.json") == made
    assert {"settings", "versions", "seed"} <= set(made.to_frame()["section"])
