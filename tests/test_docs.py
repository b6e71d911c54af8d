"""The guide: links resolve, commands and names exist, messages are real, code of the tasks runs."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.main import get_command

import causalimg as ci
from causalimg.cli import app
from causalimg.provenance import canonical_json

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "tasks").glob("*.md")]
)
GENERATED = "generated/"
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)


def ids(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path, language: str) -> list[str]:
    """Return the code blocks of a page in one language."""
    return [
        body for name, body in FENCE.findall(path.read_text(encoding="utf-8")) if name == language
    ]


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_link_and_image_resolves(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    for target in LINK.findall(text):
        assert not target.startswith("http") or "doi.org/" in target, f"{target}: DOIs only"
        path = target.split("#")[0]
        if path and not target.startswith("http") and GENERATED not in path:
            assert (page.parent / path).exists(), f"{page.name}: no {path}"


def test_every_page_is_in_a_toctree():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^([\w/]+)$", index, re.M))
    for page in PAGES[1:]:
        name = page.relative_to(ROOT / "docs").with_suffix("").as_posix()
        assert name == "index" or name in named, name


def measured() -> set[str]:
    """Return the figures that a benchmark draws, by what its first lines say."""
    return {
        name
        for path in (ROOT / "benchmarks").glob("*.py")
        for name in re.findall(
            rf"^ *python benchmarks/{path.name} .*--figure docs/figures/(\w+)\.png$",
            path.read_text(encoding="utf-8"),
            re.M,
        )
    }


def test_every_figure_of_the_guide_is_drawn_by_a_script():
    script = (ROOT / "docs" / "figures.py").read_text(encoding="utf-8")
    drawn = set(re.findall(r'out\["(\w+)"\]', script)) | measured()
    used = {
        Path(target).stem
        for page in [*PAGES[1:], *(ROOT / "docs" / "tables").glob("*.md")]
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if "figures/" in target
    }
    assert used and used <= drawn
    files = {path.stem for path in (ROOT / "docs" / "figures").iterdir()}
    assert files == drawn
    assert sum(path.stat().st_size for path in (ROOT / "docs" / "figures").iterdir()) < 1_500_000


def test_the_picture_of_the_front_page_is_taken_by_the_script():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", readme)
    assert pictures
    script = (ROOT / "docs" / "report_picture.py").read_text(encoding="utf-8")
    assert all(Path(path).name in script for path in pictures)


def commands() -> list[tuple[str, list[str]]]:
    """Return every line of the pages that calls the program, with its page."""
    found = []
    for page in PAGES:
        for body in blocks(page, "bash") + blocks(page, ""):
            for line in body.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if words[:1] == ["causalimg"]:
                    found.append((ids(page), words[1:]))
    return found


def test_commands_are_found_at_all():
    assert len(commands()) > 10


@pytest.mark.parametrize("page, words", commands(), ids=lambda v: v if isinstance(v, str) else v[0])
def test_every_command_has_these_options(page, words):
    whole: Any = get_command(app)
    if words[0].startswith("--"):
        return
    assert words[0] in whole.commands, f"{page}: no command {words[0]}"
    known = {
        option for parameter in whole.commands[words[0]].params for option in parameter.opts
    } | {"--help"}
    for word in words[1:]:
        if re.match(r"--?[a-z]", word):
            assert word.split("=")[0] in known, f"{page}: {words[0]} has no {word}"


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_python_blocks_compile_and_name_what_exists(page):
    for body in blocks(page, "python"):
        for node in ast.walk(ast.parse(body)):
            names = []
            while isinstance(node, ast.Attribute):
                names.append(node.attr)
                node = node.value
            if isinstance(node, ast.Name) and node.id == "ci" and names:
                value: Any = ci
                for name in reversed(names):
                    assert hasattr(value, name), f"{page.name}: {value} has no {name}"
                    value = getattr(value, name)


# ---- messages --------------------------------------------------------------------------------


def said(node: ast.expr) -> str:
    """Return a message with every part that depends on the case as one ellipsis."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(said(part) for part in node.values)
    if isinstance(node, ast.BinOp):
        return said(node.left) + said(node.right)
    return "…"


def messages() -> str:
    """Return every text of the package, a line each."""
    texts = []
    for path in (ROOT / "causalimg").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr | ast.BinOp | ast.Constant):
                texts.append(re.sub(r"…[…\s]*…", "…", said(node)))
    return "\n".join(texts)


def quoted() -> list[str]:
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    return re.findall(r"^\*\*`(.+?)`\*\*$", page, re.M)


def test_every_message_of_troubleshooting_is_in_the_code():
    known = messages()
    assert len(quoted()) > 30
    for message in quoted():
        for part in message.split("…"):
            assert part in known, f"{message!r}: nothing says {part!r}"


# ---- the users' tasks ------------------------------------------------------------------------


@pytest.fixture
def features(tmp_path, monkeypatch):
    """Write a table of features such as the tasks begin with, and work beside it."""
    rng = np.random.default_rng(0)
    n = 400
    age = rng.normal(60, 10, n)
    site = rng.choice(["S1", "S2", "S3"], n)
    malignant = (0.05 * (age - 60) + rng.normal(size=n) > 0).astype(int)
    odds = (age - 60) / 20 + 1.5 * malignant - 0.75
    scanner = np.where(rng.random(n) < 1 / (1 + np.exp(-odds)), "B", "A")
    frame = pd.DataFrame({"case_id": [f"P{k:03d}" for k in range(n)], "age": age, "site": site})
    frame["scanner"], frame["malignant"] = scanner, malignant
    frame["shape_volume"] = 1.5 * malignant + rng.normal(size=n)
    frame["glcm_contrast"] = 1.2 * (scanner == "B") + malignant + rng.normal(size=n)
    frame["firstorder_mean"] = frame["shape_volume"] + rng.normal(size=n)
    frame["glrlm_run_variance"] = rng.normal(size=n)
    frame["glcm_joint_energy"] = frame["glcm_contrast"] + 0.01 * rng.normal(size=n)
    frame.to_csv(tmp_path / "features.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["criticise_graph", "export_and_train"])
def test_the_code_of_a_task_runs(features, name, capsys):
    space: dict[str, Any] = {}
    for body in blocks(ROOT / "docs" / "tasks" / f"{name}.md", "python"):
        if "plan.loss" in body:
            pytest.importorskip("torch")
        exec(compile(body, name, "exec"), space)
    if name == "criticise_graph":
        assert space["boot"].graph_.adjacent("scanner", "glcm_contrast")
        assert len(space["reduced"].kept_) == 4
        assert (features / "graph.png").stat().st_size > 5000
    else:
        stable = ci.InvariantSet.load("invariant_set.json")
        assert "glcm_contrast" not in stable.features and "shape_volume" in stable.features
        assert space["scores"].mean() > 0.6
        plan = ci.training.ConstraintPlan.load("plan.json")
        assert canonical_json(plan.to_dict()) == canonical_json(space["plan"].to_dict())
        assert space["weights"].shape == (400,)


def test_the_training_loop_of_the_guide_serves_a_statement_given_age(features, capsys):
    pytest.importorskip("torch")
    frame = pd.read_csv("features.csv")
    older = (frame["age"] - 60) / 8
    frame["glrlm_run_variance"] += older  # age reaches the image, too
    frame["malignant"] = (older + np.random.default_rng(1).normal(size=len(frame)) > 0).astype(int)
    frame.to_csv("features.csv", index=False)
    space: dict[str, Any] = {}
    for body in blocks(ROOT / "docs" / "tasks" / "export_and_train.md", "python"):
        exec(compile(body, "export_and_train", "exec"), space)
    assert "age" in space["loss"].needs and space["weights"] is None
    assert np.isfinite(space["out"].to_dict()["total"])


@pytest.mark.parametrize("name", ["criticise_graph", "export_and_train"])
def test_the_commands_of_a_task_run(features, name, capsys):
    from causalimg.cli import main

    for page, words in commands():
        if page == f"docs/tasks/{name}.md":
            if words[0] == "run":
                text = (features / "study.toml").read_text(encoding="utf-8")
                changed = text.replace("n_bootstrap = 100", "n_bootstrap = 5")
                (features / "study.toml").write_text(changed.replace("n_jobs = -1", "n_jobs = 1"))
            if words[0] == "constraints":
                continue  # the graph is made by the Python beside it
            quick = [*words, "--jobs", "1"] if words[0] == "discover" else words
            quick = ["5" if word == "100" else word for word in quick]
            with pytest.raises(SystemExit) as stopped:
                main([*quick, "--quiet"])
            assert stopped.value.code == 0, words
    wanted = {"criticise_graph": ["results/report.html", "graph.json"],
              "export_and_train": ["invariant_set.json"]}[name]  # fmt: skip
    assert all((features / path).is_file() for path in wanted)


def test_the_code_before_a_study_of_scans_runs(tmp_path, monkeypatch):
    import json

    from causalimg.cli import main
    from causalimg.imaging import write_volume

    monkeypatch.chdir(tmp_path)
    makers = {"P1": "GE MEDICAL SYSTEMS", "P2": "SIEMENS", "P3": "Philips Medical Systems"}
    for name, made_by in makers.items():
        folder = tmp_path / "scans" / name
        folder.mkdir(parents=True)
        write_volume(folder / "ct.nii", np.zeros((2, 4, 4)), (2.0, 1.0, 1.0))
        (folder / "seg.dcm").touch()
        (folder / "ct.json").write_text(json.dumps({"Manufacturer": made_by}))
    pd.DataFrame({"patient": [*makers, "P4"], "age": [60, 61, 62, 63]}).to_csv("patients.csv")
    first, second = blocks(ROOT / "docs" / "tasks" / "scanner_effects.md", "python")
    exec(compile(first.replace('/ct"', '/ct.nii"'), "first", "exec"), {})
    assert pd.read_csv("cohort.csv")["case_id"].tolist() == ["P1", "P2", "P3"]
    with pytest.raises(SystemExit) as stopped:
        main(["acquisition", "cohort.csv", "-o", "cohort2.csv", "--quiet"])
    assert stopped.value.code == 0
    exec(compile(second, "second", "exec"), {})
    again = ci.Cohort.read("cohort2.csv").frame
    assert again["manufacturer"].astype(str).tolist() == ["GE", "other", "other"]


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))


def test_the_table_of_effects_is_written_from_results(scripts, tmp_path):
    import write_tables

    one = {"estimable": 1.0, "bias": 0.01, "rmse": 0.2, "coverage": 0.95, "coverage_se": 0.004,
           "width": 0.4, "cpu_s": 0.02, "bias_se": 0.001, "rmse_se": 0.002, "estimand": "ate",
           "replications": 9, "outcomes": 5}  # fmt: skip
    low = {**one, "coverage": 0.9, "estimable": 0.9, "warned": 1.0}
    none = {"estimand": "ate", "estimable": 0.0, "cpu_s": 0.01, "replications": 9, "outcomes": 5}
    parts = {"few": {"AIPW": one | {"bias": 0.5}, "IPW": low},
             "many": {"AIPW": one | {"outcomes": 6}, "matching": none},
             "zepid": {"zEpid AIPTW": one}}  # fmt: skip
    paths = [tmp_path / f"{name}.json" for name in parts]
    for path, part in zip(paths, parts.values(), strict=True):
        head = {"replications": 9, "outcomes": 5, "n": 500}
        path.write_text(json.dumps({**head, "weak_overlap": part}))
    lines = write_tables.effects(paths).splitlines()
    rows = [line for line in lines if line.startswith("| ") and "estimator" not in line]
    assert rows[1:] == [
        "| IPW | ate | 0.0100 (0.0010) | 0.2000 (0.0020) | 0.900 (0.004) - | 0.400 | 100%"
        " | 9 x 5, 90% estimable | 0.020 |",
        "| AIPW | ate | 0.0100 (0.0010) | 0.2000 (0.0020) | 0.950 (0.004) | 0.400 |"
        "  | 9 x 6 | 0.020 |",
        "| matching | ate | not estimable | | | | | | |",
        "| zEpid AIPTW | ate | 0.0100 (0.0010) | 0.2000 (0.0020) | 0.950 (0.004) | 0.400 |"
        "  | 9 x 5 | 0.020 |",
    ]
    assert write_tables.effects([]) is None


def test_the_tables_are_written_from_results(scripts):
    import write_tables

    rule = {"margin": 0.5, "rule": "ours, AIPW, bh, 0.5 SD", "size": 46.3, "precision": 0.994,
            "recall": 0.742, "any_wrong": 0.15}  # fmt: skip
    options = {"patients": "500", "cohorts": "20", "pool": "800", "repeats": "20"}
    lines = write_tables.stable_on_scans({"options": options, "rules": [rule]})
    assert "| ours, AIPW, bh | 46 | 0.994 | 0.742 | 0.15 |" in lines


@pytest.mark.slow
def test_the_figures_are_drawn(scripts, tmp_path):
    import figures

    made = figures.draw(120)
    assert set(made) | measured() == {p.stem for p in (ROOT / "docs" / "figures").iterdir()}
    figures.write(made["dose"], tmp_path / "dose.png")
    assert 2_000 < (tmp_path / "dose.png").stat().st_size < 60_000


def test_a_link_that_leads_nowhere_is_found(scripts, tmp_path):
    import check_links

    (tmp_path / "part").mkdir()
    (tmp_path / "a.html").write_text(
        '<h1 id="top">a</h1><a href="part/b.html#here">b</a><a href="#top">up</a>'
        '<a href="https://doi.org/10.1000/1">doi</a><img src="gone.png"><a href="#nowhere">no</a>'
    )
    (tmp_path / "part" / "b.html").write_text('<p id="here"><a href="../a.html#off">a</a></p>')
    assert check_links.broken(tmp_path) == [
        "a.html: gone.png", "a.html: #nowhere", "part/b.html: ../a.html#off"
    ]  # fmt: skip


@pytest.mark.slow
def test_the_guide_builds_without_a_warning(scripts, tmp_path):
    pytest.importorskip("furo")
    pytest.importorskip("myst_nb")
    import subprocess
    import sys

    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html",
         "-d", str(tmp_path / "doctrees"), str(ROOT / "docs"), str(tmp_path / "html")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr[-3000:]
    assert (tmp_path / "html" / "tasks" / "scanner_effects.html").is_file()
    import check_links

    assert check_links.broken(tmp_path / "html") == []
