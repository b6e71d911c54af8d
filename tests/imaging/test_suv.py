"""Standardised uptake values of generated PET series, against a computation by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("pydicom")

from dicom_maker import ORIGIN, SHAPE, SPACING, make_series
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import PositronEmissionTomographyImageStorage

from causalimg.errors import InvalidInputError, UnknownNameError
from causalimg.imaging.read import read_image_mask, read_volume
from causalimg.imaging.write import write_volume
from causalimg.radiomics.extractor import RadiomicsExtractor
from causalimg.tables.cohort import Cohort

STORED = np.random.default_rng(1).integers(0, 9000, SHAPE).astype(np.int16)
SLOPE = 1.5
WEIGHT, DOSE, HALF_LIFE = 72.5, 370e6, 6586.2
DATE = "20190117"


def pet(folder: Path, *, drug: dict[str, Any] | None = None, **header: Any) -> Path:
    """Write a PET series: injected at 10:00:00, series at 11:02:30. None leaves a field out."""
    injected = {
        "RadionuclideTotalDose": str(DOSE), "RadionuclideHalfLife": str(HALF_LIFE),
        "RadiopharmaceuticalStartTime": "100000", **(drug or {}),
    }  # fmt: skip
    sequence = Dataset()
    for keyword, given in injected.items():
        if given is not None:
            setattr(sequence, keyword, given)
    fields = {
        "Units": "BQML", "DecayCorrection": "START", "PatientWeight": str(WEIGHT),
        "SeriesDate": DATE, "SeriesTime": "110230.000", "AcquisitionDate": DATE,
        "AcquisitionTime": "110230.50", "RadiopharmaceuticalInformationSequence": [sequence],
        **header,
    }  # fmt: skip
    for path in make_series(folder, STORED, slope=SLOPE):
        dataset = dcmread(path)
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = (
            PositronEmissionTomographyImageStorage
        )
        dataset.Modality = "PT"
        del dataset.PatientWeight
        for keyword, given in fields.items():
            if given is not None:
                setattr(dataset, keyword, given)
        dataset.save_as(path)
    return folder


def suv(folder: Path) -> np.ndarray:
    return read_volume(folder, where="case 'p1', column 'image'", suv="bw").array


def by_hand(seconds: float) -> np.ndarray:
    dose = DOSE * np.exp(-np.log(2) * seconds / HALF_LIFE)
    return STORED * SLOPE * WEIGHT * 1000 / dose


MINUTES = 62.5 * 60


@pytest.mark.parametrize(("header", "drug", "seconds"), [
    ({}, {}, MINUTES),
    ({"DecayCorrection": "ADMIN"}, {}, 0),
    ({"SeriesTime": "150000"}, {}, MINUTES + 0.5),
    ({"SeriesTime": None, "AcquisitionTime": "1103"}, {}, MINUTES + 30),
    ({}, {"RadiopharmaceuticalStartDateTime": DATE + "103000.000000"}, MINUTES - 1800),
    ({}, {"RadiopharmaceuticalStartDateTime": DATE + "103000+0100",
          "RadiopharmaceuticalStartTime": None}, MINUTES - 1800),
    ({"SeriesTime": "001000", "AcquisitionTime": "001000"},
     {"RadiopharmaceuticalStartTime": "233000"}, 40 * 60),
])  # fmt: skip
def test_as_computed_by_hand(tmp_path, header, drug, seconds):
    found = suv(pet(tmp_path, drug=drug, **header))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, by_hand(seconds), rtol=1e-6)


def test_the_first_acquisition_of_several_beds_counts(tmp_path):
    folder = pet(tmp_path, SeriesTime="150000")
    for k, path in enumerate(sorted(folder.iterdir())):
        dataset = dcmread(path)
        dataset.AcquisitionTime = f"11{10 + k:02d}00"
        dataset.save_as(path)
    np.testing.assert_allclose(suv(folder), by_hand(70 * 60), rtol=1e-6)


def test_uptake_values_stay_as_they_are_and_without_the_option_the_unit_is_the_files(tmp_path):
    folder = pet(tmp_path / "gml", Units="GML", PatientWeight=None)
    np.testing.assert_allclose(suv(folder), STORED * SLOPE, rtol=1e-6)
    plain = read_volume(pet(tmp_path / "bqml", PatientWeight=None)).array
    np.testing.assert_allclose(plain, STORED * SLOPE, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:Invalid value for VR TM")
@pytest.mark.parametrize(("header", "drug", "message"), [
    ({"PatientWeight": None}, {}, "no PatientWeight"),
    ({"PatientWeight": "0"}, {}, "PatientWeight is not above 0"),
    ({}, {"RadionuclideTotalDose": None}, "no RadionuclideTotalDose"),
    ({}, {"RadionuclideTotalDose": "370"}, "RadionuclideTotalDose .* probably written in MBq"),
    ({}, {"RadionuclideHalfLife": None}, "no RadionuclideHalfLife"),
    ({}, {"RadiopharmaceuticalStartTime": None}, "no RadiopharmaceuticalStartTime"),
    ({}, {"RadiopharmaceuticalStartTime": "noon"}, "RadiopharmaceuticalStartTime is not a DICOM"),
    ({"RadiopharmaceuticalInformationSequence": None}, {}, "no RadiopharmaceuticalInformationSeq"),
    ({"Units": None}, {}, "no Units"),
    ({"Units": "CNTS"}, {}, "Units is 'CNTS'; uptake values are computed from BQML"),
    ({"Units": "GML", "SUVType": "LBM"}, {}, "of SUVType 'LBM' and not by body weight"),
    ({"DecayCorrection": None}, {}, "no DecayCorrection"),
    ({"DecayCorrection": "NONE"}, {}, "DecayCorrection is 'NONE'; START or ADMIN"),
    ({"AcquisitionTime": None}, {}, "no AcquisitionTime"),
    ({"SeriesDate": None, "AcquisitionDate": None}, {}, "no SeriesDate"),
    ({}, {"RadiopharmaceuticalStartDateTime": DATE + "120000"}, "injection .* lies after the scan"),
    ({}, {"RadiopharmaceuticalStartDateTime": "20190101120000"}, "more than a day before"),
])  # fmt: skip
def test_what_is_missing_or_cannot_be_is_named(tmp_path, header, drug, message):
    folder = pet(tmp_path, drug=drug, **header)
    with pytest.raises(InvalidInputError, match=f"case 'p1', column 'image'.*{message}") as error:
        suv(folder)
    assert DATE not in str(error.value) and "1030" not in str(error.value)


def test_slices_that_differ_and_other_images_are_refused(tmp_path):
    folder = pet(tmp_path / "pet")
    one = sorted(folder.iterdir())[0]
    dataset = dcmread(one)
    dataset.PatientWeight = "80"
    dataset.save_as(one)
    with pytest.raises(InvalidInputError, match=r"slices of the PET series differ in .* weight"):
        suv(folder)
    make_series(tmp_path / "ct")
    with pytest.raises(InvalidInputError, match="is for PET, and this series is of modality CT"):
        suv(tmp_path / "ct")
    write_volume(tmp_path / "i.nii", STORED, SPACING)
    with pytest.raises(InvalidInputError, match=r"i\.nii is not DICOM"):
        suv(tmp_path / "i.nii")
    with pytest.raises(UnknownNameError, match="suv='lbm': not a known"):
        read_volume(folder, suv="lbm")


def test_features_of_a_cohort_and_no_date_in_the_table(tmp_path):
    pet(tmp_path / "pet")
    mask = np.zeros(SHAPE, dtype=bool)
    mask[1:5, 2:9, 2:8] = True
    write_volume(tmp_path / "m.nii", mask, SPACING, origin=ORIGIN)
    scan = read_image_mask(tmp_path / "pet", tmp_path / "m.nii", suv="bw")
    np.testing.assert_allclose(scan.image, by_hand(MINUTES), rtol=1e-6)
    pd.DataFrame([{"case_id": "p1", "image": "pet", "mask": "m.nii"}]).to_csv(
        tmp_path / "cohort.csv", index=False
    )
    cohort, store = Cohort.read(tmp_path / "cohort.csv"), tmp_path / "store"
    few = {"feature_classes": {"firstorder": ["Mean"]}, "bin_count": 16, "store": store}
    table = RadiomicsExtractor(suv="bw", **few).extract(cohort)
    mean = by_hand(MINUTES)[mask].mean()
    assert table.frame["firstorder_mean"].iloc[0] == pytest.approx(mean, rel=1e-6)
    plain = RadiomicsExtractor(**few).extract(cohort)
    assert plain.frame["firstorder_mean"].iloc[0] == pytest.approx((STORED * SLOPE)[mask].mean())
    table.save(tmp_path / "table.csv")
    outputs = [p for p in [*tmp_path.glob("table*"), *store.rglob("*")] if p.is_file()]
    assert len(outputs) >= 3
    for path in outputs:
        text = path.read_bytes()
        assert DATE.encode() not in text and b"110230" not in text
