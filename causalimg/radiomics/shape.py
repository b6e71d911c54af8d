"""Shape features in three dimensions.

With A and V the area and volume of the surface of the mask, and l1 >= l2 >= l3 the eigenvalues of
the covariance of the voxel centres (over n, not n - 1):

========================  =========================================  =====  ====
feature                   formula                                    unit   IBSI
========================  =========================================  =====  ====
MeshVolume                V                                          mm^3   RNU0
VoxelVolume               number of voxels times their volume        mm^3   YEKZ
SurfaceArea               A                                          mm^2   C0JK
SurfaceVolumeRatio        A / V                                      1/mm   2PR5
Sphericity                (36 pi V^2)^(1/3) / A                      1      QCFX
Maximum3DDiameter         largest distance of two surface vertices   mm     L0JK
Maximum2DDiameterSlice    the same, both at one z                    mm
Maximum2DDiameterColumn   the same, both at one y                    mm
Maximum2DDiameterRow      the same, both at one x                    mm
MajorAxisLength           4 sqrt(l1)                                 mm     TDIC
MinorAxisLength           4 sqrt(l2)                                 mm     P9VJ
LeastAxisLength           4 sqrt(l3)                                 mm     7J51
Elongation                sqrt(l2 / l1)                              1      Q3CK
Flatness                  sqrt(l3 / l1)                              1      N17B
========================  =========================================  =====  ====

The IBSI divides the covariance by n - 1; its axis lengths are sqrt(n / (n - 1)) times these.
"""

from __future__ import annotations

import math

import numpy as np

from causalimg.errors import InvalidInputError
from causalimg.radiomics import diameter, mesh

# the four diameters: name, axis that stays the same
_PLANES = (
    ("Maximum2DDiameterSlice", 0),
    ("Maximum2DDiameterColumn", 1),
    ("Maximum2DDiameterRow", 2),
)


def features(mask: np.ndarray, spacing: tuple[float, float, float]) -> dict[str, float]:
    """Return the 14 shape features of a mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
    spacing : tuple of float, (z, y, x) [mm]

    Raises
    ------
    InvalidInputError
        If the mask is empty.

    Examples
    --------
    >>> found = features(np.ones((2, 2, 2), dtype=bool), (1.0, 1.0, 1.0))
    >>> found["VoxelVolume"], round(found["Maximum3DDiameter"], 4), round(found["Elongation"], 6)
    (8.0, 2.4495, 1.0)
    """
    box = boxed(mask)
    area, volume = mesh.surface(box, spacing)
    axes = axis_eigenvalues(np.argwhere(box), spacing)
    n_voxels = int(box.sum())
    major, minor, least = axes[::-1]
    return {
        "Elongation": _ratio(minor, major),
        "Flatness": _ratio(least, major),
        "LeastAxisLength": 4 * math.sqrt(least),
        "MajorAxisLength": 4 * math.sqrt(major),
        **_diameters(mesh.vertices(box), spacing),
        "MeshVolume": volume,
        "MinorAxisLength": 4 * math.sqrt(minor),
        "Sphericity": (36 * math.pi * volume**2) ** (1 / 3) / area,
        "SurfaceArea": area,
        "SurfaceVolumeRatio": area / volume,
        "VoxelVolume": n_voxels * math.prod(spacing),
    }


def boxed(mask: np.ndarray) -> np.ndarray:
    """Cut a mask to its box, with one voxel outside on every side."""
    window = []
    for axis in range(mask.ndim):
        others = tuple(k for k in range(mask.ndim) if k != axis)
        hit = np.flatnonzero(mask.any(axis=others))
        if not len(hit):
            raise InvalidInputError("the mask is empty, so it has no shape")
        window.append(slice(int(hit[0]), int(hit[-1]) + 1))
    return np.pad(mask[tuple(window)], 1)


def axis_eigenvalues(voxels: np.ndarray, spacing: tuple[float, ...]) -> list[float]:
    """Return the eigenvalues of the covariance of voxel centres [mm^2], ascending, none below 0.

    Parameters
    ----------
    voxels : ndarray of int, shape (n_voxels, 2 or 3)
    spacing : tuple of float
    """
    places = voxels * np.asarray(spacing)
    places -= places.mean(axis=0)
    values = np.linalg.eigvalsh(places.T @ places / len(places))
    return [max(0.0, float(value)) for value in values]


def _ratio(smaller: float, larger: float) -> float:
    return math.sqrt(smaller / larger) if larger else math.nan


def _diameters(points: np.ndarray, spacing: tuple[float, float, float]) -> dict[str, float]:
    """Return the largest distances between vertices, given in half voxels."""
    half = np.asarray(spacing) / 2
    found = {}
    for name, axis in _PLANES:
        others = [k for k in range(3) if k != axis]
        ends = diameter.row_ends(points[:, [axis, *others]])
        found[name] = diameter.largest_within(ends[:, 1:] * half[others], ends[:, 0])
    found["Maximum3DDiameter"] = diameter.largest(diameter.row_ends(points) * half)
    order = ("Column", "Row", "Slice")
    return {
        **{f"Maximum2DDiameter{plane}": found[f"Maximum2DDiameter{plane}"] for plane in order},
        "Maximum3DDiameter": found["Maximum3DDiameter"],
    }
