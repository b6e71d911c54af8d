"""The outline of a region in one slice, along the edges of its pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pair = tuple[int, int]
_RIGHT_TURN = {(1, 0): (0, 1), (0, 1): (-1, 0), (-1, 0): (0, -1), (0, -1): (1, 0)}


def outlines(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int16], ...]:
    """Trace every closed outline of a region, holes included.

    Parameters
    ----------
    mask : ndarray of bool, shape (rows, columns)

    Returns
    -------
    tuple of ndarray of int16, shape (k, 2)
        Corners (x, y) of each outline, in pixel edges: pixel (row r, column c) covers x from c to
        c + 1 and y from r to r + 1. The region lies to the right of the way, so an outer outline
        runs clockwise (y downwards) and that of a hole the other way. Pixels that touch at a
        corner only are traced apart. The last corner is joined to the first.

    Examples
    --------
    >>> [corners.tolist() for corners in outlines(np.array([[True, True]]))]
    [[[0, 0], [2, 0], [2, 1], [0, 1]]]
    """
    ahead = _edges(mask)
    found = []
    while ahead:
        start = next(iter(ahead))
        way = next(iter(ahead[start]))
        found.append(_walk(ahead, start, way))
    return tuple(found)


def _edges(mask: NDArray[np.bool_]) -> dict[Pair, list[Pair]]:
    """Return, per corner, the directions in which the outline leaves it."""
    inside = np.pad(mask, 1)
    core = inside[1:-1, 1:-1]
    sides = (
        (core & ~inside[:-2, 1:-1], (0, 0), (1, 0)),
        (core & ~inside[1:-1, 2:], (1, 0), (0, 1)),
        (core & ~inside[2:, 1:-1], (1, 1), (-1, 0)),
        (core & ~inside[1:-1, :-2], (0, 1), (0, -1)),
    )
    ahead: dict[Pair, list[Pair]] = {}
    for there, (dx, dy), way in sides:
        for row, column in np.argwhere(there).tolist():
            ahead.setdefault((column + dx, row + dy), []).append(way)
    return dict(sorted(ahead.items(), key=lambda item: (item[0][1], item[0][0])))


def _walk(
    ahead: dict[Pair, list[Pair]],
    start: tuple[int, int],
    way: tuple[int, int],
) -> NDArray[np.int16]:
    """Follow one outline until it closes, taking its edges away; only corners are kept."""
    corners = [start]
    place, first = start, way
    while True:
        leaving = ahead[place]
        leaving.remove(way)
        if not leaving:
            del ahead[place]
        place = (place[0] + way[0], place[1] + way[1])
        if place == start and first not in ahead.get(place, []):
            break
        ways = ahead[place]
        turn = _RIGHT_TURN[way]
        onward = turn if turn in ways else ways[0]
        if onward != way:
            corners.append(place)
        way = onward
    if way == first:
        corners.pop(0)
    return np.array(corners, dtype=np.int16)
