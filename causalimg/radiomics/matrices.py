"""Texture matrices of a region of grey levels, each direction kept apart.

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
Thibault G et al. Advanced statistical matrices for texture characterization. IEEE TBME 2014.
https://doi.org/10.1109/TBME.2013.2284600
Sun C, Wee WG. Neighboring gray level dependence matrix. CVGIP 1983.
https://doi.org/10.1016/0734-189X(83)90032-4
Amadasun M, King R. Textural features corresponding to textural properties. IEEE Trans SMC 1989.
https://doi.org/10.1109/21.44046
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from causalimg.errors import InvalidInputError
from causalimg.radiomics.region import Offset, Region, directions

__all__ = [
    "Offset",
    "Region",
    "directions",
    "glcm",
    "gldm",
    "glrlm",
    "glszm",
    "neighbourhood",
    "ngtdm",
    "region_glcm",
    "region_glrlm",
    "region_glszm",
    "region_zones",
]


_AT_A_TIME = 1 << 16


def _prepared(levels: np.ndarray, n_levels: int, reach: int) -> tuple[Region, np.ndarray]:
    """Return the region of an array of grey levels and the levels of its voxels."""
    array = np.asarray(levels)
    if array.ndim != 3 or array.dtype.kind not in "iu":
        raise InvalidInputError(
            f"levels: an integer array (z, y, x) is needed, not {array.dtype} of shape "
            f"{array.shape}; 0 outside the region, 1 to n_levels inside"
        )
    region = Region.of(array > 0, reach=reach)
    inside = array[array > 0]
    if int(inside.max()) > n_levels:
        raise InvalidInputError(
            f"levels: the highest level is {int(inside.max())}, above n_levels={n_levels}"
        )
    return region, inside


def _reach(offsets: Sequence[Offset]) -> int:
    return max(max(map(abs, offset)) for offset in offsets)


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
    region, inside = _prepared(levels, n_levels, _reach(directions))
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
    region, inside = _prepared(levels, n_levels, _reach(directions))
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
    region, inside = _prepared(levels, n_levels, 1)
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
    region, inside = _prepared(levels, n_levels, _reach(offsets))
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
    region, inside = _prepared(levels, n_levels, _reach(offsets))
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
