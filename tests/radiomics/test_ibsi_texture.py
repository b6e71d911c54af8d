"""Aggregation: what must be equal, against PyRadiomics, and matrices merged by hand."""

import numpy as np
import pytest

from causalimg.imaging.volume import ImageMask
from causalimg.radiomics.emphasis import emphases
from causalimg.radiomics.glcm import features as glcm_features
from causalimg.radiomics.ibsi_names import IBSI_FEATURES
from causalimg.radiomics.ibsi_settings import AGGREGATIONS, IN_VOLUME
from causalimg.radiomics.ibsi_texture import TEXTURE, texture_features
from causalimg.radiomics.matrices import glcm, glrlm
from causalimg.radiomics.region import directions


def region(shape=(5, 9, 8), seed=0, n_levels=6):
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < 0.85
    mask[0] = False
    return rng.integers(1, n_levels + 1, size=shape) * mask


def textures(levels, aggregations=AGGREGATIONS, n_levels=6):
    return texture_features(levels, levels > 0, n_levels=n_levels, aggregations=aggregations)


def test_every_texture_column_is_there():
    wanted = {name for name, f in IBSI_FEATURES.items() if f.family in TEXTURE}
    assert set(textures(region())) == wanted


def test_merging_by_hand():
    levels = region()
    found = textures(levels)
    slices = [levels[k : k + 1] for k in range(1, len(levels))]
    pairs = np.array([glcm(part, 6, directions=directions(2)) for part in slices])
    contrast = {
        "2d_averaged": glcm_features(pairs)["Contrast"].mean(),
        "2d_slice_merged": glcm_features(pairs.sum(axis=1))["Contrast"].mean(),
        "2_5d_direction_merged": glcm_features(pairs.sum(axis=0))["Contrast"].mean(),
        "2_5d_merged": glcm_features(pairs.sum(axis=(0, 1)))["Contrast"],
    }
    volume = glcm(levels, 6, directions=directions())
    contrast["3d_averaged"] = glcm_features(volume)["Contrast"].mean()
    contrast["3d_merged"] = glcm_features(volume.sum(axis=0))["Contrast"]
    for aggregation, value in contrast.items():
        assert found[f"glcm_contrast_{aggregation}"] == pytest.approx(float(value))
    assert len({round(float(value), 9) for value in contrast.values()}) == 6
    runs = glrlm(levels, 6, directions=directions())
    share = emphases(runs.sum(axis=0), np.arange(1, runs.shape[-1] + 1))["total"]
    voxels = (levels > 0).sum()
    assert found["glrlm_run_percentage_3d_merged"] == pytest.approx(float(share) / (13 * voxels))


def test_one_slice_leaves_no_difference_between_2d_and_2_5d():
    found = textures(region(shape=(2, 9, 8)))
    for name, value in found.items():
        other = name.replace("2_5d_direction_merged", "2d_averaged").replace(
            "2_5d_merged", "2d_slice_merged"
        )
        other = other.replace("_2_5d", "_2d")
        assert found[other] == pytest.approx(value, rel=1e-12), name


def test_empty_slices_and_empty_space_change_nothing():
    levels = region()
    wide = np.zeros((9, 15, 13), dtype=levels.dtype)
    wide[[1, 3, 4, 5, 6], 3:12, 2:10] = levels
    found, other = textures(levels), textures(wide)
    in_slices = [name for name in found if not IBSI_FEATURES[name].aggregation.startswith("3d")]
    for name in in_slices:
        assert other[name] == pytest.approx(found[name], rel=1e-12), name
    apart = np.zeros((8, 15, 13), dtype=levels.dtype)
    apart[1:6, 3:12, 2:10] = levels
    for name, value in textures(apart).items():
        assert found[name] == pytest.approx(value, rel=1e-12), name


def test_volume_texture_does_not_depend_on_the_order_of_the_axes():
    levels = region()
    found = textures(levels, IN_VOLUME)
    turned = textures(np.ascontiguousarray(levels.transpose(2, 0, 1)[:, ::-1]), IN_VOLUME)
    for name, value in found.items():
        assert turned[name] == pytest.approx(value, rel=1e-10), name


def test_levels_that_do_not_occur_only_matter_where_the_number_of_levels_does():
    levels = region()
    found, other = textures(levels), textures(levels, n_levels=9)
    changed = {IBSI_FEATURES[n].feature for n in found if abs(found[n] - other[n]) > 1e-9}
    assert changed == {"inverse_difference_normalised", "inverse_difference_moment_normalised"}


def test_a_single_voxel_has_zones_but_no_pairs():
    levels = np.zeros((3, 3, 3), dtype=int)
    levels[1, 1, 1] = 2
    found = textures(levels, n_levels=2)
    assert np.isnan(found["glcm_contrast_3d_merged"])
    assert found["glszm_zone_percentage_3d"] == found["gldzm_zone_percentage_2d"] == 1
    assert found["ngldm_low_dependence_emphasis_3d"] == 1


# PyRadiomics' name -> ours; without those that it defines in another way
_THEIRS = {
    "glcm_JointEntropy": "glcm_joint_entropy_3d_averaged",
    "glcm_ClusterShade": "glcm_cluster_shade_3d_averaged",
    "glcm_Correlation": "glcm_correlation_3d_averaged",
    "glcm_Imc1": "glcm_information_correlation_1_3d_averaged",
    "glcm_Imc2": "glcm_information_correlation_2_3d_averaged",
    "glcm_Idmn": "glcm_inverse_difference_moment_normalised_3d_averaged",
    "glcm_InverseVariance": "glcm_inverse_variance_3d_averaged",
    "glcm_DifferenceVariance": "glcm_difference_variance_3d_averaged",
    "glrlm_RunPercentage": "glrlm_run_percentage_3d_averaged",
    "glrlm_RunEntropy": "glrlm_run_entropy_3d_averaged",
    "glrlm_LongRunHighGrayLevelEmphasis": "glrlm_long_run_high_grey_level_emphasis_3d_averaged",
    "glszm_ZoneVariance": "glszm_zone_size_variance_3d",
    "glszm_SmallAreaLowGrayLevelEmphasis": "glszm_small_zone_low_grey_level_emphasis_3d",
    "gldm_DependenceEntropy": "ngldm_dependence_count_entropy_3d",
    "gldm_LargeDependenceHighGrayLevelEmphasis": (
        "ngldm_high_dependence_high_grey_level_emphasis_3d"
    ),
    "ngtdm_Busyness": "ngtdm_busyness_3d",
    "ngtdm_Complexity": "ngtdm_complexity_3d",
    "ngtdm_Strength": "ngtdm_strength_3d",
}


def test_agreement_with_pyradiomics_on_grey_levels():
    pytest.importorskip("radiomics")
    from causalimg.radiomics.pyradiomics_engine import PyRadiomicsEngine
    from causalimg.radiomics.settings import ExtractionSettings

    levels = region(shape=(7, 12, 11))
    scan = ImageMask(levels.astype(np.float64), levels > 0, (1.0, 1.0, 1.0))
    engine = PyRadiomicsEngine(
        ExtractionSettings.of(
            feature_classes=["glcm", "glrlm", "glszm", "gldm", "ngtdm"], bin_width=1.0
        )
    )
    theirs, ours = engine.compute(scan), textures(levels, IN_VOLUME)
    for name, column in _THEIRS.items():
        assert ours[column] == pytest.approx(theirs[f"original_{name}"], rel=1e-8), name
