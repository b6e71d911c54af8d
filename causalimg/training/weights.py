"""Sample weights that break a spurious association; NumPy only, for any learner."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from causalimg.errors import InvalidInputError, NotEstimableError

Float = NDArray[np.float64]


def _codes(values: ArrayLike, what: str) -> tuple[NDArray[np.intp], pd.Index]:
    series = pd.Series(np.asarray(values)) if not isinstance(values, pd.Series) else values
    if series.isna().any():
        raise InvalidInputError(
            f"{what} is missing in {int(series.isna().sum())} of {len(series)} rows; drop them or"
            " give them a level of their own"
        )
    if pd.api.types.is_float_dtype(series.dtype) and series.nunique() > 50:
        raise InvalidInputError(
            f"{what} has {series.nunique()} different numbers: weights by group need categories;"
            " bin it, or use a penalty for continuous attributes (HSIC, CIRCE)"
        )
    codes, levels = pd.factorize(series, sort=True)
    return np.asarray(codes, dtype=np.intp), pd.Index(levels)


def balance(
    outcome: ArrayLike,
    attribute: ArrayLike,
    *,
    given: Sequence[ArrayLike] = (),
    max_weight: float | None = None,
) -> Float:
    """Return weights under which outcome and attribute are independent, given other variables.

    ``w = P(y | t) P(a | t) / P(y, a | t)``, with mean 1.

    Parameters
    ----------
    outcome, attribute : array_like, shape (n,)
        Categories.
    given : sequence of array_like, shape (n,)
        Categories to stratify by.
    max_weight : float, optional
        Larger weights are cut to this; some association then stays.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    NotEstimableError
        If a combination that has to be made up for is absent from the data, naming it.

    Notes
    -----
    Assumptions: the association is spurious (the attribute does not cause the outcome) and
    P(image | outcome, attribute) holds wherever the model is used.

    References
    ----------
    Makar M, Packer B, Moldovan D, Blalock D, Halpern Y, D'Amour A. Causally motivated shortcut
    removal using auxiliary labels. AISTATS 2022. doi:10.48550/arXiv.2105.06422

    Examples
    --------
    >>> balance([0, 0, 0, 1, 1, 1], ["a", "a", "b", "a", "b", "b"]).round(2).tolist()
    [0.75, 0.75, 1.5, 1.5, 0.75, 0.75]
    """
    y, y_levels = _codes(outcome, "the outcome")
    a, a_levels = _codes(attribute, "the attribute")
    columns = [_codes(column, f"given[{k}]")[0] for k, column in enumerate(given)]
    if any(len(c) != len(y) for c in (a, *columns)):
        raise InvalidInputError("outcome, attribute and given need one value per row each")
    stratum = pd.MultiIndex.from_arrays(columns).factorize()[0] if columns else np.zeros(len(y))
    weights = np.empty(len(y))
    for one in np.unique(stratum):
        rows = stratum == one
        counts = np.zeros((len(y_levels), len(a_levels)))
        np.add.at(counts, (y[rows], a[rows]), 1.0)
        expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
        empty = np.argwhere((counts == 0) & (expected > 0))
        if len(empty):
            i, j = empty[0]
            raise NotEstimableError(
                f"no row has outcome {y_levels[i]!r} with attribute {a_levels[j]!r}"
                f"{' in one stratum of given' if columns else ''}, so no weights can make them"
                " independent; collect such cases, merge levels, or use a penalty instead"
            )
        ratio = np.divide(expected, counts, out=np.zeros_like(counts), where=counts > 0)
        weights[rows] = ratio[y[rows], a[rows]]
    if max_weight is not None:
        if not max_weight > 0:
            raise InvalidInputError(f"max_weight={max_weight!r} must be above 0")
        weights = np.minimum(weights, max_weight)
    return np.asarray(weights / weights.mean())


def effective_size(weights: ArrayLike) -> float:
    """Return the number of equally weighted rows that carry as much: ``(Σw)² / Σw²``.

    Parameters
    ----------
    weights : array_like, shape (n_samples,)

    Examples
    --------
    >>> effective_size([1.0, 1.0, 0.0, 0.0])
    2.0
    """
    w = np.asarray(weights, dtype=float)
    return float(w.sum() ** 2 / (w**2).sum())
