"""Random graphs, their rows and their population moments, for the tests of discovery."""

from __future__ import annotations

import numpy as np
import pandas as pd

from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge
from causalimg.tables.moments import Moments


def random_dag(d: int, degree: float, rng: np.random.Generator) -> CausalGraph:
    """A DAG of d nodes with shuffled names and weights of 0.4 to 1 in size."""
    edges = np.triu(rng.random((d, d)) < degree / (d - 1), 1)
    weights = edges * rng.uniform(0.4, 1.0, (d, d)) * rng.choice([-1.0, 1.0], (d, d))
    order = rng.permutation(d)
    weights = weights[np.ix_(order, order)]
    names = [f"v{k:02d}" for k in range(d)]
    return CausalGraph.from_directed(names, weights != 0, weights=weights)


def simulate(
    dag: CausalGraph, n: int, rng: np.random.Generator, noise: str = "normal"
) -> pd.DataFrame:
    """Rows of the linear model of a weighted DAG; noise "normal" or "exponential"."""
    d = len(dag.nodes)
    errors = rng.normal(size=(n, d)) if noise == "normal" else rng.exponential(size=(n, d))
    weights = np.zeros((d, d)) if dag.weights is None else dag.weights
    return pd.DataFrame(errors @ np.linalg.inv(np.eye(d) - weights), columns=list(dag.nodes))


def oracle(dag: CausalGraph, n: float = 1e6) -> Moments:
    """The population moments of a weighted DAG with unit noise, as if of n rows."""
    d = len(dag.nodes)
    weights = np.zeros((d, d)) if dag.weights is None else dag.weights
    total = np.linalg.inv(np.eye(d) - weights)
    blocks = {name: np.array([k]) for k, name in enumerate(dag.nodes)}
    return Moments(dag.nodes, n, np.zeros(d), total.T @ total, blocks, {})


def random_knowledge(names: list[str], rng: np.random.Generator) -> Knowledge:
    """Tiers over most nodes, exogenous ones, forbidden and required edges.

    What contradicts itself is drawn again.
    """
    while True:
        order = list(rng.permutation(names))
        cut = sorted(rng.integers(0, len(names), 2))
        tiers = [order[: cut[0]], order[cut[0] : cut[1]], order[cut[1] : -2]]
        pairs = [tuple(rng.choice(names, 2, replace=False)) for _ in range(8)]
        try:
            return Knowledge(
                tiers=tiers if rng.random() < 0.7 else [],
                forbidden=pairs[: int(rng.integers(0, 6))],
                required=pairs[6 : 6 + int(rng.integers(0, 3))],
                exogenous=order[: int(rng.integers(0, 3))],
                forbid_within=[k for k in range(len(tiers)) if rng.random() < 0.2],
            )
        except InvalidInputError:
            continue
