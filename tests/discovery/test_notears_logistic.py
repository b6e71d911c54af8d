"""NOTEARS with the logistic loss: exactness, recovery, knowledge, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from linear_models import random_knowledge
from sklearn.linear_model import LogisticRegression

from causalimg.discovery.bootstrap import BootstrapDiscovery
from causalimg.discovery.notears import NOTEARS
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge
from causalimg.tables.moments import Moments


def binary_model(d: int, seed: int, n: int = 3000) -> tuple[pd.DataFrame, CausalGraph]:
    """Rows of a logistic model with one and a half edges a node, and its graph."""
    rng = np.random.default_rng(seed)
    edges = np.triu(rng.random((d, d)) < 3 / (d - 1), 1)
    weights = edges * rng.uniform(1.5, 2.5, (d, d)) * rng.choice([-1.0, 1.0], (d, d))
    rows, shift = np.zeros((n, d)), 0.3 * rng.normal(size=d)
    for j in range(d):
        logits = (rows - 0.5) @ weights[:, j] + shift[j]
        rows[:, j] = rng.random(n) < 1 / (1 + np.exp(-logits))
    order = rng.permutation(d)
    names = [f"v{k:02d}" for k in range(d)]
    graph = CausalGraph.from_directed(names, edges[np.ix_(order, order)])
    return pd.DataFrame(rows[:, order], columns=names), graph


def binary(**settings: Any) -> NOTEARS:
    return NOTEARS(**{"loss": "logistic", "solver": "alm", "lambda1": 0.02, **settings})


@pytest.mark.parametrize("constraint", ["logdet", "exponential", "squaring"])
def test_it_recovers_the_adjacencies(constraint: str) -> None:
    wrong, edges = 0, 0
    for seed in range(3):
        table, truth = binary_model(8, seed)
        found = binary(constraint=constraint).fit(table)
        differs = (found.graph_.marks != 0) != (truth.marks != 0)
        wrong += int(differs.sum()) // 2
        edges += int(truth.directed().sum())
        assert found.stats_["kkt_residual"] < 1e-5
    assert wrong <= 0.25 * edges


def test_with_the_order_known_it_recovers_the_graph() -> None:
    table, truth = binary_model(8, 1)
    left = list(truth.nodes)
    order = []
    while left:
        node = next(v for v in left if not set(truth.parents(v)) & set(left))
        order.append(node)
        left.remove(node)
    known = Knowledge(tiers=[[v] for v in order])
    found = binary(knowledge=known).fit(table)
    differs = found.graph_.directed() != truth.directed()
    assert int(differs.sum()) <= 2
    assert found.stats_["causal_order"] == tuple(order)


def test_each_node_is_the_penalised_regression_of_scikit_learn() -> None:
    table, _ = binary_model(5, 4, n=800)
    lambda1 = 0.01
    names = list(table.columns)
    known = Knowledge(tiers=[[v] for v in names])
    found = binary(lambda1=lambda1, threshold=0.0, knowledge=known).fit(table)
    assert found.graph_.weights is not None
    for j in range(1, 5):
        peer = LogisticRegression(
            l1_ratio=1.0, C=1 / (lambda1 * len(table)), solver="saga", tol=1e-10, max_iter=20000
        ) if _takes_ratio_alone() else LogisticRegression(
            penalty="l1", C=1 / (lambda1 * len(table)), solver="saga", tol=1e-10, max_iter=20000
        )  # fmt: skip
        peer.fit(table[names[:j]], table[names[j]])
        np.testing.assert_allclose(found.graph_.weights[:j, j], peer.coef_[0], atol=2e-4)
        assert found.stats_["intercepts"][names[j]] == pytest.approx(peer.intercept_[0], abs=2e-4)


def _takes_ratio_alone() -> bool:
    return LogisticRegression().get_params()["penalty"] == "deprecated"


def test_a_rare_column_needs_no_edges_for_its_mean() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        (rng.random((2000, 3)) < [0.05, 0.5, 0.9]).astype(float), columns=["a", "b", "c"]
    )
    found = binary(lambda1=0.01, threshold=0.0).fit(table)
    assert len(found.edges_) == 0
    assert found.stats_["intercepts"]["a"] == pytest.approx(
        np.log(table["a"].mean() / (1 - table["a"].mean())), abs=1e-3
    )


@pytest.mark.parametrize("seed", range(8))
def test_it_never_contradicts_knowledge(seed: int) -> None:
    table, _ = binary_model(7, seed, n=200)
    known = random_knowledge(list(table.columns), np.random.default_rng(seed))
    found = binary(knowledge=known, lambda1=0.005, threshold=0.05).fit(table)
    assert known.violations(found.graph_) == []


def test_the_bootstrap_refits_the_rows() -> None:
    table, _ = binary_model(4, 0, n=300)
    boot = BootstrapDiscovery(binary(), n_bootstrap=3, random_state=0).fit(table)
    assert boot.stats_["n_failed"] == 0


def test_what_it_cannot_use_is_refused_by_name() -> None:
    table, _ = binary_model(4, 0, n=200)
    age = table.assign(age=np.arange(200.0) + 2)
    with pytest.raises(InvalidInputError, match=r"zeros and ones.*'age' \(2\)"):
        binary().fit(age)
    with pytest.raises(InvalidInputError, match=r"booleans.*'v00' \(categorical\)"):
        binary().fit(table.assign(v00=table["v00"] > 0))
    with pytest.raises(InvalidInputError, match="needs the rows"):
        binary().fit(Moments.from_frame(table))
    with pytest.raises(InvalidInputError, match=r"takes solver='alm'.*solver='best'"):
        NOTEARS(loss="logistic").fit(table)
    with pytest.raises(InvalidInputError, match="lambda1='bic'"):
        binary(lambda1="bic").fit(table)
    with pytest.raises(InvalidInputError, match="loss='probit' is not one of 'l2', 'logistic'"):
        NOTEARS(loss="probit").fit(table)
