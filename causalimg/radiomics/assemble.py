"""From the outcomes of single cases to one feature table with its column dictionary."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from causalimg.errors import InvalidInputError
from causalimg.imaging.pictures import CasePictures, Source, relative
from causalimg.imaging.thumbnail import Thumbnail
from causalimg.parallel import Failure
from causalimg.provenance import Provenance, digest
from causalimg.radiomics.case import CaseOutcome, failure_row
from causalimg.radiomics.ibsi_names import IBSI_FEATURES
from causalimg.radiomics.names import Feature, describe
from causalimg.radiomics.picture_store import PictureStore
from causalimg.tables.cohort import Cohort
from causalimg.tables.encode import is_categorical
from causalimg.tables.features import Column, FeatureTable, failure_table

_NOT_CONTEXT = ("case_id", "image", "mask", "label", "roi", "series_uid")


def feature_table(
    cohort: Cohort,
    outcomes: Sequence[CaseOutcome | Failure],
    *,
    settings: Mapping[str, Any],
    describe_feature: Callable[[str], Feature] | None = None,
) -> FeatureTable:
    """Make the table of a cohort from what came of its cases.

    Parameters
    ----------
    cohort : Cohort
    outcomes : sequence of CaseOutcome or Failure
        In the order of the cohort.
    settings : mapping
        What the values depend on, for the provenance.
    describe_feature : callable, optional
        From an engine's name for a feature to its column (`describer`); the feature dictionary of
        both modes by default.

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
    say = describe_feature or described
    known = [say(name) for name in names]
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


def case_pictures(
    cohort: Cohort, outcomes: Sequence[CaseOutcome | Failure], store: PictureStore
) -> CasePictures:
    """Collect the pictures of the cases that have features, with the files they are from."""
    paths = cohort.frame.set_index("case_id")[["image", "mask"]].astype(str)
    found: list[tuple[Source, Thumbnail]] = []
    for outcome in outcomes:
        if isinstance(outcome, Failure) or outcome.failure is not None:
            continue
        small = store.get(outcome.picture)
        if small is None:
            continue
        image, mask = (relative(str(path), cohort.folder) for path in paths.loc[outcome.case_id])
        found.append((Source(outcome.case_id, image, mask, outcome.image, outcome.mask), small))
    return CasePictures.of(found)


def described(name: str) -> Feature:
    """Describe a column of either mode.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> found = described("wavelet-HHL_glcm_Contrast")
    >>> found.name, found.family
    ('wavelet_hhl_glcm_contrast', 'glcm')
    """
    column = IBSI_FEATURES.get(name)
    if column is None:
        return describe(name)
    return Feature(name, column.family, "original", column.unit, column.ibsi, column.tag)


def describer(engine: Any) -> Callable[[str], Feature]:
    """Return how the features of an engine are described: by itself, if it has ``describe``.

    An engine with features of its own describes those, and hands the others to `described`.
    """
    own: Callable[[str], Feature] = getattr(engine, "describe", described)
    return own


def _type(series: pd.Series) -> str:
    """Return the type of a column in the words of the column dictionary."""
    if pd.api.types.is_bool_dtype(series.dtype):
        return "boolean"
    if is_categorical(series):
        return "string"
    return "integer" if pd.api.types.is_integer_dtype(series.dtype) else "number"
