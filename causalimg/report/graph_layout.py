"""Places for the nodes of a graph: columns from left to right, few crossings, straight lanes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from causalimg.graph.core import CausalGraph, Mark

_LANE = 0.42
_SWEEPS = 24


@dataclass(frozen=True)
class Layout:
    """Where nodes and edges go.

    Parameters
    ----------
    column : dict of int to int
        Node -> column, 0 at the left.
    y : dict of int to float
        Node -> height of its centre, growing downwards.
    lanes : dict of (int, int) to list of float
        Edge (left node, right node) -> its height in each column that it passes through.
    height : float
        Total height, from 0.
    """

    column: dict[int, int]
    y: dict[int, float]
    lanes: dict[tuple[int, int], list[float]]
    height: float


def edges_of(graph: CausalGraph) -> list[tuple[int, int]]:
    """Return every edge once, as a pair in which causes come before effects.

    An edge without a direction is put in the order that agrees with all directed edges.
    """
    rank = _ranks(graph.directed())
    pairs = []
    for i, j in np.argwhere(np.triu(graph.marks != Mark.NONE)):
        forward = bool(graph.directed()[i, j]) or (
            not graph.directed()[j, i] and rank[i] <= rank[j]
        )
        pairs.append((int(i), int(j)) if forward else (int(j), int(i)))
    return pairs


def _ranks(directed: NDArray[np.bool_]) -> list[int]:
    """Return each node's place in a topological order; what lies on a cycle comes last."""
    d = len(directed)
    waiting = directed.sum(axis=0).astype(int)
    rank = [d] * d
    done = np.zeros(d, dtype=bool)
    for position in range(d):
        ready = [k for k in range(d) if not done[k] and waiting[k] == 0]
        if not ready:
            break
        node = ready[0]
        done[node] = True
        rank[node] = position
        waiting = waiting - directed[node]
    return rank


def columns(
    n_nodes: int,
    edges: Sequence[tuple[int, int]],
    tiers: Sequence[Sequence[int]] | None = None,
    *,
    most: int = 9,
) -> dict[int, int]:
    """Give each node a column, so that an edge goes from left to right where it can.

    Parameters
    ----------
    n_nodes : int
    edges : sequence of (cause, effect)
        Without a cycle.
    tiers : sequence of sequences of int, optional
        A tier takes columns of its own, right of the tier before; inside it causes are left of
        their effects.
    most : int
        Number of columns at most, as far as there are not more tiers: then neighbours share one.
    """
    tier_of = _tier_of(n_nodes, edges, tiers)
    inner = [0] * n_nodes
    for _ in range(n_nodes):
        changed = False
        for a, b in edges:
            if tier_of[a] == tier_of[b] and inner[b] < inner[a] + 1 <= n_nodes:
                inner[b] = inner[a] + 1
                changed = True
        if not changed:
            break
    for node in range(n_nodes):
        inside = [inner[b] for a, b in edges if a == node and tier_of[b] == tier_of[node]]
        if inside and not any(b == node and tier_of[a] == tier_of[node] for a, b in edges):
            inner[node] = min(inside) - 1
    layer = {k: (tier_of[k], inner[k]) for k in range(n_nodes)}
    while len(set(layer.values())) > most:
        merged = _merge(layer, edges)
        if merged is None:
            break
        layer = merged
    order = {place: k for k, place in enumerate(sorted(set(layer.values())))}
    return {k: order[layer[k]] for k in range(n_nodes)}


def _merge(
    layer: dict[int, tuple[int, int]], edges: Sequence[tuple[int, int]]
) -> dict[int, tuple[int, int]] | None:
    """Join the two neighbouring layers of a tier that lose least: few edges between, few nodes."""
    used = sorted(set(layer.values()))
    best: tuple[int, int, tuple[int, int], tuple[int, int]] | None = None
    for left, right in pairwise(used):
        if left[0] != right[0]:
            continue
        between = sum((layer[a], layer[b]) == (left, right) for a, b in edges)
        nodes = sum(place in (left, right) for place in layer.values())
        inside = sum(layer[a] == layer[b] and layer[a] in (left, right) for a, b in edges)
        cost = 2 * (between + inside) + nodes
        if best is None or cost < best[0]:
            best = (cost, nodes, left, right)
    if best is None:
        return None
    return {k: best[2] if place == best[3] else place for k, place in layer.items()}


def _tier_of(
    n_nodes: int, edges: Sequence[tuple[int, int]], tiers: Sequence[Sequence[int]] | None
) -> list[int]:
    if not tiers:
        return [0] * n_nodes
    known = {node: t for t, tier in enumerate(tiers) for node in tier}
    for node in range(n_nodes):
        if node not in known:
            above = [known[a] for a, b in edges if b == node and a in known]
            below = [known[b] for a, b in edges if a == node and b in known]
            known[node] = max(above) if above else min(below, default=0)
    return [known[node] for node in range(n_nodes)]


def arrange(
    column: dict[int, int],
    edges: Sequence[tuple[int, int]],
    size: dict[int, float],
    *,
    lane: float = _LANE,
) -> Layout:
    """Order the nodes of every column and give them heights.

    Parameters
    ----------
    column : dict of int to int
    edges : sequence of (int, int)
    size : dict of int to float
        Height of each node, with its margin.
    lane : float
        Height of the room that an edge takes in a column that it passes through.
    """
    n_columns = 1 + max(column.values(), default=0)
    items: list[list[int]] = [[] for _ in range(n_columns)]
    heights = dict(size)
    for node, at in column.items():
        items[at].append(node)
    links: list[tuple[int, int]] = []
    chains: dict[tuple[int, int], list[int]] = {}
    fresh = -1
    for a, b in edges:
        left, right = (a, b) if column[a] <= column[b] else (b, a)
        chain = []
        previous = left
        for at in range(column[left] + 1, column[right]):
            items[at].append(fresh)
            heights[fresh] = lane
            links.append((previous, fresh))
            chain.append(fresh)
            previous = fresh
            fresh -= 1
        if column[left] != column[right]:
            links.append((previous, right))
        chains[left, right] = chain
    ordered = _untangle(items, links)
    y = _heights(ordered, links, heights)
    ends = [y[k] + heights[k] / 2 for k in y]
    starts = [y[k] - heights[k] / 2 for k in y]
    shift = min(starts, default=0.0)
    return Layout(
        column=column,
        y={node: y[node] - shift for node in column},
        lanes={pair: [y[k] - shift for k in chain] for pair, chain in chains.items()},
        height=max(ends, default=0.0) - shift,
    )


def _sides(links: Sequence[tuple[int, int]]) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    before: dict[int, list[int]] = {}
    after: dict[int, list[int]] = {}
    for a, b in links:
        after.setdefault(a, []).append(b)
        before.setdefault(b, []).append(a)
    return before, after


def _untangle(items: list[list[int]], links: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Sort each column by the mean place of its neighbours, to and fro; keep the best seen."""
    before, after = _sides(links)
    now = [list(column) for column in items]
    best, fewest = [list(column) for column in now], _crossings(now, links)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        known = before if forward else after
        for at in range(len(now)) if forward else range(len(now) - 1, -1, -1):
            place = {item: k / max(1, len(col) - 1) for col in now for k, item in enumerate(col)}
            keys = {
                item: float(np.mean([place[other] for other in known[item]]))
                if known.get(item)
                else place[item]
                for item in now[at]
            }
            now[at] = sorted(now[at], key=lambda item: keys[item])
        count = _crossings(now, links)
        if count < fewest:
            best, fewest = [list(column) for column in now], count
    return best


def _crossings(items: list[list[int]], links: Sequence[tuple[int, int]]) -> int:
    at = {item: (c, k) for c, col in enumerate(items) for k, item in enumerate(col)}
    total = 0
    for c in range(len(items) - 1):
        ends = np.array([(at[a][1], at[b][1]) for a, b in links if at[a][0] == c])
        if len(ends) > 1:
            first = np.sign(ends[:, None, 0] - ends[None, :, 0])
            second = np.sign(ends[:, None, 1] - ends[None, :, 1])
            total += int((first * second < 0).sum()) // 2
    return total


def _heights(
    items: list[list[int]], links: Sequence[tuple[int, int]], heights: dict[int, float]
) -> dict[int, float]:
    """Pull every node towards its neighbours, in the given order and without overlap."""
    before, after = _sides(links)
    y: dict[int, float] = {}
    for column in items:
        ends = np.cumsum([heights[k] for k in column])
        middle = float(ends[-1]) / 2 if len(ends) else 0.0
        for k, end in zip(column, ends, strict=True):
            y[k] = float(end) - heights[k] / 2 - middle
    for sweep in range(_SWEEPS):
        for column in items if sweep % 2 == 0 else items[::-1]:
            if not column:
                continue
            wanted, weight = [], []
            for k in column:
                near = [*before.get(k, []), *after.get(k, [])]
                pull = [
                    (y[other], 8.0 if k < 0 and other < 0 else 2.0 if k < 0 else 1.0)
                    for other in near
                ]
                total = sum(w for _, w in pull)
                wanted.append(sum(v * w for v, w in pull) / total if pull else y[k])
                weight.append(max(total, 0.2))
            gaps = [(heights[a] + heights[b]) / 2 for a, b in pairwise(column)]
            for k, value in zip(column, _spread(wanted, weight, gaps), strict=True):
                y[k] = value
    return y


def _spread(wanted: list[float], weight: list[float], gaps: list[float]) -> list[float]:
    """Return the heights nearest to those wanted, in order and at least ``gaps`` apart.

    Weighted least squares by pooling neighbours that are out of order.
    """
    offsets = np.concatenate([[0.0], np.cumsum(gaps)])
    pools: list[tuple[float, float, int]] = []
    for value, w in zip(np.asarray(wanted) - offsets, weight, strict=True):
        pools.append((float(value), w, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, wa, na), (b, wb, nb) = pools[-2:]
            pools[-2:] = [((a * wa + b * wb) / (wa + wb), wa + wb, na + nb)]
    flat = [value for value, _, count in pools for _ in range(count)]
    return [float(v) for v in np.asarray(flat) + offsets]
