"""Truncated and bit-flipped files: a named error or a valid result, never a crash or a hang."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from causalimg.errors import CausalImgError
from causalimg.imaging.read import read_image_mask
from causalimg.imaging.volume import ImageMask
from causalimg.imaging.write import write_volume

SHAPE = (4, 6, 5)
COMPRESSED = ("JPEG", "JPEG2000", "JPEGLS", "RLE")


def mutants(raw: bytes, n: int, seed: int) -> list[bytes]:
    """Return damaged copies: cut off, flipped bits, zeroed or random runs; mostly in the header."""
    generator = np.random.default_rng(seed)
    made = []
    for k in range(n):
        data = bytearray(raw)
        if k % 4 == 0:
            made.append(bytes(data[: int(generator.integers(0, len(data)))]))
            continue
        reach = len(data) if k % 8 == 7 else min(len(data), 600)
        for place in generator.integers(0, reach, int(generator.integers(1, 6))):
            if k % 4 == 1:
                data[place] ^= 1 << int(generator.integers(0, 8))
            elif k % 4 == 2:
                data[place] = int(generator.integers(0, 256))
            else:
                stop = min(len(data), int(place) + int(generator.integers(1, 9)))
                data[place:stop] = bytes([int(generator.choice([0, 255, 127]))]) * (stop - place)
        made.append(bytes(data))
    return made


def outcome(image: Path, mask: Path) -> str:
    """Read, and return what came of it; any other exception is let through."""
    try:
        scan = read_image_mask(image, mask, case_id="p1")
    except CausalImgError as error:
        if "case 'p1', column '" not in str(error):
            raise AssertionError(f"the message names no case: {error}") from error
        return type(error).__name__
    if not isinstance(scan, ImageMask) or not scan.mask.any():
        raise AssertionError("neither an error nor a valid result")
    return "read"


def fuzz(folder: Path, target: Path, image: Path, mask: Path, n: int, seed: int) -> Counter[str]:
    whole = target.read_bytes()
    found: Counter[str] = Counter()
    for k, data in enumerate(mutants(whole, n, seed)):
        target.write_bytes(data)
        try:
            found[outcome(image, mask)] += 1
        except Exception as error:
            raise AssertionError(f"mutant {k} of {target.name}: {error!r}") from error
    target.write_bytes(whole)
    return found


def write_pair(folder: Path, suffix: str) -> tuple[Path, Path]:
    generator = np.random.default_rng(0)
    dtype = np.float32 if "nii" in suffix else np.int16
    image, mask = folder / f"image{suffix}", folder / f"mask{suffix}"
    write_volume(image, generator.integers(0, 999, SHAPE).astype(dtype), (2.0, 1.0, 1.0))
    write_volume(mask, generator.random(SHAPE) < 0.5, (2.0, 1.0, 1.0))
    return image, mask


def in_its_own_process(call: str, folder: Path, module: str = "test_damaged_files") -> str:
    """Run a call of a test module where a crash of a native reader ends nothing but itself."""
    code = (
        f"import sys, warnings; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        f"import {module} as here; from pathlib import Path\n"
        f"print(dict({call}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr[-2000:]}"
    return done.stdout


def fuzz_files(folder: Path, suffix: str, n: int, seed: int) -> Counter[str]:
    image, mask = write_pair(folder, suffix)
    found = fuzz(folder, image, image, mask, n, seed)
    return found + fuzz(folder, mask, image, mask, n, seed + 1)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_files_that_simpleitk_reads(tmp_path, suffix):
    said = in_its_own_process(f"here.fuzz_files(Path(sys.argv[1]), {suffix!r}, 80, 1)", tmp_path)
    assert "ImageReadError" in said


def fuzz_dicom(folder: Path, kind: str, n: int, seed: int) -> Counter[str]:
    from dicom_maker import ORIGIN, make_rtstruct, make_seg, make_series, noise, ring
    from pydicom.uid import ImplicitVRLittleEndian

    warnings.simplefilter("error")
    shape = (3, 64, 64) if kind in COMPRESSED else SHAPE  # encoders break down on tiny images
    mask = np.zeros(shape, dtype=bool)
    mask[1:3, 1:5, 1:4] = True
    implicit = {"syntax": ImplicitVRLittleEndian} if kind == "implicit" else {}
    images = make_series(folder / "ct", noise(shape), **implicit)
    write_volume(folder / "mask.nii", mask, (3.0, 0.8, 0.8), origin=ORIGIN)
    target, region = images[2], folder / "mask.nii"
    if kind == "seg":
        target = region = folder / "seg.dcm"
        make_seg(target, images, {"GTV": mask})
    elif kind == "rtstruct":
        target = region = folder / "rs.dcm"
        make_rtstruct(target, {"GTV": [ring(-19, 12, ORIGIN[2] + 3, radius=1.4, n=9)]})
    elif kind in COMPRESSED:
        from test_dicom_series import compress

        for image in images:
            compress(image, kind)
    assert outcome(folder / "ct", region) == "read"
    return fuzz(folder, target, folder / "ct", region, n, seed)


@pytest.mark.parametrize("kind", ["image", "implicit", "seg", "rtstruct"])
def test_dicom_files(tmp_path, kind):
    pytest.importorskip("pydicom")
    if kind == "seg":
        pytest.importorskip("highdicom")
    found = fuzz_dicom(tmp_path, kind, 100, 2)
    assert found["ImageReadError"]
    assert found["read"]


@pytest.mark.parametrize("kind", COMPRESSED)
def test_compressed_dicom_files(tmp_path, kind):
    pytest.importorskip("pydicom")
    if kind == "JPEGLS":
        pytest.importorskip("jpeg_ls")
    n = 12 if kind == "JPEG" else 60  # each starts a process to decode in
    said = in_its_own_process(f"here.fuzz_dicom(Path(sys.argv[1]), {kind!r}, {n}, 3)", tmp_path)
    assert "ImageReadError" in said


def test_the_test_notices_an_exception_that_is_not_ours(tmp_path, monkeypatch):
    image, mask = write_pair(tmp_path, ".nii")

    def broken(*args, **named):
        raise ValueError("raw")

    monkeypatch.setattr("causalimg.imaging.itk_file.check_complete", broken)
    with pytest.raises(AssertionError, match=r"mutant 0 of image.nii: ValueError"):
        fuzz(tmp_path, image, image, mask, 1, 0)


def test_mutants_are_the_same_for_a_seed_and_differ_from_the_file():
    raw = bytes(range(256)) * 4
    assert mutants(raw, 40, 0) == mutants(raw, 40, 0)
    assert sum(one == raw for one in mutants(raw, 40, 0)) <= 2
