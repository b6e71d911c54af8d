"""Texture matrices of pairs and runs of voxels, each direction kept apart.

The arrays of grey levels are integers of shape (z, y, x): 0 outside the region, 1 to ``n_levels``
inside. Nothing is averaged, merged or normalised here, so that every way of doing that
(PyRadiomics' mean over directions, the IBSI's merging, by slice or by volume) starts from the same
counts.

References
----------
Haralick RM et al. Textural features for image classification. IEEE Trans SMC 1973.
https://doi.org/10.1109/TSMC.1973.4309314
Galloway MM. Texture analysis using gray level run lengths. CGIP 1975.
https://doi.org/10.1016/S0146-664X(75)80008-6
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from causalimg.radiomics.region import Offset, Region, reach_of_offsets, region_of_levels

_AT_A_TIME = 1 << 16


def glcm(
    levels: np.ndarray, n_levels: int, *, directions: Sequence[Offset], symmetric: bool = True
) -> np.ndarray:
    """Count the pairs of grey levels that lie one offset apart (co-occurrence).

    Parameters
    ----------
    levels : ndarray of int, shape (z, y, x)
    n_levels : int
    directions : sequence of (dz, dy, dx)
    symmetric : bool
        Count every pair in both orders.

    Returns
    -------
    ndarray of float64, shape (n_directions, n_levels, n_levels)

    Examples
    --------
    >>> glcm(np.array([[[1, 2, 2]]]), 2, directions=[(0, 0, 1)])[0]
    array([[0., 1.],
           [1., 2.]])
    """
    region, inside = region_of_levels(levels, n_levels, reach_of_offsets(directions))
    return region_glcm(region, inside, n_levels, directions, symmetric=symmetric)


def region_glcm(
    region: Region,
    inside: np.ndarray,
    n_levels: int,
    directions: Sequence[Offset],
    *,
    symmetric: bool = True,
) -> np.ndarray:
    """As `glcm`, from the levels of the voxels of a region."""
    flat, _ = region.filled(inside)
    side = n_levels + 1
    first = inside.astype(np.int64) * side
    counts = np.empty((len(directions), n_levels, n_levels))
    for row, offset in enumerate(directions):
        pairs = first + flat[region.inside + region.step(offset)]
        table = np.bincount(pairs, minlength=side * side).reshape(side, side)[1:, 1:]
        counts[row] = table + table.T if symmetric else table
    return counts


def glrlm(levels: np.ndarray, n_levels: int, *, directions: Sequence[Offset]) -> np.ndarray:
    """Count the runs of equal grey level along each direction, by level and length.

    Returns
    -------
    ndarray of float64, shape (n_directions, n_levels, longest run)

    Examples
    --------
    >>> glrlm(np.array([[[1, 2, 2, 1]]]), 2, directions=[(0, 0, 1)])[0]
    array([[2., 0.],
           [0., 1.]])
    """
    region, inside = region_of_levels(levels, n_levels, reach_of_offsets(directions))
    return region_glrlm(region, inside, n_levels, directions)


def region_glrlm(
    region: Region, inside: np.ndarray, n_levels: int, directions: Sequence[Offset]
) -> np.ndarray:
    """As `glrlm`, from the levels of the voxels of a region.

    The runs of a few directions grow together, one voxel a round; those that end drop out, so the
    work is the number of voxels in runs.
    """
    flat, inside = region.filled(inside)
    together = max(1, _AT_A_TIME // len(inside))
    parts = [
        _runs(region, flat, inside, n_levels, directions[first : first + together])
        for first in range(0, len(directions), together)
    ]
    longest = max(part.shape[2] for part in parts)
    counts = np.zeros((len(directions), n_levels, longest))
    for number, part in enumerate(parts):
        counts[number * together : number * together + len(part), :, : part.shape[2]] = part
    return counts


def _runs(
    region: Region,
    flat: np.ndarray,
    inside: np.ndarray,
    n_levels: int,
    directions: Sequence[Offset],
) -> np.ndarray:
    """Count the runs of some directions."""
    steps, places, rows, levels = [], [], [], []
    for row, offset in enumerate(directions):
        step = region.step(offset)
        start = np.flatnonzero(flat[region.inside - step] != inside)
        places.append(region.inside[start])
        levels.append(inside[start])
        rows.append(levels[-1] + np.int64(row * n_levels - 1))
        steps.append(np.full(len(start), step))
    place, row_of, step_of, level = map(np.concatenate, (places, rows, steps, levels))
    size = len(directions) * n_levels
    at_least = [np.bincount(row_of, minlength=size)]
    while True:
        place = place + step_of
        on = np.flatnonzero(flat[place] == level)
        if not len(on):
            break
        place, row_of, step_of, level = place[on], row_of[on], step_of[on], level[on]
        at_least.append(np.bincount(row_of, minlength=size))
    longer = np.array([*at_least, np.zeros(size, dtype=np.int64)], dtype=np.float64)
    return (longer[:-1] - longer[1:]).T.reshape(len(directions), n_levels, len(at_least))
