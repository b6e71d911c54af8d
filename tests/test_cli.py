"""The command line: every command, its exit status, its JSON, its errors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from causalimg import CausalGraph, EffectTable, FeatureTable, InvariantSet
from causalimg.cli import app, main
from causalimg.datasets import phantom_cohort
from causalimg.study_result import FILES
from causalimg.training.plan import ConstraintPlan

ROLES = ["--context", "site", "--context", "scanner", "--context", "protocol",
         "--covariate", "age", "--covariate", "sex", "--outcome", "malignant"]  # fmt: skip
ADJUST = ["-a", "age", "-a", "site"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("cli")
    phantom_cohort(made, n_patients=60, random_state=3, size=20)
    return made


@pytest.fixture(scope="module")
def features(folder: Path) -> Path:
    out = folder / "features.parquet"
    done = call("extract", folder / "cohort.csv", "--out", out, *ROLES, "--jobs", 1, "--quiet")
    assert done.exit_code == 0 and done.stdout == ""
    return out


def call(*words: object):  # type: ignore[no-untyped-def]
    return CliRunner().invoke(app, [str(word) for word in words])


def test_stages_one_by_one(folder: Path, features: Path, tmp_path: Path) -> None:
    table = FeatureTable.load(features)
    assert len(table.frame) == 60 and table.names("context") == ["site", "scanner", "protocol"]
    done = call("effects", features, "-t", "scanner", *ADJUST, "-o", tmp_path / "effects.csv")
    assert done.exit_code == 0, done.output
    found = EffectTable.load(tmp_path / "effects.csv")
    assert len(found.frame) == len(table.features)
    assert "B - A" in done.stdout
    done = call("invariant", features, "-e", "scanner", *ADJUST, "--margin", 0.8, "--json",
                "-o", tmp_path / "set.json")  # fmt: skip
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["features"] == list(InvariantSet.load(tmp_path / "set.json").features)
    done = call("discover", features, "--threshold", 0.6, "--bootstrap", 3,
                "--tier", "age,sex,site", "--tier", "scanner,protocol",
                "--tier", "@features", "--tier", "malignant",
                "-o", tmp_path / "graph.json", "-j", 1)  # fmt: skip
    assert done.exit_code == 0, done.output
    graph = CausalGraph.load(tmp_path / "graph.json")
    assert not set(graph.parents("age")) and graph.support is not None


def test_harmonize_removes_the_scanner_and_keeps_the_other_columns(
    features: Path, tmp_path: Path
) -> None:
    out = tmp_path / "harmonized.parquet"
    done = call("harmonize", features, "-b", "scanner", "-o", out)
    assert done.exit_code == 0, done.output
    before, after = FeatureTable.load(features), FeatureTable.load(out)
    assert after.features == before.features
    assert after.frame["malignant"].equals(before.frame["malignant"])
    gaps = []
    for table in (before, after):
        means = table.frame.groupby("scanner")[table.features].mean()
        gaps.append((means.diff().iloc[1] / before.frame[table.features].std()).abs())
    assert gaps[1].median() < 0.6 * gaps[0].median()
    done = call("harmonize", features, "-b", "scanner", "--preserve", "age", "-o", out, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["features"] == len(before.features)


def test_constraints_from_a_graph_file(tmp_path: Path) -> None:
    nodes = ("malignant", "scanner", "site", "image")
    graph = CausalGraph.from_directed(
        nodes, [[0, 0, 0, 1], [0, 0, 0, 1], [1, 1, 0, 0], [0, 0, 0, 0]]
    )
    graph.save(tmp_path / "graph.json")
    done = call("constraints", tmp_path / "graph.json", "--outcome", "malignant",
                "-a", "scanner", "-e", "site", "-o", tmp_path / "plan.json")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "content ⊥ scanner | malignant" in done.stdout
    plan = ConstraintPlan.load(tmp_path / "plan.json")
    assert plan.licensed_families() == ("conditional_alignment",)


def test_a_plain_csv_of_features_is_enough(features: Path, tmp_path: Path) -> None:
    FeatureTable.load(features).frame.to_csv(tmp_path / "mine.csv", index=False)
    done = call("effects", tmp_path / "mine.csv", "-t", "scanner", *ADJUST, *ROLES, "--json",
                "-o", tmp_path / "out.parquet")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["rows"] == 107


def test_init_validate_run_report(folder: Path, tmp_path: Path) -> None:
    study = folder / "study.toml"
    assert call("init", folder / "cohort.csv").exit_code == 0
    text = study.read_text()
    assert 'treatment = "scanner"' in text and 'outcomes = ["malignant"]' in text
    assert call("validate", study).exit_code == 0
    text = text.replace("n_bootstrap = 100", "n_bootstrap = 3\nmax_features = 6")
    study.write_text(text.replace("n_jobs = -1", "n_jobs = 1"))
    done = call("run", study, "--out", tmp_path / "results", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["cases"] == 60
    page = tmp_path / "results" / FILES["report"]
    before = page.read_bytes()
    page.unlink()
    assert call("report", tmp_path / "results").exit_code == 0
    assert page.read_bytes() == before
    for name in ("graph", "invariant", "effects", "table", "cohort"):
        assert call("validate", tmp_path / "results" / FILES[name], "--quiet").exit_code == 0, name


def test_a_failed_case_gives_exit_status_1_and_its_reason(folder: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(folder / "cohort.csv").head(3)
    for column in ("image", "mask"):
        frame[column] = [str(folder / value) for value in frame[column]]
    frame.loc[1, "mask"] = "gone.nii"
    frame.to_csv(tmp_path / "cohort.csv", index=False)
    done = call("extract", tmp_path / "cohort.csv", "-o", tmp_path / "f.parquet", "-j", 1)
    assert done.exit_code == 1
    assert "P0002" in done.stdout and "gone.nii" in done.stdout.replace("\n", "")
    assert len(FeatureTable.load(tmp_path / "f.parquet").frame) == 2
    done = call("validate", tmp_path / "cohort.csv", "--json")
    assert done.exit_code == 1
    problems = json.loads(done.stdout)["problems"]
    assert problems == [
        {"where": "case 'P0002', column 'mask'", "problem": "no such file: gone.nii"}
    ]


def test_an_expected_error_is_one_message_without_a_traceback(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "study.toml").write_text('[effects]\ntreatmnt = "x"\nadjustment = []\n')
    with pytest.raises(SystemExit) as stopped:
        main(["run", str(tmp_path / "study.toml")])
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert "did you mean 'treatment'?" in said and "Traceback" not in said
    with pytest.raises(SystemExit):
        main(["init", str(folder / "cohort.csv"), "--out", str(folder / "cohort.csv")])
    assert "is there already" in capsys.readouterr().err


def test_doctor_names_what_is_there() -> None:
    done = call("doctor", "--json")
    checks = {row["what"]: row for row in json.loads(done.stdout)["checks"]}
    assert checks["numpy"]["state"] == "ok"
    assert checks["pyradiomics"]["state"] in ("ok", "missing")
    assert all(row["advice"] for row in checks.values() if row["state"] != "ok")


def test_a_run_killed_in_the_middle_goes_on_and_ends_with_the_same_table(
    folder: Path, tmp_path: Path
) -> None:
    """SIGKILL loses at most the cases in flight; the values are the same byte for byte."""
    text = f'[study]\nn_jobs = 2\n[cohort]\nfile = "{folder.as_posix()}/cohort.csv"\n'
    (tmp_path / "study.toml").write_text(text)
    command = [sys.executable, "-m", "causalimg", "run", str(tmp_path / "study.toml"), "-q", "-o"]

    def kept(name: str) -> int:
        return len(list((tmp_path / name / "cases").rglob("*.json")))

    process = subprocess.Popen([*command, str(tmp_path / "killed")], start_new_session=True)
    limit = time.monotonic() + 60
    while kept("killed") < 6 and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    before = {
        path: path.stat().st_mtime_ns for path in (tmp_path / "killed" / "cases").rglob("*.json")
    }
    assert 6 <= len(before) < 60
    assert not (tmp_path / "killed" / FILES["table"]).exists()
    assert subprocess.run([*command, str(tmp_path / "killed")], check=False).returncode == 0
    assert subprocess.run([*command, str(tmp_path / "whole")], check=False).returncode == 0
    assert kept("killed") == kept("whole") == 60
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())
    one, other = (FeatureTable.load(tmp_path / n / FILES["table"]) for n in ("killed", "whole"))
    assert one.digest() == other.digest()
    for name in one.features:
        assert one.frame[name].to_numpy().tobytes() == other.frame[name].to_numpy().tobytes()
