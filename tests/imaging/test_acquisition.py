import json
import warnings

import numpy as np
import pandas as pd
import pytest

pydicom = pytest.importorskip("pydicom")

from dicom_maker import (  # noqa: E402
    ORIGIN,
    SPACING,
    make_enhanced,
    make_rtstruct,
    make_seg,
    make_series,
    noise,
    ring,
)  # fmt: skip
from pydicom.dataset import Dataset  # noqa: E402
from pydicom.sequence import Sequence  # noqa: E402
from pydicom.uid import generate_uid  # noqa: E402

from causalimg.errors import (  # noqa: E402
    CausalImgError,
    CausalImgWarning,
    FileReadError,
    ImageReadError,
    InvalidInputError,
    UnknownNameError,
)
from causalimg.imaging.acquisition import (  # noqa: E402
    COLUMNS,
    Acquisition,
    acquisition_table,
    read_acquisition,
    with_acquisition,
)
from causalimg.imaging.manufacturer import maker  # noqa: E402
from causalimg.imaging.read import read_image_mask  # noqa: E402
from causalimg.imaging.write import write_volume  # noqa: E402
from causalimg.tables.cohort import Cohort  # noqa: E402


def facts(scan: Acquisition) -> dict[str, object]:
    return {name: value for name, value in scan.to_dict().items() if value is not None}


def test_a_ct_series(tmp_path):
    make_series(tmp_path)
    assert facts(read_acquisition(tmp_path)) == {
        "modality": "CT",
        "manufacturer": "SIEMENS",
        "manufacturer_original": "SIEMENS Healthineers",
        "manufacturer_model_name": "SOMATOM Force",
        "software_versions": "VA50A SP2",
        "kvp": 120.0,
        "x_ray_tube_current_ma": 200.0,
        "exposure_mas": 150.0,
        "convolution_kernel": "Br40d 3",
        "slice_thickness_mm": 3.0,
        "pixel_spacing_mm": 0.8,
        "pixel_spacing_column_mm": 0.8,
        "spacing_between_slices_mm": 3.0,
        "reconstruction_diameter_mm": 380.0,
        "contrast_agent": "no",
        "patient_sex": "F",
        "patient_age_years": 61.0,
    }
    assert read_acquisition(tmp_path, weight=True).patient_weight_kg == 71.5


def test_an_mr_series_and_an_old_patient(tmp_path):
    make_series(tmp_path, modality="MR", header={"MagneticFieldStrength": "15000"})
    found = facts(read_acquisition(tmp_path))
    assert found["manufacturer"] == "GE"
    assert found["magnetic_field_strength_t"] == 1.5
    assert (found["repetition_time_ms"], found["echo_time_ms"], found["flip_angle_deg"]) == (
        550.0, 12.5, 90.0,
    )  # fmt: skip
    assert found["patient_age_years"] == 90.0
    assert "kvp" not in found


def test_an_enhanced_object(tmp_path):
    make_enhanced(tmp_path / "enhanced.dcm", noise())
    found = facts(read_acquisition(tmp_path / "enhanced.dcm"))
    assert (found["repetition_time_ms"], found["echo_time_ms"], found["flip_angle_deg"]) == (
        700.0, 15.0, 80.0,
    )  # fmt: skip
    assert (found["slice_thickness_mm"], found["pixel_spacing_mm"]) == (3.0, 0.8)


@pytest.mark.parametrize(
    ("age", "years"),
    [("045Y", 45.0), ("089Y", 89.0), ("090Y", 90.0), ("101Y", 90.0), ("018M", 1.5), ("", None),
     ("004W", 0.0767), ("007D", 0.0192)],
)  # fmt: skip
def test_ages(tmp_path, age, years):
    make_series(tmp_path, noise((1, 4, 4)), header={"PatientAge": age})
    assert read_acquisition(tmp_path).patient_age_years == years


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ({}, "no"),
        ({"ContrastBolusAgent": "Ultravist 370 given by Dr Smith"}, "yes"),
        ({"ContrastBolusAgent": "NONE"}, "no"),
        ({"ContrastBolusAgent": ""}, None),
        ({"ContrastBolusAgent": "", "ContrastBolusVolume": "80"}, "yes"),
        ({"KVP": ""}, None),
    ],
)
def test_contrast_agent(tmp_path, header, told):
    make_series(tmp_path, noise((1, 4, 4)), header=header)
    assert read_acquisition(tmp_path).contrast_agent == told


def coded(value: str, scheme: str, meaning: str) -> Sequence:
    entry = Dataset()
    entry.CodeValue, entry.CodingSchemeDesignator, entry.CodeMeaning = value, scheme, meaning
    return Sequence([entry])


@pytest.mark.parametrize(
    ("code", "text", "told"),
    [
        (("35321007", "SCT"), "", "Fluorodeoxyglucose F^18^"),
        (("C-B1031", "SRT"), "", "Fluorodeoxyglucose F^18^"),
        (None, "FDG -- fluorodeoxyglucose for Mr Jones", "Fluorodeoxyglucose F^18^"),
        (None, "something for Mr Jones", "other"),
        (("X1", "99JONES"), "Jones special", "other"),
    ],
)
def test_a_tracer_is_told_in_the_words_of_the_standard(tmp_path, code, text, told):
    tracer = Dataset()
    if code:
        tracer.RadiopharmaceuticalCodeSequence = coded(*code, "words of Mr Jones")
    tracer.Radiopharmaceutical = text
    header = {
        "Modality": "PT",
        "RadiopharmaceuticalInformationSequence": Sequence([tracer]),
        "ReconstructionMethod": "OSEM 3i24s",
    }
    make_series(tmp_path, header=header)
    scan = read_acquisition(tmp_path)
    assert (scan.modality, scan.radiopharmaceutical) == ("PT", told)
    assert scan.reconstruction_method == "OSEM 3i24s"


def test_what_differs_between_slices(tmp_path):
    for k, path in enumerate(make_series(tmp_path)):
        dataset = pydicom.dcmread(path)
        dataset.XRayTubeCurrent, dataset.KVP = str(100 + 10 * k), "120" if k else "100"
        dataset.save_as(path)
    scan = read_acquisition(tmp_path)
    assert scan.x_ray_tube_current_ma == 125.0
    assert scan.kvp is None
    assert scan.varying == ("kvp", "x_ray_tube_current_ma")


def test_blank_zero_and_senseless_values_count_as_not_stated(tmp_path):
    make_series(tmp_path, header={"KVP": "0", "Exposure": "", "ConvolutionKernel": ["", ""]})
    scan = read_acquisition(tmp_path)
    assert (scan.kvp, scan.exposure_mas, scan.convolution_kernel) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("SIEMENS", "SIEMENS"),
        ("Siemens Healthineers", "SIEMENS"),
        ("SIEMENS / MIM Software", "SIEMENS"),
        ("GE MEDICAL SYSTEMS", "GE"),
        ("GE Healthcare", "GE"),
        ("Philips Medical Systems", "PHILIPS"),
        ("Philips Medical Systems / MIM Software", "PHILIPS"),
        ("TOSHIBA_MEC", "CANON/TOSHIBA"),
        ("CANON_MEC", "CANON/TOSHIBA"),
        ("UIH", "UNITED IMAGING"),
        ("Hologic, Inc.", "HOLOGIC"),
        ("FUJIFILM Corporation", "HITACHI/FUJIFILM"),
        ("Largescan Imaging Co., Ltd.", "LARGESCAN"),
        ("Inc.", "INC."),
    ],
)
def test_makers(text, name):
    assert maker(text) == name


# --- privacy ----------------------------------------------------------------------------------

PLANTED = {
    "PatientName": "Zebedee^Quartz", "PatientID": "MRN7734501", "PatientBirthDate": "19470312",
    "StudyDate": "20180923", "SeriesDate": "20180924", "AcquisitionDate": "20180925",
    "AcquisitionTime": "114532", "InstitutionName": "Saint Elsewhere Clinic",
    "InstitutionAddress": "Nowhere Lane 9", "StationName": "CTSTATION9",
    "ReferringPhysicianName": "Mopsus^Doc", "OperatorsName": "Plimsoll^Op",
    "StudyDescription": "free words one", "SeriesDescription": "free words two",
    "ProtocolName": "free words three", "ImageComments": "free words four",
    "PatientComments": "free words five", "AccessionNumber": "ACC99812",
    "DeviceSerialNumber": "SER445566", "ContrastBolusAgent": "dye of free words six",
    "AdditionalPatientHistory": "free words seven", "PatientTelephoneNumbers": "5550199",
    "EthnicGroup": "planted group", "DerivationDescription": "free words eight",
}  # fmt: skip
SECRETS = (
    "zebedee", "quartz", "mrn7734501", "19470312", "20180923", "20180924", "20180925", "114532",
    "elsewhere", "nowhere", "ctstation9", "mopsus", "plimsoll", "free words", "acc99812",
    "ser445566", "5550199", "planted group", "private words", generate_uid(entropy_srcs=["series"]),
)  # fmt: skip


def planted_series(folder, **header):
    paths = make_series(folder, header={**PLANTED, **header})
    for path in paths:
        dataset = pydicom.dcmread(path)
        block = dataset.private_block(0x0099, "OURS", create=True)
        block.add_new(1, "LO", "private words of Zebedee")
        dataset.save_as(path)
    return paths


def everything_said(scan: Acquisition, folder) -> str:
    frame = scan.to_frame()
    parts = [repr(scan), json.dumps(scan.to_dict()), frame.to_csv(), str(scan.varying)]
    return "\n".join(parts).lower()


def leaks(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text.lower()]


def test_nothing_that_was_planted_comes_out(tmp_path):
    planted_series(tmp_path / "p1")
    scan = read_acquisition(tmp_path / "p1", weight=True, uid_hash=True)
    assert scan.contrast_agent == "yes"
    assert len(scan.series_hash) == 16
    assert leaks(everything_said(scan, tmp_path)) == []
    planted_series(tmp_path / "broken")[0].write_bytes(b"Zebedee" * 40)
    write_volume(tmp_path / "mask.nii", np.ones((6, 12, 10), np.uint8), SPACING, origin=ORIGIN)
    cohort = Cohort(
        pd.DataFrame(
            {"case_id": ["a", "b", "c"], "image": ["p1", "broken", "none"], "mask": "mask.nii"}
        ),
        folder=tmp_path,
    )
    table = acquisition_table(cohort, weight=True, uid_hash=True)
    assert leaks(table.to_csv()) == []
    assert list(table["problem"] == "") == [True, False, False]
    with pytest.warns(CausalImgWarning, match="2 of 3 cases could not be read"):
        known = with_acquisition(cohort)
    known.save(tmp_path / "known.csv")
    for path in tmp_path.glob("known*"):
        assert leaks(path.read_text()) == []
    assert "SIEMENS" in (tmp_path / "known.csv").read_text()


def test_a_device_text_that_repeats_an_identifier_is_left_out(tmp_path):
    planted_series(
        tmp_path,
        SoftwareVersions="VA1 Zebedee",
        ManufacturerModelName="Scanner of Dr Mopsus",
        ConvolutionKernel="Br40",
        Manufacturer="SIEMENS Saint Elsewhere Clinic",
        PatientSex="ZEBEDEE",
        PatientAge="061Y",
    )
    scan = read_acquisition(tmp_path)
    assert leaks(everything_said(scan, tmp_path)) == []
    assert scan.convolution_kernel == "Br40"
    assert (scan.software_versions, scan.patient_sex, scan.manufacturer_original) == (None,) * 3
    assert scan.manufacturer == "SIEMENS"


def test_a_hospital_or_station_named_like_a_device_costs_nothing(tmp_path):
    header = {"InstitutionName": "Medical Systems Clinic", "StationName": "SOMATOM Force"}
    make_series(tmp_path, header={**header, "Manufacturer": "GE MEDICAL SYSTEMS"})
    scan = read_acquisition(tmp_path)
    assert scan.manufacturer_original == "GE MEDICAL SYSTEMS"
    assert scan.manufacturer_model_name == "SOMATOM Force"


def test_no_error_of_a_reader_tells_what_was_planted(tmp_path):
    paths = planted_series(tmp_path / "ct")
    pytest.importorskip("highdicom")
    make_seg(tmp_path / "seg.dcm", paths, {"GTV": noise() > 0})
    make_rtstruct(tmp_path / "rs.dcm", {"GTV": [ring(0, 0, 0, radius=5)]})
    assert leaks(repr(read_image_mask(tmp_path / "ct", tmp_path / "seg.dcm"))) == []
    paths[3].unlink()
    generator = np.random.default_rng(0)
    for path in (paths[0], tmp_path / "seg.dcm", tmp_path / "rs.dcm"):
        whole = path.read_bytes()
        for _ in range(25):
            data = bytearray(whole)
            data[int(generator.integers(132, len(data)))] ^= 255
            path.write_bytes(bytes(data[: int(generator.integers(200, len(data)))]))
            for mask in ("seg.dcm", "rs.dcm"):
                with pytest.raises(CausalImgError) as caught:
                    read_image_mask(tmp_path / "ct", tmp_path / mask)
                uid = SECRETS[-1]  # series are listed by UID
                assert [s for s in leaks(str(caught.value)) if s != uid] == []
        path.write_bytes(whole)


def test_the_search_finds_what_is_there():
    assert leaks("for zebedee quartz") == ["zebedee", "quartz"]


# --- sidecars ---------------------------------------------------------------------------------

SIDECAR = {
    "Modality": "MR", "Manufacturer": "Siemens", "ManufacturersModelName": "Prisma",
    "SoftwareVersions": "syngo MR E11", "MagneticFieldStrength": 3, "RepetitionTime": 2.3,
    "EchoTime": 0.00298, "FlipAngle": 9, "SliceThickness": 1, "PatientSex": "F",
    "PatientAge": 34, "PatientWeight": 60,
    "PatientName": "Zebedee^Quartz", "PatientID": "MRN7734501", "InstitutionName": "Elsewhere",
    "StationName": "CTSTATION9", "SeriesDescription": "free words two",
    "AcquisitionTime": "11:45:32.000", "DeviceSerialNumber": "SER445566",
}  # fmt: skip


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd"])
def test_a_bids_sidecar(tmp_path, suffix):
    write_volume(tmp_path / f"sub-1_T1w{suffix}", noise(), SPACING)
    (tmp_path / "sub-1_T1w.json").write_text(json.dumps(SIDECAR))
    scan = read_acquisition(tmp_path / f"sub-1_T1w{suffix}")
    assert facts(scan) == {
        "modality": "MR",
        "manufacturer": "SIEMENS",
        "manufacturer_original": "Siemens",
        "manufacturer_model_name": "Prisma",
        "software_versions": "syngo MR E11",
        "slice_thickness_mm": 1.0,
        "pixel_spacing_mm": 0.8,
        "pixel_spacing_column_mm": 0.8,
        "spacing_between_slices_mm": 3.0,
        "magnetic_field_strength_t": 3.0,
        "repetition_time_ms": 2300.0,
        "echo_time_ms": 2.98,
        "flip_angle_deg": 9.0,
        "patient_sex": "F",
        "patient_age_years": 34.0,
    }
    assert leaks(everything_said(scan, tmp_path)) == []


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", "null", "[" * 100_000])
def test_a_sidecar_that_is_damaged(tmp_path, text):
    write_volume(tmp_path / "a.nii.gz", noise(), SPACING)
    with pytest.raises(ImageReadError, match=r"there is no BIDS sidecar a.json beside it"):
        read_acquisition(tmp_path / "a.nii.gz")
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(FileReadError, match=r"a.json (cannot be read as|is not a) JSON"):
        read_acquisition(tmp_path / "a.nii.gz")


@pytest.mark.parametrize("value", [None, "", "x", [], [1, 2], {"a": 1}, True, -1, 1e999, "NaN"])
def test_a_sidecar_with_values_of_any_kind(tmp_path, value):
    write_volume(tmp_path / "a.nii.gz", noise(), SPACING)
    (tmp_path / "a.json").write_text(json.dumps(dict.fromkeys(SIDECAR, value)))
    scan = read_acquisition(tmp_path / "a.nii.gz")
    assert (scan.repetition_time_ms, scan.patient_age_years) == (None, None)


# --- cohorts ----------------------------------------------------------------------------------


@pytest.fixture
def cohort(tmp_path) -> Cohort:
    for k, (modality, kvp) in enumerate((("CT", "100"), ("CT", "120"), ("CT", "120"))):
        make_series(tmp_path / f"p{k}", modality=modality, header={"KVP": kvp})
    frame = pd.DataFrame({"case_id": ["a", "b", "c"], "image": ["p0", "p1", "p2"], "mask": "m.nii"})
    frame["site"] = list("xyx")
    return Cohort(frame, {"site": "context"}, tmp_path)


def test_the_table_does_not_depend_on_the_workers(cohort):
    one, two = acquisition_table(cohort), acquisition_table(cohort, n_jobs=2)
    pd.testing.assert_frame_equal(one, two)
    assert list(one.columns) == ["case_id", *COLUMNS, "problem"]
    assert list(one["kvp"]) == [100.0, 120.0, 120.0]
    assert one["repetition_time_ms"].dtype == np.float64


def test_columns_and_roles_are_added(cohort):
    known = with_acquisition(cohort, ["Manufacturer", "KVP", "slice_thickness_mm", "PatientAge"])
    assert list(known.frame.columns[-4:]) == [
        "manufacturer", "kvp", "slice_thickness_mm", "patient_age_years",
    ]  # fmt: skip
    assert known.names("context") == ["site", "manufacturer", "kvp", "slice_thickness_mm"]
    assert known.names("covariate") == ["patient_age_years"]
    everything = with_acquisition(cohort)
    assert "pixel_spacing_mm" in everything.frame
    for name in ("pixel_spacing_column_mm", "manufacturer_original", "echo_time_ms", "problem"):
        assert name not in everything.frame


def test_rounding_in_headers_makes_no_levels(tmp_path):
    for name, written in (("p0", "3.26996"), ("p1", "3.27")):
        make_series(tmp_path / name, modality="MR", header={"SliceThickness": written})
    frame = pd.DataFrame({"case_id": ["a", "b"], "image": ["p0", "p1"], "mask": "m.nii"})
    cohort = Cohort(frame, folder=tmp_path)
    assert list(acquisition_table(cohort)["slice_thickness_mm"]) == [3.26996, 3.27]
    known = with_acquisition(cohort, ["SliceThickness"]).frame["slice_thickness_mm"]
    assert list(known) == [3.27, 3.27]


def test_what_with_acquisition_refuses(cohort):
    with pytest.raises(UnknownNameError, match=r"'Kvp' is not read .*did you mean '(KVP|kvp)'"):
        with_acquisition(cohort, ["Kvp"])
    with pytest.raises(UnknownNameError, match=r"'PatientName' is not read from headers"):
        with_acquisition(cohort, ["PatientName"])
    with pytest.raises(InvalidInputError, match="no case of the cohort states echo_time_ms"):
        with_acquisition(cohort, ["EchoTime"])
    with pytest.raises(InvalidInputError, match="already has the columns kvp"):
        with_acquisition(with_acquisition(cohort, ["KVP"]), ["KVP"])
    with pytest.raises(InvalidInputError, match="a list of names is needed"):
        with_acquisition(cohort, "KVP")
    nothing = Cohort(cohort.frame.assign(image="none"), folder=cohort.folder)
    with pytest.raises(ImageReadError, match=r"3 of 3 cases .* case 'a', column 'image'"):
        with_acquisition(nothing)


def test_the_record_is_a_table():
    frame = Acquisition(kvp=120.0).to_frame().set_index("column")
    assert frame.loc["kvp", ["keyword", "value", "unit", "role"]].tolist() == [
        "KVP", 120.0, "kV", "context",
    ]  # fmt: skip
    assert frame.loc["patient_sex", "role"] == "covariate"
    assert all(hasattr(pydicom.tag, "Tag") and pydicom.tag.Tag(k) for k in frame["keyword"])


def test_real_series(shared_data):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scan = read_acquisition(shared_data / "sts_dicom" / "STS_025" / "MR_T1" / "image")
    assert (scan.manufacturer, scan.manufacturer_original) == ("SIEMENS", "SIEMENS / MIM Software")
    assert (scan.pixel_spacing_mm, scan.spacing_between_slices_mm) == (0.976562, 3.26996)
    assert (scan.repetition_time_ms, scan.contrast_agent, scan.patient_sex) == (None, None, "M")
