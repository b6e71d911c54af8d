"""Random graphs for the tests of graphs."""

from __future__ import annotations

import numpy as np

from causalimg.graph.core import CausalGraph


def random_dag(d: int, degree: float, rng: np.random.Generator) -> CausalGraph:
    """A DAG of d nodes with shuffled names and weights of 0.4 to 1 in size."""
    edges = np.triu(rng.random((d, d)) < degree / (d - 1), 1)
    weights = edges * rng.uniform(0.4, 1.0, (d, d)) * rng.choice([-1.0, 1.0], (d, d))
    order = rng.permutation(d)
    weights = weights[np.ix_(order, order)]
    names = [f"v{k:02d}" for k in range(d)]
    return CausalGraph.from_directed(names, weights != 0, weights=weights)
