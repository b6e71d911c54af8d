"""What each section of the page shows, as plain rows that the template lays out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from causalimg.config import FEATURES
from causalimg.effects.diagnostics import effective_size
from causalimg.graph.core import CausalGraph, GraphKind
from causalimg.provenance import Provenance, canonical_json
from causalimg.report.style import VERDICT_WORDS
from causalimg.report.words import number, probability, share, signed, treatment_of
from causalimg.study_result import StudyResult
from causalimg.tables.encode import is_categorical, levels

_MAX_LEVELS = 12
KIND_WORDS = {
    GraphKind.DAG: "Every arrow reads as a direct cause, among the columns in the graph.",
    GraphKind.CPDAG: "An arrow reads as a direct cause; a line without a head is an edge whose"
    " direction these data do not tell.",
    GraphKind.ADMG: "A double-headed edge stands for a common cause that is not in the graph.",
    GraphKind.PAG: "An arrow reads as “is an ancestor of”; a circle is an end that these data"
    " leave open, and hidden common causes are allowed.",
}


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


def effect_rows(result: StudyResult) -> list[dict[str, Any]]:
    """Return one row per feature and contrast, the largest effect first."""
    if result.effects is None:
        return []
    verdicts: dict[str, str] = {}
    if result.invariant is not None:
        evidence = result.invariant.evidence
        verdicts = dict(zip(evidence["feature"], evidence["verdict"], strict=True))
    beside: dict[tuple[str, str], float] = {}
    if result.naive is not None:
        good = result.naive.estimable
        keys = zip(good["outcome"], good["contrast"], strict=True)
        beside = dict(zip(keys, good["effect_sd"].astype(float), strict=True))
    units = {column.name: column for column in result.table.columns}
    rows = []
    for row in result.effects.frame.itertuples(index=False):
        sd = float(row.outcome_sd)
        ok = row.status == "ok"
        column = units.get(row.outcome)
        verdict = verdicts.get(row.outcome, "")
        rows.append(
            {
                "feature": row.outcome,
                "family": "" if column is None else column.family,
                "unit": "" if column is None or column.unit in ("", "1") else column.unit,
                "contrast": row.contrast,
                "ok": ok,
                "reason": row.reason,
                "size": float(row.effect_sd) if ok else np.nan,
                "effect": signed(row.effect_sd),
                "interval": f"{signed(row.ci_low / sd)} to {signed(row.ci_high / sd)}"
                if ok and sd > 0
                else "",
                "raw": number(row.estimate),
                "naive_size": beside.get((row.outcome, row.contrast), np.nan),
                "naive": signed(beside.get((row.outcome, row.contrast), np.nan)),
                "q_size": float(row.q) if ok else np.nan,
                "q": probability(row.q),
                "significant": ok and float(row.q) < 0.05,
                "verdict": verdict if ok else "not_estimable",
                "said": VERDICT_WORDS.get(verdict, "") if ok else "not estimable",
            }
        )
    rows.sort(key=lambda item: (not item["ok"], -abs(item["size"]) if item["ok"] else 0.0))
    return rows


def level_rows(result: StudyResult) -> list[dict[str, str]]:
    """Return, per treatment level, its cases and the range of their propensity."""
    if result.propensity is None:
        return []
    received = result.propensity["level"].astype(str)
    rows = []
    for name in propensity_levels(result.propensity):
        chance = result.propensity[name].to_numpy(dtype=float)
        inside = chance[(received == name).to_numpy()]
        if not len(inside):
            continue
        ess = effective_size(1 / np.maximum(inside, 0.01))
        outside = float(((chance < 0.05) | (chance > 0.95)).mean())
        rows.append(
            {
                "level": name,
                "n": str(len(inside)),
                "ess": f"{ess:.0f} ({share(ess / len(inside))})",
                "range": f"{chance.min():.2f} to {chance.max():.2f}",
                "outside": share(outside),
            }
        )
    return rows


def propensity_levels(propensity: pd.DataFrame) -> list[str]:
    """Return the treatment levels that a propensity table has columns for."""
    return [str(name) for name in propensity.columns if name not in ("case_id", "level")]


def contrast_rows(result: StudyResult) -> list[dict[str, str]]:
    """Return, per contrast, what is estimable and how well balanced it is."""
    if result.effects is None:
        return []
    rows = []
    for name in result.effects.contrasts:
        every = result.effects.frame[result.effects.frame["contrast"] == name]
        part = every[every["status"] == "ok"]
        rows.append(
            {
                "contrast": name,
                "estimable": f"{len(part)} of {len(every)}",
                "n": _range(part["n"]),
                "ess": _range(part["ess"]),
                "smd": number(part["max_smd"].astype(float).max(), 2) if len(part) else "",
            }
        )
    return rows


def _range(values: pd.Series) -> str:
    known = values.dropna().astype(float)
    if known.empty:
        return ""
    low, high = f"{known.min():.0f}", f"{known.max():.0f}"
    return low if low == high else f"{low} to {high}"


def tiers_of(result: StudyResult) -> list[list[str]]:
    """Return the tiers that the graph was found under, only of nodes that are in it."""
    if result.graph is None or result.config.discover is None:
        return []
    nodes = result.graph.nodes
    features = [name for name in result.table.features if name in nodes]
    section = result.config.discover.tiers
    asked: list[list[str]] = [list(tier) for tier in section]
    if not asked:
        cohort = result.config.cohort
        asked = [[*cohort.covariates, *cohort.context], [FEATURES], list(cohort.outcomes)]
    named = {name for tier in asked for name in tier}
    loose = [name for name in features if name not in named]
    tiers = [
        [name for item in tier for name in (loose if item == FEATURES else [item])]
        for tier in asked
    ]
    kept = [[name for name in tier if name in nodes] for tier in tiers]
    return [tier for tier in kept if tier]


def roles_of(result: StudyResult) -> dict[str, str]:
    """Return the role of every column, the treatment apart."""
    roles = {column.name: column.role for column in result.table.columns}
    treatment = treatment_of(result)
    if treatment in roles:
        roles[str(treatment)] = "treatment"
    return roles


def edge_rows(graph: CausalGraph) -> list[dict[str, Any]]:
    """Return one row per edge, the best supported first."""
    frame = graph.to_frame()
    frame = frame.sort_values(["support", "source", "target"], ascending=[False, True, True])
    signs = {"-->": "→", "---": "—", "<->": "↔", "o->": "o→", "o-o": "o–o"}
    return [
        {
            "source": row.source,
            "edge": signs.get(row.edge, row.edge),
            "target": row.target,
            "weight": number(row.weight),
            "support": "" if np.isnan(row.support) else f"{row.support:.2f}",
            "direction": "" if np.isnan(row.direction_support) else f"{row.direction_support:.2f}",
            "size": float(row.support),
        }
        for row in frame.itertuples(index=False)
    ]


def cluster_rows(redundancy: pd.DataFrame | None) -> list[dict[str, Any]]:
    """Return one row per representative with the features that it stands for."""
    if redundancy is None:
        return []
    same = redundancy[redundancy["status"] == "redundant"]
    rows = []
    for name, part in same.groupby("representative", sort=True):
        rows.append({"representative": str(name), "members": sorted(part["feature"].astype(str))})
    return rows


def unused_rows(redundancy: pd.DataFrame | None) -> list[dict[str, str]]:
    """Return the features that could not take part in the graph, and why."""
    if redundancy is None:
        return []
    rest = redundancy[~redundancy["status"].isin(["kept", "redundant"])]
    reasons = rest["reason"] if "reason" in rest.columns else rest["status"]
    return [
        {"feature": str(name), "reason": str(why)}
        for name, why in zip(rest["feature"], reasons, strict=True)
    ]


def evidence_rows(result: StudyResult, verdict: str) -> list[dict[str, str]]:
    """Return the features of one verdict, the smallest effect first."""
    if result.invariant is None:
        return []
    part = result.invariant.evidence
    part = part[part["verdict"] == verdict]
    part = part.iloc[np.argsort(part["effect_sd"].astype(float).abs().to_numpy(), kind="stable")]
    return [
        {
            "feature": row.feature,
            "contrast": "" if pd.isna(row.contrast) else str(row.contrast),
            "effect": signed(row.effect_sd),
            "interval": f"{signed(row.ci_low_sd)} to {signed(row.ci_high_sd)}"
            if np.isfinite(float(row.ci_low_sd))
            else "",
            "q": probability(row.q_equivalence),
            "n": number(row.n, 6),
            "needed": number(np.ceil(float(row.n_needed)), 6)
            if np.isfinite(float(row.n_needed))
            else "no number: the effect itself is at the margin",
        }
        for row in part.itertuples(index=False)
    ]


def provenances(result: StudyResult) -> dict[str, Provenance]:
    """Return every provenance there is, by stage, in the order of the study."""
    found = {} if result.cohort.provenance is None else {"cohort": result.cohort.provenance}
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
                for row in made.to_frame().itertuples(index=False)
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
