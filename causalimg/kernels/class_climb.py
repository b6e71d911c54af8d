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
from causalimg.kernels.equivalence import agrees, complete, list_row
from causalimg.kernels.score_gains import Score, gains_of


@njit(cache=True, nogil=True)
def renew(c: Climb, score: Score, y: int, turning: bool) -> None:
    """Compute the moves into ``y`` anew."""
    open_ = c.open
    d = len(open_)
    member, gains = row_of(c, score, y)
    bound = c.bound[y]
    best_moves(open_, y, member, gains, c.own[:, y].copy(), c.allowed, c.fixed[y].copy(), bound[:3])
    bound[FLIP] = -np.inf
    if not turning:
        bound[TURN] = -np.inf
    elif len(member) > 2:
        for x in range(d):
            if x != y and open_[x, y] and open_[y, x]:
                bound[FLIP, x] = flip_gains(c, score, x, y, member, gains, 0.0).max()
    if c.tally[BANNED_Y] == y:
        bound[INSERT, c.tally[BANNED_X]] = -np.inf
    c.usable[y] = bound
    c.dirty[y] = True
    _lift(c.usable[y], c.top[y])


@njit(cache=True, nogil=True)
def _lift(usable: np.ndarray, top: np.ndarray) -> None:
    """Write the largest of each kind, usable[kind, x], into ``top``."""
    for kind in range(4):
        most = -np.inf
        for x in range(usable.shape[1]):
            most = max(most, usable[kind, x])
        top[kind] = most


@njit(cache=True, nogil=True)
def start(c: Climb, score: Score, turning: bool) -> None:
    """Fill the tables for the class."""
    d = len(c.open)
    none = np.zeros(d, dtype=np.bool_)
    for y in range(d):
        list_row(c.open, y, c.follow[y], c.degree[y : y + 1])
        c.own[y] = gains_of(score, y, base_of(c.open, y, none))
    for y in range(d):
        renew(c, score, y, turning)


@njit(cache=True, nogil=True)
def _changes(
    before: np.ndarray, after: np.ndarray, x: int, y: int, turning: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which nodes have another edge, other moves into them, and other parents."""
    d = len(before)
    touched = np.zeros(d, dtype=np.bool_)
    changed = np.zeros(d, dtype=np.bool_)
    for i in range(d):
        for j in range(d):
            if before[i, j] != after[i, j]:
                changed[i] = changed[j] = True
    touched[x] = touched[y] = True
    for b in range(d):
        if (after[b, x] and after[x, b]) or (after[b, y] and after[y, b]):
            touched[b] = True
    new = np.zeros(d, dtype=np.bool_)
    for a in range(d):
        if not changed[a]:
            continue
        for b in range(d):
            if before[b, a] != after[b, a]:
                touched[a] = True  # not if it is a child that came or went
            if (before[b, a] and not before[a, b]) != (after[b, a] and not after[a, b]):
                new[a] = touched[a] = True
        for b in range(d if new[a] and turning else 0):
            if after[b, a] and after[a, b]:
                touched[b] = True
    return changed, touched, new


@njit(cache=True, nogil=True)
def make(c: Climb, score: Score, x: int, y: int, after: np.ndarray, turning: bool) -> None:
    """Replace the class by the one after a move, and renew what that changes."""
    changed, touched, new = _changes(c.open, after, x, y, turning)
    d = len(after)
    c.open[:] = after
    none = np.zeros(d, dtype=np.bool_)
    for a in range(d):
        if changed[a]:
            list_row(after, a, c.follow[a], c.degree[a : a + 1])
            c.dirty[a] = True
    own, bound, usable, length, top = c.own, c.bound, c.usable, c.length, c.top
    for a in range(d):
        if not new[a]:
            continue
        given = gains_of(score, a, base_of(after, a, none))
        for b in range(d):
            if after[b, a] and not after[a, b] and not touched[b] and turning:
                # of the moves into b only the turn of b -> a gains something else
                bound[b, TURN, a] += own[a, b] - given[b]
                c.dirty[b] = True
                if length[b, a] == 0:
                    usable[b, TURN, a] = bound[b, TURN, a]
                    _lift(usable[b], top[b])
        own[a] = given
    for a in range(d):
        if touched[a]:
            renew(c, score, a, turning)
    _release(c, touched)


@njit(cache=True, nogil=True)
def _release(c: Climb, touched: np.ndarray) -> None:
    """Keep holding the moves that are still forbidden, and let the others go.

    If ``y`` was renewed and has no unoriented edge, any path that is still there forbids a move.
    """
    open_, usable, bound, length, steps, held = (
        c.open, c.usable, c.bound, c.length, c.steps, c.held,
    )  # fmt: skip
    d = len(open_)
    single = np.ones(d, dtype=np.bool_)
    for y in range(d):
        if touched[y]:
            single[y] = _alone(open_, y)
    released = np.zeros(d, dtype=np.bool_)
    kept = 0
    for h in range(c.tally[HELD]):
        y, x = held[h] // d, held[h] % d
        size = length[y, x]
        holds = size > 0 and not (touched[y] and (open_[x, y] or not single[y]))
        for s in range(size if holds else 0):
            u, v = steps[y, x, s] // d, steps[y, x, s] % d
            if not open_[u, v]:
                holds = False
                break
            if open_[y, x] and ((u == y and v == x) or (open_[v, x] and open_[x, v])):
                holds = False  # a turn: neither its own edge nor a neighbour of x
                break
        if holds:
            held[kept] = held[h]
            kept += 1
        else:
            length[y, x] = 0
            c.dirty[y] = True
        if holds == touched[y]:
            for kind in range(4):
                usable[y, kind, x] = -np.inf if holds else bound[y, kind, x]
            released[y] = True
    c.tally[HELD] = kept
    for y in range(d):
        if released[y]:
            c.dirty[y] = True
            _lift(usable[y], c.top[y])


@njit(cache=True, nogil=True)
def _alone(open_: np.ndarray, y: int) -> bool:
    """Tell whether ``y`` has no unoriented edge."""
    loose = 0
    for u in range(len(open_)):
        loose += open_[u, y] & open_[y, u]
    return loose == 0


@njit(cache=True, nogil=True)
def _best(top: np.ndarray, low: int, high: int, least: float) -> tuple[float, int, int]:
    """Return the best move of two kinds: gain, kind and ``y``; kind -1 if none is above least."""
    best, kind, y = least, -1, 0
    for k in range(len(top)):
        if top[k, low] > best:
            best, kind, y = top[k, low], low, k
        if top[k, high] > best:
            best, kind, y = top[k, high], high, k
    return best, kind, y


@njit(cache=True, nogil=True)
def step(
    c: Climb, score: Score, low: int, high: int, least: float, turning: bool, bounded: bool
) -> bool:
    """Make the best move of two kinds (which may be the same); False if there is none."""
    open_, usable, length, steps_of = c.open, c.usable, c.length, c.steps
    d = len(open_)
    while True:
        best, kind, y = _best(c.top, low, high, least)
        if kind < 0:
            return False
        x = int(np.argmax(usable[y, kind]))
        if _alone(open_, y):  # one clique, the empty one: the bound is its gain
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
                at, steps = first_valid(
                    kind, open_, c.follow, c.degree, x, y, member, values, least
                )
                count = len(steps)
                if count > STEPS:
                    unknown = True
                else:
                    steps_of[y, x, :count] = steps
            if at < 0:
                break
            found = values[at]
            if found < best - least / 2:
                break
            ok, after = complete(moved(kind, open_, x, y, member[at]))
            if ok and (not bounded or agrees(after, c.forbidden)):
                c.total[0] += found
                c.tally[kind] += 1
                make(c, score, x, y, after, turning)
                return True
            values[at] = -np.inf
            found = -np.inf
            unknown = True
        if length[y, x] == 0:
            c.held[c.tally[HELD]] = y * d + x
            c.tally[HELD] += 1
        length[y, x] = -1 if unknown or count == 0 else count
        usable[y, kind, x] = found
        c.dirty[y] = True
        _lift(usable[y], c.top[y])


@njit(cache=True, nogil=True)
def climb(c: Climb, score: Score, least: float, turning: bool) -> None:
    """Make the best deletion, else the best turn, else the best insertion, until none gains."""
    bounded = bool(c.forbidden.any())
    kinds = np.array([[DELETE, DELETE], [TURN, FLIP], [INSERT, INSERT]])
    stage = 0
    while stage < 3:
        skipped = stage == 1 and not turning
        low, high = kinds[stage]
        if not skipped and step(c, score, low, high, least, turning, bounded):
            stage = 0
        else:
            stage += 1
