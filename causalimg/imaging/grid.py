"""Where the voxels of a volume lie in the patient: comparing grids, putting one onto another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from causalimg.errors import GeometryError
from causalimg.imaging.volume import Direction

_EDGE = 0.51  # a voxel reaches half a voxel from its centre; the rest is rounding


@dataclass(frozen=True)
class Grid:
    """A regular grid of voxels in patient coordinates (left, posterior, superior) [mm].

    Parameters
    ----------
    shape : tuple of int, (z, y, x)
    spacing : tuple of float, (z, y, x) [mm]
    origin : tuple of float, (x, y, z) [mm]
        Centre of voxel (0, 0, 0).
    direction : 3 x 3 nested tuple
        Columns are the directions of the x, y and z index axes.

    Examples
    --------
    >>> grid = Grid((4, 5, 6), (3.0, 1.0, 1.0), (10.0, 0.0, 0.0), Grid.AXIAL)
    >>> grid.index_of(np.array([[12.0, 1.0, 3.0]])).tolist()
    [[2.0, 1.0, 1.0]]
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    direction: Direction

    AXIAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

    def index_of(self, points: np.ndarray) -> np.ndarray:
        """Return the continuous indices (x, y, z) of points (x, y, z) [mm], shape (n, 3)."""
        axes = np.asarray(self.direction) * np.asarray(self.spacing[::-1])
        offset = np.asarray(points, dtype=np.float64) - np.asarray(self.origin)
        return np.asarray(np.linalg.solve(axes, offset.T).T)

    def point_of(self, index: np.ndarray) -> np.ndarray:
        """Return the points (x, y, z) [mm] of indices (x, y, z), shape (n, 3)."""
        axes = np.asarray(self.direction) * np.asarray(self.spacing[::-1])
        return np.asarray(np.asarray(index, dtype=np.float64) @ axes.T + np.asarray(self.origin))

    def difference(self, other: Grid, tolerance: float) -> str | None:
        """Say in what another grid differs first (size, spacing, direction, origin), or None.

        Parameters
        ----------
        other : Grid
        tolerance : float
            A share of a voxel for spacing and origin, an absolute difference for the direction
            cosines.
        """
        if self.shape != other.shape:
            return f"size is {other.shape[::-1]} and the image's {self.shape[::-1]} (x, y, z)"
        step = np.asarray(self.spacing[::-1])
        for name, one, another, limit in (
            ("spacing", step, other.spacing[::-1], tolerance * step),
            ("direction", np.ravel(self.direction), np.ravel(other.direction), tolerance),
            ("origin", self.origin, other.origin, tolerance * step.min()),
        ):
            if not np.all(np.abs(np.subtract(one, another)) <= limit):
                unit = "" if name == "direction" else " [mm]"
                return f"{name} is {shown(another)} and the image's {shown(one)}{unit}"
        return None


@dataclass(frozen=True)
class Volume:
    """The voxels of one file or series, and where they lie.

    Parameters
    ----------
    array : ndarray, shape (z, y, x)
    grid : Grid
    frame_of_reference : str
        DICOM UID of the coordinate system; empty if the format has none.
    """

    array: np.ndarray
    grid: Grid
    frame_of_reference: str = ""


def check_finite(grid: Grid, where: str) -> None:
    """Refuse a grid whose spacing, origin or direction is not usable.

    Raises
    ------
    GeometryError
    """
    numbers = [*grid.spacing, *grid.origin, *np.ravel(grid.direction)]
    if not np.all(np.isfinite(numbers)) or min(grid.spacing) <= 0:
        raise GeometryError(
            f"{where}: spacing {shown(grid.spacing[::-1])}, origin {shown(grid.origin)} [mm]: "
            "numbers that are not finite, or a spacing that is not positive; the header is damaged"
        )
    if abs(np.linalg.det(np.asarray(grid.direction))) < 0.5:
        raise GeometryError(
            f"{where}: the direction cosines {shown(np.ravel(grid.direction))} do not span a "
            "space; the header is damaged"
        )


def on_grid(
    labels: np.ndarray, own: Grid, image: Grid, *, where: str, tolerance: float, resample: bool
) -> np.ndarray:
    """Return a label array on the grid of the image.

    Parameters
    ----------
    labels : ndarray, shape (z, y, x)
    own, image : Grid
        Grid of the labels and the one that is wanted.
    where : str
        Case and column, for the messages.
    tolerance : float
        See `Grid.difference`.
    resample : bool
        On another grid: give each voxel of the image the label of the mask voxel that holds its
        centre. False refuses.

    Raises
    ------
    GeometryError
        If the grids differ and ``resample`` is False; if the region reaches outside the image.
    """
    differs = image.difference(own, tolerance)
    if differs is None:
        return labels
    if not resample:
        loosen = (
            ""
            if differs.startswith("size")
            else (f", or raise the tolerance (now {tolerance:g}) if the two mean the same")
        )
        raise GeometryError(
            f"{where}: the mask's {differs}; resample the mask onto the image's grid "
            f"(resample_mask=True takes the nearest voxel){loosen}"
        )
    _check_inside(labels, own, image, where)
    return _nearest(labels, own, image)


def _check_inside(labels: np.ndarray, own: Grid, image: Grid, where: str) -> None:
    """Refuse a region with voxel centres outside the voxels of the image."""
    places = np.argwhere(labels != 0)
    if not len(places):
        return
    low, high = places.min(axis=0)[::-1], places.max(axis=0)[::-1]
    corners = np.array(
        [[(low, high)[b][k] for k, b in enumerate(bits)] for bits in np.ndindex(2, 2, 2)]
    )
    index = image.index_of(own.point_of(corners))
    beyond = np.maximum(-index, index - (np.array(image.shape[::-1]) - 1)).max(axis=0)
    if beyond.max() > _EDGE:
        raise GeometryError(
            f"{where}: the region reaches {beyond.max():.1f} voxels outside the image along "
            f"{'xyz'[int(beyond.argmax())]}; the mask belongs to another or a larger image"
        )


def _nearest(labels: np.ndarray, own: Grid, image: Grid) -> np.ndarray:
    import SimpleITK

    from causalimg.imaging.itk import one_thread

    source = SimpleITK.GetImageFromArray(labels)
    place(source, own)
    with one_thread():
        moved = SimpleITK.Resample(
            source,
            [int(length) for length in image.shape[::-1]],
            SimpleITK.Transform(),
            SimpleITK.sitkNearestNeighbor,
            [float(place) for place in image.origin],
            [float(step) for step in image.spacing[::-1]],
            np.ravel(image.direction).tolist(),
            0.0,
            source.GetPixelID(),
        )
    return np.asarray(SimpleITK.GetArrayFromImage(moved))


def place(image: Any, grid: Grid) -> None:
    """Give a SimpleITK image the spacing, origin and direction of a grid."""
    image.SetSpacing([float(step) for step in grid.spacing[::-1]])
    image.SetOrigin([float(number) for number in grid.origin])
    image.SetDirection(np.ravel(grid.direction).tolist())


def shown(numbers: Any) -> str:
    """Return numbers as text, ``(1, 0.5, 3.27)``."""
    return "(" + ", ".join(f"{float(number):.6g}" for number in numbers) + ")"
