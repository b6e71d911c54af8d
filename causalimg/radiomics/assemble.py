"""From the outcomes of single cases to one feature table with its column dictionary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from causalimg.errors import InvalidInputError
from causalimg.parallel import Failure
from causalimg.provenance import Provenance, digest
from causalimg.radiomics.case import CaseOutcome, failure_row
from causalimg.radiomics.ibsi_names import IBSI_FEATURES
from causalimg.radiomics.names import Feature, describe
from causalimg.tables.cohort import Cohort
from causalimg.tables.encode import is_categorical
from causalimg.tables.features import Column, FeatureTable, failure_table

_NOT_CONTEXT = ("case_id", "image", "mask", "label", "roi", "series_uid")


def feature_table(
    cohort: Cohort, outcomes: Sequence[CaseOutcome | Failure], *, settings: Mapping[str, Any]
) -> FeatureTable:
    """Make the table of a cohort from what came of its cases.

    Parameters
    ----------
    cohort : Cohort
    outcomes : sequence of CaseOutcome or Failure
        In the order of the cohort.
    settings : mapping
        What the values depend on, for the provenance.

    Raises
    ------
    InvalidInputError
        If a column of the cohort is called like a feature.
    """
    done: list[CaseOutcome] = []
    failures: list[dict[str, str]] = []
    for outcome in outcomes:
        if isinstance(outcome, Failure):
            failures.append(failure_row(outcome.item, "extract", outcome.error, outcome.reason))
        elif outcome.failure is not None:
            failures.append(outcome.failure)
        else:
            done.append(outcome)
    names = list(dict.fromkeys(name for outcome in done for name in outcome.features))
    known = [described(name) for name in names]
    values = pd.DataFrame(
        {
            feature.name: [outcome.features.get(name, float("nan")) for outcome in done]
            for name, feature in zip(names, known, strict=True)
        },
        dtype="float64",
    )
    left = [name for name in cohort.frame.columns if name not in _NOT_CONTEXT]
    both = sorted(set(left) & set(values.columns))
    if both:
        raise InvalidInputError(
            f"the cohort already has columns named like features: {', '.join(both[:5])}; "
            "rename them in the cohort file"
        )
    good = {outcome.case_id for outcome in done}
    frame = cohort.frame.loc[cohort.frame["case_id"].isin(good), ["case_id", *left]]
    frame = pd.concat([frame.reset_index(drop=True), values], axis=1)
    columns = [Column("case_id", "id", "string")]
    columns += [
        Column(name, cohort.roles.get(name, "other"), _type(cohort.frame[name])) for name in left
    ]
    columns += [
        Column(
            feature.name,
            "feature",
            unit=feature.unit,
            family=feature.family,
            ibsi=feature.ibsi,
            original_name=feature.original_name,
            image_type=feature.image_type,
        )
        for feature in known
    ]
    provenance = Provenance.of(
        "extract",
        settings=dict(settings),
        inputs={
            "cohort": cohort.digest(),
            "images": digest([[o.case_id, o.image, o.mask] for o in done]),
        },
    )
    return FeatureTable(frame, tuple(columns), failure_table(failures), provenance)


def described(name: str) -> Feature:
    """Describe a column of either mode."""
    column = IBSI_FEATURES.get(name)
    if column is None:
        return describe(name)
    return Feature(name, column.family, "original", column.unit, column.ibsi, column.tag)


def _type(series: pd.Series) -> str:
    """Return the type of a column in the words of the column dictionary."""
    if pd.api.types.is_bool_dtype(series.dtype):
        return "boolean"
    if is_categorical(series):
        return "string"
    return "integer" if pd.api.types.is_integer_dtype(series.dtype) else "number"
