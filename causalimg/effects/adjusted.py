"""The settings that estimators with an adjustment set share, written once.

Settings are fields of a dataclass: the constructor is keyword-only, lists every name, and a
subclass states only what it adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from causalimg.effects.base import EffectEstimator
from causalimg.effects.diagnostics import OverlapLimits

CAUSAL: tuple[str, ...] = (
    "No unmeasured confounding: given the adjustment set, treatment is independent of what each"
    " case's outcome would be under each level.",
    "Overlap: every case could have had every level.",
    "No interference: a case's outcome does not depend on other cases' treatment.",
    "Outcomes are missing at random given treatment and adjustment set.",
)


@dataclass(kw_only=True, eq=False, repr=False)
class AdjustedEstimator(EffectEstimator):
    """Base of the estimators that adjust for covariates; the settings are described in `AIPW`."""

    _weighted = True
    _adjusted = True
    _assumptions = CAUSAL

    treatment: str
    adjustment: Sequence[str]
    reference: str | None = None
    alpha: float = 0.05
    fdr: str = "bh"
    trim: float = 0.01
    trim_method: str = "clip"
    cluster: str | None = None
    limits: OverlapLimits | None = None
    splines: int | None = None
    propensity_model: Any = None
    n_folds: int = 1
    bootstrap: int | None = None
    random_state: int | None = 0

    def _adjustment(self) -> Sequence[str]:
        return self.adjustment


@dataclass(kw_only=True, eq=False, repr=False)
class PopulationEstimator(AdjustedEstimator):
    """Base of the adjusting estimators that can be asked for the effect in several populations."""

    estimand: str = "ate"
