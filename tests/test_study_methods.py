"""Methods by name in a study file, on features that were extracted elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from causalimg import AIPW, Study, StudyResult, study_run
from causalimg.config import StudyConfig
from causalimg.errors import InvalidInputError
from causalimg.schemas import read_document
from causalimg.study_methods import effect_estimators
from causalimg.study_result import FILES

COHORT = {
    "features": "features.csv",
    "context": ["site", "scanner"],
    "covariates": ["age"],
    "outcomes": ["malignant"],
}
DISCOVER = {
    "n_bootstrap": 2,
    "tiers": [["age", "site"], ["scanner"], ["@features"], ["malignant"]],
}
EFFECTS = {"treatment": "scanner", "adjustment": ["age", "site"]}
PLAN = {"outcome": "malignant", "attributes": ["scanner"], "environment": "site"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table as another program would write it: its own id column, diagnostics, no header."""
    made = tmp_path_factory.mktemp("features")
    rng = np.random.default_rng(0)
    n = 400
    site = rng.choice(["S1", "S2"], n)
    age = rng.normal(60, 10, n)
    scanner = np.where(rng.random(n) < np.where(site == "S1", 0.6, 0.4), "A", "B")
    first = 0.05 * age + rng.normal(size=n) + 0.8 * (scanner == "B")
    second = 0.9 * first + rng.normal(size=n)
    third = rng.normal(size=n)
    sick = (rng.random(n) < 1 / (1 + np.exp(-2 * (second - second.mean())))).astype(int)
    frame = pd.DataFrame(
        {
            "PatientID": [f"P{k}" for k in range(n)],
            "diagnostics_Mask-original_VoxelNum": rng.integers(100, 900, n),
            "site": site,
            "scanner": scanner,
            "age": age,
            "original_glcm_Contrast": first,
            "original_glcm_Entropy": second,
            "original_firstorder_Mean": third,
            "malignant": sick,
        }
    )
    frame.to_csv(made / "features.csv", index=False)
    return made


@pytest.fixture
def without_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the page out, which costs more than the stages here."""
    monkeypatch.setattr(study_run, "write_report", lambda result, path: None)


def study(folder: Path, **sections: dict) -> Study:
    document = {"study": {"n_jobs": 1}, "cohort": COHORT, **sections}
    return Study(StudyConfig.parse(document), folder)


def test_features_from_elsewhere_take_the_place_of_images(folder: Path, tmp_path: Path) -> None:
    asked = study(folder, effects=EFFECTS, invariant={"margin": 0.5})
    assert asked.problems().empty
    result = asked.run(tmp_path)
    assert result.complete and result.cohort is None
    assert result.table.features == [
        "original_glcm_Contrast", "original_glcm_Entropy", "original_firstorder_Mean"
    ]  # fmt: skip
    assert list(result.table.frame["case_id"][:2]) == ["P0", "P1"]
    alone = AIPW(treatment="scanner", adjustment=["age", "site"]).fit(
        result.table.frame, outcomes=result.table.features
    )
    assert result.effects is not None
    np.testing.assert_array_equal(
        result.effects.frame["estimate"], alone.effects_.frame["estimate"]
    )
    again = StudyResult.load(tmp_path)
    assert again.cohort is None and again.table.digest() == result.table.digest()
    assert set(asked.run(tmp_path).stages.values()) == {"reused"}


@pytest.mark.usefixtures("without_page")
@pytest.mark.parametrize(
    ("method", "options", "kind"),
    [
        ("ges", {"penalty_discount": 2.0}, "cpdag"),
        ("boss", {"n_starts": 2}, "cpdag"),
        ("fci", {"collider_rule": "conservative"}, "pag"),
        ("tier_regression", {"correction": "bh"}, "dag"),
        ("direct_lingam", {}, "dag"),
    ],
)
def test_each_method_learns_the_graph_with_its_own_options(
    folder: Path, tmp_path: Path, method: str, options: dict, kind: str
) -> None:
    asked = study(folder, discover={**DISCOVER, "method": method, "options": options})
    assert asked.problems().empty
    result = asked.run(tmp_path)
    assert result.refusals == () and result.graph is not None
    assert str(result.graph.kind) == kind
    made = result.graph.provenance
    assert made is not None
    inside = made.settings["estimator"]
    assert {name: inside[name] for name in options} == options
    edges = {frozenset(pair) for pair in result.graph.to_frame()[["source", "target"]].to_numpy()}
    assert frozenset(("original_glcm_Contrast", "scanner")) in edges
    assert any("PAG" in note for note in result.notes) == (kind == "pag")


@pytest.mark.usefixtures("without_page")
@pytest.mark.parametrize(
    ("section", "estimand"),
    [
        ({"estimator": "aipw", "estimand": "ato"}, "ato"),
        ({"estimator": "dml"}, "ato"),
        ({"estimator": "tmle"}, "ate"),
        ({"estimator": "entropy_balance"}, "ate"),
        ({"estimator": "matching", "options": {"n_matches": 3}}, "ate"),
    ],
)
def test_each_estimator_finds_the_scanner_effect(
    folder: Path, tmp_path: Path, section: dict, estimand: str
) -> None:
    result = study(folder, effects={**EFFECTS, **section}, invariant={"margin": 0.5}).run(tmp_path)
    assert result.refusals == () and result.effects is not None and result.invariant is not None
    rows = result.effects.frame.set_index("outcome")
    assert set(rows["estimator"]) == {section["estimator"]}
    assert set(rows["estimand"]) == {estimand}
    assert rows.loc["original_glcm_Contrast", "estimate"] == pytest.approx(0.8, abs=0.35)
    assert result.invariant.features == ("original_firstorder_Mean",)


def test_harmonised_features_are_a_stage_of_their_own(folder: Path, tmp_path: Path) -> None:
    section = {"method": "causal_combat", "batch": "scanner", "covariates": ["age"]}
    asked = study(folder, harmonize=section, discover=DISCOVER, effects=EFFECTS)
    result = asked.run(tmp_path)
    assert result.refusals == () and result.harmonized is not None
    before, after = result.table.frame, result.harmonized.frame
    gaps = [
        frame.groupby("scanner")["original_glcm_Contrast"].mean().diff().iloc[1]
        for frame in (before, after)
    ]
    assert abs(gaps[1]) < 0.25 * abs(gaps[0])
    assert any("harmonised over scanner by causal ComBat" in note for note in result.notes)
    assert any("before harmonisation" in note for note in result.notes)
    page = (tmp_path / FILES["report"]).read_text(encoding="utf-8")
    assert "harmonised over scanner" in page
    assert '<section id="harmonization">' in page and 'href="#harmonization"' in page
    found = result.harmonization
    assert found is not None and found.batch == "scanner"
    gap = found.summary().set_index("stage")["batch_gap_sd"]
    assert gap["after"] < 0.5 * gap["before"]
    assert StudyResult.load(tmp_path).harmonization.notes == found.notes
    assert result.effects is not None
    assert result.effects.frame["q"].min() < 1e-4  # of the features as they were extracted
    assert (tmp_path / FILES["harmonization"]).is_file()
    assert set(asked.run(tmp_path).stages.values()) == {"reused"}
    without = study(folder, discover=DISCOVER, effects=EFFECTS).run(tmp_path)
    assert without.harmonized is None and without.harmonization is None
    assert without.stages["effects"] == "reused"
    assert not (tmp_path / FILES["harmonized"]).exists()


@pytest.mark.usefixtures("without_page")
def test_batches_that_cannot_be_compared_refuse_what_needs_them(
    folder: Path, tmp_path: Path
) -> None:
    frame = pd.read_csv(folder / "features.csv")
    frame["age"] += 100.0 * (frame["scanner"] == "B")
    frame.to_csv(tmp_path / "features.csv", index=False)
    section = {"method": "causal_combat", "batch": "scanner", "covariates": ["age"]}
    result = study(tmp_path, harmonize=section, discover=DISCOVER).run(tmp_path / "out")
    assert [refusal.stage for refusal in result.refusals] == ["harmonize"]
    assert "age" in result.refusals[0].reason
    assert result.graph is None


def test_a_page_is_written_of_a_pag(folder: Path, tmp_path: Path) -> None:
    study(folder, discover={**DISCOVER, "n_bootstrap": 0, "method": "fci"}).run(tmp_path)
    assert "the graph is a PAG" in (tmp_path / FILES["report"]).read_text(encoding="utf-8")


def test_a_plan_of_constraints_is_read_from_the_graph(folder: Path, tmp_path: Path) -> None:
    result = study(folder, discover=DISCOVER, constraints=PLAN).run(tmp_path)
    assert result.refusals == () and result.plan is not None
    assert set(result.plan.verdicts) == {"scanner"}
    document = read_document(tmp_path / FILES["plan"], "constraint_plan")
    assert document["roles"]["outcome"] == "malignant"
    again = StudyResult.load(tmp_path)
    assert again.plan is not None and again.plan.to_dict() == result.plan.to_dict()


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"discover": {"method": "pcc"}}, "no 'pcc'; did you mean 'pc'?"),
        ({"discover": {"method": "ges", "alpha": 0.01}}, "alpha is no setting of 'ges'"),
        (
            {"discover": {"method": "ges", "options": {"penalty_discont": 2}}},
            "'ges' has no option 'penalty_discont'; did you mean 'penalty_discount'?",
        ),
        (
            {"discover": {"method": "boss", "options": {"penalty_discount": -1}}},
            "penalty_discount=-1 must be a positive number",
        ),
        ({"discover": {"method": "notears_mlp"}}, "takes continuous columns only"),
        ({"effects": {**EFFECTS, "estimator": "ato"}}, 'write estimator = "aipw"'),
        ({"effects": {**EFFECTS, "estimator": "iv"}}, "needs instruments too"),
        ({"effects": {**EFFECTS, "estimator": "dml", "estimand": "ate"}}, "leave estimand out"),
        (
            {"effects": {**EFFECTS, "options": {"n_fold": 2}}},
            "'aipw' has no option 'n_fold'; did you mean 'n_folds'?",
        ),
        ({"effects": {**EFFECTS, "estimand": "atx"}}, "allowed: ate, att, atc, ato"),
        ({"extract": {"bin_width": 5.0}}, "[cohort] features names a table"),
        ({"discover": {"method": "fci"}, "constraints": PLAN}, "a PAG"),
        (
            {
                "discover": {},
                "constraints": PLAN,
                "harmonize": {"method": "combat", "batch": "scanner"},
            },
            "images still carry 'scanner'",
        ),
        ({"harmonize": {"method": "combat", "batch": "scaner"}}, "did you mean 'scanner'?"),
    ],
)
def test_what_does_not_go_together_is_said_by_validate(
    folder: Path, sections: dict, said: str
) -> None:
    found = study(folder, **sections).problems()
    assert any(said in problem for problem in found["problem"]), found["problem"].tolist()


def test_a_wrong_method_stops_a_run_before_anything_is_read(tmp_path: Path) -> None:
    config = StudyConfig.parse({"discover": {"method": "pcc"}})
    with pytest.raises(InvalidInputError, match=r"\[discover\].*did you mean 'pc'"):
        Study(config, tmp_path).run(tmp_path / "out")


def test_every_listed_estimator_can_be_made_and_they_are_the_registered_ones() -> None:
    assert {"aipw", "dml", "tmle", "entropy_balance", "ipw"} <= set(effect_estimators())
    assert not {"iv", "front_door", "dose_response"} & set(effect_estimators())
