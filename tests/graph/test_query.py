from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from random_graphs import random_dag

from causalimg.errors import IdentificationError, InvalidInputError, UnknownNameError
from causalimg.graph.core import CausalGraph
from causalimg.graph.query import ancestors, d_separated, descendants, markov_blanket

CHAIN = CausalGraph.from_directed("abc", [[0, 1, 0], [0, 0, 1], [0, 0, 0]])
FORK = CausalGraph.from_directed("abc", [[0, 0, 0], [1, 0, 1], [0, 0, 0]])
COLLIDER = CausalGraph.from_directed(
    "abcd", np.array([[0, 1, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0]])
)


def test_the_three_textbook_cases() -> None:
    for graph in (CHAIN, FORK):
        assert not d_separated(graph, "a", "c")
        assert d_separated(graph, "a", "c", given="b")
    assert d_separated(COLLIDER, "a", "c")
    assert not d_separated(COLLIDER, "a", "c", given="b")
    assert not d_separated(COLLIDER, "a", "c", given=["d"])  # a descendant of the collider


def test_agrees_with_networkx() -> None:
    rng = np.random.default_rng(0)
    for _ in range(150):
        dag = random_dag(8, 3, rng)
        other = dag.to_networkx()
        names = list(rng.permutation(list(dag.nodes)))
        x, y, given = names[:1], names[1:3], names[3 : 3 + int(rng.integers(0, 5))]
        assert d_separated(dag, x, y, given) == nx.is_d_separator(other, set(x), set(y), set(given))
        node = names[0]
        assert set(ancestors(dag, node)) == nx.ancestors(other, node)
        assert set(descendants(dag, node)) == nx.descendants(other, node)


def test_blanket_separates_a_node_from_the_rest() -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        dag = random_dag(8, 3, rng)
        blanket = markov_blanket(dag, "v00")
        rest = set(dag.nodes) - {"v00", *blanket}
        assert all(d_separated(dag, "v00", other, blanket) for other in rest)
        for left_out in blanket:  # and it is the smallest set that does
            smaller = set(blanket) - {left_out}
            assert not d_separated(dag, "v00", left_out, smaller)


def test_refusals() -> None:
    cpdag = CausalGraph.from_directed("ab", [[0, 1], [1, 0]], kind="cpdag")
    for question in (ancestors, descendants, markov_blanket):
        with pytest.raises(IdentificationError, match="1 unoriented"):
            question(cpdag, "a")
    with pytest.raises(IdentificationError, match="a --- b"):
        d_separated(cpdag, "a", "b")
    with pytest.raises(InvalidInputError, match=r"in two sets: \['a'\]"):
        d_separated(CHAIN, "a", "b", given="a")
    with pytest.raises(UnknownNameError, match="'z'"):
        d_separated(CHAIN, "a", "z")


def test_ancestry_is_also_defined_with_hidden_causes() -> None:
    graph = CausalGraph(
        ("a", "b", "c"), np.array([[0, 2, 0], [3, 0, 2], [0, 2, 0]], dtype=np.int8), "admg"
    )
    assert ancestors(graph, "b") == ("a",)
    assert ancestors(graph, "c") == ()
    assert descendants(graph, "a") == ("b",)
