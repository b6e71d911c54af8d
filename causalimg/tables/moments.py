"""Moments: what covariance-based methods need of a table, additive over chunks and sites."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from causalimg.errors import InvalidInputError, UnknownNameError, nearest
from causalimg.tables.encode import encode

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Moments:
    """Sample size, mean and covariance of the encoded columns of a table.

    A categorical column is one node with a block of 0/1 columns (`causalimg.tables.encode`).
    Moments of disjoint sets of rows add up exactly, ``a + b``: chunks of a table larger than
    memory, hospitals whose rows may not leave the house, bootstrap weights.

    Parameters
    ----------
    columns : tuple of str
        Node names.
    n : float
        Number of rows, or the sum of the row weights.
    mean : ndarray, shape (p,)
        Of the encoded columns, p >= len(columns).
    cov : ndarray, shape (p, p)
        Covariance with divisor ``n`` (maximum likelihood).
    blocks : dict of str to ndarray of int
        Node -> its encoded columns.
    levels : dict of str to tuple of str
        Categorical node -> its levels, the first of which is the reference.

    Examples
    --------
    >>> table = pd.DataFrame({"age": [50.0, 60.0, 70.0], "site": ["a", "b", "b"]})
    >>> whole = Moments.from_frame(table)
    >>> parts = [Moments.from_frame(table.iloc[k], levels=whole.levels) for k in ([0, 1], [2])]
    >>> np.allclose((parts[0] + parts[1]).cov, whole.cov)
    True
    """

    columns: tuple[str, ...]
    n: float
    mean: Float
    cov: Float
    blocks: dict[str, NDArray[np.intp]]
    levels: dict[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        width = sum(len(self.blocks[name]) for name in self.columns)
        if np.shape(self.mean) != (width,) or np.shape(self.cov) != (width, width):
            raise InvalidInputError(
                f"the blocks cover {width} encoded columns; mean has shape {np.shape(self.mean)}"
                f" and cov {np.shape(self.cov)}"
            )
        for name in ("mean", "cov"):
            array = np.array(getattr(self, name), dtype=np.float64)
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        columns: Sequence[str] | None = None,
        *,
        weights: ArrayLike | None = None,
        levels: Mapping[str, Iterable[str]] | None = None,
    ) -> Moments:
        """Compute the moments of a table.

        Parameters
        ----------
        frame : pandas.DataFrame
        columns : sequence of str, optional
            Default: every column.
        weights : array_like, shape (n_samples,), optional
            Not negative; bootstrap counts.
        levels : mapping, optional
            Fixed levels of categorical columns, so that parts of one table are encoded alike.

        Raises
        ------
        InvalidInputError
            If a cell is missing or infinite (the columns are named), a weight is not usable, or
            there is no row.
        UnknownNameError
            If a column is not in the table.
        """
        chosen = [str(c) for c in (frame.columns if columns is None else columns)]
        encoded = encode(frame, chosen, levels_of=levels)
        return cls.from_matrix(
            encoded.matrix, chosen, weights=weights, blocks=encoded.blocks, levels=encoded.levels
        )

    @classmethod
    def from_matrix(
        cls,
        matrix: ArrayLike,
        columns: Sequence[str],
        *,
        weights: ArrayLike | None = None,
        blocks: Mapping[str, NDArray[np.intp]] | None = None,
        levels: Mapping[str, Iterable[str]] | None = None,
    ) -> Moments:
        """Compute the moments of an encoded matrix; one column a node if ``blocks`` is not given.

        Raises
        ------
        InvalidInputError
            As `from_frame`.
        """
        values = np.asarray(matrix, dtype=np.float64)
        at = {c: np.array([k]) for k, c in enumerate(columns)} if blocks is None else dict(blocks)
        bad = [c for c in columns if not np.isfinite(values[:, at[c]]).all()]
        if bad:
            raise InvalidInputError(
                f"moments need complete columns; missing or infinite cells in: {bad[:20]}"
            )
        if weights is None:
            n = float(len(values))
            if n == 0:
                raise InvalidInputError("moments need at least one row; the table has none")
            mean = values.mean(axis=0)
            centred = values - mean
            cov = centred.T @ centred / n
        else:
            w = np.asarray(weights, dtype=np.float64)
            if w.shape != (len(values),) or not np.isfinite(w).all() or (w < 0).any():
                raise InvalidInputError(
                    f"weights must be {len(values)} finite numbers, none negative; got shape"
                    f" {w.shape}"
                )
            n = float(w.sum())
            if n <= 0:
                raise InvalidInputError("the weights sum to zero: there is no row to use")
            mean = w @ values / n
            centred = values - mean
            cov = (centred * w[:, None]).T @ centred / n
        fixed = {key: tuple(value) for key, value in (levels or {}).items()}
        return cls(tuple(columns), n, mean, (cov + cov.T) / 2, at, fixed)

    @property
    def width(self) -> NDArray[np.intp]:
        """Number of encoded columns of each node, shape (d,)."""
        return np.array([len(self.blocks[name]) for name in self.columns], dtype=np.intp)

    def constant(self) -> tuple[str, ...]:
        """Return the nodes that do not vary, a category with one level included."""
        variance, limit = np.diag(self.cov), (1e-13 * np.abs(self.mean)) ** 2
        flat = variance <= limit
        return tuple(c for c in self.columns if len(at := self.blocks[c]) == 0 or flat[at].any())

    def correlation(self) -> Float:
        """Return the correlation matrix of the encoded columns, shape (p, p).

        Raises
        ------
        InvalidInputError
            If a node is constant.
        """
        flat = self.constant()
        if flat:
            raise InvalidInputError(f"a correlation needs varying columns; constant: {flat[:20]}")
        scale = np.sqrt(np.diag(self.cov))
        out = self.cov / scale[:, None] / scale[None, :]
        np.fill_diagonal(out, 1.0)
        return np.asarray(np.clip(out, -1.0, 1.0))

    def select(self, columns: Sequence[str]) -> Moments:
        """Return the moments of some columns, in the order given.

        Raises
        ------
        UnknownNameError
            If a column is not there.
        """
        for name in columns:
            if name not in self.blocks:
                raise UnknownNameError(
                    f"the moments have no column {name!r}{nearest(name, self.columns)}"
                )
        return self._take({c: self.blocks[c] for c in columns}, self.levels)

    def _take(
        self, parts: Mapping[str, NDArray[np.intp]], levels: Mapping[str, tuple[str, ...]]
    ) -> Moments:
        order = np.concatenate([np.empty(0, dtype=np.intp), *parts.values()]).astype(np.intp)
        blocks, start = {}, 0
        for name, part in parts.items():
            blocks[name] = np.arange(start, start + len(part))
            start += len(part)
        return Moments(
            tuple(parts),
            self.n,
            self.mean[order],
            self.cov[np.ix_(order, order)],
            blocks,
            {c: levels[c] for c in parts if c in levels},
        )

    def observed_parts(
        self,
    ) -> tuple[dict[str, NDArray[np.intp]], dict[str, tuple[str, ...]]]:
        """Return the encoded columns and levels of each node that occur in the rows.

        If the reference level does not occur, the first that does takes its place. A category
        of which one level is left keeps one constant column, so that it is named as constant.
        """
        parts, levels = {}, dict(self.levels)
        for name in self.columns:
            block = self.blocks[name]
            if name in self.levels and len(block):
                share = self.mean[block]
                seen = share > 0
                first = bool(1.0 - share.sum() > 1e-9)
                kept = [v for v, s in zip(self.levels[name][1:], seen, strict=True) if s]
                levels[name] = tuple([self.levels[name][0], *kept] if first else kept)
                chosen = block[seen] if first else block[seen][1:]
                block = chosen if len(chosen) else block[:1]
            parts[name] = block
        return parts, levels

    def observed(self) -> Moments:
        """Return the moments without levels that do not occur (`observed_parts`).

        A resample or a site may lack a level that the encoding knows.
        """
        parts, levels = self.observed_parts()
        if levels == self.levels:
            return self
        return self._take(parts, levels)

    def __add__(self, other: Moments) -> Moments:
        """Return the moments of both sets of rows together; columns are matched by name."""
        if not isinstance(other, Moments):
            return NotImplemented
        if set(self.columns) != set(other.columns):
            odd = sorted(set(self.columns) ^ set(other.columns))
            raise InvalidInputError(f"moments of different columns do not add up; odd ones: {odd}")
        for name in self.columns:
            if self.levels.get(name) != other.levels.get(name):
                raise InvalidInputError(
                    f"column {name!r} was encoded with levels {self.levels.get(name)} in one part"
                    f" and {other.levels.get(name)} in the other; give from_frame the same levels="
                )
        if self.columns != other.columns or any(
            not np.array_equal(self.blocks[c], other.blocks[c]) for c in self.columns
        ):
            return self.select(self.columns) + other.select(self.columns)
        n = self.n + other.n
        gap = other.mean - self.mean
        mean = self.mean + gap * (other.n / n)
        between = np.outer(gap, gap) * (self.n * other.n / n**2)
        cov = self.cov * (self.n / n) + other.cov * (other.n / n) + between
        return Moments(self.columns, n, mean, cov, dict(self.blocks), dict(self.levels))

    @classmethod
    def pooled(cls, parts: Iterable[Moments]) -> Moments:
        """Return the sum of the moments of several parts (chunks, sites).

        Raises
        ------
        InvalidInputError
            If there is no part, or the parts do not have the same columns and levels.
        """
        every = list(parts)
        if not every:
            raise InvalidInputError("there is nothing to pool: no moments were given")
        return reduce(lambda a, b: a + b, every)
