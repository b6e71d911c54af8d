"""Positions of a node in a causal order, scored through trees of grown parent sets.

The parents of a node given those before it are grown greedily, which depends only on what is
before it. A tree keeps the growths that were met: at a vertex, branches are the candidates
that would improve the score, the best first; the first one that is before the node is taken.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from causalimg.kernels.score_gains import Score, gains_of

GAIN = 1e-7  # the least that a parent must gain
TIED = 1e-6  # scores that differ by less are the same
VERTICES, BRANCHES = 0, 1


class Trees(NamedTuple):
    """The trees of all nodes; vertex y is the root of node y.

    ``allowed``, ``needed``: shape (d, d); i may be, and always is, a parent of j. Of each vertex:
    ``node``; ``up``, the vertex it grew from, and ``added``, the parent that it added (itself and
    -1 at a root); ``gained``, the score of its parents over that of the root; ``value``, the same
    once they are shrunk; ``first`` and ``n_branches``, its branches. Of each branch: ``variable``,
    the parent that it adds; ``child``, its vertex or -1. ``used``: vertices and branches so far.
    """

    allowed: np.ndarray
    needed: np.ndarray
    node: np.ndarray
    up: np.ndarray
    added: np.ndarray
    gained: np.ndarray
    value: np.ndarray
    first: np.ndarray
    n_branches: np.ndarray
    variable: np.ndarray
    child: np.ndarray
    used: np.ndarray


@njit(cache=True, nogil=True)
def has_room(trees: Trees) -> bool:
    """Whether one more vertex fits, with a branch for every node."""
    branches = trees.used[BRANCHES] + len(trees.allowed)
    return bool(trees.used[VERTICES] < len(trees.node) and branches <= len(trees.variable))


@njit(cache=True, nogil=True)
def _grown(trees: Trees, vertex: int) -> np.ndarray:
    """Return the parents at a vertex before they are shrunk, sorted."""
    y = trees.node[vertex]
    inside = trees.needed[:, y].copy()
    while trees.added[vertex] >= 0:
        inside[trees.added[vertex]] = True
        vertex = trees.up[vertex]
    return np.flatnonzero(inside)


@njit(cache=True, nogil=True)
def _shrink(
    trees: Trees, score: Score, y: int, parents: np.ndarray, gains: np.ndarray
) -> tuple[np.ndarray, float]:
    """Take out the parent that is worth least until all gain; return the rest and the change.

    ``gains``: of every node given ``parents``.
    """
    change = 0.0
    while True:
        worst, least = -1, np.inf
        for k in parents:
            if not trees.needed[k, y] and gains[k] < least:
                worst, least = k, gains[k]
        if worst < 0 or least >= -GAIN:
            return parents, change
        parents = parents[parents != worst]
        change -= least
        gains = gains_of(score, y, parents)


@njit(cache=True, nogil=True)
def add_vertex(trees: Trees, score: Score, y: int, up: int, branch: int) -> int:
    """Make a vertex of node ``y`` at a branch of ``up``, or a root (-1); there must be room."""
    vertex = int(trees.used[VERTICES])
    trees.used[VERTICES] += 1
    trees.node[vertex] = y
    trees.up[vertex] = up
    added = -1 if branch < 0 else trees.variable[branch]
    trees.added[vertex] = added
    parents = _grown(trees, vertex)
    gains = gains_of(score, y, parents)
    gained = 0.0 if added < 0 else trees.gained[up] + gains[added]
    trees.gained[vertex] = gained
    trees.value[vertex] = gained + _shrink(trees, score, y, parents, gains)[1]
    open_to = trees.allowed[:, y] & (gains > GAIN)
    open_to[parents] = False
    better = np.flatnonzero(open_to)
    better = better[np.argsort(-gains[better], kind="mergesort")]
    at = trees.used[BRANCHES]
    trees.used[BRANCHES] += len(better)
    trees.first[vertex] = at
    trees.n_branches[vertex] = len(better)
    for b in range(len(better)):
        trees.variable[at + b] = better[b]
        trees.child[at + b] = -1
    return vertex


@njit(cache=True, nogil=True)
def follow(trees: Trees, score: Score, y: int, before: np.ndarray) -> int:
    """Return the vertex where the growth of node ``y`` ends, or -1 where there is no room."""
    vertex = y
    while True:
        start = trees.first[vertex]
        branch = -1
        for b in range(start, start + trees.n_branches[vertex]):
            if before[trees.variable[b]]:
                branch = b
                break
        if branch < 0:
            return vertex
        if trees.child[branch] < 0:
            if not has_room(trees):
                return -1
            trees.child[branch] = add_vertex(trees, score, y, vertex, branch)
        vertex = int(trees.child[branch])


@njit(cache=True, nogil=True)
def parents_at(trees: Trees, score: Score, vertex: int) -> np.ndarray:
    """Return the parents at a vertex, grown and shrunk, sorted."""
    y = trees.node[vertex]
    parents = _grown(trees, vertex)
    return _shrink(trees, score, y, parents, gains_of(score, y, parents))[0]


@njit(cache=True, nogil=True)
def score_positions(
    trees: Trees, score: Score, node: int, others: np.ndarray, scores: np.ndarray
) -> bool:
    """Score a node at every position of an order; False where there is no room for the trees.

    Parameters
    ----------
    trees : Trees
        Grows by what is missing.
    score : Score
    node : int
    others : ndarray of int, shape (d - 1,)
        The order without the node.
    scores : ndarray, shape (3, d)
        Filled: the score of the node at position k; of ``others[k]`` without the node before it;
        and with it.
    """
    d = len(others) + 1
    before = np.zeros(d, dtype=np.bool_)
    for k in range(d):
        vertex = follow(trees, score, node, before)
        if vertex < 0:
            return False
        scores[0, k] = trees.value[vertex]
        if k == d - 1:
            break
        for which in range(1, 3):
            before[node] = which == 2
            vertex = follow(trees, score, others[k], before)
            if vertex < 0:
                return False
            scores[which, k] = trees.value[vertex]
        before[node] = False
        before[others[k]] = True
    scores[1:, d - 1] = 0.0
    return True


@njit(cache=True, nogil=True)
def best_position(scores: np.ndarray, low: int, high: int, now: int) -> tuple[int, float]:
    """Return the best position from ``low`` to ``high``, and what it gains over ``now``.

    Of positions that differ by rounding only (the order of two nodes that do not depend on each
    other), the first counts as the best, so that the scale of the columns cannot decide.
    """
    d = scores.shape[1]
    after = 0.0
    for k in range(d - 1):
        after += scores[2, k]
    total = np.empty(d)
    ahead = 0.0
    for k in range(d):
        total[k] = ahead + scores[0, k] + after
        if k < d - 1:
            ahead += scores[1, k]
            after -= scores[2, k]
    most = total[now]
    for k in range(low, high + 1):
        most = max(most, total[k])
    best = now
    for k in range(low, high + 1):
        if total[k] > most - TIED:
            best = k
            break
    return best, total[best] - total[now]
