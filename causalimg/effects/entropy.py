"""Entropy balancing: weights closest to equal that balance the covariates exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.adjusted import CAUSAL, PopulationEstimator
from causalimg.effects.design import Design
from causalimg.effects.plans import Plan, linear_plan
from causalimg.effects.targets import EVERYONE, Target, uniform_target
from causalimg.effects.treatment_model import TreatmentModel, Weighting
from causalimg.errors import NotEstimableError

Array = NDArray[np.float64]

_BALANCED = 1e-7


def entropy_weights(
    covariates: Array, aim: Array, *, max_iterations: int = 200
) -> tuple[Array, float]:
    """Weigh cases so that their weighted means equal given ones.

    Newton's method with step halving on the dual problem, which has one parameter per column.

    Parameters
    ----------
    covariates : ndarray of shape (n_samples, n_columns)
        Without a column of ones.
    aim : ndarray of shape (n_columns,)
    max_iterations : int

    Returns
    -------
    weights : ndarray of shape (n_samples,)
        Positive, adding up to 1.
    imbalance : float
        The largest difference left, in standard deviations of the column. Above about 1e-7 the
        aim cannot be reached: it lies outside what the cases span.

    References
    ----------
    Hainmueller (2012). doi:10.1093/pan/mpr025

    Examples
    --------
    >>> weights, imbalance = entropy_weights(np.array([[0.0], [1.0], [2.0]]), np.array([1.5]))
    >>> round(float(weights @ [0.0, 1.0, 2.0]), 6), imbalance < 1e-7
    (1.5, True)
    """
    spread = covariates.std(axis=0)
    gap = (covariates - aim) / np.where(spread > 0, spread, 1.0)
    beta = np.zeros(gap.shape[1])
    value, weights = _dual(gap, beta)
    for _ in range(max_iterations):
        slope = weights @ gap
        if np.abs(slope).max(initial=0.0) < 1e-12:
            break
        curve = (gap * weights[:, None]).T @ gap - np.outer(slope, slope)
        curve[np.diag_indices_from(curve)] += 1e-12
        step = -np.linalg.solve(curve, slope)
        size = 1.0
        while True:
            moved, tried = _dual(gap, beta + size * step)
            if moved <= value + 1e-4 * size * float(slope @ step) or size < 1e-9:
                break
            size /= 2
        if size < 1e-9:
            break
        beta, value, weights = beta + size * step, moved, tried
    return weights, float(np.abs(weights @ gap).max(initial=0.0))


def _dual(gap: Array, beta: Array) -> tuple[float, Array]:
    score = gap @ beta
    top = score.max()
    weights = np.exp(score - top)
    total = weights.sum()
    return float(np.log(total) + top), weights / total


def balanced_target(design: Design, key: int) -> Target:
    """Weigh every level so that its covariate means are those of the target population.

    Raises
    ------
    NotEstimableError
        If a level cannot be balanced, naming the covariate that is furthest off.
    """
    codes, count = design.codes, len(design.levels)
    target = uniform_target(codes, count, key)
    covariates = design.matrix[:, 1:]
    aim = target.average @ covariates
    direct = target.direct.copy()
    for level in range(count):
        if level == key:
            continue
        rows = codes == level
        direct[rows], imbalance = entropy_weights(covariates[rows], aim)
        if imbalance > _BALANCED:
            left = np.abs(direct[rows] @ covariates[rows] - aim)
            name = design.names[int(left.argmax())]
            who = "all cases" if key == EVERYONE else f"{design.treatment}={design.levels[key]}"
            raise NotEstimableError(
                f"entropy balancing did not converge: no weights give the cases with"
                f" {design.treatment}={design.levels[level]} the covariate means of {who}; the"
                f" furthest off is {name!r}, by {left.max():.2g} standard deviations. The levels"
                " do not overlap there: use a smaller adjustment set, leave cases out, or"
                " estimand='ato' with AIPW."
            )
    return Target(target.average, direct)


class EntropyBalance(PopulationEstimator):
    """Estimate average treatment effects with weights that balance the covariates exactly.

    Every level's cases are weighted so that the means of all covariates (and of their splines)
    equal those of the target population, with weights as equal as that allows. Settings and
    attributes as in `AIPW`, estimands ``ate``, ``att`` and ``atc``; ``ess`` in the effect table is
    that of these weights, the overlap limits are judged by the propensities, and ``trim`` only
    marks cases there.

    Parameters
    ----------
    treatment, adjustment, reference, alpha, fdr, trim, trim_method, cluster, limits, splines
        As in `AIPW`.
    propensity_model, n_folds, bootstrap, random_state, estimand
        As in `AIPW`; ``estimand`` is ``ate``, ``att`` or ``atc``.

    Notes
    -----
    Assumptions: those of `AIPW`, and log odds of treatment or outcomes linear in the balanced
    columns. Since the balance is exact, the estimate is that of the weighted regression of the
    outcome on the covariates too, whose residuals give the standard error.

    References
    ----------
    Hainmueller (2012). doi:10.1093/pan/mpr025
    Zhao, Percival (2017), double robustness. doi:10.1515/jci-2016-0010

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> age = rng.normal(60, 10, 400)
    >>> scanner = np.where(rng.random(400) < 1 / (1 + np.exp((60 - age) / 10)), "B", "A")
    >>> texture = 0.1 * age + 2.0 * (scanner == "B") + rng.normal(size=400)
    >>> table = pd.DataFrame({"age": age, "scanner": scanner, "texture": texture})
    >>> found = EntropyBalance(treatment="scanner", adjustment=["age"]).fit(table, ["texture"])
    >>> bool(found.effects_.frame["max_smd"].iloc[0] < 1e-6)
    True
    """

    _estimator = "entropy_balance"
    _estimands = ("ate", "att", "atc")
    _assumptions = (
        *CAUSAL,
        "The log odds of treatment, or the outcomes, are linear in the balanced covariates.",
    )

    def _weighting(self) -> Weighting:
        return replace(super()._weighting(), weigh=self._weigh)

    def _weigh(self, design: Design, probability: Array, key: int) -> Target:
        return balanced_target(design, key)

    def _plans(self, model: TreatmentModel) -> dict[int, Plan]:
        design = model.design
        return {
            key: linear_plan(
                design.matrix,
                design.codes,
                target,
                len(design.levels),
                calibrated=True,
                cluster=model.cluster,
            )
            for key, target in model.targets.items()
        }
