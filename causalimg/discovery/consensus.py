"""From many graphs over the same nodes to shares of edges and one graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalimg.graph.core import CausalGraph, GraphKind, Mark
from causalimg.graph.knowledge import Knowledge
from causalimg.graph.orientation import has_path

Float = NDArray[np.float64]


@dataclass(frozen=True)
class EdgeShares:
    """Shares of graphs, each of shape (d, d).

    Parameters
    ----------
    arrows : ndarray
        ``[i, j]``: with i -> j.
    presence : ndarray
        Symmetric: with any edge between i and j.
    support : ndarray
        ``arrows``, an edge without one direction adding one half to each side.
    heads, tails : ndarray
        ``[i, j]``: with an arrow, a tail at j's end of the edge between i and j.
    """

    arrows: Float
    presence: Float
    support: Float
    heads: Float
    tails: Float


def edge_shares(graphs: Iterable[CausalGraph], nodes: Sequence[str]) -> EdgeShares:
    """Count the edges of graphs that have the nodes ``nodes`` in any order.

    Examples
    --------
    >>> one = CausalGraph.from_directed(("a", "b"), [[0, 1], [0, 0]])
    >>> two = CausalGraph.from_directed(("b", "a"), [[0, 1], [0, 0]])
    >>> edge_shares([one, one, one, two], ("a", "b")).support.tolist()
    [[0.0, 0.75], [0.25, 0.0]]
    """
    d = len(nodes)
    arrows, presence, heads, tails = np.zeros((4, d, d))
    count = 0
    for graph in graphs:
        at = [graph.index(name) for name in nodes]
        marks = graph.marks[np.ix_(at, at)]
        arrows += graph.directed()[np.ix_(at, at)]
        presence += marks != Mark.NONE
        heads += marks == Mark.ARROW
        tails += marks == Mark.TAIL
        count += 1
    arrows, presence, heads, tails = (
        share / max(count, 1) for share in (arrows, presence, heads, tails)
    )
    support = arrows + (presence - arrows - arrows.T) / 2
    return EdgeShares(arrows, presence, support, heads, tails)


def consensus_graph(
    nodes: Sequence[str],
    shares: EdgeShares,
    threshold: float,
    knowledge: Knowledge,
    kind: GraphKind,
) -> CausalGraph:
    """Return the graph of the edges that enough graphs have.

    Edges enter from the most to the least frequent direction, ties by name. A direction that
    would close a directed cycle is left out: the edge is then unoriented (CPDAG) or takes the
    other direction (DAG), and if knowledge does not allow that, it is left out.

    Parameters
    ----------
    nodes : sequence of str
    shares : EdgeShares
    threshold : float
        Share of graphs from which an edge enters; required edges always do.
    knowledge : Knowledge
    kind : GraphKind
        ``dag`` gives a DAG, ``pag`` a PAG with the mark that more than half of the graphs with
        the edge have at each end, or a circle; anything else a CPDAG.
    """
    if kind is GraphKind.PAG:
        kept = shares.presence >= threshold - 1e-12
        marks = np.select(
            [shares.heads > shares.presence / 2, shares.tails > shares.presence / 2],
            [int(Mark.ARROW), int(Mark.TAIL)],
            int(Mark.CIRCLE),
        )
        return CausalGraph(tuple(nodes), np.where(kept, marks, 0), kind, support=shares.support)
    forbidden = knowledge.forbidden_matrix(nodes)
    required = knowledge.required_matrix(nodes)
    dag = kind is GraphKind.DAG
    directed = required.copy()
    loose = np.zeros_like(directed)
    present = (shares.presence >= threshold - 1e-12) & ~required & ~required.T
    pairs = [(int(i), int(j)) for i, j in np.argwhere(np.triu(present, 1))]
    ranked = []
    for i, j in pairs:
        forward, backward = float(shares.arrows[i, j]), float(shares.arrows[j, i])
        names = sorted((nodes[i], nodes[j]))
        tie = forward == backward and nodes[i] == names[0]
        cause, effect = (i, j) if forward > backward or tie else (j, i)
        ranked.append((-max(forward, backward), names, cause, effect))
    for _, _, cause, effect in sorted(ranked):
        either = not (forbidden[cause, effect] or forbidden[effect, cause])
        if dag:
            choices = [(cause, effect), (effect, cause)]
        elif shares.arrows[cause, effect] > shares.presence[cause, effect] / 2:
            choices = [(cause, effect)]
        else:
            choices = []
        for a, b in choices:
            if not forbidden[a, b] and not has_path(directed, b, a):
                directed[a, b] = True
                break
        else:
            if not dag and either:
                loose[cause, effect] = loose[effect, cause] = True
    return CausalGraph.from_directed(
        tuple(nodes),
        directed | loose,
        kind=GraphKind.DAG if dag else GraphKind.CPDAG,
        support=shares.support,
    )
