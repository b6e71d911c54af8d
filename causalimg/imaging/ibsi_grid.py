"""Resample as the IBSI prescribes: a grid with the centre of the old one, a thresholded mask.

The new grid shares its centre with the old one (not its first voxel), has ``ceil(n * old / new)``
voxels along an axis, and image and mask are interpolated each in its own way: the image linearly
or by a cubic B-spline and then, where intensities are counts such as HU, rounded; the mask
linearly and then thresholded. Outside the old grid the nearest voxel goes on.

References
----------
Zwanenburg A et al. Image biomarker standardisation initiative, reference manual, section 2.4.
https://doi.org/10.48550/arXiv.1612.07003
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from causalimg.errors import GeometryError, InvalidInputError
from causalimg.imaging.volume import ImageMask, crop

ORDERS = {"linear": 1, "cubic": 3}
_COUNT_SLACK = 1e-4  # voxels; 7.00000001 voxels are seven
_MASK_SLACK = 1e-6  # 0.5 reached by another rounding still is 0.5
_CUBIC_REACH = 24  # voxels; the recursive filter of the spline has faded to 1e-13 by then


@dataclass(frozen=True)
class AxisGrid:
    """The new positions along one axis, in units of old voxels: ``start + step * index``."""

    size: int
    start: float
    step: float

    @classmethod
    def centred(cls, size: int, old: float, new: float) -> AxisGrid:
        """Return the axis with spacing ``new`` [mm] that shares its centre with the old one.

        Examples
        --------
        >>> axis = AxisGrid.centred(60, 3.0, 2.0)
        >>> axis.size, round(axis.start, 4), round(axis.step, 4)
        (90, -0.1667, 0.6667)
        """
        count = max(1, math.ceil(size * old / new - _COUNT_SLACK))
        step = new / old
        return cls(count, (size - 1) / 2 - (count - 1) / 2 * step, step)

    def positions(self, first: int, stop: int) -> np.ndarray:
        """Return the positions of the new voxels ``first`` to ``stop - 1``."""
        return self.start + self.step * np.arange(first, stop)

    def covering(self, low: float, high: float) -> tuple[int, int]:
        """Return first and last-plus-one index whose positions lie within ``[low, high]``."""
        first = math.ceil((low - self.start) / self.step - _COUNT_SLACK)
        last = math.floor((high - self.start) / self.step + _COUNT_SLACK)
        return max(0, min(first, self.size - 1)), max(1, min(last + 1, self.size))


def resample_centred(
    scan: ImageMask,
    spacing: tuple[float, float, float],
    *,
    image_interpolation: str = "linear",
    mask_threshold: float = 0.5,
    round_intensities: bool = False,
    margin: float | None = None,
) -> ImageMask:
    """Resample image and mask onto the centre-aligned grid.

    Parameters
    ----------
    scan : ImageMask
        The whole image: where the new grid lies follows from its extent.
    spacing : tuple of float, (z, y, x) [mm]
        New voxel spacing; 0 keeps an axis as it is (``(0, 2, 2)`` resamples in the slice only).
    image_interpolation : str
        ``"linear"`` or ``"cubic"`` (B-spline).
    mask_threshold : float
        A new voxel belongs to the region if the linearly interpolated mask reaches this share.
    round_intensities : bool
        Round the new intensities to whole numbers.
    margin : float, optional
        Only the box of the region and this distance [mm] around it are computed. None: all.

    Returns
    -------
    ImageMask
        With a float64 image; spacing and origin are those of the new grid.

    Raises
    ------
    InvalidInputError
        If an argument is outside what it may be, or a voxel within reach is NaN or infinite.
    GeometryError
        If nothing of the region is left on the new grid.

    Examples
    --------
    >>> mask = np.zeros((3, 4, 4), dtype=bool)
    >>> mask[1, 1:3, 1:3] = True
    >>> scan = ImageMask(np.arange(48.0).reshape(3, 4, 4), mask, (1.0, 1.0, 1.0))
    >>> fine = resample_centred(scan, (1.0, 0.5, 0.5))
    >>> fine.image.shape, fine.origin, fine.n_voxels
    ((3, 8, 8), (-0.25, -0.25, 0.0), 16)
    """
    order = _check(spacing, image_interpolation, mask_threshold, margin)
    target = tuple(
        float(new) if new else old for new, old in zip(spacing, scan.spacing, strict=True)
    )
    if all(
        math.isclose(new, old, rel_tol=1e-9) for new, old in zip(target, scan.spacing, strict=True)
    ):
        image = scan.image.astype(np.float64)
        return replace(scan, image=np.rint(image) if round_intensities else image)
    axes = [
        AxisGrid.centred(size, old, new)
        for size, old, new in zip(scan.image.shape, scan.spacing, target, strict=True)
    ]
    start = (0, 0, 0)
    windows = [(0, axis.size) for axis in axes]
    source = scan
    if margin is not None:
        windows = [
            axis.covering(low - 1 - margin / old, high + margin / old)
            for axis, (low, high), old in zip(axes, scan.bounds(), scan.spacing, strict=True)
        ]
        source, start = _within_reach(scan, axes, windows, order)
    if source.image.dtype.kind == "f" and not np.isfinite(source.image).all():
        raise InvalidInputError(
            f"case {scan.case_id!r}, column 'image': {int((~np.isfinite(source.image)).sum())} "
            "voxels near the mask are NaN or infinite, and interpolation would spread them into "
            "it; fill them first"
        )
    image = _interpolate(source.image, axes, windows, start, order)
    share = _interpolate(source.mask, axes, windows, start, ORDERS["linear"])
    mask = share >= mask_threshold - _MASK_SLACK
    if not mask.any():
        raise GeometryError(
            f"case {scan.case_id!r}, column 'mask': none of its {scan.n_voxels} voxels is left "
            f"at a spacing of {target} [mm] (z, y, x); resample to smaller voxels"
        )
    corner = np.array(
        [axis.positions(*window)[0] for axis, window in zip(axes, windows, strict=True)]
    )
    x, y, z = np.asarray(scan.origin) + np.asarray(scan.direction) @ (
        corner[::-1] * np.array(scan.spacing[::-1])
    )
    return replace(
        scan,
        image=np.rint(image) if round_intensities else image,
        mask=mask,
        spacing=(target[0], target[1], target[2]),
        origin=(float(x), float(y), float(z)),
    )


def _check(
    spacing: tuple[float, float, float],
    image_interpolation: str,
    mask_threshold: float,
    margin: float | None,
) -> int:
    if len(spacing) != 3 or not all(0 <= step < math.inf for step in spacing):
        raise InvalidInputError(f"spacing={spacing}: (z, y, x) [mm], 0 to keep an axis")
    if image_interpolation not in ORDERS:
        raise InvalidInputError(
            f"image_interpolation={image_interpolation!r}: one of {', '.join(ORDERS)}"
        )
    if not 0 < mask_threshold <= 1:
        raise InvalidInputError(f"mask_threshold={mask_threshold}: a share above 0, at most 1")
    if margin is not None and not 0 <= margin < math.inf:
        raise InvalidInputError(f"margin={margin}: a distance [mm], or None for the whole image")
    return ORDERS[image_interpolation]


def _within_reach(
    scan: ImageMask, axes: list[AxisGrid], windows: list[tuple[int, int]], order: int
) -> tuple[ImageMask, tuple[int, int, int]]:
    """Cut the old image to what the new voxels are made of; say where the cut starts."""
    reach = _CUBIC_REACH if order == ORDERS["cubic"] else 1
    margins = []
    for axis, (first, stop), (low, high) in zip(axes, windows, scan.bounds(), strict=True):
        least = math.floor(axis.start + axis.step * first) - reach
        most = math.ceil(axis.start + axis.step * (stop - 1)) + reach
        margins.append(max(0, low - least, most - (high - 1)))
    z, y, x = (max(0, low - m) for m, (low, _) in zip(margins, scan.bounds(), strict=True))
    return crop(scan, (margins[0], margins[1], margins[2])), (z, y, x)


def _interpolate(
    array: np.ndarray,
    axes: list[AxisGrid],
    windows: list[tuple[int, int]],
    start: tuple[int, int, int],
    order: int,
) -> np.ndarray:
    """Interpolate along one axis after the other; the nearest voxel goes on outside."""
    values = array.astype(np.float64)
    for axis in sorted(range(3), key=lambda k: -axes[k].step):  # those that grow come last
        places = axes[axis].positions(*windows[axis])
        base = np.floor(places)
        share = places - base  # before the shift, so that a cut image gives the same bits
        first = base.astype(np.intp) - start[axis]
        if share.any() or not np.array_equal(first, np.arange(values.shape[axis])):
            along = _linear if order == ORDERS["linear"] else _cubic
            values = along(values, first, share, axis)
    return values


def _linear(values: np.ndarray, first: np.ndarray, share: np.ndarray, axis: int) -> np.ndarray:
    last = values.shape[axis] - 1
    low: np.ndarray = values.take(np.clip(first, 0, last), axis)
    high = values.take(np.clip(first + 1, 0, last), axis)
    weight = _along(share, axis)
    low *= 1 - weight
    high *= weight
    low += high
    return low


def _cubic(values: np.ndarray, first: np.ndarray, share: np.ndarray, axis: int) -> np.ndarray:
    """Interpolate by the cubic B-spline through the voxels of each line."""
    from scipy import ndimage

    widths = [(0, 0)] * values.ndim
    widths[axis] = (_CUBIC_REACH, _CUBIC_REACH)
    line = np.pad(values, widths, mode="edge")
    line = ndimage.spline_filter1d(line, order=3, axis=axis, output=np.float64, mode="mirror")
    last = line.shape[axis] - 1
    weights = (
        (1 - share) ** 3 / 6,
        (4 - 6 * share**2 + 3 * share**3) / 6,
        (1 + 3 * share + 3 * share**2 - 3 * share**3) / 6,
        share**3 / 6,
    )
    shape = list(values.shape)
    shape[axis] = len(first)
    mixed = np.zeros(shape)
    for shift, weight in zip((-1, 0, 1, 2), weights, strict=True):
        tap = line.take(np.clip(first + shift + _CUBIC_REACH, 0, last), axis)
        tap *= _along(weight, axis)
        mixed += tap
    return mixed


def _along(numbers: np.ndarray, axis: int) -> np.ndarray:
    """Return the numbers so shaped that they broadcast along one axis of a volume."""
    shape = [1, 1, 1]
    shape[axis] = -1
    return numbers.reshape(shape)
