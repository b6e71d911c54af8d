"""The largest distance between points, in all, or within groups of them.

Comparing every pair would be slow for large surfaces. The extent of points along a direction is
never more than their diameter; so the largest extent over some directions is a lower bound L. The
two points that are furthest apart lie along a line that is within an angle t of one of the
directions, so along that direction they are at least L cos t apart: only the points at its two ends
have to be compared. The result is exact.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

_DIRECTIONS = 16
_FEW = 128
_ROWS = 32
_SAFE = 1 - 1e-12


def largest(points: np.ndarray) -> float:
    """Return the largest distance between points.

    Parameters
    ----------
    points : ndarray, shape (n_points, 2 or 3)

    Examples
    --------
    >>> largest(np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]]))
    5.0
    """
    if len(points) <= _FEW:
        return _between(points, points)
    ways, cosine = _directions(points.shape[1])
    along = points @ ways.T
    low, high = along.min(axis=0), along.max(axis=0)
    extent = high - low
    best = float(extent.max())
    for k in np.argsort(-extent):
        least = best * cosine * _SAFE
        if extent[k] < least:
            break
        top = points[along[:, k] >= low[k] + least]
        bottom = points[along[:, k] <= high[k] - least]
        best = max(best, _between(top, bottom))
    return best


def _between(some: np.ndarray, others: np.ndarray) -> float:
    """Return the largest distance from a point of one set to one of another."""
    best = 0.0
    for first in range(0, len(some), 1024):
        apart = some[first : first + 1024, None] - others
        best = max(best, float((apart * apart).sum(axis=-1).max(initial=0.0)))
    return math.sqrt(best)


@lru_cache(maxsize=2)
def _directions(dimensions: int) -> tuple[np.ndarray, float]:
    """Return unit vectors, and the cosine of how far any line can be from the nearest of them."""
    if dimensions == 2:
        angle = np.arange(2 * _ROWS) * (math.pi / (2 * _ROWS))
        return np.stack([np.cos(angle), np.sin(angle)], axis=1), math.cos(math.pi / (4 * _ROWS))
    step = math.pi / _ROWS
    rings = []
    for row in range(_ROWS // 2 + 1):
        height, width = math.cos(row * step), math.sin(row * step)
        turn = np.linspace(0, 2 * math.pi, max(1, math.ceil(2 * math.pi * width / step)), False)
        ring = [width * np.cos(turn), width * np.sin(turn), np.full(len(turn), height)]
        rings.append(np.stack(ring, axis=1))
    return np.concatenate(rings), math.cos(step)


def largest_within(points: np.ndarray, group: np.ndarray) -> float:
    """Return the largest distance between two points of one group, over all groups.

    Parameters
    ----------
    points : ndarray, shape (n_points, 2)
    group : ndarray of int, shape (n_points,)

    Examples
    --------
    >>> largest_within(np.array([[0.0, 0.0], [2.0, 0.0], [9.0, 0.0]]), np.array([1, 1, 2]))
    2.0
    """
    if not len(points):
        return 0.0
    order = np.argsort(group, kind="stable")
    points, group = points[order], group[order]
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    angle = np.arange(_DIRECTIONS) * (math.pi / _DIRECTIONS)
    along = points @ np.array([np.cos(angle), np.sin(angle)])
    extent = np.maximum.reduceat(along, starts) - np.minimum.reduceat(along, starts)
    widest = extent.max(axis=1)
    bound = widest / math.cos(math.pi / (2 * _DIRECTIONS)) * (1 + 1e-12)
    stops = np.r_[starts[1:], len(points)]
    best = 0.0
    for k in np.argsort(-bound):
        if bound[k] < max(best, float(widest.max())):
            break
        best = max(best, largest(points[starts[k] : stops[k]]))
    return best


def row_ends(points: np.ndarray) -> np.ndarray:
    """Keep the first and the last point of each row along the last axis.

    No other point can be an end of a largest distance.

    Parameters
    ----------
    points : ndarray of int, shape (n_points, 3)
    """
    low = points.min(axis=0)
    size = points.max(axis=0) - low + 1
    z, y, x = (points - low).T
    row = z * size[1] + y
    order = np.argsort(row * size[2] + x)
    row = row[order]
    new = row[1:] != row[:-1]
    kept: np.ndarray = points[order[np.r_[True, new] | np.r_[new, True]]]
    return kept
