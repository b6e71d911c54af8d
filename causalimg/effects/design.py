"""Treatment and covariates as arrays, and the checks that must pass before anything is fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.columns import refuse_missing, treatment_codes
from causalimg.errors import InvalidInputError, NotEstimableError, check_columns
from causalimg.tables.encode import encode


@dataclass(frozen=True)
class Design:
    """Treatment codes and a full-rank design matrix.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_parameters)
        A column of ones, then the covariates, centred and divided by their standard deviation.
    names : tuple of str
        ``"age"`` or ``"site[B]"``, one per column after the first.
    source : tuple of str
        The table column behind each of ``names``.
    codes : ndarray of int, shape (n_samples,)
        Index into ``levels``.
    levels : tuple of str
        Treatment levels, the reference first.
    treatment : str
    notes : tuple of str
        What was left out and why.
    """

    matrix: NDArray[np.float64]
    names: tuple[str, ...]
    source: tuple[str, ...]
    codes: NDArray[np.intp]
    levels: tuple[str, ...]
    treatment: str
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> NDArray[np.intp]:
        """Number of cases per treatment level, shape (n_levels,)."""
        return np.bincount(self.codes, minlength=len(self.levels))


def build_design(
    frame: pd.DataFrame,
    *,
    treatment: str,
    adjustment: Sequence[str],
    reference: str | None = None,
) -> Design:
    """Encode treatment and adjustment set, and refuse what cannot be adjusted for.

    Parameters
    ----------
    frame : pandas.DataFrame
        Not modified.
    treatment : str
    adjustment : sequence of str
        Covariate columns; text and categories become one column per level but the first.
    reference : str, optional
        Treatment level to compare with; the first in sorted order by default.

    Returns
    -------
    Design

    Raises
    ------
    InvalidInputError
        For missing or infinite values (naming column and cases), or the treatment among the
        covariates.
    NotEstimableError
        If a level has no more cases than the model has parameters.
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
    codes, levels = treatment_codes(frame, treatment, reference)
    refuse_missing(frame, chosen, "covariate")
    encoded = encode(frame, chosen)
    source = [column for column in chosen for _ in encoded.blocks[column]]
    notes: list[str] = [
        f"covariate {column!r} is constant and was left out"
        for column in chosen
        if len(encoded.blocks[column]) == 0
    ]
    matrix, keep = _standardised(encoded.matrix)
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
    design = Design(
        matrix=np.column_stack([np.ones(len(frame)), matrix[:, free]]),
        names=tuple(name for name, kept in zip(names, free, strict=True) if kept),
        source=tuple(name for name, kept in zip(source, free, strict=True) if kept),
        codes=codes,
        levels=levels,
        treatment=treatment,
        notes=tuple(notes),
    )
    check_counts(design)
    return design


def check_counts(design: Design) -> None:
    """Raise `NotEstimableError` if a level has too few cases for an outcome model of its own."""
    needed = design.matrix.shape[1] + 1
    short = [
        f"{design.treatment}={level} has {count}"
        for level, count in zip(design.levels, design.counts, strict=True)
        if count < needed
    ]
    if short:
        raise NotEstimableError(
            f"too few cases: {', '.join(short)}, and {design.matrix.shape[1]} parameters (an"
            f" intercept and {', '.join(design.names) or 'nothing else'}) need at least {needed}"
            " in every level. Merge levels, or use a smaller adjustment set."
        )


def check_rank(design: Design) -> None:
    """Raise `NotEstimableError` if a covariate cannot be told from the others inside a level."""
    for code, level in enumerate(design.levels):
        free = independent_columns(_standardised(design.matrix[design.codes == code, 1:])[0])
        if not free.all():
            name = design.names[int(np.flatnonzero(~free)[0])]
            raise NotEstimableError(
                f"among the cases with {design.treatment}={level}, covariate {name!r} does not"
                " vary, or not apart from the other covariates: what would have been seen there"
                " with other values cannot be learnt. Merge levels, or take it out if the graph"
                " allows it."
            )


def subset(design: Design, rows: NDArray[np.bool_]) -> Design:
    """Return the design of some of the cases, with columns that became constant left out."""
    matrix = design.matrix[rows, 1:]
    scaled, keep = _standardised(matrix)
    free = keep.copy()
    free[keep] = independent_columns(scaled[:, keep])
    return Design(
        matrix=np.column_stack([np.ones(len(scaled)), scaled[:, free]]),
        names=tuple(name for name, kept in zip(design.names, free, strict=True) if kept),
        source=tuple(name for name, kept in zip(design.source, free, strict=True) if kept),
        codes=design.codes[rows],
        levels=design.levels,
        treatment=design.treatment,
    )


def _standardised(
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
