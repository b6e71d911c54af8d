"""Exact algebraic relations among columns: products, ratios, powers and sums, found and named."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError
from causalimg.tables.encode import is_categorical

Float = NDArray[np.float64]
_SCREEN = 1e-7  # 1 - |partial correlation| from which a relation is tried on the rows
_TWIN = 1e-9


@dataclass(frozen=True)
class Identity:
    """One column as an exact function of one or two others.

    Parameters
    ----------
    kind : {"product", "linear"}
        ``product``: constant * x1^p1 * x2^p2; ``linear``: constant + c1 * x1 + c2 * x2.
    target : str
        The member that varies the least (on the scale of ``kind``), which tends to be the ratio.
    terms : dict of str to float
        The other columns -> exponents or coefficients.
    constant : float
    error : float
        Largest deviation, relative to the value (product) or to the target's spread (linear).
    """

    kind: str
    target: str
    terms: dict[str, float]
    constant: float
    error: float

    @property
    def columns(self) -> tuple[str, ...]:
        """The target and the other columns."""
        return (self.target, *self.terms)

    @property
    def text(self) -> str:
        """The relation in words, such as ``ratio = 1 * area * volume^-1``."""
        if self.kind == "product":
            parts = [n if p == 1 else f"{n}^{_number(p)}" for n, p in self.terms.items()]
            return f"{self.target} = {self.constant:.6g} * {' * '.join(parts)}"
        parts = [f"{_number(c)} * {n}" for n, c in self.terms.items()]
        start = [] if abs(self.constant) < 1e-9 else [f"{self.constant:.6g}"]
        return f"{self.target} = {' + '.join([*start, *parts])}"


def find_identities(
    table: pd.DataFrame,
    *,
    tolerance: float = 1e-6,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Identity, ...]:
    """Find columns that are exact functions of one or two others.

    Searched are relations between logarithms of positive columns (products, ratios, powers) and
    between the columns themselves (sums), of two or three columns. Every pair of columns is
    taken in turn and its third is read off the partial correlations, so that nothing is missed
    among near-copies, where a stepwise search would go astray. 1,500 columns take about a minute.

    Parameters
    ----------
    table : pandas.DataFrame, shape (n_samples, n_features)
        Categorical, constant and incomplete columns are passed over.
    tolerance : float
        Largest deviation that counts as rounding.
    progress : callable (done, total), optional

    Returns
    -------
    tuple of Identity
        Relations of two columns first. A column that equals another up to a relation of two is
        left out of the search for three.

    Raises
    ------
    InvalidInputError
        If there are fewer than 10 rows or ``tolerance`` is not positive.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> size = rng.uniform(1, 5, 50)
    >>> area, volume = size**2 * rng.uniform(1, 2, 50), size**3
    >>> table = pd.DataFrame({"area": area, "volume": volume, "ratio": area / volume})
    >>> [found.text for found in find_identities(table)]
    ['ratio = 1 * area * volume^-1']
    """
    if not tolerance > 0:
        raise InvalidInputError(f"tolerance={tolerance!r} must be positive")
    if len(table) < 10:
        raise InvalidInputError(f"identities need at least 10 rows; got {len(table)}")
    names, columns = [], []
    for name in table.columns:
        if not is_categorical(table[name]):
            values = table[name].to_numpy(dtype=np.float64, na_value=np.nan)
            if np.isfinite(values).all() and np.ptp(values) > 1e-12 * np.abs(values).max():
                names.append(str(name))
                columns.append(values)
    if len(names) < 2:
        return ()
    rows = np.column_stack(columns)
    positive = np.flatnonzero((rows > 0).all(axis=0))
    total = len(names) + len(positive)
    found: list[Identity] = []
    said: set[frozenset[str]] = set()
    done = 0
    for kind, use in (("product", positive), ("linear", np.arange(len(names)))):
        values = np.log(rows[:, use]) if kind == "product" else rows[:, use]
        for group in _candidates(values, done, total, progress):
            one = _fit(kind, values, group, [names[use[k]] for k in group], tolerance)
            if one is not None and frozenset(one.columns) not in said:
                said.add(frozenset(one.columns))
                found.append(one)
        done += len(use)
        if progress is not None and len(use):
            progress(done, total)
    return tuple(sorted(found, key=lambda one: len(one.columns)))


def identity_frame(identities: Iterable[Identity]) -> pd.DataFrame:
    """Return one row per identity: ``target, kind, relation, columns, error``."""
    rows = [(i.target, i.kind, i.text, ", ".join(i.columns), i.error) for i in identities]
    return pd.DataFrame(rows, columns=["target", "kind", "relation", "columns", "error"])


def _candidates(
    values: Float, done: int, total: int, progress: Callable[[int, int], None] | None
) -> list[tuple[int, ...]]:
    """Return pairs, then triples, of columns that look exactly dependent."""
    if values.shape[1] < 2:
        return []
    z = values - values.mean(axis=0)
    length = np.sqrt((z * z).sum(axis=0))
    left = np.flatnonzero(length > 0)
    z = z[:, left] / length[left]
    corr = z.T @ z
    twin = np.triu(np.abs(corr) > 1 - _TWIN, 1)
    first = twin.argmax(axis=0)
    out: list[tuple[int, ...]] = [
        (int(left[first[j]]), int(left[j])) for j in np.flatnonzero(twin.any(axis=0))
    ]
    single = np.flatnonzero(~twin.any(axis=0))
    corr, left = corr[np.ix_(single, single)], left[single]
    for k in range(len(single) - 2):
        r = corr[k, k + 1 :]
        rest = np.maximum(1 - r * r, 1e-300)
        # partial correlations given column k; exact dependence of three columns makes one of 1
        partial = corr[k + 1 :, k + 1 :] - r[:, None] * r[None, :]
        partial *= partial
        partial -= (1 - _SCREEN) * rest[:, None] * rest[None, :]
        hit = np.argwhere(partial >= 0)
        out += [(int(left[k]), int(left[k + 1 + i]), int(left[k + 1 + j])) for i, j in hit if i < j]
        if progress is not None:
            progress(done + k + 1, total)
    return out


def _fit(
    kind: str, values: Float, group: tuple[int, ...], names: list[str], tolerance: float
) -> Identity | None:
    """Solve the relation on the rows; None if it is not exact or a column has no part in it."""
    part = values[:, list(group)]
    spread = part.std(axis=0)
    at = int(spread.argmin())
    others = [k for k in range(len(group)) if k != at]
    design = np.column_stack([np.ones(len(part)), part[:, others] / spread[others]])
    solved, _, rank, _ = np.linalg.lstsq(design, part[:, at], rcond=None)
    if rank < design.shape[1]:
        return None
    error = float(np.abs(part[:, at] - design @ solved).max())
    error = float(np.expm1(error)) if kind == "product" else error / float(spread[at])
    slopes = solved[1:] / spread[others]
    if error > tolerance or (np.abs(solved[1:]) < 1e-3 * spread[at]).any():
        return None
    slopes = np.array([_rounded(float(s)) for s in slopes])
    constant = float((part[:, at] - part[:, others] @ slopes).mean())
    return Identity(
        kind,
        names[at],
        {names[k]: float(s) for k, s in zip(others, slopes, strict=True)},
        float(np.exp(constant)) if kind == "product" else constant,
        error,
    )


def _rounded(value: float) -> float:
    """Return the simple fraction that a number is up to rounding, or the number."""
    simple = float(Fraction(value).limit_denominator(12))
    return simple if abs(simple - value) < 1e-6 * max(abs(value), 1e-3) else value


def _number(value: float) -> str:
    simple = Fraction(value).limit_denominator(12)
    if abs(float(simple) - value) < 1e-9:
        return str(simple) if simple.denominator == 1 else f"({simple})"
    return f"{value:.6g}"
