"""Texture matrices of a voxel and its neighbours: dependence and grey tone difference.

The arrays of grey levels are integers of shape (z, y, x): 0 outside the region, 1 to ``n_levels``
inside. Both are counted while the neighbours are gone through once.

References
----------
Sun C, Wee WG. Neighboring gray level dependence matrix. CVGIP 1983.
https://doi.org/10.1016/0734-189X(83)90032-4
Amadasun M, King R. Textural features corresponding to textural properties. IEEE Trans SMC 1989.
https://doi.org/10.1109/21.44046
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from causalimg.radiomics.region import (
    Offset,
    Region,
    directions,
    reach_of_offsets,
    region_of_levels,
)


def gldm(
    levels: np.ndarray,
    n_levels: int,
    *,
    alpha: int = 0,
    distance: int = 1,
    directions: Sequence[Offset] | None = None,
) -> np.ndarray:
    """Count the voxels by grey level and by number of neighbours of about the same level.

    Parameters
    ----------
    levels : ndarray of int, shape (z, y, x)
    n_levels : int
    alpha : int
        Largest difference between dependent levels.
    distance : int
        Neighbours are all voxels up to this Chebyshev distance.
    directions : sequence of (dz, dy, dx), optional
        One of each pair of opposite neighbours, in place of ``distance``.

    Returns
    -------
    ndarray of float64, shape (n_levels, 2 * n_directions + 1)
        Column k holds the voxels with k dependent neighbours, so of dependence k + 1 where the
        voxel itself is counted.

    Examples
    --------
    >>> gldm(np.array([[[1, 2, 2]]]), 2, directions=[(0, 0, 1)])
    array([[1., 0., 0.],
           [0., 2., 0.]])
    """
    offsets = _ball(distance) if directions is None else directions
    region, inside = region_of_levels(levels, n_levels, reach_of_offsets(offsets))
    return neighbourhood(region, inside, n_levels, offsets, alpha=alpha)[0]


def ngtdm(
    levels: np.ndarray,
    n_levels: int,
    *,
    distance: int = 1,
    directions: Sequence[Offset] | None = None,
    count_isolated: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Sum the differences of each grey level from the mean of its neighbours.

    Parameters
    ----------
    levels : ndarray of int, shape (z, y, x)
    n_levels : int
    distance : int
        Neighbours are all voxels up to this Chebyshev distance.
    directions : sequence of (dz, dy, dx), optional
        One of each pair of opposite neighbours, in place of ``distance``.
    count_isolated : bool
        Count the voxels without a neighbour in the region too, as PyRadiomics does; the IBSI does
        not.

    Returns
    -------
    n : ndarray of float64, shape (n_levels,)
        Number of voxels of the level.
    s : ndarray of float64, shape (n_levels,)
        Sum of |level - mean of the neighbours inside the region| over them.

    Examples
    --------
    >>> ngtdm(np.array([[[1, 2, 2]]]), 2, directions=[(0, 0, 1)])
    (array([1., 2.]), array([1. , 0.5]))
    """
    offsets = _ball(distance) if directions is None else directions
    region, inside = region_of_levels(levels, n_levels, reach_of_offsets(offsets))
    _, n, s = neighbourhood(region, inside, n_levels, offsets, count_isolated=count_isolated)
    return n, s


def neighbourhood(
    region: Region,
    inside: np.ndarray,
    n_levels: int,
    directions: Sequence[Offset],
    *,
    alpha: int = 0,
    count_isolated: bool = False,
    rank: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what `gldm` and `ngtdm` do, going through the neighbours once.

    With ``rank``, the rows of the results are these numbers (from 1) in place of the levels.
    """
    flat, small = region.filled(inside)
    n_voxels = len(inside)
    same = np.zeros(n_voxels, dtype=np.int64)
    count = np.zeros(n_voxels, dtype=np.int64)
    total = np.zeros(n_voxels, dtype=np.int64)
    for offset in directions:
        step = region.step(offset)
        for place in (region.inside + step, region.inside - step):
            other = flat[place]
            present = other > 0
            count += present
            total += other
            if alpha == 0:
                same += other == small
            else:
                same += present & (np.abs(other.astype(np.int64) - inside) <= alpha)
    width = 2 * len(directions) + 1
    level = (inside if rank is None else rank).astype(np.int64) - 1
    dependence = np.bincount(level * width + same, minlength=n_levels * width)
    difference = np.where(count > 0, np.abs(inside - total / np.maximum(count, 1)), 0.0)
    counted = None if count_isolated else (count > 0).astype(np.float64)
    n = np.bincount(level, weights=counted, minlength=n_levels).astype(np.float64)
    s = np.bincount(level, weights=difference, minlength=n_levels)
    return dependence.reshape(n_levels, width).astype(np.float64), n, s


def _ball(distance: int) -> tuple[Offset, ...]:
    """Return one of each pair of opposite offsets up to a Chebyshev distance."""
    return tuple(itertools.chain(*(directions(3, near) for near in range(1, distance + 1))))
