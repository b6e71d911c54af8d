"""Outcomes that were observed in the same cases are fitted together, as one block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.design import check_counts, subset
from causalimg.effects.influence import LevelMeans, contrast
from causalimg.effects.outcomes import Outcomes, pooled_sd
from causalimg.effects.plans import Plan
from causalimg.effects.treatment_model import TreatmentModel, fit_treatment_model
from causalimg.errors import NotEstimableError

Planner = Callable[[TreatmentModel], dict[int, Plan]]

_CHUNK_NUMBERS = 6_000_000


@dataclass(frozen=True)
class Block:
    """Outcomes observed in the same cases, and their plans or the reason that there are none.

    Parameters
    ----------
    rows : ndarray of bool, shape (n_samples,)
    columns : ndarray of int
        Positions of the outcomes.
    model : TreatmentModel or None
    plans : dict of int to Plan
        By `target_key`.
    failed : str
    """

    rows: NDArray[np.bool_]
    columns: NDArray[np.intp]
    model: TreatmentModel | None = None
    plans: dict[int, Plan] = field(default_factory=dict)
    failed: str = ""
    _kept: list[tuple[NDArray[np.intp], dict[int, LevelMeans]]] = field(
        default_factory=list, repr=False
    )

    def solved(
        self, outcomes: Outcomes, wanted: NDArray[np.intp] | None = None
    ) -> Iterator[tuple[NDArray[np.intp], dict[int, LevelMeans]]]:
        """Solve for the outcomes, as many at a time as memory allows.

        Parameters
        ----------
        outcomes : Outcomes
        wanted : ndarray of int, optional
            Positions of outcomes; all of the block by default.

        Yields
        ------
        columns : ndarray of int
        means : dict of int to LevelMeans
            By `target_key`.
        """
        if self.model is None:
            return
        if self._kept and wanted is None:
            yield from self._kept
            return
        columns = self.columns if wanted is None else wanted
        numbers = int(self.rows.sum()) * len(self.model.design.levels) * max(len(self.plans), 1)
        size = max(_CHUNK_NUMBERS // max(numbers, 1), 16)
        whole = bool(self.rows.all())
        for start in range(0, len(columns), size):
            part = columns[start : start + size]
            if whole and len(part) == outcomes.values.shape[1]:
                seen = outcomes.values
            else:
                seen = outcomes.values[:, part] if whole else outcomes.values[self.rows][:, part]
            found = {key: plan.solve(seen) for key, plan in self.plans.items()}
            if wanted is None and len(columns) <= size:
                self._kept.append((part, found))
            yield part, found


def fit_block(
    frame: pd.DataFrame,
    whole: TreatmentModel,
    values: NDArray[np.float64],
    rows: NDArray[np.bool_],
    columns: NDArray[np.intp],
    planner: Planner,
) -> Block:
    """Plan the outcomes of one block.

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
    planner : callable
        Turns a treatment model into the plans of its target populations.

    Returns
    -------
    Block
        With ``failed`` set if the cases that are left cannot answer.
    """
    model = whole
    try:
        if not rows.all():
            model = part_model(frame, whole, values, rows)
        return Block(rows, columns, model, planner(model))
    except NotEstimableError as error:
        if rows.all():
            raise
        said = f"in the {int(rows.sum())} cases with a value: {error}"
        return Block(rows, columns, failed=said)


def part_model(
    frame: pd.DataFrame,
    whole: TreatmentModel,
    values: NDArray[np.float64],
    rows: NDArray[np.bool_],
) -> TreatmentModel:
    """Fit the treatment model anew to some of the cases.

    Raises
    ------
    NotEstimableError
        If they are too few, or do not overlap.
    """
    design = subset(whole.design, rows)
    check_counts(design)
    cluster = whole.cluster
    if cluster is not None:
        cluster = np.unique(cluster[rows], return_inverse=True)[1].astype(np.intp)
    return fit_treatment_model(frame.loc[rows], design, values[rows], whole.weighting, cluster)


@dataclass(frozen=True)
class ContrastArrays:
    """Every outcome by every contrast; all arrays of shape (n_outcomes, n_contrasts).

    NaN and a ``reason`` where there is no estimate; ``caution`` says what is weak about one.
    """

    estimate: NDArray[np.float64]
    se: NDArray[np.float64]
    df: NDArray[np.float64]
    ess: NDArray[np.float64]
    max_smd: NDArray[np.float64]
    outcome_sd: NDArray[np.float64]
    n: NDArray[np.int64]
    reason: NDArray[np.object_]
    caution: NDArray[np.object_]


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
    n = np.zeros(shape, dtype=np.int64)
    reason, caution = np.full(shape, "", dtype=object), np.full(shape, "", dtype=object)
    for k, name in enumerate(outcomes.names):
        if name in outcomes.problems:
            reason[k] = outcomes.problems[name]
            n[k] = (~np.isnan(outcomes.values[:, k])).sum()
    for block in blocks:
        model = block.model
        if model is None:
            reason[block.columns] = block.failed
            n[block.columns] = block.rows.sum()
            continue
        count = len(model.design.levels)
        for columns, found in block.solved(outcomes):
            seen = outcomes.values
            if not (block.rows.all() and len(columns) == seen.shape[1]):
                seen = seen[np.ix_(block.rows, columns)]
            spread = pooled_sd(seen, model.design.codes, count)
            n[columns] = len(model.design.codes)
            for j, (level, base) in enumerate(chosen):
                at = (columns, j)
                one = contrast(found[model.key(level, base)], level, base, cluster=model.cluster)
                estimate[at], se[at], df[at] = one.estimate, one.se, one.df
                sd[at] = spread
                exact = one.se <= 1e-10 * spread
                reason[columns[exact], j] = (
                    "no residual spread: the outcome is a function of treatment and covariates"
                )
        for j, (level, base) in enumerate(chosen):
            ess[block.columns, j] = model.effective(level, base)
            if model.smds is not None:
                max_smd[block.columns, j] = model.smds[level, base]
            caution[block.columns, j] = model.caution(level, base)
            refusal = model.refusal(level, base)
            if refusal:
                reason[block.columns, j] = refusal
    for values in (estimate, se, df):
        values[reason != ""] = np.nan
    return ContrastArrays(estimate, se, df, ess, max_smd, sd, n, reason, caution)
