"""The table that invariant prediction reads: outcome, candidate features and environments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.multiplicity import check_choice
from causalimg.errors import InvalidInputError, NotEstimableError, check_columns
from causalimg.provenance import sha256_frame
from causalimg.tables.encode import is_categorical, levels

Array = NDArray[np.float64]

FAMILIES = ("auto", "gaussian", "binomial", "poisson")
_SMALLEST = 5


@dataclass(frozen=True, eq=False)
class EnvironmentData:
    """Outcome and features as numbers, with the environment of every row.

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        0 and 1 for the family ``binomial``.
    codes : ndarray of int, shape (n_samples,)
        Position of the row's environment in ``levels``.
    features : tuple of str
    outcome, environment : str
    levels : tuple of str
    family : str
    constant : tuple of str
        Features that were left out because they have one value only.
    sha256 : str
        Of the columns that were read.
    """

    x: Array
    y: Array
    codes: NDArray[np.intp]
    features: tuple[str, ...]
    outcome: str
    environment: str
    levels: tuple[str, ...]
    family: str
    constant: tuple[str, ...]
    sha256: str

    @property
    def counts(self) -> NDArray[np.intp]:
        """Rows per environment."""
        return np.bincount(self.codes, minlength=len(self.levels))

    def columns(self, chosen: Sequence[int]) -> EnvironmentData:
        """Return the same rows with some of the features."""
        at = [int(k) for k in chosen]
        return EnvironmentData(
            self.x[:, at],
            self.y,
            self.codes,
            tuple(self.features[k] for k in at),
            self.outcome,
            self.environment,
            self.levels,
            self.family,
            self.constant,
            self.sha256,
        )


def read_environments(
    frame: pd.DataFrame,
    *,
    environment: str,
    outcome: str,
    features: Sequence[str],
    family: str = "auto",
) -> EnvironmentData:
    """Read outcome, features and environment from a table.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per case. Not modified.
    environment : str
        Column whose levels are the environments.
    outcome : str
    features : sequence of str
        Number columns; the candidates.
    family : {"auto", "gaussian", "binomial", "poisson"}
        ``auto``: binomial for two distinct values, else gaussian; counts must be asked for.

    Returns
    -------
    EnvironmentData

    Raises
    ------
    InvalidInputError
        For missing values, text features, a column with two roles, or an outcome that does not
        fit the family.
    NotEstimableError
        If there is one environment, or one with fewer than 5 rows.
    UnknownNameError
        If a column does not exist.

    Examples
    --------
    >>> table = pd.DataFrame({"site": list("aaaaabbbbb"), "x": range(10), "y": [0, 1] * 5})
    >>> read = read_environments(table, environment="site", outcome="y", features=["x"])
    >>> read.family, read.levels
    ('binomial', ('a', 'b'))
    """
    check_choice(family, FAMILIES, "family")
    if not isinstance(frame, pd.DataFrame):
        raise InvalidInputError(f"fit needs a pandas.DataFrame, got {type(frame).__name__}")
    names = [features] if isinstance(features, str) else [str(name) for name in features]
    check_columns(frame, [environment, outcome, *names], "fit")
    twice = sorted({name for name in names if names.count(name) > 1})
    twice += [name for name in (environment, outcome) if name in names]
    if twice or environment == outcome:
        raise InvalidInputError(
            f"environment, outcome and features must be different columns; twice: "
            f"{twice or [outcome]}"
        )
    if not names:
        raise InvalidInputError("features is empty; give at least one candidate column")
    text = [name for name in names if is_categorical(frame[name])]
    if text:
        raise InvalidInputError(
            f"features must be numbers; not so: {text[:8]}. Encode a category as 0/1 columns first"
        )
    used = frame[[environment, outcome, *names]]
    gaps = used.isna().sum()
    if gaps.any():
        named = ", ".join(f"{name!r} ({n} rows)" for name, n in gaps[gaps > 0].head(5).items())
        raise InvalidInputError(
            f"missing values in {named}; leave out the rows or impute them first"
        )
    x = used[names].to_numpy(dtype=np.float64)
    if not np.isfinite(x).all():
        bad = [names[k] for k in np.flatnonzero(~np.isfinite(x).all(axis=0))[:8]]
        raise InvalidInputError(f"infinite values in {bad}")
    known = levels(used[environment])
    codes = pd.Index(known).get_indexer(pd.Index(used[environment].astype(str)))
    counts = np.bincount(codes, minlength=len(known))
    if len(known) < 2:
        raise NotEstimableError(
            f"environment {environment!r} has one level ({known[0]!r}); invariance needs two"
        )
    if counts.min() < _SMALLEST:
        raise NotEstimableError(
            f"environment {environment!r}: level {known[int(counts.argmin())]!r} has"
            f" {counts.min()} rows; at least {_SMALLEST} are needed (join or leave out the level)"
        )
    y, kind = _outcome(used[outcome], outcome, family)
    spread = np.ptp(x, axis=0) > 1e-12 * np.abs(x).max(axis=0)
    if not spread.any():
        raise NotEstimableError("every feature is constant")
    return EnvironmentData(
        x=np.ascontiguousarray(x[:, spread]),
        y=y,
        codes=codes,
        features=tuple(name for name, keep in zip(names, spread, strict=True) if keep),
        outcome=outcome,
        environment=environment,
        levels=known,
        family=kind,
        constant=tuple(name for name, keep in zip(names, spread, strict=True) if not keep),
        sha256=sha256_frame(used),
    )


def _outcome(series: pd.Series, name: str, family: str) -> tuple[Array, str]:
    known = levels(series)
    if family == "auto":
        family = "binomial" if len(known) == 2 else "gaussian"
    if len(known) < 2:
        raise NotEstimableError(f"outcome {name!r} is constant")
    if family == "binomial":
        if len(known) != 2:
            raise InvalidInputError(
                f"family 'binomial' needs an outcome of two values; {name!r} has {len(known)}"
            )
        order = sorted(series.unique()) if not is_categorical(series) else list(known)
        second = order[1]
        same = series.astype(str) == str(second)
        return np.asarray(same, dtype=np.float64), family
    if is_categorical(series):
        raise InvalidInputError(
            f"outcome {name!r} is text with {len(known)} levels; numbers or two levels are allowed"
        )
    y = series.to_numpy(dtype=np.float64)
    if not np.isfinite(y).all():
        raise InvalidInputError(f"outcome {name!r} has infinite values")
    if family == "poisson" and ((y < 0).any() or (y != np.round(y)).any()):
        raise InvalidInputError(
            f"family 'poisson' needs counts (0, 1, 2 ...); {name!r} has other values"
        )
    return y, family
