"""Rosenbaum bounds: hidden bias in matched pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from causalimg.effects.fitted import FittedEffects
from causalimg.errors import InvalidInputError, NotEstimableError

Array = NDArray[np.float64]

_LARGEST = 1000.0


def rosenbaum_p(differences: ArrayLike, gamma: ArrayLike = 1.0) -> Array:
    """Return the largest two-sided p-value of the signed-rank test under hidden bias.

    Parameters
    ----------
    differences : array_like of shape (n_pairs, n_outcomes)
        Treated minus untreated; zeros are left out of the test.
    gamma : array_like
        By at most this factor two cases of a pair differ in their odds of treatment; one value, or
        one per outcome.

    Returns
    -------
    ndarray of shape (n_outcomes,)

    References
    ----------
    Rosenbaum (2002). Observational Studies, section 4.3. doi:10.1007/978-1-4757-3692-2

    Examples
    --------
    >>> gap = np.arange(-2.0, 13.0)[:, None]
    >>> (rosenbaum_p(gap, 1.0) < rosenbaum_p(gap, 2.0)).tolist()
    [True]
    """
    positive, total, squares = _rank_sums(differences)
    return _p(positive, total, squares, np.asarray(gamma, dtype=np.float64))


def rosenbaum_bounds(
    differences: pd.DataFrame, *, alpha: float = 0.05, gammas: Sequence[float] = (1.5, 2.0, 3.0)
) -> pd.DataFrame:
    """Find how much hidden bias every outcome's difference in matched pairs withstands.

    Parameters
    ----------
    differences : pandas.DataFrame of shape (n_pairs, n_outcomes)
        Treated minus untreated, see `pair_differences`.
    alpha : float, default=0.05
    gammas : sequence of float
        Also report the p-value bounds at these.

    Returns
    -------
    pandas.DataFrame
        ``outcome, n_pairs, median, p`` (without hidden bias), ``p_gamma_<g>``, ``gamma`` (the
        largest at which the bound is still at most alpha; NaN if none is), ``words``.

    Notes
    -----
    Assumptions: pairs are matched on what was measured; the normal approximation of the signed
    rank statistic (about 20 pairs or more).

    References
    ----------
    Rosenbaum (2002). Observational Studies, section 4.3. doi:10.1007/978-1-4757-3692-2

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> pairs = pd.DataFrame({"strong": rng.normal(1.0, 1, 100), "none": rng.normal(0, 1, 100)})
    >>> found = rosenbaum_bounds(pairs)
    >>> bool(found["gamma"].iloc[0] > 3), bool(np.isnan(found["gamma"].iloc[1]))
    (True, True)
    """
    if not 0 < alpha < 1:
        raise InvalidInputError(f"alpha must be between 0 and 1, got {alpha!r}")
    bad = [gamma for gamma in gammas if not gamma >= 1]
    if bad:
        raise InvalidInputError(f"gammas must be at least 1, got {bad[0]!r}")
    values = differences.to_numpy(dtype=np.float64)
    sums = _rank_sums(values)
    p = _p(*sums, np.asarray(1.0))
    low, high = np.ones(len(p)), np.full(len(p), _LARGEST)
    for _ in range(60):
        middle = np.sqrt(low * high)
        inside = _p(*sums, middle) <= alpha
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    gamma = np.where(p <= alpha, low, np.nan)
    out = pd.DataFrame(
        {
            "outcome": [str(name) for name in differences.columns],
            "n_pairs": (~np.isnan(values)).sum(axis=0),
            "median": np.nanmedian(values, axis=0),
            "p": p,
        }
    )
    for each in gammas:
        out[f"p_gamma_{each:g}"] = _p(*sums, np.asarray(float(each)))
    out["gamma"] = gamma
    out["words"] = [
        "not significant even without hidden bias"
        if np.isnan(each)
        else f"a hidden cause that changes the odds of treatment by a factor of {each:.2f} could"
        " explain it"
        for each in gamma
    ]
    return out


def pair_differences(
    fitted: FittedEffects, *, caliper: float | None = 0.2, level: str | None = None
) -> pd.DataFrame:
    """Pair cases of a level with cases of the reference, without replacement.

    Optimal pairs in the log odds of the propensity: the sum of distances is as small as it can be.

    Parameters
    ----------
    fitted : FittedEffects
        After ``fit``, with an adjustment set.
    caliper : float, optional
        Pairs further apart than this many standard deviations of the log odds are left out.
    level : str, optional
        The first level after the reference by default.

    Returns
    -------
    pandas.DataFrame of shape (n_pairs, n_outcomes)
        Level minus reference. NaN where one of the two has no value.

    Raises
    ------
    NotEstimableError
        If no pair is left.

    References
    ----------
    Rosenbaum (1989). doi:10.1080/01621459.1989.10478868

    Examples
    --------
    >>> from causalimg.effects.estimators import AIPW
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"age": rng.normal(size=200), "y": rng.normal(size=200)})
    >>> table["scanner"] = np.where(rng.random(200) < 0.4, "B", "A")
    >>> fitted = AIPW(treatment="scanner", adjustment=["age"]).fit(table, ["y"])
    >>> pair_differences(fitted).shape[1]
    1
    """
    from scipy.optimize import linear_sum_assignment

    fitted.require_fit()
    name = fitted.levels_[1] if level is None else str(level)
    if name not in fitted.levels_[1:]:
        raise InvalidInputError(
            f"level {name!r} is not compared with {fitted.levels_[0]!r}"
            f" (levels: {', '.join(fitted.levels_[1:])})"
        )
    score = fitted.propensity_[[fitted.levels_[0], name]].to_numpy()
    odds = np.log(np.maximum(score[:, 1], 1e-12) / np.maximum(score[:, 0], 1e-12))
    codes = fitted.codes_
    treated = np.flatnonzero(codes == fitted.levels_.index(name))
    control = np.flatnonzero(codes == 0)
    spread = odds[np.concatenate([treated, control])].std()
    gap = np.abs(odds[treated][:, None] - odds[control]) / (spread if spread > 0 else 1.0)
    # beyond the caliper a pair costs more than any number of pairs inside it
    cost = gap if caliper is None else np.where(gap > caliper, gap + 1e6, gap)
    first, second = linear_sum_assignment(cost)
    if caliper is not None:
        inside = gap[first, second] <= caliper
        first, second = first[inside], second[inside]
    if not len(first):
        raise NotEstimableError(f"no pair within the caliper of {caliper:g}: use a wider one")
    values = fitted.outcome_table().to_numpy()
    return pd.DataFrame(
        values[treated[first]] - values[control[second]], columns=list(fitted.outcomes_)
    )


def _rank_sums(differences: ArrayLike) -> tuple[Array, Array, Array]:
    """Return the positive rank sum, the sum of ranks and of their squares, per outcome."""
    from scipy.stats import rankdata

    values = np.asarray(differences, dtype=np.float64)
    if values.ndim == 1:
        values = values[:, None]
    used = np.where(values == 0, np.nan, values)
    ranks = np.nan_to_num(rankdata(np.abs(used), axis=0, nan_policy="omit"))
    positive = np.where(used > 0, ranks, 0.0).sum(axis=0)
    return positive, ranks.sum(axis=0), (ranks**2).sum(axis=0)


def _p(positive: Array, total: Array, squares: Array, gamma: Array) -> Array:
    from scipy.special import ndtr

    # the side that speaks for an effect
    statistic = np.maximum(positive, total - positive)
    share = gamma / (1.0 + gamma)
    spread = np.sqrt(share * (1.0 - share) * squares)
    z = (statistic - share * total) / np.where(spread > 0, spread, 1.0)
    return np.asarray(np.where(spread > 0, np.minimum(2.0 * ndtr(-z), 1.0), 1.0))
