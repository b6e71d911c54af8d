"""The treatment model of one set of cases: propensities, overlap, balance."""

from __future__ import annotations

from dataclasses import dataclass

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
    judge_levels,
    propensity_histogram,
)
from causalimg.effects.propensity import check_separation, fit_propensity
from causalimg.errors import NotEstimableError

_LOWEST = 0.01


@dataclass(frozen=True)
class Weighting:
    """How propensities are used.

    Parameters
    ----------
    adjusted : bool
        False: there are no covariates and nothing is judged.
    weighted : bool
        True if outcomes are weighted by inverse propensities.
    trim : float
        Propensities are raised to this bound before they are inverted.
    limits : OverlapLimits
    """

    adjusted: bool
    weighted: bool
    trim: float
    limits: OverlapLimits

    @property
    def mark(self) -> float:
        """The probability below which a case counts as having no counterpart."""
        return max(self.trim, _LOWEST)

    def clip(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Raise probabilities to the bound."""
        return np.maximum(probability, max(self.trim, 1e-12))


@dataclass(frozen=True)
class TreatmentModel:
    """Propensities of one set of cases and what they say about overlap.

    Parameters
    ----------
    design : Design
    probability : ndarray of shape (n_samples, n_levels)
        Before clipping.
    weights : ndarray of shape (n_samples,) or None
        Inverse probability of the level that each case has, after clipping.
    overlap : tuple of LevelOverlap
        Empty without covariates.
    smds : ndarray of shape (n_levels, n_levels) or None
        Largest absolute standardised mean difference of each pair, after weighting.
    """

    design: Design
    probability: NDArray[np.float64]
    weights: NDArray[np.float64] | None = None
    overlap: tuple[LevelOverlap, ...] = ()
    smds: NDArray[np.float64] | None = None

    def effective(self, level: int, base: int) -> float:
        """Return the smaller effective sample size of two levels."""
        if self.overlap:
            return min(self.overlap[level].ess, self.overlap[base].ess)
        return float(self.design.counts[[level, base]].min())

    def refusal(self, level: int, base: int) -> str:
        """Return why two levels cannot be compared; empty if they can."""
        poor = (
            [
                item
                for item in (self.overlap[level], self.overlap[base])
                if item.verdict == VERDICTS[2]
            ]
            if self.overlap
            else []
        )
        said = "; ".join(f"{self.design.treatment}={item.level}: {item.reason}" for item in poor)
        return f"poor overlap: {said}" if said else ""

    def report(self, weighting: Weighting) -> OverlapReport | None:
        """Return the overlap report, None without covariates."""
        if self.smds is None:
            return None
        return OverlapReport(
            treatment=self.design.treatment,
            levels=self.overlap,
            histogram=propensity_histogram(self.probability, self.design.codes, self.design.levels),
            max_smd=float(self.smds.max()),
            trim=weighting.mark,
            weighted=weighting.weighted,
        )


def fit_treatment_model(
    frame: pd.DataFrame,
    design: Design,
    values: NDArray[np.float64],
    weighting: Weighting,
) -> TreatmentModel:
    """Fit propensities and judge overlap and balance.

    Parameters
    ----------
    frame : pandas.DataFrame
        The covariates, for messages; the rows of ``design``.
    design : Design
    values : ndarray of shape (n_samples, n_columns)
        Covariate columns whose balance is judged.
    weighting : Weighting

    Returns
    -------
    TreatmentModel

    Raises
    ------
    NotEstimableError
        If covariates determine the treatment, or do not vary within a level.
    """
    if not weighting.adjusted:
        shares = design.counts / len(design.codes)
        return TreatmentModel(design, np.tile(shares, (len(design.codes), 1)))
    try:
        probability = fit_propensity(design).probability
    except NotEstimableError:
        # one covariate alone says it more clearly than all together
        check_separation(frame, design)
        raise
    check_rank(design)
    weights = None
    if weighting.weighted:
        own = probability[np.arange(len(design.codes)), design.codes]
        weights = 1.0 / weighting.clip(own)
    count = len(design.levels)
    smds = np.zeros((count, count))
    if values.shape[1]:
        for a in range(count):
            for b in range(a):
                gaps = np.abs(smd(values, design.codes, weights, a, b))
                smds[a, b] = smds[b, a] = gaps.max()
    overlap = judge_levels(
        probability,
        design.codes,
        design.levels,
        treatment=design.treatment,
        trim=weighting.mark,
        limits=weighting.limits,
    )
    return TreatmentModel(design, probability, weights, overlap, smds)
