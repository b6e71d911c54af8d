"""The command line: every command, its exit status, its JSON, its errors."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from causalimg import CausalGraph, EffectTable, FeatureTable, InvariantSet, cli, doctor
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
    assert call("validate", tmp_path / "effects.csv").stdout.strip() == "effects.csv: nothing wrong"
    done = call("invariant", features, "-e", "scanner", *ADJUST, "--margin", 0.8, "--json",
                "-o", tmp_path / "set.json")  # fmt: skip
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    found = InvariantSet.load(tmp_path / "set.json")
    assert document["features"] == list(found.features)
    done = call("invariant", features, "-e", "scanner", *ADJUST, "--margin", 0.8, "--precision",
                "malignant", "--control", "maxt", "-o", tmp_path / "few.json")  # fmt: skip
    assert done.exit_code == 0, done.output
    few = InvariantSet.load(tmp_path / "few.json")
    assert few.provenance is not None
    assert few.provenance.settings["control"] == "maxt"
    assert few.provenance.settings["precision"] == ["malignant"]
    assert len(few.features) <= len(found.features)
    done = call("discover", features, "--threshold", 0.6, "--bootstrap", 3,
                "--tier", "age,sex,site", "--tier", "scanner,protocol",
                "--tier", "@features", "--tier", "malignant",
                "-o", tmp_path / "graph.json", "-j", 1)  # fmt: skip
    assert done.exit_code == 0, done.output
    graph = CausalGraph.load(tmp_path / "graph.json")
    assert not set(graph.parents("age")) and graph.support is not None
    assert "features correlate above 0.6 with one in the graph" in done.output


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


def test_columns_to_adjust_for_need_no_role_and_are_no_features(
    features: Path, folder: Path, tmp_path: Path
) -> None:
    FeatureTable.load(features).frame.drop(columns="malignant").to_csv(
        tmp_path / "mine.csv", index=False
    )
    words = ["effects", tmp_path / "mine.csv", "--treatment", "scanner", *ADJUST, "--json"]
    done = call(*words, "-o", tmp_path / "out.parquet")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["rows"] == 107
    found = EffectTable.load(tmp_path / "out.parquet")
    assert not {"age", "site"} & set(found.frame["outcome"])
    assert "note:" not in done.stderr
    FeatureTable.load(features).frame.to_csv(tmp_path / "mine.csv", index=False)
    done = call(*words, "-o", tmp_path / "out.parquet")
    assert "not called like radiomics: malignant (give" in done.stderr
    assert json.loads(done.stdout)["rows"] == 108
    done = call("effects", folder / "cohort.csv", "-t", "scanner", "-a", "age")
    assert "run 'causalimg extract cohort.csv' first" in str(done.exception)


def test_init_validate_run_report(folder: Path, tmp_path: Path) -> None:
    study = folder / "study.toml"
    assert call("init", folder / "cohort.csv").exit_code == 0
    text = study.read_text()
    assert 'treatment = "scanner"' in text and 'outcomes = ["malignant"]' in text
    assert call("validate", study).exit_code == 0
    text = text.replace("n_bootstrap = 100", "n_bootstrap = 3")
    text = text.replace("max_features = 12", "max_features = 6")
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


def test_doctor_names_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_EXTRAS", doctor._EXTRAS[:2])
    done = call("doctor", "--json", "--quick")
    checks = {row["what"]: row for row in json.loads(done.stdout)["checks"]}
    assert checks["numpy"]["state"] == "ok"
    assert checks["pyradiomics"]["state"] in ("ok", "missing")
    assert all(row["advice"] for row in checks.values() if row["state"] != "ok")
    assert int(checks["discovery registered"]["version"]) >= 13


def test_doctor_tries_the_engines_and_says_what_one_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails() -> str:
        raise RuntimeError("the library was built for another machine\nand more")

    own = [
        row for row in doctor._ATTEMPTS if row[0] in ("engine native", "images written and read")
    ]
    assert len(own) == 2
    monkeypatch.setattr(doctor, "_ATTEMPTS", (*own, ("engine odd", None, fails)))
    monkeypatch.setattr(doctor, "_EXTRAS", ())
    done = call("doctor", "--json")
    assert done.exit_code == 1
    checks = {row["what"]: row for row in json.loads(done.stdout)["checks"]}
    assert checks["engine native"]["state"] == "ok"
    assert checks["images written and read"]["state"] == "ok"
    assert checks["engine odd"]["state"] == "broken"
    said = "RuntimeError: the library was built for another machine"
    assert checks["engine odd"]["advice"] == said


def test_many_problems_stay_on_one_screen(tmp_path: Path) -> None:
    rows = {"case_id": [f"P{k}" for k in range(90)], "image": "none.nii", "mask": "none.nii"}
    pd.DataFrame(rows).to_csv(tmp_path / "cohort.csv", index=False)
    done = call("validate", tmp_path / "cohort.csv")
    assert done.exit_code == 1
    assert "180 problem(s)" in done.stdout and "160 more" in done.stdout
    assert len(done.stdout.splitlines()) < 50


def test_debug_gives_the_traceback_before_or_after_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["--debug", "run", "none.toml"], ["run", "none.toml", "--debug"]):
        with pytest.raises(SystemExit) as stopped:
            main(words)
        assert stopped.value.code == 2
        said = capsys.readouterr().err
        assert "Traceback" in said and "no study file 'none.toml'" in said


def test_a_defect_has_an_exit_status_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**_: object) -> None:
        raise ZeroDivisionError("float division by zero")

    monkeypatch.setattr(doctor, "examine", broken)
    with pytest.raises(SystemExit) as stopped:
        main(["doctor"])
    assert stopped.value.code == 3
    said = capsys.readouterr().err
    assert "defect: ZeroDivisionError" in said and "Traceback" not in said


def test_what_the_command_line_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    for words, text in ((["runn"], "Did you mean 'run'"), (["run"], "STUDY")):
        with pytest.raises(SystemExit) as stopped:
            main(words)
        assert stopped.value.code == 2
        assert text in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("cohort.csv", "case_id;image;mask\nP1;a;b\n", "separated by semicolons"),
        ("cohort.csv", "case_id\timage\tmask\nP1\ta\tb\n", "separated by tabs"),
        ("cohort.csv", "case_id,Gr\u00f6\u00dfe\nP1,3\n", "is not UTF-8"),
        ("cohort.xlsx", "PK", "save the sheet as CSV"),
    ],
)
def test_a_table_of_another_program_is_refused_with_advice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str, text: str
) -> None:
    (tmp_path / name).write_text(content, encoding="latin-1")
    for words in (["init", str(tmp_path / name)], ["acquisition", str(tmp_path / name), "-o", "x"]):
        with pytest.raises(SystemExit) as stopped:
            main(words)
        assert stopped.value.code == 2
        assert text in capsys.readouterr().err


def test_a_file_that_is_not_there_is_no_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["validate", "none.toml"], ["validate", "none.csv"], ["init", str(tmp_path)]):
        with pytest.raises(SystemExit) as stopped:
            main(words)
        assert stopped.value.code == 2
        said = capsys.readouterr().err
        assert "no such file" in said or "is a folder" in said


def test_every_command_has_a_worked_example_that_can_be_typed() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    for name, command in commands.items():
        shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "80"}).stdout
        assert max(map(len, shown.splitlines())) <= 80, name
        text = shown.split("Example", 1)[1].replace("\\\n", " ")
        lines = [x.strip() for x in text.splitlines() if x.strip().startswith("causalimg ")]
        assert lines, name
        for line in lines:
            words = shlex.split(line.split("  #")[0].split(" > ")[0])[1:]
            assert words[0] == name
            command.make_context(name, words[1:], resilient_parsing=False)


def test_the_list_of_commands_has_whole_sentences() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).stdout
    listed = shown.split("Commands:")[1].split("Examples:")[0].strip().splitlines()
    assert len(listed) == len(get_command(app).commands)  # type: ignore[attr-defined]
    assert all(line.endswith(".") and not line.endswith("...") for line in listed)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("causalimg effects {table} -t sc", "scanner"),
        ("causalimg effects {table} -t scanner -a ag", "age"),
        ("causalimg discover {table} --method bo", "boss"),
        ("causalimg effects {table} --estimator tm", "tmle"),
        ("causalimg val", "validate"),
    ],
)
def test_completion_knows_commands_columns_and_methods(
    tmp_path: Path, line: str, expected: str
) -> None:
    (tmp_path / "mine.csv").write_text("case_id,scanner,age,glcm_contrast\n")
    words = line.format(table=tmp_path / "mine.csv")
    env = {
        **os.environ,
        "_CAUSALIMG_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    script = "import sys; sys.argv = ['causalimg']; from causalimg.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True)
    assert done.stdout.split() == [expected], done.stderr


def test_output_in_a_pipe_has_no_colour_and_keeps_to_the_width(
    features: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "causalimg", "effects", str(features), "-t", "scanner",
               "-a", "age", "-o", str(tmp_path / "e.csv")]  # fmt: skip
    env = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    table = done.stdout.split("Largest effects")[1]
    assert max(len(line) for line in table.splitlines() if not line.startswith("note")) <= 80
    assert "firstorder" in table or "glcm" in table


def test_a_run_killed_in_the_middle_goes_on_and_ends_with_the_same_table(
    folder: Path, tmp_path: Path
) -> None:
    """SIGKILL loses at most the cases in flight; the values are the same byte for byte."""
    text = f'[study]\nn_jobs = 2\n[cohort]\nfile = "{folder.as_posix()}/cohort.csv"\n'
    (tmp_path / "study.toml").write_text(text)
    command = [sys.executable, "-m", "causalimg", "run", str(tmp_path / "study.toml"), "-q", "-o"]

    def cases(name: str) -> list[Path]:
        written = (tmp_path / name / "cases").rglob("*.json")
        return [path for path in written if not path.name.startswith(".writing-")]

    def kept(name: str) -> int:
        return len(cases(name))

    process = subprocess.Popen([*command, str(tmp_path / "killed")], start_new_session=True)
    limit = time.monotonic() + 60
    while kept("killed") < 6 and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    before = {path: path.stat().st_mtime_ns for path in cases("killed")}
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


@pytest.mark.parametrize("command", ["run", "doctor"])
def test_ctrl_c_says_what_is_kept(command, monkeypatch, capsys) -> None:
    def interrupted(_: object) -> None:
        raise SystemExit(130)

    monkeypatch.setattr(cli, "app", interrupted)
    with pytest.raises(SystemExit) as stop:
        cli.main([command])
    said = capsys.readouterr().err
    assert stop.value.code == 130
    assert said.strip().startswith("stopped")
    assert ("goes on from there" in said) == (command == "run")
