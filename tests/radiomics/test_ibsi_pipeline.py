"""The `ibsi` mode as a whole: settings, re-segmentation, grey levels, invariances, refusals."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from ibsi_phantom import digital_phantom

from causalimg.errors import InvalidInputError, UnknownNameError
from causalimg.imaging.volume import ImageMask, pad
from causalimg.radiomics.ibsi import compute, prepare
from causalimg.radiomics.ibsi_diagnostics import diagnostics
from causalimg.radiomics.ibsi_levels import grey_levels
from causalimg.radiomics.ibsi_names import IBSI_FEATURES
from causalimg.radiomics.ibsi_settings import AGGREGATIONS, IN_SLICES, IN_VOLUME, IbsiSettings
from causalimg.radiomics.names import describe, is_feature
from causalimg.radiomics.native_engine import NativeEngine
from causalimg.radiomics.settings import ExtractionSettings


def scan_of(seed=0, shape=(10, 24, 22), spacing=(3.0, 1.0, 1.0)):
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, dtype=bool)
    mask[3:7, 7:17, 6:16] = rng.random((4, 10, 10)) < 0.95
    return ImageMask(rng.normal(40, 60, size=shape).round(), mask, spacing, case_id="case 1")


def test_configurations_are_those_of_the_manual():
    a, b, c, d, e = (IbsiSettings.configuration(name) for name in "ABCDE")
    assert a.spacing is None and b.spacing == (0.0, 2.0, 2.0)
    assert c.spacing == d.spacing == e.spacing == (2.0, 2.0, 2.0)
    assert [s.interpolation for s in (b, c, d, e)] == ["linear", "linear", "linear", "cubic"]
    assert [s.range for s in (a, b, c, d, e)] == [
        (-500.0, 400.0), (-500.0, 400.0), (-1000.0, 400.0), None, (-1000.0, 400.0)
    ]  # fmt: skip
    assert [s.outlier_sigma for s in (a, b, c, d, e)] == [None, None, None, 3.0, 3.0]
    assert [s.bin_width for s in (a, b, c, d, e)] == [25.0, None, 25.0, None, None]
    assert [s.bin_count for s in (a, b, c, d, e)] == [None, 32, None, 32, 32]
    assert a.aggregations == b.aggregations == IN_SLICES and c.aggregations == IN_VOLUME
    assert set(IN_SLICES) | set(IN_VOLUME) == set(AGGREGATIONS)
    assert IbsiSettings.configuration("c") == c


def test_settings_are_json():
    settings = IbsiSettings(bin_width=5.0, range=(0.0, math.inf))
    text = json.dumps(settings.to_dict(), allow_nan=False)
    assert json.loads(text)["range"] == [0.0, None]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "bin_width=None and bin_count=None: give one of the two"),
        ({"bin_width": 1.0, "bin_count": 8}, "give one of the two"),
        ({"bin_width": -1.0}, "bin_width=-1.0: a width above 0"),
        ({"bin_count": 1}, "bin_count=1: a whole number, at least 2"),
        ({"bin_width": 1.0, "spacing": (1.0, 1.0)}, r"spacing=\(1.0, 1.0\): \(z, y, x\)"),
        ({"bin_width": 1.0, "range": (4.0, 4.0)}, r"range=\(4.0, 4.0\): \(lowest, highest\)"),
        ({"bin_width": 1.0, "outlier_sigma": 0}, "outlier_sigma=0: a number above 0"),
        ({"bin_width": 1.0, "mask_threshold": 1.5}, "mask_threshold=1.5: above 0, at most 1"),
        ({"bin_width": 1.0, "ivh_bins": 0.5}, "ivh_bins=0.5: a width above 0"),
    ],
)
def test_settings_that_cannot_be(options, message):
    with pytest.raises(InvalidInputError, match=message):
        IbsiSettings(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interpolation": "cubik"}, "interpolation: 'cubik' is not one of linear, cubic; did you"),
        ({"ivh": "continuous"}, "ivh: 'continuous' is not one of discrete, fixed_bin_size"),
        ({"aggregations": ("3d_merge",)}, "did you mean '3d_merged'"),
    ],
)
def test_names_that_there_are_not(options, message):
    with pytest.raises(UnknownNameError, match=message):
        IbsiSettings(bin_width=1.0, **options)
    with pytest.raises(UnknownNameError, match="no configuration is called 'F'"):
        IbsiSettings.configuration("F")


def test_range_and_outliers_are_both_taken_of_the_whole_region():
    image = np.concatenate([np.zeros(50), np.full(50, 10.0), [100.0, -70.0]]).reshape(1, 1, -1)
    scan = ImageMask(image, np.ones(image.shape, dtype=bool), (1.0, 1.0, 1.0))
    spread = image.std()
    assert abs(-70 - image.mean()) / spread > 4 > abs(10 - image.mean()) / spread
    both = prepare(scan, IbsiSettings(bin_width=1.0, range=(5.0, 200.0), outlier_sigma=3.0))
    np.testing.assert_array_equal(np.unique(both.values), [10.0])
    only = prepare(scan, IbsiSettings(bin_width=1.0, outlier_sigma=3.0))
    np.testing.assert_array_equal(np.unique(only.values), [0.0, 10.0])
    # the limits themselves stay
    kept = prepare(scan, IbsiSettings(bin_width=1.0, range=(-70.0, 10.0)))
    assert kept.values.min() == -70 and kept.values.max() == 10


def test_resegmentation_leaves_the_shape_alone():
    scan = scan_of()
    wide = compute(scan, IbsiSettings(bin_width=10.0))
    narrow = compute(scan, IbsiSettings(bin_width=10.0, range=(0.0, 80.0)))
    of_intensity = {"centre_of_mass_shift", "integrated_intensity", "moran_i", "geary_c"}
    for name, feature in IBSI_FEATURES.items():
        if feature.family == "morphology":
            same = wide[name] == narrow[name]
            assert same != (feature.feature in of_intensity), name
    assert narrow["statistics_minimum"] == 0 and narrow["statistics_maximum"] == 80


def test_bins_of_a_width_start_at_the_range_and_bins_of_a_number_at_the_minimum():
    values = np.array([-9.0, -1.0, 0.0, 24.9, 25.0, 49.0])
    levels, n_levels = grey_levels(values, IbsiSettings(bin_width=25.0, range=(-50.0, 50.0)))
    assert levels.tolist() == [2, 2, 3, 3, 4, 4] and n_levels == 4
    levels, n_levels = grey_levels(values, IbsiSettings(bin_width=25.0, range=(-math.inf, 50.0)))
    assert levels.tolist() == [1, 1, 1, 2, 2, 3] and n_levels == 3
    levels, n_levels = grey_levels(values, IbsiSettings(bin_count=58))
    assert levels.tolist() == [1, 9, 10, 34, 35, 58] and n_levels == 58
    assert grey_levels(np.full(3, 7.0), IbsiSettings(bin_count=8))[1] == 1


def test_voxels_beyond_reach_and_a_wider_image_change_nothing():
    scan = scan_of()
    settings = IbsiSettings(bin_width=10.0, aggregations=AGGREGATIONS)
    found = compute(scan, settings)
    assert compute(pad(scan, 3), settings) == pytest.approx(found, rel=1e-12, nan_ok=True)
    noisy = scan.image.copy()
    noisy[0, 0, 0] = 1e6
    changed = compute(replace(scan, image=noisy), settings)
    assert changed == found
    near = scan.image.copy()
    near[~scan.mask] = -1e4
    changed = compute(replace(scan, image=near), settings)
    differ = {name for name in found if changed[name] != found[name]}
    assert differ == {"local_intensity_local_peak", "local_intensity_global_peak"}


def test_shifted_and_scaled_intensities_have_the_same_texture_in_a_number_of_bins():
    scan = scan_of()
    settings = IbsiSettings(bin_count=16)
    found = compute(scan, settings)
    other = compute(replace(scan, image=4.0 * scan.image - 1000), settings)
    for name, feature in IBSI_FEATURES.items():
        if name in found and feature.family in ("glcm", "gldzm", "ngtdm", "histogram", "ivh"):
            assert other[name] == pytest.approx(found[name], rel=1e-9), name
    assert other["statistics_mean"] == pytest.approx(4 * found["statistics_mean"] - 1000)
    assert other["morphology_moran_i"] == pytest.approx(found["morphology_moran_i"], rel=1e-9)


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.float32, ">i2", ">f4"])
def test_the_type_of_the_file_does_not_matter(dtype):
    scan = scan_of()
    image = np.abs(scan.image)
    settings = IbsiSettings(bin_width=10.0, spacing=(2.0, 2.0, 2.0), round_intensities=True)
    found = compute(replace(scan, image=image), settings)
    assert compute(replace(scan, image=image.astype(dtype)), settings) == found


@pytest.mark.parametrize("kind", ["one voxel", "one slice", "whole image", "two corners"])
def test_unusual_regions(kind):
    scan = scan_of()
    mask = np.zeros(scan.mask.shape, dtype=bool)
    if kind == "one voxel":
        mask[4, 5, 6] = True
    elif kind == "one slice":
        mask[4, 5:12, 6:15] = True
    elif kind == "whole image":
        mask[:] = True
    else:
        mask[0, 0, 0] = mask[-1, -1, -1] = True
    found = compute(replace(scan, mask=mask), IbsiSettings(bin_width=10.0))
    undefined = {name for name, value in found.items() if not np.isfinite(value)}
    assert found["morphology_volume_voxel_counting"] == 3.0 * mask.sum()
    flat = {"morphology_volume_density_aee", "morphology_area_density_aee"}
    if kind == "one slice":
        assert undefined == flat
    elif kind == "whole image":
        assert not undefined
    else:
        assert flat <= undefined
        assert found["statistics_mean"] == scan.image[mask].mean()


def test_refusals_name_the_case():
    scan = scan_of()
    with pytest.raises(InvalidInputError, match=r"'case 1', .*none of the \d+ voxels.*\[1000, 20"):
        compute(scan, IbsiSettings(bin_width=1.0, range=(1000.0, 2000.0)))
    with pytest.raises(InvalidInputError, match=r"'case 1', .*grey levels with bin_width=1e-06"):
        compute(scan, IbsiSettings(bin_width=1e-6))


def test_diagnostics_follow_the_steps():
    scan = scan_of()
    settings = IbsiSettings(bin_width=10.0, spacing=(1.0, 1.0, 1.0), range=(0.0, 80.0))
    found = diagnostics(scan, settings)
    assert len(found) == 60
    assert found["img_dim_z_init_img"] == 10 and found["img_dim_z_interp_img"] == 30
    assert found["vox_dim_z_init_img"] == 3 and found["vox_dim_z_interp_img"] == 1
    assert found["int_mask_vox_count_init_roi"] == scan.n_voxels
    before, after = (found[f"int_mask_vox_count_{s}_roi"] for s in ("interp", "reseg"))
    assert after < before == found["morph_mask_vox_count_reseg_roi"]
    assert found["int_mask_min_int_reseg_roi"] >= 0
    features = compute(scan, settings)
    assert features["statistics_mean"] == pytest.approx(found["int_mask_mean_int_reseg_roi"])


def test_another_preparation_misses_the_consensus():
    settings = IbsiSettings.digital_phantom()
    found = compute(digital_phantom(), settings)
    other = compute(digital_phantom(), replace(settings, bin_width=2.0))
    share = np.mean([abs(found[n] - other[n]) > 0.005 * abs(found[n]) for n in found])
    assert share > 0.8


def test_the_native_engine_gives_the_same_and_every_column_is_described():
    scan = scan_of()
    settings = IbsiSettings(bin_width=10.0, aggregations=AGGREGATIONS)
    engine = NativeEngine(ExtractionSettings.of(mode="ibsi", ibsi=settings))
    found = engine.compute(scan)
    assert found == pytest.approx(compute(scan, settings), rel=0, abs=0, nan_ok=True)
    for name, feature in IBSI_FEATURES.items():
        known = describe(name)
        assert (known.name, known.family, known.ibsi) == (name, feature.family, feature.ibsi)
        assert known.original_name == feature.tag and is_feature(name)
