"""The surface of a voxel mask by marching cubes, as sums over the 256 kinds of cube.

A cube has a voxel centre at each corner. The vertices of the surface are the middles of the edges
between a voxel inside and one outside, so what a cube adds to area and volume depends on its
corners only: the cubes of a mask are counted by kind and multiplied by a table.

The table is made here. On each face of a cube the vertices are joined so that corners inside are
cut off one by one; a face with two opposite corners inside is the ambiguous case. If the corner
(1, 1, 1) is inside, inside and outside change places first, so a kind and its complement have the
same triangles (and the surface may have a hole where two such cubes meet, as in the original
method; the volume then depends a little on the origin, which is a corner of the box of the mask
with one voxel around it). Polygons of five and more corners are not flat, so the way they are cut
into triangles matters: `_CUTS` names the one of the classic table for each.

References
----------
Lorensen WE, Cline HE. Marching cubes: a high resolution 3D surface construction algorithm.
SIGGRAPH 1987. https://doi.org/10.1145/37401.37422
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np

# corner k of a cube at (z, y, x): around the lower face, then around the upper one
CORNERS = np.array(
    [(0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0)]
)
_EDGES = [
    (a, b) for a in range(8) for b in range(a + 1, 8) if np.abs(CORNERS[a] - CORNERS[b]).sum() == 1
]
_MIDDLES = np.array([(CORNERS[a] + CORNERS[b]) / 2 for a, b in _EDGES])
_FACES = [(0, 1, 2, 3), (4, 5, 6, 7), (0, 1, 5, 4), (3, 2, 6, 7), (0, 3, 7, 4), (1, 2, 6, 5)]

# kind -> which cut of its polygon of five or more corners, counted as `_cuts` gives them;
# where it is not named, all cuts have the same area
# fmt: off
_CUTS = {
    7: 1, 11: 3, 13: 1, 14: 0, 19: 0, 23: 2, 25: 3, 29: 2, 30: 0, 31: 0, 35: 0, 38: 0, 43: 0,
    45: 1, 46: 2, 47: 2, 49: 1, 50: 2, 53: 1, 54: 2, 55: 3, 57: 2, 58: 2, 59: 0, 61: 0, 62: 41,
    70: 0, 71: 0, 75: 3, 76: 0, 77: 2, 79: 3, 83: 0, 86: 0, 87: 23, 89: 3, 92: 0, 93: 18, 95: 7,
    98: 3, 99: 2, 100: 2, 101: 2, 103: 2, 106: 3, 107: 20, 108: 2, 109: 0, 110: 3, 112: 2, 113: 0,
    115: 0, 116: 0, 117: 41, 118: 0, 120: 2, 121: 23, 123: 0, 124: 13, 126: 7,
}
# fmt: on

Triangle = tuple[int, int, int]


@dataclass(frozen=True)
class CubeTable:
    """What each kind of cube holds of the surface, at unit spacing.

    Parameters
    ----------
    kind : ndarray of int, shape (n_triangles,)
        Kind of the cube that a triangle belongs to.
    normal : ndarray, shape (n_triangles, 3)
        Twice the area vector of a triangle (z, y, x), pointing out of the mask.
    volume : ndarray, shape (256,)
        Signed volume between a cube's triangles and its corner (0, 0, 0).
    outward : ndarray, shape (256, 3)
        Sum of the normals of a cube.
    """

    kind: np.ndarray
    normal: np.ndarray
    volume: np.ndarray
    outward: np.ndarray


@lru_cache(maxsize=1)
def cube_table() -> CubeTable:
    """Return the table of the 256 kinds of cube."""
    kinds: list[int] = []
    corners: list[np.ndarray] = []
    for kind in range(1, 128):
        found = [_MIDDLES[list(triangle)] for triangle in triangles(kind)]
        kinds += [kind] * len(found) + [255 - kind] * len(found)
        corners += found + [triangle[::-1] for triangle in found]
    a, b, c = np.array(corners).transpose(1, 0, 2)
    kind_of = np.array(kinds)
    normal = np.cross(b - a, c - a)
    solid = (np.cross(a, b) * c).sum(axis=1) / 6
    outward = np.stack(
        [np.bincount(kind_of, weights=normal[:, axis], minlength=256) for axis in range(3)], axis=1
    )
    volume = np.bincount(kind_of, weights=solid, minlength=256)
    return CubeTable(kind_of, normal, volume, outward)


def triangles(kind: int) -> list[Triangle]:
    """Return the triangles of a kind of cube below 128, as numbers of its edges.

    Examples
    --------
    >>> [len(triangles(kind)) for kind in (1, 3, 5, 127)]
    [1, 2, 2, 1]
    """
    found: list[Triangle] = []
    for polygon in _polygons(kind):
        which = _CUTS.get(kind, 0) if len(polygon) >= 5 else 0
        found += next(islice(_cuts(polygon), which, None))
    return found


def _polygons(kind: int) -> list[list[int]]:
    """Join the vertices of a cube into closed polygons, ordered so that they face outwards."""
    inside = [bool(kind >> corner & 1) for corner in range(8)]
    number = {edge: k for k, edge in enumerate(_EDGES)}
    beside: dict[int, list[int]] = {}
    for face in _FACES:
        ring = [number[tuple(sorted((face[k - 1], face[k])))] for k in range(4)]  # type: ignore[index]
        cut = [inside[face[k - 1]] != inside[face[k]] for k in range(4)]
        if sum(cut) == 2:
            pairs = [[ring[k] for k in range(4) if cut[k]]]
        else:
            pairs = [[ring[k], ring[(k + 1) % 4]] for k in range(4) if sum(cut) and inside[face[k]]]
        for one, other in pairs:
            beside.setdefault(one, []).append(other)
            beside.setdefault(other, []).append(one)
    polygons = []
    left = set(beside)
    while left:
        first = min(left)
        polygon, last, here = [first], first, min(beside[first])
        while here != first:
            polygon.append(here)
            last, here = here, next(edge for edge in beside[here] if edge != last)
        left -= set(polygon)
        polygons.append(polygon if _faces_out(polygon, inside) else polygon[::-1])
    return polygons


def _faces_out(polygon: list[int], inside: list[bool]) -> bool:
    """Say whether the normal of a polygon points from the corners inside to those outside."""
    points = _MIDDLES[polygon]
    normal = np.cross(points, np.roll(points, -1, axis=0)).sum(axis=0)
    way = np.zeros(3)
    for edge in polygon:
        a, b = _EDGES[edge]
        way += CORNERS[b] - CORNERS[a] if inside[a] else CORNERS[a] - CORNERS[b]
    return bool(normal @ way > 0)


def _cuts(polygon: list[int]) -> Iterator[list[Triangle]]:
    """Go through the ways to cut a polygon into triangles along its diagonals."""
    if len(polygon) < 3:
        yield []
        return
    for k in range(1, len(polygon) - 1):
        for before in _cuts(polygon[: k + 1]):
            for after in _cuts(polygon[k:]):
                yield [(polygon[0], polygon[k], polygon[-1]), *before, *after]


def surface(mask: np.ndarray, spacing: tuple[float, float, float]) -> tuple[float, float]:
    """Return area [mm^2] and volume [mm^3] of the surface of a mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        With at least one voxel outside on every side.
    spacing : tuple of float, (z, y, x) [mm]

    Examples
    --------
    >>> one = np.zeros((3, 3, 3), dtype=bool)
    >>> one[1, 1, 1] = True
    >>> area, volume = surface(one, (1.0, 1.0, 1.0))
    >>> round(area, 6), round(volume, 6)
    (1.732051, 0.166667)
    """
    table = cube_table()
    inside = mask.view(np.uint8)
    shape = tuple(length - 1 for length in mask.shape)
    kind = np.zeros(shape, dtype=np.uint8)
    for bit, (z, y, x) in enumerate(CORNERS):
        kind |= inside[z : z + shape[0], y : y + shape[1], x : x + shape[2]] << np.uint8(bit)
    place = np.flatnonzero((kind != 0) & (kind != 255))
    kind_of = kind.ravel()[place]
    number = np.bincount(kind_of, minlength=256)
    where = np.unravel_index(place, shape)
    moved = sum(
        float(np.bincount(kind_of, weights=where[axis], minlength=256) @ table.outward[:, axis])
        for axis in range(3)
    )
    z, y, x = spacing
    size = np.sqrt(((table.normal * (y * x, z * x, z * y)) ** 2).sum(axis=1)) / 2
    area = float(number[table.kind] @ size)
    volume = (float(number @ table.volume) + moved / 6) * z * y * x
    return area, volume


def vertices(mask: np.ndarray) -> np.ndarray:
    """Return the vertices of the surface (z, y, x), in half voxels from voxel (0, 0, 0).

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        With at least one voxel outside on every side.

    Returns
    -------
    ndarray of int64, shape (n_vertices, 3)
    """
    found = []
    for axis in range(3):
        low = tuple(slice(0, -1) if k == axis else slice(None) for k in range(3))
        high = tuple(slice(1, None) if k == axis else slice(None) for k in range(3))
        points = 2 * np.argwhere(mask[low] != mask[high])
        points[:, axis] += 1
        found.append(points)
    return np.concatenate(found)
