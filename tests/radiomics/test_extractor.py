import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from causalimg.datasets import phantom_cohort
from causalimg.errors import InvalidInputError, MissingDependencyError, UnknownNameError
from causalimg.imaging.read import read_image_mask
from causalimg.imaging.write import write_volume
from causalimg.radiomics import CaseStore, RadiomicsExtractor
from causalimg.radiomics.native_engine import NativeEngine
from causalimg.tables.cohort import Cohort
from causalimg.tables.features import FeatureTable

FEW = {"shape": ["MeshVolume"], "firstorder": ["Mean", "Variance"], "glcm": ["Contrast"]}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Cohort:
    return phantom_cohort(tmp_path_factory.mktemp("phantom"), n_patients=6, size=20)


@pytest.fixture
def counted(monkeypatch) -> list[str]:
    """Case ids of the cases that were computed."""
    done: list[str] = []
    compute = NativeEngine.compute

    def counting(self, scan):
        done.append(scan.case_id)
        return compute(self, scan)

    monkeypatch.setattr(NativeEngine, "compute", counting)
    return done


def test_the_table(cohort):
    table = RadiomicsExtractor().extract(cohort)
    assert list(table.frame["case_id"]) == list(cohort.case_ids)
    assert len(table.features) == 107
    assert table.names("context") == ["site", "scanner", "protocol"]
    assert table.names("covariate") == ["age", "sex"]
    assert table.names("outcome") == ["malignant"]
    assert np.isfinite(table.frame[table.features].to_numpy()).all()
    assert table.failures.empty
    contrast = table.column("glcm_contrast")
    assert (contrast.family, contrast.ibsi, contrast.unit) == ("glcm", "ACUI", "1")
    assert contrast.original_name == "original_glcm_Contrast"
    assert table.provenance.stage == "extract"
    assert table.provenance.settings["engine"] == "native"


def test_the_table_is_saved_and_loaded(cohort, tmp_path):
    table = RadiomicsExtractor(feature_classes=FEW).extract(cohort)
    table.save(tmp_path / "t.parquet")
    again = FeatureTable.load(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(again.frame[table.features], table.frame[table.features])
    assert again.columns == table.columns


def test_arrays_give_what_files_give(cohort):
    extractor = RadiomicsExtractor()
    table = extractor.extract(cohort)
    scan = read_image_mask(cohort.image_path("P0003"), cohort.mask_path("P0003"), case_id="P0003")
    row = table.frame.set_index("case_id").loc["P0003", table.features]
    assert extractor.extract_arrays(scan) == {str(k): float(v) for k, v in row.items()}


def test_jobs_do_not_change_the_values_and_progress_counts(cohort):
    seen: list[tuple[int, int]] = []
    extractor = RadiomicsExtractor(feature_classes=FEW)
    one = extractor.extract(cohort)
    two = extractor.extract(cohort, n_jobs=2, progress=lambda done, n: seen.append((done, n)))
    pd.testing.assert_frame_equal(one.frame, two.frame, check_exact=True)
    assert one.digest() == two.digest()
    assert seen == [(k, 6) for k in range(1, 7)]


def test_every_bad_case_is_recorded_and_the_others_go_on(cohort, tmp_path):
    folder = tmp_path / "bad"
    shutil.copytree(cohort.folder, folder)
    good = read_image_mask(cohort.image_path("P0001"), cohort.mask_path("P0001"))

    def put(name: str, mask: np.ndarray, **grid) -> str:
        spacing = grid.get("spacing", good.spacing)
        write_volume(folder / name, mask, spacing, origin=grid.get("origin", good.origin))
        return name

    image, mask = good.image, good.mask.astype(np.uint8)
    holed = image.astype(np.float32)
    holed[np.nonzero(mask)[0][0], np.nonzero(mask)[1][0], np.nonzero(mask)[2][0]] = np.nan
    whole = (folder / "images/P0001.nii").read_bytes()
    (folder / "cut.nii").write_bytes(whole[: len(whole) // 2])
    single = np.zeros_like(mask)
    single[3, 3, 3] = 1
    fine, ok = "images/P0001.nii", "masks/P0001.nii"
    rows = {
        "fine": (fine, ok, 1),
        "missing": ("images/none.nii", ok, 1),
        "cut": ("cut.nii", ok, 1),
        "size": (fine, put("size.nii", mask[:-1]), 1),
        "spacing": (fine, put("spacing.nii", mask, spacing=(1.0, 1.0, 1.1)), 1),
        "origin": (fine, put("origin.nii", mask, origin=(9.0, 9.0, 9.0)), 1),
        "empty": (fine, put("empty.nii", 0 * mask), 1),
        "label": (fine, ok, 4),
        "holed": (put("holed.nii", holed), ok, 1),
        "single": (fine, put("single.nii", single), 1),
        "<script>": (fine, "masks/<script>.nii", 1),
        "last": (fine, ok, None),
    }
    frame = pd.DataFrame(
        [(name, *row) for name, row in rows.items()], columns=["case_id", "image", "mask", "label"]
    )
    table = RadiomicsExtractor(feature_classes=FEW).extract(Cohort(frame, {}, folder))
    assert list(table.frame["case_id"]) == ["fine", "last"]
    failed = table.failures.set_index("case_id")
    assert list(failed.index) == [name for name in rows if name not in ("fine", "last")]
    expected = {
        "missing": ("read", "ImageReadError", "column 'image': there is no file none.nii"),
        "cut": ("read", "ImageReadError", "cut.nii is truncated"),
        "size": ("read", "GeometryError", "the mask's size is"),
        "spacing": ("read", "GeometryError", "the mask's spacing is"),
        "origin": ("read", "GeometryError", "the mask's origin is"),
        "empty": ("read", "GeometryError", "the mask is empty"),
        "label": ("read", "GeometryError", "no label 4 in the mask (there are: 1)"),
        "holed": ("read", "InvalidInputError", "NaN or infinite"),
        "single": ("extract", "InvalidInputError", "single voxel"),
        "<script>": ("read", "ImageReadError", "column 'mask': there is no file <script>.nii"),
    }
    for case_id, (stage, error, words) in expected.items():
        row = failed.loc[case_id]
        assert (row["stage"], row["error"]) == (stage, error)
        assert words in row["reason"]
        assert f"case {case_id!r}" in row["reason"]


def test_a_cohort_of_failures_gives_an_empty_table(tmp_path):
    frame = pd.DataFrame({"case_id": ["a"], "image": ["a.nii"], "mask": ["b.nii"], "age": [3.0]})
    table = RadiomicsExtractor().extract(Cohort(frame, {"age": "covariate"}, tmp_path))
    assert len(table.frame) == 0
    assert table.features == []
    assert list(table.failures["case_id"]) == ["a"]


def test_a_column_named_like_a_feature(cohort):
    frame = cohort.to_frame().assign(glcm_contrast=1.0)
    with pytest.raises(InvalidInputError, match="columns named like features: glcm_contrast"):
        RadiomicsExtractor(feature_classes=FEW).extract(Cohort(frame, {}, cohort.folder))


def test_the_store_spares_every_case_that_is_known(cohort, tmp_path, counted):
    extractor = RadiomicsExtractor(feature_classes=FEW, store=tmp_path / "store")
    first = extractor.extract(cohort)
    assert sorted(counted) == sorted(cohort.case_ids)
    counted.clear()
    again = extractor.extract(cohort)
    assert counted == []
    assert again.digest() == first.digest()
    RadiomicsExtractor(feature_classes=FEW, bin_width=10.0).extract(
        cohort, store=tmp_path / "store"
    )
    assert sorted(counted) == sorted(cohort.case_ids)


def test_a_changed_image_is_computed_again_and_alone(cohort, tmp_path, counted):
    folder = tmp_path / "copy"
    shutil.copytree(cohort.folder, folder)
    mine = Cohort(cohort.to_frame(), dict(cohort.roles), folder)
    store = CaseStore(tmp_path / "store")
    extractor = RadiomicsExtractor(feature_classes=FEW, store=store)
    extractor.extract(mine)
    scan = read_image_mask(mine.image_path("P0002"), mine.mask_path("P0002"))
    write_volume(mine.image_path("P0002"), scan.image + 5, scan.spacing, origin=scan.origin)
    counted.clear()
    extractor.extract(mine)
    assert counted == ["P0002"]
    for entry in store.folder.glob("??/*.json"):
        entry.write_text("{")
    counted.clear()
    extractor.extract(mine)
    assert sorted(counted) == sorted(mine.case_ids)


_SCRIPT = """
import sys
from pathlib import Path
from causalimg.radiomics import RadiomicsExtractor
from causalimg.tables.cohort import Cohort
folder, store = Path(sys.argv[1]), Path(sys.argv[2])
extractor = RadiomicsExtractor(store=store)
print("ready", flush=True)
extractor.extract(Cohort.read(folder / "cohort.csv"))
"""


def test_killed_in_the_middle_and_resumed(tmp_path, counted):
    n_cases = 40
    cohort = phantom_cohort(tmp_path / "cohort", n_patients=n_cases, size=20)
    store = CaseStore(tmp_path / "store")
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, str(cohort.folder), str(store.folder)],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout.readline() == b"ready\n"
        deadline = time.monotonic() + 60
        while len(store) < 5 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
    finally:
        process.stdout.close()
        process.kill()
    assert process.returncode == -signal.SIGKILL
    kept = len(store)
    assert 5 <= kept < n_cases
    resumed = RadiomicsExtractor(store=store).extract(cohort)
    assert len(counted) == n_cases - kept
    assert resumed.failures.empty
    fresh = RadiomicsExtractor().extract(cohort)
    values = fresh.frame[fresh.features].to_numpy()
    assert resumed.frame[resumed.features].to_numpy().tobytes() == values.tobytes()
    assert resumed.digest() == fresh.digest()
    assert len(store) == n_cases


def test_settings_are_complete_and_plain():
    import json

    settings = RadiomicsExtractor(bin_count=32, label=2).settings()
    assert json.loads(json.dumps(settings)) == settings
    assert (settings["bin_count"], settings["bin_width"], settings["label"]) == (32, None, 2)
    assert (settings["engine"], settings["engine_version"]) == ("native", "2")


def test_what_is_refused():
    with pytest.raises((UnknownNameError, MissingDependencyError), match=r"pyradiomix|registered"):
        RadiomicsExtractor(engine="pyradiomix")
    with pytest.raises(InvalidInputError, match="label=0"):
        RadiomicsExtractor(label=0)
    with pytest.raises(InvalidInputError, match="tolerance=-1"):
        RadiomicsExtractor(tolerance=-1)
    with pytest.raises(TypeError, match="bin_widht"):
        RadiomicsExtractor(bin_widht=3)


def test_real_scans_with_labels(shared_data):
    cases = ["brain1", "brain2", "breast1", "lung1"]
    frame = pd.DataFrame(
        {
            "case_id": cases,
            "image": [f"{case}_image.nrrd" for case in cases],
            "mask": [f"{case}_label.nrrd" for case in cases],
        }
    )
    table = RadiomicsExtractor().extract(Cohort(frame, {}, shared_data / "pyradiomics"))
    assert table.failures.empty
    assert list(table.frame["case_id"]) == cases
    assert np.isfinite(table.frame[table.features].to_numpy()).all()
