"""G-computation: outcome models averaged over a population."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from causalimg.effects.adjusted import CAUSAL
from causalimg.effects.estimators import AIPW
from causalimg.effects.plans import Plan
from causalimg.effects.pooled import pooled_plan
from causalimg.effects.treatment_model import TreatmentModel
from causalimg.errors import InvalidInputError, UnknownNameError, nearest


@dataclass(kw_only=True, eq=False, repr=False)
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
    scope, splines, precision, propensity_model, n_folds, bootstrap, random_state
        As in `AIPW`.
    outcome_model : regressor, optional
        As in `AIPW`; needs ``bootstrap``, since without weighted residuals nothing says how far off
        a regularised model is.

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

    interactions: Sequence[str] | None = None

    def _check_settings(self) -> None:
        super()._check_settings()
        if self.outcome_model is not None and self.interactions is not None:
            raise InvalidInputError(
                "interactions belong to the built-in outcome model: give either them or"
                " outcome_model"
            )
        if self.scope == "sample" and self.interactions is not None:
            raise InvalidInputError(
                "scope='sample' needs a model per level: leave interactions out"
            )
        if self.outcome_model is not None and self.bootstrap is None:
            raise InvalidInputError(
                "g-computation with an outcome_model has no standard error but by resampling: set"
                " bootstrap=200, or use AIPW, whose weighted residuals give one"
            )
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
            key: pooled_plan(model.design, target, varying, model.cluster)
            for key, target in model.targets.items()
        }
