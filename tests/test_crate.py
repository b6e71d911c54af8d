"""The RO-Crate of a study: what the specification asks for, and no voxel that was not asked."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from causalimg import Cohort, Study
from causalimg.cli import app
from causalimg.config import StudyConfig
from causalimg.crate import write_crate
from causalimg.datasets import phantom_cohort
from causalimg.errors import FileReadError, InvalidInputError
from causalimg.study_result import FILES

DOCUMENT: dict[str, Any] = {
    "study": {
        "name": "crated",
        "n_jobs": 1,
        "authors": [
            {"name": "Ada Lovelace", "orcid": "0000-0002-1825-0097", "affiliation": "Analytical"},
            {"name": "C. Babbage"},
        ],
        "license": "CC-BY-4.0",
        "keywords": ["radiomics", "scanner"],
    },
    "cohort": {"context": ["site", "scanner"], "covariates": ["age"], "outcomes": ["malignant"]},
    "extract": {"feature_classes": ["firstorder"]},
    "effects": {"treatment": "scanner", "adjustment": ["age"]},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("crated")
    phantom_cohort(made, n_patients=24, random_state=3, size=16)
    Study(StudyConfig.parse(DOCUMENT), made).run(made / "results")
    return made


@pytest.fixture(scope="module")
def crate(folder: Path) -> Path:
    return write_crate(folder / "results", folder / "study.crate")


def entities(crate: Path) -> dict[str, dict[str, Any]]:
    document = json.loads((crate / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    assert document["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    found = {entry["@id"]: entry for entry in document["@graph"]}
    assert len(found) == len(document["@graph"])
    return found


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        inner = [name for item in value.values() for name in references(item)]
        return [value["@id"]] if set(value) == {"@id"} else inner
    return [name for item in value for name in references(item)] if isinstance(value, list) else []


def test_the_document_has_what_the_specification_requires(crate: Path) -> None:
    found = entities(crate)
    descriptor, root = found["ro-crate-metadata.json"], found["./"]
    assert descriptor["@type"] == "CreativeWork"
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert descriptor["about"] == {"@id": "./"}
    assert root["@type"] == "Dataset" and root["name"] == "crated" and root["description"]
    assert len(root["datePublished"]) == 10
    assert root["license"] == {"@id": "https://spdx.org/licenses/CC-BY-4.0"}
    allowed = {"https://w3id.org/ro/crate/1.1", "http://schema.org/CompletedActionStatus"}
    for entry in found.values():
        assert entry["@type"] and entry["@id"]
        for name in references({k: v for k, v in entry.items() if k != "@id"}):
            assert name in found or name in allowed, name


def test_every_file_is_described_and_has_its_hash(crate: Path) -> None:
    found = entities(crate)
    there = {p.relative_to(crate).as_posix() for p in crate.rglob("*") if p.is_file()}
    listed = {part["@id"] for part in found["./"]["hasPart"]}
    assert listed == there - {"ro-crate-metadata.json"}
    assert {FILES[n] for n in ("summary", "cohort", "table", "effects", "report")} <= listed
    for name in listed:
        data = (crate / name).read_bytes()
        assert found[name]["@type"] == "File"
        assert found[name]["sha256"] == hashlib.sha256(data).hexdigest()
        assert found[name]["contentSize"] == str(len(data))
        assert "/" in found[name]["encodingFormat"] and found[name]["description"]


def test_the_run_names_software_settings_inputs_results_and_people(crate: Path) -> None:
    found = entities(crate)
    assert found["./"]["conformsTo"] == {"@id": "https://w3id.org/ro/wfrun/process/0.5"}
    assert found["./"]["mentions"] == {"@id": "#run"}
    run = found["#run"]
    assert run["@type"] == "CreateAction"
    software = found[run["instrument"]["@id"]]
    assert software["@type"] == "SoftwareApplication" and software["softwareVersion"]
    assert found["#software-numpy"]["softwareVersion"]
    assert {"@id": FILES["cohort"]} in run["object"]
    assert {"@id": FILES["effects"]} in run["result"]
    assert found["#effects-treatment"]["value"] == '"scanner"'
    assert run["startTime"] <= run["endTime"]
    first = found["https://orcid.org/0000-0002-1825-0097"]
    assert (first["name"], first["affiliation"]) == ("Ada Lovelace", "Analytical")
    assert run["agent"] == {"@id": first["@id"]}
    assert [p["@id"] for p in found["./"]["author"]][1] == "#C-Babbage"
    assert found["./"]["keywords"] == "radiomics, scanner"


def test_no_absolute_path_and_no_voxel_leaves(folder: Path, crate: Path) -> None:
    assert not (crate / FILES["pictures"]).exists()
    assert not (crate / "images").exists()
    for path in crate.rglob("*"):
        if path.is_file():
            assert str(folder).encode() not in path.read_bytes(), path.name
    page = (crate / FILES["report"]).read_text(encoding="utf-8")
    own = (folder / "results" / FILES["report"]).read_text(encoding="utf-8")
    png = "iVBORw0KGgo"  # how every PNG begins in base64
    assert png in own and png not in page


def test_with_images_the_cohort_in_the_crate_is_whole(folder: Path, tmp_path: Path) -> None:
    made = write_crate(folder / "results", tmp_path / "whole", with_images=True)
    cohort = Cohort.read(made / "cohort.csv")
    assert len(cohort) == 24 and cohort.problems().empty
    assert all(str(name).startswith("images/") for name in cohort.frame["image"])
    assert {"@id": "cohort.csv"} in entities(made)["#run"]["object"]
    assert (made / FILES["pictures"]).is_file()


def test_a_zip_holds_the_same(folder: Path, crate: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["crate", str(folder / "results"), "--zip", "-o",
                                    str(tmp_path / "study.zip")])  # fmt: skip
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(tmp_path / "study.zip") as packed:
        text = packed.read("ro-crate-metadata.json").decode()
    assert text == (crate / "ro-crate-metadata.json").read_text(encoding="utf-8")


def test_without_a_licence_the_crate_says_so(folder: Path, tmp_path: Path) -> None:
    made = write_crate(folder / "results", tmp_path / "plain", authors=[], license="see contract")
    assert entities(made)["#license"]["name"] == "see contract"
    assert "author" not in entities(made)["./"]


def test_what_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="not an empty folder"):
        write_crate(folder / "results", folder)
    with pytest.raises(FileReadError, match="no finished study"):
        write_crate(tmp_path, tmp_path / "out")
    summary = folder / "results" / FILES["summary"]
    before = summary.read_text()
    document = json.loads(before)
    document["config"]["cohort"]["file"] = str(folder / "cohort.csv")
    summary.write_text(json.dumps(document))
    try:
        with pytest.raises(InvalidInputError, match=r"\[cohort\] file is an absolute path"):
            write_crate(folder / "results", tmp_path / "out")
    finally:
        summary.write_text(before)
