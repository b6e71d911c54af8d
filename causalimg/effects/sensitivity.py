"""How strong would unmeasured confounding have to be? Robustness values and benchmarks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from causalimg.effects.blocks import Block
from causalimg.effects.fitted import FittedEffects
from causalimg.errors import UnknownNameError, nearest

Array = NDArray[np.float64]

ROBUSTNESS_COLUMNS = (
    "outcome", "contrast", "partial_r2", "robustness_value", "robustness_value_alpha",
    "benchmark", "benchmark_r2_treatment", "benchmark_r2_outcome", "explained_away", "words",
)  # fmt: skip


def robustness_value(
    partial_r2: ArrayLike, df: ArrayLike, *, q: float = 1.0, alpha: float | None = None
) -> Array:
    """Return the robustness value of a regression coefficient.

    The share of the residual variance of both treatment and outcome that an unmeasured confounder
    must explain to reduce the estimate by ``100 q`` per cent; with ``alpha``, to make it not
    significant at that level.

    Parameters
    ----------
    partial_r2 : array_like
        Partial R2 of treatment with the outcome, t^2 / (t^2 + df).
    df : array_like
        Residual degrees of freedom.
    q : float
    alpha : float, optional

    Returns
    -------
    ndarray

    References
    ----------
    Cinelli, Hazlett (2020). doi:10.1111/rssb.12348

    Examples
    --------
    >>> t = 4.18443
    >>> float(robustness_value(t**2 / (t**2 + 783), 783).round(4))
    0.1388
    """
    from scipy.special import stdtrit

    r2, left = np.asarray(partial_r2, dtype=np.float64), np.asarray(df, dtype=np.float64)
    f = q * np.sqrt(r2 / (1.0 - r2))
    if alpha is None:
        return _robust(f)
    critical = np.abs(stdtrit(left - 1, alpha / 2)) / np.sqrt(left - 1)
    moved = np.maximum(f - critical, 0.0)
    # where even a confounder unrelated to the outcome would do
    extreme = (f**2 - critical**2) / (1.0 + f**2)
    bounded = moved > 0
    interior = critical < np.where(f > 0, 1.0 / np.where(f > 0, f, 1.0), np.inf)
    return np.asarray(np.where(bounded, np.where(interior, _robust(moved), extreme), 0.0))


def _robust(f: Array) -> Array:
    return np.asarray(0.5 * (np.sqrt(f**4 + 4 * f**2) - f**2))


def robustness(
    fitted: FittedEffects, *, benchmark: Sequence[str] = (), q: float = 1.0
) -> pd.DataFrame:
    """Judge every effect against unmeasured confounding, beside measured covariates.

    For every contrast the regression of each outcome on treatment and covariates (in the cases of
    the two levels) gives the partial R2 of treatment and the robustness value. Every benchmark
    covariate shows how much of treatment and outcome the strongest confounder *that was measured*
    explains.

    Parameters
    ----------
    fitted : FittedEffects
        After ``fit``, with an adjustment set. Its estimates are not used, only its table: the
        robustness value is defined for the linear regression.
    benchmark : sequence of str
        Covariates of the adjustment set; the one that explains most is reported per row.
    q : float, default=1
        Share of the estimate that is to be explained away.

    Returns
    -------
    pandas.DataFrame
        ``outcome, contrast, partial_r2, robustness_value, robustness_value_alpha, benchmark,
        benchmark_r2_treatment, benchmark_r2_outcome, explained_away, words``. The benchmark's
        columns are the largest partial R2 that an unmeasured confounder as strong as that covariate
        could have; ``explained_away`` tells whether it would bring the estimate to zero.

    Notes
    -----
    Assumptions: the regression of the outcome on treatment and covariates is linear.

    References
    ----------
    Cinelli, Hazlett (2020). doi:10.1111/rssb.12348

    Examples
    --------
    >>> from causalimg.effects.estimators import AIPW
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"age": rng.normal(size=300)})
    >>> table["scanner"] = np.where(rng.random(300) < 0.5, "A", "B")
    >>> table["contrast"] = (table["scanner"] == "B") + table["age"] + rng.normal(size=300)
    >>> fitted = AIPW(treatment="scanner", adjustment=["age"]).fit(table, ["contrast"])
    >>> row = robustness(fitted, benchmark=["age"]).iloc[0]
    >>> bool(0.2 < row["robustness_value"] < 0.5), bool(row["explained_away"])
    (True, False)
    """
    fitted.require_fit()
    known = list(dict.fromkeys(fitted.covariates_))
    for name in benchmark:
        if name not in known:
            raise UnknownNameError(
                f"benchmark {name!r} is not in the adjustment set{nearest(str(name), known)}"
                f" (covariates: {', '.join(known) or 'none'})"
            )
    parts = []
    for level, base in fitted.contrast_pairs():
        part = pd.DataFrame({"outcome": list(fitted.outcomes_)})
        part["contrast"] = f"{fitted.levels_[level]} - {fitted.levels_[base]}"
        for name in ROBUSTNESS_COLUMNS[2:]:
            part[name] = np.nan if name not in ("benchmark", "words") else ""
        for block in fitted.blocks():
            _judge(part, block, fitted, (level, base), list(benchmark), q)
        parts.append(part)
    out = pd.concat(parts, ignore_index=True)[list(ROBUSTNESS_COLUMNS)]
    order = pd.MultiIndex.from_frame(fitted.effects_.frame[["outcome", "contrast"]])
    out = out.set_index(["outcome", "contrast"]).loc[order].reset_index()
    out.loc[out["partial_r2"].isna(), "words"] = "there is no estimate"
    return out


def _judge(
    part: pd.DataFrame,
    block: Block,
    fitted: FittedEffects,
    pair: tuple[int, int],
    benchmark: list[str],
    q: float,
) -> None:
    if block.model is None:
        return
    design = block.model.design
    inside = np.isin(design.codes, pair)
    treated = (design.codes[inside] == pair[0]).astype(np.float64)
    seen = fitted.outcome_values(block)[inside]
    matrix = design.matrix[inside]
    df = float(inside.sum() - np.linalg.matrix_rank(matrix) - 1)
    t_rest, y_rest = _partial(matrix, treated[:, None])[:, 0], _partial(matrix, seen)
    r2 = _shared(t_rest, y_rest)
    value = robustness_value(r2, df, q=q)
    limit = robustness_value(r2, df, q=q, alpha=fitted.alpha)
    worst_t, worst_y = np.full(len(r2), np.nan), np.full(len(r2), np.nan)
    name = np.full(len(r2), "", dtype=object)
    away = np.zeros(len(r2), dtype=bool)
    for covariate in benchmark:
        own = np.array([False, *(source == covariate for source in design.source)])
        if not own.any():
            continue
        without = matrix[:, ~own]
        t_part = _explained(without, matrix, treated[:, None])[0]
        with_t = np.column_stack([without, treated]), np.column_stack([matrix, treated])
        bound_t, bound_y = benchmark_bounds(t_part, _explained(*with_t, seen))
        # the bias of such a confounder, as a share of the estimate
        odds = bound_t / np.maximum(1.0 - bound_t, 1e-12)
        bias = np.sqrt(bound_y * odds) / np.sqrt(r2 / (1.0 - r2))
        stronger = np.isnan(worst_t) | (bound_y * bound_t > worst_y * worst_t)
        worst_t = np.where(stronger, bound_t, worst_t)
        worst_y = np.where(stronger, bound_y, worst_y)
        name[stronger] = covariate
        away |= bias >= q
    at = block.columns
    found = {
        "partial_r2": r2, "robustness_value": value, "robustness_value_alpha": limit,
        "benchmark_r2_treatment": worst_t, "benchmark_r2_outcome": worst_y, "benchmark": name,
    }  # fmt: skip
    for column, values in found.items():
        part.loc[at, column] = values
    part["explained_away"] = part["explained_away"].astype(object)
    part.loc[at, "explained_away"] = away if benchmark else None
    part.loc[at, "words"] = [
        f"a confounder that explains {a:.1%} of what is left of treatment and outcome would explain"
        f" the effect away"
        + (f"; {who!r} explains {rt:.1%} and {ry:.1%}" if who else "")
        + (": one as strong would be enough" if gone else "")
        for a, who, rt, ry, gone in zip(value, name, worst_t, worst_y, away, strict=True)
    ]


def _partial(matrix: Array, values: Array) -> Array:
    orthogonal = np.linalg.qr(matrix)[0]
    centred = values - values.mean(axis=0)
    return np.asarray(centred - orthogonal @ (orthogonal.T @ centred))


def _shared(t_rest: Array, y_rest: Array) -> Array:
    """Return the squared correlation of one residual with many."""
    return np.asarray((t_rest @ y_rest) ** 2 / ((t_rest @ t_rest) * (y_rest**2).sum(axis=0)))


def _explained(without: Array, matrix: Array, values: Array) -> Array:
    """Return the partial R2 of the columns that ``matrix`` has and ``without`` lacks."""
    before = (_partial(without, values) ** 2).sum(axis=0)
    return np.asarray(1.0 - (_partial(matrix, values) ** 2).sum(axis=0) / before)


def benchmark_bounds(r2_treatment: ArrayLike, r2_outcome: ArrayLike) -> tuple[Array, Array]:
    """Bound the partial R2 of an unmeasured confounder that is as strong as a covariate.

    Parameters
    ----------
    r2_treatment : array_like
        Partial R2 of the covariate with treatment, given the other covariates.
    r2_outcome : array_like
        Partial R2 of the covariate with the outcome, given treatment and the other covariates.

    Returns
    -------
    with_treatment, with_outcome : ndarray
        At most 1; given treatment, covariates and (the first) not the confounder itself.

    References
    ----------
    Cinelli, Hazlett (2020), section 4.4. doi:10.1111/rssb.12348

    Examples
    --------
    >>> with_treatment, with_outcome = benchmark_bounds(0.00908, 0.10903)
    >>> round(float(with_treatment), 5), round(float(with_outcome), 4)
    (0.00916, 0.1246)
    """
    t, y = np.asarray(r2_treatment, dtype=np.float64), np.asarray(r2_outcome, dtype=np.float64)
    odds = t / np.maximum(1.0 - t, 1e-12)
    joint = np.minimum(odds**2, 1.0 - 1e-12)
    factor = (1.0 + np.sqrt(joint)) ** 2 / (1.0 - joint)
    outcome = factor * y / np.maximum(1.0 - y, 1e-12)
    return np.minimum(odds, 1.0), np.asarray(np.minimum(outcome, 1.0))
