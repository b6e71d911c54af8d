"""All DAGs of a class, against brute force over every orientation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from causalimg.errors import IdentificationError, InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind, Mark
from causalimg.graph.equivalence import all_dags
from causalimg.graph.metrics import dag_to_cpdag


def brute_force(cpdag: CausalGraph) -> set[bytes]:
    """Return every orientation of the skeleton whose CPDAG is this one."""
    skeleton = cpdag.directed() | cpdag.directed().T | cpdag.undirected()
    pairs = np.argwhere(np.triu(skeleton))
    found = set()
    for ways in product((False, True), repeat=len(pairs)):
        matrix = np.zeros_like(skeleton)
        for (i, j), way in zip(pairs, ways, strict=True):
            matrix[(j, i) if way else (i, j)] = True
        try:
            dag = CausalGraph.from_directed(cpdag.nodes, matrix)
        except InvalidInputError:
            continue
        if (dag_to_cpdag(dag).marks == cpdag.marks).all():
            found.add(matrix.tobytes())
    return found


def test_every_dag_of_the_class_once_and_no_other() -> None:
    rng = np.random.default_rng(3)
    sizes = []
    for _ in range(60):
        d = int(rng.integers(3, 6))
        matrix = np.triu(rng.random((d, d)) < 0.5, 1)
        names = tuple("abcdef"[:d])
        cpdag = dag_to_cpdag(CausalGraph.from_directed(names, matrix))
        found = [dag.directed().tobytes() for dag in all_dags(cpdag)]
        assert len(found) == len(set(found))
        assert set(found) == brute_force(cpdag)
        sizes.append(len(found))
    assert max(sizes) > 10 and min(sizes) == 1


def test_complete_graph_has_every_order_and_the_limit_is_kept() -> None:
    complete = CausalGraph.from_directed(tuple("abcd"), 1 - np.eye(4, dtype=int), kind="cpdag")
    assert len(all_dags(complete)) == 24
    assert len(all_dags(complete, limit=24)) == 24
    with pytest.raises(IdentificationError, match="more than 23 DAGs"):
        all_dags(complete, limit=23)


def test_what_is_no_class_of_dags_is_refused() -> None:
    square = np.zeros((4, 4), dtype=int)
    for a, b in ((0, 1), (1, 2), (2, 3), (3, 0)):
        square[a, b] = square[b, a] = 1
    with pytest.raises(InvalidInputError, match="not a CPDAG"):
        all_dags(CausalGraph.from_directed(tuple("abcd"), square, kind="cpdag"))
    marks = np.array([[0, Mark.ARROW], [Mark.CIRCLE, 0]], dtype=np.int8)
    with pytest.raises(IdentificationError, match="pag"):
        all_dags(CausalGraph(("a", "b"), marks, GraphKind.PAG))
