"""One plane of a DICOM image: where it lies and how its values are scaled, out of its header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from causalimg.errors import GeometryError
from causalimg.imaging.dicom_file import item, value, vector

_PHASE = (
    "EchoTime", "EchoNumbers", "AcquisitionNumber", "TemporalPositionIdentifier", "TriggerTime",
    "DiffusionBValue", "ImageType", "AcquisitionTime",
)  # fmt: skip
TAGS = (
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "Modality", "FrameOfReferenceUID",
    "Rows", "Columns", "NumberOfFrames", "PixelSpacing", "ImagerPixelSpacing", "SliceThickness",
    "ImagePositionPatient", "ImageOrientationPatient", "RescaleSlope", "RescaleIntercept",
    "SamplesPerPixel", "ModalityLUTSequence", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence", *_PHASE,
)  # fmt: skip


@dataclass(frozen=True)
class Slice:
    """One image plane: where it is, and in which file."""

    path: Path
    frame: int | None
    rows: int
    columns: int
    position: np.ndarray | None
    orientation: np.ndarray | None
    spacing: tuple[float, float] | None
    thickness: float | None
    slope: float
    intercept: float
    phase: tuple[tuple[str, str], ...]


def slices_of(file: Path, header: Any, where: str) -> list[Slice]:
    """Return the planes of a file: one, or the frames of an enhanced multi-frame object.

    Raises
    ------
    GeometryError
        If the image is in colour, has frames without positions, or values behind a table.
    """
    if value(header, "SamplesPerPixel", int, 1) != 1:
        raise GeometryError(f"{where}: {file.name} is a colour image; one value a voxel is needed")
    per_frame = header.get("PerFrameFunctionalGroupsSequence")
    if per_frame is None:
        frames = value(header, "NumberOfFrames", int, 1)
        if frames > 1:
            raise GeometryError(
                f"{where}: {file.name} holds {frames} frames without a position for each; "
                "export it as an enhanced multi-frame object or as single slices"
            )
        return [_slice(file, None, header, [header], where)]
    shared = item(header, "SharedFunctionalGroupsSequence")
    return [
        _slice(file, k, header, [g for g in (groups, shared) if g is not None], where)
        for k, groups in enumerate(per_frame)
    ]


def _slice(file: Path, frame: int | None, header: Any, groups: list[Any], where: str) -> Slice:
    """Take the facts of a plane from its own header or from its functional groups."""

    def inside(sequence: str) -> list[Any]:
        nested = [item(group, sequence) for group in groups]
        return [group for group in nested if group is not None] + [header]

    def first(keyword: str, sequence: str, length: int) -> np.ndarray | None:
        found = [vector(group, keyword, length) for group in inside(sequence)]
        return next((numbers for numbers in found if numbers is not None), None)

    def number(keyword: str, sequence: str) -> float | None:
        found = [value(group, keyword, float, None) for group in inside(sequence)]
        return next((one for one in found if one is not None), None)

    if header.get("ModalityLUTSequence") is not None:
        raise GeometryError(
            f"{where}: {file.name} maps its values through a table (ModalityLUTSequence), which "
            "is not supported; export it with RescaleSlope and RescaleIntercept"
        )
    measures, transform = "PixelMeasuresSequence", "PixelValueTransformationSequence"
    spacing = first("PixelSpacing", measures, 2)
    if spacing is None:
        spacing = vector(header, "ImagerPixelSpacing", 2)
    slope, intercept = number("RescaleSlope", transform), number("RescaleIntercept", transform)
    return Slice(
        path=file,
        frame=frame,
        rows=int(header.Rows),
        columns=int(header.Columns),
        position=first("ImagePositionPatient", "PlanePositionSequence", 3),
        orientation=first("ImageOrientationPatient", "PlaneOrientationSequence", 6),
        spacing=None if spacing is None else (float(spacing[0]), float(spacing[1])),
        thickness=number("SliceThickness", measures),
        slope=1.0 if slope is None else slope,
        intercept=0.0 if intercept is None else intercept,
        phase=tuple((name, str(header.get(name))) for name in _PHASE if header.get(name)),
    )


def positions_along(slices: Sequence[Slice]) -> np.ndarray:
    """Return the sorted positions along the normal [mm]; empty where they are not known."""
    return np.sort(heights(slices)) if placed(slices) else np.empty(0)


def placed(slices: Sequence[Slice]) -> bool:
    """Tell whether every plane says where it lies."""
    return all(s.position is not None and s.orientation is not None for s in slices)


def heights(slices: Sequence[Slice]) -> np.ndarray:
    """Return the positions along the normal of the first slice [mm]."""
    both = np.asarray(slices[0].orientation)
    normal = np.cross(both[:3], both[3:])
    return np.array([float(normal @ np.asarray(s.position)) for s in slices])
