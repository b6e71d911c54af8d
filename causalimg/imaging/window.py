"""How much of an image around a region is needed, and the window of voxels that follows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Bounds = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Reach:
    """How far around a region something looks at the image.

    Parameters
    ----------
    voxels : int
        Along every axis.
    length : float [mm]
        Along every axis; the larger of the two counts.
    wrapping : int
        Voxels that something looks at which goes on at the other end of the image where it
        leaves it: an axis whose end is within them is needed whole.

    Examples
    --------
    >>> Reach(voxels=1, length=6.0).window(((4, 5), (9, 11), (0, 3)), (30, 30, 4), (3.0, 2.0, 1.0))
    ((2, 7), (6, 14), (0, 4))
    >>> Reach(wrapping=2).window(((4, 5), (9, 11), (0, 3)), (30, 30, 9), (3.0, 2.0, 1.0))
    ((2, 7), (7, 13), (0, 9))
    """

    voxels: int = 0
    length: float = 0.0
    wrapping: int = 0

    def window(
        self, bounds: Bounds, shape: Sequence[int], spacing: Sequence[float]
    ) -> tuple[tuple[int, int], ...]:
        """Return first and last-plus-one index, along z, y and x, of what is needed.

        Parameters
        ----------
        bounds : three pairs of int
            Of the region.
        shape : sequence of int, (z, y, x)
            Of the image.
        spacing : sequence of float, (z, y, x) [mm]
        """
        return tuple(
            self._along(first, stop, length, step)
            for (first, stop), length, step in zip(bounds, shape, spacing, strict=True)
        )

    def joined(self, other: Reach) -> Reach:
        """Return a reach that covers both.

        Examples
        --------
        >>> Reach(voxels=4).joined(Reach(voxels=1, length=15.0))
        Reach(voxels=4, length=15.0, wrapping=0)
        """
        return Reach(
            max(self.voxels, other.voxels),
            max(self.length, other.length),
            max(self.wrapping, other.wrapping),
        )

    def _along(self, first: int, stop: int, length: int, step: float) -> tuple[int, int]:
        if self.wrapping and (first < self.wrapping or stop + self.wrapping > length):
            return 0, length
        extra = max(self.voxels, math.ceil(self.length / step), self.wrapping)
        return max(0, first - extra), min(length, stop + extra)
