"""Wavelet bands and other filtered images, only where they are needed: in the box of a region.

Each function gives what PyRadiomics gives on the whole image, for the voxels of a box. The wavelet
transform wraps around at the ends of the image, so its windows are read with wrapped indices.

References
----------
Daubechies I. Ten lectures on wavelets. SIAM 1992. https://doi.org/10.1137/1.9781611970104
"""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Sequence

import numpy as np

from causalimg.errors import InvalidInputError
from causalimg.imaging.intensities import Intensities

Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]

# low-pass decomposition filters
_LOW_PASS: dict[str, tuple[float, ...]] = {
    "haar": (0.7071067811865476, 0.7071067811865476),
    "coif1": (
        -0.015655728135791993,
        -0.07273261951252645,
        0.3848648468648578,
        0.8525720202116004,
        0.3378976624574818,
        -0.07273261951252645,
    ),
}
_COIF1_SINGLE = 0.852571964263916


def wavelet_filters(name: str, *, single: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return the low- and the high-pass decomposition filter of a wavelet.

    ``coif1`` and ``haar`` are built in; others are taken from PyWavelets where it is installed.

    Parameters
    ----------
    name : str
    single : bool
        For an image in single precision, where PyWavelets' table has another last bit.

    Raises
    ------
    InvalidInputError
        If the wavelet is not known.

    Examples
    --------
    >>> low, high = wavelet_filters("haar")
    >>> bool(abs(low @ high) < 1e-15)
    True
    """
    if name in _LOW_PASS:
        low = np.array(_LOW_PASS[name])
        if single and name == "coif1":
            low[3] = _COIF1_SINGLE
        signs = np.where(np.arange(len(low)) % 2, 1.0, -1.0)
        return low, signs * low[::-1]
    if importlib.util.find_spec("pywt") is None:
        raise InvalidInputError(
            f"image_types: 'wavelet' has wavelet={name!r}; 'coif1' and 'haar' are built in, and "
            "the others need PyWavelets: pip install PyWavelets"
        )
    try:
        wavelet = importlib.import_module("pywt").Wavelet(name)
    except ValueError as error:
        raise InvalidInputError(f"image_types: 'wavelet' has wavelet={name!r}: {error}") from error
    return np.array(wavelet.dec_lo), np.array(wavelet.dec_hi)


def wavelet_bands(
    source: Intensities,
    box: Box,
    *,
    wavelet: str = "coif1",
    level: int = 1,
    start_level: int = 0,
    axes: Sequence[int] = (2, 1, 0),
) -> dict[str, np.ndarray]:
    """Return the bands of the undecimated wavelet transform in a box.

    Each level filters the approximation of the one before with the same filters, and the image is
    continued periodically; where its length along an axis is odd, the first voxel is repeated at
    the end.

    Parameters
    ----------
    source : Intensities
    box : three pairs of int
        First and last-plus-one index along z, y and x.
    wavelet : str
    level : int
        Number of levels whose bands are wanted.
    start_level : int
        Levels before them.
    axes : sequence of int
        The axes that are filtered, in the order of the letters of a band's name.

    Returns
    -------
    dict of str to ndarray
        ``wavelet-HLL`` ... of level one, ``wavelet2-HLL`` ... of the next; the low-pass band of the
        last level comes last.

    Examples
    --------
    >>> flat = Intensities(np.full((4, 4, 4), 2.0))
    >>> bands = wavelet_bands(flat, ((1, 3), (1, 3), (1, 3)), wavelet="haar")
    >>> len(bands), bands["wavelet-LLL"].shape, round(float(bands["wavelet-LLL"][0, 0, 0]), 6)
    (8, (2, 2, 2), 5.656854)
    """
    single = source.image.dtype == np.float32 and not source.changed
    low, high = wavelet_filters(wavelet, single=single)
    half = len(low) // 2
    steps = level + start_level
    indices, places, periods = [], [], []
    for axis, (first, stop) in enumerate(box):
        reach = steps if axis in axes else 0
        length = source.image.shape[axis]
        period = length + length % 2
        around = np.arange(first - (len(low) - 1 - half) * reach, stop + half * reach) % period
        indices.append(np.where(around == length, 0, around))
        places.append(around)
        periods.append(period)
    data = source.at(*indices)
    if data.dtype.kind != "f":
        data = data.astype(np.float64)
    low, high = low.astype(data.dtype), high.astype(data.dtype)
    bands: dict[str, np.ndarray] = {}
    for step in range(steps):
        trim = steps - 1 - step
        inner = tuple(
            slice((len(low) - 1 - half) * trim, -half * trim)
            if trim and axis in axes
            else slice(None)
            for axis in range(3)
        )
        only_low = step < start_level
        parts = {"": data}
        for axis in axes:
            places[axis] = places[axis][len(low) - 1 - half : len(places[axis]) - half]
            wrapped = places[axis] + half - periods[axis] + 1
            finer = {}
            for name, part in parts.items():
                finer[f"{name}L"] = _filtered(part, low, axis, wrapped)
                if not only_low:
                    finer[f"{name}H"] = _filtered(part, high, axis, wrapped)
            parts = finer
        data = parts.pop("L" * len(axes))
        number = step - start_level + 1
        prefix = "wavelet" if number == 1 else f"wavelet{number}"
        bands |= {f"{prefix}-{name}": parts[name][inner] for name in sorted(parts, reverse=True)}
    bands[f"{'wavelet' if level == 1 else f'wavelet{level}'}-{'L' * len(axes)}"] = data
    return bands


def _filtered(data: np.ndarray, taps: np.ndarray, axis: int, wrapped: np.ndarray) -> np.ndarray:
    """Convolve along an axis, where the filter fits, in PyWavelets' order of addition.

    The terms are added from the first tap on; where some of them come from the beginning of the
    image (``wrapped`` counts them), those are added backwards first.
    """
    n = len(taps)
    length = data.shape[axis] - n + 1
    index: list[slice] = [slice(None)] * data.ndim

    def shifted(tap: int, first: int, number: int) -> np.ndarray:
        index[axis] = slice(n - 1 - tap + first, n - 1 - tap + first + number)
        return data[tuple(index)]

    total: np.ndarray = shifted(0, 0, length) * taps[0]
    term = np.empty_like(total)
    for tap in range(1, n):
        np.multiply(shifted(tap, 0, length), taps[tap], out=term)
        total += term
    for place in np.flatnonzero(wrapped > 2).tolist():
        number = int(wrapped[place])
        order = [*range(number - 1, -1, -1), *range(number, n)]
        one = sum(
            (shifted(tap, place, 1) * taps[tap] for tap in order[1:]),
            shifted(order[0], place, 1) * taps[order[0]],
        )
        index[axis] = slice(place, place + 1)
        total[tuple(index)] = one
    return total


def pointwise(name: str, values: np.ndarray, largest: float) -> np.ndarray:
    """Return a function of single intensities, scaled to the range of the image.

    With M the largest absolute intensity of the image: ``square`` x^2 / M, ``squareroot``
    sign(x) sqrt(|x| M), ``logarithm`` sign(x) log(|x| + 1) M / log(M + 1), ``exponential``
    exp(x log(M) / M).

    Parameters
    ----------
    name : {"square", "squareroot", "logarithm", "exponential"}
    values : ndarray
    largest : float
        M.

    Raises
    ------
    InvalidInputError
        If the whole image is 0.

    Examples
    --------
    >>> pointwise("squareroot", np.array([-4.0, 1.0]), 4.0)
    array([-4.,  2.])
    """
    if largest == 0:
        raise InvalidInputError(f"image_types: {name!r} needs an image that is not 0 everywhere")
    x = values.astype(np.float64)
    if name == "square":
        return np.asarray((1 / math.sqrt(largest) * x) ** 2)
    if name == "squareroot":
        return np.asarray(np.sign(x) * np.sqrt(np.abs(x) * largest))
    if name == "logarithm":
        return np.asarray(np.sign(x) * np.log(np.abs(x) + 1) * (largest / math.log(largest + 1)))
    return np.asarray(np.exp(math.log(largest) / largest * x))


def gradient_magnitude(
    source: Intensities,
    box: Box,
    spacing: tuple[float, float, float],
    *,
    use_spacing: bool = True,
) -> np.ndarray:
    """Return the size of the gradient, by central differences, in a box.

    The image goes on with the value at its end. ITK's precision (float32) is kept.

    Parameters
    ----------
    source : Intensities
    box : three pairs of int
    spacing : tuple of float, (z, y, x) [mm]
    use_spacing : bool
        Per mm; otherwise per voxel.
    """
    data = clipped_window(source, box, (1, 1, 1)).astype(np.float64)
    total = np.zeros(tuple(stop - first for first, stop in box))
    for axis in range(3):
        index: list[slice] = [slice(1, -1)] * 3
        index[axis] = slice(2, None)
        ahead = data[tuple(index)]
        index[axis] = slice(0, -2)
        slope = (ahead - data[tuple(index)]) / 2
        total += (slope / spacing[axis] if use_spacing else slope) ** 2
    return np.sqrt(total).astype(np.float32)


def clipped_window(source: Intensities, box: Box, margin: tuple[int, int, int]) -> np.ndarray:
    """Return a box and a margin around it; beyond the image, the value at its end."""
    indices = [
        np.clip(np.arange(first - extra, stop + extra), 0, length - 1)
        for (first, stop), extra, length in zip(box, margin, source.image.shape, strict=True)
    ]
    return source.at(*indices)
