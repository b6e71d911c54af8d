"""Treatment, cluster and covariate columns: levels as codes, and missing values refused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError, NotEstimableError, check_columns, nearest
from causalimg.tables.encode import is_categorical

_MAX_LEVELS = 30


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
    refuse_missing(frame, [treatment], "treatment")
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


def cluster_codes(
    frame: pd.DataFrame,
    cluster: str,
    treatment: str,
    codes: NDArray[np.intp],
    levels: Sequence[str],
) -> NDArray[np.intp]:
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
    found = pd.factorize(frame[cluster])[0].astype(np.intp)
    for k, level in enumerate(levels):
        if len(np.unique(found[codes == k])) < 2:
            raise NotEstimableError(
                f"all cases with {treatment}={level} are in one cluster of {cluster!r}:"
                " the level cannot be told from the cluster"
            )
    return found


def refuse_missing(frame: pd.DataFrame, columns: Sequence[str], role: str) -> None:
    """Raise `InvalidInputError` naming column and cases with a missing or infinite value."""
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
