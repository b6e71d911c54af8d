"""The border to pydicom: is a file DICOM, open it, take numbers out of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from causalimg.errors import CausalImgError, ImageReadError, MissingDependencyError

Result = TypeVar("Result")
SUFFIXES = (".dcm", ".dicom", ".ima")
SEGMENTATION = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
_MAGIC = (128, b"DICM")


def is_dicom(path: Path) -> bool:
    """Tell whether a file is DICOM, by its magic bytes or by its suffix; nothing is imported."""
    if path.suffix.lower() in SUFFIXES:
        return True
    return has_magic(path)


def has_magic(path: Path) -> bool:
    """Tell whether a file has the DICOM preamble."""
    try:
        with open(path, "rb") as handle:
            handle.seek(_MAGIC[0])
            return handle.read(len(_MAGIC[1])) == _MAGIC[1]
    except OSError:
        return False


def import_pydicom(where: str) -> Any:
    """Import pydicom.

    Raises
    ------
    MissingDependencyError
        With the command that installs it.
    """
    try:
        import pydicom
    except ImportError as error:
        raise MissingDependencyError(
            f'{where}: DICOM needs pydicom, which is not installed: pip install "causalimg[dicom]"'
        ) from error
    return pydicom


@contextmanager
def dicom_border(where: str, what: str) -> Iterator[None]:
    """Turn whatever pydicom raises on damaged data into an `ImageReadError`; keep it quiet.

    A damaged element shows up as almost any exception (struct, value, key, recursion, decoding),
    at the moment when the element is first looked at.

    Parameters
    ----------
    where : str
        Case and column.
    what : str
        File, for the message.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except CausalImgError:
        raise
    except Exception as error:
        raise ImageReadError(
            f"{where}: {what} is truncated, damaged or not the DICOM object that it says "
            f"({_reason(error)})"
        ) from error


def _reason(error: Exception) -> str:
    """Return the kind of an exception, and its words where they cannot repeat a header's value."""
    words = " ".join(str(error).split())[:300]
    harmless = isinstance(error, RuntimeError | NotImplementedError) or "pixel data" in words
    return f"{type(error).__name__}: {words}" if harmless else type(error).__name__


def open_dicom(path: Path, *, where: str, tags: Sequence[str] | None = None) -> Any:
    """Read a DICOM file.

    Parameters
    ----------
    path : Path
    where : str
        Case and column, for the messages.
    tags : sequence of str, optional
        Keywords wanted; pixels are then not read. None reads everything.

    Raises
    ------
    ImageReadError
        If it is not DICOM, or names no kind of object.
    MissingDependencyError
        If pydicom is not installed.
    """
    pydicom = import_pydicom(where)
    with dicom_border(where, path.name):
        found = pydicom.dcmread(
            path,
            force=True,
            stop_before_pixels=tags is not None,
            specific_tags=None if tags is None else list(tags),
        )
        if not found.get("SOPClassUID"):
            raise ImageReadError(
                f"{where}: {path.name} is not a DICOM file, or is cut off in its header "
                f"({path.stat().st_size} bytes)"
            )
    return found


def value(dataset: Any, keyword: str, kind: Callable[[Any], Result], default: Result) -> Result:
    """Return an element converted, or ``default`` where it is absent or empty."""
    found = dataset.get(keyword)
    return default if found is None or found == "" else kind(found)


def vector(dataset: Any, keyword: str, length: int) -> np.ndarray | None:
    """Return an element of several finite numbers; None where it is absent or has another length.

    Raises
    ------
    ValueError
        If an entry is not a finite number.
    """
    found = dataset.get(keyword)
    if found is None or isinstance(found, str | bytes) or not hasattr(found, "__len__"):
        return None
    numbers = np.asarray([float(item) for item in found], dtype=np.float64)
    if len(numbers) != length:
        return None
    if not np.all(np.isfinite(numbers)):
        raise ValueError(f"{keyword} holds numbers that are not finite")
    return numbers


def item(dataset: Any, keyword: str) -> Any:
    """Return the first item of a sequence, or None."""
    found = dataset.get(keyword)
    return found[0] if found is not None and len(found) else None
