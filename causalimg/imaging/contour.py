"""Fill planar contours on a grid of pixels: the pixel-centre rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_DECIMALS = 6  # contours are snapped to a millionth of a pixel, so that text rounding has no say


def fill_contours(
    contours: Sequence[tuple[int, np.ndarray]], shape: tuple[int, int, int]
) -> np.ndarray:
    """Return the voxels whose centres lie inside an odd number of contours.

    The rule. A pixel belongs to the region if its centre does. A centre is inside a polygon if a
    ray from it to the left crosses the polygon's edges an odd number of times; a centre that lies
    exactly on an edge belongs to the polygon on its right or below (larger x or y), so that two
    regions with a common edge share no pixel and leave none out. The contours of one slice are
    combined by exclusive or: a contour inside another is a hole, a third inside that one an
    island. A keyhole (one contour that runs to its inner ring and back along the same line) needs
    nothing more, as the two runs cancel.

    Parameters
    ----------
    contours : sequence of (int, ndarray of shape (n, 2))
        Slice index and corners (x, y) in pixels, where pixel (0, 0) has its centre at (0, 0).
        A polygon is closed from its last corner to its first.
    shape : tuple of int, (z, y, x)

    Returns
    -------
    ndarray of bool, shape (z, y, x)

    Examples
    --------
    >>> square = np.array([[0.5, 0.5], [2.5, 0.5], [2.5, 2.5], [0.5, 2.5]])
    >>> fill_contours([(0, square)], (1, 4, 4))[0].astype(int)
    array([[0, 0, 0, 0],
           [0, 1, 1, 0],
           [0, 1, 1, 0],
           [0, 0, 0, 0]])
    """
    n_slices, n_rows, n_columns = shape
    mask = np.zeros(shape, dtype=bool)
    by_slice: dict[int, list[np.ndarray]] = {}
    for k, corners in contours:
        if 0 <= k < n_slices:
            by_slice.setdefault(k, []).append(np.asarray(corners, dtype=np.float64))
    for k, drawn in by_slice.items():
        crossings = np.zeros(n_rows * n_columns, dtype=np.int64)
        for corners in drawn:
            rows, x = _crossings(np.round(corners, _DECIMALS), n_rows)
            first = np.maximum(np.ceil(x), 0.0)
            seen = first < n_columns
            np.add.at(crossings, rows[seen] * n_columns + first[seen].astype(np.int64), 1)
        odd = (crossings & 1).astype(bool).reshape(n_rows, n_columns)
        mask[k] = np.logical_xor.accumulate(odd, axis=1)
    return mask


def _crossings(corners: np.ndarray, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return row and x of every place where a polygon's edge crosses the centre line of a row."""
    start, stop = corners, np.roll(corners, -1, axis=0)
    turned = start[:, 1] > stop[:, 1]  # an edge is the same edge whichever way it is walked
    low = np.where(turned[:, None], stop, start)
    high = np.where(turned[:, None], start, stop)
    first = np.clip(np.ceil(low[:, 1]), 0, n_rows).astype(np.int64)
    last = np.clip(np.ceil(high[:, 1]), 0, n_rows).astype(np.int64)
    count = last - first
    edge = np.repeat(np.arange(len(corners)), count)
    rows = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    a, b = low[edge], high[edge]
    x = a[:, 0] + (rows - a[:, 1]) * (b[:, 0] - a[:, 0]) / (b[:, 1] - a[:, 1])
    return rows, np.round(x, _DECIMALS)
