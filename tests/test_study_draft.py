"""Drafted study files: for cohorts and tables of many shapes, they validate as they are."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from causalimg.column_roles import guess_roles, patient_column
from causalimg.config import StudyConfig
from causalimg.datasets import phantom_cohort
from causalimg.errors import FileReadError, InvalidInputError
from causalimg.study import Study
from causalimg.study_draft import draft
from causalimg.study_features import feature_table


def written(table: Path, name: str = "study.toml") -> tuple[str, Study]:
    """Draft a study file, write it, and read it back."""
    path = table.with_name(name)
    path.write_text(draft(table, table.parent, name=name), encoding="utf-8")
    return path.read_text(encoding="utf-8"), Study.read(path)


@pytest.fixture(scope="module")
def clinical() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = 80
    return pd.DataFrame(
        {
            "scanner": np.where(rng.random(n) < 0.5, "A", "B"),
            "age": rng.normal(60, 9, n).round(1),
            "original_glcm_Contrast": rng.normal(size=n),
            "wavelet-HHL_firstorder_Mean": rng.normal(size=n),
            "malignant": rng.integers(0, 2, n),
        }
    )


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scans")
    phantom_cohort(folder, n_patients=48, random_state=0, size=16)
    return folder


def test_a_cohort_of_images_validates_as_drafted(scans: Path) -> None:
    text, study = written(scans / "cohort.csv")
    assert study.problems().empty
    assert study.config.cohort.context == ("site", "scanner", "protocol")
    assert study.config.effects is not None
    assert study.config.effects.adjustment == ("age", "sex", "site", "protocol")
    for said in ("scanner: context, as the file records it", "A (", "bin_width", "registered here"):
        assert said in text
    assert max(map(len, text.splitlines())) <= 120


def test_what_stands_in_comments_can_be_used_as_it_stands(scans: Path) -> None:
    text, _ = written(scans / "cohort.csv")
    used = re.sub(r"^# (\[(?:harmonize|constraints)\])$", r"\1", text, flags=re.MULTILINE)
    keys = "method|batch|covariates|outcome|attributes|options|resample|authors|license|estimand"
    used = re.sub(rf"^# ((?:{keys}) = )", r"\1", used, flags=re.MULTILINE)
    assert used.count("\n[harmonize]") == used.count("\n[constraints]") == 1
    path = scans / "used.toml"
    path.write_text(used, encoding="utf-8")
    config = StudyConfig.read(path)
    assert config.harmonize.batch == "scanner" and config.constraints is not None
    assert config.study.authors[0].orcid == "0000-0000-0000-0000"
    assert config.effects is not None and config.effects.estimand == "ato"
    said = Study(config, scans).problems()["problem"]
    assert said.str.contains("images still carry 'scanner'").all()


def test_a_radiomics_table_from_elsewhere(tmp_path: Path, clinical: pd.DataFrame) -> None:
    frame = clinical.assign(**{"diagnostics_Image-original_Mean": 3.0, "Image": "a.nii"})
    frame.insert(0, "ID", [f"P{k}" for k in range(len(frame))])
    frame.to_csv(tmp_path / "features.csv", index=False)
    text, study = written(tmp_path / "features.csv")
    assert study.problems().empty
    assert 'features = "features.csv"' in text and "[extract]" not in text
    assert study.config.cohort.covariates == ("age",)
    assert study.config.cohort.outcomes == ("malignant",)
    table = feature_table(tmp_path / "features.csv", {"scanner": "context", "age": "covariate"})
    assert table.features == ["original_glcm_Contrast", "wavelet-HHL_firstorder_Mean", "malignant"]
    assert table.frame["case_id"].iloc[0] == "P0"


def test_numbers_written_as_text_are_named(tmp_path: Path, clinical: pd.DataFrame) -> None:
    frame = clinical.copy()
    frame["age"] = ["not known", *frame["age"].round(1).astype(str)[1:]]
    frame["glcm_contrast"] = [f"{0.1 * k:.1f}".replace(".", ",") for k in range(len(frame))]
    frame["glcm_energy"] = np.linspace(0.0, 1.0, len(frame))
    frame.to_csv(tmp_path / "features.csv", index=False)
    text, _ = written(tmp_path / "features.csv")
    assert "age: not used: numbers, but for 'not known' (1 of" in text
    assert "glcm_contrast: not used: numbers with a decimal comma" in text


def test_a_table_of_numbers_without_radiomics_names(tmp_path: Path) -> None:
    from sklearn.datasets import load_breast_cancer

    load_breast_cancer(as_frame=True).frame.to_csv(tmp_path / "breast.csv", index=False)
    text, study = written(tmp_path / "breast.csv", "breast.toml")
    assert study.problems().empty and study.config.effects is None
    assert study.config.cohort.outcomes == ("target",)
    assert "30 columns are features" in text and "causalimg validate breast.toml" in text
    table = feature_table(tmp_path / "breast.csv", {"target": "outcome"})
    assert len(table.features) == 30 and table.frame["case_id"].is_unique


def test_missing_values_stay_out_of_graph_and_adjustment(
    tmp_path: Path, clinical: pd.DataFrame
) -> None:
    frame = clinical.assign(kvp=np.where(np.arange(len(clinical)) % 3, 120.0, np.nan))
    frame["kvp"] += np.arange(len(frame)) % 2
    frame.to_csv(tmp_path / "features.csv", index=False)
    text, study = written(tmp_path / "features.csv")
    assert study.problems().empty
    assert "kvp" in study.config.cohort.context and "not kvp: it is missing" in text
    assert study.config.discover is not None
    assert "kvp" not in (study.config.discover.columns or ())
    broken = text.replace('adjustment = ["age"]', 'adjustment = ["age", "kvp"]')
    assert broken != text
    path = tmp_path / "broken.toml"
    path.write_text(re.sub(r"^columns = .*$", "", broken, flags=re.MULTILINE), encoding="utf-8")
    found = Study.read(path).problems()
    assert set(found["where"]) == {"[effects]", "[discover]"}
    assert found["problem"].str.contains("'kvp' is missing in 27 cases").all()


def test_several_rows_of_a_patient_are_a_cluster(tmp_path: Path, clinical: pd.DataFrame) -> None:
    frame = clinical.assign(patient_id=[f"P{k // 2}" for k in range(len(clinical))])
    frame.to_csv(tmp_path / "features.csv", index=False)
    _, study = written(tmp_path / "features.csv")
    assert study.config.effects is not None and study.config.effects.cluster == "patient_id"
    assert study.problems().empty
    assert "patient_id" not in feature_table(tmp_path / "features.csv", {}).features
    assert patient_column(clinical) is None


def test_a_column_that_repeats_another_or_decides_the_treatment(
    tmp_path: Path, clinical: pd.DataFrame
) -> None:
    rng = np.random.default_rng(1)
    build = clinical["scanner"].where(rng.random(len(clinical)) < 0.5, clinical["scanner"] + "2")
    frame = clinical.assign(
        age_copy=clinical["age"],
        patient_age_years=clinical["age"].astype(int),
        tube_current_ma=clinical["scanner"].map({"A": 180.0, "B": 260.0}),
        scanner_model=build,
        slice_thickness_mm=rng.choice([1.0, 2.0], len(clinical)),
        note="x",
    )
    frame.to_csv(tmp_path / "features.csv", index=False)
    text, study = written(tmp_path / "features.csv")
    assert "age_copy: not used: the same as 'age' in every row" in text
    assert "patient_age_years: not used: says the same as 'age'" in text
    assert "tube_current_ma: not used: says the same as 'scanner'" in text
    assert "note: not used: the same in every row" in text
    assert "not scanner_model: its value decides which scanner" in text
    assert "not scanner_model: it and scanner cannot both be in the graph" in text
    effects, discover = study.config.effects, study.config.discover
    assert effects is not None and effects.adjustment == ("age", "slice_thickness_mm")
    assert effects.cluster is None
    assert discover is not None and discover.columns is not None
    assert "scanner" in discover.columns and "scanner_model" not in discover.columns
    assert study.problems().empty


def test_a_patient_column_is_an_identifier_and_no_property(clinical: pd.DataFrame) -> None:
    twice = [f"P{k // 2}" for k in range(len(clinical))]
    for name in ("patient_id", "PatientID", "subject", "Participant No"):
        assert patient_column(clinical.assign(**{name: twice})) == name
    for name in ("patient_sex", "patient_age_years", "Patient's weight", "scan_id"):
        assert patient_column(clinical.assign(**{name: twice})) is None


def test_what_the_headers_say_about_extraction(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"case_id": [f"P{k}" for k in range(40)], "image": "a.nii"})
    frame["mask"], frame["modality"], frame["age"] = "b.nii", "MR", rng.normal(60, 9, 40)
    frame["slice_thickness_mm"] = rng.choice([1.0, 2.0], 40)
    for modality, said in (("MR", "bin_count = 32"), ("CT", "bin_width = 25.0")):
        frame.assign(modality=modality).to_csv(tmp_path / "cohort.csv", index=False)
        text, study = written(tmp_path / "cohort.csv")
        assert f"\n{said}" in text
        assert (study.config.extract.bin_count == 32) == (modality == "MR")
        assert "slice_thickness_mm differs between scans" in text


def test_roles_that_a_file_records_come_first(clinical: pd.DataFrame) -> None:
    found = guess_roles(clinical, has_images=False, known={"age": "context", "scanner": "other"})
    assert (found["age"].role, found["age"].why) == ("context", "the file records it")
    assert found["scanner"].role == "context"


def test_tables_that_cannot_be_studied_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileReadError, match="no such file"):
        draft(tmp_path / "none.csv", tmp_path)
    pd.DataFrame({"case_id": ["a", "b"], "image": ["x", "y"]}).to_csv(tmp_path / "half.csv")
    with pytest.raises(InvalidInputError, match="no column"):
        draft(tmp_path / "half.csv", tmp_path)
    pd.DataFrame({"name": ["a", "b"]}).to_csv(tmp_path / "text.csv", index=False)
    with pytest.raises(InvalidInputError, match="no column of numbers"):
        draft(tmp_path / "text.csv", tmp_path)
