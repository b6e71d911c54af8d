"""What is written as DICOM is read back the same, headers included."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("highdicom")

from causalimg.datasets import phantom_cohort, phantom_dicom
from causalimg.errors import FileReadError, InvalidInputError
from causalimg.imaging import ImageMask, read_image_mask, with_acquisition, write_dicom
from causalimg.radiomics import RadiomicsExtractor


def make_scan() -> ImageMask:
    rng = np.random.default_rng(0)
    mask = np.zeros((4, 9, 8), dtype=bool)
    mask[1:3, 2:6, 3:7] = True
    image = rng.integers(-900, 1500, mask.shape).astype(np.int16)
    turned = ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, -1.0))
    return ImageMask(image, mask, (2.5, 0.7, 0.8), (-10.0, 20.0, 5.0), turned, "P7")


def test_a_scan_comes_back_the_same(tmp_path: Path) -> None:
    scan = make_scan()
    series, seg = write_dicom(scan, tmp_path, header={"KVP": "100"})
    again = read_image_mask(series, seg, case_id="P7")
    np.testing.assert_array_equal(again.image, scan.image)
    np.testing.assert_array_equal(again.mask, scan.mask)
    assert again.spacing == pytest.approx(scan.spacing)
    assert again.origin == pytest.approx(scan.origin)
    np.testing.assert_allclose(again.direction, scan.direction)
    first = sorted(series.glob("*.dcm"))[0].read_bytes()
    write_dicom(scan, tmp_path, header={"KVP": "100"})
    assert sorted(series.glob("*.dcm"))[0].read_bytes() == first


def test_what_dicom_cannot_hold_is_refused(tmp_path: Path) -> None:
    scan = make_scan()
    with pytest.raises(InvalidInputError, match="round them first"):
        write_dicom(replace(scan, image=scan.image + 0.5), tmp_path)
    with pytest.raises(InvalidInputError, match="'ConvolutionKernl' is no keyword"):
        write_dicom(scan, tmp_path, header={"ConvolutionKernl": "B"})


def test_a_simulated_cohort_has_the_features_of_its_nifti(tmp_path: Path) -> None:
    cohort = phantom_cohort(tmp_path / "nifti", n_patients=3, size=16, random_state=2)
    written = phantom_dicom(cohort, folder=tmp_path / "dicom")
    assert not {"scanner", "protocol"} & set(written.frame)
    extractor = RadiomicsExtractor()
    first, second = extractor.extract(cohort), extractor.extract(written)
    assert second.failures.empty
    np.testing.assert_array_equal(first.frame[first.features], second.frame[first.features])
    known = with_acquisition(written).frame
    makers = cohort.frame["scanner"].map({"A": "SIEMENS", "B": "GE"})
    assert list(known["manufacturer"]) == list(makers)
    thick = cohort.frame["protocol"].map({"thin": 1.0, "thick": 2.0})
    np.testing.assert_allclose(known["slice_thickness_mm"], thick)
    np.testing.assert_allclose(known["patient_age_years"], cohort.frame["age"], atol=0.5)
    assert list(known["patient_sex"]) == list(cohort.frame["sex"])
    with pytest.raises(FileReadError, match="exist only for a cohort of phantom_cohort"):
        phantom_dicom(written, folder=tmp_path / "again")
