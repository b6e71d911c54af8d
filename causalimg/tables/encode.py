"""Columns as numbers: a categorical column becomes one block of 0/1 columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError, check_columns

_FEW = 10  # different numbers that may be codes
_MOST = 0.8  # of the cells of a column that is meant to hold numbers


def is_categorical(series: pd.Series) -> bool:
    """Tell whether a column holds categories: text, booleans or pandas categories.

    Numbers are numbers, also when there are few of them: declare a coded column (site 1, 2, 3) as
    ``context`` in the cohort, or cast it to ``category``.
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        return True
    return not pd.api.types.is_numeric_dtype(series.dtype) or pd.api.types.is_bool_dtype(
        series.dtype
    )


def numbers_in_text(series: pd.Series) -> str:
    """Say why a text column of many different numbers is not one of numbers; else nothing.

    Examples
    --------
    >>> ages = pd.Series([f"{60 + k / 2}" for k in range(40)] + ["unknown"])
    >>> numbers_in_text(ages)
    "numbers, but for 'unknown' (1 of 41 cells): leave such cells empty"
    >>> numbers_in_text(ages.str.replace(".", ","))
    "numbers with a decimal comma: write them with a point (pandas.read_csv(..., decimal=','))"
    >>> numbers_in_text(pd.Series(["1", "2", "3a"] * 20))
    ''
    """
    if not is_categorical(series) or series.nunique() <= _FEW:
        return ""
    text = series.dropna().astype(str)
    comma = text.str.fullmatch(r"\s*-?\d+,\d+\s*")
    number = pd.to_numeric(text.where(~comma, text.str.replace(",", ".")), errors="coerce")
    if number.nunique() <= _FEW or number.notna().mean() < _MOST:
        return ""
    if comma.any():
        return (
            "numbers with a decimal comma: write them with a point"
            " (pandas.read_csv(..., decimal=','))"
        )
    odd = text[number.isna()]
    if odd.empty:
        return ""
    shown = ", ".join(map(repr, odd.unique()[:3])) + ", ..." * (odd.nunique() > 3)
    return f"numbers, but for {shown} ({len(odd)} of {len(series)} cells): leave such cells empty"


def levels(series: pd.Series) -> tuple[str, ...]:
    """Return the levels that occur in a categorical column, sorted, as text.

    Examples
    --------
    >>> levels(pd.Series(["b", "a", None, "b"]))
    ('a', 'b')
    """
    return tuple(sorted({str(value) for value in series.dropna().unique()}))


@dataclass(frozen=True)
class Encoded:
    """A numeric matrix and the map from table columns to its columns.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_encoded)
        Missing cells are NaN, for every column of the block.
    names : tuple of str
        ``"age"`` or ``"site[B]"``.
    blocks : dict of str to ndarray of int
        Table column -> its columns in ``matrix``.
    levels : dict of str to tuple of str
        Categorical column -> its levels; the first is the reference.
    """

    matrix: NDArray[np.float64]
    names: tuple[str, ...]
    blocks: dict[str, NDArray[np.intp]]
    levels: dict[str, tuple[str, ...]]


def encode(
    frame: pd.DataFrame,
    columns: Sequence[str],
    *,
    levels_of: Mapping[str, Iterable[str]] | None = None,
) -> Encoded:
    """Encode table columns as numbers, categories by their difference from the first level.

    Parameters
    ----------
    frame : pandas.DataFrame
    columns : sequence of str
    levels_of : mapping, optional
        Fixed levels of categorical columns, so that parts of one table are encoded alike.

    Raises
    ------
    UnknownNameError
        If a column is not in the table.
    InvalidInputError
        If a value is not among the fixed levels.

    Examples
    --------
    >>> table = pd.DataFrame({"age": [50.0, 60.0, 70.0], "site": ["a", "b", "c"]})
    >>> encoded = encode(table, ["age", "site"])
    >>> encoded.names
    ('age', 'site[b]', 'site[c]')
    >>> encoded.matrix[:, 1:].tolist()
    [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """
    check_columns(frame, columns, "encode")
    parts: list[NDArray[np.float64]] = []
    names: list[str] = []
    blocks: dict[str, NDArray[np.intp]] = {}
    found: dict[str, tuple[str, ...]] = {}
    fixed = {key: tuple(value) for key, value in (levels_of or {}).items()}
    for column in columns:
        series = frame[column]
        start = len(names)
        if is_categorical(series) or column in fixed:
            known = fixed.get(column, levels(series))
            text = series.astype("object").where(series.notna(), None)
            strange = sorted({str(v) for v in text if v is not None} - set(known))
            if strange:
                raise InvalidInputError(
                    f"column {column!r} has values that are not among its levels: {strange}"
                    f" (levels: {list(known)})"
                )
            block = np.array(
                [
                    [np.nan] * (len(known) - 1)
                    if value is None
                    else [float(str(value) == level) for level in known[1:]]
                    for value in text
                ],
                dtype=np.float64,
            ).reshape(len(series), max(len(known) - 1, 0))
            found[column] = known
            names += [f"{column}[{level}]" for level in known[1:]]
        else:
            block = series.to_numpy(dtype=np.float64, na_value=np.nan)[:, None]
            names.append(column)
        parts.append(block)
        blocks[column] = np.arange(start, len(names))
    matrix = np.hstack(parts) if parts else np.empty((len(frame), 0))
    return Encoded(matrix=matrix, names=tuple(names), blocks=blocks, levels=found)
