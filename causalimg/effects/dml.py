"""Partially linear model: residuals of outcomes on residuals of the treatment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.diagnostics import OverlapLimits
from causalimg.effects.estimators import AIPW, CAUSAL
from causalimg.effects.influence import LevelMeans
from causalimg.effects.plans import Plan
from causalimg.effects.treatment_model import TreatmentModel

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ResidualPlan:
    """The plan of `DML`.

    Parameters
    ----------
    codes : ndarray of int, shape (n_samples,)
    orthogonal : ndarray of shape (n_samples, n_parameters)
        Orthonormal basis of the covariates.
    treatment : ndarray of shape (n_samples, n_levels - 1)
        Residuals of the level indicators, freed of the covariates.
    spread : ndarray of shape (n_levels - 1, n_levels - 1)
        Inverse of the residuals' cross-product.
    """

    codes: NDArray[np.intp]
    orthogonal: Array
    treatment: Array
    spread: Array

    def weights(self, level: int) -> Array:
        """Return the weights of the level's effect against the first level."""
        if level == 0:
            return np.zeros(len(self.codes))
        return np.asarray(self.treatment @ self.spread[:, level - 1])

    def alone(self) -> tuple[tuple[int, int], ...]:
        """Return nothing: slopes are shared between levels."""
        return ()

    def solve(self, outcomes: Array) -> LevelMeans:
        """Estimate effects against the first level, as means of which the first is 0."""
        n, q = outcomes.shape
        free = self.treatment.shape[1]
        centred = outcomes - outcomes.mean(axis=0)
        effects = self.spread @ (self.treatment.T @ centred)
        noise = centred - self.orthogonal @ (self.orthogonal.T @ centred)
        noise -= self.treatment @ effects
        leverage = (self.orthogonal**2).sum(axis=1)
        leverage += np.einsum("ij,jk,ik->i", self.treatment, self.spread, self.treatment)
        noise /= np.sqrt(np.maximum(1.0 - leverage, 1e-8))[:, None]
        influence = np.zeros((free + 1, n, q))
        own = n * (self.treatment @ self.spread)
        for k in range(free):
            np.multiply(own[:, [k]], noise, out=influence[k + 1])
        means = np.vstack([np.zeros(q), effects])
        left = float(n - self.orthogonal.shape[1] - free)
        zero = np.zeros((free + 1, q))
        return LevelMeans(means, influence, zero, np.ones(free + 1), self.codes, max(left, 1.0))


class DML(AIPW):
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
    bootstrap, random_state
        As in `AIPW`.

    Notes
    -----
    Assumptions: those of `AIPW`, and an effect that does not vary with the covariates. Where it
    does, the estimate is a mean of the effects weighted by the variance of treatment given the
    covariates, which is the overlap population's for two levels.

    Standard errors are leverage-corrected (HC2). The nuisance models are parametric unless
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

    def __init__(
        self,
        *,
        treatment: str,
        adjustment: Sequence[str],
        precision: Sequence[str] = (),
        reference: str | None = None,
        alpha: float = 0.05,
        fdr: str = "bh",
        trim: float = 0.01,
        trim_method: str = "clip",
        cluster: str | None = None,
        limits: OverlapLimits | None = None,
        splines: int | None = None,
        propensity_model: Any = None,
        n_folds: int = 1,
        bootstrap: int | None = None,
        random_state: int | None = 0,
    ) -> None:
        super().__init__(
            treatment=treatment,
            adjustment=adjustment,
            reference=reference,
            estimand="ato",
            alpha=alpha,
            fdr=fdr,
            trim=trim,
            trim_method=trim_method,
            cluster=cluster,
            limits=limits,
            splines=splines,
            propensity_model=propensity_model,
            n_folds=n_folds,
            bootstrap=bootstrap,
            random_state=random_state,
        )

        self.precision = precision

    def _precision(self) -> Sequence[str]:
        return self.precision

    def _plans(self, model: TreatmentModel) -> dict[int, Plan]:
        design = model.design
        levels = np.arange(1, len(design.levels))
        residual = (design.codes[:, None] == levels) - model.probability[:, 1:]
        orthogonal = np.linalg.qr(design.outcome_matrix)[0]
        residual -= orthogonal @ (orthogonal.T @ residual)
        spread = np.linalg.inv(residual.T @ residual)
        return {
            key: ResidualPlan(design.codes, orthogonal, residual, spread) for key in model.targets
        }
