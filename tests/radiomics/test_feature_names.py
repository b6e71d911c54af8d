import keyword

import pytest

from causalimg.errors import UnknownNameError
from causalimg.radiomics.names import (
    DEFAULT_FAMILIES,
    column_name,
    describe,
    features_of,
    is_feature,
    snake_case,
)

ALL = [f"original_{family}_{name}" for family in DEFAULT_FAMILIES for name in features_of(family)]
PLANE = [f"original_shape2D_{name}" for name in features_of("shape2D")]


def test_107_features_with_identifiers_of_their_own():
    columns = [column_name(name) for name in ALL]
    assert len(ALL) == len(set(columns)) == 107
    columns += [column_name(name) for name in PLANE]
    assert len(set(columns)) == 116
    assert all(name.isidentifier() and not keyword.iskeyword(name) for name in columns)
    assert all(name == name.lower() for name in columns)
    assert all(is_feature(name) for name in columns)


def test_the_dictionary_lists_what_pyradiomics_computes():
    radiomics = pytest.importorskip("radiomics")
    for family, kind in radiomics.getFeatureClasses().items():
        current = {n for n, deprecated in kind.getFeatureNames().items() if not deprecated}
        assert current == set(features_of(family))


def test_ibsi_codes_are_used_once():
    codes = [describe(name).ibsi for name in ALL]
    given = [code for code in codes if code]
    assert len(given) == len(set(given)) == 101
    assert all(len(code) == 4 for code in given)
    without = {describe(name).name for name, code in zip(ALL, codes, strict=True) if not code}
    assert without == {
        "firstorder_kurtosis",
        "firstorder_total_energy",
        "glcm_mcc",
        "shape_maximum_2d_diameter_column",
        "shape_maximum_2d_diameter_row",
        "shape_maximum_2d_diameter_slice",
    }


@pytest.mark.parametrize(
    ("original", "column", "image_type", "unit"),
    [
        ("original_shape_Maximum3DDiameter", "shape_maximum_3d_diameter", "original", "mm"),
        ("original_firstorder_10Percentile", "firstorder_10_percentile", "original", "intensity"),
        ("wavelet-HHL_glcm_Contrast", "wavelet_hhl_glcm_contrast", "wavelet_hhl", "1"),
        ("wavelet2-LLH_glcm_Idmn", "wavelet2_llh_glcm_idmn", "wavelet2_llh", "1"),
        (
            "log-sigma-3-0-mm-3D_glszm_ZoneEntropy",
            "log_sigma_3_0_mm_3d_glszm_zone_entropy",
            "log_sigma_3_0_mm_3d",
            "1",
        ),
        (
            "squareroot_gldm_DependenceEntropy",
            "squareroot_gldm_dependence_entropy",
            "squareroot",
            "1",
        ),
    ],
)
def test_names(original, column, image_type, unit):
    feature = describe(original)
    assert (feature.name, feature.image_type, feature.unit) == (column, image_type, unit)
    assert feature.original_name == original
    assert is_feature(column)


@pytest.mark.parametrize("name", ["age", "scanner", "contrast", "my_glcm_contrast", "glcm_"])
def test_what_is_no_feature(name):
    assert not is_feature(name)


def test_unknown_names():
    with pytest.raises(UnknownNameError, match="not a feature name of PyRadiomics"):
        describe("diagnostics_Versions_Python")
    with pytest.raises(UnknownNameError, match="did you mean 'shape'"):
        features_of("shpae")
    assert snake_case("RunLengthNonUniformityNormalized") == "run_length_non_uniformity_normalized"
