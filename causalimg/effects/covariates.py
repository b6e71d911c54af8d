"""Covariates as a full-rank matrix of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.columns import refuse_missing
from causalimg.effects.splines import spline_columns
from causalimg.errors import InvalidInputError, check_columns
from causalimg.tables.encode import Encoded, encode, is_categorical, numbers_in_text


@dataclass(frozen=True)
class Covariates:
    """An adjustment set as numbers.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_parameters)
        A column of ones, then the covariates, centred and divided by their standard deviation.
    names : tuple of str
        ``"age"`` or ``"site[B]"``, one per column after the first.
    source : tuple of str
        The table column behind each of ``names``.
    notes : tuple of str
        What was left out and why.
    """

    matrix: NDArray[np.float64]
    names: tuple[str, ...]
    source: tuple[str, ...]
    notes: tuple[str, ...] = ()


def covariate_matrix(
    frame: pd.DataFrame,
    adjustment: Sequence[str],
    *,
    treatment: str,
    splines: int | None = None,
) -> Covariates:
    """Encode an adjustment set; constant and redundant columns are left out with a note.

    Parameters
    ----------
    frame : pandas.DataFrame
        Not modified.
    adjustment : sequence of str
    treatment : str
        May not be among them.
    splines : int, optional
        Degrees of freedom of a natural cubic spline for every number column with at least
        ``splines + 2`` different values.

    Returns
    -------
    Covariates

    Raises
    ------
    InvalidInputError
        For missing or infinite values (naming column and cases), numbers that are text, or the
        treatment among the covariates.
    UnknownNameError
        If a column does not exist.
    """
    if isinstance(adjustment, str):
        raise InvalidInputError(
            f"adjustment must be a list of columns, got the text {adjustment!r}; "
            f"write [{adjustment!r}]"
        )
    chosen = [str(name) for name in adjustment]
    check_columns(frame, chosen, "adjustment")
    twice = sorted({name for name in chosen if chosen.count(name) > 1})
    if twice or treatment in chosen:
        raise InvalidInputError(
            f"adjustment names {', '.join(map(repr, twice))} twice"
            if twice
            else f"the treatment {treatment!r} is in its own adjustment set; take it out"
        )
    refuse_missing(frame, chosen, "covariate")
    for name in chosen:
        if why := numbers_in_text(frame[name]):
            raise InvalidInputError(f"covariate {name!r} is text: {why}")
    encoded = encode(frame, chosen)
    if splines is not None:
        encoded = _curved(encoded, frame, chosen, splines)
    source = [column for column in chosen for _ in encoded.blocks[column]]
    notes: list[str] = [
        f"covariate {column!r} is constant and was left out"
        for column in chosen
        if len(encoded.blocks[column]) == 0
    ]
    matrix, keep = standardised(encoded.matrix)
    notes += [
        f"covariate {encoded.names[k]!r} is constant and was left out"
        for k in np.flatnonzero(~keep)
    ]
    matrix = matrix[:, keep]
    names = [name for name, kept in zip(encoded.names, keep, strict=True) if kept]
    source = [name for name, kept in zip(source, keep, strict=True) if kept]
    free = independent_columns(matrix)
    notes += [
        f"covariate {names[k]!r} is a linear combination of others and was left out; the"
        " adjustment is the same without it"
        for k in np.flatnonzero(~free)
    ]
    return Covariates(
        matrix=np.column_stack([np.ones(len(frame)), matrix[:, free]]),
        names=tuple(name for name, kept in zip(names, free, strict=True) if kept),
        source=tuple(name for name, kept in zip(source, free, strict=True) if kept),
        notes=tuple(notes),
    )


def _curved(encoded: Encoded, frame: pd.DataFrame, chosen: Sequence[str], df: int) -> Encoded:
    """Replace number columns by their spline bases."""
    parts: list[NDArray[np.float64]] = []
    names: list[str] = []
    blocks: dict[str, NDArray[np.intp]] = {}
    for column in chosen:
        part = encoded.matrix[:, encoded.blocks[column]]
        labels = [encoded.names[k] for k in encoded.blocks[column]]
        if not is_categorical(frame[column]):
            part = spline_columns(part[:, 0], df)
            labels += [f"{column} (curve {k})" for k in range(1, part.shape[1])]
        blocks[column] = np.arange(len(names), len(names) + len(labels))
        parts.append(part)
        names += labels
    matrix = np.hstack(parts) if parts else encoded.matrix
    return Encoded(matrix, tuple(names), blocks, encoded.levels)


def standardised(
    matrix: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Centre and scale; constant columns become zeros and are marked False."""
    if not len(matrix):
        return matrix, np.zeros(matrix.shape[1], dtype=bool)
    centre = matrix.mean(axis=0)
    spread = matrix.std(axis=0)
    varies = spread > 1e-12 * np.maximum(np.abs(centre), np.finfo(float).tiny)
    varies &= np.ptp(matrix, axis=0) > 0
    return np.where(varies, (matrix - centre) / np.where(varies, spread, 1.0), 0.0), varies


def independent_columns(scaled: NDArray[np.float64], tolerance: float = 1e-8) -> NDArray[np.bool_]:
    """Mark the columns that are not linear combinations of the marked ones before them."""
    free = np.zeros(scaled.shape[1], dtype=bool)
    if 0 < scaled.shape[1] <= len(scaled):
        size = np.linalg.norm(scaled, axis=0)
        rest = np.abs(np.diag(np.linalg.qr(scaled, mode="r")))
        if (rest > 10 * tolerance * size).all() and size.all():
            return ~free
    basis = np.empty((len(scaled), 0))
    for k in range(scaled.shape[1]):
        column = scaled[:, k]
        length = np.linalg.norm(column)
        rest = column - basis @ (basis.T @ column)
        rest = rest - basis @ (basis.T @ rest)
        left = np.linalg.norm(rest)
        if left > tolerance * max(float(length), np.finfo(float).tiny):
            free[k] = True
            basis = np.column_stack([basis, rest / left])
    return free
