"""Random graphs and linear data for the tests of discovery."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from causalimg.graph.core import CausalGraph
from causalimg.tables.moments import Moments

RandomDag = Callable[[int, float, np.random.Generator], CausalGraph]
Simulate = Callable[..., pd.DataFrame]
Oracle = Callable[[CausalGraph], Moments]


@pytest.fixture
def random_dag() -> RandomDag:
    """A DAG of d nodes with shuffled names and weights of 0.4 to 1 in size."""

    def make(d: int, degree: float, rng: np.random.Generator) -> CausalGraph:
        edges = np.triu(rng.random((d, d)) < degree / (d - 1), 1)
        weights = edges * rng.uniform(0.4, 1.0, (d, d)) * rng.choice([-1.0, 1.0], (d, d))
        order = rng.permutation(d)
        weights = weights[np.ix_(order, order)]
        names = [f"v{k:02d}" for k in range(d)]
        return CausalGraph.from_directed(names, weights != 0, weights=weights)

    return make


@pytest.fixture
def simulate() -> Simulate:
    """Rows of the linear model of a weighted DAG; noise "normal" or "exponential"."""

    def make(
        dag: CausalGraph, n: int, rng: np.random.Generator, noise: str = "normal"
    ) -> pd.DataFrame:
        d = len(dag.nodes)
        errors = rng.normal(size=(n, d)) if noise == "normal" else rng.exponential(size=(n, d))
        weights = np.zeros((d, d)) if dag.weights is None else dag.weights
        values = errors @ np.linalg.inv(np.eye(d) - weights)
        return pd.DataFrame(values, columns=list(dag.nodes))

    return make


@pytest.fixture
def oracle() -> Oracle:
    """The population moments of a weighted DAG with unit noise, as if of 10^6 rows."""

    def make(dag: CausalGraph) -> Moments:
        d = len(dag.nodes)
        weights = np.zeros((d, d)) if dag.weights is None else dag.weights
        total = np.linalg.inv(np.eye(d) - weights)
        blocks = {name: np.array([k]) for k, name in enumerate(dag.nodes)}
        return Moments(dag.nodes, 1e6, np.zeros(d), total.T @ total, blocks, {})

    return make
