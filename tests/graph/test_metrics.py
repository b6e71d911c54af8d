from __future__ import annotations

import numpy as np
import pytest
from random_graphs import random_dag

from causalimg.errors import IdentificationError, InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.graph.metrics import compare, dag_to_cpdag, shd, shd_cpdag

TRUTH = CausalGraph.from_directed("abcd", [[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]])


def changed(**edits: tuple[int, int]) -> CausalGraph:
    matrix = TRUTH.directed().copy()
    if "drop" in edits:
        matrix[edits["drop"]] = False
    if "turn" in edits:
        i, j = edits["turn"]
        matrix[i, j], matrix[j, i] = False, True
    if "add" in edits:
        matrix[edits["add"]] = True
    return CausalGraph.from_directed("abcd", matrix)


def test_shd_counts_each_pair_once() -> None:
    assert shd(TRUTH, TRUTH) == 0
    assert shd(changed(drop=(0, 1)), TRUTH) == 1
    assert shd(changed(turn=(0, 1)), TRUTH) == 1
    assert shd(changed(add=(0, 3)), TRUTH) == 1
    assert shd(changed(drop=(0, 1), turn=(1, 3), add=(0, 3)), TRUTH) == 3


def test_shd_is_symmetric_and_free_of_node_order() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        one, two = random_dag(7, 3, rng), random_dag(7, 3, rng)
        order = rng.permutation(7)
        moved = CausalGraph.from_directed(
            [two.nodes[k] for k in order], two.directed()[np.ix_(order, order)]
        )
        assert shd(one, two) == shd(two, one) == shd(one, moved)
        assert shd(two, moved) == 0


def test_shd_cpdag_is_zero_within_an_equivalence_class() -> None:
    chain = CausalGraph.from_directed("abc", [[0, 1, 0], [0, 0, 1], [0, 0, 0]])
    fork = CausalGraph.from_directed("abc", [[0, 0, 0], [1, 0, 1], [0, 0, 0]])
    collider = CausalGraph.from_directed("abc", [[0, 1, 0], [0, 0, 0], [0, 1, 0]])
    assert shd(chain, fork) == 1
    assert shd_cpdag(chain, fork) == 0
    assert shd_cpdag(chain, dag_to_cpdag(fork)) == 0
    assert shd_cpdag(chain, collider) == 2


def test_comparison() -> None:
    guess = changed(drop=(0, 1), turn=(1, 3), add=(0, 3))
    scores = compare(guess, TRUTH)
    assert (scores.n_edges, scores.n_true, scores.shd) == (4, 4, 3)
    assert scores.skeleton_precision == scores.skeleton_recall == scores.skeleton_f1 == 0.75
    assert scores.orientation_precision == 0.5
    assert scores.orientation_recall == 0.5
    assert scores.to_frame()["shd"].tolist() == [3]
    empty = CausalGraph.from_directed("abcd", np.zeros((4, 4)))
    nothing = compare(empty, TRUTH)
    assert np.isnan(nothing.skeleton_precision)
    assert np.isnan(nothing.orientation_precision)
    assert nothing.skeleton_recall == 0.0


def test_refusals() -> None:
    other = CausalGraph.from_directed("abcx", np.zeros((4, 4)))
    with pytest.raises(InvalidInputError, match=r"in one only: \['d', 'x'\]"):
        shd(other, TRUTH)
    loose = CausalGraph.from_directed("ab", [[0, 1], [1, 0]], kind="cpdag")
    with pytest.raises(IdentificationError, match="dag_to_cpdag needs a DAG"):
        dag_to_cpdag(loose)
