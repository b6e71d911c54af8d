"""Places of the interactive graph [px]: columns by tier or by layer, loose nodes in a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.report.graph_drawing import wrap
from causalimg.report.graph_layout import arrange, columns

UNIT = 96.0
"""Pixels of one unit of `causalimg.report.graph_layout`."""
_ROW = 15.0
_GAP = 16.0  # between nodes of a column
_TALL = 24  # nodes of one column, before it is split
_GRID = 12  # rows of nodes without an edge
_WIDTHS = (("ijl.,:;'|! ", 4.0), ("ftrI-()[]/", 5.2), ("mwMW@%", 10.4), ("_", 6.6))


@dataclass(frozen=True)
class NodeBox:
    """Lines of text of a node and its size [px]."""

    lines: tuple[str, ...]
    width: float
    height: float


def node_box(name: str) -> NodeBox:
    """Return the box of a node; text widths are those of a wide sans serif at 12 px."""
    lines = tuple(wrap(name, 20))
    wide = max((sum(_advance(sign) for sign in line) for line in lines), default=0.0)
    return NodeBox(lines, float(np.ceil(max(wide, 30.0) + 22)), 12 + _ROW * len(lines))


def _advance(sign: str) -> float:
    for signs, width in _WIDTHS:
        if sign in signs:
            return width
    if ord(sign) > 0x2E7F:
        return 12.4
    return 8.4 if sign.isupper() else 7.2


def places(
    boxes: Sequence[NodeBox],
    pairs: Sequence[tuple[int, int]],
    tiers: Sequence[Sequence[int]] | None,
) -> dict[str, Any]:
    """Place nodes in columns.

    Parameters
    ----------
    boxes : sequence of NodeBox
    pairs : sequence of (cause, effect)
    tiers : sequence of sequences of int, optional
        With tiers every node has a band of columns; without, columns are topological layers.

    Returns
    -------
    dict
        ``x`` and ``y`` (middle of each node), ``via`` (one list of points for each pair, in the
        pair's order), ``bands`` (``tier, left, right``; the nodes in no tier have ``tier`` None)
        and ``height`` [px].
    """
    joined = sorted({node for pair in pairs for node in pair})
    loose = sorted(set(range(len(boxes))) - set(joined))
    band_of = _bands(len(boxes), tiers)
    at = {node: k for k, node in enumerate(joined)}
    inner = [(at[a], at[b]) for a, b in pairs]
    wanted = None
    if tiers:
        used = sorted(set(band_of))
        wanted = [[at[k] for k in joined if band_of[k] == band] for band in used]
    column = _split(columns(len(joined), inner, wanted), inner) if joined else {}
    lane = 0.42 * min(1.0, 36 / max(1, len(pairs)))
    layout = arrange(column, inner, {k: (boxes[node].height + _GAP) / UNIT
                                     for k, node in enumerate(joined)}, lane=lane)  # fmt: skip
    count = 1 + max(column.values(), default=-1)
    members: list[list[int]] = [[] for _ in range(count)]
    for k, node in enumerate(joined):
        members[column[k]].append(node)
    through = [
        sum(min(column[a], column[b]) <= c < max(column[a], column[b]) for a, b in inner)
        for c in range(count)
    ]
    x, y = np.zeros(len(boxes)), np.zeros(len(boxes))
    middles = np.zeros(count)
    bands: list[dict[str, Any]] = []
    cursor, bottom = 0.0, layout.height * UNIT
    first = 0
    for band in sorted(set(band_of)):
        left = cursor
        while first < count and band_of[members[first][0]] == band:
            width = max(boxes[node].width for node in members[first])
            middles[first] = cursor + width / 2
            cursor += width + float(np.clip(44 + 2.5 * through[first], 56, 120))
            first += 1
        grid = [node for node in loose if band_of[node] == band]
        top = bottom if cursor > left else max(0.0, bottom / 2 - 24 * min(len(grid), _GRID))
        cursor = max(cursor, _place_grid(grid, boxes, x, y, left, cursor, top))
        right = cursor - 56 if cursor > left else left
        bands.append({"tier": band if tiers and band < len(tiers) else None,
                      "left": left - 14, "right": right + 14})  # fmt: skip
    for k, node in enumerate(joined):
        x[node], y[node] = middles[column[k]], layout.y[k] * UNIT
    via = []
    for a, b in inner:
        flip = column[a] > column[b]
        left_end, right_end = (b, a) if flip else (a, b)
        lanes = layout.lanes[left_end, right_end]
        points = [
            [round(float(middles[column[left_end] + 1 + k]), 1), round(height * UNIT, 1)]
            for k, height in enumerate(lanes)
        ]
        via.append(points[::-1] if flip else points)
    return {
        "x": [round(float(v), 1) for v in x],
        "y": [round(float(v), 1) for v in y],
        "via": via,
        "bands": bands if tiers else [],
        "height": round(float(max([bottom, *(y + 40)] if len(boxes) else [0.0])), 1),
    }


def _bands(n_nodes: int, tiers: Sequence[Sequence[int]] | None) -> list[int]:
    """Return the band of each node; with tiers, what is in none comes last."""
    if not tiers:
        return [0] * n_nodes
    tier: Mapping[int, int] = {node: k for k, members in enumerate(tiers) for node in members}
    return [tier.get(node, len(tiers)) for node in range(n_nodes)]


def _split(column: dict[int, int], pairs: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Deal the nodes of a column that is too tall out to several columns side by side."""
    degree = {node: 0 for node in column}
    for pair in pairs:
        for node in pair:
            degree[node] += 1
    out: dict[int, int] = {}
    base = 0
    for c in range(1 + max(column.values(), default=-1)):
        nodes = sorted((k for k in column if column[k] == c), key=lambda k: (-degree[k], k))
        parts = max(1, -(-len(nodes) // _TALL))
        for k, node in enumerate(nodes):
            out[node] = base + k % parts
        base += parts
    return out


def _place_grid(
    nodes: Sequence[int],
    boxes: Sequence[NodeBox],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    left: float,
    right: float,
    top: float,
) -> float:
    """Place nodes without an edge below the others, in rows; return where the grid ends."""
    if not nodes:
        return right
    widest = max(boxes[node].width for node in nodes) + 18
    fit = max(1, int((right - left) // widest), -(-len(nodes) // _GRID))
    row_height = max(boxes[node].height for node in nodes) + _GAP
    for k, node in enumerate(nodes):
        x[node] = left + (k % fit) * widest + (widest - 18) / 2
        y[node] = top + 24 + (k // fit) * row_height + row_height / 2
    return left + min(fit, len(nodes)) * widest + 38
