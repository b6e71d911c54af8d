"""How far an estimated graph is from the truth: SHD, skeleton and orientation scores."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind, Mark
from causalimg.graph.orientation import meek_closure, v_structures
from causalimg.graph.sid import sid as sid
from causalimg.graph.sid import sid_bounds as sid_bounds


def _aligned(graph: CausalGraph, truth: CausalGraph) -> NDArray[np.int8]:
    """Return the marks of ``truth`` in the node order of ``graph``."""
    if set(graph.nodes) != set(truth.nodes):
        odd = sorted(set(graph.nodes) ^ set(truth.nodes))
        raise InvalidInputError(f"the two graphs have different nodes; in one only: {odd[:10]}")
    order = [truth.nodes.index(node) for node in graph.nodes]
    return np.asarray(truth.marks[np.ix_(order, order)])


def dag_to_cpdag(graph: CausalGraph) -> CausalGraph:
    """Return the CPDAG of a DAG's Markov equivalence class.

    An edge is oriented where every DAG with the same conditional independences agrees.

    Parameters
    ----------
    graph : CausalGraph

    Raises
    ------
    IdentificationError
        If the graph is neither a DAG nor fully oriented.

    References
    ----------
    Andersson SA, Madigan D, Perlman MD. A characterization of Markov equivalence classes for
    acyclic digraphs. Ann Stat 1997;25:505-541. doi:10.1214/aos/1031833662

    Examples
    --------
    >>> chain = CausalGraph.from_directed(("a", "b", "c"), [[0, 1, 0], [0, 0, 1], [0, 0, 0]])
    >>> dag_to_cpdag(chain).to_frame()["edge"].tolist()
    ['---', '---']
    """
    graph.require_dag("dag_to_cpdag")
    directed = graph.directed()
    arrows = v_structures(directed)
    loose = directed & ~arrows
    arrows, loose, _ = meek_closure(arrows, loose | loose.T)
    return CausalGraph.from_directed(graph.nodes, arrows | loose, kind=GraphKind.CPDAG)


def shd(graph: CausalGraph, truth: CausalGraph) -> int:
    """Return the structural Hamming distance: node pairs whose edge differs in any way.

    A reversed arrow and an arrow against an unoriented edge count one. Node order is free.

    Parameters
    ----------
    graph, truth : CausalGraph
        Of the same nodes, in any order.

    Raises
    ------
    InvalidInputError
        If the graphs do not have the same nodes.

    References
    ----------
    Tsamardinos I, Brown LE, Aliferis CF. The max-min hill-climbing Bayesian network structure
    learning algorithm. Mach Learn 2006;65:31-78. doi:10.1007/s10994-006-6889-7

    Examples
    --------
    >>> one = CausalGraph.from_directed(("a", "b"), [[0, 1], [0, 0]])
    >>> two = CausalGraph.from_directed(("b", "a"), [[0, 1], [0, 0]])
    >>> shd(one, one), shd(one, two), shd_cpdag(one, two)
    (0, 1, 0)
    """
    marks = _aligned(graph, truth)
    differs = (graph.marks != marks) | (graph.marks != marks).T
    return int(np.triu(differs, 1).sum())


def shd_cpdag(graph: CausalGraph, truth: CausalGraph) -> int:
    """Return the structural Hamming distance between the two equivalence classes.

    A DAG is turned into its CPDAG first; a CPDAG is taken as it is.

    Parameters
    ----------
    graph, truth : CausalGraph
        Of the same nodes, in any order.

    Examples
    --------
    >>> one = CausalGraph.from_directed(("a", "b"), [[0, 1], [0, 0]])
    >>> two = CausalGraph.from_directed(("a", "b"), [[0, 0], [1, 0]])
    >>> shd(one, two), shd_cpdag(one, two)
    (1, 0)
    """
    pair = [dag_to_cpdag(g) if g.kind is GraphKind.DAG else g for g in (graph, truth)]
    return shd(pair[0], pair[1])


@dataclass(frozen=True)
class GraphComparison:
    """Scores of an estimated graph against the truth; NaN where there is nothing to count.

    Parameters
    ----------
    shd : int
    n_edges, n_true : int
        Edges in the estimate and in the truth.
    skeleton_precision, skeleton_recall, skeleton_f1 : float
        Of the pairs joined by any edge.
    orientation_precision : float
        Share of the estimate's arrows that are the same arrow in the truth.
    orientation_recall : float
        Share of the truth's arrows that the estimate has.

    Examples
    --------
    >>> truth = CausalGraph.from_directed(("a", "b", "c"), [[0, 1, 1], [0, 0, 0], [0, 0, 0]])
    >>> compare(truth, truth).to_frame()[["shd", "skeleton_f1"]].values.tolist()
    [[0.0, 1.0]]
    """

    shd: int
    n_edges: int
    n_true: int
    skeleton_precision: float
    skeleton_recall: float
    skeleton_f1: float
    orientation_precision: float
    orientation_recall: float

    def to_frame(self) -> pd.DataFrame:
        """Return the scores as one row."""
        return pd.DataFrame([asdict(self)])


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def compare(graph: CausalGraph, truth: CausalGraph) -> GraphComparison:
    """Score an estimated graph against the truth.

    Parameters
    ----------
    graph, truth : CausalGraph
        Of the same nodes, in any order.

    Examples
    --------
    >>> truth = CausalGraph.from_directed(("a", "b", "c"), [[0, 1, 1], [0, 0, 0], [0, 0, 0]])
    >>> guess = CausalGraph.from_directed(("a", "b", "c"), [[0, 1, 0], [0, 0, 0], [1, 0, 0]])
    >>> scores = compare(guess, truth)
    >>> scores.skeleton_recall, scores.orientation_precision
    (1.0, 0.5)
    """
    marks = _aligned(graph, truth)
    mine = np.triu(graph.marks != Mark.NONE, 1)
    real = np.triu(marks != Mark.NONE, 1)
    arrows = graph.directed()
    true_arrows = (marks == Mark.ARROW) & (marks.T == Mark.TAIL)
    both, same = int((mine & real).sum()), int((arrows & true_arrows).sum())
    n_edges, n_true = int(mine.sum()), int(real.sum())
    return GraphComparison(
        shd=shd(graph, truth),
        n_edges=n_edges,
        n_true=n_true,
        skeleton_precision=_share(both, n_edges),
        skeleton_recall=_share(both, n_true),
        skeleton_f1=_share(2 * both, n_edges + n_true),
        orientation_precision=_share(same, int(arrows.sum())),
        orientation_recall=_share(same, int(true_arrows.sum())),
    )
