"""The voxels of DICOM slices: decoded, rescaled slice by slice, stacked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from causalimg.errors import ImageReadError
from causalimg.imaging.dicom_decode import decode_apart
from causalimg.imaging.dicom_file import dicom_border, open_dicom

if TYPE_CHECKING:
    from causalimg.imaging.dicom_slice import Slice


def read_pixels(slices: Sequence[Slice], where: str) -> np.ndarray:
    """Return the rescaled voxels of a stack, shape (z, y, x).

    Whole-number slopes and intercepts keep whole numbers, in the smallest of int16, uint16 and
    int32 that holds the result; others give float32.

    Parameters
    ----------
    slices : sequence of Slice
        In the order of the stack.
    where : str
        Case and column, for the messages.

    Raises
    ------
    ImageReadError
    """
    files = _stored(list(dict.fromkeys(one.path for one in slices)), where)
    planes: list[np.ndarray] = []
    for one in slices:
        stored = files[one.path]
        if one.frame is not None and stored.ndim == 3:
            if one.frame >= len(stored):
                raise ImageReadError(
                    f"{where}: {one.path.name} describes frame {one.frame + 1} and holds "
                    f"{len(stored)}; the file is damaged"
                )
            stored = stored[one.frame]
        if stored.shape != (one.rows, one.columns):
            raise ImageReadError(
                f"{where}: {one.path.name} holds pixels of shape {stored.shape}; its header says "
                f"({one.rows}, {one.columns})"
            )
        planes.append(stored)
    return _stacked(planes, slices, where)


def _stacked(planes: list[np.ndarray], slices: Sequence[Slice], where: str) -> np.ndarray:
    scale = np.array([[one.slope, one.intercept] for one in slices])
    if not np.all(np.isfinite(scale)) or np.any(scale[:, 0] == 0):
        raise ImageReadError(
            f"{where}: a slice has a RescaleSlope of 0, or a slope or intercept that is not "
            "finite; the header is damaged"
        )
    kind = np.result_type(*[plane.dtype for plane in planes])
    if kind.kind != "f" and np.all(scale == np.rint(scale)) and np.abs(scale).max() < 2**31:
        if np.all(scale == [1.0, 0.0]):
            return np.stack(planes).astype(kind.newbyteorder("="), copy=False)
        wide = np.stack(
            [
                plane.astype(np.int64) * int(a) + int(b)
                for plane, (a, b) in zip(planes, scale, strict=True)
            ]
        )
        low, high = int(wide.min()), int(wide.max())
        for smaller in (np.int16, np.uint16, np.int32):
            if np.iinfo(smaller).min <= low and high <= np.iinfo(smaller).max:
                return wide.astype(smaller)
        return wide
    result = np.empty(
        (len(planes), *planes[0].shape), dtype=np.float64 if kind == np.float64 else np.float32
    )
    for k, (plane, (a, b)) in enumerate(zip(planes, scale, strict=True)):
        result[k] = plane.astype(np.float64) * a + b
    return result


def _stored(paths: Sequence[Path], where: str) -> dict[Path, np.ndarray]:
    """Return the stored values of files, decoded: (y, x) or (frames, y, x)."""
    found: dict[Path, np.ndarray] = {}
    apart: dict[Path, Any] = {}
    for path in paths:
        dataset = open_dicom(path, where=where)
        with dicom_border(where, path.name):
            if _decodable(dataset):
                found[path] = np.asarray(dataset.pixel_array)
            else:
                apart[path] = dataset
    return found | decode_apart(apart, where) if apart else found


def _decodable(dataset: Any) -> bool:
    """Tell whether pydicom can decode the pixels with what is installed."""
    from pydicom.pixels import get_decoder
    from pydicom.uid import UID

    stated = getattr(dataset, "file_meta", {}).get("TransferSyntaxUID")
    if not stated or not UID(str(stated)).is_compressed:
        return True
    try:
        return bool(get_decoder(UID(str(stated))).is_available)
    except NotImplementedError:
        return False
