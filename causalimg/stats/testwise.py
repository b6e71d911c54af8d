"""Fisher's z by test-wise deletion: each test uses the rows that are complete in its columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError, nearest
from causalimg.stats.independence import FisherZ, TestResult
from causalimg.tables.encode import Encoded
from causalimg.tables.moments import Moments

Float = NDArray[np.float64]
Int = NDArray[np.intp]
_SAME = 5e-11  # distance of a correlation from one that counts as none


class TestwiseFisherZ:
    """`FisherZ` on a table with missing cells.

    Parameters
    ----------
    rows : Encoded
        Missing cells are NaN.

    Raises
    ------
    NotEstimableError
        From a test of a pair alone: too few rows are complete in both.
    InvalidInputError
        From a test of a pair alone: equal columns where both are known.

    Notes
    -----
    Assumptions: those of `FisherZ`, and cells missing completely at random (MCAR): then the
    complete rows of a test are a random part of all rows, n is their number, and the level holds.
    If missingness depends on other columns (MAR), a test may be biased; impute then.

    References
    ----------
    Strobl EV, Visweswaran S, Spirtes PL. Fast causal inference with non-random missingness by
    test-wise deletion. Int J Data Sci Anal 2018;6:47-62. doi:10.1007/s41060-017-0094-6

    Examples
    --------
    >>> import pandas as pd
    >>> from causalimg.tables.encode import encode
    >>> table = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["a", "b"])
    >>> table.loc[:9, "a"] = np.nan
    >>> TestwiseFisherZ(encode(table, ["a", "b"]))("a", "b").dof
    37.0
    """

    __test__ = False  # not a pytest class

    def __init__(self, rows: Encoded) -> None:
        self.nodes = tuple(rows.blocks)
        self.n_untestable = 0
        self._rows = rows
        self._known = ~np.column_stack(
            [np.isnan(rows.matrix[:, block]).any(axis=1) for block in rows.blocks.values()]
        )
        self._holes = ~self._known.all(axis=0)
        self._width = np.array([len(block) for block in rows.blocks.values()])

    def largest_condition(self) -> int:
        """Return the size up to which some conditioning set may leave enough rows."""
        widest = np.cumsum(np.sort(self._width)[::-1])
        wide = 0 if (self._width == 1).all() else 2 * int(self._width.max())
        return int((widest < len(self._known) - 3 - wide).sum())

    def __call__(self, x: str, y: str, given: Sequence[str] = ()) -> TestResult:
        """Test ``x`` independent of ``y`` given ``given``, as `FisherZ` on the complete rows."""
        names = [x, y, *((given,) if isinstance(given, str) else given)]
        for name in names:
            if name not in self.nodes:
                raise UnknownNameError(f"no node is called {name!r}{nearest(name, self.nodes)}")
        at = np.array([self.nodes.index(name) for name in names])
        return FisherZ(self._moments(at))(names[0], names[1], names[2:])

    def batch(self, x: Int, y: Int, z: Int) -> tuple[Float, Float, Float, Float]:
        """Test many triples (`causalimg.stats.ci_test.CITest`).

        Tests with the same incomplete columns share their rows and their moments.
        """
        out = np.empty((4, len(x)))
        named = np.column_stack([x, y, z])
        held = np.zeros((len(x), len(self.nodes)), dtype=bool)
        np.put_along_axis(held, named, True, axis=1)
        _, member = np.unique(held & self._holes, axis=0, return_inverse=True)
        order = np.argsort(member.ravel(), kind="stable")
        for part in np.split(order, np.flatnonzero(np.diff(member.ravel()[order])) + 1):
            if len(part):
                out[:, part] = self._same_rows(named[part])
        return out[0], out[1], out[2], out[3]

    def _same_rows(self, named: Int) -> Float:
        columns = np.unique(named)
        moments = self._moments(columns)
        flat = set(moments.constant())
        usable = np.array(
            [not flat.intersection(self.nodes[k] for k in row) for row in named], dtype=bool
        )
        kept = [k for k in columns if self.nodes[k] not in flat]
        out = np.tile(np.array([[np.nan], [0.0], [0.0], [np.nan]]), len(named))
        if usable.any():
            test = FisherZ(moments.select([self.nodes[k] for k in kept]))
            place = np.zeros(len(self.nodes), dtype=np.intp)
            place[kept] = np.arange(len(kept))
            at = place[named[usable]]
            try:
                out[:, usable] = test.batch(at[:, 0], at[:, 1], at[:, 2:])
            except NotEstimableError:
                if named.shape[1] == 2 or moments.n - named.shape[1] - 1 > 3 * len(columns):
                    raise
                usable[:] = False
        if named.shape[1] == 2:
            self._check_pairs(named, usable, out, moments.n)
        self.n_untestable += int((~usable).sum())
        return out

    def _check_pairs(self, named: Int, usable: NDArray[np.bool_], out: Float, n: float) -> None:
        if not usable.all():
            pair = [self.nodes[k] for k in named[int(np.argmin(usable))]]
            raise NotEstimableError(
                f"columns {pair} are complete together in {n:g} rows, too few or without variation;"
                " leave one of them out"
            )
        same = np.abs(out[3]) > 1 - _SAME
        single = (self._width[named] == 1).all(axis=1)
        if (same & single).any():
            pair = [self.nodes[k] for k in named[int(np.argmax(same & single))]]
            raise InvalidInputError(
                f"duplicate columns (equal up to scale and shift where both are known): {pair}."
                " Keep one of them (RedundancyFilter does)"
            )

    def _moments(self, columns: Int) -> Moments:
        """Return the moments of some nodes over the rows that are complete in them."""
        whole = self._known[:, columns].all(axis=1)
        names = [self.nodes[k] for k in columns]
        if whole.sum() < 5:
            raise NotEstimableError(f"only {int(whole.sum())} rows are complete in {names}")
        inside = np.concatenate([self._rows.blocks[name] for name in names])
        start = np.cumsum([0, *self._width[columns]])
        return Moments.from_matrix(
            self._rows.matrix[np.ix_(whole, inside)],
            names,
            blocks={name: np.arange(start[k], start[k + 1]) for k, name in enumerate(names)},
            levels={name: self._rows.levels[name] for name in names if name in self._rows.levels},
        ).observed()
