"""Local binary patterns of the slices of an image.

Around each pixel, the image is sampled at points of a circle (bilinear interpolation, 0 outside);
a bit says whether the sample is at least as bright as the pixel. ``uniform`` counts the bits where
at most two change around the circle, and gives the number of samples plus one otherwise;
``default`` reads the bits as a number.

References
----------
Ojala T, Pietikainen M, Maenpaa T. Multiresolution gray-scale and rotation invariant texture
classification with local binary patterns. IEEE TPAMI 2002.
https://doi.org/10.1109/TPAMI.2002.1017623
"""

from __future__ import annotations

import math

import numpy as np

from causalimg.imaging.intensities import Intensities
from causalimg.radiomics.filters import Box


def local_binary_patterns(
    source: Intensities,
    box: Box,
    *,
    radius: float = 1.0,
    samples: int = 8,
    method: str = "uniform",
    across: int = 0,
) -> np.ndarray:
    """Return the patterns of each slice, in a box.

    Parameters
    ----------
    source : Intensities
    box : three pairs of int
    radius : float
        Of the circle [pixels].
    samples : int
        Number of points on it.
    method : {"uniform", "default"}
    across : {0, 1, 2}
        Axis (z, y, x) across the slices.

    Examples
    --------
    >>> image = np.zeros((1, 5, 5))
    >>> image[0, 2, 2] = 1.0
    >>> local_binary_patterns(Intensities(image), ((0, 1), (1, 4), (1, 4)))[0].astype(int)
    array([[8, 8, 8],
           [8, 0, 8],
           [8, 8, 8]])
    """
    inner: tuple[slice, ...] = tuple(
        slice(None) if axis == across else slice(0, stop - first)
        for axis, (first, stop) in enumerate(box)
    )
    reach = math.ceil(radius) + 1
    data = _zero_padded(source, box, reach, across)
    rows, columns = (axis for axis in range(3) if axis != across)
    size = [stop - first for first, stop in box]
    centre = _shifted(data, (rows, columns), (reach, reach), size)
    angle = 2 * np.pi * np.arange(samples) / samples
    bits = []
    for down, along in zip(-radius * np.sin(angle), radius * np.cos(angle), strict=True):
        y, x = round(float(down), 5), round(float(along), 5)
        top, left = math.floor(y), math.floor(x)
        v = _share(box[rows], y, rows)
        u = _share(box[columns], x, columns)
        corners = [
            [
                _shifted(data, (rows, columns), (reach + top + dy, reach + left + dx), size)
                for dx in (0, 1)
            ]
            for dy in (0, 1)
        ]
        above, below = ((1 - u) * one + u * other for one, other in corners)
        bits.append((1 - v) * above + v * below >= centre)
    pattern = np.array(bits)
    if method == "default":
        return np.asarray(np.tensordot(2.0 ** np.arange(samples), pattern, axes=1)[inner])
    changes = (pattern[1:] != pattern[:-1]).sum(axis=0)
    return np.where(changes <= 2, pattern.sum(axis=0), samples + 1)[inner].astype(np.float64)


def _share(ends: tuple[int, int], shift: float, axis: int) -> np.ndarray:
    """Return how far a sample lies beyond a pixel, along an axis; to the bit, since ties count."""
    place = np.arange(*ends) + shift
    shape = [1, 1, 1]
    shape[axis] = len(place)
    return np.asarray(place - np.floor(place)).reshape(shape)


def _zero_padded(source: Intensities, box: Box, reach: int, across: int) -> np.ndarray:
    """Return the box with a margin in the plane; 0 beyond the image."""
    window, missing = [], []
    for axis, ((first, stop), length) in enumerate(zip(box, source.image.shape, strict=True)):
        extra = 0 if axis == across else reach
        low, high = max(0, first - extra), min(length, stop + extra)
        window.append(slice(low, high))
        missing.append((low - first + extra, stop + extra - high))
    data = source.window((window[0], window[1], window[2])).astype(np.float64)
    return np.pad(data, missing)


def _shifted(
    data: np.ndarray, axes: tuple[int, int], start: tuple[int, int], size: list[int]
) -> np.ndarray:
    index: list[slice] = [slice(None)] * 3
    for axis, first in zip(axes, start, strict=True):
        index[axis] = slice(first, first + size[axis])
    return np.asarray(data[tuple(index)])
