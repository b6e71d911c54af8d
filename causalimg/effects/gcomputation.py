"""G-computation: outcome models averaged over a population."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from causalimg.effects.diagnostics import OverlapLimits
from causalimg.effects.estimators import AIPW, CAUSAL
from causalimg.effects.plans import Plan
from causalimg.effects.pooled import pooled_plan
from causalimg.effects.treatment_model import TreatmentModel
from causalimg.errors import UnknownNameError, nearest


class GComputation(AIPW):
    """Estimate average treatment effects by averaging outcome models over a population.

    One least squares model per treatment level, or with ``interactions`` one for all; with linear
    outcomes it is more precise than `AIPW` where overlap is weak, and it is wrong where the
    outcomes are not linear. Other settings, attributes, overlap limits and standard errors as in
    `AIPW`; ``trim`` only marks cases in the overlap report.

    Parameters
    ----------
    treatment, adjustment, reference, estimand, alpha, fdr, trim, trim_method, cluster, limits
        As in `AIPW`.
    interactions : sequence of str, optional
        Covariates whose slopes differ between levels. All by default (a model per level); with
        ``()`` slopes are the same in all levels: the treatment's coefficient in a regression.
    splines, propensity_model, n_folds, bootstrap, random_state
        As in `AIPW`.

    Notes
    -----
    Assumptions: those of `AIPW`, and outcomes linear in the covariates within each level.

    References
    ----------
    Robins (1986). doi:10.1016/0270-0255(86)90088-6
    Lin (2013), on interactions. doi:10.1214/12-AOAS583

    Examples
    --------
    >>> GComputation(treatment="scanner", adjustment=["age"]).trim
    0.01
    """

    _estimator = "g_computation"
    _weighted = False
    _assumptions = (*CAUSAL, "Outcomes are linear in the covariates within each level.")

    def __init__(
        self,
        *,
        treatment: str,
        adjustment: Sequence[str],
        reference: str | None = None,
        estimand: str = "ate",
        interactions: Sequence[str] | None = None,
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
            estimand=estimand,
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
        self.interactions = interactions

    def _check_settings(self) -> None:
        super()._check_settings()
        known = [str(name) for name in self.adjustment]
        for name in self.interactions or ():
            if name not in known:
                raise UnknownNameError(
                    f"interactions: {name!r} is not in the adjustment set"
                    f"{nearest(str(name), known)} (covariates: {', '.join(known)})"
                )

    def _plans(self, model: TreatmentModel) -> dict[int, Plan]:
        if self.interactions is None:
            return super()._plans(model)
        chosen = {str(name) for name in self.interactions}
        varying = np.array([name in chosen for name in model.design.source], dtype=bool)
        return {
            key: pooled_plan(model.design, target, varying) for key, target in model.targets.items()
        }
