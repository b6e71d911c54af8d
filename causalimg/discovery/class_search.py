"""Greedy search over Markov equivalence classes: the arrays around the compiled climb."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from causalimg.stats.scores import LocalScore, kernel

Bool = NDArray[np.bool_]
Open = NDArray[np.uint8]
DELETE, TURN, INSERT, FLIP = 0, 1, 2, 3
_GAIN = 1e-7  # the least that a move must gain
_ROUNDING = 1e-12  # and as a share of the largest gain
_ONE = np.uint8(1)


class ClassSearch:
    """An equivalence class and what every move from it gains.

    Parameters
    ----------
    score : LocalScore
    forbidden : ndarray of bool, shape (d, d)
        Some DAG of every class that is visited has no forbidden edge.
    required : ndarray of bool, shape (d, d)
        Its edges are in every class. The search starts from them.
    turning : bool
        Whether edges may be turned.
    start : ndarray of bool, shape (d, d), optional
        A DAG to start from, in agreement with the knowledge.
    """

    def __init__(
        self,
        score: LocalScore,
        forbidden: Bool,
        required: Bool,
        *,
        turning: bool = True,
        start: Bool | None = None,
    ) -> None:
        d = len(score.nodes)
        self._kernel = kernel("class_climb")
        self._parts = kernel("class_state")
        self._classes = kernel("equivalence")
        self._score = score.compiled()
        self.turning = turning
        largest = max((float(score.gains(y, ()).max()) for y in range(d)), default=0.0)
        self._least = _GAIN + _ROUNDING * max(largest, 0.0)
        first = (required if start is None else start) * _ONE
        self._state = self._parts.Climb(
            self._classes.complete(first)[1],
            np.zeros((d, d), dtype=np.int32),
            np.zeros(d, dtype=np.int64),
            np.full((d, 4, d), -np.inf),
            np.full((d, 4, d), -np.inf),
            np.full((d, 4), -np.inf),
            np.full((d, d), -np.inf),
            np.ascontiguousarray(~forbidden),
            np.ascontiguousarray(forbidden),
            np.ascontiguousarray(required | required.T),
            np.zeros((d, d), dtype=np.int64),
            np.zeros((d, d, self._parts.STEPS), dtype=np.int32),
            np.zeros(d * d, dtype=np.int64),
            np.zeros(1),
            np.array([0, 0, 0, 0, 0, 0, 0, 0, -1, -1], dtype=np.int64),
            np.zeros(d, dtype=bool),
        )
        self._kernel.start(self._state, self._score, turning)

    @property
    def open(self) -> Open:
        """The class: 1 where an edge can be followed, shape (d, d)."""
        return np.array(self._state.open)

    @property
    def gained(self) -> float:
        """Score of the class over that of the start."""
        return float(self._state.total[0])

    @property
    def counts(self) -> list[int]:
        """Deletions, turns, insertions, and turns of unoriented edges that led here."""
        return [int(k) for k in self._state.tally[:4]]

    @property
    def trials(self) -> int:
        """Deletions that were tried."""
        return int(self._state.tally[self._parts.TRIALS])

    @property
    def cut(self) -> bool:
        """Whether a node had more sets of neighbours than were looked at."""
        return bool(self._state.tally[self._parts.CUT])

    def climb(self, *, in_phases: bool = False) -> None:
        """Make the best deletion, else the best turn, else the best insertion, until none gains.

        ``in_phases``: before that all insertions that gain, then all deletions.
        """
        to_gain = (self._least, self.turning)
        bounded = bool(self._state.forbidden.any())
        for kind in (INSERT, DELETE) if in_phases else ():
            while self._kernel.step(self._state, self._score, kind, kind, *to_gain, bounded):
                continue
        self._kernel.climb(self._state, self._score, *to_gain)

    def try_deletions(self) -> None:
        """Escape from local optima by deletions on trial, each followed by a climb."""
        spare = type(self._state)(*(part.copy() for part in self._state))
        kernel("class_trials").try_deletions(
            self._state, spare, self._score, self._least, self.turning
        )

    def moves(self) -> Iterator[tuple[int, float, Open]]:
        """Yield every valid move as ``(kind, gain, class after it)``."""
        moves = kernel("class_moves")
        now, follow, count = self._state.open, self._state.follow, self._state.degree
        for y, x in np.argwhere(~np.eye(len(now), dtype=bool)).tolist():
            into, away = bool(now[x, y]), bool(now[y, x])
            kinds = [DELETE] * into + [FLIP] * (into and away) + [TURN] * (away and not into)
            member, gains = self._parts.row_of(self._state, self._score, y)
            for kind in kinds or [INSERT]:
                values = self._parts.pair_gains(self._state, self._score, kind, x, y, member, gains)
                for clique, gain in zip(member, values, strict=True):
                    if gain == -np.inf or (
                        kind in (TURN, INSERT)
                        and len(moves.way_back(kind, now, follow, count, x, y, clique))
                    ):
                        continue
                    after = self._classes.complete(moves.moved(kind, now, x, y, clique))[1]
                    yield kind, float(gain), after
