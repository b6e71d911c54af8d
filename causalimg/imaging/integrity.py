"""What SimpleITK does not tell of a NIfTI file: that it is cut off, that it holds NaN."""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from causalimg.errors import ImageReadError

_FLOATS = {16: "f4", 64: "f8"}


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
        layout = _layout(handle.read(540))
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
    layout = _layout(header)
    return None if layout is None else layout.offset + layout.n_voxels * layout.bits // 8


@dataclass(frozen=True)
class _Layout:
    """Where the voxels of a NIfTI file start, how many there are, and their type."""

    offset: int
    n_voxels: int
    bits: int
    dtype: np.dtype


def _layout(header: bytes) -> _Layout | None:
    dim: tuple[int, ...]
    for order in ("<", ">"):
        if len(header) >= 348 and struct.unpack_from(order + "i", header)[0] == 348:
            dim = struct.unpack_from(order + "8h", header, 40)
            code, bits = struct.unpack_from(order + "2h", header, 70)
            start = struct.unpack_from(order + "f", header, 108)[0]
            offset = int(start) if abs(start) < 2**31 else -1
        elif len(header) >= 540 and struct.unpack_from(order + "i", header)[0] == 540:
            code, bits = struct.unpack_from(order + "2h", header, 12)
            dim = struct.unpack_from(order + "8q", header, 16)
            offset = int(struct.unpack_from(order + "q", header, 168)[0])
        else:
            continue
        if offset < 0:
            return None
        voxels = 1
        for length in dim[1 : 1 + max(0, min(7, dim[0]))]:
            voxels *= max(1, int(length))
        kind = np.dtype(order + _FLOATS[code]) if code in _FLOATS else np.dtype("V1")
        return _Layout(offset, voxels, int(bits), kind)
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
