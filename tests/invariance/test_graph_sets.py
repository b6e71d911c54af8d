"""Parents, Markov blanket and stable blanket read from a graph."""

from __future__ import annotations

import numpy as np
import pytest

from causalimg.errors import IdentificationError, InvalidInputError, UnknownNameError
from causalimg.graph.core import CausalGraph, Mark
from causalimg.graph.metrics import dag_to_cpdag
from causalimg.graph.query import d_separated, markov_blanket
from causalimg.invariance.graph_sets import graph_invariant_sets


def dag(nodes: str, *arrows: str) -> CausalGraph:
    names = tuple(nodes.split())
    matrix = np.zeros((len(names), len(names)), dtype=int)
    for arrow in arrows:
        a, b = arrow.split(">")
        matrix[names.index(a), names.index(b)] = 1
    return CausalGraph.from_directed(names, matrix)


# after the example of Pfister et al.: the environment moves x1 and the child x4
EXAMPLE = dag(
    "e x1 x2 x3 x4 x5 x6 y",
    *("e>x1", "x1>x2", "x2>y", "x1>y", "y>x3", "y>x4", "e>x4", "x4>x5", "x6>x3"),
)


def test_the_three_sets() -> None:
    found = graph_invariant_sets(EXAMPLE, outcome="y", environment="e")
    assert found.parents == ("x1", "x2")
    assert found.markov_blanket == ("x1", "x2", "x3", "x4", "x6")
    assert found.stable_blanket == ("x1", "x2", "x3", "x6")
    assert found.unstable == ("x4", "x5")
    assert found.invariant == {"parents": True, "markov_blanket": False, "stable_blanket": True}
    table = found.to_frame().set_index("feature")
    assert table["stable_blanket"].to_dict() == {
        **dict.fromkeys(["x1", "x2", "x3", "x6"], True),
        **dict.fromkeys(["x4", "x5"], False),
    }


def test_random_graphs() -> None:
    """The blanket agrees with the query on the graph; parents and stable blanket are invariant."""
    differs = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        matrix = np.triu(rng.random((8, 8)) < 0.35, 1).astype(int)
        target = int(rng.integers(1, 8))
        matrix[0, target] = 0
        graph = CausalGraph.from_directed([f"n{k}" for k in range(8)], matrix)
        y = f"n{target}"
        found = graph_invariant_sets(graph, outcome=y, environment="n0")
        known = set(markov_blanket(graph, y)) - {"n0"}
        # without the environment's node, what lies behind it may tell about the outcome too
        assert known <= set(found.markov_blanket)
        assert found.invariant["parents"]
        assert found.invariant["stable_blanket"]
        assert set(found.parents) <= set(found.stable_blanket)
        rest = set(graph.nodes) - set(found.unstable) - set(found.stable_blanket) - {y, "n0"}
        if rest:
            assert d_separated(graph, y, rest, given=found.stable_blanket)
        differs += set(found.stable_blanket) != set(found.markov_blanket)
    assert differs > 3


def test_candidates_leave_nodes_out() -> None:
    found = graph_invariant_sets(
        EXAMPLE, outcome="y", environment="e", candidates=["x1", "x3", "x5"]
    )
    assert found.parents == ("x1",)
    assert found.stable_blanket == ("x1", "x3")
    assert found.invariant["stable_blanket"]
    hidden = graph_invariant_sets(EXAMPLE, outcome="y", environment="e", candidates=["x2", "x3"])
    assert hidden.invariant == dict.fromkeys(("parents", "markov_blanket", "stable_blanket"), False)


def test_several_environment_nodes() -> None:
    graph = dag("site scanner x y z", "site>scanner", "scanner>x", "x>y", "y>z", "site>z")
    found = graph_invariant_sets(graph, outcome="y", environment=["site", "scanner"])
    assert found.stable_blanket == ("x",)
    assert found.markov_blanket == ("x", "z")


def test_an_environment_at_the_outcome_is_refused() -> None:
    graph = dag("e x y", "e>y", "x>y")
    with pytest.raises(IdentificationError, match="'e' and 'y' are adjacent"):
        graph_invariant_sets(graph, outcome="y", environment="e")


def test_a_cpdag_with_one_answer_gives_it() -> None:
    graph = dag("e f x y a b", "e>x", "f>x", "x>y", "a>b")
    cpdag = dag_to_cpdag(graph)
    assert cpdag.undirected().any()
    found = graph_invariant_sets(cpdag, outcome="y", environment=["e", "f"], candidates=["x"])
    assert found.parents == ("x",)


def test_a_cpdag_that_leaves_the_answer_open_is_refused() -> None:
    graph = dag_to_cpdag(dag("e x y z", "e>x", "x>y", "y>z"))
    with pytest.raises(IdentificationError, match=r"3 unoriented edges .* leave the parents"):
        graph_invariant_sets(graph, outcome="y", environment="e")


def test_a_pag_is_refused() -> None:
    marks = np.zeros((3, 3), dtype=np.int8)
    marks[0, 1] = marks[1, 0] = Mark.CIRCLE
    graph = CausalGraph(("x", "y", "e"), marks, "pag")
    with pytest.raises(IdentificationError, match="needs a DAG and this is a pag"):
        graph_invariant_sets(graph, outcome="y", environment="e")


def test_roles_and_names() -> None:
    with pytest.raises(InvalidInputError, match="in two roles"):
        graph_invariant_sets(EXAMPLE, outcome="y", environment="e", candidates=["x1", "e"])
    with pytest.raises(UnknownNameError, match="no node is called 'x9'"):
        graph_invariant_sets(EXAMPLE, outcome="y", environment="e", candidates=["x9"])
    with pytest.raises(InvalidInputError, match="environment is empty"):
        graph_invariant_sets(EXAMPLE, outcome="y", environment=[])
