"""The canonical imaging graphs, and the two tables that say what each of them licenses."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from causalimg.graph.core import CausalGraph
from causalimg.training.licence import Family, separated, statement
from causalimg.training.plan import ConstraintPlan
from causalimg.training.roles import Roles
from causalimg.training.scene import build_scene

OUTCOME, ENVIRONMENT, ATTRIBUTE, CONTENT, IMAGE = "Y", "E", "A", "C", "X"


@dataclass(frozen=True)
class CanonicalGraph:
    """A textbook situation: edges over Y (outcome), E (environment), A (attribute), C, X, U, S."""

    name: str
    edges: str
    selected: bool = False

    def graph(self) -> CausalGraph:
        """Return the DAG; content and attribute always act on the image."""
        pairs = [tuple(edge.split("->")) for edge in f"{self.edges} C->X A->X".split()]
        nodes = sorted({node for pair in pairs for node in pair})
        matrix = [[int((a, b) in pairs) for b in nodes] for a in nodes]
        return CausalGraph.from_directed(tuple(nodes), matrix)

    def plan(self) -> ConstraintPlan:
        """Return the plan of the graph."""
        return ConstraintPlan.from_graph(
            self.graph(),
            outcome=OUTCOME,
            environment=ENVIRONMENT,
            attributes=[ATTRIBUTE],
            image=IMAGE,
            content=CONTENT,
            selection=["S"] if self.selected else (),
        )


STATEMENT_GRAPHS = (
    CanonicalGraph("attribute follows the environment", "C->Y E->A"),
    CanonicalGraph("outcome causes the attribute", "C->Y Y->A E->A"),
    CanonicalGraph("outcome and attribute confounded", "C->Y U->Y U->A E->A"),
    CanonicalGraph("cases selected on outcome and attribute", "C->Y Y->S A->S E->A", True),
    CanonicalGraph("disease shows; attribute confounded with it", "Y->C U->Y U->A E->A"),
    CanonicalGraph("disease shows; disease causes the attribute", "Y->C Y->A E->A"),
    CanonicalGraph("disease shows; site drives case mix and scanner", "Y->C E->Y E->A"),
    CanonicalGraph("label read off; site drives content and scanner", "C->Y E->C E->A"),
    CanonicalGraph(
        "label read off; site drives content, outcome causes attribute", "C->Y E->C Y->A E->A"
    ),
    CanonicalGraph("content causes the attribute", "C->Y C->A E->A"),
)

FAMILY_GRAPHS = (
    CanonicalGraph("scanner differs by site, nothing else", "C->Y E->A"),
    CanonicalGraph("disease shows; scanner by site", "Y->C E->A"),
    CanonicalGraph("disease shows; case mix and scanner by site (label shift)", "Y->C E->Y E->A"),
    CanonicalGraph("label read off; population and scanner by site", "C->Y E->C E->A"),
    CanonicalGraph("site changes labelling practice (concept shift)", "C->Y E->Y E->A"),
    CanonicalGraph("shortcut: outcome causes a mark, rate varies by site", "C->Y Y->A E->A"),
    CanonicalGraph(
        "disease shows, with a shortcut (treated patients get a drain)", "Y->C Y->A E->A"
    ),
    CanonicalGraph("confounded attribute (age acts on both)", "C->Y U->Y U->A E->A"),
    CanonicalGraph("selection rule differs by site", "C->Y Y->S A->S E->S E->A", True),
)

ATTRIBUTE_SETS: tuple[tuple[str, ...], ...] = (
    (),
    (OUTCOME,),
    (ENVIRONMENT,),
    (OUTCOME, ENVIRONMENT),
)


def statement_table() -> pd.DataFrame:
    """Return for each canonical graph the statements licensed for attribute and environment.

    Examples
    --------
    >>> statement_table().loc[1, "attribute"]
    'C ⊥ A | Y'
    """
    rows = []
    for case in STATEMENT_GRAPHS:
        plan = case.plan()
        verdict = plan.verdicts[ATTRIBUTE]
        hidden = {"S"}
        sets = [] if verdict.given is None else [verdict.given, *verdict.alternatives]
        shown = [statement(CONTENT, ATTRIBUTE, [n for n in s if n not in hidden]) for s in sets]
        families = plan.families
        environment = "none"
        for family, given in (
            (Family.MARGINAL_ALIGNMENT, ()),
            (Family.CONDITIONAL_ALIGNMENT, ("Y",)),
        ):
            if families[family].holds:
                environment = statement(CONTENT, ENVIRONMENT, given)
                break
        rows.append(
            {
                "graph": case.name,
                "edges": case.edges.replace("->", "→"),
                "attribute": "; ".join(shown) if shown else f"refused: {verdict.kind}",
                "environment": environment,
            }
        )
    return pd.DataFrame(rows)


def family_table() -> pd.DataFrame:
    """Return for each canonical graph which families of losses and which statements hold.

    Examples
    --------
    >>> family_table().loc[2, ["risk_invariance", "conditional_alignment"]].tolist()
    [False, True]
    """
    rows = []
    for case in FAMILY_GRAPHS:
        plan = case.plan()
        row: dict[str, object] = {"graph": case.name, "edges": case.edges.replace("->", "→")}
        row |= {str(family): verdict.holds for family, verdict in plan.families.items()}
        roles: Roles = plan.roles
        scene = build_scene(case.graph(), roles)
        for given in ATTRIBUTE_SETS:
            row[statement(CONTENT, ATTRIBUTE, given)] = separated(
                scene, CONTENT, ATTRIBUTE, given, roles
            )
        rows.append(row)
    return pd.DataFrame(rows)


def page() -> str:
    """Return both tables as a Markdown page."""
    lines = [
        "# Which constraint does a graph license?",
        "",
        "Y is the outcome, E the environment (site), A an attribute that leaves a trace in the",
        "image (scanner, marker), C the content (the part of the image about Y), X the image, U a",
        "hidden cause, S selection into the data. C → X and A → X in every graph. This page is",
        "written by `python -m causalimg.training.canonical`, from the code that makes a plan.",
        "",
        "## The statement for an attribute, and for the environment",
        "",
        *_markdown(statement_table()),
        "",
        "## The losses across environments, and the statements for an attribute",
        "",
        "`risk_invariance` (IRM, V-REx, Fishr) needs Y ⊥ E | C; `marginal_alignment` (MMD, CORAL,",
        "domain-adversarial) needs C ⊥ E; `conditional_alignment` (class-conditional MMD,",
        "label-shift weights) needs C ⊥ E | Y.",
        "",
        *_markdown(family_table()),
        "",
        "No single loss is right in every row; a wrong one removes signal or keeps the shortcut.",
        "Measured, where the cue breaks: [training under constraints](tables/training.md).",
        "",
    ]
    return "\n".join(lines)


def _markdown(table: pd.DataFrame) -> list[str]:
    words = {True: "yes", False: "no"}
    head = [str(name).replace("|", "\\|") for name in table.columns]
    out = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for row in table.itertuples(index=False):
        cells = [words[c] if isinstance(c, bool) else str(c).replace("|", "\\|") for c in row]
        out.append("| " + " | ".join(cells) + " |")
    return out


if __name__ == "__main__":
    import sys

    sys.stdout.write(page())
