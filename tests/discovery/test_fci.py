from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from linear_models import oracle as population
from linear_models import random_dag, simulate
from pag_truth import Oracle, ancestral_graph, random_mixed, true_pag

from causalimg.discovery.bootstrap import BootstrapDiscovery
from causalimg.discovery.fci import FCI
from causalimg.discovery.pag_orientation import orient_pag
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph, Mark
from causalimg.graph.knowledge import Knowledge
from causalimg.tables.moments import Moments

RULES = ("majority", "conservative", "standard")
ENDS = {"o": Mark.CIRCLE, "<": Mark.ARROW, ">": Mark.ARROW, "-": Mark.TAIL}


def blank(oracle: Oracle) -> Moments:
    """Moments that pass the checks; the oracle answers every test."""
    d = len(oracle.nodes)
    blocks = {name: np.array([k]) for k, name in enumerate(oracle.nodes)}
    return Moments(oracle.nodes, 1000, np.zeros(d), np.eye(d), blocks, {})


def fit(oracle: Oracle, **settings) -> FCI:
    return FCI(test=oracle, alpha=0.5, **settings).fit(blank(oracle))


def marks_of(edges: str, nodes: str) -> np.ndarray:
    """'a o-> b, b --- c' as marks."""
    marks = np.zeros((len(nodes), len(nodes)), dtype=np.int8)
    for edge in edges.split(", "):
        a, ends, b = edge.split()
        i, j = nodes.index(a), nodes.index(b)
        marks[j, i], marks[i, j] = ENDS[ends[0]], ENDS[ends[2]]
    return marks


def dag_of(edges: str) -> CausalGraph:
    pairs = [edge.split(">") for edge in edges.split()]
    nodes = sorted({name for pair in pairs for name in pair})
    directed = np.zeros((len(nodes), len(nodes)), dtype=bool)
    for a, b in pairs:
        directed[nodes.index(a), nodes.index(b)] = True
    return CausalGraph.from_directed(nodes, directed)


@pytest.mark.parametrize(
    ("before", "after", "sets"),
    [
        ("a o-> b, b o-o c", "a o-> b, b --> c", {}),  # R1
        ("a --> b, b o-> c, a o-o c", "a --> b, b o-> c, a o-> c", {}),  # R2
        (
            "a o-> b, c o-> b, a o-o d, c o-o d, d o-o b",
            "a o-> b, c o-> b, a o-o d, c o-o d, d o-> b",
            {},
        ),  # R3
        (
            "d o-> a, a <-> b, a --> c, b o-> c",
            "d o-> a, a <-> b, a --> c, b --> c",
            {(2, 3): (0, 1)},
        ),  # R4, b in the separating set of c and d
        (
            "d o-> a, a <-o b, a --> c, b o-> c",
            "d o-> a, a <-> b, a --> c, b <-> c",
            {(2, 3): (0,)},
        ),  # R4, b is not
        (
            "a o-o b, b o-o c, c o-o d, d o-o a",
            "a --- b, b --- c, c --- d, d --- a",
            {},
        ),  # R5
        ("a --- b, b o-> c", "a --- b, b --> c", {}),  # R6
        ("a --o b, b o-> c", "a --o b, b --> c", {}),  # R7
        ("a --> b, b --> c, a o-> c", "a --> b, b --> c, a --> c", {}),  # R8
        (
            "a o-> c, a o-o b, b o-o d, d o-> c",
            "a --> c, a o-o b, b o-o d, d --> c",
            {},
        ),  # R9, for a and for d
        (
            "a o-> c, b --> c, d --> c, a o-o b, a o-o d",
            "a --> c, b --> c, d --> c, a o-o b, a o-o d",
            {},
        ),  # R10
    ],
)
def test_each_rule(before: str, after: str, sets: dict) -> None:
    nodes = "abcd" if "d" in before else "abc"
    found = orient_pag(marks_of(before, nodes), separating=sets)
    assert (found == marks_of(after, nodes)).all()


def test_an_ambiguous_triple_orients_nothing() -> None:
    before = marks_of("a o-> b, b o-o c", "abc")
    assert (orient_pag(before, separating={}, ambiguous=[(0, 1, 2)]) == before).all()


@pytest.mark.parametrize("rule", RULES)
def test_the_true_pag_with_hidden_causes(rule: str) -> None:
    rng = np.random.default_rng(0)
    done, kinds = 0, set()
    while done < 20:
        oracle = random_mixed(5, 0.3, 0.25, 0.0, rng)
        if np.count_nonzero(ancestral_graph(oracle)) > 10:
            continue  # the enumeration of all equivalent graphs grows with 4 ** edges
        found = fit(oracle, collider_rule=rule).graph_
        assert found.kind == "pag"
        assert (found.marks == true_pag(oracle).marks).all()
        kinds |= set(found.to_frame()["edge"])
        done += 1
    assert kinds >= {"o-o", "o->", "<->"}


def test_the_true_pag_with_selection() -> None:
    rng = np.random.default_rng(5)
    done, kinds = 0, set()
    while done < 20:
        oracle = random_mixed(5, 0.2, 0.05, 0.4, rng)
        if np.count_nonzero(ancestral_graph(oracle)) > 10:
            continue
        found = fit(oracle).graph_
        assert (found.marks == true_pag(oracle).marks).all()
        kinds |= set(found.to_frame()["edge"])
        done += 1
    assert "---" in kinds


def test_without_selection_no_edge_has_two_tails() -> None:
    ring = dag_of("a>p b>p b>q c>q c>r d>r d>s a>s")
    oracle = Oracle(ring, list("abcd"), tuple("pqrs"))
    assert set(fit(oracle).graph_.to_frame()["edge"]) == {"---"}
    assert set(fit(oracle, selection_bias=False).graph_.to_frame()["edge"]) == {"o-o"}


def test_a_pair_that_no_neighbours_separate() -> None:
    # x and y need c, which is next to neither: a or p opens a, b or q opens b
    dag = dag_of("c>a c>b a>p p>y b>q q>x u>x u>a w>y w>b")
    oracle = Oracle(dag, list("abcpqxy"))
    found = fit(oracle)
    assert found.stats_["possible_dsep"] == [("x", "y")]
    assert "c" in found.stats_["separating_sets"][("x", "y")]
    assert not found.graph_.adjacent("x", "y")
    truth = ancestral_graph(oracle)
    assert ((found.graph_.marks > 0) == (truth > 0)).all()
    without = fit(oracle, max_possible_dsep=0).graph_
    assert without.adjacent("x", "y")


def test_marks_hold_in_the_truth_for_larger_graphs_and_tiers() -> None:
    rng = np.random.default_rng(1)
    certain = gained = 0
    for k in range(12):
        dag = random_dag(10, 2.5, rng)
        oracle = Oracle(dag, list(rng.permutation(dag.nodes))[:7])
        truth = ancestral_graph(oracle)
        order = np.argsort(topological(dag))
        tiers = [
            [dag.nodes[i] for i in part if dag.nodes[i] in oracle.nodes]
            for part in np.array_split(order, 3)
        ]
        plain = fit(oracle, collider_rule=RULES[k % 3]).graph_.marks
        tiered = fit(oracle, knowledge=Knowledge(tiers=tiers)).graph_.marks
        for marks in (plain, tiered):
            sure = marks > Mark.CIRCLE
            assert ((marks > 0) == (truth > 0)).all()
            assert (marks[sure] == truth[sure]).all()
        certain += int((plain > Mark.CIRCLE).sum())
        gained += int((tiered > Mark.CIRCLE).sum() - (plain > Mark.CIRCLE).sum())
    assert certain > 40
    assert gained > 20


def topological(dag: CausalGraph) -> np.ndarray:
    """Rank of each node in a causal order."""
    directed, rank = dag.directed(), np.zeros(len(dag.nodes))
    left = list(range(len(dag.nodes)))
    while left:
        source = next(k for k in left if not directed[left, k].any())
        rank[source] = len(dag.nodes) - len(left)
        left.remove(source)
    return rank


def test_tiers_leave_the_earlier_end_open() -> None:
    rng = np.random.default_rng(2)
    early = rng.normal(size=500)
    frame = pd.DataFrame({"age": early, "size": early + rng.normal(size=500)})
    known = Knowledge(tiers=[["age"], ["size"]])
    assert FCI(knowledge=known).fit(frame).graph_.to_frame()["edge"].tolist() == ["o->"]
    known = Knowledge(exogenous=["age"])
    assert FCI(knowledge=known).fit(frame).graph_.parents("size") == ("age",)
    known = Knowledge(required=[("age", "size")])
    assert FCI(knowledge=known).fit(frame).graph_.parents("size") == ("age",)
    known = Knowledge(forbidden=[("age", "size"), ("size", "age")])
    assert FCI(knowledge=known).fit(frame).graph_.to_frame().empty


def test_forbidding_a_pair_makes_no_false_collider() -> None:
    rng = np.random.default_rng(4)
    a = rng.normal(size=2000)
    b = a + rng.normal(size=2000)
    frame = pd.DataFrame({"a": a, "b": b, "c": b + rng.normal(size=2000)})
    known = Knowledge(forbidden=[("a", "c"), ("c", "a")])
    for rule in RULES:
        found = FCI(knowledge=known, collider_rule=rule).fit(frame)
        assert found.graph_.to_frame()["edge"].tolist() == ["o-o", "o-o"]


def test_equals_causal_learn() -> None:
    pytest.importorskip("causallearn")
    rng = np.random.default_rng(3)
    equal = edges = 0
    while equal < 20:
        dag = random_dag(8, 2.2, rng)
        oracle = Oracle(dag, list(rng.permutation(dag.nodes)[:6]))
        frame = simulate(dag, 20_000, rng)[list(oracle.nodes)]
        mine = FCI(alpha=1e-4, collider_rule="standard").fit(frame).graph_.marks
        other = FCI(alpha=1e-4, engine="causal-learn").fit(frame).graph_.marks
        truth = fit(oracle).graph_.marks
        # where a sample contradicts the graph, the two settle the contradiction differently
        if (mine == truth).all() or (other == truth).all():
            assert (mine == other).all()
            equal += 1
            edges += int((mine > 0).sum()) // 2
    assert edges > 60


def test_population_moments() -> None:
    rng = np.random.default_rng(6)
    for _ in range(10):
        dag = random_dag(8, 2.2, rng)
        oracle = Oracle(dag, list(rng.permutation(dag.nodes))[:6])
        found = FCI(alpha=1e-6).fit(population(dag, n=1e9).select(oracle.nodes))
        assert (found.graph_.marks == fit(oracle).graph_.marks).all()


def test_the_order_of_columns_does_not_matter() -> None:
    rng = np.random.default_rng(7)
    for _ in range(6):
        frame = simulate(random_dag(10, 3, rng), 150, rng).iloc[:, :8]
        first = FCI(alpha=0.05).fit(frame)
        order = list(rng.permutation(frame.columns))
        second = FCI(alpha=0.05).fit(frame[order])
        at = [order.index(name) for name in frame.columns]
        assert (second.graph_.marks[np.ix_(at, at)] == first.graph_.marks).all()
        assert first.stats_ == second.stats_


def test_bootstrap_votes_on_marks() -> None:
    rng = np.random.default_rng(9)
    a, b, hidden = rng.normal(size=(3, 800))
    noise = rng.normal(size=(2, 800))
    frame = pd.DataFrame({"a": a, "b": b, "x": a + hidden + noise[0], "y": b + hidden + noise[1]})
    known = Knowledge(tiers=[["a", "b"], ["x", "y"]])
    boot = BootstrapDiscovery(FCI(knowledge=known), n_bootstrap=10, random_state=0).fit(frame)
    assert boot.consensus_.kind == "pag"
    assert boot.consensus_.to_frame()["edge"].tolist() == ["o->", "o->", "<->"]
    assert (boot.support_ + boot.support_.T).max() == 1.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": 2}, "alpha=2 must be"),
        ({"collider_rule": "max"}, "'majority', 'conservative', 'standard'"),
        ({"max_possible_dsep": -1}, "max_possible_dsep=-1"),
        ({"missing": "drop"}, "missing='drop' is not one of 'error', 'testwise', 'impute'"),
        ({"engine": "causal-learn", "knowledge": Knowledge(tiers=[["a"], ["b"]])}, "draws tails"),
        ({"engine": "causal-learn", "missing": "impute"}, "complete columns"),
    ],
)
def test_settings_that_are_not_allowed(settings: dict, message: str) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 2)), columns=["a", "b"])
    with pytest.raises(InvalidInputError, match=message):
        FCI(**settings).fit(frame)


def test_a_test_of_other_columns_is_refused() -> None:
    oracle = Oracle(dag_of("a>b"), ["a", "b"])
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 2)), columns=["a", "c"])
    with pytest.raises(InvalidInputError, match=r"made for \['a', 'b'\]"):
        FCI(test=oracle).fit(frame)
