"""Targeted maximum likelihood: outcome models, updated until the weighted residuals vanish."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.adjusted import CAUSAL
from causalimg.effects.estimators import AIPW
from causalimg.effects.influence import LevelMeans
from causalimg.effects.plans import LinearPlan, Plan
from causalimg.effects.treatment_model import TreatmentModel

Array = NDArray[np.float64]

_EDGE = 0.005


@dataclass(frozen=True)
class TargetedPlan:
    """The plan of `TMLE` for one target population.

    Parameters
    ----------
    linear : LinearPlan
        Initial outcome models, weights and leverages.
    """

    linear: LinearPlan

    def weights(self, level: int) -> None:
        """Return None: the estimate is not a weighted sum of outcomes."""
        return None

    def alone(self) -> tuple[tuple[int, int], ...]:
        """Return (level, case) of cases with leverage 1."""
        return self.linear.alone()

    def solve(self, outcomes: Array) -> LevelMeans:
        """Estimate the mean of every outcome under every level, with influence functions."""
        from scipy.special import expit, logit

        n, q = outcomes.shape
        low = outcomes.min(axis=0)
        width = outcomes.max(axis=0) - low
        width = np.where(width > 0, width, 1.0)
        unit = (outcomes - low) / width
        plan, target = self.linear, self.linear.target
        count = len(plan.arms)
        means = np.empty((count, q))
        influence = np.empty((count, n, q))
        variance, spread = np.empty((count, q)), np.empty((count, q))
        for level, arm in enumerate(plan.arms):
            seen = unit[arm.rows]
            start = plan.predict(level, unit, influence[level])
            start = logit(np.clip(start, _EDGE, 1 - _EDGE))
            shift = _fluctuation(start[arm.rows], seen, target.direct[arm.rows])
            fitted = expit(start + shift)
            means[level] = target.average @ fitted
            residual = seen - fitted[arm.rows]
            influence[level] = (n * target.average)[:, None] * (fitted - means[level])
            moved: Array | float = 0.0
            if plan.nuisance is not None:
                moved = plan.of_propensities(level, residual, influence[level])
            if plan.sample:
                influence[level] = 0.0
            influence[level] += moved
            spread[level] = np.sqrt(target.direct[arm.rows] @ residual**2)
            corrected, variance[level] = plan.of_residuals(level, residual)
            influence[level][arm.rows] += n * corrected
        influence *= width
        variance *= width**2
        df = np.array([arm.df for arm in plan.arms])
        means = low + width * means
        excess = plan.excess(width * spread) if plan.sample else None
        return LevelMeans(means, influence, variance, df, plan.codes, plan.spread_df, excess=excess)


def _fluctuation(start: Array, seen: Array, weights: Array) -> Array:
    """Solve sum_i w_i (y_i - expit(start_i + shift)) = 0 for every outcome, by Newton's method."""
    from scipy.special import expit

    shift = np.zeros(seen.shape[1])
    aim = weights @ seen
    for _ in range(50):
        fitted = expit(start + shift)
        gap = aim - weights @ fitted
        step = gap / np.maximum(weights @ (fitted * (1 - fitted)), 1e-12)
        shift = shift + np.clip(step, -2.0, 2.0)
        if np.abs(gap).max(initial=0.0) < 1e-10:
            break
    return shift


class TMLE(AIPW):
    """Estimate average treatment effects by targeted maximum likelihood.

    The outcome model of each level is linear, on the outcome's observed range; a logistic update,
    weighted by inverse propensities, removes what the weights see of its error. Estimates of means
    stay inside the observed range. Settings and attributes as in `AIPW`.

    Parameters
    ----------
    treatment, adjustment, reference, alpha, fdr, trim, trim_method, cluster, limits, splines
        As in `AIPW`.
    propensity_model, n_folds, bootstrap, random_state, estimand, scope, precision, outcome_model
        As in `AIPW`.

    Notes
    -----
    Assumptions: those of `AIPW`; like it, right if either the propensity or the outcome model is.

    Standard errors come from the efficient influence function, with leverage-corrected residuals
    of the updated model.

    References
    ----------
    van der Laan, Rubin (2006). doi:10.2202/1557-4679.1043
    Gruber, van der Laan (2010), continuous outcomes. doi:10.2202/1557-4679.1260

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> age = rng.normal(60, 10, 400)
    >>> scanner = np.where(rng.random(400) < 1 / (1 + np.exp((60 - age) / 10)), "B", "A")
    >>> texture = 0.1 * age + 2.0 * (scanner == "B") + rng.normal(size=400)
    >>> table = pd.DataFrame({"age": age, "scanner": scanner, "texture": texture})
    >>> row = TMLE(treatment="scanner", adjustment=["age"]).fit(table, ["texture"]).effects_.frame
    >>> bool(row["ci_low"].iloc[0] < 2.0 < row["ci_high"].iloc[0])
    True
    """

    _estimator = "tmle"
    _assumptions = CAUSAL

    def _plans(self, model: TreatmentModel) -> dict[int, Plan]:
        return {key: TargetedPlan(plan) for key, plan in self._linear_plans(model).items()}
