"""Plans: the two published tables, statements checked by another d-separation, refusals."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from causalimg.errors import IdentificationError, InvalidInputError, SchemaError, UnknownNameError
from causalimg.graph.core import CausalGraph, GraphKind, Mark
from causalimg.graph.metrics import dag_to_cpdag
from causalimg.training.canonical import FAMILY_GRAPHS, family_table, page, statement_table
from causalimg.training.licence import Family, Kind
from causalimg.training.plan import ConstraintPlan

FAMILIES = {  # P, M, K and the statements given nothing, Y, E, both; as published
    0: "yyy yyyy",
    1: "yyy yyyy",
    2: "nny nyyy",
    3: "ynn nnyy",
    4: "nyn ynyy",
    5: "yyy nyny",
    6: "yyy nyny",
    7: "yyy ynyn",
    8: "nny nyny",
}
STATEMENTS = [
    ("C ⊥ A", "C ⊥ E"),
    ("C ⊥ A | Y", "C ⊥ E"),
    ("C ⊥ A", "C ⊥ E"),
    ("C ⊥ A | Y", "C ⊥ E | Y"),
    ("C ⊥ A | Y", "C ⊥ E"),
    ("C ⊥ A | Y", "C ⊥ E"),
    ("C ⊥ A | Y; C ⊥ A | E", "C ⊥ E | Y"),
    ("C ⊥ A | E", "none"),
    ("C ⊥ A | Y, E", "none"),
]


def graph_of(text: str, kind: str = "dag") -> CausalGraph:
    """Return a graph from ``"a->b b->c"``."""
    pairs = [tuple(edge.split("->")) for edge in text.split()]
    nodes = sorted({n for p in pairs for n in p})
    matrix = [[int((a, b) in pairs) for b in nodes] for a in nodes]
    return CausalGraph.from_directed(tuple(nodes), matrix, kind=kind)


def test_statement_table_is_the_published_one() -> None:
    table = statement_table()
    found = list(zip(table["attribute"], table["environment"], strict=True))
    assert found[:9] == STATEMENTS
    assert table["attribute"][9] == "refused: no_set"


def test_family_table_is_the_published_one() -> None:
    table = family_table().drop(columns=["graph", "edges"])
    for row, wanted in FAMILIES.items():
        values = ["y" if v else "n" for v in table.iloc[row]]
        assert "".join(values[:3]) + " " + "".join(values[3:]) == wanted, FAMILY_GRAPHS[row].name


def test_documentation_page_is_the_generated_one() -> None:
    written = Path(__file__).resolve().parents[2] / "docs" / "constraints.md"
    assert written.read_text("utf-8") == page()


def random_dag(rng: np.random.Generator) -> CausalGraph:
    """Return a random DAG over all roles in which content and image are always there."""
    nodes = ["Y", "E", "A", "B", "C", "U", "age", "S"]
    order = rng.permutation(nodes)
    pairs = [(a, b) for a, b in combinations(order, 2) if rng.random() < 0.25]
    pairs.append(("C", "X"))
    pairs += [(a, "X") for a in ("A", "B") if rng.random() < 0.8]
    names = (*sorted(nodes), "X")
    return CausalGraph.from_directed(names, [[int((a, b) in pairs) for b in names] for a in names])


def test_every_statement_and_refusal_on_random_dags_by_an_independent_oracle() -> None:
    rng = np.random.default_rng(11)
    kinds: dict[Kind, int] = {}
    for _ in range(500):
        graph = random_dag(rng)
        plan = ConstraintPlan.from_graph(
            graph,
            outcome="Y",
            environment="E",
            attributes=["A", "B"],
            image="X",
            content="C",
            selection=["S"],
            observed=["age"],
        )
        oracle = graph.to_networkx()
        for name, verdict in plan.verdicts.items():
            kinds[verdict.kind] = kinds.get(verdict.kind, 0) + 1
            other = "B" if name == "A" else "A"
            pool = ["Y", "E", other, "age"]
            true_sets = [
                set(s)
                for size in range(5)
                for s in combinations(pool, size)
                if nx.is_d_separator(oracle, {"C"}, {name}, {*s, "S"})
            ]
            causes = "Y" in nx.descendants(oracle, name)
            reaches = "X" in nx.descendants(oracle, name)
            if verdict.kind is Kind.CAUSES_OUTCOME:
                assert causes
            elif verdict.kind is Kind.NOT_IN_IMAGE:
                assert not causes and not reaches
            elif verdict.kind is Kind.NO_SET:
                assert not causes and reaches and not true_sets
            else:
                assert verdict.kind is Kind.STATEMENT and not causes and reaches
                given = set(verdict.given or ()) - {"S"}
                assert given in true_sets
                assert len(given) == min(map(len, true_sets))
                smallest = [s for s in true_sets if not any(t < s for t in true_sets)]
                listed = [given, *map(set, verdict.alternatives)]
                assert len(listed) == len(smallest) and all(s in listed for s in smallest)
        asked = {
            Family.RISK_INVARIANCE: ("Y", {"C", "S"}),
            Family.MARGINAL_ALIGNMENT: ("C", {"S"}),
            Family.CONDITIONAL_ALIGNMENT: ("C", {"Y", "S"}),
        }
        for family, (node, given) in asked.items():
            truth = nx.is_d_separator(oracle, {node}, {"E"}, given)
            assert plan.families[family].holds is truth
    assert min(kinds[k] for k in Kind if k is not Kind.AMBIGUOUS) >= 30, kinds


def test_attribute_that_causes_the_outcome_is_refused_unless_the_path_is_marked_spurious() -> None:
    graph = graph_of("sex->Y Y->image sex->image site->sex")
    plan = ConstraintPlan.from_graph(graph, outcome="Y", environment="site", attributes=["sex"])
    verdict = plan.verdicts["sex"]
    assert verdict.refused and verdict.kind is Kind.CAUSES_OUTCOME
    assert "sex -> Y" in verdict.reason and verdict.constraints == ("backdoor_adjustment",)
    marked = ConstraintPlan.from_graph(
        graph, outcome="Y", environment="site", attributes=["sex"], spurious=[("sex", "Y")]
    )
    assert marked.verdicts["sex"].given == ("Y",)


def test_nothing_reaches_the_image() -> None:
    graph = graph_of("Y->image Y->ward")
    verdict = ConstraintPlan.from_graph(graph, outcome="Y", attributes=["ward"]).verdicts["ward"]
    assert verdict.kind is Kind.NOT_IN_IMAGE and "no directed path" in verdict.reason


def test_a_hidden_common_cause_that_would_help_is_named() -> None:
    graph = graph_of("C->Y C->X frailty->C frailty->A A->X")
    verdict = ConstraintPlan.from_graph(
        graph, outcome="Y", attributes=["A"], image="X", content="C"
    ).verdicts["A"]
    assert verdict.kind is Kind.NO_SET and "measure 'frailty'" in verdict.reason
    seen = ConstraintPlan.from_graph(
        graph, outcome="Y", attributes=["A"], image="X", content="C", observed=["frailty"]
    ).verdicts["A"]
    assert seen.given == ("frailty",)


def test_cpdag_that_agrees_is_used_and_one_that_does_not_names_the_edge() -> None:
    dag = graph_of("Y->image scanner->image site->scanner")
    cpdag = dag_to_cpdag(dag)
    assert cpdag.undirected().any()
    roles = {"outcome": "Y", "environment": "site", "attributes": ["scanner"]}
    plan = ConstraintPlan.from_graph(cpdag, **roles)
    assert plan.verdicts["scanner"].given == ()
    nodes = ("Y", "age", "image", "scanner")
    matrix = [[0, 1, 1, 0], [1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 1, 0]]
    marks = CausalGraph.from_directed(nodes, matrix, kind="cpdag")
    split = ConstraintPlan.from_graph(marks, outcome="Y", attributes=["scanner"])
    verdict = split.verdicts["scanner"]
    assert verdict.kind is Kind.AMBIGUOUS and verdict.refused
    assert set(verdict.deciding) <= {"Y --- age", "age --- scanner"} and verdict.deciding
    assert "of 3 DAGs" in verdict.reason


def test_the_class_is_limited_and_a_pag_is_refused() -> None:
    nodes = (*tuple("abcdef"), "Y", "image")
    complete = np.zeros((8, 8), dtype=int)
    complete[:6, :6] = 1 - np.eye(6, dtype=int)
    complete[6, 7] = 1
    cpdag = CausalGraph.from_directed(nodes, complete, kind="cpdag")
    with pytest.raises(IdentificationError, match="more than 100 DAGs"):
        ConstraintPlan.from_graph(cpdag, outcome="Y", attributes=["a"], max_members=100)
    marks = np.array([[0, Mark.ARROW], [Mark.CIRCLE, 0]], dtype=np.int8)
    pag = CausalGraph(("Y", "image"), marks, GraphKind.PAG)
    with pytest.raises(IdentificationError, match="PAG"):
        ConstraintPlan.from_graph(pag, outcome="Y")


def test_admg_bidirected_edge_is_a_hidden_common_cause() -> None:
    marks = np.zeros((3, 3), dtype=np.int8)  # Y, A, image
    marks[0, 1] = marks[1, 0] = Mark.ARROW
    marks[0, 2] = marks[1, 2] = Mark.ARROW
    marks[2, 0] = marks[2, 1] = Mark.TAIL
    graph = CausalGraph(("Y", "A", "image"), marks, GraphKind.ADMG)
    plan = ConstraintPlan.from_graph(graph, outcome="Y", attributes=["A"])
    assert plan.verdicts["A"].given == ("Y",)


def test_measured_features_stand_for_the_image() -> None:
    graph = graph_of("site->scanner scanner->f1 scanner->f2 Y->f1 Y->f3 age->f3 site->Y f1->f2")
    plan = ConstraintPlan.from_graph(
        graph, outcome="Y", environment="site", attributes=["scanner"], observed=["age"]
    )
    assert plan.verdicts["scanner"].given == ("Y",)
    assert plan.families[Family.CONDITIONAL_ALIGNMENT].holds
    assert not plan.families[Family.MARGINAL_ALIGNMENT].holds
    assert any("3 measured features stand for the image" in note for note in plan.notes)
    assert "age -> content" not in str(plan)
    with pytest.raises(InvalidInputError, match="edges in both directions"):
        mixed = graph_of("scanner->f1 f1->Y Y->f3")
        ConstraintPlan.from_graph(mixed, outcome="Y", attributes=["scanner"])


def test_features_and_a_covariate_that_cause_each_other() -> None:
    graph = graph_of("f1->dose dose->f2 Y->f1 scanner->f2")
    with pytest.raises(InvalidInputError, match="'content' would be caused by"):
        ConstraintPlan.from_graph(
            graph, outcome="Y", attributes=["scanner"], image=["f1", "f2"], observed=["dose"]
        )


def test_probability_is_the_share_of_resamples_that_license_the_statement() -> None:
    base = "site->scanner scanner->image Y->image"
    graph = graph_of(base)
    resamples = [graph_of(base)] * 6 + [graph_of(base + " Y->scanner")] * 3
    resamples.append(graph_of(base + " scanner->Y"))
    plan = ConstraintPlan.from_graph(
        graph, outcome="Y", environment="site", attributes=["scanner"], resamples=resamples
    )
    assert plan.verdicts["scanner"].given == ()
    assert plan.verdicts["scanner"].probability == pytest.approx(0.6)
    assert plan.families[Family.MARGINAL_ALIGNMENT].probability == pytest.approx(0.9)
    assert "holds in 60% of resamples" in str(plan)


def test_a_resample_that_cannot_be_read_counts_against() -> None:
    graph = graph_of("scanner->image Y->image")
    open_ = CausalGraph.from_directed(graph.nodes, np.zeros((3, 3), dtype=int))
    plan = ConstraintPlan.from_graph(
        graph, outcome="Y", attributes=["scanner"], resamples=[graph, open_]
    )
    assert plan.verdicts["scanner"].probability == pytest.approx(0.5)
    assert any("1 of 2 resampled graphs" in note for note in plan.notes)


def test_bad_roles() -> None:
    graph = graph_of("scanner->image Y->image")
    with pytest.raises(UnknownNameError, match="did you mean 'scanner'"):
        ConstraintPlan.from_graph(graph, outcome="Y", attributes=["scaner"])
    with pytest.raises(InvalidInputError, match="more than one role"):
        ConstraintPlan.from_graph(graph, outcome="Y", attributes=["Y"])
    with pytest.raises(InvalidInputError, match="must be a list"):
        ConstraintPlan.from_graph(graph, outcome="Y", attributes="scanner")
    with pytest.raises(InvalidInputError, match="did you mean 'anticausal'"):
        ConstraintPlan.from_graph(graph, outcome="Y", direction="anticausl")
    with pytest.raises(InvalidInputError, match="no edge between 'Y' and the image"):
        ConstraintPlan.from_graph(graph_of("scanner->image Y->scanner"), outcome="Y")
    with pytest.raises(InvalidInputError, match="does not reach the image"):
        ConstraintPlan.from_graph(
            graph_of("Y->image Y->c"), outcome="Y", image="image", content="c"
        )


def test_save_load_and_a_tampered_file(tmp_path: Path) -> None:
    graph = graph_of("site->scanner scanner->image Y->image site->Y")
    plan = ConstraintPlan.from_graph(
        graph,
        outcome="Y",
        environment="site",
        attributes=["scanner"],
        resamples=[graph, graph_of("site->scanner scanner->image Y->image site->Y Y->scanner")],
    )
    path = tmp_path / "plan.json"
    plan.save(path)
    again = ConstraintPlan.load(path)
    assert again.to_dict() == plan.to_dict()
    assert str(again) == str(plan)
    text = path.read_text("utf-8")
    path.write_text(text.replace('"scanner"', '"skanner"'), "utf-8")
    with pytest.raises(SchemaError, match="changed after it was written"):
        ConstraintPlan.load(path)
    path.write_text(text.replace("constraint_plan/1.1.0", "constraint_plan/1.0.0"), "utf-8")
    with pytest.raises(SchemaError, match=r"1\.0\.0"):
        ConstraintPlan.load(path)


def test_the_frame_and_the_lines_say_the_same() -> None:
    graph = graph_of("site->scanner scanner->image Y->image Y->ward")
    plan = ConstraintPlan.from_graph(
        graph, outcome="Y", environment="site", attributes=["scanner", "ward"]
    )
    frame = plan.to_frame().set_index("subject")
    assert frame.loc["scanner", "statement"] == "content ⊥ scanner"
    assert frame.loc["ward", "verdict"] == "not_in_image"
    assert frame.loc["site: risk_invariance", "verdict"] == "licensed"
    lines = str(plan).splitlines()
    assert lines[0].startswith("scanner: content ⊥ scanner") and "refused" in lines[1]
