"""Greedy climbing between equivalence classes, with trials of deletions.

What every move gains is kept for each pair of nodes, and renewed only around the nodes that a move
changed. ``bound`` is what a move gains if no path is in its way; that is looked at when the move
is the best. A move that paths forbid is held, with the steps of the paths, until one of the steps
is gone.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from causalimg.kernels.class_moves import DELETE, INSERT, TURN, best_moves, first_valid, moved
from causalimg.kernels.class_state import (
    BANNED_X,
    BANNED_Y,
    FLIP,
    HELD,
    STEPS,
    Climb,
    base_of,
    flip_gains,
    pair_gains,
    row_of,
)
from causalimg.kernels.equivalence import agrees, complete
from causalimg.kernels.score_gains import Score, gains_of


@njit(cache=True, nogil=True)
def renew(c: Climb, score: Score, y: int, turning: bool) -> None:
    """Compute the moves into ``y`` anew."""
    d = len(c.open)
    member, gains = row_of(c, score, y)
    bound = c.bound[y]
    best_moves(
        c.open, y, member, gains, c.own[:, y].copy(), c.allowed, c.fixed[y].copy(), bound[:3]
    )
    bound[FLIP] = -np.inf
    if not turning:
        bound[TURN] = -np.inf
    elif len(member) > 2:
        for x in range(d):
            if x != y and c.open[x, y] and c.open[y, x]:
                bound[FLIP, x] = flip_gains(c, score, x, y, member, gains, 0.0).max()
    if c.tally[BANNED_Y] == y:
        bound[INSERT, c.tally[BANNED_X]] = -np.inf
    c.usable[y] = bound
    _lift(c, y)


@njit(cache=True, nogil=True)
def _lift(c: Climb, y: int) -> None:
    for kind in range(4):
        top = -np.inf
        for x in range(len(c.open)):
            top = max(top, c.usable[y, kind, x])
        c.top[y, kind] = top


@njit(cache=True, nogil=True)
def start(c: Climb, score: Score, turning: bool) -> None:
    """Fill the tables for the class."""
    d = len(c.open)
    none = np.zeros(d, dtype=np.bool_)
    for y in range(d):
        c.own[y] = gains_of(score, y, base_of(c.open, y, none))
    for y in range(d):
        renew(c, score, y, turning)


@njit(cache=True, nogil=True)
def make(c: Climb, score: Score, x: int, y: int, after: np.ndarray, turning: bool) -> None:
    """Replace the class by the one after a move, and renew what that changes."""
    d = len(c.open)
    before = c.open.copy()
    c.open[:] = after
    touched = np.zeros(d, dtype=np.bool_)
    changed = np.zeros(d, dtype=np.bool_)
    for i in range(d):
        for j in range(d):
            if before[i, j] != after[i, j]:
                changed[i] = changed[j] = True
    none = np.zeros(d, dtype=np.bool_)
    touched[x] = touched[y] = True
    for b in range(d):
        if (after[b, x] and after[x, b]) or (after[b, y] and after[y, b]):
            touched[b] = True
    new = np.zeros(d, dtype=np.bool_)
    for a in range(d):
        for b in range(d if changed[a] else 0):
            if before[b, a] != after[b, a]:
                touched[a] = True  # not if it is a child that came or went
            if (before[b, a] and not before[a, b]) != (after[b, a] and not after[a, b]):
                new[a] = touched[a] = True
    for a in range(d):
        for b in range(d if new[a] and turning else 0):
            if after[b, a] and after[a, b]:
                touched[b] = True
    for a in range(d):
        if not new[a]:
            continue
        own = gains_of(score, a, base_of(after, a, none))
        for b in range(d):
            if after[b, a] and not after[a, b] and not touched[b] and turning:
                # of the moves into b only the turn of b -> a gains something else
                c.bound[b, TURN, a] += c.own[a, b] - own[b]
                if c.length[b, a] == 0:
                    c.usable[b, TURN, a] = c.bound[b, TURN, a]
                    _lift(c, b)
        c.own[a] = own
    kept = 0
    released = np.zeros(d, dtype=np.bool_)
    for y_ in range(d):
        if touched[y_]:
            renew(c, score, y_, turning)
    for h in range(c.tally[HELD]):
        y_, x_ = c.held[h] // d, c.held[h] % d
        if _still_held(c, x_, y_, touched[y_]):
            c.held[kept] = c.held[h]
            kept += 1
            if touched[y_]:
                c.usable[y_, :, x_] = -np.inf
                released[y_] = True
        else:
            c.length[y_, x_] = 0
            if not touched[y_]:
                c.usable[y_, :, x_] = c.bound[y_, :, x_]
                released[y_] = True
    c.tally[HELD] = kept
    for y_ in range(d):
        if released[y_]:
            _lift(c, y_)


@njit(cache=True, nogil=True)
def _alone(open_: np.ndarray, y: int) -> bool:
    """Tell whether ``y`` has no unoriented edge."""
    loose = 0
    for u in range(len(open_)):
        loose += open_[u, y] & open_[y, u]
    return loose == 0


@njit(cache=True, nogil=True)
def _still_held(c: Climb, x: int, y: int, renewed: bool) -> bool:
    """Tell whether what forbade a move still does.

    If ``y`` was renewed and has no unoriented edge, any path that is still there forbids it.
    """
    d = len(c.open)
    size = c.length[y, x]
    if size <= 0:
        return False
    if renewed and (c.open[x, y] or not _alone(c.open, y)):
        return False
    for s in range(size):
        u, v = c.steps[y, x, s] // d, c.steps[y, x, s] % d
        if not c.open[u, v]:
            return False
        if c.open[y, x] and ((u == y and v == x) or (c.open[v, x] and c.open[x, v])):
            return False  # a turn: neither its own edge nor a neighbour of x
    return True


@njit(cache=True, nogil=True)
def _step(c: Climb, score: Score, low: int, high: int, least: float, turning: bool) -> bool:
    """Make the best move of two kinds (which may be the same); False if there is none."""
    d = len(c.open)
    while True:
        best, kind, y = least, -1, 0
        for k in range(d):
            if c.top[k, low] > best:
                best, kind, y = c.top[k, low], low, k
            if c.top[k, high] > best:
                best, kind, y = c.top[k, high], high, k
        if kind < 0:
            return False
        x = int(np.argmax(c.usable[y, kind]))
        if _alone(c.open, y):  # one clique, the empty one: the bound is its gain
            member = np.zeros((1, d), dtype=np.bool_)
            values = np.array([c.bound[y, kind, x]])
        else:
            member, gains = row_of(c, score, y)
            values = pair_gains(c, score, kind, x, y, member, gains)
        unknown = False
        found = -np.inf
        count = 0
        while True:
            if kind in (DELETE, FLIP):
                at = int(np.argmax(values))
                if values[at] <= least:
                    at = -1
            else:
                at, steps = first_valid(kind, c.open, x, y, member, values, least)
                count = len(steps)
                if count > STEPS:
                    unknown = True
                else:
                    c.steps[y, x, :count] = steps
            if at < 0:
                break
            found = values[at]
            if found < best - least / 2:
                break
            ok, after = complete(moved(kind, c.open, x, y, member[at]))
            if ok and agrees(after, c.forbidden):
                c.total[0] += found
                c.tally[kind] += 1
                make(c, score, x, y, after, turning)
                return True
            values[at] = -np.inf
            found = -np.inf
            unknown = True
        if c.length[y, x] == 0:
            c.held[c.tally[HELD]] = y * d + x
            c.tally[HELD] += 1
        c.length[y, x] = -1 if unknown or count == 0 else count
        c.usable[y, kind, x] = found
        _lift(c, y)


@njit(cache=True, nogil=True)
def climb(c: Climb, score: Score, least: float, turning: bool, inserting: bool) -> None:
    """Make the best deletion, else the best turn, else the best insertion, until none gains."""
    kinds = np.array([[DELETE, DELETE], [TURN, FLIP], [INSERT, INSERT]])
    stage = 0
    while stage < 3:
        skipped = (stage == 1 and not turning) or (stage == 2 and not inserting)
        if not skipped and _step(c, score, kinds[stage, 0], kinds[stage, 1], least, turning):
            stage = 0
        else:
            stage += 1
