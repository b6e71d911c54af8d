"""The state of a climb between equivalence classes, and what the moves of a pair gain."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from causalimg.kernels.class_moves import TURN, clique_gains, separated
from causalimg.kernels.equivalence import cliques
from causalimg.kernels.score_gains import Score, gains_of

FLIP = 3
CLIQUES = 4096  # around one node; further ones are not looked at
STEPS = 12  # kept of the paths that forbid a move
HELD, CUT, TRIALS, BANNED_X, BANNED_Y = 5, 6, 7, 8, 9  # places in ``tally``


class Climb(NamedTuple):
    """A class and its moves; arrays indexed by the node ``y`` that a move leads into, then ``x``.

    ``open``: the class. ``follow``, ``degree``: the nodes that its edges lead to, as lists
    (`equivalence.path_avoids`). ``bound``, ``usable``: shape (d, 4, d), gains of each kind of
    move, and without those held. ``top``: the largest usable, shape (d, 4). ``own[y]``: what each
    node adds to ``y`` given its parents. ``allowed``, ``forbidden``, ``fixed``: knowledge.
    ``length``, ``steps``: of held moves, 0 for none, -1 for unknown. ``held``: pairs,
    ``y * d + x``. ``total``: what was gained. ``tally``: moves of each kind and further numbers.
    ``dirty[y]``: row ``y`` of a table was written to since it was last copied.
    """

    open: np.ndarray
    follow: np.ndarray
    degree: np.ndarray
    bound: np.ndarray
    usable: np.ndarray
    top: np.ndarray
    own: np.ndarray
    allowed: np.ndarray
    forbidden: np.ndarray
    fixed: np.ndarray
    length: np.ndarray
    steps: np.ndarray
    held: np.ndarray
    total: np.ndarray
    tally: np.ndarray
    dirty: np.ndarray


@njit(cache=True, nogil=True)
def base_of(open_: np.ndarray, y: int, more: np.ndarray) -> np.ndarray:
    """Return the parents of ``y`` and the members of ``more``, sorted."""
    d = open_.shape[0]
    out = np.empty(d, dtype=np.int64)
    size = 0
    for x in range(d):
        if more[x] or (open_[x, y] and not open_[y, x]):
            out[size] = x
            size += 1
    return out[:size]


@njit(cache=True, nogil=True)
def row_of(c: Climb, score: Score, y: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the cliques around ``y`` and what each node adds to it with each of them."""
    open_ = c.open
    member, whole = cliques(open_, y, CLIQUES)
    if not whole:
        c.tally[CUT] = 1
    gains = np.empty((len(member), len(open_)))
    for k in range(len(member)):
        gains[k] = gains_of(score, y, base_of(open_, y, member[k]))
    return member, gains


@njit(cache=True, nogil=True)
def flip_gains(
    c: Climb, score: Score, x: int, y: int, member: np.ndarray, gains: np.ndarray, least: float
) -> np.ndarray:
    """Return what turning ``x --- y`` gains with each clique; -inf if invalid or below least."""
    open_, allowed = c.open, c.allowed
    d = len(open_)
    out = np.full(len(member), -np.inf)
    if not allowed[x, y] or c.fixed[x, y]:
        return out
    for k in range(len(member)):
        if member[k, x] or gains[k, x] <= least:
            continue
        fits = True
        shared = np.zeros(d, dtype=np.bool_)
        for u in range(d):
            if member[k, u]:
                if not allowed[u, y]:
                    fits = False
                    break
                shared[u] = open_[u, x] or open_[x, u]
        if fits and separated(open_, y, x, member[k]):
            out[k] = gains[k, x] - gains_of(score, x, base_of(open_, x, shared))[y]
    return out


@njit(cache=True, nogil=True)
def pair_gains(
    c: Climb, score: Score, kind: int, x: int, y: int, member: np.ndarray, gains: np.ndarray
) -> np.ndarray:
    """Return what a move gains with each clique, paths not looked at."""
    if kind == FLIP:
        return flip_gains(c, score, x, y, member, gains, -np.inf)
    back = c.own[x, y] if kind == TURN else 0.0
    return clique_gains(kind, c.open, x, y, member, gains, back, c.allowed)
