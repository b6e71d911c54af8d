"""Moves between equivalence classes, for one node at a time: insertions, deletions, turns.

For a node ``y``, ``member[k]`` is a clique of its unoriented neighbours, and ``gains[k, x]`` what
the parent ``x`` adds to ``y`` when its other parents are the parents of ``y`` and that clique.
With ``N`` the unoriented neighbours of ``y`` that are adjacent to ``x``, a move of the edge
between ``x`` and ``y`` with clique ``C`` needs:

- insertion, ``N`` inside ``C``, and no semi-directed path from ``y`` to ``x`` that avoids ``C``;
- deletion, ``C`` inside ``N``;
- turn of ``y -> x``, ``N`` inside ``C``, and no semi-directed path from ``y`` to ``x`` but that
  edge that avoids ``C`` and the unoriented neighbours of ``x``;
- turn of ``x --- y``, ``C`` not inside ``N``, and ``C`` without ``N`` separated from ``N`` without
  ``C`` by what they share, among the neighbours of ``y``.

References
----------
Chickering DM. Optimal structure identification with greedy search. J Mach Learn Res
2002;3:507-554.
Hauser A, Buehlmann P. Characterization and greedy learning of interventional Markov equivalence
classes of directed acyclic graphs. J Mach Learn Res 2012;13:2409-2464.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from causalimg.kernels.equivalence import path_avoids

DELETE, TURN, INSERT = 0, 1, 2


@njit(cache=True, nogil=True)
def clique_gains(
    kind: int,
    open_: np.ndarray,
    x: int,
    y: int,
    member: np.ndarray,
    gains: np.ndarray,
    back: float,
    allowed: np.ndarray,
) -> np.ndarray:
    """Return what a move of ``x`` and ``y`` gains with each clique, shape (k,); -inf if invalid.

    Paths are not looked at (`leads_back`). ``back`` is what ``y`` adds to ``x`` as its parent,
    which a turn gives up; ``allowed[i, j]`` tells whether i -> j is allowed.
    """
    d = open_.shape[0]
    count = len(member)
    out = np.full(count, -np.inf)
    if kind != DELETE and not allowed[x, y]:
        return out
    inside = np.zeros(d, dtype=np.bool_)
    around = np.zeros(d, dtype=np.bool_)
    for u in range(d):
        if open_[u, y] and open_[y, u]:
            around[u] = True
            if u != x and (open_[u, x] or open_[x, u]):
                inside[u] = True
    for k in range(count):
        fits = True
        for u in range(d):
            if not around[u]:
                continue
            if kind == DELETE:
                if member[k, u] and not inside[u]:
                    fits = False
                    break
            elif (inside[u] and not member[k, u]) or (member[k, u] and not allowed[u, y]):
                fits = False
                break
        if fits:
            out[k] = -gains[k, x] if kind == DELETE else gains[k, x] - back
    return out


@njit(cache=True, nogil=True)
def best_moves(
    open_: np.ndarray,
    y: int,
    member: np.ndarray,
    gains: np.ndarray,
    back: np.ndarray,
    allowed: np.ndarray,
    fixed: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write the largest gain of each kind of move for each ``x`` into ``out``, shape (3, d).

    ``back[x]`` is what ``y`` adds to ``x``; ``fixed[x]`` marks an edge that must stay.
    """
    d = open_.shape[0]
    for x in range(d):
        for kind in range(3):
            out[kind, x] = -np.inf
        if x == y:
            continue
        into, away = open_[x, y], open_[y, x]
        if into:
            if fixed[x]:
                continue
            kind = DELETE
        elif away:
            kind = TURN
        else:
            kind = INSERT
        if kind != DELETE and not allowed[x, y]:
            continue
        if len(member) == 1:
            change = -gains[0, x] if kind == DELETE else gains[0, x]
            if kind == TURN:
                change -= back[x]
            out[kind, x] = change
        else:
            cost = back[x] if kind == TURN else 0.0
            out[kind, x] = clique_gains(kind, open_, x, y, member, gains, cost, allowed).max()


@njit(cache=True, nogil=True)
def separated(open_: np.ndarray, y: int, x: int, clique: np.ndarray) -> bool:
    """Tell whether the turn of ``x --- y`` with a clique satisfies the condition above."""
    d = open_.shape[0]
    around = np.zeros(d, dtype=np.bool_)
    inside = np.zeros(d, dtype=np.bool_)
    for u in range(d):
        if u != x and open_[u, y] and open_[y, u]:
            around[u] = True
            inside[u] = open_[u, x] or open_[x, u]
    stack = np.empty(d, dtype=np.int64)
    seen = np.zeros(d, dtype=np.bool_)
    size = 0
    for u in range(d):
        if clique[u] and not inside[u]:
            stack[size] = u
            seen[u] = True
            size += 1
    if size == 0:
        return False
    while size:
        size -= 1
        u = stack[size]
        for v in range(d):
            if not around[v] or seen[v] or not (open_[u, v] or open_[v, u]):
                continue
            if clique[v] and inside[v]:
                continue
            if inside[v]:
                return False
            seen[v] = True
            stack[size] = v
            size += 1
    return True


@njit(cache=True, nogil=True)
def way_back(
    kind: int,
    open_: np.ndarray,
    follow: np.ndarray,
    count: np.ndarray,
    x: int,
    y: int,
    clique: np.ndarray,
) -> np.ndarray:
    """Return a path that makes an insertion or the turn of an arrow invalid; empty if none.

    ``follow`` and ``count`` as in `path_avoids`.
    """
    insertion = kind == INSERT
    blocked = clique.copy()
    for u in range(len(blocked) if not insertion else 0):
        if open_[u, x] and open_[x, u]:
            blocked[u] = True
    return path_avoids(follow, count, blocked, y, x, insertion)


@njit(cache=True, nogil=True)
def first_valid(
    kind: int,
    open_: np.ndarray,
    follow: np.ndarray,
    count: np.ndarray,
    x: int,
    y: int,
    member: np.ndarray,
    values: np.ndarray,
    lowest: float,
) -> tuple[int, np.ndarray]:
    """Return the best clique that no path forbids, and the steps of the paths that forbid better.

    Cliques that gain ``lowest`` or less are not looked at; -1 if there is no other. Steps
    i -> j are numbered ``i * d + j``.
    """
    d = open_.shape[0]
    steps = np.empty(16, dtype=np.int64)
    size = 0
    left = values.copy()
    while True:
        k = int(np.argmax(left))
        if left[k] <= lowest:
            return -1, steps[:size]
        left[k] = -np.inf
        path = way_back(kind, open_, follow, count, x, y, member[k])
        if len(path) == 0:
            return k, steps[:size]
        if size + len(path) > len(steps):
            longer = np.empty(2 * (size + len(path)), dtype=np.int64)
            for i in range(size):
                longer[i] = steps[i]
            steps = longer
        for i in range(len(path) - 1):
            steps[size] = path[i] * d + path[i + 1]
            size += 1


@njit(cache=True, nogil=True)
def moved(kind: int, open_: np.ndarray, x: int, y: int, clique: np.ndarray) -> np.ndarray:
    """Return the partially directed graph after a move; `equivalence.complete` finishes it."""
    d = open_.shape[0]
    out = open_.copy()
    if kind == DELETE:
        for u in range(d):
            if clique[u] or u == x or not (open_[u, y] and open_[y, u]):
                continue
            if not (open_[u, x] or open_[x, u]):
                continue
            out[u, y] = 0  # y -> u
            if open_[u, x] and open_[x, u]:
                out[u, x] = 0  # x -> u
        out[x, y] = out[y, x] = 0
        return out
    out[x, y], out[y, x] = 1, 0
    for u in range(d):
        if clique[u]:
            out[y, u] = 0
    return out
