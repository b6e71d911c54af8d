"""The treatment model of one set of cases: propensities, target populations, overlap, balance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.balance import smd
from causalimg.effects.design import Design, check_rank
from causalimg.effects.diagnostics import (
    VERDICTS,
    LevelOverlap,
    OverlapLimits,
    OverlapReport,
    effective_size,
    judge_levels,
    propensity_histogram,
)
from causalimg.effects.nuisance import Nuisance, logistic_nuisance
from causalimg.effects.propensity import check_separation
from causalimg.effects.propensity_model import PropensitySource
from causalimg.effects.targets import (
    EVERYONE,
    Target,
    propensity_target,
    target_key,
    target_keys,
    uniform_target,
)
from causalimg.errors import InvalidInputError, NotEstimableError

Array = NDArray[np.float64]

_LOWEST = 0.01

Weigh = Callable[[Design, Array, int], Target]
"""Weights that do not come from propensities: design, propensities, key -> target."""


@dataclass(frozen=True)
class Weighting:
    """How propensities are estimated and used.

    Parameters
    ----------
    adjusted : bool
        False: there are no covariates and nothing is judged.
    weighted : bool
        True if outcomes are weighted.
    trim : float
        Propensities are raised to this bound before they are inverted.
    limits : OverlapLimits
    estimand : {"ate", "att", "atc", "ato"}
    drop : bool
        Leave cases with propensities below ``trim`` out instead.
    source : PropensitySource
    weigh : callable, optional
        Weights from elsewhere (entropy balancing, matching).
    slopes : bool
        Standard errors account for the estimation of the propensities, where they can.
    """

    adjusted: bool
    weighted: bool
    trim: float
    limits: OverlapLimits
    estimand: str = "ate"
    drop: bool = False
    source: PropensitySource = field(default_factory=PropensitySource)
    weigh: Weigh | None = None
    slopes: bool = False

    @property
    def mark(self) -> float:
        """The probability below which a case counts as having no counterpart."""
        return max(self.trim, _LOWEST)

    def keep(self, probability: Array) -> NDArray[np.bool_]:
        """Mark the cases that trimming leaves."""
        if not self.drop:
            return np.ones(len(probability), dtype=bool)
        judged = probability
        if probability.shape[1] == 2 and self.estimand in ("att", "atc"):
            # only the other level has to be possible
            judged = probability[:, [0 if self.estimand == "att" else 1]]
        return np.asarray((judged >= self.trim).all(axis=1))


@dataclass(frozen=True)
class TreatmentModel:
    """Propensities of one set of cases, target populations, and what they say about overlap.

    Parameters
    ----------
    design : Design
    probability : ndarray of shape (n_samples, n_levels)
        Before clipping.
    weighting : Weighting
    targets : dict of int to Target
        By `target_key`.
    overlap : dict of int to tuple of LevelOverlap
        Empty without covariates.
    smds : ndarray of shape (n_levels, n_levels) or None
        Largest absolute standardised mean difference of each pair, after weighting.
    nuisance : Nuisance or None
    cluster : ndarray of int, shape (n_samples,), or None
    """

    design: Design
    probability: Array
    weighting: Weighting
    targets: dict[int, Target]
    overlap: dict[int, tuple[LevelOverlap, ...]] = field(default_factory=dict)
    smds: Array | None = None
    nuisance: Nuisance | None = None
    cluster: NDArray[np.intp] | None = None

    def key(self, level: int, base: int) -> int:
        """Return the key of the population that two levels are compared for.

        Raises
        ------
        InvalidInputError
            For a contrast the wrong way round, whose population was not weighted for.
        """
        key = target_key(self.weighting.estimand, level, base)
        if key not in self.targets:
            names = self.design.levels
            raise InvalidInputError(
                f"{self.weighting.estimand!r} is not estimated for {names[level]!r} against"
                f" {names[base]!r}, only for a level against one before it"
                f" ({', '.join(names)}); choose another reference"
            )
        return key

    def weights(self, level: int, base: int) -> Array | None:
        """Return the weights of the comparison of two levels, None without weights."""
        if not (self.weighting.adjusted and self.weighting.weighted):
            return None
        return self.targets[self.key(level, base)].direct

    def effective(self, level: int, base: int) -> float:
        """Return the smaller effective sample size of two levels."""
        codes = self.design.codes
        if self.weighting.weigh is not None:
            direct = self.targets[self.key(level, base)].direct
            return min(effective_size(direct[codes == k]) for k in (level, base))
        if self.overlap:
            judged = self.overlap[self.key(level, base)]
            return min(judged[level].ess, judged[base].ess)
        return float(self.design.counts[[level, base]].min())

    def refusal(self, level: int, base: int) -> str:
        """Return why two levels cannot be compared; empty if they can."""
        said = self._said(level, base, VERDICTS[2])
        return f"poor overlap: {said}" if said else ""

    def caution(self, level: int, base: int) -> str:
        """Return what a reader of the comparison of two levels must know; empty if nothing."""
        said = self._said(level, base, VERDICTS[1])
        return f"limited overlap: {said}" if said else ""

    def _said(self, level: int, base: int, verdict: str) -> str:
        if not self.overlap:
            return ""
        judged = self.overlap[self.key(level, base)]
        return "; ".join(
            f"{self.design.treatment}={item.level}: {item.reason}"
            for item in (judged[level], judged[base])
            if item.verdict == verdict
        )

    def report(self) -> OverlapReport | None:
        """Return the overlap report, None without covariates."""
        if self.smds is None:
            return None
        count = len(self.design.levels)
        judged = [
            max(
                (
                    self.overlap[self.key(level, 0)][k]
                    for level in range(1, count)
                    if k in (0, level)
                ),
                key=lambda item: VERDICTS.index(item.verdict),
            )
            for k in range(count)
        ]
        return OverlapReport(
            treatment=self.design.treatment,
            levels=tuple(judged),
            histogram=propensity_histogram(self.probability, self.design.codes, self.design.levels),
            max_smd=float(self.smds.max()),
            trim=self.weighting.mark,
            weighted=self.weighting.weighted,
        )


def fit_treatment_model(
    frame: pd.DataFrame,
    design: Design,
    values: Array,
    weighting: Weighting,
    cluster: NDArray[np.intp] | None = None,
) -> TreatmentModel:
    """Fit propensities, weigh, and judge overlap and balance.

    Parameters
    ----------
    frame : pandas.DataFrame
        The covariates, for messages; the rows of ``design``.
    design : Design
    values : ndarray of shape (n_samples, n_columns)
        Covariate columns whose balance is judged.
    weighting : Weighting
    cluster : ndarray of int, shape (n_samples,), optional

    Returns
    -------
    TreatmentModel

    Raises
    ------
    NotEstimableError
        If covariates determine the treatment, or do not vary within a level.
    """
    codes, count = design.codes, len(design.levels)
    try:
        model = weigh_cases(design, weighting, cluster)
    except NotEstimableError:
        # one covariate alone says it more clearly than all together
        check_separation(frame, design)
        raise
    if not weighting.adjusted:
        return model
    probability = model.probability
    overlap = {
        key: judge_levels(
            probability,
            codes,
            design.levels,
            treatment=design.treatment,
            trim=weighting.mark,
            limits=weighting.limits,
            estimand=weighting.estimand,
            key=key,
        )
        for key in model.targets
    }
    smds = np.zeros((count, count))
    model = replace(model, overlap=overlap, smds=smds)
    for a in range(count):
        for b in range(a):
            if values.shape[1]:
                gaps = np.abs(smd(values, codes, model.weights(a, b), a, b))
                smds[a, b] = smds[b, a] = gaps.max()
    return model


def weigh_cases(
    design: Design, weighting: Weighting, cluster: NDArray[np.intp] | None = None
) -> TreatmentModel:
    """Fit propensities and weigh, without judging.

    Raises
    ------
    NotEstimableError
        If covariates determine the treatment, or do not vary within a level.
    """
    codes, count = design.codes, len(design.levels)
    if not weighting.adjusted:
        shares = np.tile(design.counts / len(codes), (len(codes), 1))
        targets = {EVERYONE: uniform_target(codes, count)}
        return TreatmentModel(design, shares, weighting, targets, cluster=cluster)
    probability, known = weighting.source.probability(design, cluster)
    check_rank(design)
    nuisance = None
    if weighting.slopes and known is not None:
        nuisance = logistic_nuisance(design.matrix, codes, probability, known)
    targets = {
        key: weighting.weigh(design, probability, key)
        if weighting.weigh is not None
        else propensity_target(
            probability,
            codes,
            weighting.estimand,
            key,
            floor=0.0 if weighting.drop else weighting.trim,
            slopes=nuisance is not None,
        )
        for key in target_keys(weighting.estimand, count)
    }
    return TreatmentModel(
        design, probability, weighting, targets, nuisance=nuisance, cluster=cluster
    )
