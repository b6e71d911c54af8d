"""Do batches hold comparable cases: propensity overlap, common support, matched cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.balance import balance_columns
from causalimg.effects.design import build_design
from causalimg.effects.diagnostics import OverlapLimits, OverlapReport
from causalimg.effects.propensity import fit_multinomial
from causalimg.effects.treatment_model import Weighting, fit_treatment_model
from causalimg.errors import NotEstimableError
from causalimg.harmonize.columns import CovariateCodes

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

_FAR = 1e6


def check_overlap(
    frame: pd.DataFrame,
    *,
    batch: str,
    covariates: Sequence[str],
    limits: OverlapLimits | None = None,
    trim: float = 0.01,
) -> OverlapReport:
    """Judge whether batches hold cases with comparable covariates.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per case.
    batch : str
    covariates : sequence of str
    limits : OverlapLimits, optional
        Below these a comparison is called not estimable.
    trim : float, default=0.01
        A case whose probability of a batch is lower has no counterpart there.

    Returns
    -------
    OverlapReport
        ``verdict`` (``good``, ``limited``, ``poor: not estimable``), ``notes()``, ``to_frame()``.

    Raises
    ------
    NotEstimableError
        If covariates determine the batch, naming the covariate and its ranges.
    InvalidInputError, UnknownNameError
        For missing values or columns.

    Notes
    -----
    Assumptions: the batch follows a multinomial logistic model of the covariates.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"age": rng.normal(60, 9, 200), "site": np.repeat(["A", "B"], 100)})
    >>> check_overlap(table, batch="site", covariates=["age"]).verdict
    'good'
    """
    try:
        design = build_design(frame, treatment=batch, adjustment=covariates)
        values, _ = balance_columns(frame, list(covariates))
        model = fit_treatment_model(
            frame, design, values, Weighting(True, True, trim, limits or OverlapLimits())
        )
    except NotEstimableError as error:
        raise NotEstimableError(str(error).replace("treatment ", "batch ")) from error
    report = model.report()
    if report is None:
        raise NotEstimableError(f"batch {batch!r}: there are no covariates to compare it by")
    return report


@dataclass(frozen=True)
class CommonSupport:
    """The covariates that every batch has, by their propensities.

    Parameters
    ----------
    encoder : CovariateCodes
    coefficient : ndarray of shape (n_parameters, n_batches - 1)
        Of the multinomial logistic model.
    low, high : ndarray of shape (n_batches,)
        For each batch's probability: the largest of the batches' minima, the smallest of their
        maxima.
    """

    encoder: CovariateCodes
    coefficient: Array
    low: Array
    high: Array

    @classmethod
    def of(
        cls, encoder: CovariateCodes, frame: pd.DataFrame, codes: Codes, count: int
    ) -> CommonSupport:
        """Fit the propensities of training cases and find where all batches have some."""
        covariates = encoder.matrix(frame)
        design = np.column_stack([np.ones(len(covariates)), covariates])
        # a little more than none: a maximum exists also where covariates separate the batches
        fit = fit_multinomial(design, codes, count, ridge=1e-3)
        ranges = [fit.probability[codes == k] for k in range(count)]
        low = np.max([part.min(axis=0) for part in ranges], axis=0)
        high = np.min([part.max(axis=0) for part in ranges], axis=0)
        return cls(encoder, fit.coefficient, low, high)

    def log_odds(self, frame: pd.DataFrame) -> Array:
        """Return the log odds of each batch against the first, shape (n_cases, n_batches - 1)."""
        covariates = self.encoder.matrix(frame)
        return np.asarray(
            np.column_stack([np.ones(len(covariates)), covariates]) @ self.coefficient
        )

    def inside(self, frame: pd.DataFrame) -> NDArray[np.bool_]:
        """Mark the cases whose covariates every batch has, shape (n_cases,)."""
        from scipy.special import softmax

        odds = self.log_odds(frame)
        probability = softmax(np.column_stack([np.zeros(len(odds)), odds]), axis=1)
        near = 1e-9
        within = (probability >= self.low - near) & (probability <= self.high + near)
        return np.asarray(within.all(axis=1))


def match_batches(
    support: CommonSupport,
    frame: pd.DataFrame,
    codes: Codes,
    levels: Sequence[str],
    caliper: float,
    least: int,
) -> NDArray[np.bool_]:
    """Choose cases of every batch that are alike: one to one, inside the common support.

    Every case of the smallest batch is given the case of each other batch that makes the sum of
    covariate distances smallest, none twice; a case without a match in some batch is left out.

    Returns
    -------
    ndarray of bool, shape (n_cases,)

    Raises
    ------
    NotEstimableError
        If fewer than ``least`` cases have a match in every batch.
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    inside = support.inside(frame)
    odds = support.log_odds(frame)
    odds = odds / np.maximum(odds.std(axis=0), np.finfo(float).tiny)
    covariates = support.encoder.matrix(frame)
    rows = [np.flatnonzero(inside & (codes == k)) for k in range(len(levels))]
    smallest = int(np.argmin([len(part) for part in rows]))
    anchors = rows[smallest]
    complete = np.ones(len(anchors), dtype=bool)
    partner = np.empty((len(anchors), len(levels)), dtype=np.intp)
    partner[:, smallest] = anchors
    for k, part in enumerate(rows):
        if k == smallest or not len(anchors):
            continue
        cost = cdist(covariates[anchors], covariates[part])
        cost[cdist(odds[anchors], odds[part]) > caliper] = _FAR
        one, other = linear_sum_assignment(cost)
        good = cost[one, other] < _FAR
        partner[one, k] = part[other]
        found = np.zeros(len(anchors), dtype=bool)
        found[one[good]] = True
        complete &= found
    count = int(complete.sum())
    if count < least:
        raise NotEstimableError(
            f"no answer: {count} cases of batch {levels[smallest]!r} have a comparable case in"
            f" every other batch, and {least} are needed (min_matched). The batches do not hold"
            " the same kind of cases: collect some that were scanned in both, or use features that"
            " are stable across batches (StableFeatures)."
        )
    used = np.zeros(len(codes), dtype=bool)
    used[partner[complete].ravel()] = True
    return used
