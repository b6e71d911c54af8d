"""Best order score search with grow-shrink trees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalimg.stats.scores import LocalScore, kernel

Bool = NDArray[np.bool_]
Int = NDArray[np.int64]


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
        d = len(score.nodes)
        self.score = score
        self.kernel = kernel("grow_trees")
        self._compiled = score.compiled()
        vertices, branches = 4 * d, 16 * d
        self._trees = self.kernel.Trees(
            allowed,
            required,
            np.zeros(vertices, dtype=np.int64),
            np.zeros(vertices, dtype=np.int64),
            np.zeros(vertices, dtype=np.int64),
            np.zeros(vertices),
            np.zeros(vertices),
            np.zeros(vertices, dtype=np.int64),
            np.zeros(vertices, dtype=np.int64),
            np.zeros(branches, dtype=np.int32),
            np.zeros(branches, dtype=np.int32),
            np.zeros(2, dtype=np.int64),
        )
        for y in range(d):
            while not self.kernel.has_room(self._trees):
                self._make_room()
            self.kernel.add_vertex(self._trees, self._compiled, y, y, -1)

    def _make_room(self) -> None:
        """Double the room for vertices, or for branches, by which is the scarcer."""
        trees = self._trees
        scarce = ["node", "up", "added", "gained", "value", "first", "n_branches"]
        if trees.used[self.kernel.VERTICES] < len(trees.node):
            scarce = ["variable", "child"]
        wider = {name: np.concatenate([getattr(trees, name)] * 2) for name in scarce}
        self._trees = trees._replace(**wider)

    def positions(self, node: int, others: Int) -> NDArray[np.float64]:
        """Score a node at every position, shape (3, d); see the kernel."""
        scores = np.empty((3, len(others) + 1))
        while not self.kernel.score_positions(self._trees, self._compiled, node, others, scores):
            self._make_room()
        return scores

    def parents(self, node: int, before: Bool) -> tuple[int, ...]:
        """Return the parents of a node given those before it."""
        while (vertex := self.kernel.follow(self._trees, self._compiled, node, before)) < 0:
            self._make_room()
        return tuple(self.kernel.parents_at(self._trees, self._compiled, vertex).tolist())


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
            if gain > trees.kernel.GAIN:
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
