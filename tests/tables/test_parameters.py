"""Parameter files written for chosen features, read back as the same settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from causalimg.errors import InvalidInputError
from causalimg.radiomics import ExtractionSettings
from causalimg.tables.parameters import parameter_document

NAMES = ["original_glcm_Contrast", "original_shape_Sphericity", "original_glcm_Id"]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"bin_count": 32},
        {"resample": [3, 2, 0], "margin": 7, "interpolator": "sitkLinear"},
        {"normalize": True, "normalize_scale": 100.0, "remove_outliers": 3.0, "bin_width": 5.0},
        {"resegment_range": [-3, 3], "resegment_mode": "sigma", "resegment_shape": True},
        {"force_2d": True, "force_2d_dimension": 1, "distances": [1, 2], "weighting": "euclidean"},
        {"symmetric_glcm": False, "gldm_alpha": 1, "array_shift": 1000.0},
        {"minimum_dimensions": 3, "minimum_voxels": 50},
    ],
)
def test_what_is_written_is_read_back(settings: dict[str, Any], tmp_path: Path) -> None:
    classes = {"glcm": ["Contrast", "Id"], "shape": ["Sphericity"]}
    expected = ExtractionSettings.of(feature_classes=classes, **settings)
    path = tmp_path / "few.json"
    path.write_text(json.dumps(parameter_document(NAMES, expected.to_dict())))
    assert ExtractionSettings.from_yaml(path) == expected


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ({"wavelet": {"wavelet": "haar", "start_level": 1}}, "wavelet-HHL_firstorder_Mean"),
        ({"log": {"sigma": [1, 2.5], "bin_width": 3}}, "log-sigma-2-5-mm-3D_firstorder_Mean"),
        ({"gradient": {"use_spacing": False}}, "gradient_firstorder_Mean"),
        ({"lbp2d": {"radius": 2.0, "samples": 9}}, "lbp-2D_firstorder_Mean"),
        ({"squareroot": {"bin_count": 8}}, "squareroot_firstorder_Mean"),
    ],
)
def test_only_the_image_types_that_are_needed(
    kind: dict[str, Any], name: str, tmp_path: Path
) -> None:
    whole = ExtractionSettings.of(image_types={"original": {}, "square": {}, **kind})
    path = tmp_path / "few.json"
    path.write_text(json.dumps(parameter_document([name], whole.to_dict())))
    found = ExtractionSettings.from_yaml(path)
    wanted = {key: dict(value) for key, value in kind.items()}
    if "log" in wanted:
        wanted["log"]["sigma"] = [2.5]
    assert found.image_types == ExtractionSettings.of(image_types=wanted).image_types
    assert found.feature_classes == {"firstorder": ("Mean",)}


def test_label_and_refusals() -> None:
    settings = {**ExtractionSettings.of().to_dict(), "label": 2}
    assert parameter_document(NAMES, settings)["setting"]["label"] == 2
    with pytest.raises(InvalidInputError, match="mode 'ibsi'"):
        parameter_document(NAMES, {"mode": "ibsi"})
    with pytest.raises(InvalidInputError, match="not a feature name of PyRadiomics"):
        parameter_document(["contrast"], settings)
    with pytest.raises(InvalidInputError, match="no features"):
        parameter_document([], settings)
    with pytest.raises(InvalidInputError, match=r"gives the features of wavelet-HHL"):
        parameter_document(["wavelet-HHL_firstorder_Mean"], settings)
