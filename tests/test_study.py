"""The whole study on simulated scans: what it writes, how it resumes, what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from causalimg import CausalGraph, EffectTable, FeatureTable, InvariantSet, Study, StudyResult
from causalimg.config import StudyConfig
from causalimg.datasets import phantom_cohort
from causalimg.errors import InvalidInputError
from causalimg.imaging.write import write_volume
from causalimg.radiomics.native_engine import NativeEngine
from causalimg.schemas import read_document, validate
from causalimg.study_result import FILES
from causalimg.tables.io import read_table

SETTINGS = {
    "study": {"name": "test", "n_jobs": 1},
    "cohort": {
        "context": ["site", "scanner", "protocol"],
        "covariates": ["age", "sex"],
        "outcomes": ["malignant"],
    },
    "extract": {"feature_classes": ["shape", "firstorder"]},
    "discover": {
        "tiers": [["age", "sex", "site"], ["scanner", "protocol"], ["@features"], ["malignant"]],
        "n_bootstrap": 5,
        "max_features": 8,
    },
    "effects": {"treatment": "scanner", "adjustment": ["age", "sex", "site", "protocol"]},
    "invariant": {"margin": 0.5},
}


def changed(**sections: dict | None) -> StudyConfig:
    document = {**SETTINGS}
    for name, values in sections.items():
        if values is None:
            del document[name]
        else:
            document[name] = {**document.get(name, {}), **values}
    return StudyConfig.parse(document)


@pytest.fixture(scope="module")
def cohort_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom")
    phantom_cohort(folder, n_patients=60, random_state=3, size=20, n_jobs=2)
    return folder


@pytest.fixture(scope="module")
def finished(cohort_folder: Path) -> StudyResult:
    return Study(changed(), cohort_folder).run(cohort_folder / "results")


@pytest.fixture
def results(finished: StudyResult, cohort_folder: Path, tmp_path: Path) -> Path:
    """A copy of the finished results, for a test to change."""
    shutil.copytree(finished.folder, tmp_path / "results")
    return tmp_path / "results"


def test_every_stage_gives_its_record(finished: StudyResult) -> None:
    assert finished.complete
    assert finished.refusals == ()
    assert len(finished.table.frame) == 60
    assert finished.graph is not None and "scanner" in finished.graph.nodes
    assert finished.effects is not None and set(finished.effects.contrasts) == {"B - A"}
    assert set(finished.effects.frame["outcome"]) == set(finished.table.features)
    assert finished.invariant is not None
    assert len(finished.invariant.evidence) == len(finished.table.features)


def test_what_the_stages_write_validates_against_the_schemas(finished: StudyResult) -> None:
    for name in ("cohort", "feature_table", "effect_table"):
        files = {
            "cohort": ["cohort"],
            "feature_table": ["table"],
            "effect_table": ["effects", "naive"],
        }
        for file in files[name]:
            frame, header = read_table(finished.folder / FILES[file], schema=name)
            validate(header, name)
            assert [field["name"] for field in header["fields"]] == list(frame.columns)
    read_document(finished.folder / FILES["graph"], "causal_graph")
    read_document(finished.folder / FILES["invariant"], "invariant_set")
    for made in finished.provenance().values():
        validate(made.to_dict(), "provenance")
        assert made.assumptions or made.stage == "extract"


def test_results_are_read_back_equal(finished: StudyResult) -> None:
    again = StudyResult.load(finished.folder)
    assert again.table.digest() == finished.table.digest()
    assert again.config == finished.config
    for name in ("graph", "effects", "naive", "invariant"):
        one, other = getattr(again, name), getattr(finished, name)
        if isinstance(one, CausalGraph):
            assert one.to_dict() == other.to_dict()
        else:
            assert one.digest() == other.digest()
    pd.testing.assert_frame_equal(again.to_frame(), finished.to_frame())


def test_paths_in_outputs_are_relative(finished: StudyResult, cohort_folder: Path) -> None:
    for path in finished.folder.rglob("*"):
        if path.is_file():
            assert str(cohort_folder).encode() not in path.read_bytes(), path.name


def test_a_second_run_computes_nothing(
    results: Path, cohort_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("a case was computed again")

    monkeypatch.setattr(NativeEngine, "compute", refuse)
    again = Study(changed(), cohort_folder).run(results)
    assert set(again.stages.values()) == {"reused"}


def test_a_changed_setting_recomputes_only_what_depends_on_it(
    results: Path, cohort_folder: Path
) -> None:
    def computed(config: StudyConfig) -> set[str]:
        stages = Study(config, cohort_folder).run(results).stages
        return {stage for stage, what in stages.items() if what == "computed"}

    config = changed(invariant={"margin": 0.3})
    assert computed(config) == {"invariant"}
    config = changed(invariant={"margin": 0.3}, discover={"alpha": 0.05})
    assert computed(config) == {"discover"}
    config = changed(
        invariant={"margin": 0.3},
        discover={"alpha": 0.05},
        effects={"adjustment": ["age", "site"]},
    )
    assert computed(config) == {"effects", "invariant"}


def test_a_stage_that_is_taken_out_leaves_no_stale_file(results: Path, cohort_folder: Path) -> None:
    result = Study(changed(invariant=None, discover=None), cohort_folder).run(results)
    assert result.invariant is None and result.graph is None
    assert not (results / FILES["invariant"]).exists()
    assert not (results / FILES["graph"]).exists()
    assert StudyResult.load(results).invariant is None


def test_the_result_does_not_depend_on_workers(
    finished: StudyResult, cohort_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished.folder / "cases", tmp_path / "cases")
    other = Study(changed(study={"n_jobs": 2}), cohort_folder).run(tmp_path)
    assert other.table.digest() == finished.table.digest()
    assert other.graph is not None and finished.graph is not None
    np.testing.assert_array_equal(other.graph.marks, finished.graph.marks)
    np.testing.assert_array_equal(other.graph.support, finished.graph.support)


@pytest.mark.parametrize("method", ["notears"])
def test_another_method_learns_the_graph(
    finished: StudyResult, cohort_folder: Path, tmp_path: Path, method: str
) -> None:
    shutil.copytree(finished.folder / "cases", tmp_path / "cases")
    config = changed(
        cohort={"outcomes": []},
        discover={
            "method": method,
            "n_bootstrap": 3,
            "tiers": [["age", "sex", "site"], ["scanner", "protocol"], ["@features"]],
        },
        effects=None,
        invariant=None,
    )
    result = Study(config, cohort_folder).run(tmp_path)
    assert result.refusals == () and result.graph is not None
    assert result.graph.kind == "dag"


def test_a_study_in_ibsi_mode_and_one_with_a_parameter_file(
    cohort_folder: Path, tmp_path: Path
) -> None:
    off = dict.fromkeys(("discover", "effects", "invariant"))
    ibsi = {"spacing": [1.0, 1.0, 1.0], "bin_width": 25.0, "range": [-1000.0, 1000.0]}
    document = {**SETTINGS, "extract": {"mode": "ibsi", "ibsi": ibsi}}
    for name in off:
        del document[name]
    result = Study(StudyConfig.parse(document), cohort_folder).run(tmp_path / "ibsi")
    assert result.complete and "glcm_contrast_3d_merged" in result.table.features
    (cohort_folder / "params.json").write_text(
        json.dumps({"setting": {"binWidth": 10}, "featureClass": {"firstorder": None}})
    )
    document["extract"] = {"parameter_file": "params.json"}
    result = Study(StudyConfig.parse(document), cohort_folder).run(tmp_path / "file")
    assert result.complete and len(result.table.features) == 18
    made = result.table.provenance
    assert made is not None and made.settings["bin_width"] == 10
    document["extract"]["bin_width"] = 5
    with pytest.raises(InvalidInputError, match="bin_width cannot be given beside it"):
        Study(StudyConfig.parse(document), cohort_folder).run(tmp_path / "file")
    document["extract"] = {"mode": "ibsi", "ibsi": {"bin_widht": 25.0}}
    with pytest.raises(InvalidInputError, match=r"'bin_widht'; did you mean 'bin_width'"):
        Study(StudyConfig.parse(document), cohort_folder).run(tmp_path / "file")


def test_an_extraction_only_study_gives_a_report(cohort_folder: Path, tmp_path: Path) -> None:
    config = changed(discover=None, effects=None, invariant=None)
    result = Study(config, cohort_folder).run(tmp_path)
    assert result.complete and result.effects is None
    assert "<html" in (tmp_path / FILES["report"]).read_text()


# ---- what the data cannot answer, and bad input ----------------------------------------------


def altered(cohort_folder: Path, tmp_path: Path, frame: pd.DataFrame) -> Path:
    """Write a cohort file elsewhere, with paths to the same images."""
    for column in ("image", "mask"):
        frame[column] = [str(cohort_folder / value) for value in frame[column]]
    frame.to_csv(tmp_path / "cohort.csv", index=False)
    return tmp_path


def cheap(**sections: dict | None) -> StudyConfig:
    return changed(extract={"feature_classes": ["shape"]}, discover=None, **sections)


def test_a_treatment_with_one_level_is_refused_and_the_rest_goes_on(
    cohort_folder: Path, tmp_path: Path
) -> None:
    frame = pd.read_csv(cohort_folder / "cohort.csv").query("scanner == 'A'")
    folder = altered(cohort_folder, tmp_path, frame)
    result = Study(cheap(), folder).run(tmp_path / "out")
    refused = {refusal.stage: refusal.reason for refusal in result.refusals}
    assert set(refused) == {"effects", "invariant"}
    assert "'scanner'" in refused["effects"] and "one level" in refused["effects"]
    assert not result.complete
    assert len(result.table.frame) == len(frame)
    page = (tmp_path / "out" / FILES["report"]).read_text()
    assert "one level" in page


def test_a_covariate_that_separates_the_treatment_is_named(
    cohort_folder: Path, tmp_path: Path
) -> None:
    frame = pd.read_csv(cohort_folder / "cohort.csv")
    frame["coil"] = frame["scanner"].map({"A": "head", "B": "body"})
    folder = altered(cohort_folder, tmp_path, frame)
    config = cheap(effects={"adjustment": ["age", "coil"]})
    result = Study(config, folder).run(tmp_path / "out")
    reason = result.refusals[0].reason
    assert "'coil'" in reason and "separates" in reason


def test_a_constant_feature_is_reported_and_the_others_go_on(
    cohort_folder: Path, tmp_path: Path, finished: StudyResult
) -> None:
    table = finished.table
    frame = table.frame.assign(**{table.features[0]: 1.0})
    flat = FeatureTable(frame, table.columns, table.failures)
    from causalimg import AIPW, RedundancyFilter

    found = AIPW(treatment="scanner", adjustment=["age", "site"]).fit(
        flat.frame, outcomes=flat.features
    )
    rows = found.effects_.frame.set_index("outcome")
    assert rows.loc[table.features[0], "status"] == "not_estimable"
    assert "constant" in rows.loc[table.features[0], "reason"]
    assert (rows.drop(index=table.features[0])["status"] == "ok").all()
    screened = RedundancyFilter().fit(flat.frame[flat.features])
    assert "constant" in screened.dropped_[table.features[0]]


def test_a_column_called_script_is_text_everywhere(cohort_folder: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(cohort_folder / "cohort.csv").rename(columns={"site": "<script>alert(1)"})
    frame.loc[0, "case_id"] = "<img src=x onerror=alert(2)>"
    frame.loc[0, "image"] = "nowhere.nii"
    folder = altered(cohort_folder, tmp_path, frame)
    config = changed(
        cohort={"context": ["<script>alert(1)", "scanner", "protocol"]},
        discover={
            "tiers": [
                ["age", "sex", "<script>alert(1)"],
                ["scanner", "protocol"],
                ["@features"],
                ["malignant"],
            ]
        },
        effects={"adjustment": ["age", "<script>alert(1)"]},
    )
    result = Study(config, folder).run(tmp_path / "out")
    page = (tmp_path / "out" / FILES["report"]).read_text()
    assert result.graph is not None and "<script>alert(1)" in result.graph.nodes
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page
    assert "<img src=x" not in page


BROKEN = {
    "missing image": ("image", "there is no file"),
    "other size": ("mask", "size"),
    "other spacing": ("mask", "spacing"),
    "other origin": ("mask", "origin"),
    "empty mask": ("mask", "the mask is empty"),
    "absent label": ("mask", "there is no label 7"),
    "truncated": ("image", "truncated.nii is truncated"),
    "NaN voxels": ("image", "voxels inside the mask are NaN or infinite"),
    "infinite voxels": ("image", "voxels inside the mask are NaN or infinite"),
}


@pytest.fixture(scope="module")
def broken(cohort_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    """A study of ten cases of which nine are broken, each in its own way."""
    from causalimg import Cohort
    from causalimg.imaging.read import read_image_mask

    folder = tmp_path_factory.mktemp("broken")
    cohort = Cohort.read(cohort_folder / "cohort.csv")
    scan = read_image_mask(cohort.image_path("P0001"), cohort.mask_path("P0001"), case_id="P0001")
    image, mask = scan.image.astype(np.float32), scan.mask.astype(np.uint8)
    rows = []
    for name in ("good", *BROKEN):
        stem = name.replace(" ", "_")
        voxels, region, spacing, origin = image.copy(), mask, scan.spacing, scan.origin
        if name == "other size":
            region = mask[:, :, :-1]
        elif name == "other spacing":
            spacing = (scan.spacing[0], scan.spacing[1], scan.spacing[2] * 1.1)
        elif name == "other origin":
            origin = (scan.origin[0] + 3.0, scan.origin[1], scan.origin[2])
        elif name == "empty mask":
            region = np.zeros_like(mask)
        elif name == "NaN voxels":
            voxels[tuple(np.argwhere(mask)[0])] = np.nan
        elif name == "infinite voxels":
            voxels[tuple(np.argwhere(mask)[0])] = np.inf
        if name != "missing image":
            write_volume(folder / f"{stem}.nii", voxels, scan.spacing, origin=scan.origin)
        if name == "truncated":
            path = folder / f"{stem}.nii"
            path.write_bytes(path.read_bytes()[:700])
        write_volume(folder / f"{stem}_mask.nii", region, spacing, origin=origin)
        label = 7 if name == "absent label" else 1
        rows.append((name, f"{stem}.nii", f"{stem}_mask.nii", label))
    frame = pd.DataFrame(rows, columns=["case_id", "image", "mask", "label"])
    frame.to_csv(folder / "cohort.csv", index=False)
    config = StudyConfig.parse({"extract": {"feature_classes": ["shape", "firstorder"]}})
    return Study(config, folder).run(folder / "results")


@pytest.mark.parametrize("name", BROKEN)
def test_a_bad_case_is_recorded_with_case_and_column(broken: StudyResult, name: str) -> None:
    column, said = BROKEN[name]
    rows = broken.table.failures.set_index("case_id")
    reason = rows.loc[name, "reason"]
    assert f"case {name!r}, column {column!r}" in reason
    assert said in reason


def test_the_good_case_goes_on(broken: StudyResult) -> None:
    assert list(broken.table.frame["case_id"]) == ["good"]
    assert not broken.complete
    summary = json.loads((broken.folder / FILES["summary"]).read_text())
    assert len(summary["failures"]) == len(BROKEN)


def test_no_case_that_can_be_read_stops_the_study(cohort_folder: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(cohort_folder / "cohort.csv").head(2).assign(image="none.nii")
    frame.to_csv(tmp_path / "cohort.csv", index=False)
    with pytest.raises(InvalidInputError, match="all 2 failed; the first is 'P0001'"):
        Study(cheap(), tmp_path).run(tmp_path / "out")


def test_problems_are_listed_before_an_image_is_read(cohort_folder: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(cohort_folder / "cohort.csv").head(4)
    frame.to_csv(tmp_path / "cohort.csv", index=False)
    config = changed(
        effects={"treatment": "scaner"},
        extract={"feature_classes": ["shap"]},
        discover={"tiers": [["age"], ["age"]]},
    )
    found = Study(config, tmp_path).problems()
    text = " | ".join(found["problem"])
    assert (found["where"].str.startswith("case 'P0001', column 'image'")).any()
    assert "no column 'scaner' in the cohort; did you mean 'scanner'?" in text
    assert "did you mean 'shape'?" in text
    assert "'age'" in text


def test_what_the_columns_cannot_answer_is_a_problem_before_the_run(
    cohort_folder: Path, tmp_path: Path
) -> None:
    frame = pd.read_csv(cohort_folder / "cohort.csv")
    for name in ("image", "mask"):
        frame[name] = [(cohort_folder / path).as_posix() for path in frame[name]]
    frame["kernel"] = frame["scanner"].map({"A": "soft", "B": "sharp"})
    frame.to_csv(tmp_path / "cohort.csv", index=False)
    asked = {
        "cohort": {"context": ["site", "scanner", "protocol", "kernel"]},
        "discover": {"tiers": [["age", "sex", "site"], ["scanner", "protocol", "kernel"]]},
        "effects": {"adjustment": ["age", "kernel"]},
    }
    found = Study(changed(**asked), tmp_path).problems().set_index("where")["problem"]
    assert "'kernel' separates treatment 'scanner'" in found["[effects]"]
    assert "'kernel' = 'scanner'" in found["[discover]"]
    right = {"cohort": asked["cohort"], "effects": {"adjustment": ["age", "site"]}}
    right["discover"] = {"columns": ["age", "sex", "site", "scanner", "protocol", "malignant",
                                     "@features"]}  # fmt: skip
    assert Study(changed(**right), tmp_path).problems().empty


def test_effects_agree_with_the_stage_used_alone(finished: StudyResult) -> None:
    from causalimg import AIPW

    alone = AIPW(treatment="scanner", adjustment=["age", "sex", "site", "protocol"]).fit(
        FeatureTable.load(finished.folder / FILES["table"]).frame, outcomes=finished.table.features
    )
    assert isinstance(finished.effects, EffectTable)
    pd.testing.assert_frame_equal(alone.effects_.frame, finished.effects.frame)
    assert isinstance(finished.invariant, InvariantSet)
