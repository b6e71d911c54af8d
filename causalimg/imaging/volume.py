"""One image with its region of interest, on one grid; cutting and padding it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from causalimg.errors import GeometryError

Direction = tuple[tuple[float, float, float], ...]
_IDENTITY: Direction = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@dataclass(frozen=True)
class ImageMask:
    """One image with one region of interest, on one grid.

    Parameters
    ----------
    image : ndarray, shape (z, y, x)
        Intensities, in the type of the file.
    mask : ndarray of bool, shape (z, y, x)
    spacing : tuple of float, (z, y, x) [mm]
        In the order of the array axes.
    origin : tuple of float, (x, y, z) [mm]
        Centre of voxel (0, 0, 0) in patient coordinates, as SimpleITK and DICOM give it.
    direction : 3 x 3 nested tuple
        Columns are the directions of the x, y and z index axes.
    case_id : str
    label : int
        Value of the region in the mask file.

    Raises
    ------
    GeometryError
        If the arrays differ in shape, are not 3-D, or the spacing is not positive.

    Examples
    --------
    >>> scan = ImageMask(np.zeros((4, 5, 6)), np.ones((4, 5, 6), dtype=bool), (2.0, 1.0, 1.0))
    >>> scan.n_voxels, scan.voxel_volume
    (120, 2.0)
    """

    image: np.ndarray
    mask: np.ndarray
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction: Direction = _IDENTITY
    case_id: str = ""
    label: int = 1

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape != self.mask.shape:
            raise GeometryError(
                f"case {self.case_id!r}: image of shape {self.image.shape} and mask of shape "
                f"{self.mask.shape}; both must be 3-D and equal"
            )
        if self.mask.dtype != bool:
            raise GeometryError(
                f"case {self.case_id!r}: the mask array is {self.mask.dtype}; it must be bool "
                "(compare the label image with the label)"
            )
        if len(self.spacing) != 3 or not all(step > 0 for step in self.spacing):
            raise GeometryError(
                f"case {self.case_id!r}: spacing {self.spacing}; three positive lengths [mm]"
            )

    @property
    def n_voxels(self) -> int:
        """Number of voxels in the region."""
        return int(self.mask.sum())

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel [mm^3]."""
        return float(np.prod(self.spacing))

    def bounds(self) -> tuple[tuple[int, int], ...]:
        """Return first and last-plus-one index of the region along z, y and x."""
        try:
            return bounds_of(self.mask)
        except GeometryError as error:
            raise GeometryError(f"case {self.case_id!r}, column 'mask': {error}") from None


def bounds_of(mask: np.ndarray) -> tuple[tuple[int, int], ...]:
    """Return first and last-plus-one index of what is inside a mask, along z, y and x.

    Raises
    ------
    GeometryError
        If it is empty.
    """
    box = [_ends(np.any(mask.reshape(len(mask), -1), axis=1))]
    plane = np.asarray(np.any(mask[box[0][0] : box[0][1]], axis=0))
    box += [_ends(np.any(plane, axis=1)), _ends(np.any(plane, axis=0))]
    return tuple(box)


def _ends(hit: Any) -> tuple[int, int]:
    places = np.flatnonzero(hit)
    if not len(places):
        raise GeometryError("the mask is empty")
    return int(places[0]), int(places[-1]) + 1


def crop(
    scan: ImageMask,
    margin: int | tuple[int, int, int],
    *,
    whole_if_clipped: bool = False,
) -> ImageMask:
    """Cut to the box of the region plus a margin; the origin moves along.

    Parameters
    ----------
    scan : ImageMask
    margin : int or (z, y, x)
        Voxels kept around the box, as far as the image goes.
    whole_if_clipped : bool
        Keep an axis whole where the image ends inside the margin. A filter that wraps around
        (PyRadiomics' wavelets) then gives what it gives on the whole image.

    Examples
    --------
    >>> mask = np.zeros((9, 9, 9), dtype=bool)
    >>> mask[4, 4, 4:6] = True
    >>> small = crop(ImageMask(np.zeros((9, 9, 9)), mask, (1.0, 1.0, 1.0)), 1)
    >>> small.image.shape, small.origin
    ((3, 3, 4), (3.0, 3.0, 3.0))
    """
    margins = (margin, margin, margin) if isinstance(margin, int) else margin
    window = []
    for (first, stop), extra, length in zip(scan.bounds(), margins, scan.image.shape, strict=True):
        low, high = max(0, first - extra), min(length, stop + extra)
        if whole_if_clipped and (first - extra < 0 or stop + extra > length):
            low, high = 0, length
        window.append((low, high))
    return cut(scan, tuple(window))


def cut(scan: ImageMask, window: tuple[tuple[int, int], ...]) -> ImageMask:
    """Cut to a window: first and last-plus-one index along z, y and x; the origin moves along."""
    part = tuple(slice(low, high) for low, high in window)
    return replace(
        scan,
        image=np.ascontiguousarray(scan.image[part]),
        mask=np.ascontiguousarray(scan.mask[part]),
        origin=moved_origin(scan, [low for low, _ in window]),
    )


def pad(scan: ImageMask, width: int) -> ImageMask:
    """Add ``width`` voxels on every side: the edge intensities, outside the region.

    Parameters
    ----------
    scan : ImageMask
    width : int
        [voxel]

    Examples
    --------
    >>> scan = ImageMask(np.zeros((4, 5, 6)), np.ones((4, 5, 6), dtype=bool), (2.0, 1.0, 1.0))
    >>> pad(scan, 1).image.shape
    (6, 7, 8)
    """
    return replace(
        scan,
        image=np.pad(scan.image, width, mode="edge"),
        mask=np.pad(scan.mask, width),
        origin=moved_origin(scan, [-width] * 3),
    )


def to_sitk(scan: ImageMask) -> tuple[Any, Any]:
    """Return image and mask (1 inside) as SimpleITK images."""
    import SimpleITK

    image = SimpleITK.GetImageFromArray(scan.image)
    mask = SimpleITK.GetImageFromArray(scan.mask.astype(np.uint8))
    for volume in (image, mask):
        volume.SetSpacing([float(step) for step in scan.spacing[::-1]])
        volume.SetOrigin([float(place) for place in scan.origin])
        volume.SetDirection(np.asarray(scan.direction).ravel().tolist())
    return image, mask


def moved_origin(grid: Any, start: Sequence[int]) -> tuple[float, float, float]:
    """Return where voxel ``start`` (z, y, x) of a scan or a grid lies (x, y, z) [mm]."""
    step = np.array(start[::-1]) * np.array(grid.spacing[::-1])
    x, y, z = np.asarray(grid.origin) + np.asarray(grid.direction) @ step
    return (float(x), float(y), float(z))
