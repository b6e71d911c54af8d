"""Treatment and covariates as arrays, and the checks that must pass before anything is fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError, NotEstimableError, check_columns, nearest
from causalimg.tables.encode import encode, is_categorical

_MAX_LEVELS = 30


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


def case_names(frame: pd.DataFrame, rows: NDArray[np.bool_]) -> str:
    """Name the first few marked rows, by ``case_id`` where the table has it."""
    labels = frame["case_id"] if "case_id" in frame.columns else frame.index.to_series()
    marked = [str(item) for item in labels.to_numpy()[rows]]
    return ", ".join(marked[:3]) + (", ..." if len(marked) > 3 else "")


def treatment_codes(
    frame: pd.DataFrame, treatment: str, reference: str | None
) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Turn the treatment column into level codes, the reference first.

    Text, booleans and numbers alike are labels: 0, 1, 2 are three scanners, not an amount.

    Returns
    -------
    codes : ndarray of int, shape (n_samples,)
    levels : tuple of str
        Sorted (numbers by size); the reference is moved to the front.

    Raises
    ------
    InvalidInputError
        For missing values, too many levels, or a reference that is not a level.
    NotEstimableError
        If there is one level only.
    """
    check_columns(frame, [treatment], "treatment")
    series = frame[treatment]
    _refuse_missing(frame, [treatment], "treatment")
    values = list(series.unique())
    numeric = not is_categorical(series)
    if numeric and len(values) > _MAX_LEVELS:
        raise InvalidInputError(
            f"treatment {treatment!r} has {len(values)} different numbers; effects are estimated"
            f" between levels (at most {_MAX_LEVELS}). Cut it into ranges, e.g. with pandas.cut."
        )
    # whole numbers lose their ".0", so that 1 and 1.0 are the same level
    label = {
        value: str(int(value)) if numeric and float(value).is_integer() else str(value)
        for value in values
    }
    levels = [label[value] for value in (sorted(values) if numeric else sorted(values, key=str))]
    levels = list(dict.fromkeys(levels))
    if len(levels) < 2:
        raise NotEstimableError(
            f"treatment {treatment!r} has one level only ({levels[0] if levels else 'no cases'});"
            " an effect needs at least two"
        )
    if reference is not None:
        if str(reference) not in levels:
            raise InvalidInputError(
                f"reference {reference!r} is not a level of treatment {treatment!r}"
                f"{nearest(str(reference), levels)} (levels: {', '.join(levels)})"
            )
        levels.remove(str(reference))
        levels.insert(0, str(reference))
    place = {value: levels.index(label[value]) for value in values}
    return series.map(place).to_numpy(dtype=np.intp), tuple(levels)


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
    _refuse_missing(frame, chosen, "covariate")
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


def cluster_codes(frame: pd.DataFrame, cluster: str, design: Design) -> NDArray[np.intp]:
    """Return the cluster of each case as 0 to n_clusters - 1.

    Raises
    ------
    InvalidInputError
        For missing values.
    NotEstimableError
        If a treatment level has one cluster only.
    """
    check_columns(frame, [cluster], "cluster")
    missing = frame[cluster].isna().to_numpy()
    if missing.any():
        raise InvalidInputError(
            f"cluster {cluster!r} has {int(missing.sum())} missing values (case"
            f" {case_names(frame, missing)})"
        )
    codes = pd.factorize(frame[cluster])[0].astype(np.intp)
    for k, level in enumerate(design.levels):
        if len(np.unique(codes[design.codes == k])) < 2:
            raise NotEstimableError(
                f"all cases with {design.treatment}={level} are in one cluster of {cluster!r}:"
                " the level cannot be told from the cluster"
            )
    return codes


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


def _refuse_missing(frame: pd.DataFrame, columns: Sequence[str], role: str) -> None:
    for column in columns:
        series = frame[column]
        bad = series.isna().to_numpy()
        what = "missing"
        if not bad.any() and not is_categorical(series):
            bad = ~np.isfinite(series.to_numpy(dtype=np.float64))
            what = "infinite"
        if bad.any():
            raise InvalidInputError(
                f"{role} {column!r} has {int(bad.sum())} {what} value"
                f"{'s' if bad.sum() > 1 else ''} in {len(frame)} cases (case"
                f" {case_names(frame, bad)}). Cases are not dropped silently: fill the values in,"
                " or leave these cases out of the table."
            )
