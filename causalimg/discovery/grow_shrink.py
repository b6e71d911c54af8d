"""Best order score search with grow-shrink trees, by any local score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalimg.stats.scores import LocalScore, kernel

Bool = NDArray[np.bool_]
Int = NDArray[np.int64]
_GAIN = 1e-7


@dataclass(frozen=True, eq=False)
class OrderFound:
    """An order, the parents of each node among those before it, and the score of that DAG."""

    order: Int
    directed: Bool
    score: float
    sweeps: int
    moves: int


class GrowShrinkTrees:
    """The parent sets that greedy growing and shrinking gives, kept for every growth met.

    Parameters
    ----------
    score : LocalScore
    allowed : ndarray of bool, shape (d, d)
        ``[i, j]``: i may be a parent of j.
    required : ndarray of bool, shape (d, d)
        Parents that a node always has.
    """

    def __init__(self, score: LocalScore, allowed: Bool, required: Bool) -> None:
        self.score = score
        self.allowed = allowed
        self.needed = [frozenset(np.flatnonzero(column).tolist()) for column in required.T]
        self.kernel = kernel("grow_trees")
        d = len(score.nodes)
        self.first = np.zeros(4 * d, dtype=np.int64)
        self.count = np.zeros(4 * d, dtype=np.int64)
        self.value = np.zeros(4 * d)
        self.variable = np.zeros(16 * d, dtype=np.int64)
        self.child = np.full(16 * d, -1, dtype=np.int64)
        self.vertices: list[tuple[int, tuple[int, ...], float]] = []
        self.chosen: list[tuple[int, ...]] = []
        self.used = 0
        self.root = np.array(
            [self._add(y, tuple(sorted(self.needed[y])), 0.0) for y in range(d)],
            dtype=np.int64,
        )

    def _add(self, y: int, parents: tuple[int, ...], gained: float) -> int:
        """Make a vertex; ``gained`` is the score of its parents over that of the root."""
        vertex = len(self.vertices)
        if vertex == len(self.first):
            self.first = np.concatenate([self.first, np.zeros_like(self.first)])
            self.count = np.concatenate([self.count, np.zeros_like(self.count)])
            self.value = np.concatenate([self.value, np.zeros_like(self.value)])
        gains = np.where(self.allowed[:, y], self.score.gains(y, parents), -np.inf)
        gains[list(parents)] = -np.inf
        better = np.flatnonzero(gains > _GAIN)
        better = better[np.argsort(-gains[better], kind="stable")]
        while self.used + len(better) > len(self.variable):
            self.variable = np.concatenate([self.variable, np.zeros_like(self.variable)])
            self.child = np.concatenate([self.child, np.full_like(self.child, -1)])
        self.first[vertex], self.count[vertex] = self.used, len(better)
        self.variable[self.used : self.used + len(better)] = better
        self.used += len(better)
        kept, total = list(parents), gained
        while loose := [k for k in kept if k not in self.needed[y]]:
            worth = self.score.gains(y, kept)[loose].tolist()
            least, worst = min(zip(worth, loose, strict=True))
            if least >= -_GAIN:
                break
            kept.remove(worst)
            total -= least
        self.value[vertex] = total
        self.vertices.append((y, parents, gained))
        self.chosen.append(tuple(kept))
        return vertex

    def grow(self, missing: Int) -> None:
        """Make the vertices at the end of some branches."""
        for vertex, branch in dict.fromkeys(map(tuple, missing.tolist())):
            y, parents, gained = self.vertices[vertex]
            x = int(self.variable[branch])
            more = gained + float(self.score.gains(y, parents)[x])
            made = self._add(y, (*parents, x), more)
            self.child[branch] = made

    def positions(self, node: int, others: Int) -> NDArray[np.float64]:
        """Score a node at every position, shape (3, d); see the kernel."""
        d = len(others) + 1
        scores = np.full((3, d), np.nan)
        scores[1:, d - 1] = 0.0
        missing = np.empty((3 * d, 2), dtype=np.int64)
        while True:
            count = self.kernel.trace_positions(
                node, others, self.root, self.first, self.count, self.variable, self.child,
                self.value, scores, missing,
            )  # fmt: skip
            if not count:
                return scores
            self.grow(missing[:count])

    def parents(self, node: int, before: Bool) -> tuple[int, ...]:
        """Return the parents of a node given those before it."""
        vertex = int(self.root[node])
        while True:
            branches = slice(self.first[vertex], self.first[vertex] + self.count[vertex])
            inside = np.flatnonzero(before[self.variable[branches]])
            if not len(inside):
                return self.chosen[vertex]
            branch = int(self.first[vertex] + inside[0])
            if self.child[branch] < 0:
                self.grow(np.array([[vertex, branch]]))
            vertex = int(self.child[branch])


def search_order(
    trees: GrowShrinkTrees, start: Int, before: Bool, rng: np.random.Generator, max_sweeps: int
) -> OrderFound:
    """Move each node to its best position, in random turn, until no move improves the score.

    Parameters
    ----------
    trees : GrowShrinkTrees
    start : ndarray of int, shape (d,)
        An order that respects ``before``.
    before : ndarray of bool, shape (d, d)
        ``[i, j]``: i comes before j; transitively closed.
    rng : numpy.random.Generator
    max_sweeps : int
    """
    order = [int(k) for k in start]
    d, moves, sweeps = len(order), 0, 0
    for _ in range(max_sweeps):
        sweeps += 1
        moved = False
        for node in rng.permutation(d).tolist():
            now = order.index(node)
            others = np.array(order[:now] + order[now + 1 :], dtype=np.int64)
            earlier = np.flatnonzero(before[others, node])
            later = np.flatnonzero(before[node, others])
            low = int(earlier[-1]) + 1 if len(earlier) else 0
            high = int(later[0]) if len(later) else d - 1
            scores = trees.positions(node, others)
            place, gain = trees.kernel.best_position(scores, low, high, now)
            if gain > _GAIN:
                order = [*others[:place].tolist(), node, *others[place:].tolist()]
                moved = True
                moves += 1
        if not moved:
            break
    directed = np.zeros((d, d), dtype=bool)
    seen = np.zeros(d, dtype=bool)
    total = 0.0
    for node in order:
        parents = list(trees.parents(node, seen))
        directed[parents, node] = True
        total += trees.score.local(node, parents)
        seen[node] = True
    return OrderFound(np.array(order, dtype=np.int64), directed, total, sweeps, moves)
