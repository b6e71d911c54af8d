"""Matching with replacement: what a case would have had is read off its nearest counterparts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.adjusted import CAUSAL, PopulationEstimator
from causalimg.effects.design import Design
from causalimg.effects.influence import LevelMeans
from causalimg.effects.multiplicity import check_choice
from causalimg.effects.neighbours import Neighbours, match_levels, matching_points, twin_of_each
from causalimg.effects.plans import LinearPlan, Plan, linear_plan
from causalimg.effects.targets import EVERYONE, Target, normalised
from causalimg.effects.treatment_model import TreatmentModel, Weighting
from causalimg.errors import InvalidInputError, NotEstimableError

Array = NDArray[np.float64]

METRICS = ("mahalanobis", "propensity")

_LEAST_LEFT = 0.5


@dataclass(frozen=True)
class MatchedPlan:
    """The plan of `Matching` for one target population.

    Parameters
    ----------
    linear : LinearPlan
        Weights that matching puts on cases, and outcome models.
    neighbours : Neighbours
    twin : ndarray of int, shape (n_samples,)
        The nearest case of the same level.
    biased : bool
        True if the difference between a case and its match is not adjusted for.
    """

    linear: LinearPlan
    neighbours: Neighbours
    twin: NDArray[np.intp]
    biased: bool

    def weights(self, level: int) -> Array | None:
        """Return the weights of one level's cases, shape (n_samples,)."""
        return self.linear.weights(level)

    def alone(self) -> tuple[tuple[int, int], ...]:
        """Return (level, case) of cases with leverage 1."""
        return () if self.biased else self.linear.alone()

    def solve(self, outcomes: Array) -> LevelMeans:
        """Estimate the mean of every outcome under every level."""
        plan, target = self.linear, self.linear.target
        found = plan.solve(outcomes)
        n = len(outcomes)
        if self.biased:
            # the mean is that of the weights alone; the influence keeps the models
            means = np.stack([target.direct[a.rows] @ outcomes[a.rows] for a in plan.arms])
            found = replace(found, means=means)
        noise = self._noise(outcomes)

        def variance(level: int, base: int) -> Array:
            gap = np.zeros_like(outcomes)
            added = np.zeros(outcomes.shape[1])
            for k, sign in ((level, 1.0), (base, -1.0)):
                matched, arm = self.neighbours.levels[k], plan.arms[k]
                under = matched @ outcomes
                if not self.biased:
                    shape = arm.hat @ outcomes[arm.rows]
                    under += (arm.matrix - matched @ arm.matrix) @ shape
                gap += sign * under
                own = np.zeros(n)
                own[arm.rows] = (target.direct[arm.rows] if self.biased else arm.weights) ** 2
                own -= matched.power(2).T @ target.average**2
                own[plan.codes != k] = 0.0
                added += own @ noise
            gap -= target.average @ gap
            return np.asarray((target.average**2) @ gap**2 + np.maximum(added, 0.0))

        return replace(found, variance=variance)

    def _noise(self, outcomes: Array) -> Array:
        """Estimate every case's outcome variance from the nearest case of its level.

        With outcome models, from the difference of their residuals: twins differ in their
        covariates too, and what a model knows of that is not noise. In units of the variance, the
        difference of two residuals is 2 less the square of the models' uncertainty about it.
        """
        if self.biased:
            return np.asarray((outcomes - outcomes[self.twin]) ** 2 / 2)
        noise = np.empty_like(outcomes)
        for arm in self.linear.arms:
            rows, twin = arm.rows, self.twin[arm.rows]
            apart = arm.matrix[rows] - arm.matrix[twin]
            # hat @ hat.T is the inverse of the cross-product of the level's covariates
            known = np.einsum("ij,ij->i", apart @ (arm.hat @ arm.hat.T), apart)
            gap = outcomes[rows] - outcomes[twin] - apart @ (arm.hat @ outcomes[rows])
            noise[rows] = gap**2 / np.maximum(2.0 - known, _LEAST_LEFT)[:, None]
        return noise


@dataclass(kw_only=True, eq=False, repr=False)
class Matching(PopulationEstimator):
    """Estimate average treatment effects by nearest-neighbour matching with replacement.

    What a case would have had under another level is the mean of the cases nearest to it that have
    that level. Ties are all used. Other settings and attributes as in `AIPW`.

    Parameters
    ----------
    treatment, adjustment, reference, alpha, fdr, trim, trim_method, cluster, limits
        As in `AIPW`; ``trim`` only marks cases in the overlap report.
    estimand : {"ate", "att", "atc"}
    n_matches : int, default=1
    metric : {"mahalanobis", "propensity"}
        Distance in the covariates, or in the log odds of the propensities.
    caliper : float, optional
        The largest distance allowed, in standard deviations of the log odds (``propensity``) or
        Mahalanobis units; a case without a match leaves the target population, and a note says how
        many did.
    bias_adjust : bool, default=True
        Correct for the covariate differences between a case and its matches by the level's linear
        outcome model.
    splines, propensity_model, n_folds, bootstrap, random_state
        As in `AIPW`. The bootstrap is not valid for matching and is refused.

    Notes
    -----
    Assumptions: those of `AIPW`. Without ``bias_adjust``, matching on more than one continuous
    covariate has a bias that does not vanish as fast as the standard error.

    Standard errors follow Abadie and Imbens, with each case's noise from the nearest case of its
    level; with ``bias_adjust``, less what the outcome model knows of the two. With ``cluster``,
    and for simultaneous bands, the influence functions of the matching weights are used.

    References
    ----------
    Abadie, Imbens (2006). doi:10.1111/j.1468-0262.2006.00655.x
    Abadie, Imbens (2011), bias adjustment. doi:10.1198/jbes.2009.07333
    Otsu, Rai (2017), influence functions. doi:10.1080/01621459.2016.1231613

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> age = rng.normal(60, 10, 400)
    >>> scanner = np.where(rng.random(400) < 1 / (1 + np.exp((60 - age) / 10)), "B", "A")
    >>> texture = 0.1 * age + 2.0 * (scanner == "B") + rng.normal(size=400)
    >>> table = pd.DataFrame({"age": age, "scanner": scanner, "texture": texture})
    >>> row = Matching(treatment="scanner", adjustment=["age"]).fit(table, ["texture"]).effects_
    >>> bool(row.frame["ci_low"].iloc[0] < 2.0 < row.frame["ci_high"].iloc[0])
    True
    """

    _estimator = "matching"
    _estimands = ("ate", "att", "atc")
    _assumptions = CAUSAL

    n_matches: int = 1
    metric: str = "mahalanobis"
    caliper: float | None = None
    bias_adjust: bool = True

    def _check_settings(self) -> None:
        super()._check_settings()
        check_choice(self.metric, METRICS, "metric")
        if self.n_matches < 1:
            raise InvalidInputError(f"n_matches must be at least 1, got {self.n_matches!r}")
        if self.caliper is not None and not self.caliper > 0:
            raise InvalidInputError(f"caliper must be above 0, got {self.caliper!r}")
        if self.bootstrap is not None:
            raise InvalidInputError(
                "bootstrap is not valid for matching (Abadie, Imbens 2008,"
                " doi:10.3982/ECTA6474); leave it out: the Abadie-Imbens error is the default"
            )

    def _weighting(self) -> Weighting:
        return replace(super()._weighting(), weigh=self._weigh)

    def _neighbours(self, design: Design, probability: Array) -> tuple[Neighbours, Array]:
        points = matching_points(design, probability, self.metric)
        found = match_levels(points, design.codes, len(design.levels), self.n_matches, self.caliper)
        return found, points

    def _weigh(self, design: Design, probability: Array, key: int) -> Target:
        found, _ = self._neighbours(design, probability)
        average = found.matched if key == EVERYONE else found.matched & (design.codes == key)
        if not average.any():
            raise NotEstimableError(
                f"no case has a match within the caliper of {self.caliper:g}: use a wider one"
            )
        share = average / average.sum()
        direct = np.zeros(len(share))
        for level, matched in enumerate(found.levels):
            inside = design.codes == level
            direct[inside] = (matched.T @ share)[inside]
        return Target(share, normalised(direct, design.codes, len(found.levels)))

    def _plans(self, model: TreatmentModel) -> dict[int, Plan]:
        design = model.design
        found, points = self._neighbours(design, model.probability)
        twin = twin_of_each(points, design.codes, len(design.levels))
        plans: dict[int, Plan] = {}
        for key, target in model.targets.items():
            linear = linear_plan(
                design.matrix, design.codes, target, len(design.levels), cluster=model.cluster
            )
            plans[key] = MatchedPlan(linear, found, twin, not self.bias_adjust)
        return plans

    def _more_notes(self) -> tuple[str, ...]:
        if self.caliper is None:
            return ()
        found, _ = self._neighbours(self._whole.design, self._whole.probability)
        lost = int((~found.matched).sum())
        if not lost:
            return ()
        return (
            f"{lost} of {len(found.matched)} cases have no match within the caliper of"
            f" {self.caliper:g}; the effects are those of the cases that have one",
        )
