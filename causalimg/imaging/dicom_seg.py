"""A region from a DICOM SEG object, put on the grid of the image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from causalimg.errors import GeometryError, ImageReadError
from causalimg.imaging.dicom_file import dicom_border, item, value, vector
from causalimg.imaging.grid import Grid, Volume, check_finite, on_grid
from causalimg.imaging.rtstruct import choose

_MOST_SLICES = 100_000


@dataclass(frozen=True)
class _Frame:
    plane: np.ndarray
    position: np.ndarray


def read_seg(
    dataset: Any,
    image: Volume,
    *,
    name: str,
    where: str,
    roi: str | None = None,
    number: int | None = None,
    tolerance: float = 1e-4,
    resample: bool = False,
) -> tuple[int, np.ndarray]:
    """Return the number of a segment and its voxels.

    Binary segmentations, label maps, and fractional ones that hold nothing between 0 and full.

    Parameters
    ----------
    dataset : pydicom.Dataset
    image : Volume
    name : str
        File name, for the messages.
    where : str
        Case and column, for the messages.
    roi : str, optional
        SegmentLabel. None takes the only one.
    number : int, optional
        SegmentNumber, in place of the label.
    tolerance : float
        How far the frames may lie from the voxels of the image, as a share of a voxel.
    resample : bool
        Take the nearest voxel where the frames lie on another grid; False refuses.

    Raises
    ------
    UnknownNameError
        If there is no such segment; names the nearest.
    GeometryError
        If there are several and none is asked for; if it lies on another frame of reference or
        grid, or is a probability map.
    ImageReadError
        If the object is damaged.
    """
    with dicom_border(where, name):
        segments = {
            int(entry.SegmentNumber): str(entry.get("SegmentLabel") or "").strip()
            for entry in dataset.get("SegmentSequence") or []
        }
        chosen = choose(
            {key: label for key, label in segments.items() if key != 0},
            roi, number, what=f"{name} (SEG)", kind="segment", where=where,
        )  # fmt: skip
        frame = value(dataset, "FrameOfReferenceUID", str, "")
        if frame and image.frame_of_reference and frame != image.frame_of_reference:
            raise GeometryError(
                f"{where}: {name} lies in another frame of reference than the image, so its "
                "positions mean nothing here; take the segmentation that belongs to this series, "
                "or register the two first"
            )
        frames = _frames(dataset, chosen, name, where)
        if not frames:
            raise GeometryError(
                f"{where}: segment {chosen} {segments[chosen]!r} of {name} has no frames: the "
                "segment is empty"
            )
        measures = _measures(dataset, name, where)
    mask = _directly(frames, measures, image.grid, tolerance)
    if mask is None:
        labels, own = _volume(frames, measures, image.grid, name, where)
        mask = on_grid(
            labels, own, image.grid, where=where, tolerance=tolerance, resample=resample
        ) != 0  # fmt: skip
    if not mask.any():
        raise GeometryError(
            f"{where}: segment {chosen} {segments[chosen]!r} of {name} covers no voxel"
        )
    return chosen, mask


@dataclass(frozen=True)
class _Measures:
    """Directions along a row and down a column, pixel spacing (y, x) and slice distance [mm]."""

    row: np.ndarray
    column: np.ndarray
    spacing: tuple[float, float]
    between: float | None


def _measures(dataset: Any, name: str, where: str) -> _Measures:
    shared = item(dataset, "SharedFunctionalGroupsSequence")
    first = item(dataset, "PerFrameFunctionalGroupsSequence")
    orientation = spacing = between = None
    for groups in (shared, first):
        if groups is None:
            continue
        turned, measured = (
            item(groups, "PlaneOrientationSequence"),
            item(groups, "PixelMeasuresSequence"),
        )
        if turned is not None and orientation is None:
            orientation = vector(turned, "ImageOrientationPatient", 6)
        if measured is not None and spacing is None:
            spacing = vector(measured, "PixelSpacing", 2)
            stated = value(measured, "SpacingBetweenSlices", float, 0.0)
            between = stated or value(measured, "SliceThickness", float, 0.0) or None
    if orientation is None or spacing is None:
        raise ImageReadError(
            f"{where}: {name} says neither in its shared nor in its first frame's functional "
            "groups how it is oriented and how large its pixels are; the file is damaged"
        )
    return _Measures(
        orientation[:3], orientation[3:], (float(spacing[0]), float(spacing[1])), between
    )


def _frames(dataset: Any, chosen: int, name: str, where: str) -> list[_Frame]:
    """Return the planes of one segment that hold something."""
    kind = value(dataset, "SegmentationType", str, "BINARY")
    groups = dataset.get("PerFrameFunctionalGroupsSequence") or []
    count = value(dataset, "NumberOfFrames", int, 1)
    if count != len(groups):
        raise ImageReadError(
            f"{where}: {name} holds {count} frames and describes {len(groups)}; the file is damaged"
        )
    full = value(dataset, "MaximumFractionalValue", int, 1) if kind == "FRACTIONAL" else 1
    shared = item(dataset, "SharedFunctionalGroupsSequence")
    wanted = [
        k
        for k, group in enumerate(groups)
        if kind == "LABELMAP" or _segment_of(group, shared) == chosen
    ]
    found = []
    for k, plane in zip(wanted, _planes(dataset, wanted), strict=True):
        if kind == "FRACTIONAL" and np.any((plane != 0) & (plane != full)):
            raise GeometryError(
                f"{where}: {name} is a probability map (FRACTIONAL, values between 0 and {full}); "
                "threshold it first"
            )
        inside = np.asarray(plane == chosen if kind == "LABELMAP" else plane != 0)
        if inside.any():
            place = item(groups[k], "PlanePositionSequence")
            position = None if place is None else vector(place, "ImagePositionPatient", 3)
            if position is None:
                raise ImageReadError(f"{where}: {name} has a frame without a position")
            found.append(_Frame(inside, position))
    return found


def _planes(dataset: Any, wanted: list[int]) -> Iterator[np.ndarray]:
    """Yield single frames; an object may hold a hundred segments, so not all are unpacked.

    Bits are packed through the ends of frames, so a frame need not begin with a byte.
    """
    from pydicom.pixels import iter_pixels

    packed = value(dataset, "BitsAllocated", int, 1) == 1
    if not packed or dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        yield from iter_pixels(dataset, indices=wanted) if wanted else ()
        return
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    size, held = rows * columns, np.frombuffer(dataset.PixelData, dtype=np.uint8)
    if 8 * len(held) < size * value(dataset, "NumberOfFrames", int, 1):
        raise ValueError("fewer bytes of pixel data than the frames need")
    for k in wanted:
        first = k * size
        bits = np.unpackbits(held[first // 8 : -(-(first + size) // 8)], bitorder="little")
        yield bits[first % 8 : first % 8 + size].reshape(rows, columns)


def _segment_of(group: Any, shared: Any) -> int | None:
    """Return the number of the segment that a frame belongs to."""
    for place in (group, shared):
        entry = None if place is None else item(place, "SegmentIdentificationSequence")
        if entry is not None:
            return int(entry.ReferencedSegmentNumber)
    return None


def _directly(
    frames: list[_Frame], measures: _Measures, grid: Grid, tolerance: float
) -> np.ndarray | None:
    """Return the mask where every frame lies exactly on a slice of the image; else None."""
    direction = np.asarray(grid.direction)
    turn = np.abs(
        np.concatenate([measures.row - direction[:, 0], measures.column - direction[:, 1]])
    )
    scale = np.abs(np.subtract(measures.spacing, grid.spacing[1:]))
    if not turn.max() <= tolerance or not np.all(scale <= tolerance * np.array(grid.spacing[1:])):
        return None
    places = grid.index_of(np.array([frame.position for frame in frames]))
    corner = np.rint(places)
    if not np.abs(places - corner).max() <= max(tolerance, 1e-6):
        return None
    mask = np.zeros(grid.shape, dtype=bool)
    for frame, (x, y, k) in zip(frames, corner.astype(np.int64), strict=True):
        if not 0 <= k < grid.shape[0]:
            return None
        hit = np.argwhere(frame.plane) + np.array([y, x])
        if hit.min() < 0 or np.any(hit.max(axis=0) >= grid.shape[1:]):
            return None
        mask[k, hit[:, 0], hit[:, 1]] = True
    return mask


def _volume(
    frames: list[_Frame], measures: _Measures, image: Grid, name: str, where: str
) -> tuple[np.ndarray, Grid]:
    """Return the segment on a grid of its own, which holds all its frames."""
    normal = np.cross(measures.row, measures.column)
    along = np.array([float(normal @ frame.position) for frame in frames])
    order = np.argsort(along, kind="stable")
    gaps = np.diff(along[order])
    gaps = gaps[gaps > 1e-3]
    step = measures.between or (float(gaps.min()) if len(gaps) else image.spacing[0])
    levels = (along - along.min()) / step if step > 0 else np.array([np.nan])
    count = float(levels.max()) + 1
    if (
        not np.isfinite(count)
        or count > _MOST_SLICES
        or np.abs(levels - np.rint(levels)).max() > 0.1
    ):
        raise GeometryError(
            f"{where}: the frames of {name} are not an even stack {step:.4g} mm apart; "
            "save the segmentation on the grid of the image"
        )
    shapes = {frame.plane.shape for frame in frames}
    if len(shapes) > 1:
        raise ImageReadError(f"{where}: the frames of {name} differ in size")
    rows, columns = frames[0].plane.shape
    labels = np.zeros((int(np.rint(levels.max())) + 1, rows, columns), dtype=np.uint8)
    start = frames[int(order[0])].position
    for frame, level in zip(frames, np.rint(levels).astype(np.int64), strict=True):
        labels[level] |= frame.plane
    own = Grid(
        labels.shape,
        (float(step), *measures.spacing),
        (float(start[0]), float(start[1]), float(start[2])),
        tuple(
            (float(a), float(b), float(c))
            for a, b, c in zip(measures.row, measures.column, normal, strict=True)
        ),
    )
    check_finite(own, where)
    return labels, own
