"""The input of discovery methods: checked, named, in an order that does not depend on the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError
from causalimg.provenance import digest, sha256_frame
from causalimg.tables.encode import Encoded, encode, is_categorical
from causalimg.tables.encode import levels as levels_of
from causalimg.tables.moments import Moments

Float = NDArray[np.float64]
MIN_ROWS = 10
_EXACT = 1e-10  # residual variance, as a share of the variance, that counts as none


@dataclass(frozen=True, eq=False)
class DiscoveryData:
    """What a discovery method works on.

    Parameters
    ----------
    columns : tuple of str
        Nodes, sorted by name: results cannot depend on the order of the table's columns.
    moments : Moments
        Of those nodes.
    matrix : ndarray, shape (n_samples, p), or None
        The encoded rows (columns as ``moments.blocks``); None if moments were given.
    order : tuple of str
        The nodes in the order of the input.
    source : str
        sha256 of the input.
    """

    columns: tuple[str, ...]
    moments: Moments
    matrix: Float | None
    order: tuple[str, ...]
    source: str

    @classmethod
    def of(cls, table: Any, *, missing: bool = False) -> DiscoveryData:
        """Check and encode a DataFrame, an array or `Moments`.

        Parameters
        ----------
        table : pandas.DataFrame, ndarray or Moments
        missing : bool
            Whether cells may be missing. They are NaN in ``matrix`` then, and ``moments`` are
            those of the table with each missing cell at its column's mean: good for finding
            constant columns, not for tests.

        Raises
        ------
        InvalidInputError
            Naming the columns: a name used twice, missing or infinite cells, no cell at all, a
            type that is not a number or a category, a category with a level for every other row.
        """
        if isinstance(table, Moments):
            ordered = tuple(sorted(table.columns))
            moments = table.select(ordered).observed()
            source = digest([ordered, moments.n, moments.mean, moments.cov])
            return cls(ordered, moments, None, table.columns, source)
        frame = _as_frame(table)
        _check_cells(frame, missing)
        order = tuple(frame.columns)
        ordered = tuple(sorted(order))
        encoded = encode(frame, ordered)
        moments = Moments.from_matrix(
            _filled(encoded.matrix), ordered, blocks=encoded.blocks, levels=encoded.levels
        )
        return cls(ordered, moments, encoded.matrix, order, sha256_frame(frame))

    @property
    def missing(self) -> tuple[str, ...]:
        """The nodes with missing cells."""
        if self.matrix is None:
            return ()
        holes = np.asarray(np.isnan(self.matrix).any(axis=0))
        return tuple(name for name in self.columns if holes[self.moments.blocks[name]].any())

    def encoded(self) -> Encoded:
        """Return the rows, for tests that need them.

        Raises
        ------
        InvalidInputError
            If there are no rows, only moments.
        """
        if self.matrix is None:
            raise InvalidInputError(
                "this test needs the rows, not only their moments; give a DataFrame"
            )
        names = [name for name in self.columns for _ in self.moments.blocks[name]]
        return Encoded(self.matrix, tuple(names), self.moments.blocks, self.moments.levels)

    @property
    def categorical(self) -> tuple[str, ...]:
        """The categorical nodes."""
        return tuple(name for name in self.columns if name in self.moments.levels)

    def resample(self, rows: NDArray[np.intp]) -> DiscoveryData:
        """Return the data of some rows (positions, repeats allowed).

        Levels of a category that do not occur in the rows are left out.

        Raises
        ------
        InvalidInputError
            If there are no rows, only moments.
        """
        if self.matrix is None:
            raise InvalidInputError("moments hold no rows to resample; give the table instead")
        weights = np.bincount(rows, minlength=len(self.matrix)).astype(np.float64)
        whole = Moments.from_matrix(
            _filled(self.matrix),
            self.columns,
            weights=weights,
            blocks=self.moments.blocks,
            levels=self.moments.levels,
        )
        parts, _ = whole.observed_parts()
        matrix = self.matrix[np.ix_(rows, np.concatenate(list(parts.values())))]
        return DiscoveryData(self.columns, whole.observed(), matrix, self.order, self.source)

    def check(self, *, full_rank: bool) -> None:
        """Refuse data in which edges cannot be told apart, naming the columns.

        Parameters
        ----------
        full_rank : bool
            Whether the method needs more rows than columns.

        Raises
        ------
        InvalidInputError
            Too few rows or columns; constant, duplicate or linearly dependent columns.
        """
        if len(self.columns) < 2:
            raise InvalidInputError(
                f"discovery needs at least two columns; got {list(self.columns)}"
            )
        n, p = self.moments.n, len(self.moments.mean)
        if n < MIN_ROWS:
            raise InvalidInputError(f"discovery needs at least {MIN_ROWS} rows; got {n:g}")
        if full_rank and n <= p + 2:
            raise InvalidInputError(
                f"this method needs more rows than columns; got {n:g} rows and {p} columns"
                " (a category counts one column for each level but the first). Reduce the columns"
                " with RedundancyFilter, or use PC"
            )
        flat = self.moments.constant()
        if flat:
            raise InvalidInputError(
                f"constant columns have no place in a graph; drop them: {list(flat)}"
            )
        corr = self.moments.correlation()
        owner = [name for name in self.columns for _ in self.moments.blocks[name]]
        same = np.argwhere(np.triu(np.abs(corr) > 1 - _EXACT / 2, 1))
        if len(same):
            pairs = list(dict.fromkeys((owner[i], owner[j]) for i, j in same))
            shown = "; ".join(f"{a!r} = {b!r}" for a, b in pairs[:10])
            raise InvalidInputError(
                f"duplicate columns (equal up to scale and shift): {shown}. Keep one of each"
                " (RedundancyFilter does)"
            )
        if n > p:
            found = _dependent(corr)
            if found is not None:
                column, others = found
                names = list(dict.fromkeys(owner[k] for k in others if owner[k] != owner[column]))
                raise InvalidInputError(
                    f"column {owner[column]!r} is an exact linear combination of {names}; drop one"
                    " of them"
                )


def _dependent(corr: Float) -> tuple[int, list[int]] | None:
    """Return the first column that the columns before it determine, and those columns."""
    try:
        pivots = np.diag(np.linalg.cholesky(corr)) ** 2
        if pivots.min() > 10 * _EXACT:
            return None
    except np.linalg.LinAlgError:
        pivots = np.zeros(len(corr))
    for j in range(1, len(corr)):
        weights = np.linalg.lstsq(corr[:j, :j], corr[:j, j], rcond=None)[0]
        if 1.0 - corr[:j, j] @ weights < _EXACT:
            return j, [k for k in range(j) if abs(weights[k]) > 1e-6]
    return None


def _as_frame(table: Any) -> pd.DataFrame:
    if isinstance(table, pd.DataFrame):
        frame = table.copy(deep=False)
        frame.columns = [str(name) for name in table.columns]
    else:
        array = np.asarray(table)
        if array.ndim != 2:
            raise InvalidInputError(
                "discovery takes a DataFrame, Moments or an array of shape (n_samples,"
                f" n_features); got {type(table).__name__} of shape {array.shape}"
            )
        frame = pd.DataFrame(array, columns=[f"x{k}" for k in range(array.shape[1])])
    twice = sorted(set(frame.columns[frame.columns.duplicated()]))
    if twice:
        raise InvalidInputError(f"column names must differ; used more than once: {twice}")
    return frame


def _filled(matrix: Float) -> Float:
    """Return the rows with each missing cell at its column's mean."""
    holes = np.isnan(matrix)
    return np.where(holes, np.nanmean(matrix, axis=0), matrix) if holes.any() else matrix


def _check_cells(frame: pd.DataFrame, may_miss: bool) -> None:
    holes, strange, unique, empty = [], [], [], []
    for name in frame.columns:
        series = frame[name]
        if may_miss and len(series) and series.isna().all():
            empty.append(name)
            continue
        if pd.api.types.is_datetime64_any_dtype(series.dtype) or pd.api.types.is_complex_dtype(
            series.dtype
        ):
            strange.append(f"{name!r} ({series.dtype})")
        elif is_categorical(series):
            if (missing := int(series.isna().sum())) and not may_miss:
                holes.append(f"{name!r} ({missing} missing)")
            if len(series) > 2 and len(levels_of(series)) > max(len(series) / 2, 2):
                unique.append(f"{name!r} ({len(levels_of(series))} levels)")
        else:
            values = series.to_numpy(dtype=np.float64, na_value=np.nan)
            missing, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
            missing = 0 if may_miss else missing
            if missing or infinite:
                parts = [f"{missing} missing"] * bool(missing)
                parts += [f"{infinite} infinite"] * bool(infinite)
                holes.append(f"{name!r} ({', '.join(parts)})")
    if strange:
        raise InvalidInputError(
            f"columns must be numbers or categories; not so: {', '.join(strange)}"
        )
    if empty:
        raise InvalidInputError(
            f"columns without a single cell have no place in a graph; drop them: {empty}"
        )
    if holes:
        raise InvalidInputError(
            f"discovery needs complete columns; of {len(frame)} rows: {', '.join(holes[:20])}."
            " Drop or impute the cases, or leave out the columns (PC and FCI can also deal with"
            ' missing cells themselves: missing="testwise" or "impute")'
        )
    if unique:
        raise InvalidInputError(
            f"categories with a level for more than half of the {len(frame)} rows look like"
            f" identifiers; leave them out: {', '.join(unique)}"
        )
