"""A simulated feature table with blocks of near-copies, over a known graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph


@dataclass(frozen=True, eq=False)
class NearCopies:
    """What `near_copies` simulated.

    Parameters
    ----------
    table : pandas.DataFrame, shape (n, n_nodes * copies)
        The near-copies ``n00_0, n00_1, ...`` in random order.
    latent : pandas.DataFrame, shape (n, n_nodes)
        The standardised nodes ``n00, n01, ...`` themselves.
    graph : CausalGraph
        The DAG over the nodes.
    clusters : dict of str to tuple of str
        Node -> its copies.

    Examples
    --------
    >>> near_copies(n=50, n_nodes=2, n_links=1, copies=2).clusters
    {'n00': ('n00_0', 'n00_1'), 'n01': ('n01_0', 'n01_1')}
    """

    table: pd.DataFrame
    latent: pd.DataFrame
    graph: CausalGraph
    clusters: dict[str, tuple[str, ...]]

    def to_frame(self) -> pd.DataFrame:
        """Return the near-copies."""
        return self.table.copy()


def near_copies(
    *,
    n: int = 500,
    n_nodes: int = 12,
    n_links: int = 18,
    copies: int = 5,
    r: float = 0.97,
    largest: float = 2.0,
    random_state: int | None = 0,
) -> NearCopies:
    """Simulate blocks of near-copies, as radiomics columns come, of nodes with a known graph.

    The nodes are linear with exponential noise of equal variance and then standardised; each copy
    is its node plus independent Gaussian noise.

    Parameters
    ----------
    n, n_nodes, n_links, copies : int
    r : float
        Correlation of a copy with its node.
    largest : float
        Largest absolute weight of a link; the smallest is a quarter of it.
    random_state : int, optional

    Raises
    ------
    InvalidInputError
        If a size is not positive, there are more links than pairs, or ``r`` is not in (0, 1].

    Examples
    --------
    >>> simulated = near_copies(n=200, n_nodes=3, n_links=2, copies=4)
    >>> simulated.table.shape, len(simulated.graph.to_frame())
    ((200, 12), 2)
    """
    pairs = [(i, j) for i in range(n_nodes) for j in range(i + 1, n_nodes)]
    if min(n, n_nodes, copies) < 1 or not 0 <= n_links <= len(pairs):
        raise InvalidInputError(
            f"near_copies: n={n}, n_nodes={n_nodes}, copies={copies} must be positive, and "
            f"n_links={n_links} from 0 to {len(pairs)}, the number of pairs"
        )
    if not 0 < r <= 1:
        raise InvalidInputError(f"near_copies: r={r!r} is not in (0, 1]")
    rng = np.random.default_rng(random_state)
    weights = np.zeros((n_nodes, n_nodes))
    for k in rng.choice(len(pairs), n_links, replace=False):
        weights[pairs[k]] = rng.uniform(largest / 4, largest) * rng.choice([-1, 1])
    latent = rng.exponential(size=(n, n_nodes)) @ np.linalg.inv(np.eye(n_nodes) - weights)
    latent = (latent - latent.mean(axis=0)) / latent.std(axis=0)
    noise = np.sqrt(1 / r**2 - 1)
    names = [f"n{k:02d}" for k in range(n_nodes)]
    clusters = {name: tuple(f"{name}_{c}" for c in range(copies)) for name in names}
    table = pd.DataFrame(
        {
            copy: latent[:, k] + noise * rng.normal(size=n)
            for k, name in enumerate(names)
            for copy in clusters[name]
        }
    )
    return NearCopies(
        table[list(rng.permutation(table.columns))],
        pd.DataFrame(latent, columns=names),
        CausalGraph.from_directed(tuple(names), (weights != 0).astype(float)),
        clusters,
    )
