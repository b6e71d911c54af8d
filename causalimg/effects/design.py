"""Treatment and covariates as arrays, and the checks that must pass before anything is fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.columns import treatment_codes
from causalimg.effects.covariates import covariate_matrix, independent_columns, standardised
from causalimg.errors import InvalidInputError, NotEstimableError

_SHOWN = 8  # parameters that a message names


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
    precision : ndarray of shape (n_samples, n_precision) or None
        Covariates of the outcome model alone.
    """

    matrix: NDArray[np.float64]
    names: tuple[str, ...]
    source: tuple[str, ...]
    codes: NDArray[np.intp]
    levels: tuple[str, ...]
    treatment: str
    notes: tuple[str, ...] = ()
    precision: NDArray[np.float64] | None = None

    @property
    def outcome_matrix(self) -> NDArray[np.float64]:
        """The columns of ``matrix``, then those of ``precision`` that are free of them."""
        if self.precision is None:
            return self.matrix
        both = np.hstack([self.matrix, self.precision])
        return both[:, independent_columns(both)]

    @property
    def level_matrices(self) -> NDArray[np.float64] | list[NDArray[np.float64]]:
        """`outcome_matrix` for each level's own model: without what cannot be learnt there."""
        both = self.outcome_matrix
        if self.precision is None:
            return both
        return [
            both[:, independent_columns(both[self.codes == k])] for k in range(len(self.levels))
        ]

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
    splines: int | None = None,
    precision: Sequence[str] = (),
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
    splines : int, optional
        Degrees of freedom of a natural cubic spline for every number column with at least
        ``splines + 2`` different values; straight lines by default.
    precision : sequence of str
        Columns of the outcome model alone.

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

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"scanner": ["A", "B"] * 20, "age": rng.normal(60, 10, 40)})
    >>> design = build_design(table, treatment="scanner", adjustment=["age"])
    >>> design.matrix.shape, design.levels, design.names
    ((40, 2), ('A', 'B'), ('age',))
    """
    codes, levels = treatment_codes(frame, treatment, reference)
    covariates = covariate_matrix(frame, adjustment, treatment=treatment, splines=splines)
    design = Design(
        matrix=covariates.matrix,
        names=covariates.names,
        source=covariates.source,
        codes=codes,
        levels=levels,
        treatment=treatment,
        notes=covariates.notes,
    )
    if len(precision):
        both = [name for name in precision if name in list(adjustment)]
        if both:
            raise InvalidInputError(
                f"{both[0]!r} is in adjustment and in precision; once is enough"
            )
        more = covariate_matrix(frame, precision, treatment=treatment, splines=splines)
        design = replace(design, precision=more.matrix[:, 1:])
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
        names = [*design.names[:_SHOWN], *(["..."] * (len(design.names) > _SHOWN))]
        raise NotEstimableError(
            f"too few cases: {', '.join(short)}, and {design.matrix.shape[1]} parameters (an"
            f" intercept and {', '.join(names) or 'nothing else'}) need at least {needed}"
            " in every level. Merge levels, or use a smaller adjustment set."
        )


def check_rank(design: Design) -> None:
    """Raise `NotEstimableError` if a covariate cannot be told from the others inside a level."""
    for code, level in enumerate(design.levels):
        free = independent_columns(standardised(design.matrix[design.codes == code, 1:])[0])
        if not free.all():
            name = design.names[int(np.flatnonzero(~free)[0])]
            raise NotEstimableError(
                f"among the cases with {design.treatment}={level}, covariate {name!r} does not"
                " vary, or not apart from the other covariates: what would have been seen there"
                " with other values cannot be learnt. Merge levels, or take it out if the graph"
                " allows it."
            )


def subset(design: Design, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Design:
    """Return the design of some of the cases, with columns that became constant left out.

    Parameters
    ----------
    design : Design
    rows : ndarray of bool, shape (n_samples,), or of int
        A mask, or positions, which may repeat.
    """
    matrix = design.matrix[rows, 1:]
    scaled, keep = standardised(matrix)
    free = keep.copy()
    free[keep] = independent_columns(scaled[:, keep])
    return Design(
        matrix=np.column_stack([np.ones(len(scaled)), scaled[:, free]]),
        names=tuple(name for name, kept in zip(design.names, free, strict=True) if kept),
        source=tuple(name for name, kept in zip(design.source, free, strict=True) if kept),
        codes=design.codes[rows],
        levels=design.levels,
        treatment=design.treatment,
        precision=None if design.precision is None else design.precision[rows],
    )
