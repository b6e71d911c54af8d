"""What the sections on effects, graph and invariant set show, as plain rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from causalimg.config import FEATURES
from causalimg.effects.diagnostics import effective_size
from causalimg.graph.core import CausalGraph, GraphKind
from causalimg.harmonize.report import HarmonizationReport
from causalimg.report.style import VERDICT_WORDS
from causalimg.report.words import number, probability, share, signed, treatment_of
from causalimg.study_result import StudyResult

KIND_WORDS = {
    GraphKind.DAG: "Every arrow reads as a direct cause, among the columns in the graph.",
    GraphKind.CPDAG: "An arrow reads as a direct cause; a line without a head is an edge whose"
    " direction these data do not tell.",
    GraphKind.ADMG: "A double-headed edge stands for a common cause that is not in the graph.",
    GraphKind.PAG: "An arrow reads as “is an ancestor of”; a circle is an end that these data"
    " leave open, and hidden common causes are allowed.",
}


def records(frame: pd.DataFrame) -> Iterable[Any]:
    """Return the rows of a table as objects with its columns as attributes."""
    return frame.itertuples(index=False)


def effect_rows(result: StudyResult, *, most: int) -> list[dict[str, Any]]:
    """Return the features and contrasts with the largest effects, for a page without scripts."""
    if result.effects is None:
        return []
    verdicts: dict[str, str] = {}
    if result.invariant is not None:
        evidence = result.invariant.evidence
        verdicts = dict(zip(evidence["feature"], evidence["verdict"], strict=True))
    beside = naive_effects(result)
    rows = []
    for row in records(largest_first(result.effects.frame).head(most)):
        sd = float(row.outcome_sd)
        ok = row.status == "ok"
        verdict = verdicts.get(row.outcome, "")
        rows.append(
            {
                "feature": row.outcome,
                "contrast": row.contrast,
                "ok": ok,
                "reason": row.reason,
                "effect": signed(row.effect_sd),
                "interval": f"{signed(row.ci_low / sd)} to {signed(row.ci_high / sd)}"
                if ok and sd > 0
                else "",
                "naive": signed(beside.get((row.outcome, row.contrast), np.nan)),
                "q": probability(row.q),
                "significant": ok and float(row.q) < 0.05,
                "verdict": verdict if ok else "not_estimable",
                "said": VERDICT_WORDS.get(verdict, "") if ok else "not estimable",
            }
        )
    return rows


def largest_first(effects: pd.DataFrame) -> pd.DataFrame:
    """Order effects by their size [SD]; those that cannot be estimated come last."""
    size = effects["effect_sd"].astype(float).abs().to_numpy()
    size = np.where((effects["status"] == "ok").to_numpy() & np.isfinite(size), size, -1.0)
    return effects.iloc[np.argsort(-size, kind="stable")].reset_index(drop=True)


def naive_effects(result: StudyResult) -> dict[tuple[str, str], float]:
    """Return (feature, contrast) -> unadjusted difference [SD]."""
    if result.naive is None:
        return {}
    good = result.naive.estimable
    keys = zip(good["outcome"].astype(str), good["contrast"].astype(str), strict=True)
    return dict(zip(keys, good["effect_sd"].astype(float), strict=True))


def plan_rows(result: StudyResult) -> dict[str, Any] | None:
    """Return the constraint plan as a table of words."""
    if result.plan is None:
        return None
    frame = result.plan.to_frame().drop(columns="probability")
    return {"columns": list(frame.columns), "rows": frame.astype(str).values.tolist()}


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
                "smd": _small(part["max_smd"].astype(float).max()) if len(part) else "",
            }
        )
    return rows


def _range(values: pd.Series) -> str:
    known = values.dropna().astype(float)
    if known.empty:
        return ""
    low, high = f"{known.min():.0f}", f"{known.max():.0f}"
    return low if low == high else f"{low} to {high}"


def harmonization_rows(report: HarmonizationReport) -> list[dict[str, str]]:
    """Return the features before and after harmonisation, one row a stage."""
    return [
        {
            "stage": str(row.stage),
            "gap": number(row.batch_gap_sd, 2),
            "r2": share(row.batch_r2),
            "moved": share(row.share_moved),
            "auc": number(row.auc, 2),
            "outcome": number(row.outcome_r_abs, 2),
        }
        for row in records(report.summary())
    ]


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
        for row in records(frame)
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
            else "not known",
        }
        for row in records(part)
    ]


def _small(value: float) -> str:
    return "<0.001" if value < 0.001 else number(value, 2)
