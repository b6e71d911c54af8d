"""The graph record: marks, refusals, queries, files."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from causalimg.errors import IdentificationError, InvalidInputError, SchemaError, UnknownNameError
from causalimg.graph.core import CausalGraph, GraphKind, Mark
from causalimg.provenance import Provenance

NODES = ("site", "scanner", "contrast")


def chain(**options: object) -> CausalGraph:
    return CausalGraph.from_directed(NODES, [[0, 1, 0], [0, 0, 1], [0, 0, 0]], **options)  # type: ignore[arg-type]


def test_marks_of_an_arrow_stand_at_the_far_end() -> None:
    graph = chain()
    assert graph.marks[0, 1] == Mark.ARROW
    assert graph.marks[1, 0] == Mark.TAIL
    assert graph.parents("contrast") == ("scanner",)
    assert graph.children("site") == ("scanner",)
    assert graph.adjacent("contrast", "scanner") and not graph.adjacent("site", "contrast")


def test_both_directions_in_a_cpdag_are_one_unoriented_edge() -> None:
    graph = CausalGraph.from_directed(NODES, [[0, 1, 0], [1, 0, 1], [0, 0, 0]], kind="cpdag")
    assert graph.neighbors("site") == ("scanner",)
    assert list(graph.to_frame()["edge"]) == ["---", "-->"]
    with pytest.raises(IdentificationError, match=r"1 unoriented edges \(site --- scanner\)"):
        graph.require_dag("a back-door set")


def test_a_cpdag_without_loose_edges_serves_as_a_dag() -> None:
    chain(kind="cpdag").require_dag("a query")


def test_impossible_graphs_are_refused() -> None:
    cycle = [[0, 1, 0], [0, 0, 1], [1, 0, 0]]
    with pytest.raises(InvalidInputError, match="cycle among site, scanner, contrast"):
        CausalGraph.from_directed(NODES, cycle)
    with pytest.raises(InvalidInputError, match="a dag has no edge like"):
        CausalGraph(NODES, np.array([[0, 2, 0], [2, 0, 0], [0, 0, 0]]), GraphKind.DAG)
    with pytest.raises(InvalidInputError, match="needs a mark at both ends"):
        CausalGraph(NODES, np.array([[0, 2, 0], [0, 0, 0], [0, 0, 0]]), GraphKind.DAG)
    with pytest.raises(InvalidInputError, match="twice"):
        CausalGraph.from_directed(("a", "a"), np.zeros((2, 2)))
    with pytest.raises(InvalidInputError, match="shape"):
        CausalGraph(NODES, np.zeros((2, 2)), GraphKind.DAG)


def test_a_pag_may_have_circles_and_two_headed_arrows() -> None:
    marks = np.zeros((3, 3), dtype=np.int8)
    marks[0, 1], marks[1, 0] = Mark.ARROW, Mark.CIRCLE
    marks[1, 2], marks[2, 1] = Mark.ARROW, Mark.ARROW
    graph = CausalGraph(NODES, marks, GraphKind.PAG)
    assert list(graph.to_frame()["edge"]) == ["o->", "<->"]
    with pytest.raises(InvalidInputError):
        CausalGraph(NODES, marks, GraphKind.ADMG)


def test_arrays_of_a_graph_cannot_be_written() -> None:
    graph = chain()
    with pytest.raises(ValueError, match="read-only"):
        graph.marks[0, 1] = 0


def test_round_trip_through_json_and_networkx(tmp_path: Path) -> None:
    weights = np.array([[0, 0.5, 0], [0, 0, -2.0], [0, 0, 0]])
    support = np.array([[0, 0.9, 0], [0.05, 0, 0.7], [0, 0.3, 0]])
    graph = chain(weights=weights, support=support, provenance=Provenance.of("discover", seed=4))
    graph.save(tmp_path / "graph.json")
    again = CausalGraph.load(tmp_path / "graph.json")
    assert again.to_dict() == graph.to_dict()
    frame = again.to_frame().set_index("source")
    assert frame.loc["site", "support"] == pytest.approx(0.95)
    assert frame.loc["scanner", "direction_support"] == pytest.approx(0.7)
    back = CausalGraph.from_networkx(graph.to_networkx())
    np.testing.assert_array_equal(back.marks, graph.marks)
    np.testing.assert_array_equal(back.weights, graph.weights)
    assert nx.is_directed_acyclic_graph(graph.to_networkx())


def test_a_document_with_a_wrong_mark_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "graph.json"
    chain().save(path)
    path.write_text(path.read_text().replace('"kind": "dag"', '"kind": "tree"'))
    with pytest.raises(SchemaError, match="kind"):
        CausalGraph.load(path)


def test_an_unknown_node_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean 'scanner'\?"):
        chain().parents("scaner")
