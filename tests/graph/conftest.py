"""Random graphs for the tests of graphs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from causalimg.graph.core import CausalGraph

RandomDag = Callable[[int, float, np.random.Generator], CausalGraph]


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
