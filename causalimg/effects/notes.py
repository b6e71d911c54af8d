"""What a reader of an effect table must know, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.blocks import Block
from causalimg.effects.columns import case_names
from causalimg.effects.design import Design
from causalimg.effects.diagnostics import VERDICTS
from causalimg.effects.outcomes import Outcomes
from causalimg.effects.positivity import positivity_notes
from causalimg.effects.treatment_model import TreatmentModel

_FEW_CLUSTERS = 30


def fit_notes(
    model: TreatmentModel,
    outcomes: Outcomes,
    dropped: int,
    cluster: NDArray[np.intp] | None,
    cluster_name: str | None,
    values: NDArray[np.float64],
    columns: Sequence[str],
) -> tuple[str, ...]:
    """Say what was left out, how good overlap is and for whom, what was clipped or is missing.

    Parameters
    ----------
    model : TreatmentModel
    outcomes : Outcomes
    dropped : int
        Cases that trimming left out.
    cluster : ndarray of int or None
    cluster_name : str or None
    values : ndarray of shape (n_samples, n_columns)
        From `balance_columns`, of the cases of ``model``.
    columns : sequence of str

    Returns
    -------
    tuple of str
    """
    notes = list(model.design.notes)
    weighting = model.weighting
    report = model.report()
    if report is not None:
        notes += report.notes()
        notes += positivity_notes(
            model.probability,
            model.design.codes,
            model.design.levels,
            [item.verdict != VERDICTS[0] for item in report.levels],
            values,
            columns,
            treatment=model.design.treatment,
            bound=weighting.mark,
        )
    if dropped:
        notes.append(
            f"{dropped} of {dropped + len(model.probability)} cases have a propensity below"
            f" {weighting.trim:g} and were left out; the effects are those of the cases that remain"
        )
    if report is not None and report.verdict != VERDICTS[0] and weighting.estimand != "ato":
        notes.append(
            "where levels overlap little, estimand='ato' (or DML) asks for the effect in the"
            " overlap population instead, which needs no weight on cases without a counterpart"
        )
    if weighting.adjusted and weighting.estimand == "ato":
        notes.append(
            "the effects are those of the overlap population, in which every level is about"
            " equally likely; they differ from the mean over all cases if effects vary"
        )
    if weighting.weighted and weighting.weigh is None and weighting.estimand != "ato":
        clipped = int((model.probability < weighting.trim).any(axis=1).sum())
        if clipped:
            notes.append(
                f"{clipped} of {len(model.probability)} cases have a propensity below"
                f" {weighting.trim:g}; it was raised to that bound"
            )
    missing = np.isnan(outcomes.values).sum(axis=0)
    some = sum(
        int(gaps) > 0 and name not in outcomes.problems
        for gaps, name in zip(missing, outcomes.names, strict=True)
    )
    if some:
        notes.append(
            f"{some} outcomes have missing values: each was analysed in the cases that have one"
            " (column n), with propensities fitted to those cases"
        )
    if outcomes.problems:
        notes.append(f"{len(outcomes.problems)} outcomes cannot be analysed (column reason)")
    if cluster is not None and int(cluster.max()) + 1 < _FEW_CLUSTERS:
        notes.append(
            f"{int(cluster.max()) + 1} clusters of {cluster_name!r}: with fewer than about"
            f" {_FEW_CLUSTERS}, intervals rest on the small-sample correction of the"
            " cluster-robust standard errors (CR2, Satterthwaite)"
        )
    return tuple(notes)


def leverage_notes(frame: pd.DataFrame, design: Design, blocks: Sequence[Block]) -> tuple[str, ...]:
    """Name the cases on which a parameter of an outcome model rests alone."""
    alone: dict[int, NDArray[np.bool_]] = {}
    for block in blocks:
        places = np.flatnonzero(block.rows)
        alone_cases = [pair for plan in block.plans.values() for pair in plan.alone()]
        for level, row in alone_cases:
            marked = alone.setdefault(level, np.zeros(len(frame), dtype=bool))
            marked[places[row]] = True
    return tuple(
        f"the outcome model of {design.treatment}={design.levels[level]} rests on single cases"
        f" (case {case_names(frame, marked)}): a covariate level has no other there"
        for level, marked in alone.items()
    )
