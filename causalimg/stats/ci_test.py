"""What every test of conditional independence offers, and the base of those that need the rows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError, nearest
from causalimg.stats.independence import TestResult
from causalimg.tables.encode import Encoded, encode

Float = NDArray[np.float64]
Int = NDArray[np.intp]


class CITest(Protocol):
    """What a constraint-based search asks of a test of conditional independence.

    ``nodes`` are the columns it was made for; positions below refer to them. A class that is
    made from `Moments` (as `FisherZ`) or that derives from `RowTest` can be registered under a
    name in the entry-point group ``causalimg.ci_tests``.
    """

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the columns."""

    def largest_condition(self) -> int:
        """Return the size up to which conditioning sets leave enough rows."""

    def batch(self, x: Int, y: Int, z: Int) -> tuple[Float, Float, Float, Float]:
        """Test many triples at once: statistic, p-value, degrees of freedom, effect size.

        ``x`` and ``y`` have shape (m,), ``z`` shape (m, q). A test that the rows cannot carry
        gets the p-value 0, so that it separates nothing.
        """


@dataclass(frozen=True)
class Part:
    """The complete rows of one node: ``values`` of shape (n, width), a category as 0/1 columns."""

    name: str
    values: Float
    categorical: bool

    @property
    def codes(self) -> Int:
        """Level of each row, 0 for the reference level, shape (n,)."""
        steps = np.arange(1, self.values.shape[1] + 1, dtype=np.float64)
        return np.asarray((self.values @ steps).round().astype(np.intp))


class RowTest(BaseEstimator):
    """Base class of the tests that work on rows; a subclass writes `_test`.

    ``fit`` takes the table; calling the fitted test with names tests one triple. Rows with a
    missing cell among the columns of a test are left out of that test (test-wise deletion, valid
    if cells are missing completely at random). Tests are symmetric in x and y, and none is made
    twice.

    Attributes
    ----------
    nodes : tuple of str
    n : int
        Number of rows.
    n_untestable : int
        Tests that the rows could not carry.
    """

    def fit(self, table: pd.DataFrame | Encoded, y: Any = None) -> Self:
        """Take the rows.

        Parameters
        ----------
        table : pandas.DataFrame or Encoded
            Text, boolean and ``category`` columns are categorical.
        y : ignored

        Raises
        ------
        InvalidInputError
            If a setting or a column is not what the test takes.
        """
        rows = table if isinstance(table, Encoded) else encode(table, [str(c) for c in table])
        self.nodes = tuple(rows.blocks)
        self.n = len(rows.matrix)
        self._rows = {name: rows.matrix[:, block] for name, block in rows.blocks.items()}
        self._levels = rows.levels
        self._known: dict[tuple[int, ...], tuple[float, float, float, float]] = {}
        self.n_untestable = 0
        self._check()
        return self

    @abstractmethod
    def _test(self, x: Part, y: Part, given: Sequence[Part]) -> TestResult:
        """Test x independent of y given the rest; x comes before y by name."""

    def _check(self) -> None:
        """Refuse settings and columns that the test does not take."""

    def largest_condition(self) -> int:
        """Return the size up to which every conditioning set leaves enough rows for a test."""
        width = np.array([rows.shape[1] for rows in self._rows.values()])
        widest = np.cumsum(np.sort(width)[::-1])
        return int((widest < self.n - 3 - 2 * int(width.max())).sum())

    def __call__(self, x: str, y: str, given: Sequence[str] = ()) -> TestResult:
        """Test ``x`` independent of ``y`` given ``given``.

        Raises
        ------
        UnknownNameError
            If a node is not in the table.
        InvalidInputError
            If a node is named twice.
        NotEstimableError
            If the rows cannot carry the test.
        """
        names = [x, y, *((given,) if isinstance(given, str) else given)]
        if len(set(names)) < len(names):
            raise InvalidInputError(f"a test needs different nodes; got {names}")
        for name in names:
            if name not in self.nodes:
                raise UnknownNameError(f"no node is called {name!r}{nearest(name, self.nodes)}")
        at = [self.nodes.index(name) for name in names]
        return self._one(at[0], at[1], at[2:])

    def batch(self, x: Int, y: Int, z: Int) -> tuple[Float, Float, Float, Float]:
        """Test many triples (`CITest`)."""
        out = np.empty((4, len(x)))
        for k, (i, j, given) in enumerate(zip(x, y, z, strict=True)):
            low, high, rest = int(min(i, j)), int(max(i, j)), sorted(int(v) for v in given)
            key = (low, high, *rest)
            if key not in self._known:
                self._known[key] = self._attempt(low, high, rest)
            out[:, k] = self._known[key]
        return out[0], out[1], out[2], out[3]

    def _attempt(self, x: int, y: int, given: list[int]) -> tuple[float, float, float, float]:
        try:
            found = self._one(x, y, given)
        except NotEstimableError:
            if not given:  # not even the pair can be tested: the search has nothing to go on
                raise
            self.n_untestable += 1
            return np.nan, 0.0, 0.0, np.nan
        return found.statistic, found.p_value, found.dof, found.effect_size

    def _one(self, x: int, y: int, given: Sequence[int]) -> TestResult:
        names = sorted((self.nodes[x], self.nodes[y])) + sorted(self.nodes[k] for k in given)
        every = np.hstack([self._rows[name] for name in names])
        whole = ~np.isnan(every).any(axis=1)
        parts = []
        for name in names:
            values = self._rows[name][whole]
            values = values[:, np.ptp(values, axis=0) > 0] if len(values) else values[:, :0]
            if name in self._levels and values.shape[1] > 1 and values.any(axis=1).all():
                values = values[:, 1:]  # the reference level is not among these rows
            parts.append(Part(name, np.ascontiguousarray(values), name in self._levels))
        for part in parts[:2]:
            if not part.values.shape[1]:
                raise NotEstimableError(
                    f"column {part.name!r} does not vary in the {int(whole.sum())} rows that are"
                    f" complete in {names}"
                )
        return self._test(parts[0], parts[1], [part for part in parts[2:] if part.values.size])

    def _too_few(self, x: Part, y: Part, given: Sequence[Part]) -> NotEstimableError:
        rest = [part.name for part in given]
        return NotEstimableError(
            f"{len(x.values)} complete rows are too few to test {x.name!r} against {y.name!r} given"
            f" {rest}; use smaller conditioning sets (max_condition) or more rows"
        )
