"""What the sections on cohort, assumptions and provenance show, as plain rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from causalimg.provenance import Provenance, canonical_json
from causalimg.report.rows import records
from causalimg.report.words import number, share, treatment_of
from causalimg.study_result import StudyResult
from causalimg.tables.encode import is_categorical, levels

_MAX_LEVELS = 12


def cohort_table(result: StudyResult) -> dict[str, Any]:
    """Return counts and summaries of the declared columns, by level of the treatment."""
    frame = result.table.frame
    treatment = treatment_of(result)
    groups: list[tuple[str, pd.DataFrame]] = [("all", frame)]
    if treatment in frame.columns and is_categorical(frame[treatment]):
        found = levels(frame[treatment])
        if len(found) <= _MAX_LEVELS:
            column = frame[treatment].astype(str)
            groups += [(name, frame[column == name]) for name in found]
    else:
        treatment = None
    rows: list[dict[str, Any]] = []
    names = [
        name
        for role in ("context", "covariate", "outcome")
        for name in result.table.names(role)
        if name != treatment or len(groups) == 1
    ]
    for name in names:
        rows += _summary(name, frame[name], [part[name] for _, part in groups])
    return {
        "treatment": treatment,
        "groups": [{"name": name, "n": len(part)} for name, part in groups],
        "rows": rows,
    }


def _summary(name: str, whole: pd.Series, parts: Sequence[pd.Series]) -> list[dict[str, Any]]:
    values = set(whole.dropna().unique())
    if is_categorical(whole) or values <= {0, 1}:
        text = [part.map(_level, na_action="ignore") for part in parts]
        kinds = sorted({str(value) for value in text[0].dropna()})
        if len(kinds) > _MAX_LEVELS:
            return [{"name": name, "unit": f"{len(kinds)} levels", "level": "",
                     "cells": [f"{part.nunique()} levels" for part in parts]}]  # fmt: skip
        rows = [
            {"name": name if k == 0 else "", "unit": "n (%)" if k == 0 else "", "level": kind,
             "cells": [_count(int((part == kind).sum()), len(part)) for part in text]}
            for k, kind in enumerate(kinds)
        ]  # fmt: skip
    else:
        rows = [{"name": name, "unit": "median (quartiles)", "level": "",
                 "cells": [_quartiles(part) for part in parts]}]  # fmt: skip
    if whole.isna().any():
        rows.append({"name": "", "unit": "", "level": "missing",
                     "cells": [_count(int(part.isna().sum()), len(part))
                               for part in parts]})  # fmt: skip
    return rows


def _level(value: object) -> str:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _count(n: int, total: int) -> str:
    return f"{n} ({share(n / total)})" if total else "0"


def _quartiles(part: pd.Series) -> str:
    values = pd.to_numeric(part, errors="coerce").dropna().to_numpy(dtype=float)
    if not len(values):
        return ""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"{number(middle)} ({number(low)}–{number(high)})"


def provenances(result: StudyResult) -> dict[str, Provenance]:
    """Return every provenance there is, by stage, in the order of the study."""
    made = None if result.cohort is None else result.cohort.provenance
    found = {} if made is None else {"cohort": made}
    found |= result.provenance()
    if result.naive is not None and result.naive.provenance is not None:
        found["naive difference"] = result.naive.provenance
    if result.truth is not None and result.truth.provenance is not None:
        found["truth"] = result.truth.provenance
    return found


def assumption_rows(result: StudyResult) -> list[dict[str, str]]:
    """Return every assumption once, with the stages that make it."""
    stages: dict[str, list[str]] = {}
    for stage, made in provenances(result).items():
        for text in made.assumptions:
            stages.setdefault(text, []).append(stage)
    return [{"text": text, "stages": ", ".join(names)} for text, names in stages.items()]


def provenance_rows(result: StudyResult) -> list[dict[str, Any]]:
    """Return per stage its recorded facts, without the assumptions."""
    return [
        {
            "stage": stage,
            "digest": made.digest(),
            "created": made.created,
            "facts": [
                {"section": row.section, "name": row.name, "value": row.value}
                for row in records(made.to_frame())
                if row.section not in ("assumptions", "stage") and row.value != ""
            ],
        }
        for stage, made in provenances(result).items()
    ]


def config_rows(result: StudyResult) -> list[dict[str, str]]:
    """Return the study file's settings, one row per section and key."""
    return [
        {"section": section, "name": key, "value": canonical_json(value)}
        for section, content in result.config.to_dict().items()
        if isinstance(content, dict)
        for key, value in content.items()
    ]
