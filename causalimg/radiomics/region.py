"""A region as a flat list of voxels, and the offsets to their neighbours."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from causalimg.errors import InvalidInputError

Offset = tuple[int, int, int]


def directions(dimensions: int = 3, distance: int = 1, *, across: int = 0) -> tuple[Offset, ...]:
    """Return one of each pair of opposite offsets (dz, dy, dx) at a Chebyshev distance.

    Parameters
    ----------
    dimensions : {2, 3}
        3: in the volume, 13 at distance 1; 2: in a plane, 4.
    distance : int
        Largest of |dz|, |dy| and |dx| [voxels].
    across : {0, 1, 2}
        Axis (z, y, x) that a plane does not extend along; used for ``dimensions=2``.

    Examples
    --------
    >>> directions(2)
    ((0, 0, 1), (0, 1, -1), (0, 1, 0), (0, 1, 1))
    >>> len(directions()), len(directions(distance=2))
    (13, 49)
    """
    if dimensions not in (2, 3) or distance < 1 or across not in (0, 1, 2):
        raise InvalidInputError(
            f"directions(dimensions={dimensions}, distance={distance}, across={across}): "
            "2 or 3 dimensions, a distance of at least 1, and an axis 0, 1 or 2"
        )
    steps = range(-distance, distance + 1)
    return tuple(
        (dz, dy, dx)
        for dz, dy, dx in itertools.product(steps, repeat=3)
        if (dz, dy, dx) > (0, 0, 0)
        and max(abs(dz), abs(dy), abs(dx)) == distance
        and (dimensions == 3 or (dz, dy, dx)[across] == 0)
    )


@dataclass(frozen=True)
class Region:
    """The voxels of a region in a flat, zero-padded array: a neighbour is one addition away.

    Parameters
    ----------
    shape : tuple of int
        Shape of the padded array.
    reach : int
        Width of the padding: the largest step that may be taken.
    inside : ndarray of int64, shape (n_voxels,)
        Positions of the voxels in the flat array, in array order.
    """

    shape: tuple[int, int, int]
    reach: int
    inside: np.ndarray

    @classmethod
    def of(cls, mask: np.ndarray, *, reach: int = 1) -> Region:
        """Find the voxels of a mask, in a box cut to them.

        Examples
        --------
        >>> Region.of(np.ones((1, 2, 3), dtype=bool)).shape
        (3, 4, 5)
        """
        z, y, x = np.nonzero(mask)
        if not len(z):
            raise InvalidInputError("the region is empty: no voxel lies inside it")
        low = [int(axis.min()) for axis in (z, y, x)]
        size = [int(axis.max()) - first + 1 for axis, first in zip((z, y, x), low, strict=True)]
        shape = (size[0] + 2 * reach, size[1] + 2 * reach, size[2] + 2 * reach)
        rows = (z - (low[0] - reach)) * shape[1] + (y - (low[1] - reach))
        return cls(shape, reach, rows * shape[2] + (x - (low[2] - reach)))

    def step(self, offset: Offset) -> int:
        """Return what to add to a position to go along an offset."""
        if max(map(abs, offset)) > self.reach:
            raise InvalidInputError(f"offset {offset}: the region was padded by {self.reach} only")
        return (offset[0] * self.shape[1] + offset[1]) * self.shape[2] + offset[2]

    def coordinates(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return z, y and x of every voxel, in the padded box."""
        z, y, x = np.unravel_index(self.inside, self.shape)
        return z, y, x

    def filled(self, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the flat array holding the levels of the voxels, 0 elsewhere, and the levels.

        Both in the smallest type that holds them, so that more of the array stays in the cache.
        """
        kind = np.min_scalar_type(int(levels.max()))
        flat = np.zeros(self.shape[0] * self.shape[1] * self.shape[2], dtype=kind)
        small = levels.astype(kind)
        flat[self.inside] = small
        return flat, small


def region_of_levels(levels: np.ndarray, n_levels: int, reach: int) -> tuple[Region, np.ndarray]:
    """Return the region of an array of grey levels and the levels of its voxels.

    Raises
    ------
    InvalidInputError
        If it is no integer array (z, y, x), or holds a level above ``n_levels``.
    """
    array = np.asarray(levels)
    if array.ndim != 3 or array.dtype.kind not in "iu":
        raise InvalidInputError(
            f"levels: an integer array (z, y, x) is needed, not {array.dtype} of shape "
            f"{array.shape}; 0 outside the region, 1 to n_levels inside"
        )
    region = Region.of(array > 0, reach=reach)
    inside = array[array > 0]
    if int(inside.max()) > n_levels:
        raise InvalidInputError(
            f"levels: the highest level is {int(inside.max())}, above n_levels={n_levels}"
        )
    return region, inside


def reach_of_offsets(offsets: Sequence[Offset]) -> int:
    """Return the largest step of some offsets along an axis."""
    return max(max(map(abs, offset)) for offset in offsets)
