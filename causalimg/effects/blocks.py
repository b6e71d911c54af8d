"""Outcomes that were observed in the same cases are fitted together, as one block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.design import check_counts, subset
from causalimg.effects.influence import LevelMeans, contrast, level_means
from causalimg.effects.outcomes import Outcomes, pooled_sd
from causalimg.effects.treatment_model import TreatmentModel, Weighting, fit_treatment_model
from causalimg.errors import NotEstimableError


@dataclass(frozen=True)
class Solution:
    """The fit of one block.

    Parameters
    ----------
    model : TreatmentModel
    levels : LevelMeans
    outcome_sd : ndarray of shape (n_outcomes,)
        Standard deviation within treatment levels, pooled.
    cluster : ndarray of int, shape (n_samples,), or None
    """

    model: TreatmentModel
    levels: LevelMeans
    outcome_sd: NDArray[np.float64]
    cluster: NDArray[np.intp] | None


@dataclass(frozen=True)
class Block:
    """Outcomes observed in the same cases, and their fit or the reason that there is none.

    Parameters
    ----------
    rows : ndarray of bool, shape (n_samples,)
    columns : ndarray of int
        Positions of the outcomes.
    solution : Solution or None
    failed : str
    """

    rows: NDArray[np.bool_]
    columns: NDArray[np.intp]
    solution: Solution | None = None
    failed: str = ""


def fit_block(
    frame: pd.DataFrame,
    whole: TreatmentModel,
    values: NDArray[np.float64],
    rows: NDArray[np.bool_],
    columns: NDArray[np.intp],
    outcomes: Outcomes,
    *,
    weighting: Weighting,
    cluster: NDArray[np.intp] | None,
) -> Block:
    """Fit the outcomes of one block.

    Where cases are missing, the propensities are fitted anew to the cases that are left, so that
    weights and outcomes belong to the same cases.

    Parameters
    ----------
    frame : pandas.DataFrame
        The covariates of all cases.
    whole : TreatmentModel
        Fitted to all cases.
    values : ndarray of shape (n_samples, n_columns)
        Covariate columns whose balance is judged.
    rows : ndarray of bool, shape (n_samples,)
    columns : ndarray of int
    outcomes : Outcomes
    weighting : Weighting
    cluster : ndarray of int, shape (n_samples,), or None

    Returns
    -------
    Block
        With ``failed`` set if the cases that are left cannot answer.
    """
    model = whole
    if not rows.all():
        try:
            design = subset(whole.design, rows)
            check_counts(design)
            model = fit_treatment_model(frame.loc[rows], design, values[rows], weighting)
        except NotEstimableError as error:
            said = f"in the {int(rows.sum())} cases with a value: {error}"
            return Block(rows, columns, failed=said)
        if cluster is not None:
            cluster = np.unique(cluster[rows], return_inverse=True)[1].astype(np.intp)
    design = model.design
    seen = outcomes.values[np.ix_(rows, columns)]
    probability = weighting.clip(model.probability) if weighting.weighted else None
    count = len(design.levels)
    solution = Solution(
        model=model,
        levels=level_means(design.matrix, design.codes, seen, probability, count),
        outcome_sd=pooled_sd(seen, design.codes, count),
        cluster=cluster,
    )
    return Block(rows, columns, solution=solution)


@dataclass(frozen=True)
class ContrastArrays:
    """Every outcome by every contrast; all arrays of shape (n_outcomes, n_contrasts).

    NaN and a ``reason`` where there is no estimate.
    """

    estimate: NDArray[np.float64]
    se: NDArray[np.float64]
    df: NDArray[np.float64]
    ess: NDArray[np.float64]
    max_smd: NDArray[np.float64]
    outcome_sd: NDArray[np.float64]
    n: NDArray[np.int64]
    reason: NDArray[np.object_]


def contrast_arrays(
    blocks: Sequence[Block], outcomes: Outcomes, chosen: Sequence[tuple[int, int]]
) -> ContrastArrays:
    """Collect contrasts from all blocks.

    Parameters
    ----------
    blocks : sequence of Block
    outcomes : Outcomes
    chosen : sequence of (level, base)

    Returns
    -------
    ContrastArrays
    """
    shape = (len(outcomes.names), len(chosen))
    estimate, se, df, ess, max_smd, sd = (np.full(shape, np.nan) for _ in range(6))
    reason = np.full(shape, "", dtype=object)
    for k, name in enumerate(outcomes.names):
        reason[k] = outcomes.problems.get(name, "")
    for block in blocks:
        part = block.solution
        if part is None:
            reason[block.columns] = block.failed
            continue
        for j, (level, base) in enumerate(chosen):
            at = (block.columns, j)
            found = contrast(part.levels, level, base, cluster=part.cluster)
            estimate[at], se[at], df[at] = found.estimate, found.se, found.df
            sd[at] = part.outcome_sd
            ess[at] = part.model.effective(level, base)
            if part.model.smds is not None:
                max_smd[at] = part.model.smds[level, base]
            exact = found.se <= 1e-10 * part.outcome_sd
            reason[block.columns[exact], j] = (
                "no residual spread: the outcome is a function of treatment and covariates"
            )
            refusal = part.model.refusal(level, base)
            if refusal:
                reason[at] = refusal
    for values in (estimate, se, df):
        values[reason != ""] = np.nan
    n = (~np.isnan(outcomes.values)).sum(axis=0).astype(np.int64)
    return ContrastArrays(
        estimate, se, df, ess, max_smd, sd, np.repeat(n[:, None], len(chosen), axis=1), reason
    )
