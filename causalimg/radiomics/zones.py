"""Zones of a region: connected voxels of one grey level.

The arrays of grey levels are integers of shape (z, y, x): 0 outside the region, 1 to ``n_levels``
inside. Zones are numbered once, and counted by level and size.

References
----------
Thibault G et al. Advanced statistical matrices for texture characterization. IEEE TBME 2014.
https://doi.org/10.1109/TBME.2013.2284600
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from causalimg.radiomics.region import Offset, Region, directions, region_of_levels


def glszm(
    levels: np.ndarray, n_levels: int, *, in_plane: bool = False, across: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Count the zones (connected voxels of one grey level) by level and size.

    Parameters
    ----------
    levels : ndarray of int, shape (z, y, x)
    n_levels : int
    in_plane : bool
        Zones do not cross slices: 8 neighbours in place of 26.
    across : {0, 1, 2}
        Axis across the slices, for ``in_plane``.

    Returns
    -------
    counts : ndarray of float64, shape (n_levels, n_sizes)
    sizes : ndarray of int64, shape (n_sizes,)
        The sizes that occur [voxels], ascending.

    Examples
    --------
    >>> counts, sizes = glszm(np.array([[[1, 2, 2], [2, 1, 1]]]), 2)
    >>> counts, sizes
    (array([[1.],
           [1.]]), array([3]))
    """
    region, inside = region_of_levels(levels, n_levels, 1)
    offsets = directions(2 if in_plane else 3, across=across)
    return region_glszm(region, inside, n_levels, offsets)


def region_glszm(
    region: Region, inside: np.ndarray, n_levels: int, directions: Sequence[Offset]
) -> tuple[np.ndarray, np.ndarray]:
    """As `glszm`, from the levels of the voxels of a region."""
    label = region_zones(region, inside, directions)
    size_of = np.bincount(label)
    level_of = np.zeros(len(size_of), dtype=np.int64)
    level_of[label] = inside
    sizes, column = np.unique(size_of, return_inverse=True)
    cells = (level_of - 1) * len(sizes) + column
    counts = np.bincount(cells, minlength=n_levels * len(sizes)).astype(np.float64)
    return counts.reshape(n_levels, len(sizes)), sizes


def region_zones(region: Region, inside: np.ndarray, directions: Sequence[Offset]) -> np.ndarray:
    """Number the zones of a region: for each voxel the zone that it belongs to, from 0.

    Voxels of one level that touch are joined: of two trees that an edge connects, the root with
    the higher number is hung below the other, and paths are shortened to the root, until no edge
    connects two trees.
    """
    flat, inside = region.filled(inside)
    number = np.zeros(len(flat), dtype=np.int32)
    number[region.inside] = np.arange(len(inside), dtype=np.int32)
    ones, others = [], []
    for offset in directions:
        place = region.inside + region.step(offset)
        equal = np.flatnonzero(flat[place] == inside)
        ones.append(equal.astype(np.int32))
        others.append(number[place[equal]])
    root = np.arange(len(inside), dtype=np.int32)
    one = np.concatenate(ones) if ones else root[:0]
    other = np.concatenate(others) if others else root[:0]
    while True:
        a, b = root[one], root[other]
        apart = np.flatnonzero(a != b)
        if not len(apart):
            break
        one, other, a, b = one[apart], other[apart], a[apart], b[apart]
        root[np.maximum(a, b)] = np.minimum(a, b)
        while True:
            shorter = root[root]
            if np.array_equal(shorter, root):
                break
            root = shorter
    is_root = root == np.arange(len(root), dtype=np.int32)
    return np.asarray((np.cumsum(is_root) - 1)[root])
