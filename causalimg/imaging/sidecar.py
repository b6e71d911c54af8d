"""What stands beside or in an image file that is not DICOM: its BIDS sidecar and its grid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from causalimg.errors import FileReadError, ImageReadError

_ENDS = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd", ".nhdr", ".hdr")


def sidecar(image: Path, where: str) -> dict[str, Any]:
    """Return the BIDS sidecar beside an image.

    Parameters
    ----------
    image : Path
    where : str
        Case and column, for the messages.

    Raises
    ------
    ImageReadError
        If there is none.
    FileReadError
        If it is not a JSON object.
    """
    stem = next(
        (image.name[: -len(end)] for end in _ENDS if image.name.lower().endswith(end)), image.stem
    )
    beside = image.with_name(f"{stem}.json")
    if not beside.is_file():
        raise ImageReadError(
            f"{where}: {image.name} does not say how it was acquired, and there is no BIDS sidecar "
            f"{beside.name} beside it"
        )
    try:
        document = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FileReadError(f"{where}: {beside.name} cannot be read as JSON: {error}") from error
    if not isinstance(document, dict):
        raise FileReadError(f"{where}: {beside.name} is not a JSON object")
    return document


def grid_facts(image: Path, where: str) -> dict[str, float]:
    """Return pixel size and slice distance [mm] as the image file has them."""
    from causalimg.imaging.itk_file import read_spacing

    between, row, column = read_spacing(image, where=where)
    return {
        "pixel_spacing_mm": row,
        "pixel_spacing_column_mm": column,
        "spacing_between_slices_mm": between,
    }
