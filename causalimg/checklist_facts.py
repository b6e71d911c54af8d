"""What the records of a study know that a reporting checklist asks for, with its source."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from causalimg.study_result import FILES, StudyResult
from causalimg.tables.encode import is_categorical

Facts = dict[str, tuple[str, str]]
"""Name of a fact -> what is known, and the file and place that it comes from."""


def facts(result: StudyResult) -> Facts:
    """Return every recorded fact of a study; what it does not know is not in it.

    Parameters
    ----------
    result : StudyResult
    """
    found = _study(result) | _data(result)
    if result.cohort is not None:
        found |= _extraction(result)
    return found | _preparation(result) | _graph(result) | _effects(result)


def _study(result: StudyResult) -> Facts:
    study, summary = result.config.study, FILES["summary"]
    found: Facts = {
        "this_form": ("this form, drafted from the records of causalimg", summary),
        "stages": (", ".join(result.stages), f"{summary}, stages"),
        "split": (f"no split: all {len(result.table.frame)} cases are used together", summary),
        "no_network": ("none: features are computed by formulae", summary),
        "feature_file": (f"{FILES['table']}, with a dictionary of its columns", FILES["table"]),
        "settings_file": (f"{summary} and the provenance in every record", summary),
    }
    versions = {k: v for made in result.provenance().values() for k, v in made.versions.items()}
    if "causalimg" in versions:
        said = f"causalimg {versions['causalimg']} (BSD-3-Clause)"
        found["code"] = (said, "provenance, versions")
    if study.keywords:
        found["keywords"] = (", ".join(study.keywords), f"{summary}, [study] keywords")
    if study.license:
        found["license"] = (f"licence {study.license}", f"{summary}, [study] license")
    assumptions = {text for made in result.provenance().values() for text in made.assumptions}
    if assumptions:
        said = f"{len(assumptions)} assumptions are listed in the report"
        found["assumptions"] = (said, FILES["report"])
    refused = "; ".join(f"{refusal.stage}: {refusal.reason}" for refusal in result.refusals)
    found["refusals"] = (refused or "no stage was refused", f"{summary}, refusals")
    return found


def _data(result: StudyResult) -> Facts:
    table = result.table
    frame, source = table.frame, FILES["table"]
    failed = len(table.failures)
    found: Facts = {
        "cases": (f"{len(frame) + failed} cases, {len(frame)} used", source),
        "failures": (f"{failed} cases could not be read or computed", f"{source}, failures"),
        "n_features": (f"{len(table.features)} features a case", source),
    }
    for name, role in (("covariates", "covariate"), ("outcomes", "outcome")):
        if table.names(role):
            found[name] = (", ".join(table.names(role)), f"{source}, column dictionary")
    context = table.names("context")
    if context:
        said = "; ".join(f"{name}: {_summary(frame[name])}" for name in context)
        found["acquisition"] = (said, source)
    sites = [n for n in context if any(w in n.lower() for w in ("site", "cent", "hospital"))]
    if sites:
        said = "; ".join(f"{frame[n].nunique()} levels of {n}" for n in sites)
        found["sites"] = (said, source)
    declared = [*table.names("covariate"), *context, *table.names("outcome")]
    if declared:
        said = "; ".join(f"{name}: {_summary(frame[name])}" for name in declared)
        found["baseline"] = (said, f"{source}; by treatment level in {FILES['report']}")
        gaps = {name: int(frame[name].isna().sum()) for name in declared}
        lost = "; ".join(f"{name}: {n} missing" for name, n in gaps.items() if n)
        found["missing"] = (lost or "no missing value in the declared columns", source)
    coded = [n for n in table.names("outcome") if frame[n].nunique(dropna=True) <= 10]
    if coded:
        said = "; ".join(f"{n}: {_counts(frame[n])}" for n in coded)
        found["balance_of_outcomes"] = (said, source)
    return found


def _extraction(result: StudyResult) -> Facts:
    made = result.table.provenance
    if made is None:
        return {}
    s, source = made.settings, f"{FILES['table']}, provenance"
    found: Facts = {
        "masks": (f"{len(result.table.frame)} masks, read as they are", FILES["cohort"]),
        "software": (f"engine {s['engine']}, {s['engine_version']}", source),
        "parameters": ("every parameter is recorded, those left at their default too", source),
    }
    if s.get("mode") == "ibsi" and s.get("ibsi"):
        said = ", ".join(f"{k} = {v}" for k, v in s["ibsi"].items() if v is not None)
        found["standard"] = ("features and preparation by the IBSI", source)
        found["preparation"] = found["resampling"] = found["discretisation"] = (said, source)
        return found
    coded = sum(bool(c.ibsi) for c in result.table.columns if c.role == "feature")
    found["standard"] = (
        f"definitions of PyRadiomics; {coded} of {len(result.table.features)} features carry the"
        " code of the IBSI definition that they share", f"{FILES['table']}, column dictionary",
    )  # fmt: skip
    parts = [f"normalised to a scale of {s['normalize_scale']:g}" if s["normalize"] else "",
             f"resegmented to {s['resegment_range']} ({s['resegment_mode']})"
             if s["resegment_range"] else "",
             "within slices (2D)" if s["force_2d"] else ""]  # fmt: skip
    said = ", ".join(part for part in parts if part) or "no normalisation, no resegmentation"
    found["preparation"] = (said, source)
    if s["resample"] is None:
        found["resampling"] = ("none: the voxels of each scan", source)
    else:
        said = f"to {s['resample']} mm (z, y, x) with {s['interpolator']}"
        found["resampling"] = (said, source)
    bins = f"{s['bin_count']} bins" if s["bin_count"] else f"bins {s['bin_width']:g} wide"
    found["discretisation"] = (f"{bins}, in the image's intensity", source)
    found["image_types"] = (", ".join(s["image_types"]), source)
    found["classes"] = (", ".join(s["feature_classes"]), source)
    return found


def _preparation(result: StudyResult) -> Facts:
    found: Facts = {}
    notes = [note for note in result.notes if "harmonised" in note]
    said = "; ".join(notes) or "no harmonisation"
    found["harmonisation"] = (said, f"{FILES['summary']}, notes")
    found["scaling"] = (
        "features are used in their own unit; effects are given in SD too",
        "method",
    )
    redundancy = result.redundancy
    if redundancy is not None:
        kept = int((redundancy["status"] == "kept").sum())
        limit = float(redundancy["threshold"].iloc[0])
        said = (
            f"features with |{result.config.redundancy.method} r| above {limit:g} stand for one"
            f" another in the graph: {kept} of {len(redundancy)} kept"
        )
        found["reduction"] = (said, FILES["redundancy"])
        found["dimension"] = (f"{kept} features in the graph, {len(result.table.frame)} cases",
                              FILES["redundancy"])  # fmt: skip
    if result.invariant is not None:
        counts = result.invariant.counts()
        said = (
            f"equivalence test over {result.invariant.environment} within"
            f" {result.invariant.margin:g} SD"
        )
        found["stability"] = (said, FILES["invariant"])
        said = "; ".join(f"{n} {name.replace('_', ' ')}" for name, n in counts.items())
        found["stability_result"] = (said, FILES["invariant"])
    return found


def _graph(result: StudyResult) -> Facts:
    section, graph = result.config.discover, result.graph
    if section is None or graph is None:
        return {}
    said = f"causal graph learned by {section.method}"
    if section.options:
        said += f" ({', '.join(f'{k} = {v}' for k, v in section.options.items())})"
    found = {"graph": (said, f"{FILES['graph']}, provenance")}
    edges = len(graph.to_frame())
    found["graph_result"] = (f"{len(graph.nodes)} nodes, {edges} edges ({graph.kind})",
                             FILES["graph"])  # fmt: skip
    if section.n_bootstrap:
        said = f"edge support over {section.n_bootstrap} resamples"
        found["support"] = (said, FILES["graph"])
    return found


def _effects(result: StudyResult) -> Facts:
    section, effects = result.config.effects, result.effects
    if section is None:
        return {}
    found: Facts = {
        "question": (f"the effect of {section.treatment} on every feature", FILES["summary"]),
        "adjustment": (f"adjusted for {', '.join(section.adjustment) or 'nothing'}",
                       f"{FILES['summary']}, [effects]"),
    }  # fmt: skip
    if effects is None:
        return found
    good = effects.estimable
    estimand = "" if good.empty else f", estimand {good['estimand'].iloc[0]}"
    found["estimator"] = (f"effects by {section.estimator}{estimand}", FILES["effects"])
    level = f"{100 * (1 - section.alpha):g} % confidence intervals of {len(good)} effects"
    found["uncertainty"] = (level, FILES["effects"])
    method = {"bh": "Benjamini-Hochberg", "by": "Benjamini-Yekutieli"}[section.fdr]
    found["multiplicity"] = (f"false discovery rate by {method} (q)", FILES["effects"])
    hits = int((good["q"] < 0.05).sum())
    said = f"{hits} of {len(good)} estimable effects of {section.treatment} with q < 0.05"
    found["effects_result"] = (said, FILES["effects"])
    worst = good["max_smd"].to_numpy(dtype=float)
    if worst.size and np.isfinite(worst).any():
        said = f"largest standardised mean difference left: {np.nanmax(worst):.2f}"
        found["comparability"] = ("; ".join([said, *effects.notes]), FILES["effects"])
    return found


def _summary(column: pd.Series) -> str:
    if is_categorical(column) or column.nunique(dropna=True) <= 5:
        return _counts(column)
    values: Any = column.dropna().to_numpy(dtype=float)
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"median {middle:.3g} (quartiles {low:.3g} to {high:.3g})"


def _counts(column: pd.Series) -> str:
    counts = column.dropna().astype(str).value_counts().sort_index()
    said = ", ".join(f"{level} {n}" for level, n in counts.head(6).items())
    return said + (f" and {len(counts) - 6} more" if len(counts) > 6 else "")
