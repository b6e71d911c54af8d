"""Which covariates keep cases from having a counterpart in a treatment level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_MOST = 2
_LEAST_GAP = 0.5


def stand_out(
    values: NDArray[np.float64], columns: Sequence[str], marked: NDArray[np.bool_]
) -> str:
    """Name the covariates by which marked cases differ most from the others.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
        From `balance_columns`.
    columns : sequence of str
    marked : ndarray of bool, shape (n_samples,)

    Returns
    -------
    str
        At most two covariates whose means are at least half a standard deviation (that of all
        cases) apart, the largest first, with both means, or both shares for a level of a category;
        empty if there are none.

    Examples
    --------
    >>> values = np.array([[70.0, 1.0], [72.0, 0.0], [50.0, 1.0], [52.0, 0.0]])
    >>> stand_out(values, ["age", "sex[F]"], np.array([True, True, False, False]))
    "'age' (71 on average, 51 in the others)"
    """
    if not marked.any() or marked.all() or not values.shape[1]:
        return ""
    spread = values.std(axis=0)
    inside, outside = values[marked].mean(axis=0), values[~marked].mean(axis=0)
    gap = np.abs(inside - outside) / np.where(spread > 0, spread, np.inf)
    found = []
    for k in np.argsort(-gap, kind="stable")[:_MOST]:
        if gap[k] < _LEAST_GAP:
            break
        if columns[k].endswith("]"):
            said = f"{inside[k]:.0%} of them, {outside[k]:.0%} of the others"
        else:
            said = f"{inside[k]:.3g} on average, {outside[k]:.3g} in the others"
        found.append(f"{columns[k]!r} ({said})")
    return " and ".join(found)


def positivity_notes(
    probability: NDArray[np.float64],
    codes: NDArray[np.intp],
    names: Sequence[str],
    weak: Sequence[bool],
    values: NDArray[np.float64],
    columns: Sequence[str],
    *,
    treatment: str,
    bound: float,
) -> tuple[str, ...]:
    """Say which cases some levels have no counterpart for, by covariate.

    Parameters
    ----------
    probability : ndarray of shape (n_samples, n_levels)
        Before clipping.
    codes : ndarray of int, shape (n_samples,)
    names : sequence of str
        Level names.
    weak : sequence of bool
        Marks the levels to speak of.
    values : ndarray of shape (n_samples, n_columns)
    columns : sequence of str
    treatment : str
    bound : float
        A case with a lower probability counts as one without a counterpart.

    Returns
    -------
    tuple of str
        One sentence for each of these levels for which a covariate stands out.

    Examples
    --------
    >>> probability = np.array([[0.999, 0.001], [0.999, 0.001], [0.5, 0.5], [0.5, 0.5]])
    >>> positivity_notes(probability, np.array([0, 0, 0, 1]), ["A", "B"], [False, True],
    ...     np.array([[80.0], [82.0], [50.0], [52.0]]), ["age"], treatment="scanner", bound=0.01)[0]
    "2 of 4 cases could hardly have had scanner=B: 'age' (81 on average, 51 in the others)"
    """
    notes = []
    for k, name in enumerate(names):
        if not weak[k]:
            continue
        lost = (probability[:, k] < bound) & (codes != k)
        said = stand_out(values, columns, lost)
        if said:
            notes.append(
                f"{int(lost.sum())} of {len(lost)} cases could hardly have had"
                f" {treatment}={name}: {said}"
            )
            continue
        said = stand_out(values, columns, codes == k)
        if said:
            notes.append(f"cases with {treatment}={name} are unlike the rest: {said}")
    return tuple(notes)
