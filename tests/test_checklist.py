"""Checklists: every item once, filled from records, honest about the rest."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from causalimg import Study, StudyResult
from causalimg.checklist import fill_checklist
from causalimg.checklist_facts import facts
from causalimg.checklist_items import CLEAR, FORMS, METRICS
from causalimg.cli import app
from causalimg.config import StudyConfig
from causalimg.datasets import phantom_cohort
from causalimg.errors import InvalidInputError, UnknownNameError

DOCUMENT = {
    "study": {"name": "checked", "n_jobs": 1, "license": "CC-BY-4.0", "keywords": ["radiomics"]},
    "cohort": {"context": ["site", "scanner"], "covariates": ["age"], "outcomes": ["malignant"]},
    "extract": {"feature_classes": ["firstorder"], "bin_width": 12.5, "resample": [2.0, 2.0, 2.0]},
    "discover": {"n_bootstrap": 2, "max_features": 3},
    "effects": {"treatment": "scanner", "adjustment": ["age"]},
    "invariant": {"margin": 0.8},
}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    made = tmp_path_factory.mktemp("checked")
    phantom_cohort(made, n_patients=40, random_state=3, size=16)
    return Study(StudyConfig.parse(DOCUMENT), made).run(made / "results")


def test_the_forms_have_every_item_once_in_order() -> None:
    assert [item.number for item in CLEAR.items] == list(range(1, 59))
    assert [item.number for item in METRICS.items] == list(range(1, 31))
    for form in FORMS.values():
        assert form.doi.startswith("10.1186/s13244-023-01")
        for item in form.items:
            assert item.facts or item.authors, item


def test_every_fact_that_an_item_names_can_be_known(result: StudyResult) -> None:
    named = {name for form in FORMS.values() for item in form.items for name in item.facts}
    assert named == set(facts(result))


def test_what_is_recorded_is_filled_in_with_its_source(result: StudyResult) -> None:
    answers = {a.number: a for a in fill_checklist(result, kind="clear").answers}
    assert "12.5" in answers[23].value and "features.parquet" in answers[23].source
    assert "[2.0, 2.0, 2.0] mm" in answers[22].value
    assert answers[27].value == "18 features a case"
    assert answers[26].value == "firstorder"
    assert "adjusted for age" in answers[36].value
    assert "40 cases, 40 used" in answers[9].value
    assert answers[27].state == "filled" and answers[9].state == "partly"
    assert "95 % confidence" in answers[40].value
    metrics = {a.number: a for a in fill_checklist(result, kind="metrics").answers}
    assert metrics[4].value.endswith("levels of site") and metrics[4].state == "partly"


def test_what_only_authors_know_is_left_to_them(result: StudyResult) -> None:
    for kind, alone in (("clear", (1, 2, 8, 11, 20, 37, 47)), ("metrics", (2, 7, 22, 27))):
        answers = {a.number: a for a in fill_checklist(result, kind=kind).answers}
        for number in alone:
            assert answers[number].state == "authors" and answers[number].value == ""
            assert answers[number].authors.startswith("for the authors: ")


def test_a_study_without_a_stage_claims_nothing_of_it(result: StudyResult) -> None:
    bare = StudyResult(
        StudyConfig.parse({"cohort": {"features": "f.csv"}}), Path("."), None, result.table
    )
    answers = {a.number: a for a in fill_checklist(bare).answers}
    for number in (22, 23, 36, 40):
        assert answers[number].state == "authors" and "no record" in answers[number].authors


def test_the_command_writes_markdown_and_csv(result: StudyResult, tmp_path: Path) -> None:
    for kind in FORMS:
        out = tmp_path / f"{kind}.md"
        words = ["checklist", str(result.folder), "--kind", kind, "-o", str(out)]
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
        text = out.read_text(encoding="utf-8")
        assert text.count("\n| ") == len(FORMS[kind].items) + 1
        assert "No score is computed" in text and FORMS[kind].doi in text
    made = fill_checklist(result.folder, kind="metrics")
    made.save(tmp_path / "m.csv")
    read = pd.read_csv(tmp_path / "m.csv", keep_default_na=False)
    assert read["value"].tolist() == made.to_frame()["value"].tolist()
    with pytest.raises(InvalidInputError, match=r"ends in \.md or \.csv"):
        made.save(tmp_path / "m.docx")
    with pytest.raises(UnknownNameError, match="did you mean 'clear'"):
        fill_checklist(result, kind="claer")
