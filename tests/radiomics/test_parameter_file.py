"""PyRadiomics' parameter files, read as they are."""

import json

import pytest

from causalimg.errors import (
    FileReadError,
    InvalidInputError,
    MissingDependencyError,
    UnknownNameError,
)
from causalimg.radiomics import ExtractionSettings, RadiomicsExtractor

CT = """
imageType:
  Original: {}
  LoG:
    sigma: [1.0, 3.0]
    binWidth: 10
  Wavelet: {}
featureClass:
  shape:
  firstorder: []
  glcm:
    - Contrast
    - JointEntropy
setting:
  normalize: true
  removeOutliers: 3
  interpolator: 'sitkLinear'
  resampledPixelSpacing: [1, 2, 3]
  padDistance: 10
  binWidth: 25
  force2D: true
  weightingNorm:
  distances: [1, 2]
  resegmentRange: [-3, 3]
  resegmentMode: sigma
  voxelArrayShift: 1000
  label: 2
  geometryTolerance: 0.001
  additionalInfo: true
"""


def test_a_file_as_pyradiomics_has_them(tmp_path):
    pytest.importorskip("yaml")
    path = tmp_path / "ct.yaml"
    path.write_text(CT)
    settings = ExtractionSettings.from_yaml(path)
    assert settings == ExtractionSettings.of(
        image_types={
            "original": {},
            "log": {"sigma": [1, 3], "bin_width": 10},
            "wavelet": {},
        },
        feature_classes={
            "shape": None,
            "firstorder": None,
            "glcm": ["Contrast", "JointEntropy"],
        },
        normalize=True,
        normalize_scale=1.0,
        remove_outliers=3,
        interpolator="sitkLinear",
        resample=[3, 2, 1],
        margin=10,
        bin_width=25,
        force_2d=True,
        distances=[1, 2],
        resegment_range=[-3, 3],
        resegment_mode="sigma",
        array_shift=1000,
    )
    extractor = RadiomicsExtractor.from_parameter_file(path)
    assert extractor.settings()["label"] == 2
    assert extractor.settings()["distances"] == [1, 2]


def test_a_json_file_needs_nothing_installed(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    path = tmp_path / "few.json"
    path.write_text(json.dumps({"setting": {"binCount": 16}}))
    assert ExtractionSettings.from_yaml(path) == ExtractionSettings.of(bin_count=16)
    other = tmp_path / "few.yaml"
    other.write_text("setting: {binCount: 16}")
    with pytest.raises(MissingDependencyError, match="pip install PyYAML"):
        ExtractionSettings.from_yaml(other)


@pytest.mark.parametrize(
    ("document", "error", "message"),
    [
        ({"settings": {}}, UnknownNameError, "no part 'settings'; did you mean 'setting'"),
        (
            {"setting": {"binwidth": 3}},
            UnknownNameError,
            "no setting 'binwidth'; did you mean 'binWidth'",
        ),
        ({"imageType": {"Wavelt": {}}}, UnknownNameError, "did you mean 'wavelet'"),
        (
            {"imageType": {"LoG": {"sigmas": [1]}}},
            UnknownNameError,
            "setting of imageType LoG 'sigmas'; did you mean 'sigma'",
        ),
        ({"voxelSetting": {"kernelRadius": 2}}, InvalidInputError, "feature maps"),
        ({"setting": [1]}, InvalidInputError, "a setting must be a mapping"),
        ([], FileReadError, "holds no mapping"),
    ],
)
def test_what_is_refused(tmp_path, document, error, message):
    path = tmp_path / "p.json"
    path.write_text(json.dumps(document))
    with pytest.raises(error, match=message):
        ExtractionSettings.from_yaml(path)


def test_files_that_cannot_be_read(tmp_path):
    pytest.importorskip("yaml")
    with pytest.raises(FileReadError, match=r"none\.yaml"):
        ExtractionSettings.from_yaml(tmp_path / "none.yaml")
    for name in ("bad.yaml", "bad.json"):
        (tmp_path / name).write_text("{[")
        with pytest.raises(FileReadError, match=f"{name} is not"):
            ExtractionSettings.from_yaml(tmp_path / name)


@pytest.mark.parametrize("corrected", [True, False])
def test_correct_mask_resamples_a_mask_on_another_grid(tmp_path, corrected):
    import numpy as np
    import pandas as pd

    from causalimg.imaging.write import write_volume
    from causalimg.tables.cohort import Cohort

    image = np.random.default_rng(0).integers(0, 500, (6, 8, 8)).astype(np.int16)
    mask = np.zeros((6, 8, 8), dtype=bool)
    mask[2:5, 2:6, 2:6] = True
    write_volume(tmp_path / "image.nii", image, (2.0, 1.0, 1.0))
    write_volume(tmp_path / "mask.nii", mask[1:, 1:, 1:], (2.0, 1.0, 1.0), origin=(1.0, 1.0, 2.0))
    write_volume(tmp_path / "same.nii", mask, (2.0, 1.0, 1.0))
    settings = {"setting": {"correctMask": corrected}, "featureClass": {"firstorder": ["Mean"]}}
    (tmp_path / "p.json").write_text(json.dumps(settings))
    rows = [{"case_id": m, "image": "image.nii", "mask": f"{m}.nii"} for m in ("mask", "same")]
    pd.DataFrame(rows).to_csv(tmp_path / "cohort.csv", index=False)
    extractor = RadiomicsExtractor.from_parameter_file(tmp_path / "p.json")
    table = extractor.extract(Cohort.read(tmp_path / "cohort.csv"))
    assert list(table.failures["case_id"]) == ([] if corrected else ["mask"])
    assert set(table.frame["firstorder_mean"]) == {image[mask].mean()}
    assert extractor.settings()["resample_mask"] is corrected
