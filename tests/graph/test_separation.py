from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from random_graphs import random_dag

from causalimg.errors import IdentificationError, InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind, Mark
from causalimg.graph.query import d_separated
from causalimg.graph.separation import m_separated


def every_question(nodes: tuple[str, ...]) -> list[tuple[str, str, tuple[str, ...]]]:
    out = []
    for a, b in combinations(nodes, 2):
        rest = [name for name in nodes if name not in (a, b)]
        out += [(a, b, z) for size in range(4) for z in combinations(rest, size)]
    return out


def test_is_d_separation_in_a_dag() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        dag = random_dag(5, 2.5, rng)
        for a, b, z in every_question(dag.nodes):
            assert m_separated(dag, a, b, z) == d_separated(dag, a, b, z)


def test_is_d_separation_with_the_hidden_causes_drawn_in() -> None:
    rng = np.random.default_rng(1)
    for _ in range(10):
        seen = random_dag(5, 2, rng)
        marks = np.array(seen.marks)
        hidden = [(0, 2), (1, 4)] if rng.random() < 0.5 else [(0, 3), (3, 4)]
        hidden = [(i, j) for i, j in hidden if not marks[i, j]]
        whole = np.zeros((5 + len(hidden), 5 + len(hidden)))
        whole[:5, :5] = seen.directed()
        for k, (i, j) in enumerate(hidden):
            marks[i, j] = marks[j, i] = Mark.ARROW
            whole[5 + k, [i, j]] = 1
        admg = CausalGraph(seen.nodes, marks, GraphKind.ADMG)
        names = (*seen.nodes, *(f"u{k}" for k in range(len(hidden))))
        dag = CausalGraph.from_directed(names, whole)
        for a, b, z in every_question(seen.nodes):
            assert m_separated(admg, a, b, z) == d_separated(dag, a, b, z)


def test_sets_and_refusals() -> None:
    dag = CausalGraph.from_directed("abcd", [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0] * 4])
    assert m_separated(dag, ["a", "b"], "d", given="c")
    assert not m_separated(dag, ["a", "b"], "d")
    with pytest.raises(InvalidInputError, match=r"in two sets: \['a'\]"):
        m_separated(dag, "a", "b", given=["a"])
    loose = CausalGraph.from_directed("ab", [[0, 1], [1, 0]], kind="cpdag")
    with pytest.raises(IdentificationError, match="needs an ADMG or DAG, not a cpdag"):
        m_separated(loose, "a", "b")
