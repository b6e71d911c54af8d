from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from random_graphs import random_dag

from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind, Mark
from causalimg.graph.io import from_dot, from_graphml, to_dot, to_graphml
from causalimg.graph.metrics import dag_to_cpdag

ODD = ('a "quoted"', "b\\slash", "<script>", "with\nnewline", "Straße & co; -> [x]")


def odd_graph() -> CausalGraph:
    marks = np.zeros((5, 5), dtype=np.int8)
    for i, j, near, far in [
        (0, 1, Mark.TAIL, Mark.ARROW),
        (2, 1, Mark.CIRCLE, Mark.ARROW),
        (2, 3, Mark.CIRCLE, Mark.CIRCLE),
        (3, 4, Mark.ARROW, Mark.ARROW),
    ]:
        marks[i, j], marks[j, i] = far, near
    return CausalGraph(ODD, marks, GraphKind.PAG)


def same(one: CausalGraph, two: CausalGraph) -> None:
    assert one.nodes == two.nodes
    assert one.kind == two.kind
    assert (one.marks == two.marks).all()
    if one.weights is None:
        assert two.weights is None
    else:
        assert two.weights is not None
        assert (one.weights == two.weights).all()


def test_round_trips(tmp_path: Path) -> None:
    dag = random_dag(8, 3, np.random.default_rng(0))
    for graph in (dag, dag_to_cpdag(dag), odd_graph()):
        to_graphml(graph, tmp_path / "graph.graphml")
        same(graph, from_graphml(tmp_path / "graph.graphml"))
        same(graph, from_dot(to_dot(graph)))


def test_graphml_carries_support(tmp_path: Path) -> None:
    graph = CausalGraph.from_directed(
        "ab", [[0, 1], [0, 0]], support=np.array([[0, 0.7], [0.2, 0]])
    )
    to_graphml(graph, tmp_path / "graph.graphml")
    text = (tmp_path / "graph.graphml").read_text(encoding="utf-8")
    assert "0.8999999999999999" in text or "0.9" in text
    assert "direction_support" in text


def test_graphml_of_another_program_is_a_dag(tmp_path: Path) -> None:
    import networkx as nx

    nx.write_graphml(nx.DiGraph([("a", "b"), ("b", "c")]), tmp_path / "other.graphml")
    graph = from_graphml(tmp_path / "other.graphml")
    assert graph.kind == GraphKind.DAG
    assert graph.parents("c") == ("b",)


def test_refusals(tmp_path: Path) -> None:
    (tmp_path / "no.graphml").write_text("not xml")
    with pytest.raises(InvalidInputError, match="is not GraphML"):
        from_graphml(tmp_path / "no.graphml")
    with pytest.raises(InvalidInputError, match="must start with digraph"):
        from_dot("graph {}")
    with pytest.raises(InvalidInputError, match="not understood: 'a -> b'"):
        from_dot('digraph "dag" {\na -> b\n}')
    with pytest.raises(InvalidInputError, match="kind 'tree'"):
        from_dot('digraph "tree" {\n"a";\n}')
