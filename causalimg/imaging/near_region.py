"""Read of an image only what lies around a region, where the files allow it.

The mask comes first, a slice at a time; its region says which slices of the image are needed. What
is not read here is read whole by `causalimg.imaging.read`, and cut: the result is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from causalimg.imaging.grid import Grid
from causalimg.imaging.itk_file import read_information
from causalimg.imaging.labels import region_of
from causalimg.imaging.planes import BrokenStream, planes
from causalimg.imaging.volume import ImageMask, bounds_of, moved_origin
from causalimg.imaging.voxel_layout import VoxelLayout, voxel_layout
from causalimg.imaging.window import Reach


@dataclass(frozen=True)
class _Stored:
    """A file whose voxels can be read in part, and the grid that SimpleITK gives it."""

    layout: VoxelLayout
    grid: Grid


def read_near(
    image_path: Path,
    mask_path: Path,
    *,
    reach: Reach,
    case_id: str,
    where: str,
    label: int | None,
    tolerance: float,
) -> ImageMask | None:
    """Read a region and the part of the image that lies within a reach of it.

    Parameters
    ----------
    image_path, mask_path : Path
        Files that exist.
    reach : Reach
    case_id : str
    where : str
        Case and column of the mask, for the messages.
    label : int, optional
    tolerance : float
        See `causalimg.imaging.read_image_mask`.

    Returns
    -------
    ImageMask or None
        None if the files are of a form, or in a state, that needs the reader of whole files.

    Raises
    ------
    GeometryError
        If the mask is empty, lacks the label, or holds several and none was asked for.
    """
    image, mask = _stored(image_path), _stored(mask_path)
    if image is None or mask is None or image.grid.difference(mask.grid, tolerance) is not None:
        return None
    try:
        first, labels = _labels(mask.layout)
        chosen, inside = region_of(labels, where, label)
        (z0, z1), rows, columns = bounds_of(inside)
        bounds = ((z0 + first, z1 + first), rows, columns)
        window = reach.window(bounds, image.grid.shape, image.grid.spacing)
        voxels = _voxels(image.layout, window)
    except BrokenStream:
        return None
    return ImageMask(
        image=voxels,
        mask=_placed(inside, first, window),
        spacing=image.grid.spacing,
        origin=moved_origin(image.grid, [low for low, _ in window]),
        direction=image.grid.direction,
        case_id=case_id,
        label=chosen,
    )


def _stored(path: Path) -> _Stored | None:
    layout = voxel_layout(path)
    found = None if layout is None else read_information(path)
    if layout is None or found is None:
        return None
    grid, dtype = found
    if grid.shape != layout.shape or dtype != layout.dtype.newbyteorder("="):
        return None
    return _Stored(layout, grid)


def _labels(layout: VoxelLayout) -> tuple[int, np.ndarray]:
    """Return the slices of a mask from the first to the last that is not empty."""
    empty = bytes(layout.plane_bytes)
    kept = [
        (number, layout.plane(held))
        for number, held in enumerate(planes(layout, 0, layout.shape[0]))
        if held != empty
    ]
    if not kept:
        return 0, np.zeros((1, *layout.shape[1:]), dtype=layout.dtype.newbyteorder("="))
    first, last = kept[0][0], kept[-1][0]
    labels = np.zeros((last - first + 1, *layout.shape[1:]), layout.dtype.newbyteorder("="))
    for number, plane in kept:
        labels[number - first] = plane
    return first, labels


def _voxels(layout: VoxelLayout, window: Any) -> np.ndarray:
    (z0, z1), (y0, y1), (x0, x1) = window
    voxels = np.empty((z1 - z0, y1 - y0, x1 - x0), layout.dtype.newbyteorder("="))
    for place, held in zip(voxels, planes(layout, z0, z1), strict=True):
        place[...] = layout.plane(held)[y0:y1, x0:x1]
    return voxels


def _placed(inside: np.ndarray, first: int, window: Any) -> np.ndarray:
    """Return the region in a window; ``inside`` starts at the slice ``first``."""
    (z0, z1), (y0, y1), (x0, x1) = window
    mask = np.zeros((z1 - z0, y1 - y0, x1 - x0), dtype=bool)
    low, high = max(first, z0), min(first + len(inside), z1)
    mask[low - z0 : high - z0] = inside[low - first : high - first, y0:y1, x0:x1]
    return mask
