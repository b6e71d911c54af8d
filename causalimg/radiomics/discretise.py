"""Grey levels from intensities, with PyRadiomics' rules.

Fixed width: the edges are multiples of the width, starting at or below the lowest intensity of
the region, so a level is floor(x / width) - floor(min / width) + 1. Fixed count: the range of the
region is divided evenly, and its maximum belongs to the last bin. (The IBSI starts at the minimum,
or at the lower bound of the re-segmentation.)
"""

from __future__ import annotations

import numpy as np

from causalimg.errors import InvalidInputError

_MOST = 1_000_000


def grey_levels(
    values: np.ndarray, *, bin_width: float | None = 25.0, bin_count: int | None = None
) -> np.ndarray:
    """Return the grey level of each value, from 1.

    Parameters
    ----------
    values : ndarray, shape (n_voxels,)
        Intensities inside the region. Their type matters: edges are computed in it.
    bin_width : float, optional
        [intensity]; not used where ``bin_count`` is given.
    bin_count : int, optional

    Returns
    -------
    ndarray of int32, shape (n_voxels,)

    Raises
    ------
    InvalidInputError
        If the bins are so narrow that there would be over a million.

    Examples
    --------
    >>> grey_levels(np.array([54, 74, 75, 166]))
    array([1, 1, 2, 5], dtype=int32)
    >>> grey_levels(np.array([0.0, 1.0, 4.0]), bin_count=4)
    array([1, 2, 4], dtype=int32)
    """
    edges = _edges_of_count(values, bin_count) if bin_count else _edges_of_width(values, bin_width)
    step = float(edges[1] - edges[0])
    guess = np.floor((values - edges[0]) / step).astype(np.int64)
    np.clip(guess, 0, len(edges) - 2, out=guess)
    guess += edges[guess + 1] <= values
    guess -= edges[guess] > values
    return np.asarray((guess + 1).astype(np.int32))


def _edges_of_width(values: np.ndarray, width: float | None) -> np.ndarray:
    if width is None:
        raise InvalidInputError("grey_levels: give bin_width or bin_count")
    low, high = values.min(), values.max()
    if (float(high) - float(low)) / width > _MOST:
        raise InvalidInputError(
            f"bin_width={width:g} makes over a million grey levels of the range {float(low):g} to "
            f"{float(high):g}; take a larger one, or bin_count"
        )
    edges: np.ndarray = np.arange(low - (low % width), high + 2 * width, width)
    if len(edges) == 1:
        return np.array([edges[0] - 0.5, edges[0] + 0.5])
    return edges


def _edges_of_count(values: np.ndarray, count: int) -> np.ndarray:
    edges = np.histogram_bin_edges(values, count)
    edges[-1] += 1
    return edges
