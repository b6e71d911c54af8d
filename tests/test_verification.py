"""Honest results pass; one changed value, byte or setting is found and named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from causalimg import AIPW, CausalGraph, EffectTable, FeatureTable, Study
from causalimg.cli import app
from causalimg.config import StudyConfig
from causalimg.datasets import phantom_cohort
from causalimg.errors import FileReadError, InvalidInputError
from causalimg.study_result import FILES
from causalimg.tables.io import write_table
from causalimg.training.plan import ConstraintPlan
from causalimg.verification import Verification, verify

DOCUMENT = {
    "study": {"name": "verified", "n_jobs": 1},
    "cohort": {
        "context": ["site", "scanner"],
        "covariates": ["age", "sex"],
        "outcomes": ["malignant"],
    },
    "extract": {"feature_classes": ["firstorder"]},
    "discover": {
        "n_bootstrap": 2,
        "max_features": 4,
        "tiers": [["age", "sex", "site"], ["scanner"], ["@features"], ["malignant"]],
    },
    "effects": {"treatment": "scanner", "adjustment": ["age", "site"]},
    "invariant": {"margin": 0.8},
}


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of forty cases with every stage."""
    folder = tmp_path_factory.mktemp("honest")
    phantom_cohort(folder, n_patients=40, random_state=3, size=16)
    Study(StudyConfig.parse(DOCUMENT), folder).run(folder / "results")
    return folder


@pytest.fixture
def copy(honest: Path, tmp_path: Path) -> Path:
    """A copy of cohort and results, for a test to change."""
    shutil.copytree(honest, tmp_path / "copy")
    return tmp_path / "copy"


def differing(found: Verification) -> dict[tuple[str, str], str]:
    rows = found.to_frame().query("verdict == 'differs'")
    return {(row.item, row.check): row.detail for row in rows.itertuples()}


def test_honest_results_pass_every_check(honest: Path) -> None:
    found = verify(honest / "results", sample=3)
    assert found.ok and differing(found) == {}
    rows = found.to_frame().set_index(["item", "check"])
    for item in ("table", "graph", "effects", "invariant"):
        assert rows.loc[(FILES[item], "bytes"), "verdict"] == "same"
        assert rows.loc[(FILES[item], "settings"), "verdict"] == "same"
    assert "80 files of 40 cases" in rows.loc[(FILES["table"], "images"), "detail"]
    assert "features of 3 cases" in rows.loc[(FILES["table"], "values"), "detail"]
    assert "effects on 3 features" in rows.loc[(FILES["effects"], "values"), "detail"]
    assert rows.loc[(FILES["graph"], "values"), "verdict"] == "unchecked"


def test_the_sample_depends_on_the_seed_only_and_nothing_is_written(honest: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in honest.rglob("*") if p.is_file()}
    one, other = (verify(honest / "results", sample=2, random_state=7) for _ in range(2))
    assert one.to_frame().equals(other.to_frame())
    assert {p: p.stat().st_mtime_ns for p in honest.rglob("*") if p.is_file()} == before


def test_one_changed_feature_value_is_found_and_named(copy: Path) -> None:
    path = copy / "results" / FILES["table"]
    table = FeatureTable.load(path)
    frame = table.frame.copy()
    frame.loc[17, "firstorder_mean"] += 0.25
    write_table(frame, table.header(), path, schema="feature_table")
    found = differing(verify(copy / "results", sample=0))
    assert (FILES["table"], "bytes") in found
    said = found[FILES["table"], "stored values"]
    assert f"case {frame.loc[17, 'case_id']!r}, firstorder_mean" in said
    assert said.startswith("1 of ")
    assert (FILES["graph"], "inputs") in found or (FILES["invariant"], "inputs") in found


def test_one_changed_byte_of_an_image_is_found_and_named(copy: Path) -> None:
    cohort = pd.read_csv(copy / "cohort.csv")
    path = copy / cohort.loc[5, "image"]
    voxels = bytearray(path.read_bytes())
    at = 352 if path.suffix == ".nii" else len(voxels) - 20
    voxels[at] ^= 1
    path.write_bytes(voxels)
    found = differing(verify(copy / "results", sample=0))
    said = found[FILES["table"], "images"]
    assert f"case {cohort.loc[5, 'case_id']!r}, image" in said and path.name in said
    assert ";" not in said  # the one file that changed, and no other
    path.unlink()
    gone = differing(verify(copy / "results", sample=0))
    assert "1 files are gone" in gone[FILES["table"], "images"]


@pytest.mark.parametrize(
    ("section", "key", "value", "item"),
    [
        ("extract", "bin_width", 12.5, "table"),
        ("effects", "adjustment", ["age"], "effects"),
        ("invariant", "margin", 0.5, "invariant"),
        ("discover", "n_bootstrap", 50, "graph"),
    ],
)
def test_one_changed_setting_is_found_and_named(
    copy: Path, section: str, key: str, value: object, item: str
) -> None:
    path = copy / "results" / FILES["summary"]
    document = json.loads(path.read_text())
    document["config"][section][key] = value
    path.write_text(json.dumps(document))
    found = differing(verify(copy / "results", sample=0))
    said = found.pop((FILES[item], "settings"))
    assert key in said and json.dumps(value, separators=(",", ":")) in said
    assert all(check == "settings" for _, check in found)


def test_a_changed_effect_is_found_by_estimating_again(honest: Path, tmp_path: Path) -> None:
    table = FeatureTable.load(honest / "results" / FILES["table"])
    fitted = AIPW(treatment="scanner", adjustment=["age"]).fit(table.frame, table.features[:4])
    fitted.effects_.save(tmp_path / "effects.csv")
    table.save(tmp_path / "features.parquet")
    given = [tmp_path / "features.parquet"]
    found = verify(tmp_path / "effects.csv", sample=4, inputs=given)
    assert found.ok and found.counts()["same"] == 3
    effects = EffectTable.load(tmp_path / "effects.csv")
    frame = effects.frame.copy()
    frame.loc[2, "estimate"] *= 1.01
    write_table(frame, effects.header(), tmp_path / "effects.csv", schema="effect_table")
    found = verify(tmp_path / "effects.csv", sample=4, inputs=given)
    said = differing(found)["effects.csv", "values"]
    assert said.startswith("1 of 20 values") and f"{frame.loc[2, 'outcome']}, B - A" in said


def test_records_that_lie_alone(honest: Path, tmp_path: Path) -> None:
    results = honest / "results"
    shutil.copy(results / FILES["table"], tmp_path / "mine.parquet")
    lonely = verify(tmp_path / "mine.parquet")
    assert lonely.ok and lonely.counts()["unchecked"] == 1
    assert "give its cohort" in lonely.to_frame()["detail"].str.cat()
    found = verify(tmp_path / "mine.parquet", sample=2, inputs=[honest / "cohort.csv"])
    assert found.ok and found.counts()["same"] == 3
    graph = CausalGraph.from_directed(
        ("malignant", "scanner", "image"), [[0, 0, 1], [0, 0, 1], [0, 0, 0]]
    )
    other = CausalGraph.from_directed(("malignant", "scanner"), np.zeros((2, 2)))
    graph.save(tmp_path / "graph.json")
    other.save(tmp_path / "other.json")
    ConstraintPlan.from_graph(graph, outcome="malignant", attributes=["scanner"]).save(
        tmp_path / "plan.json"
    )
    assert verify(tmp_path / "plan.json", inputs=[tmp_path / "graph.json"]).ok
    assert not verify(tmp_path / "plan.json", inputs=[tmp_path / "other.json"]).ok
    assert verify(tmp_path / "graph.json").ok


def test_one_record_inside_a_folder_is_checked_alone(honest: Path) -> None:
    found = verify(honest / "results" / FILES["effects"], sample=1)
    assert found.ok and set(found.to_frame()["item"]) == {FILES["effects"]}
    assert found.counts()["same"] >= 4


def test_other_software_is_said_and_is_no_difference(copy: Path) -> None:
    path = copy / "results" / FILES["invariant"]
    document = json.loads(path.read_text())
    graph = json.loads((copy / "results" / FILES["graph"]).read_text())
    graph["provenance"]["versions"]["numpy"] = "1.0"
    (copy / "graph.json").write_text(json.dumps(graph))
    found = verify(copy / "graph.json")
    assert found.ok and found.counts()["other software"] == 1
    assert "numpy 1.0 then" in found.to_frame()["detail"].str.cat()
    assert document["provenance"]["versions"]["numpy"] != "1.0"


def test_what_cannot_be_verified_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileReadError, match="no file or folder 'none'"):
        verify(tmp_path / "none")
    with pytest.raises(FileReadError, match="no finished study"):
        verify(tmp_path)
    with pytest.raises(InvalidInputError, match="sample=-1"):
        verify(tmp_path, sample=-1)
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(InvalidInputError, match="none of the records"):
        verify(tmp_path / "x.json")


def test_the_command_ends_with_a_status(copy: Path) -> None:
    results = copy / "results"
    done = CliRunner().invoke(app, ["verify", str(results), "--sample", "1", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["ok"] is True
    (results / FILES["redundancy"]).write_text("feature\n")
    done = CliRunner().invoke(app, ["verify", str(results), "--sample", "0"])
    assert done.exit_code == 1 and "differs" in done.stdout
