"""A small picture of a region: one slice around it, in grey levels, and the region's outline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError
from causalimg.imaging.outline import outlines
from causalimg.imaging.volume import ImageMask
from causalimg.imaging.window import Reach

MARGIN = 15.0
_LEAST_VOXELS = 4
REACH = Reach(voxels=_LEAST_VOXELS, length=MARGIN)
"""How much of the image around a region a picture looks at."""

_LEVELS = 64
_PERCENTILES = (1.0, 99.0)


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """A slice around a region, made small.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (rows, columns)
    outline : tuple of ndarray of int16, shape (k, 2)
        Corners (x, y) of the region's outlines, in edges of these pixels; see
        `causalimg.imaging.outline.outlines`.
    size : tuple of float, (height, width) [mm]
    position : float [mm]
        Of the slice along its normal, in patient coordinates.
    window : tuple of float
        Intensities that are shown as black and as white.
    """

    pixels: NDArray[np.uint8]
    outline: tuple[NDArray[np.int16], ...]
    size: tuple[float, float]
    position: float
    window: tuple[float, float]


def thumbnail(scan: ImageMask, *, side: int = 96) -> Thumbnail:
    """Make a small picture of the slice in which the region has its largest area.

    Around the region it shows a margin of half the region's longer side, and more across the
    shorter one to make the picture square: at least four voxels, at most 15 mm, as far as the
    image goes. A part with more than ``side`` pixels is averaged down. Black and white are the
    first and the 99th percentile of what is shown.

    Parameters
    ----------
    scan : ImageMask
    side : int
        Most pixels of the longer side.

    Raises
    ------
    InvalidInputError
        If the region is empty, or ``side`` is below 8.

    Examples
    --------
    >>> image = np.arange(900.0).reshape(1, 30, 30)
    >>> mask = np.zeros(image.shape, dtype=bool)
    >>> mask[0, 10:14, 12:20] = True
    >>> small = thumbnail(ImageMask(image, mask, (3.0, 1.0, 1.0)))
    >>> small.pixels.shape, small.size, [corners.tolist() for corners in small.outline]
    ((16, 16), (16.0, 16.0), [[[4, 6], [12, 6], [12, 10], [4, 10]]])
    """
    if side < 8:
        raise InvalidInputError(f"side={side}: a picture has at least 8 pixels a side")
    areas = scan.mask.sum(axis=(1, 2))
    if not areas.any():
        raise InvalidInputError(f"case {scan.case_id!r}: the region is empty, so it has no picture")
    number = int(np.argmax(areas))
    region = scan.mask[number]
    rows, columns = _around(region, scan.spacing[1:])
    shown = scan.image[number, rows, columns].astype(np.float64)
    inside = region[rows, columns].astype(np.float64)
    height = shown.shape[0] * scan.spacing[1]
    width = shown.shape[1] * scan.spacing[2]
    longest = max(height, width)
    shape = (
        min(shown.shape[0], max(1, round(side * height / longest))),
        min(shown.shape[1], max(1, round(side * width / longest))),
    )
    window = _window(shown)
    covered = averaged(inside, shape)
    small = covered >= min(0.5, covered.max())
    known = np.nan_to_num(np.clip(shown, *window), nan=window[0])
    return Thumbnail(
        pixels=_grey(averaged(known, shape), window),
        outline=outlines(small),
        size=(float(height), float(width)),
        position=_position(scan, number),
        window=window,
    )


def averaged(values: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Average an array over equal areas, to a shape that is not larger than its own.

    Parameters
    ----------
    values : ndarray, shape (rows, columns)
    shape : tuple of int

    Examples
    --------
    >>> averaged(np.array([[1.0, 2.0, 6.0]]), (1, 2)).round(2).tolist()
    [[1.33, 4.67]]
    """
    down, across = (_shares(n, m) for n, m in zip(values.shape, shape, strict=True))
    return down @ values @ across.T


def _shares(n: int, m: int) -> NDArray[np.float64]:
    """Return what each of ``m`` equal parts of a length takes from each of ``n``."""
    edges = np.linspace(0.0, n, m + 1)
    start = np.arange(n)
    overlap = np.minimum(edges[1:, None], start + 1) - np.maximum(edges[:-1, None], start)
    return np.asarray(np.clip(overlap, 0.0, None) * (m / n))


def _around(region: NDArray[np.bool_], spacing: tuple[float, float]) -> tuple[slice, slice]:
    spans = []
    for axis in (1, 0):
        there = np.flatnonzero(region.any(axis=axis))
        spans.append((int(there[0]), int(there[-1]) + 1))
    longest = max((b - a) * step for (a, b), step in zip(spans, spacing, strict=True))
    cuts = []
    for (a, b), step, length in zip(spans, spacing, region.shape, strict=True):
        room = (longest - (b - a) * step) / 2
        extra = max(_LEAST_VOXELS, round((min(MARGIN, longest / 2) + room) / step))
        extra = min(extra, max(_LEAST_VOXELS, round(MARGIN / step)))
        cuts.append(slice(max(0, a - extra), min(length, b + extra)))
    return cuts[0], cuts[1]


def _window(shown: NDArray[np.float64]) -> tuple[float, float]:
    known = shown[np.isfinite(shown)]
    if not known.size:
        return 0.0, 0.0
    low, high = np.percentile(known, _PERCENTILES)
    return float(low), float(high)


def _grey(values: NDArray[np.float64], window: tuple[float, float]) -> NDArray[np.uint8]:
    low, high = window
    if not high > low:
        return np.full(values.shape, 128, dtype=np.uint8)
    level = np.round((values - low) / (high - low) * (_LEVELS - 1))
    return np.asarray(np.round(level * (255 / (_LEVELS - 1))), dtype=np.uint8)


def _position(scan: ImageMask, number: int) -> float:
    across, down = (np.array([row[axis] for row in scan.direction]) for axis in (0, 1))
    along = np.array([row[2] for row in scan.direction])
    place = np.array(scan.origin) + number * scan.spacing[0] * along
    return round(float(place @ np.cross(across, down)), 3)
