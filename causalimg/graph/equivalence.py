"""The DAGs that a CPDAG stands for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from causalimg.errors import IdentificationError, InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind, directed_cycle
from causalimg.graph.orientation import Bool, meek_closure, v_structures


def _orientations(directed: Bool, undirected: Bool) -> Iterator[Bool]:
    """Yield every way to direct the open edges that Meek's rules allow."""
    open_ = np.argwhere(np.triu(undirected))
    if not len(open_):
        yield directed
        return
    i, j = open_[0]
    for a, b in ((i, j), (j, i)):
        arrows, rest = directed.copy(), undirected.copy()
        arrows[a, b] = True
        rest[a, b] = rest[b, a] = False
        closed, left, conflicts = meek_closure(arrows, rest)
        if not conflicts:
            yield from _orientations(closed, left)


def all_dags(graph: CausalGraph, *, limit: int = 10_000) -> list[CausalGraph]:
    """Return every DAG of the class that a CPDAG (or a CPDAG with knowledge) stands for.

    A DAG is its own only member. Open edges are directed one after the other, with Meek's rules
    after each, so that no branch ends in a cycle or a new collider.

    Parameters
    ----------
    graph : CausalGraph
        A DAG or CPDAG.
    limit : int
        Largest number of DAGs to list.

    Raises
    ------
    IdentificationError
        If there are more than ``limit``, naming the number of open edges, or for a PAG or ADMG.
    InvalidInputError
        If no DAG has these edges and colliders, so the graph is not a CPDAG.

    References
    ----------
    Meek C. Causal inference and causal explanation with background knowledge. UAI 1995.
    doi:10.48550/arXiv.1302.4972

    Examples
    --------
    >>> chain = CausalGraph.from_directed(("a", "b", "c"), [[0, 1, 0], [0, 0, 1], [0, 0, 0]])
    >>> from causalimg.graph.metrics import dag_to_cpdag
    >>> [len(dag.parents("b")) for dag in all_dags(dag_to_cpdag(chain))]
    [1, 0, 1]
    """
    if graph.kind not in (GraphKind.DAG, GraphKind.CPDAG):
        raise IdentificationError(
            f"all_dags needs a DAG or CPDAG, not a {graph.kind}: its marks do not name DAGs"
        )
    directed, undirected = graph.directed(), graph.undirected()
    colliders = v_structures(directed)
    out: list[CausalGraph] = []
    for arrows in _orientations(np.array(directed), np.array(undirected)):
        if directed_cycle(arrows) or (v_structures(arrows) & ~colliders).any():
            continue
        if len(out) == limit:
            raise IdentificationError(
                f"the graph stands for more than {limit} DAGs ({int(np.triu(undirected).sum())}"
                " unoriented edges): add knowledge (tiers, required edges) that orients some, or"
                " raise the limit"
            )
        out.append(CausalGraph.from_directed(graph.nodes, arrows.astype(int)))
    if not out:
        raise InvalidInputError(
            "no DAG has these edges and colliders: the graph is not a CPDAG of any DAG, as one that"
            " tests of a sample gave need not be; learn it with a method that always gives one"
            " (tier_regression, ges, boss), or orient it with Knowledge (tiers, required edges)"
        )
    return out
