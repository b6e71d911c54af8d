"""The bound of memory: its estimate is no lower than what is taken, and cases obey it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from causalimg.errors import InvalidInputError
from causalimg.imaging.volume import ImageMask
from causalimg.imaging.write import write_volume
from causalimg.radiomics import memory
from causalimg.radiomics.extractor import RadiomicsExtractor
from causalimg.radiomics.ibsi_settings import IbsiSettings
from causalimg.radiomics.memory import PROCESS, MemoryLimitError, memory_limit, needed_memory
from causalimg.radiomics.schedule import workers_within
from causalimg.radiomics.settings import ExtractionSettings
from causalimg.tables.cohort import Cohort

BOTH = {"original": {}, "wavelet": {}, "log": {"sigma": [2.0]}}
PEAK = """
import re, sys
from pathlib import Path
import numpy as np
from scipy.ndimage import gaussian_filter
from causalimg.imaging.volume import ImageMask
from causalimg.radiomics.extractor import RadiomicsExtractor
n = int(sys.argv[1])
noise = np.random.default_rng(0).normal(size=(n, n, n)).astype("f4")
image = (gaussian_filter(noise, 2) * 4000).astype("i2")
scan = ImageMask(image, np.ones(image.shape, dtype=bool), (1.0, 1.0, 1.0))
types = {"original": {}, "wavelet": {}, "log": {"sigma": [2.0]}}
if sys.argv[2] == "original":
    types = ("original",)
chosen = {"feature_classes": ["firstorder", "glcm", "glszm"]}
RadiomicsExtractor(image_types=types, **chosen).extract_arrays(scan)
# not ru_maxrss, which a process takes over from the one that started it
print(int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024)
"""


def scan_of(n: int) -> ImageMask:
    image = np.random.default_rng(0).integers(0, 1000, (n, n, n)).astype(np.int16)
    return ImageMask(image, np.ones(image.shape, dtype=bool), (1.0, 1.0, 1.0), case_id="p1")


@pytest.mark.parametrize("kind", ["original", "both"])
def test_the_estimate_is_above_the_peak_of_a_process_but_not_far(kind):
    if not Path("/proc/self/status").is_file():
        pytest.skip("the peak of a process is read from /proc")
    call = [sys.executable, "-c", PEAK, "56", kind]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    settings = ExtractionSettings.of(image_types=BOTH if kind == "both" else ("original",))
    ratio = needed_memory(scan_of(56), settings) / int(done.stdout)
    assert 0.95 < ratio < 2


@pytest.mark.parametrize(("name", "less", "more"), [
    ("types", {}, {"image_types": BOTH}),
    ("levels", {"image_types": {"wavelet": {}}}, {"image_types": {"wavelet": {"level": 2}}}),
    ("bins", {"bin_width": 25.0}, {"bin_width": 1.0}),
    ("grid", {"resample": (1.0, 1.0, 1.0)}, {"resample": (0.5, 0.5, 0.5)}),
    ("normalised", {"bin_count": 8}, {"bin_count": 8, "normalize": True}),
])  # fmt: skip
def test_what_takes_more_is_estimated_higher(name, less, more):
    few, many = (ExtractionSettings.of(**options) for options in (less, more))
    assert needed_memory(scan_of(20), few) < needed_memory(scan_of(20), many)
    assert needed_memory(scan_of(20), few) < needed_memory(scan_of(24), few)


def test_the_mode_ibsi_and_the_other_engine_are_estimated_too():
    settings = ExtractionSettings.of(mode="ibsi", ibsi=IbsiSettings(bin_count=32))
    finer = ExtractionSettings.of(
        mode="ibsi", ibsi=IbsiSettings(bin_count=32, spacing=(0.5, 0.5, 0.5))
    )
    assert needed_memory(scan_of(30), settings) < needed_memory(scan_of(30), finer)
    whole = ExtractionSettings.of(image_types=BOTH)
    part = ImageMask(np.zeros((60, 60, 60)), np.zeros((60, 60, 60), dtype=bool), (1.0, 1.0, 1.0))
    part.mask[:9, :9, :9] = True
    assert needed_memory(part, whole) < needed_memory(part, whole, engine="pyradiomics")


def cohort_of(folder, sizes) -> Cohort:
    rows = []
    for k, n in enumerate(sizes):
        scan = scan_of(n)
        write_volume(folder / f"i{k}.nii", scan.image, scan.spacing)
        write_volume(folder / f"m{k}.nii", scan.mask, scan.spacing)
        rows.append({"case_id": f"p{k}", "image": f"i{k}.nii", "mask": f"m{k}.nii"})
    pd.DataFrame(rows).to_csv(folder / "cohort.csv", index=False)
    return Cohort.read(folder / "cohort.csv")


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_case_above_its_share_runs_alone_and_one_above_the_bound_is_a_failure(tmp_path, n_jobs):
    cohort = cohort_of(tmp_path, [8, 24, 12, 40])
    few = {"feature_classes": {"firstorder": ["Mean"]}, "bin_count": 8}
    settings = ExtractionSettings.of(**few)
    needs = [needed_memory(scan_of(n), settings) for n in (8, 24, 12, 40)]
    most = needs[1] + 1
    calls: list[tuple[int, int]] = []
    bounded = RadiomicsExtractor(**few, max_memory=most)
    table = bounded.extract(cohort, n_jobs=n_jobs, progress=lambda *at: calls.append(at))
    assert list(table.frame["case_id"]) == ["p0", "p1", "p2"]
    (failure,) = table.failures.to_dict("records")
    assert (failure["case_id"], failure["stage"], failure["error"]) == (
        "p3", "extract", "MemoryLimitError"
    )  # fmt: skip
    assert "a region of 64000 voxels in (40, 40, 40) (z, y, x) needs about" in failure["reason"]
    assert "raise max_memory" in failure["reason"]
    free = RadiomicsExtractor(**few).extract(cohort)
    pd.testing.assert_frame_equal(table.frame, free.frame.iloc[:3])
    assert calls[-1][0] == calls[-1][1]


def test_with_two_shares_the_larger_case_waits(tmp_path):
    cohort = cohort_of(tmp_path, [8, 40, 12])
    few = {"feature_classes": {"firstorder": ["Mean"]}, "bin_count": 8}
    small = needed_memory(scan_of(12), ExtractionSettings.of(**few))
    calls: list[tuple[int, int]] = []
    bounded = RadiomicsExtractor(**few, max_memory=2 * small + 4)
    table = bounded.extract(cohort, n_jobs=2, progress=lambda *at: calls.append(at))
    assert list(table.frame["case_id"]) == ["p0", "p1", "p2"]
    assert calls[-1] == (4, 4)


def test_fewer_workers_start_where_there_is_no_room():
    assert workers_within(PROCESS, 8) == 1
    assert workers_within(5 * PROCESS // 2, 8) == 2
    assert workers_within(100 * PROCESS, 3) == 3


def test_auto_is_a_share_of_what_is_free(monkeypatch):
    assert memory.free_memory() > 0
    monkeypatch.setattr(memory, "free_memory", lambda: 10 * 2**30)
    assert memory_limit("auto") == 8 * 2**30
    assert memory_limit(None) is None


@pytest.mark.parametrize("given", [1000, "lots", 2.5e9 + 0.5, -1])
def test_a_bound_that_cannot_be_is_refused(given):
    with pytest.raises(InvalidInputError, match=r"max_memory=.*: 'auto', or a number of bytes"):
        RadiomicsExtractor(max_memory=given)


def test_the_error_says_what_would_help():
    settings = ExtractionSettings.of(image_types=BOTH, resample=(1.0, 1.0, 1.0))
    bound = memory.MemoryBound(PROCESS, settings, "pyradiomics")
    with pytest.raises(MemoryLimitError, match="leave out 'wavelet' and 'log', or resample to a w"):
        bound.check(scan_of(16))
