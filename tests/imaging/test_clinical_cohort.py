"""Cohorts of DICOM series through the extractor, and real cases against their NIfTI versions."""

import hashlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

pydicom = pytest.importorskip("pydicom")

from dicom_maker import ORIGIN, SPACING, make_rtstruct, make_series, noise, ring  # noqa: E402
from pydicom.uid import generate_uid  # noqa: E402

from causalimg.imaging.read import read_image_mask, read_volume  # noqa: E402
from causalimg.imaging.sources import source_files  # noqa: E402
from causalimg.imaging.volume import ImageMask  # noqa: E402
from causalimg.imaging.write import write_volume  # noqa: E402
from causalimg.radiomics.case import Case, CaseTask  # noqa: E402
from causalimg.radiomics.store import CaseStore  # noqa: E402
from causalimg.study_file import problems  # noqa: E402
from causalimg.tables.cohort import Cohort  # noqa: E402


class Mean:
    """An engine that a test can count on."""

    name = "mean"

    def version(self) -> str:
        return "1"

    def compute(self, scan: ImageMask) -> dict[str, float]:
        return {"original_firstorder_Mean": float(scan.image[scan.mask].mean())}


@pytest.fixture
def folder(tmp_path):
    make_series(tmp_path / "ct")
    make_series(tmp_path / "ct", 3 * noise(), uid="other", name="other")
    z = ORIGIN[2]
    make_rtstruct(
        tmp_path / "rs.dcm",
        {
            "GTV": [ring(-17, 14, z + 3 * k, radius=2) for k in (1, 2)],
            "Node": [ring(-16, 15, z + 3 * k, radius=1.5) for k in (1, 2)],
        },
    )
    return tmp_path


def run(folder, store=None, **wanted):
    task = CaseTask(Mean(), "mean 1", {}, 1e-4, store)
    return task(Case("p1", folder / "ct", folder / "rs.dcm", None, **wanted))


def test_series_and_region_are_part_of_what_a_case_is(folder):
    store = CaseStore(folder / "store")
    one, other = (generate_uid(entropy_srcs=[name]) for name in ("series", "other"))
    choices = [(one, "GTV"), (one, "Node"), (other, "GTV"), (other, "Node")]
    first = [run(folder, store, series=s, roi=r) for s, r in choices]
    values = [outcome.features["original_firstorder_Mean"] for outcome in first]
    assert len(set(values)) == 4
    assert values[2] == pytest.approx(3 * values[0])
    assert len(store) == 4
    again = [run(folder, store, series=s, roi=r) for s, r in choices]
    assert [outcome.features for outcome in again] == [outcome.features for outcome in first]
    assert first[0].image != first[2].image
    assert first[0].mask == first[1].mask


def test_every_slice_is_part_of_the_hash_and_names_are_not(folder):
    uid = generate_uid(entropy_srcs=["series"])
    before = run(folder, series=uid, roi="GTV").image
    files = source_files(folder / "ct", series=uid)
    assert len(files) == 6
    files[0].rename(files[0].with_name("renamed.dcm"))
    assert run(folder, series=uid, roi="GTV").image == before
    for file in source_files(folder / "ct", series=uid):
        raw = bytearray(file.read_bytes())
        raw[-1] ^= 1
        file.write_bytes(bytes(raw))
        assert run(folder, series=uid, roi="GTV").image != before
        raw[-1] ^= 1
        file.write_bytes(bytes(raw))
    for file in (folder / "ct").glob("other*"):
        file.unlink()
    assert run(folder, roi="GTV").image == before


def test_a_file_is_hashed_as_its_bytes_and_detached_voxels_are_covered(tmp_path):
    import SimpleITK

    image = SimpleITK.GetImageFromArray(noise())
    for name, names in (("a.mhd", ["a.mhd", "a.raw"]), ("b.nhdr", ["b.nhdr", "b.raw"])):
        SimpleITK.WriteImage(image, str(tmp_path / name))
        assert [file.name for file in source_files(tmp_path / name)] == names
        np.testing.assert_array_equal(read_volume(tmp_path / name).array, noise())
    write_volume(tmp_path / "a.nii", noise(), SPACING)
    write_volume(tmp_path / "m.nii", noise() > 0, SPACING)
    outcome = CaseTask(Mean(), "mean 1", {}, 1e-4, None)(
        Case("p1", tmp_path / "a.nii", tmp_path / "m.nii", None)
    )
    assert outcome.image == hashlib.sha256((tmp_path / "a.nii").read_bytes()).hexdigest()
    assert source_files(tmp_path / "none") == ()


def test_a_choice_that_is_needed_is_a_failure_with_its_reason(folder):
    failure = run(folder).failure
    assert failure["stage"] == "read"
    assert "holds 2 series; say which one" in failure["reason"]
    uid = generate_uid(entropy_srcs=["series"])
    assert "did you mean 'GTV'" in run(folder, series=uid, roi="gtv").failure["reason"]


def test_the_extractor_takes_the_choices_from_the_cohort(folder):
    pytest.importorskip("radiomics")
    from causalimg.radiomics import RadiomicsExtractor

    uid = generate_uid(entropy_srcs=["series"])
    write_volume(folder / "nifti.nii.gz", noise(), SPACING, origin=ORIGIN)
    frame = pd.DataFrame(
        {
            "case_id": ["a", "b", "c", "d"],
            "image": ["ct", "ct", "nifti.nii.gz", "ct"],
            "mask": "rs.dcm",
            "series_uid": [uid, uid, None, None],
            "roi": ["GTV", "Node", "GTV", "GTV"],
            "site": list("xyxy"),
        }
    )
    cohort = Cohort(frame, {"site": "context"}, folder)
    assert cohort.problems().empty
    table = RadiomicsExtractor(feature_classes={"firstorder": ["Mean"]}).extract(cohort)
    assert list(table.frame.columns) == ["case_id", "site", "firstorder_mean"]
    values = table.frame.set_index("case_id")["firstorder_mean"]
    assert values["a"] == values["c"] != values["b"]
    assert list(table.failures["case_id"]) == ["d"]


@pytest.mark.parametrize(("case", "voxels"), [("STS_008", 8862), ("STS_025", 9655)])
def test_real_mr_cases_are_their_nifti_versions_voxel_for_voxel(shared_data, case, voxels):
    dicom = shared_data / "sts_dicom" / case / "MR_T1"
    nifti = shared_data / "sts_mr" / f"{case}_image.nii.gz"
    theirs = read_image_mask(nifti, shared_data / "sts_mr" / f"{case}_mask.nii.gz")
    ours = read_image_mask(dicom / "image", dicom / "mask" / "RS.dcm")
    np.testing.assert_array_equal(ours.mask, theirs.mask)
    np.testing.assert_array_equal(ours.image, theirs.image)
    assert ours.n_voxels == voxels
    np.testing.assert_allclose(ours.spacing, theirs.spacing, rtol=1e-7)
    np.testing.assert_allclose(ours.origin, theirs.origin, atol=5e-6)
    crossed = read_image_mask(nifti, dicom / "mask", roi="GTV_Mass_MR_T1")
    np.testing.assert_array_equal(crossed.mask, theirs.mask)


def test_real_mr_cases_have_the_features_of_their_nifti_versions(shared_data):
    pytest.importorskip("radiomics")
    from causalimg.radiomics import RadiomicsExtractor

    extractor = RadiomicsExtractor(engine="pyradiomics")
    dicom = shared_data / "sts_dicom" / "STS_025" / "MR_T1"
    ours = extractor.extract_arrays(read_image_mask(dicom / "image", dicom / "mask"))
    stem = shared_data / "sts_mr" / "STS_025"
    theirs = extractor.extract_arrays(
        read_image_mask(f"{stem}_image.nii.gz", f"{stem}_mask.nii.gz")
    )
    assert list(ours) == list(theirs)
    np.testing.assert_allclose(list(ours.values()), list(theirs.values()), rtol=1e-6)


@pytest.mark.parametrize(("case", "ml"), [("STS_008", 27.6), ("STS_025", 30.1)])
def test_real_ct_cases_are_plausible(shared_data, case, ml):
    folder = shared_data / "sts_dicom" / case / "CT"
    scan = read_image_mask(folder / "image", folder / "mask")
    assert scan.n_voxels * scan.voxel_volume / 1000 == pytest.approx(ml, abs=0.1)
    values = scan.image[scan.mask]
    assert 0 < np.median(values) < 80  # soft tissue, in HU
    assert read_volume(folder / "image").array.min() < -900  # air


def test_what_headers_say_is_wrong_is_told_before_a_voxel_is_read(folder):
    one, other = (generate_uid(entropy_srcs=[name]) for name in ("series", "other"))
    rows = [
        ("a", "ct", "rs.dcm", one, "GTV", "", ""),
        ("b", "ct", "rs.dcm", None, "gtv", "holds 2 series", "did you mean 'GTV'"),
        ("c", "ct", "rs.dcm", other, None, "", "say which ROI"),
        ("d", "gone", "gone.nii", None, None, "no such file", "no such file"),
        ("e", "gap", "gap", None, None, "1 of 6 slices missing", "folder gap holds 5 DICOM files"),
    ]
    make_series(folder / "gap")[2].unlink()
    names = ["case_id", "image", "mask", "series_uid", "roi", "in_image", "in_mask"]
    frame = pd.DataFrame(rows, columns=names)
    frame.drop(columns=["in_image", "in_mask"]).to_csv(folder / "cohort.csv", index=False)
    found = problems(folder / "cohort.csv")
    for row in frame.itertuples():
        for column, wanted in (("image", row.in_image), ("mask", row.in_mask)):
            told = found.loc[found["where"] == f"case {row.case_id!r}, column {column!r}"]
            assert [wanted in one for one in told["problem"]] == ([True] if wanted else [])


def test_reading_a_nifti_file_does_not_import_pydicom(tmp_path):
    write_volume(tmp_path / "a.nii", noise() > 0, SPACING)
    code = (
        "import sys; from causalimg.imaging.read import read_image_mask\n"
        f"import causalimg.imaging; a = {str(tmp_path / 'a.nii')!r}; read_image_mask(a, a)\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('pydicom', 'highdicom', 'skimage')])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_study_reads_the_scanner_from_the_headers(folder):
    from causalimg.config import StudyConfig
    from causalimg.study_inputs import read_cohort

    uids = [generate_uid(entropy_srcs=[name]) for name in ("series", "other")]
    frame = pd.DataFrame(
        {
            "case_id": ["p1", "p2"],
            "image": "ct",
            "mask": "rs.dcm",
            "roi": "GTV",
            "series_uid": [str(uid) for uid in uids],
            "age": [50.0, 60.0],
        }
    )
    frame.to_csv(folder / "cohort.csv", index=False)
    document = {
        "study": {"n_jobs": 1},
        "cohort": {"acquisition": ["Manufacturer", "SliceThickness"], "covariates": ["age"]},
    }
    cohort = read_cohort(StudyConfig.parse(document), folder)
    assert cohort.names("covariate") == ["age"]
    assert "manufacturer" in cohort.names("context")
    assert cohort.frame["manufacturer"].notna().all()
