"""Covariate balance between treatment levels, before and after weighting."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.columns import treatment_codes
from causalimg.errors import check_columns
from causalimg.tables.encode import encode, is_categorical, levels


def smd(
    values: NDArray[np.float64],
    codes: NDArray[np.intp],
    weights: NDArray[np.float64] | None,
    level: int,
    base: int,
) -> NDArray[np.float64]:
    """Return standardised mean differences between two levels.

    The denominator is the root mean of the two levels' unweighted variances, for 0/1 columns too,
    and the same before and after weighting.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
    codes : ndarray of int, shape (n_samples,)
    weights : ndarray of shape (n_samples,) or None
    level, base : int

    Returns
    -------
    ndarray of shape (n_columns,)
        0 where the means agree, inf where they differ and neither level varies.
    """
    a, b = values[codes == level], values[codes == base]
    if weights is None:
        gap = a.mean(axis=0) - b.mean(axis=0)
    else:
        wa, wb = weights[codes == level], weights[codes == base]
        gap = wa @ a / wa.sum() - wb @ b / wb.sum()
    spread = np.sqrt((a.var(axis=0) + b.var(axis=0)) / 2)
    flat = spread <= 0
    out = gap / np.where(flat, 1.0, spread)
    out[flat & (np.abs(gap) > 0)] = np.inf * np.sign(gap[flat & (np.abs(gap) > 0)])
    return np.asarray(out)


def balance_columns(
    frame: pd.DataFrame, covariates: Sequence[str]
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Encode covariates for balance: every level of a categorical column, the first too.

    Returns
    -------
    values : ndarray of shape (n_samples, n_columns)
    names : tuple of str
    """
    check_columns(frame, covariates, "covariates")
    encoded = encode(frame, list(covariates))
    parts, names = [], []
    for column in covariates:
        block = encoded.matrix[:, encoded.blocks[column]]
        if is_categorical(frame[column]):
            found = levels(frame[column])
            parts.append(np.column_stack([1.0 - block.sum(axis=1), block]))
            names += [f"{column}[{name}]" for name in found]
        else:
            parts.append(block)
            names.append(column)
    values = np.hstack(parts) if parts else np.empty((len(frame), 0))
    return values, tuple(names)


def balance_table(
    frame: pd.DataFrame,
    treatment: str,
    covariates: Sequence[str],
    weights: NDArray[np.float64] | None = None,
    *,
    reference: str | None = None,
) -> pd.DataFrame:
    """Compare covariates between treatment levels before and after weighting.

    Parameters
    ----------
    frame : pandas.DataFrame
    treatment : str
    covariates : sequence of str
    weights : ndarray of shape (n_samples,), optional
        Inverse probability weight of each case; without it both columns are the same.
    reference : str, optional

    Returns
    -------
    pandas.DataFrame
        ``covariate`` (``age``, ``site[B]``), ``level_contrast`` (``"B - A"``, every pair),
        ``smd_raw``, ``smd_weighted``.

    References
    ----------
    Austin, Stuart (2015). Moving towards best practice when using IPTW. Statistics in Medicine
    34. doi:10.1002/sim.6607

    Examples
    --------
    >>> table = pd.DataFrame({"scanner": list("AABB"), "age": [50.0, 60.0, 60.0, 70.0]})
    >>> balance_table(table, "scanner", ["age"])["smd_raw"].tolist()
    [2.0]
    """
    codes, names = treatment_codes(frame, treatment, reference)
    values, columns = balance_columns(frame, covariates)
    return balance_rows(values, columns, codes, names, lambda level, base: weights)


def balance_rows(
    values: NDArray[np.float64],
    columns: Sequence[str],
    codes: NDArray[np.intp],
    names: Sequence[str],
    weights: Callable[[int, int], NDArray[np.float64] | None],
) -> pd.DataFrame:
    """Build the table of `balance_table` from arrays; ``weights(level, base)`` has the weights."""
    parts = [
        pd.DataFrame(
            {
                "covariate": list(columns),
                "level_contrast": f"{names[b]} - {names[a]}",
                "smd_raw": smd(values, codes, None, b, a),
                "smd_weighted": smd(values, codes, weights(b, a), b, a),
            }
        )
        for a in range(len(names))
        for b in range(a + 1, len(names))
    ]
    return pd.concat(parts, ignore_index=True)
