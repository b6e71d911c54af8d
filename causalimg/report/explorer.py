"""What the effect explorer shows: one row per feature and contrast, as JSON columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from causalimg.datasets import PhantomTruth
from causalimg.recovery import known_effects
from causalimg.report.columns import codes, numbers
from causalimg.report.rows import largest_first, naive_effects, records
from causalimg.report.words import treatment_of
from causalimg.study_result import StudyResult
from causalimg.tables.features import Column


def effect_data(result: StudyResult) -> dict[str, Any]:
    """Return the columns of the effect explorer, the largest effect first.

    Returns
    -------
    dict
        ``features`` (name, family, image type, original name, IBSI code, unit, what stands for it
        in the graph), ``rows`` (indices of feature and contrast, then numbers in SD units and in
        the feature's own), ``verdicts`` (per feature), and what they share.
    """
    effects = result.effects
    if effects is None:
        return {}
    frame = largest_first(effects.frame)
    contrasts = effects.contrasts
    beside = naive_effects(result)
    names = list(dict.fromkeys(frame["outcome"].astype(str)))
    place = {name: k for k, name in enumerate(names)}
    section = result.config.effects
    rows: dict[str, Any] = {
        "feature": [place[str(name)] for name in frame["outcome"]],
        "contrast": [contrasts.index(name) for name in frame["contrast"]],
        "sd": numbers(frame["effect_sd"]),
        "low": numbers(_over(frame, "ci_low")),
        "high": numbers(_over(frame, "ci_high")),
        "q": numbers(frame["q"]),
        "p": numbers(frame["p"]),
        "raw": numbers(frame["estimate"]),
        "raw_low": numbers(frame["ci_low"]),
        "raw_high": numbers(frame["ci_high"]),
        "n": numbers(frame["n"], 9),
        "ess": numbers(frame["ess"]),
        "smd": numbers(frame["max_smd"], 3),
        "why": codes([str(why) for why in frame["reason"]]),
        "naive": numbers(beside.get(key, np.nan) for key in _keys(frame)),
    }
    if result.truth is not None:
        rows["truth"] = _truth(result.truth, frame)
    return {
        "features": _features(result, names),
        "rows": rows,
        "verdicts": _verdicts(result, names),
        "contrasts": list(contrasts),
        "margin": None if result.invariant is None else numbers([result.invariant.margin])[0],
        "treatment": treatment_of(result) or "treatment",
        "adjustment": [] if section is None else list(section.adjustment),
        "level": 95 if section is None else round(100 * (1 - section.alpha), 1),
        "estimators": codes([f"{row.estimator}, {row.estimand}" for row in records(frame)]),
        "notes": list(effects.notes),
        "extraction": extraction_words(result),
        "digest": "" if effects.provenance is None else effects.provenance.digest()[:12],
    }


def _over(frame: pd.DataFrame, column: str) -> np.ndarray:
    sd = frame["outcome_sd"].astype(float).to_numpy()
    values = frame[column].astype(float).to_numpy()
    return np.asarray(np.divide(values, sd, out=np.full(len(sd), np.nan), where=sd > 0))


def _truth(truth: PhantomTruth, frame: pd.DataFrame) -> list[float | int | None]:
    known = known_effects(truth)
    raw = frame.assign(truth=[known.get(key, np.nan) for key in _keys(frame)])
    return numbers(_over(raw, "truth"))


def _keys(frame: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(frame["outcome"].astype(str), frame["contrast"].astype(str), strict=True))


def _features(result: StudyResult, names: list[str]) -> dict[str, Any]:
    known = {column.name: column for column in result.table.columns}
    columns = [known.get(name, Column(name, "feature")) for name in names]
    stands: dict[str, str] = {}
    if result.redundancy is not None:
        near = result.redundancy[result.redundancy["status"] == "redundant"]
        stands = dict(zip(near["feature"], near["representative"], strict=True))
    nodes = () if result.graph is None else result.graph.nodes
    return {
        "name": names,
        "family": codes([column.family or "other" for column in columns]),
        "type": codes([column.image_type or "not known" for column in columns]),
        "original": [
            "" if column.original_name == column.name else column.original_name
            for column in columns
        ],
        "ibsi": [column.ibsi for column in columns],
        "unit": codes(["" if column.unit in ("", "1") else column.unit for column in columns]),
        "stands": [stands.get(name, "") for name in names],
        "node": [int(name in nodes) for name in names],
    }


def _verdicts(result: StudyResult, names: list[str]) -> dict[str, Any] | None:
    found = result.invariant
    if found is None:
        return None
    known = {str(row.feature): row for row in records(found.evidence)}
    rows = [known.get(name) for name in names]

    def column(name: str) -> list[float]:
        return [np.nan if row is None else float(getattr(row, name)) for row in rows]

    return {
        "verdict": codes(["" if row is None else str(row.verdict) for row in rows]),
        "contrast": codes(
            ["" if row is None or pd.isna(row.contrast) else str(row.contrast) for row in rows]
        ),
        "sd": numbers(column("effect_sd")),
        "low": numbers(column("ci_low_sd")),
        "high": numbers(column("ci_high_sd")),
        "q": numbers(column("q_equivalence")),
        "needed": numbers(np.ceil(column("n_needed")), 9),
    }


def extraction_words(result: StudyResult) -> str:
    """Say with which settings the features were extracted, with the digest of their record."""
    made = result.table.provenance
    if made is None:
        return "The features came as a table; how they were extracted is not known."
    digest = f"record {made.digest()[:12]}"
    if result.cohort is None:
        return f"Read from a table of features; {digest}."
    settings = made.settings
    engine = f"the {settings['engine']} engine" if settings.get("engine") else "an unnamed engine"
    if settings.get("engine_version"):
        engine += f" (version {settings['engine_version']})"
    kept = [
        f"{name.replace('_', ' ')} {settings[name]:g}"
        for name in ("bin_width", "bin_count")
        if isinstance(settings.get(name), int | float)
    ]
    spacing = settings.get("resample")
    if isinstance(spacing, list | tuple) and spacing:
        kept.append("resampled to " + " × ".join(f"{step:g}" for step in spacing) + " mm")
    else:
        kept.append("voxels as scanned")
    if settings.get("normalize"):
        kept.append("intensities normalised")
    return f"Extracted by {', '.join([engine, *kept])}; {digest}."
