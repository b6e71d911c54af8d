from __future__ import annotations

import numpy as np
import pytest
from random_graphs import random_dag

from causalimg.errors import IdentificationError, InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.graph.equivalence import all_dags
from causalimg.graph.metrics import dag_to_cpdag
from causalimg.graph.sid import sid, sid_bounds


def brute_force(graph: CausalGraph, truth: CausalGraph, rng: np.random.Generator) -> int:
    """Count wrong effects in a linear model of the truth with generic weights."""
    d = len(truth.nodes)
    weights = truth.directed() * rng.uniform(0.5, 1.5, (d, d)) * rng.choice([-1, 1], (d, d))
    total = np.linalg.inv(np.eye(d) - weights)
    cov = total.T @ np.diag(rng.uniform(0.5, 2, d)) @ total
    guess = graph.directed()
    count = 0
    for i in range(d):
        parents = list(np.flatnonzero(guess[:, i]))
        for j in set(range(d)) - {i}:
            used = [i, *parents]
            slope = (
                0.0 if j in parents else np.linalg.solve(cov[np.ix_(used, used)], cov[used, j])[0]
            )
            count += abs(slope - total[i, j]) > 1e-8
    return count


def test_equals_the_count_of_wrong_regressions() -> None:
    rng = np.random.default_rng(0)
    for k in range(150):
        d = 3 + k % 5
        truth, guess = random_dag(d, 2.5, rng), random_dag(d, 2.5, rng)
        assert sid(guess, truth) == brute_force(guess, truth, rng)


def test_supergraphs_have_distance_zero_and_the_order_of_nodes_is_free() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        truth = random_dag(6, 2, rng)
        order = list(rng.permutation(6))
        moved = CausalGraph.from_directed(
            [truth.nodes[k] for k in order], truth.directed()[np.ix_(order, order)]
        )
        other = random_dag(6, 2, rng)
        assert sid(moved, truth) == 0
        assert sid(other, moved) == sid(other, truth)
        full = np.triu(np.ones((6, 6)), 1)
        sources = []
        left = np.ones(6, dtype=bool)
        while left.any():
            node = int(np.flatnonzero(left & ~truth.directed()[left].any(axis=0))[0])
            sources.append(node)
            left[node] = False
        complete = CausalGraph.from_directed([truth.nodes[k] for k in sources], full)
        assert sid(complete, truth) == 0


def test_extra_edges_can_cost_nothing_and_a_reversed_one_much() -> None:
    """The motivating case: two estimates with equal structural Hamming distance."""
    names = ("x1", "x2", "y1", "y2", "y3")
    edges = np.zeros((5, 5))
    edges[0, 1] = edges[0, 2:] = edges[1, 2:] = 1
    truth = CausalGraph.from_directed(names, edges)
    extra = edges.copy()
    extra[2, 3] = 1
    reversed_ = edges.copy()
    reversed_[0, 1], reversed_[1, 0] = 0, 1
    assert sid(CausalGraph.from_directed(names, extra), truth) == 0
    assert sid(CausalGraph.from_directed(names, reversed_), truth) == 8


def test_bounds_are_those_of_the_dags() -> None:
    rng = np.random.default_rng(2)
    for _ in range(40):
        truth, guess = random_dag(5, 2, rng), random_dag(5, 2, rng)
        cpdag = dag_to_cpdag(guess)
        each = [sid(dag, truth) for dag in all_dags(cpdag)]
        assert sid_bounds(cpdag, truth) == (min(each), max(each))
        assert sid_bounds(guess, truth) == (sid(guess, truth),) * 2
        assert sid_bounds(dag_to_cpdag(truth), truth)[0] == 0


def test_refusals() -> None:
    dag = random_dag(4, 2, np.random.default_rng(3))
    loose = CausalGraph.from_directed(
        dag.nodes, [[0, 1, 0, 0], [1, 0, 0, 0], [0] * 4, [0] * 4], kind="cpdag"
    )
    with pytest.raises(IdentificationError, match="sid needs a DAG"):
        sid(loose, dag)
    with pytest.raises(IdentificationError, match="the truth of sid needs a DAG"):
        sid(dag, loose)
    with pytest.raises(InvalidInputError, match="different nodes"):
        sid(dag, CausalGraph.from_directed("ab", [[0, 1], [0, 0]]))
