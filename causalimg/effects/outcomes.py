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
    values = np.full((len(frame), len(names)), np.nan)
    table = frame[names]
    if table.shape[1] != len(names):
        raise InvalidInputError("the table has two columns of the same name among the outcomes")
    numeric = []
    for k, (name, kind) in enumerate(zip(names, table.dtypes, strict=True)):
        if pd.api.types.is_numeric_dtype(kind):
            numeric.append(k)
        else:
            problems[name] = f"not a number column (type {kind})"
    if numeric:
        part = table if len(numeric) == len(names) else table.iloc[:, numeric]
        values[:, numeric] = part.to_numpy(dtype=np.float64, na_value=np.nan)
    infinite = np.isinf(values)
    missing = np.isnan(values)
    filled = np.where(missing, 0.0, values) if missing.any() else values
    low = np.where(missing, np.inf, values).min(axis=0, initial=np.inf)
    high = np.where(missing, -np.inf, values).max(axis=0, initial=-np.inf)
    size = np.abs(np.where(np.isfinite(filled), filled, 0.0)).max(axis=0, initial=0.0)
    for k, name in enumerate(names):
        if name in problems:
            continue
        if missing[:, k].all():
            problems[name] = "no case has a value"
        elif infinite[:, k].any():
            problems[name] = (
                f"{int(infinite[:, k].sum())} infinite values (case"
                f" {case_names(frame, infinite[:, k])})"
            )
        elif high[k] - low[k] <= 1e-12 * size[k]:
            problems[name] = f"constant ({low[k]:g} in every case)"
    return Outcomes(tuple(names), values, problems)


def pooled_sd(
    values: NDArray[np.float64], codes: NDArray[np.intp], n_levels: int
) -> NDArray[np.float64]:
    """Return the standard deviation within treatment levels, pooled, shape (n_outcomes,)."""
    total = np.zeros(values.shape[1])
    for k in range(n_levels):
        inside = values[codes == k]
        total += ((inside - inside.mean(axis=0)) ** 2).sum(axis=0)
    return np.asarray(np.sqrt(total / max(len(values) - n_levels, 1)))


def digest_of_arrays(names: Sequence[str], values: NDArray[np.float64]) -> str:
    """Return the sha256 (hex) of column names and values, bit for bit."""
    state = hashlib.sha256("\0".join(names).encode())
    state.update(np.ascontiguousarray(values).tobytes())
    return state.hexdigest()
