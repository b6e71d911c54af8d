"""Outcome columns: which can be analysed, and which share the same missing cases."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.columns import case_names
from causalimg.errors import InvalidInputError, check_columns


@dataclass(frozen=True)
class Outcomes:
    """Outcome values and why some cannot be used.

    Parameters
    ----------
    names : tuple of str
    values : ndarray of shape (n_samples, n_outcomes)
        NaN where missing.
    problems : dict of str to str
        Outcome -> why it cannot be analysed at all.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    problems: dict[str, str]

    def blocks(self) -> list[tuple[NDArray[np.bool_], NDArray[np.intp]]]:
        """Group the usable outcomes by the cases in which they were observed.

        Returns
        -------
        list of (rows, columns)
            ``rows`` marks the cases with a value, shape (n_samples,).
        """
        usable = np.array([name not in self.problems for name in self.names], dtype=bool)
        if not np.isnan(self.values.sum(axis=0)[usable]).any():
            everyone = np.ones(len(self.values), dtype=bool)
            return [(everyone, np.flatnonzero(usable))] if usable.any() else []
        seen = ~np.isnan(self.values)
        groups: dict[bytes, list[int]] = {}
        for k in np.flatnonzero(usable):
            groups.setdefault(np.packbits(seen[:, k]).tobytes(), []).append(int(k))
        return [(seen[:, part[0]], np.array(part)) for part in groups.values()]


def read_outcomes(
    frame: pd.DataFrame, outcomes: Sequence[str], *, reserved: dict[str, str]
) -> Outcomes:
    """Read outcome columns; a bad column is recorded and the others go on.

    Parameters
    ----------
    frame : pandas.DataFrame
    outcomes : sequence of str
    reserved : dict of str to str
        Column -> role that it already has (treatment, covariate, cluster).

    Returns
    -------
    Outcomes

    Raises
    ------
    InvalidInputError
        If the list is empty or names a column twice, or one that has another role.
    UnknownNameError
        If a column does not exist.
    """
    if isinstance(outcomes, str):
        outcomes = [outcomes]
    names = [str(name) for name in outcomes]
    if not names:
        raise InvalidInputError("outcomes is empty; name at least one column")
    check_columns(frame, names, "outcomes")
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise InvalidInputError(f"outcomes names {', '.join(map(repr, twice))} more than once")
    for name in names:
        if name in reserved:
            raise InvalidInputError(f"column {name!r} cannot be an outcome: it is {reserved[name]}")
    problems: dict[str, str] = {}
    table = frame[names]
    if table.shape[1] != len(names):
        raise InvalidInputError("the table has two columns of the same name among the outcomes")
    kinds = list(table.dtypes)
    known = {kind: pd.api.types.is_numeric_dtype(kind) for kind in set(kinds)}
    numeric = [k for k, kind in enumerate(kinds) if known[kind]]
    if len(numeric) == len(names):
        values = table.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        values = np.full((len(frame), len(names)), np.nan)
        values[:, numeric] = table.iloc[:, numeric].to_numpy(dtype=np.float64, na_value=np.nan)
        for name, kind in zip(names, kinds, strict=True):
            if not known[kind]:
                problems[name] = f"not a number column (type {kind})"
    # one pass over clean columns: a sum is finite only if every value is
    dirty = np.flatnonzero(~np.isfinite(values.sum(axis=0)))
    infinite, empty = np.zeros((2, len(names)), dtype=bool)
    infinite[dirty] = np.isinf(values[:, dirty]).any(axis=0)
    empty[dirty] = np.isnan(values[:, dirty]).all(axis=0)
    low, high = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
    with np.errstate(invalid="ignore"):
        flat = high - low <= 1e-12 * np.maximum(np.abs(low), np.abs(high))
    for k in np.flatnonzero(infinite | empty | flat):
        if names[k] in problems:
            continue
        if empty[k]:
            problems[names[k]] = "no case has a value"
        elif infinite[k]:
            where = np.isinf(values[:, k])
            said = f"(case {case_names(frame, where)})"
            problems[names[k]] = f"{int(where.sum())} infinite values {said}"
        else:
            problems[names[k]] = f"constant ({low[k]:g} in every case)"
    return Outcomes(tuple(names), values, problems)


def pooled_sd(
    values: NDArray[np.float64], codes: NDArray[np.intp], n_levels: int
) -> NDArray[np.float64]:
    """Return the standard deviation within treatment levels, pooled, shape (n_outcomes,)."""
    total = np.zeros(values.shape[1])
    for k in range(n_levels):
        inside = values[codes == k]
        inside -= inside.mean(axis=0)
        total += np.einsum("ij,ij->j", inside, inside)
    return np.asarray(np.sqrt(total / max(len(values) - n_levels, 1)))


def digest_of_arrays(names: Sequence[str], values: NDArray[np.float64]) -> str:
    """Return the sha256 (hex) of column names and values, bit for bit."""
    state = hashlib.sha256("\0".join(names).encode())
    # column by column, as pandas keeps them: no copy
    state.update(np.ascontiguousarray(values.T).data)
    return state.hexdigest()
