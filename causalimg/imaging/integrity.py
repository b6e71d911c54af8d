"""What SimpleITK does not tell of a NIfTI file: that it is cut off, that it holds NaN."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from causalimg.errors import ImageReadError

_TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8",
    1280: "u8",
}  # fmt: skip


def check_complete(path: Path, *, what: str) -> None:
    """Refuse a NIfTI file that holds fewer bytes than its header promises.

    SimpleITK reads such a file without an error and fills the rest with anything. Other formats
    are left to SimpleITK, which refuses them.

    Parameters
    ----------
    path : Path
    what : str
        Case and column, for the message.

    Raises
    ------
    ImageReadError
        If the file is shorter than its header says, or the compressed stream is damaged.
    """
    if not _is_nifti(path):
        return
    zipped = path.suffix.lower() == ".gz"
    try:
        with _opened(path, zipped) as handle:
            promised = promised_bytes(handle.read(540))
        if promised is None:
            raise ImageReadError(
                f"{what}: {path.name} is not a NIfTI file, or is cut off in its header "
                f"({path.stat().st_size} bytes)"
            )
        held = _held_bytes(path, zipped, promised)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ImageReadError(
            f"{what}: {path.name} is truncated or damaged ({error}); copy it again from its source"
        ) from error
    if held < promised:
        raise ImageReadError(
            f"{what}: {path.name} is truncated: its header promises {promised} bytes and "
            f"{held} are there; copy it again from its source"
        )


def lost_voxels(path: Path, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray] | None:
    """Return where a NIfTI file holds NaN or infinite voxels, and their values.

    The NIfTI library under SimpleITK reads them as 0 and says nothing.

    Parameters
    ----------
    path : Path
        A complete file.
    shape : tuple of int, (z, y, x)

    Returns
    -------
    tuple of ndarray or None
        Positions in the flat array, and the values there; None if there are none.
    """
    if not _is_nifti(path):
        return None
    with _opened(path, path.suffix.lower() == ".gz") as handle:
        layout = nifti_layout(handle.read(540))
        if layout is None or layout.dtype.kind != "f":
            return None
        handle.seek(layout.offset)
        count = int(np.prod(shape))
        held = handle.read(count * layout.dtype.itemsize)
    raw = np.frombuffer(
        held[: len(held) // layout.dtype.itemsize * layout.dtype.itemsize], layout.dtype
    )
    places = np.flatnonzero(~np.isfinite(raw))
    return (places, raw[places]) if len(places) else None


def promised_bytes(header: bytes) -> int | None:
    """Return how many bytes a NIfTI-1 or NIfTI-2 header says the file has; None if no header."""
    layout = nifti_layout(header)
    return None if layout is None else layout.offset + layout.n_voxels * layout.bits // 8


@dataclass(frozen=True)
class NiftiLayout:
    """What a NIfTI header says of its voxels.

    Parameters
    ----------
    offset : int
        First byte of the voxels.
    lengths : tuple of int
        Number of voxels along x, y, z and further axes.
    bits : int
        Per voxel.
    dtype : numpy.dtype
        With its byte order; ``V1`` for a type that is not a single number.
    plain : bool
        One file, whose voxels are the intensities: no scale and no intercept.
    """

    offset: int
    lengths: tuple[int, ...]
    bits: int
    dtype: np.dtype
    plain: bool

    @property
    def n_voxels(self) -> int:
        """Number of voxels; an axis of length 0 counts as 1."""
        return math.prod(max(1, length) for length in self.lengths)


def nifti_layout(header: bytes) -> NiftiLayout | None:
    """Read the first 540 bytes of a NIfTI-1 or NIfTI-2 file; None if they are no header."""
    dim: tuple[int, ...]
    for order in ("<", ">"):
        if len(header) >= 348 and struct.unpack_from(order + "i", header)[0] == 348:
            dim = struct.unpack_from(order + "8h", header, 40)
            code, bits = struct.unpack_from(order + "2h", header, 70)
            start, slope, intercept = struct.unpack_from(order + "3f", header, 108)
            offset = int(start) if abs(start) < 2**31 else -1
            one_file = header[344:348] == b"n+1\0" and start == offset >= 352
        elif len(header) >= 540 and struct.unpack_from(order + "i", header)[0] == 540:
            code, bits = struct.unpack_from(order + "2h", header, 12)
            dim = struct.unpack_from(order + "8q", header, 16)
            offset = int(struct.unpack_from(order + "q", header, 168)[0])
            slope, intercept = struct.unpack_from(order + "2d", header, 176)
            one_file = header[4:8] == b"n+2\0" and offset >= 544
        else:
            continue
        if offset < 0:
            return None
        kind = np.dtype(order + _TYPES[code]) if code in _TYPES else np.dtype("V1")
        plain = one_file and kind.kind != "V" and slope in (0.0, 1.0) and intercept == 0.0
        lengths = tuple(int(length) for length in dim[1 : 1 + max(0, min(7, dim[0]))])
        return NiftiLayout(offset, lengths, int(bits), kind, plain and bits == 8 * kind.itemsize)
    return None


def _is_nifti(path: Path) -> bool:
    return path.name.lower().endswith((".nii", ".nii.gz"))


def _opened(path: Path, zipped: bool) -> gzip.GzipFile:
    return gzip.open(path, "rb") if zipped else open(path, "rb")  # type: ignore[return-value]


def _held_bytes(path: Path, zipped: bool, promised: int) -> int:
    """Count the bytes of a file after decompression, reading it only where that is needed."""
    if not zipped:
        return path.stat().st_size
    with open(path, "rb") as handle:
        handle.seek(-4, os.SEEK_END)
        (stated,) = struct.unpack("<I", handle.read(4))
    if stated == promised % 2**32:
        return promised
    held = 0
    with gzip.open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            held += len(block)
    return held
