from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from random_graphs import random_dag

from causalimg.errors import FileReadError, InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind, Mark
from causalimg.graph.files import FORMATS, read_graph, write_graph
from causalimg.graph.io_causal_learn import from_causal_learn, to_causal_learn
from causalimg.graph.io_dagitty import from_dagitty, to_dagitty
from causalimg.graph.io_lingam import from_lingam, to_lingam
from causalimg.graph.io_pcalg import from_pcalg, to_pcalg
from causalimg.graph.io_tetrad import from_tetrad, to_tetrad
from causalimg.graph.metrics import dag_to_cpdag


def marked(kind: str, *edges: tuple[int, int, Mark, Mark]) -> CausalGraph:
    marks = np.zeros((5, 5), dtype=np.int8)
    for i, j, near, far in edges:
        marks[i, j], marks[j, i] = far, near
    return CausalGraph(("age", "size", "b.1", "x_2", "site"), marks, GraphKind(kind))


TAIL, ARROW, CIRCLE = Mark.TAIL, Mark.ARROW, Mark.CIRCLE


def graphs() -> list[CausalGraph]:
    dag = random_dag(7, 3, np.random.default_rng(0))
    return [
        CausalGraph(dag.nodes, dag.marks, dag.kind),
        dag_to_cpdag(dag),
        marked("cpdag", (1, 0, TAIL, ARROW), (2, 3, TAIL, TAIL)),
        marked("admg", (0, 1, TAIL, ARROW), (1, 2, ARROW, ARROW), (4, 2, TAIL, ARROW)),
        marked(
            "pag",
            (1, 0, CIRCLE, ARROW),
            (1, 2, CIRCLE, CIRCLE),
            (2, 3, ARROW, ARROW),
            (4, 3, TAIL, ARROW),
            (4, 0, CIRCLE, TAIL),
        ),
    ]


def same(one: CausalGraph, two: CausalGraph) -> None:
    assert one.nodes == two.nodes
    assert one.kind == two.kind
    assert (one.marks == two.marks).all()


@pytest.mark.parametrize("format", FORMATS)
def test_files_come_back(tmp_path: Path, format: str) -> None:
    for k, graph in enumerate(graphs()):
        path = tmp_path / f"{k}.csv"
        if format == "amat.cpdag" and graph.kind in ("admg", "pag"):
            with pytest.raises(InvalidInputError, match="no circles and no <->"):
                write_graph(graph, path, format=format)
            continue
        write_graph(graph, path, format=format)
        says = format in ("json", "graphml", "dot", "dagitty")
        same(graph, read_graph(path, format=format, kind=None if says else graph.kind))


def test_the_suffix_is_the_format(tmp_path: Path) -> None:
    graph = graphs()[2]
    for suffix in (".json", ".graphml", ".dot", ".gv", ".dagitty"):
        write_graph(graph, tmp_path / f"graph{suffix}")
        same(graph, read_graph(tmp_path / f"graph{suffix}"))
    with pytest.raises(InvalidInputError, match=r"no graph format has the suffix '\.txt'"):
        read_graph(tmp_path / "graph.txt")
    with pytest.raises(InvalidInputError, match="did you mean 'dagitty'"):
        write_graph(graph, tmp_path / "graph.txt", format="daggity")
    with pytest.raises(FileReadError, match="there is no file"):
        read_graph(tmp_path / "none.dagitty")
    with pytest.raises(InvalidInputError, match="leave out kind="):
        read_graph(tmp_path / "graph.dot", kind="dag")
    (tmp_path / "bad.dagitty").write_text("dag {\na -> b\nb => c\n}")
    with pytest.raises(InvalidInputError, match=r"bad.dagitty: dagitty text, line 3: .*'=> c'"):
        read_graph(tmp_path / "bad.dagitty")


def test_dagitty_as_its_site_writes_it() -> None:
    graph = from_dagitty(
        """dag {
bb="-3,-2,3,2"
"Lung size" [outcome,pos="1.0,0.5"]
Age [exposure,pos="-1,0"]
U1 [pos="0,0"]
Age -> "Lung size" [beta=0.25]
Age <-> U1 ; U1 -> "Lung size" <- Site
}"""
    )
    assert graph.nodes == ("Lung size", "Age", "U1", "Site")
    assert graph.kind == "admg"
    assert graph.parents("Lung size") == ("Age", "U1", "Site")
    assert graph.weights is not None
    assert graph.weights[1, 0] == 0.25
    assert graph.marks[1, 2] == graph.marks[2, 1] == ARROW
    assert from_dagitty("pdag { a -- b }").kind == "cpdag"
    assert from_dagitty("pag { a @-> b }").marks.tolist() == [[0, 2], [1, 0]]
    assert from_dagitty("dag { b <- a [beta=2] }").to_frame()["weight"].tolist() == [2.0]


def test_dagitty_keeps_weights_and_odd_names() -> None:
    dag = random_dag(6, 3, np.random.default_rng(1))
    weights = np.where(dag.directed(), np.random.default_rng(2).normal(size=(6, 6)), 0.0)
    names = ("a b", "Straße & co; -> [x]", "{c}", "d\\e", "f'", "dag")
    graph = CausalGraph(names, dag.marks, dag.kind, weights=weights)
    back = from_dagitty(to_dagitty(graph))
    same(graph, back)
    assert back.weights is not None
    assert (back.weights == weights).all()
    with pytest.raises(InvalidInputError, match="no notation for quotation marks"):
        to_dagitty(CausalGraph.from_directed(('say "a"', "b"), [[0, 1], [0, 0]]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("graph { a -- b }", "line 1: must begin with dag {"),
        ("dag {\na -> b\nc ->\n}", "line 3: neither a node nor an edge: 'c ->'"),
        ("dag {\na -> b\n\na ! b }", r"line 4: not understood: '! b }'"),
        ("dag {\nu [latent]\n}", "line 2: 'u' is latent"),
        ("dag {\na -> b\n", "line 3: must end with one closing brace"),
        ("dag { a -> b; a <-> b }", "more than one edge between 'a' and 'b'"),
        ("dag { a -> b; b -> a }", "more than one edge"),
    ],
)
def test_dagitty_errors_name_the_line(text: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        from_dagitty(text)


def test_tetrad_text() -> None:
    text = """Graph Nodes:
raf;mek;erk;akt

Graph Edges:
1. raf --> mek
2. mek o-> erk dd nl
3. erk <-> akt
4. akt o-o raf
"""
    graph = from_tetrad(text)
    assert graph.kind == "pag"
    assert graph.parents("mek") == ("raf",)
    assert graph.marks[graph.index("erk"), graph.index("mek")] == CIRCLE
    same(graph, from_tetrad(to_tetrad(graph)))
    same(from_tetrad("Graph Nodes:\na,b\nGraph Edges:\n1. b <-- a"), marked_pair())
    for bad, message in [
        (text.replace("raf --> mek", "raf => mek"), "line 5: not an edge: '1. raf => mek'"),
        (text.replace("erk <->", "erj <->"), "line 7: 'erj' is not among the nodes; did you mean"),
        ("raf;mek\n", "line 1: not understood"),
        ("Graph Nodes:\n", "no line with the names"),
    ]:
        with pytest.raises(InvalidInputError, match=message):
            from_tetrad(bad)
    with pytest.raises(InvalidInputError, match=r"splits names at blanks .*'lung size'"):
        to_tetrad(CausalGraph.from_directed(("lung size", "b"), [[0, 1], [0, 0]]))


def marked_pair() -> CausalGraph:
    return CausalGraph.from_directed(("a", "b"), [[0, 1], [0, 0]])


def test_tetrad_file_of_another_program(shared_data: Path) -> None:
    path = shared_data / "tables" / "sachs_ground_truth.txt"
    graph = read_graph(path, format="tetrad")
    assert graph.kind == "dag"
    assert int(graph.directed().sum()) == 20
    assert graph.parents("plc") == ("pip3",)


def test_pcalg_codings_run_in_opposite_directions() -> None:
    graph = marked("cpdag", (0, 1, TAIL, ARROW), (2, 3, TAIL, TAIL))
    cpdag, pag = to_pcalg(graph), to_pcalg(graph, coding="amat.pag")
    assert cpdag.loc["size", "age"] == 1
    assert cpdag.loc["age", "size"] == 0
    assert cpdag.loc["b.1", "x_2"] == cpdag.loc["x_2", "b.1"] == 1
    assert pag.loc["age", "size"] == 2
    assert pag.loc["size", "age"] == 3
    same(from_pcalg(pag, coding="amat.pag", kind="cpdag"), graph)
    assert from_pcalg([[0, 2], [1, 0]], coding="amat.pag").nodes == ("V1", "V2")
    with pytest.raises(InvalidInputError, match=r"row 'age', column 'size': .*2.* not a code"):
        from_pcalg(pag, coding="amat.cpdag")
    with pytest.raises(InvalidInputError, match=r"coding='cpdag' is not one of amat\.cpdag"):
        from_pcalg(pag, coding="cpdag")
    with pytest.raises(InvalidInputError, match="different names"):
        from_pcalg(pd.DataFrame(pag.to_numpy(), list("abcde"), pag.columns), coding="amat.pag")


def test_lingam_matrix_has_effects_in_rows() -> None:
    graph = from_lingam([[0, 0, 0], [1.5, 0, 0], [0, -2.0, 0]], nodes=["a", "b", "c"])
    assert graph.parents("b") == ("a",)
    assert graph.parents("c") == ("b",)
    assert graph.weights is not None
    assert graph.weights[0, 1] == 1.5
    assert to_lingam(graph)[2, 1] == -2.0

    class Fitted:
        adjacency_matrix_ = to_lingam(graph)

    same(from_lingam(Fitted(), nodes=graph.nodes), graph)
    hidden = from_lingam([[0, np.nan], [np.nan, 0]])
    assert hidden.kind == "admg"
    assert np.isnan(to_lingam(hidden)).sum() == 2
    with pytest.raises(InvalidInputError, match="row 'x0', column 'x1' is NaN and its transpose"):
        from_lingam([[0, np.nan], [1.0, 0]])
    with pytest.raises(InvalidInputError, match=r"b\.1 and x_2 are joined without a direction"):
        to_lingam(graphs()[2])


def test_causal_learn_objects_come_back() -> None:
    pytest.importorskip("causallearn")
    for graph in graphs():
        same(from_causal_learn(to_causal_learn(graph), kind=graph.kind), graph)
    with pytest.raises(InvalidInputError, match="not a graph of causal-learn: list"):
        from_causal_learn([1, 2])


def test_results_of_causal_learn_are_read_as_they_come() -> None:
    pc = pytest.importorskip("causallearn.search.ConstraintBased.PC").pc
    ges = pytest.importorskip("causallearn.search.ScoreBased.GES").ges
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 500))
    rows = np.column_stack([a, b, a + b + rng.normal(size=500)])
    for found in (pc(rows, show_progress=False), ges(rows)):
        graph = from_causal_learn(found, kind="cpdag")
        assert graph.parents("X3") == ("X1", "X2")
        assert not graph.adjacent("X1", "X2")
