"""The Laplacian of Gaussian as ITK computes it, in a box only.

ITK (and so PyRadiomics) does not convolve with a Gaussian but with a recursive filter whose
response is close to one: a sum of two damped cosines (Deriche). It filters axis by axis, stores the
results in single precision, and takes the value at the end of the image to go on for ever. The
response to a single voxel is known in closed form, so what a line of voxels gives is a product with
a matrix. That needs only the lines through the box, up to where the response has died away, and it
gives ITK's result to the last bit in all but a few of ten thousand voxels.

References
----------
Deriche R. Recursively implementing the Gaussian and its derivatives. INRIA report 1893, 1993.
https://hal.science/inria-00074778
Farneback G, Westin CF. Improving Deriche-style recursive Gaussian filters. JMIV 2006.
https://doi.org/10.1007/s10851-006-8464-z
"""

from __future__ import annotations

import math

import numpy as np

from causalimg.imaging.intensities import Intensities

Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]

# (a cos(w t) + b sin(w t)) exp(-d t), two terms, for the smoothing and the second derivative
_FREQUENCY, _DECAY = np.array([0.6681, 2.0787]), np.array([1.3932, 1.3732])
_COSINE = {0: np.array([1.3530, -0.3531]), 2: np.array([-1.3563, 0.3446])}
_SINE = {0: np.array([1.8151, 0.0902]), 2: np.array([5.2318, -2.2355])}
REACH = 20.0
_TAIL = 32.0
_BLOCK = 1 << 21


def laplacian_of_gaussian(
    source: Intensities, box: Box, spacing: tuple[float, float, float], sigma: float
) -> np.ndarray:
    """Return sigma^2 times the Laplacian of the smoothed image, in a box.

    Parameters
    ----------
    source : Intensities
    box : three pairs of int
        First and last-plus-one index along z, y and x.
    spacing : tuple of float, (z, y, x) [mm]
    sigma : float
        Width of the smoothing [mm].

    Returns
    -------
    ndarray of float32

    Examples
    --------
    >>> ramp = np.arange(40.0).reshape(1, 1, 40) + np.zeros((8, 8, 1))
    >>> around = ((2, 6), (2, 6), (18, 22))
    >>> found = laplacian_of_gaussian(Intensities(ramp), around, (1.0, 1.0, 1.0), 1.0)
    >>> found.shape, bool(abs(found).max() < 1e-3)
    ((4, 4, 4), True)
    """
    reach = [math.ceil(REACH * sigma / step) for step in spacing]
    window, inner = [], []
    for (first, stop), extra, length in zip(box, reach, source.image.shape, strict=True):
        low, high = max(0, first - extra), min(length, stop + extra)
        window.append(slice(low, high))
        inner.append((first - low, stop - low, high - low))
    data = source.window((window[0], window[1], window[2]))
    matrix = {
        (axis, order): response(order, sigma / spacing[axis], *inner[axis])
        for axis in range(3)
        for order in (0, 2)
    }
    total = np.zeros(tuple(stop - first for first, stop in box), dtype=np.float32)
    for axis in (2, 1, 0):
        part = _along(data, matrix[axis, 2] * sigma**2, axis)
        for other in (2, 1, 0):
            if other != axis:
                part = _along(part, matrix[other, 0], other)
        total = (total + part.astype(np.float64) / spacing[axis] ** 2).astype(np.float32)
    return total


def response(order: int, sigma: float, first: int, stop: int, length: int) -> np.ndarray:
    """Return the matrix that filters a line of voxels.

    Parameters
    ----------
    order : {0, 2}
        Smoothing, or second derivative.
    sigma : float
        [voxels]
    first, stop : int
        The voxels that are wanted.
    length : int
        Number of voxels of the line; its ends go on for ever.

    Returns
    -------
    ndarray, shape (stop - first, length)

    Examples
    --------
    >>> response(0, 2.0, 3, 5, 20).sum(axis=1).round(9)
    array([1., 1.])
    """
    half = _half_response(order, sigma, max(length, math.ceil(_TAIL * sigma)) + 1)
    beyond = half[::-1].cumsum()[::-1]
    wanted = np.arange(first, stop)
    matrix: np.ndarray = half[np.abs(wanted[:, None] - np.arange(length))]
    if length == 1:
        return np.full((stop - first, 1), 2 * beyond[0] - half[0])
    matrix[:, 0] = beyond[wanted]
    matrix[:, -1] = beyond[length - 1 - wanted]
    return matrix


def _half_response(order: int, sigma: float, length: int) -> np.ndarray:
    """Return the response at distances 0, 1, 2 ... [voxels]; it is the same on both sides.

    The smoothing sums to 1. The second derivative sums to 0, by adding some of the smoothing, and
    gives 2 for a parabola x^2.
    """
    smooth = _damped(0, sigma, length)
    if order == 0:
        return np.asarray(smooth / (2 * smooth.sum() - smooth[0]))
    curve = _damped(2, sigma, length)
    curve -= smooth * (2 * curve.sum() - curve[0]) / (2 * smooth.sum() - smooth[0])
    distance = np.arange(length, dtype=np.float64)
    return np.asarray(curve / (distance * distance * curve).sum())


def _damped(order: int, sigma: float, length: int) -> np.ndarray:
    t = (np.arange(length) / sigma)[:, None]
    wave = _COSINE[order] * np.cos(_FREQUENCY * t) + _SINE[order] * np.sin(_FREQUENCY * t)
    return np.asarray((wave * np.exp(-_DECAY * t)).sum(axis=1))


def _along(data: np.ndarray, matrix: np.ndarray, axis: int) -> np.ndarray:
    """Multiply every line along an axis by a matrix; in double precision, kept in single."""
    shape = list(data.shape)
    shape[axis] = len(matrix)
    result = np.empty(shape, dtype=np.float32)
    over = 1 if axis == 0 else 0
    lines = max(1, _BLOCK * data.shape[over] // max(data.size, 1))
    for start in range(0, data.shape[over], lines):
        if axis == 0:
            cut = data[:, start : start + lines].astype(np.float64)
            flat = matrix @ cut.reshape(len(cut), -1)
            result[:, start : start + lines] = flat.reshape(-1, *cut.shape[1:])
        else:
            cut = data[start : start + lines].astype(np.float64)
            if axis == 2:
                flat = cut.reshape(-1, cut.shape[2]) @ matrix.T
                result[start : start + lines] = flat.reshape(*cut.shape[:2], -1)
            else:
                result[start : start + lines] = matrix @ cut
    return result
