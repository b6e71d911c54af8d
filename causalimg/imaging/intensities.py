"""Intensities read a window at a time, normalised on the way.

Normalisation needs the mean and the standard deviation of the whole image, and features need the
neighbourhood of a region only: so the statistics are taken first, a few slices at a time, and only
the windows that are asked for are transformed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from causalimg.errors import InvalidInputError

_AT_A_TIME = 1 << 20


@dataclass(frozen=True)
class Intensities:
    """An image and a linear transform of its intensities that is applied when it is read.

    Parameters
    ----------
    image : ndarray, shape (z, y, x)
    mean, deviation : float
        Subtracted, and divided by; 0 and 1 leave the intensities as they are.
    scale : float
        Factor after that.
    clip : float or None
        Largest size, in standard deviations, before ``scale``.
    """

    image: np.ndarray
    mean: float = 0.0
    deviation: float = 1.0
    scale: float = 1.0
    clip: float | None = None

    @classmethod
    def normalised(
        cls, image: np.ndarray, *, scale: float, clip: float | None = None, case_id: str = ""
    ) -> Intensities:
        """Normalise by the mean and the standard deviation (over n - 1) of the whole image.

        Raises
        ------
        InvalidInputError
            If voxels are NaN or infinite, or all are equal.

        Examples
        --------
        >>> two = Intensities.normalised(np.array([[[1, 3]]], dtype=np.int16), scale=1.0)
        >>> two.all().round(4)
        array([[[-0.7071,  0.7071]]])
        """
        flat = image.reshape(-1)
        blocks = [flat[k : k + _AT_A_TIME] for k in range(0, flat.size, _AT_A_TIME)]
        total = math.fsum(float(block.sum(dtype=np.float64)) for block in blocks)
        mean = total / flat.size
        if not math.isfinite(mean):
            bad = sum(int((~np.isfinite(block)).sum()) for block in blocks)
            raise InvalidInputError(
                f"case {case_id!r}, column 'image': {bad} voxels are NaN or infinite, so the "
                "image cannot be normalised; fill them first"
            )
        squares = math.fsum(
            float(((block.astype(np.float64) - mean) ** 2).sum()) for block in blocks
        )
        deviation = math.sqrt(squares / max(flat.size - 1, 1))
        if deviation == 0:
            raise InvalidInputError(
                f"case {case_id!r}, column 'image': every voxel is {float(flat[0]):g}, so the "
                "image cannot be normalised"
            )
        return cls(image, mean, deviation, scale, clip)

    @property
    def changed(self) -> bool:
        """Say whether there is a transform."""
        return (self.mean, self.deviation, self.scale) != (0.0, 1.0, 1.0)

    def of(self, values: np.ndarray) -> np.ndarray:
        """Transform intensities (to float64, if there is a transform)."""
        if not self.changed:
            return values
        z = values.astype(np.float64)
        z -= self.mean
        z *= 1 / self.deviation
        if self.clip is not None:
            np.clip(z, -self.clip, self.clip, out=z)
        z *= self.scale
        return z

    def at(self, z: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the window that the indices along each axis span; an index may come twice."""
        return self.of(self.image[np.ix_(z, y, x)])

    def window(self, box: tuple[slice, slice, slice]) -> np.ndarray:
        """Return a window."""
        return self.of(self.image[box])

    def all(self) -> np.ndarray:
        """Return the whole image."""
        return self.of(self.image)

    def largest(self) -> float:
        """Return the largest absolute intensity."""
        ends = self.of(np.array([self.image.min(), self.image.max()]))
        return float(np.abs(ends.astype(np.float64)).max())
