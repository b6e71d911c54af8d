"""Partially linear model: residuals of outcomes on residuals of the treatment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.adjusted import CAUSAL, AdjustedEstimator
from causalimg.effects.nuisance import Nuisance
from causalimg.effects.plans import Plan
from causalimg.effects.pooled import PooledPlan
from causalimg.effects.treatment_model import TreatmentModel, Weighting

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ResidualPlan(PooledPlan):
    """The plan of `DML`: a regression on the residuals of treatment, and on the covariates.

    Parameters
    ----------
    nuisance : Nuisance or None
        Given, standard errors account for the estimation of the propensities.
    probability : ndarray of shape (n_samples, n_levels)
    """

    nuisance: Nuisance | None = None
    probability: Array = field(default_factory=lambda: np.zeros((0, 0)))

    def of_nuisance(self, level: int, beta: Array, noise: Array) -> Array | float:
        """Return how a level's effect moves with the propensities' coefficients, times those's."""
        if self.nuisance is None or level == 0:
            return 0.0
        n, basis = len(noise), self.nuisance.matrix
        free = self.probability.shape[1] - 1
        gap, own = self.full[:, :free], self.hat[level - 1]
        spread = np.linalg.inv(gap.T @ gap)[level - 1]
        moved = []
        for j in range(free):
            # derivative of every level's propensity by the log odds of level j + 1
            slope = -self.probability[:, 1:] * self.probability[:, [j + 1]]
            slope[:, j] += self.probability[:, j + 1]
            part = -basis.T @ ((slope @ spread)[:, None] * noise)
            part += (basis * own[:, None]).T @ slope @ beta[:free]
            moved.append(part)
        return np.asarray(n * (self.nuisance.score @ np.vstack(moved)))


@dataclass(kw_only=True, eq=False, repr=False)
class DML(AdjustedEstimator):
    """Estimate effects in a partially linear model (double machine learning).

    Outcomes and treatment are both freed of the covariates, and the outcome's residuals regressed
    on the treatment's: the outcome by least squares (with ``splines``, on natural cubic splines),
    the treatment by the propensity model. Slopes are shared between levels, which is precise where
    overlap is weak. Other settings and attributes as in `AIPW` but for ``estimand`` (always the
    overlap population, ``ato``); ``trim`` only marks cases in the overlap report.

    Parameters
    ----------
    treatment, adjustment
        As in `AIPW`.
    precision : sequence of str
        Covariates that the outcomes depend on and the treatment does not, given ``adjustment``
        (parents of the outcome in the graph): they enter the outcome model alone, and narrow the
        intervals without straining overlap.
    reference, alpha, fdr, trim, trim_method, cluster, limits, splines, propensity_model, n_folds
        As in `AIPW`.
    outcome_model, bootstrap, random_state
        As in `AIPW`; the outcome model does not see the treatment.

    Notes
    -----
    Assumptions: those of `AIPW`, and an effect that does not vary with the covariates. Where it
    does, the estimate is a mean of the effects weighted by the variance of treatment given the
    covariates, which is the overlap population's for two levels.

    Standard errors are leverage-corrected (HC2, CR2) and, with the built-in propensities, know that
    these are estimated. The nuisance models are parametric unless
    ``propensity_model`` says otherwise, and are then cross-fitted with ``n_folds``.

    References
    ----------
    Robinson (1988). doi:10.2307/1912705
    Chernozhukov et al. (2018). doi:10.1111/ectj.12097

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> age = rng.normal(60, 10, 400)
    >>> scanner = np.where(rng.random(400) < 1 / (1 + np.exp((60 - age) / 10)), "B", "A")
    >>> texture = 0.1 * age + 2.0 * (scanner == "B") + rng.normal(size=400)
    >>> table = pd.DataFrame({"age": age, "scanner": scanner, "texture": texture})
    >>> row = DML(treatment="scanner", adjustment=["age"]).fit(table, ["texture"]).effects_.frame
    >>> bool(row["ci_low"].iloc[0] < 2.0 < row["ci_high"].iloc[0])
    True
    """

    _estimator = "dml"
    _assumptions = (
        *CAUSAL,
        "The effect does not vary with the covariates, or its mean weighted by the variance of"
        " treatment is what is asked for.",
    )

    precision: Sequence[str] = ()
    outcome_model: Any = None

    def _estimand(self) -> str:
        return "ato"

    def _weighting(self) -> Weighting:
        return replace(super()._weighting(), slopes=True)

    def _precision(self) -> Sequence[str]:
        return self.precision

    def _plans(self, model: TreatmentModel) -> dict[int, Plan]:
        design = model.design
        count = len(design.levels)
        residual = (design.codes[:, None] == np.arange(1, count)) - model.probability[:, 1:]
        learner = self._learner(model)
        full = residual
        if learner is None:
            orthogonal = np.linalg.qr(design.outcome_matrix)[0]
            full = np.hstack([residual - orthogonal @ (orthogonal.T @ residual), orthogonal])
        hat = np.linalg.solve(full.T @ full, full.T)
        # a case's outcome under a level, up to what all levels share
        under = tuple(np.eye(count, full.shape[1], -1)[[k] * len(full)] for k in range(count))
        return {
            key: ResidualPlan(
                design.codes,
                target,
                full,
                under,
                hat,
                model.cluster,
                learner,
                model.nuisance,
                model.probability,
            )
            for key, target in model.targets.items()
        }
