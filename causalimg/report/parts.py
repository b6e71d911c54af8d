"""The sections of the page that hold figures: what each template is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from causalimg.graph.knowledge import Knowledge
from causalimg.recovery import recovery
from causalimg.report import rows
from causalimg.report.graph_view import graph_view_data, graph_view_fragment
from causalimg.report.plots import (
    batch_effects,
    equivalence,
    forest,
    graph,
    love,
    outcome_kept,
    overlap,
    truth_scatter,
    volcano,
)
from causalimg.report.style import figure_to_svg
from causalimg.study_result import StudyResult

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

_MOST_CONTRASTS = 4
_MOST_LEVELS = 4
_ROWS_WITHOUT_SCRIPT = 50


def _svg(ax: Axes, title: str, name: str) -> Markup:
    from markupsafe import Markup

    figure = ax.get_figure(root=True)
    if figure is None:
        return Markup("")
    return Markup(figure_to_svg(figure, title=title, name=name))


def effect_parts(result: StudyResult) -> dict[str, Any]:
    """Return figures and tables on the effects and their comparability."""
    effects = result.effects
    parts: dict[str, Any] = {"effect_rows": [], "n_effects": 0, "contrast_figures": [],
                             "love": None, "overlaps": [], "levels": [],
                             "contrasts": []}  # fmt: skip
    if effects is None:
        return parts
    parts["effect_rows"] = rows.effect_rows(result, most=_ROWS_WITHOUT_SCRIPT)
    parts["n_effects"] = len(effects.frame)
    parts["has_naive"] = any(np.isfinite(list(rows.naive_effects(result).values())))
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


def harmonization_parts(result: StudyResult) -> dict[str, Any]:
    """Return figures and a table of the features before and after harmonisation."""
    found = result.harmonization
    if found is None:
        return {"harmonization": None}
    kept = None
    if found.outcome is not None:
        kept = _svg(outcome_kept(found), f"Association with {found.outcome}", "outcome kept")
    return {
        "harmonization": found,
        "batch_figure": _svg(batch_effects(found, n=25), "Batch effects before and after", "batch"),
        "outcome_figure": kept,
        "harmonization_rows": rows.harmonization_rows(found),
    }


def graph_parts(result: StudyResult) -> dict[str, Any]:
    """Return the graph, drawn and interactive, and its tables."""
    parts: dict[str, Any] = {
        "graph": None,
        "clusters": rows.cluster_rows(result.redundancy),
        "unused": rows.unused_rows(result.redundancy),
    }
    if result.graph is None:
        return parts
    from markupsafe import Markup

    tiers = rows.tiers_of(result)
    knowledge = Knowledge(tiers=tiers) if tiers else None
    drawn = graph(result.graph, tiers=tiers or None,
                  roles=rows.roles_of(result))  # fmt: skip
    edges = rows.edge_rows(result.graph)
    return parts | {
        "graph": _svg(drawn, "The causal graph", "graph"),
        "explorable": Markup(
            graph_view_fragment(
                graph_view_data(
                    result.graph,
                    fitted=result.evidence,
                    knowledge=knowledge if result.evidence is None else None,
                ),
                name="The causal graph",
            )
        ),
        "edges": edges,
        "kind": rows.KIND_WORDS[result.graph.kind],
        "n_unoriented": sum(row["edge"] != "→" for row in edges),
        "has_support": result.graph.support is not None,
        "has_weights": any(row["weight"] for row in edges),
    }


def invariant_parts(result: StudyResult) -> dict[str, Any]:
    """Return the invariant set's figure and evidence."""
    found = result.invariant
    if found is None:
        return {"invariant": None}
    return {
        "invariant": found,
        "counts": found.counts(),
        "equivalence": _svg(equivalence(found), "Effects against the margin", "equivalence"),
        "evidence": {name: rows.evidence_rows(result, name) for name in found.counts()},
    }


def truth_parts(result: StudyResult) -> dict[str, Any]:
    """Return how near the estimates came to a known truth."""
    if result.truth is None or result.effects is None or result.effects.estimable.empty:
        return {"recovery": None}
    found = recovery(result.effects, result.naive, result.invariant, result.truth)
    return {
        "recovery": found,
        "truth_figure": _svg(truth_scatter(result.effects, result.truth, result.naive),
                             "Estimated against true effects", "truth"),
    }  # fmt: skip
