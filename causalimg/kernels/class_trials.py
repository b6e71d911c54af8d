"""Escape from a local optimum: deletions on trial, each followed by a climb."""

from __future__ import annotations

import numpy as np
from numba import njit

from causalimg.kernels.class_climb import climb, make, renew
from causalimg.kernels.class_moves import DELETE, moved
from causalimg.kernels.class_state import (
    BANNED_X,
    BANNED_Y,
    HELD,
    TRIALS,
    Climb,
    pair_gains,
    row_of,
)
from causalimg.kernels.equivalence import agrees, complete
from causalimg.kernels.score_gains import Score


@njit(cache=True, nogil=True)
def _copy(source: Climb, to: Climb, dirty: np.ndarray) -> None:
    """Make two states equal that differ in the marked rows only; clear the marks."""
    to.open[:] = source.open
    held = max(source.tally[HELD], to.tally[HELD])
    to.held[:held] = source.held[:held]
    to.degree[:] = source.degree
    to.total[:] = source.total
    to.tally[:] = source.tally
    for y in range(len(dirty)):
        if dirty[y]:
            to.follow[y] = source.follow[y]
            to.bound[y] = source.bound[y]
            to.usable[y] = source.usable[y]
            to.top[y] = source.top[y]
            to.own[y] = source.own[y]
            to.length[y] = source.length[y]
            to.steps[y] = source.steps[y]
            dirty[y] = False


@njit(cache=True, nogil=True)
def deletions(c: Climb, score: Score) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return every deletion: gains, ``(x, y)``, and the cliques."""
    d = len(c.open)
    room = 64
    value = np.empty(room)
    pair = np.empty((room, 2), dtype=np.int64)
    clique = np.zeros((room, d), dtype=np.bool_)
    size = 0
    for y in range(d):
        if np.max(c.bound[y, DELETE]) == -np.inf:
            continue
        member, gains = row_of(c, score, y)
        for x in range(d):
            if c.bound[y, DELETE, x] == -np.inf:
                continue
            values = pair_gains(c, score, DELETE, x, y, member, gains)
            for k in range(len(member)):
                if values[k] == -np.inf:
                    continue
                if size == room:
                    room *= 2
                    more_value = np.empty(room)
                    more_pair = np.empty((room, 2), dtype=np.int64)
                    more_clique = np.zeros((room, d), dtype=np.bool_)
                    for i in range(size):
                        more_value[i] = value[i]
                        more_pair[i, 0], more_pair[i, 1] = pair[i]
                        for u in range(d):
                            more_clique[i, u] = clique[i, u]
                    value, pair, clique = more_value, more_pair, more_clique
                value[size] = values[k]
                pair[size, 0], pair[size, 1] = x, y
                for u in range(d):
                    clique[size, u] = member[k, u]
                size += 1
    return value[:size], pair, clique


@njit(cache=True, nogil=True)
def try_deletions(c: Climb, spare: Climb, score: Score, least: float, turning: bool) -> None:
    """Try each deletion with its insertion barred; keep what climbs higher, until none does.

    The edge may not be inserted into the same node again, but it may from the other side.
    ``spare`` is a copy of ``c``, and is overwritten.
    """
    c.dirty[:] = False
    bounded = bool(c.forbidden.any())
    again = True
    while again:
        again = False
        value, pair, clique = deletions(c, score)
        for _ in range(len(value)):
            k = int(np.argmax(value))
            gain = value[k]
            value[k] = -np.inf
            x, y = pair[k]
            ok, after = complete(moved(DELETE, c.open, x, y, clique[k]))
            if not ok or (bounded and not agrees(after, c.forbidden)):
                continue
            trials = c.tally[TRIALS] + 1
            _copy(c, spare, c.dirty)
            c.tally[BANNED_X], c.tally[BANNED_Y] = x, y
            c.total[0] += gain
            c.tally[DELETE] += 1
            make(c, score, x, y, after, turning)
            climb(c, score, least, turning)
            c.tally[BANNED_X] = c.tally[BANNED_Y] = -1
            if c.total[0] > spare.total[0] + least:
                renew(c, score, y, turning)
                climb(c, score, least, turning)
                again = True
            else:
                _copy(spare, c, c.dirty)
            c.tally[TRIALS] = trials
            if again:
                break
