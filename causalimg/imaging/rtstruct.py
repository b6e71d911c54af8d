"""A region from a DICOM RTSTRUCT file, rasterised on the grid of the image.

Each contour goes to the slice whose centre is nearest to its plane (at most half a slice away);
within a slice the rule is that of `causalimg.imaging.contour.fill_contours`: a voxel belongs to
the region if its centre lies inside an odd number of the slice's contours. Nothing is
interpolated between contours, so a structure that was drawn on thicker slices than the image's is
refused rather than read with gaps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from causalimg.errors import GeometryError, ImageReadError, UnknownNameError, nearest
from causalimg.imaging.contour import fill_contours
from causalimg.imaging.dicom_file import dicom_border, value
from causalimg.imaging.grid import Grid, Volume

_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "CLOSED_PLANAR_XOR")
_BORDER = 1.0  # pixels beyond the image's outermost centres that a contour may run
_FLAT = 0.5  # a contour may leave its plane by this share of a slice


def read_rtstruct(
    dataset: Any,
    image: Volume,
    *,
    name: str,
    where: str,
    roi: str | None = None,
    number: int | None = None,
) -> tuple[int, np.ndarray]:
    """Return the number of a region of interest and its voxels.

    Parameters
    ----------
    dataset : pydicom.Dataset
    image : Volume
        The image that it was drawn on.
    name : str
        File name, for the messages.
    where : str
        Case and column, for the messages.
    roi : str, optional
        ROIName. None takes the only one.
    number : int, optional
        ROINumber, in place of the name.

    Raises
    ------
    UnknownNameError
        If there is no such region; names the nearest.
    GeometryError
        If there are several and none is asked for; if it has no contours, lies outside the image,
        was drawn on another frame of reference or on other slices, or covers no voxel centre.
    """
    with dicom_border(where, name):
        regions = {
            int(entry.ROINumber): (
                str(entry.get("ROIName") or "").strip(),
                value(entry, "ReferencedFrameOfReferenceUID", str, ""),
            )
            for entry in dataset.get("StructureSetROISequence") or []
        }
        contours = {
            int(entry.ReferencedROINumber): entry.get("ContourSequence") or []
            for entry in dataset.get("ROIContourSequence") or []
        }
    chosen = choose(
        {key: region for key, (region, _) in regions.items()},
        roi, number, what=f"{name} (RTSTRUCT)", kind="ROI", where=where,
    )  # fmt: skip
    label, frame = regions[chosen]
    if frame and image.frame_of_reference and frame != image.frame_of_reference:
        raise GeometryError(
            f"{where}: ROI {label!r} of {name} was drawn in another frame of reference than the "
            "image's, so its coordinates mean nothing here; take the structure set that belongs "
            "to this series, or register the two first"
        )
    about = f"{where}: ROI {label!r} of {name}"
    with dicom_border(where, name):
        points = [_points(contour, about) for contour in contours.get(chosen, [])]
    drawn = [corners for corners in points if corners is not None and len(corners)]
    if not drawn:
        raise GeometryError(f"{about} has no closed contours, so it encloses nothing")
    placed = _on_slices(drawn, image.grid, about)
    mask = fill_contours(placed, image.grid.shape)
    if not mask.any():
        raise GeometryError(f"{about} covers no voxel centre: it is smaller than a voxel")
    return chosen, mask


def choose(
    present: Mapping[int, str],
    name: str | None,
    number: int | None,
    *,
    what: str,
    kind: str,
    where: str,
) -> int:
    """Return the number of the region that is asked for by name or number, or of the only one.

    Raises
    ------
    UnknownNameError, GeometryError
    """
    listed = ", ".join(f"{key} {label!r}" for key, label in present.items())
    if not present:
        raise GeometryError(f"{where}: {what} holds no {kind}")
    if name is not None:
        keys = [key for key, label in present.items() if label == name.strip()]
        if number is not None and number in keys:
            keys = [number]
        if not keys:
            alike = [label for label in present.values() if label.lower() == name.strip().lower()]
            hint = f"; did you mean {alike[0]!r}?" if alike else nearest(name, present.values())
            raise UnknownNameError(
                f"{where}: there is no {kind} named {name!r} in {what}{hint} (there are: {listed})"
            )
        if len(keys) > 1 or (number is not None and number != keys[0]):
            raise GeometryError(
                f"{where}: {kind} {name!r} of {what} has the numbers {keys}"
                f"{'' if number is None else f', not {number}'}; choose by label= (the number)"
            )
        return keys[0]
    if number is not None:
        if number not in present:
            raise GeometryError(
                f"{where}: there is no {kind} number {number} in {what} (there are: {listed})"
            )
        return number
    if len(present) > 1:
        raise GeometryError(
            f"{where}: {what} holds {len(present)} of them; say which {kind}, in the column 'roi' "
            f"or with roi= (there are: {listed})"
        )
    return next(iter(present))


def _points(contour: Any, about: str) -> np.ndarray | None:
    """Return the corners (x, y, z) [mm] of a contour; None for a point or an empty contour."""
    kind = str(contour.get("ContourGeometricType") or "CLOSED_PLANAR").upper()
    if kind == "POINT":
        return None
    if kind not in _CLOSED:
        raise GeometryError(f"{about} has a contour of type {kind}, which encloses no region")
    raw = contour.get_item("ContourData")
    held = None if raw is None else raw.value
    if held is None or not len(held):
        return None
    texts = held.split(b"\\") if isinstance(held, bytes) else held
    numbers = np.array([float(text) for text in texts])
    stated = value(contour, "NumberOfContourPoints", int, len(numbers) // 3)
    if len(numbers) != 3 * stated:
        raise ImageReadError(
            f"{about}: a contour holds {len(numbers)} coordinates and says it has {stated} points; "
            "the file is damaged"
        )
    if not np.all(np.isfinite(numbers)):
        raise ImageReadError(f"{about}: a contour holds coordinates that are not finite")
    return numbers.reshape(-1, 3)


def _on_slices(drawn: list[np.ndarray], grid: Grid, about: str) -> list[tuple[int, np.ndarray]]:
    """Return slice and corners in pixels (x, y) of every contour."""
    size = np.array(grid.shape[::-1])
    index = [grid.index_of(corners) for corners in drawn]
    low = np.array([corners.min(axis=0) for corners in index])
    high = np.array([corners.max(axis=0) for corners in index])
    beyond = np.maximum(-low, high - (size - 1)).max(axis=0)
    reach = beyond * np.asarray(grid.spacing[::-1])
    if np.any(beyond > [_BORDER, _BORDER, _FLAT]):
        axis = int(np.argmax(beyond - [_BORDER, _BORDER, _FLAT]))
        raise GeometryError(
            f"{about} lies outside the image, by up to {reach[axis]:.1f} mm along the image's "
            f"{'xyz'[axis]} axis; was it drawn on another series?"
        )
    depth = high[:, 2] - low[:, 2]
    if depth.max() > _FLAT:
        raise GeometryError(
            f"{about} has contours that are not parallel to the slices (one runs through "
            f"{depth.max():.1f} slices); it was drawn on another orientation"
        )
    level = (low[:, 2] + high[:, 2]) / 2
    slices = np.clip(np.rint(level), 0, grid.shape[0] - 1).astype(np.int64)
    _check_levels(level, slices, about)
    return [(int(k), corners[:, :2]) for k, corners in zip(slices, index, strict=True)]


def _check_levels(level: np.ndarray, slices: np.ndarray, about: str) -> None:
    """Refuse contours drawn on a stack of thinner or of thicker slices."""
    planes = Counter(zip(slices.tolist(), np.round(level, 1).tolist(), strict=True))
    crowded = Counter(k for k, _ in planes)
    spread = {k: np.ptp(level[slices == k]) for k, count in crowded.items() if count > 1}
    if any(width > 0.2 for width in spread.values()):
        raise GeometryError(
            f"{about} has contours in several planes within one slice of the image: it was drawn "
            "on a series with thinner slices; give that series, or resample the mask"
        )
    gaps = np.diff(np.unique(np.round(level, 2)))
    gaps = gaps[gaps > 0.5]
    if len(gaps) >= 2 and gaps.min() > 1.2:
        times = gaps / gaps.min()
        if np.all(np.abs(times - np.rint(times)) < 0.1):
            raise GeometryError(
                f"{about} has contours {gaps.min():.3g} slices apart: it was drawn on a series "
                "with thicker slices, and contours are not interpolated; give that series"
            )
