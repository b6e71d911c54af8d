"""Filtered image types in the `ibsi` mode."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from causalimg.imaging.ibsi_grid import resample_centred
from causalimg.imaging.volume import ImageMask
from causalimg.imaging.write import write_volume
from causalimg.radiomics.extractor import RadiomicsExtractor
from causalimg.radiomics.ibsi import compute
from causalimg.radiomics.ibsi_filtered import FILTERED_FAMILIES
from causalimg.radiomics.ibsi_settings import IbsiSettings
from causalimg.radiomics.names import describe, is_feature
from causalimg.radiomics.native_engine import NativeEngine
from causalimg.radiomics.settings import ExtractionSettings
from causalimg.tables.cohort import Cohort

TYPES = {"original": {}, "wavelet": {}, "log": {"sigma": [1.0]}, "gradient": {}}
SPACED = IbsiSettings(spacing=(1.5, 1.5, 1.5), bin_count=16, round_intensities=True)


def scan_of(seed: int = 0, shape: tuple[int, int, int] = (20, 48, 44)) -> ImageMask:
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, dtype=bool)
    mask[8:12, 20:28, 18:26] = rng.random((4, 8, 8)) < 0.95
    return ImageMask(rng.normal(40, 60, size=shape).round(), mask, (3.0, 1.0, 1.0), case_id="p1")


def found_in(scan: ImageMask, own: IbsiSettings, types: object = None) -> dict[str, float]:
    settings = ExtractionSettings.of(image_types=types or TYPES, mode="ibsi", ibsi=own)
    return NativeEngine(settings).compute(scan)


@pytest.fixture(scope="module")
def both() -> dict[str, float]:
    return found_in(scan_of(), SPACED)


def test_the_plain_image_has_all_families_and_a_response_those_of_its_intensities(both):
    plain = compute(scan_of(), SPACED)
    assert {name: both[name] for name in plain} == plain
    one = [name for name in both if name.startswith("wavelet-LLH_")]
    families = {describe(name).family for name in one}
    assert families == set(FILTERED_FAMILIES)
    assert len(both) == len(plain) + 10 * len(one)


def test_names_are_described(both):
    feature = describe("log-sigma-1-0-mm-3D_glcm_contrast_3d_merged")
    assert feature.name == "log_sigma_1_0_mm_3d_glcm_contrast_3d_merged"
    assert (feature.family, feature.image_type) == ("glcm", "log_sigma_1_0_mm_3d")
    assert feature.ibsi == describe("glcm_contrast_3d_merged").ibsi
    assert all(is_feature(describe(name).name) for name in both)


def test_a_response_is_that_of_the_prepared_image(both):
    """The same filters on an image that was resampled and rounded before."""
    fine = resample_centred(scan_of(), SPACED.spacing, round_intensities=True)
    settings = ExtractionSettings.of(
        image_types=TYPES, bin_count=16, feature_classes={"firstorder": ["Mean", "Variance"]}
    )
    theirs = NativeEngine(settings).compute(fine)
    for kind in ("wavelet-LLH", "wavelet-LLL", "log-sigma-1-0-mm-3D", "gradient"):
        mean = theirs[f"{kind}_firstorder_Mean"]
        assert both[f"{kind}_statistics_mean"] == pytest.approx(mean, rel=1e-9, abs=1e-9)
        variance = theirs[f"{kind}_firstorder_Variance"]
        assert both[f"{kind}_statistics_variance"] == pytest.approx(variance, rel=1e-9)


@pytest.mark.parametrize("own", [SPACED, IbsiSettings(bin_count=16)])
def test_what_lies_far_away_does_not_count(own):
    near, far = scan_of(), scan_of()
    far.image[:, :2, :2] += 500
    types = {"gradient": {}, "wavelet": {"wavelet": "haar"}}
    assert found_in(near, own, types) == found_in(far, own, types)


def test_at_the_border_the_wavelets_wrap_around_the_whole_image():
    scan = scan_of()
    moved = replace(scan, image=np.roll(scan.image, -18, axis=2), mask=np.roll(scan.mask, -18, 2))
    own = IbsiSettings(bin_count=16)
    one, other = (found_in(s, own, ["wavelet"]) for s in (scan, moved))
    assert one == pytest.approx(other, rel=1e-9, abs=1e-9)


def test_range_and_outliers_are_taken_from_the_plain_image():
    own = IbsiSettings(bin_width=10.0, range=(0.0, 100.0))
    found = found_in(scan_of(), own, {"original": {}, "square": {"bin_count": 8}})
    scan = scan_of()
    inside = scan.image[scan.mask]
    kept = inside[(inside >= 0) & (inside <= 100)]
    largest = np.abs(scan.image).max()
    assert found["square_statistics_mean"] == pytest.approx((kept**2 / largest).mean())
    assert found["square_histogram_maximum"] == 8


def test_through_the_extractor_from_files(tmp_path):
    scan = scan_of()
    write_volume(tmp_path / "i.nii.gz", scan.image, scan.spacing)
    write_volume(tmp_path / "m.nii.gz", scan.mask, scan.spacing)
    pd.DataFrame([{"case_id": "p1", "image": "i.nii.gz", "mask": "m.nii.gz"}]).to_csv(
        tmp_path / "cohort.csv", index=False
    )
    own = IbsiSettings(bin_count=16)
    extractor = RadiomicsExtractor(image_types=TYPES, mode="ibsi", ibsi=own)
    table = extractor.extract(Cohort.read(tmp_path / "cohort.csv"))
    whole = found_in(scan, own)
    row = table.frame.iloc[0]
    for name, value in whole.items():
        assert row[describe(name).name] == pytest.approx(value, rel=1e-9, nan_ok=True)
    column = next(c for c in table.columns if c.name == "wavelet_llh_statistics_mean")
    assert column.image_type == "wavelet_llh"
