"""Shape features in two dimensions: of a region in one slice.

The outline joins the middles between neighbouring pixels inside and outside (marching squares);
pixels that touch at a corner only are cut apart. With P its length, A the area in it, and
l1 >= l2 the eigenvalues of the covariance of the pixel centres (over n):

======================  ======================================  ====
feature                 formula                                 unit
======================  ======================================  ====
MeshSurface             A                                       mm^2
PixelSurface            number of pixels times their area       mm^2
Perimeter               P                                       mm
PerimeterSurfaceRatio   P / A                                   1/mm
Sphericity              2 sqrt(pi A) / P                        1
MaximumDiameter         largest distance of two vertices        mm
MajorAxisLength         4 sqrt(l1)                              mm
MinorAxisLength         4 sqrt(l2)                              mm
Elongation              sqrt(l2 / l1)                           1
======================  ======================================  ====

The IBSI defines no shape features of a plane.
"""

from __future__ import annotations

import math

import numpy as np

from causalimg.radiomics import diameter
from causalimg.radiomics.shape import axis_eigenvalues, boxed

# pixels of a 2 x 2 square inside -> area inside the outline, in squares
_AREA = np.array([0.0, 1 / 8, 1 / 2, 7 / 8, 1.0])


def features(mask: np.ndarray, spacing: tuple[float, float]) -> dict[str, float]:
    """Return the 9 features of a region in a plane.

    Parameters
    ----------
    mask : ndarray of bool, shape (y, x)
    spacing : tuple of float, (y, x) [mm]

    Examples
    --------
    >>> found = features(np.ones((2, 2), dtype=bool), (1.0, 1.0))
    >>> found["MeshSurface"], found["PixelSurface"], round(found["Perimeter"], 4)
    (3.5, 4.0, 6.8284)
    """
    box = boxed(mask)
    dy, dx = spacing
    perimeter, area = _outline(box, dy, dx)
    pixels = np.argwhere(box)
    minor, major = axis_eigenvalues(pixels, spacing)
    return {
        "Elongation": math.sqrt(minor / major) if major else math.nan,
        "MajorAxisLength": 4 * math.sqrt(major),
        "MaximumDiameter": diameter.largest(_vertices(box) * (dy / 2, dx / 2)),
        "MeshSurface": area,
        "MinorAxisLength": 4 * math.sqrt(minor),
        "Perimeter": perimeter,
        "PerimeterSurfaceRatio": perimeter / area,
        "PixelSurface": len(pixels) * dy * dx,
        "Sphericity": 2 * math.sqrt(math.pi * area) / perimeter,
    }


def _outline(box: np.ndarray, dy: float, dx: float) -> tuple[float, float]:
    """Return length and area of the outline, from the 2 x 2 squares of pixels."""
    inside = box.astype(np.int64)
    a, b, c, d = inside[:-1, :-1], inside[:-1, 1:], inside[1:, :-1], inside[1:, 1:]
    number = a + b + c + d
    diagonal = (number == 2) & (a == d)
    corners = int(((number == 1) | (number == 3)).sum()) + 2 * int(diagonal.sum())
    level = int(((number == 2) & (a == b)).sum())
    upright = int(((number == 2) & (a == c)).sum())
    perimeter = corners * math.hypot(dy, dx) / 2 + level * dx + upright * dy
    squares = float(_AREA[number].sum()) - int(diagonal.sum()) / 4
    return perimeter, squares * dy * dx


def _vertices(box: np.ndarray) -> np.ndarray:
    """Return the vertices of the outline (y, x), in half pixels."""
    down = 2 * np.argwhere(box[:-1] != box[1:])
    along = 2 * np.argwhere(box[:, :-1] != box[:, 1:])
    return np.concatenate([np.add(down, (1, 0)), np.add(along, (0, 1))])
