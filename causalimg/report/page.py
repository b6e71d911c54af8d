"""The page of a study: one HTML file that needs nothing but itself."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from causalimg.atomic import write_text
from causalimg.recovery import recovery
from causalimg.report import rows, sections
from causalimg.report.plots import equivalence, forest, graph, love, overlap, truth_scatter, volcano
from causalimg.report.style import figure_to_svg, without_control
from causalimg.report.words import answer, number, plural, share, treatment_of
from causalimg.study_result import StudyResult

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup
    from matplotlib.axes import Axes

_TEMPLATES = Path(__file__).parent / "templates"
_MOST_CONTRASTS = 4
_MOST_LEVELS = 4
_SHOWN = 25


def render(result: StudyResult) -> str:
    """Return the report of a study as one self-contained HTML document.

    Parameters
    ----------
    result : StudyResult
        Every part but cohort and table may be missing; its section then says so or is left out.

    Returns
    -------
    str
        No reference to a network; every name from the data is escaped; equal studies give equal
        text.
    """
    from markupsafe import Markup

    treatment = treatment_of(result)
    content: dict[str, Any] = {
        "css": Markup(_read("report.css")),
        "js": Markup(_read("report.js")),
        "title": result.config.report.title or result.config.study.name,
        "treatment": treatment or "treatment",
        "result": result,
        "answer": answer(result),
        "n_cases": len(result.table.frame),
        "cohort": sections.cohort_table(result),
        "failures": result.table.failures.to_dict(orient="records"),
        "assumptions": sections.assumption_rows(result),
        "provenances": sections.provenance_rows(result),
        "config": sections.config_rows(result),
        "shown": _SHOWN,
        "refused": [refusal.stage for refusal in result.refusals],
        "confidence": "95 %",
        **_effect_parts(result),
        **_graph_parts(result),
        **_invariant_parts(result),
        **_truth_parts(result),
    }
    if result.config.effects is not None:
        content["confidence"] = f"{100 * (1 - result.config.effects.alpha):g} %"
    text = _environment().get_template("report.html.j2").render(content)
    return re.sub(r"[ \t]+\n", "\n", re.sub(r"\n\s*\n+", "\n", text)).strip() + "\n"


def write_report(result: StudyResult, path: str | Path) -> None:
    """Write the report of a study, whole or not at all.

    Parameters
    ----------
    result : StudyResult
    path : path
        The HTML file; its folder is made.
    """
    write_text(path, render(result))


def _svg(ax: Axes, title: str, name: str) -> Markup:
    from markupsafe import Markup

    figure = ax.get_figure(root=True)
    if figure is None:
        return Markup("")
    return Markup(figure_to_svg(figure, title=title, name=name))


def _effect_parts(result: StudyResult) -> dict[str, Any]:
    effects = result.effects
    parts: dict[str, Any] = {"effect_rows": [], "contrast_figures": [], "love": None,
                             "overlaps": [], "levels": [], "contrasts": []}  # fmt: skip
    if effects is None:
        return parts
    parts["effect_rows"] = rows.effect_rows(result)
    parts["contrasts"] = rows.contrast_rows(result)
    parts["levels"] = rows.level_rows(result)
    for k, name in enumerate(effects.contrasts[:_MOST_CONTRASTS]):
        parts["contrast_figures"].append(
            {
                "contrast": name,
                "volcano": _svg(volcano(effects, contrast=name),
                                f"Volcano plot of the effects {name}", f"volcano {k}"),
                "forest": _svg(
                    forest(effects, contrast=name, naive=result.naive, truth=result.truth),
                    f"Forest plot of the largest effects {name}", f"forest {k}"),
            }
        )  # fmt: skip
    if effects.balance is not None and len(effects.balance):
        parts["love"] = _svg(
            love(effects.balance), "Covariate balance before and after weighting", "love"
        )
    if result.propensity is not None:
        names = rows.propensity_levels(result.propensity)
        chosen = names[1:] if len(names) == 2 else names[:_MOST_LEVELS]
        parts["overlaps"] = [
            _svg(overlap(result.propensity, name), f"Overlap of the propensity of {name}",
                 f"overlap {k}")
            for k, name in enumerate(chosen)
        ]  # fmt: skip
    return parts


def _graph_parts(result: StudyResult) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "graph": None,
        "clusters": rows.cluster_rows(result.redundancy),
        "unused": rows.unused_rows(result.redundancy),
    }
    if result.graph is None:
        return parts
    drawn = graph(result.graph, tiers=rows.tiers_of(result) or None,
                  roles=rows.roles_of(result))  # fmt: skip
    edges = rows.edge_rows(result.graph)
    return parts | {
        "graph": _svg(drawn, "The causal graph", "graph"),
        "edges": edges,
        "kind": rows.KIND_WORDS[result.graph.kind],
        "n_unoriented": sum(row["edge"] != "→" for row in edges),
        "has_support": result.graph.support is not None,
        "has_weights": any(row["weight"] for row in edges),
    }


def _invariant_parts(result: StudyResult) -> dict[str, Any]:
    found = result.invariant
    if found is None:
        return {"invariant": None}
    return {
        "invariant": found,
        "counts": found.counts(),
        "equivalence": _svg(equivalence(found), "Effects against the margin", "equivalence"),
        "evidence": {name: rows.evidence_rows(result, name) for name in found.counts()},
    }


def _truth_parts(result: StudyResult) -> dict[str, Any]:
    if result.truth is None or result.effects is None or result.effects.estimable.empty:
        return {"recovery": None}
    found = recovery(result.effects, result.naive, result.invariant, result.truth)
    return {
        "recovery": found,
        "truth_figure": _svg(truth_scatter(result.effects, result.truth, result.naive),
                             "Estimated against true effects", "truth"),
    }  # fmt: skip


def _one_line(value: Any) -> Any:
    return without_control(value) if type(value) is str else value


def _breakable(value: object) -> Markup:
    """Let a long name break after its underscores."""
    from markupsafe import Markup, escape

    return Markup("_<wbr>").join(escape(without_control(str(value))).split("_"))


@cache
def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    made = Environment(
        loader=FunctionLoader(_read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_one_line,
    )
    made.filters |= {"number": number, "share": share, "g": "{:g}".format, "breakable": _breakable}
    made.globals |= {"plural": plural}
    return made
