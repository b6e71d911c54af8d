"""Where the voxels of an image file lie: read from its header, where that is plain.

NIfTI, NRRD and MHA in their common forms only: one file or a detached one, raw or deflated, three
axes of space, one number a voxel. ``None`` stands for anything else, and that is left to
SimpleITK; so is every judgement on a damaged header.
"""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from causalimg.imaging.integrity import nifti_layout

_BINARY = re.compile(rb"^[ \t]*BinaryData[ \t]*=[ \t]*[Tt1]", re.MULTILINE)
_COMPRESSED = re.compile(rb"^[ \t]*CompressedData[ \t]*=[ \t]*[Tt1]", re.MULTILINE)
_HEADER = 1 << 16
_NRRD_TYPES = {
    "i1": "signed char|int8|int8_t",
    "u1": "uchar|unsigned char|uint8|uint8_t",
    "i2": "short|short int|signed short|signed short int|int16|int16_t",
    "u2": "ushort|unsigned short|unsigned short int|uint16|uint16_t",
    "i4": "int|signed int|int32|int32_t",
    "u4": "uint|unsigned int|uint32|uint32_t",
    "i8": "longlong|long long|long long int|signed long long|int64|int64_t",
    "u8": "ulonglong|unsigned long long|unsigned long long int|uint64|uint64_t",
    "f4": "float",
    "f8": "double",
}
_NRRD = {name: code for code, names in _NRRD_TYPES.items() for name in names.split("|")}
_NRRD_FIELDS = frozenset(
    (
        *("type", "dimension", "space", "space dimension", "sizes", "space directions", "kinds"),
        *("endian", "encoding", "space origin", "data file", "datafile", "content", "spacings"),
        *("space units", "thicknesses"),
    )
)
_META = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4",
    "MET_UINT": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}  # fmt: skip
_META_FIELDS = frozenset(
    (
        *("ObjectType", "NDims", "BinaryData", "BinaryDataByteOrderMSB", "ElementByteOrderMSB"),
        *("CompressedData", "CompressedDataSize", "TransformMatrix", "Offset", "Origin"),
        *("Position", "CenterOfRotation", "AnatomicalOrientation", "ElementSpacing"),
        *("ElementSize", "DimSize", "ElementType", "ElementNumberOfChannels", "ElementDataFile"),
    )
)


@dataclass(frozen=True)
class VoxelLayout:
    """Where the voxels of a file start and how they are kept.

    Parameters
    ----------
    path : Path
        The file that holds them.
    start : int
        First byte of the voxels, or of the deflated stream that holds them.
    skipped : int
        Bytes of that stream before the voxels.
    deflated : {"", "gzip", "zlib"}
    dtype : numpy.dtype
        With its byte order.
    shape : tuple of int, (z, y, x)
    """

    path: Path
    start: int
    skipped: int
    deflated: str
    dtype: np.dtype
    shape: tuple[int, int, int]

    @property
    def plane_bytes(self) -> int:
        """Bytes of one slice."""
        return self.shape[1] * self.shape[2] * self.dtype.itemsize

    @property
    def n_bytes(self) -> int:
        """Bytes of all voxels."""
        return self.shape[0] * self.plane_bytes

    def plane(self, held: bytes | bytearray) -> np.ndarray:
        """Return the bytes of a slice as an array (y, x), in the byte order of the file."""
        return np.frombuffer(held, self.dtype).reshape(self.shape[1:])


def voxel_layout(path: Path) -> VoxelLayout | None:
    """Return where the voxels of a file lie; None where its form is not a common one.

    A file that is too short for what it promises gives None too: raw voxels by its length, a gzip
    stream by the number of bytes that stands at its end. So does a field of an MHA header that is
    not known, since it may change what the voxels mean.

    Parameters
    ----------
    path : Path

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    name = path.name.lower()
    try:
        if name.endswith((".nii", ".nii.gz")):
            found = _nifti(path, zipped=name.endswith(".gz"))
        elif name.endswith((".nrrd", ".nhdr")):
            found = _nrrd(path)
        elif name.endswith((".mha", ".mhd")):
            found = _meta(path)
        else:
            return None
    except (ValueError, KeyError, EOFError, zlib.error, gzip.BadGzipFile, FileNotFoundError):
        return None
    return found if found is not None and _is_complete(found) else None


def _is_complete(layout: VoxelLayout) -> bool:
    held = layout.path.stat().st_size
    if min(layout.shape) < 1:
        return False
    if not layout.deflated:
        return held >= layout.start + layout.n_bytes
    if held < layout.start + 18:
        return False
    if layout.deflated == "gzip":
        with open(layout.path, "rb") as handle:
            handle.seek(-4, 2)
            (stated,) = struct.unpack("<I", handle.read(4))
        return bool(stated == (layout.skipped + layout.n_bytes) % 2**32)
    return True


def _nifti(path: Path, *, zipped: bool) -> VoxelLayout | None:
    with gzip.open(path, "rb") if zipped else open(path, "rb") as handle:
        found = nifti_layout(handle.read(540))
    if found is None or not found.plain or len(found.lengths) != 3:
        return None
    x, y, z = found.lengths
    return VoxelLayout(
        path,
        0 if zipped else found.offset,
        found.offset if zipped else 0,
        "gzip" if zipped else "",
        found.dtype,
        (z, y, x),
    )


def _nrrd(path: Path) -> VoxelLayout | None:
    head = _head(path)
    end = head.find(b"\n\n")
    if not head.startswith(b"NRRD000"):
        return None
    detached = path.suffix.lower() == ".nhdr"
    if end < 0 and not detached:
        return None
    fields: dict[str, str] = {}
    for line in (head if end < 0 else head[:end]).decode("ascii").split("\n")[1:]:
        if line.startswith("#") or ":=" in line or not line.strip():
            continue
        name, separator, text = line.partition(": ")
        if not separator or name in fields or name not in _NRRD_FIELDS:
            return None
        fields[name] = text.strip()
    kinds = fields.get("kinds", "domain domain domain").split()
    if fields["dimension"] != "3" or any(kind not in ("domain", "space") for kind in kinds):
        return None
    code = _NRRD[fields["type"]]
    order = {"little": "<", "big": ">"}[fields["endian"]] if code[1] != "1" else "<"
    x, y, z = map(int, fields["sizes"].split())
    deflated = {"raw": "", "gzip": "gzip", "gz": "gzip"}[fields["encoding"]]
    data = fields.get("data file", fields.get("datafile"))
    if (data is None) == detached:
        return None
    place = path if data is None else _beside(path, data)
    start = end + 2 if data is None else 0
    return VoxelLayout(place, start, 0, deflated, np.dtype(order + code), (z, y, x))


def _meta(path: Path) -> VoxelLayout | None:
    head = _head(path)
    fields: dict[str, str] = {}
    start = 0
    while "ElementDataFile" not in fields:
        end = head.index(b"\n", start)
        name, separator, text = head[start:end].decode("ascii").partition("=")
        name, start = name.strip(), end + 1
        if not separator or name in fields or name not in _META_FIELDS:
            return None
        fields[name] = text.strip()
    if (fields["NDims"], fields.get("BinaryData", "False")) != ("3", "True"):
        return None
    if fields.get("ElementNumberOfChannels", "1") != "1":
        return None
    order = fields.get("BinaryDataByteOrderMSB", fields.get("ElementByteOrderMSB", "False"))
    x, y, z = map(int, fields["DimSize"].split())
    dtype = np.dtype({"True": ">", "False": "<"}[order] + _META[fields["ElementType"]])
    data, deflated = fields["ElementDataFile"], ""
    place = path if data == "LOCAL" else _beside(path, data)
    start = start if data == "LOCAL" else 0
    if {"True": True, "False": False}[fields.get("CompressedData", "False")]:
        deflated = "zlib"
        if place.stat().st_size < start + int(fields["CompressedDataSize"]):
            return None
    return VoxelLayout(place, start, 0, deflated, dtype, (z, y, x))


def meta_is_binary(path: Path) -> bool:
    """Tell whether a MetaImage header says that its voxels are binary; ITK reads text otherwise."""
    return _BINARY.search(_head(path).partition(b"ElementDataFile")[0]) is not None


def meta_stream(path: Path) -> tuple[Path, int] | None:
    """Return the file and the start of a MetaImage's compressed voxels, whatever else is damaged.

    None if the header does not say that they are compressed, or not where they are.
    """
    head = _head(path)
    before, _, after = head.partition(b"ElementDataFile")
    if not _COMPRESSED.search(before) or b"\n" not in after:
        return None
    name = after.partition(b"\n")[0].strip(b" \t\r=").decode("latin-1")
    if name == "LOCAL":
        return path, head.index(b"\n", len(before)) + 1
    try:
        return _beside(path, name), 0
    except ValueError:
        return None


def _head(path: Path) -> bytes:
    with open(path, "rb") as handle:
        return handle.read(_HEADER)


def _beside(header: Path, name: str) -> Path:
    """Return the file of a detached header: a plain name of a file in the same folder."""
    if not name or name != Path(name).name or name.upper() == "LIST" or set(name) & set(" %\\\0"):
        raise ValueError(name)
    return header.parent / name
