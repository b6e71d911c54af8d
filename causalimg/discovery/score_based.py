"""What GES and BOSS share: the score, the result as a graph, what is said of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.discovery.base import check_choice
from causalimg.discovery.data import DiscoveryData
from causalimg.errors import CausalImgError, InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind
from causalimg.graph.knowledge import Knowledge
from causalimg.graph.orientation import meek_closure
from causalimg.registry import load, names
from causalimg.stats.bdeu import BDeu
from causalimg.stats.scores import GaussianBIC, LocalScore, kernel

Bool = NDArray[np.bool_]

ASSUMPTIONS = (
    "No unmeasured common cause of two measured variables (causal sufficiency).",
    "The independences in the data are those of the graph (Markov, faithfulness).",
    "The graph has no cycle, and every case comes from the same graph.",
)
GROUP = "causalimg.scores"


def make_score(
    data: DiscoveryData, score: Any, penalty_discount: float, max_parents: int | None
) -> LocalScore:
    """Set up the score of a table.

    Parameters
    ----------
    data : DiscoveryData
    score : str or type
        A name registered in ``causalimg.scores``, or a class derived from `LocalScore`.
    penalty_discount : float
    max_parents : int, optional

    Raises
    ------
    InvalidInputError
        If a setting is not allowed or does not fit the columns.
    """
    known: Any = score
    if isinstance(score, str):
        own = {"bic": GaussianBIC, "bdeu": BDeu}
        if score not in own:
            check_choice("score", score, tuple(sorted({*own, *names(GROUP)})))
        known = own[score] if score in own else load(GROUP, score)
    if not (isinstance(known, type) and issubclass(known, LocalScore)):
        raise InvalidInputError(
            f"score={score!r} is no score; give a registered name, or a class derived from"
            " causalimg.stats.scores.LocalScore"
        )
    if not isinstance(penalty_discount, int | float) or not 0 < penalty_discount < np.inf:
        raise InvalidInputError(f"penalty_discount={penalty_discount!r} must be a positive number")
    if max_parents is not None and (not isinstance(max_parents, int) or max_parents < 1):
        raise InvalidInputError(f"max_parents={max_parents!r} must be None or a whole number >= 1")
    rows = None if data.matrix is None else data.encoded()
    return known.of(data.moments, rows, penalty_discount=penalty_discount, max_parents=max_parents)


def known_graph(nodes: tuple[str, ...], class_: NDArray[np.uint8], forbidden: Bool) -> CausalGraph:
    """Return a class as a graph, with the arrows that knowledge adds.

    Parameters
    ----------
    nodes : tuple of str
    class_ : ndarray of uint8, shape (d, d)
        A CPDAG; 1 where an edge can be followed.
    forbidden : ndarray of bool, shape (d, d)
    """
    follows = class_.astype(bool)
    directed, undirected = follows & ~follows.T, follows & follows.T
    forced = undirected & ~forbidden & forbidden.T
    if forced.any():
        directed = directed | forced
        undirected = undirected & ~forced & ~forced.T
        directed, undirected, _ = meek_closure(directed, undirected)
    return CausalGraph.from_directed(nodes, directed | undirected, kind=GraphKind.CPDAG)


def consistent_dag(class_: NDArray[np.uint8]) -> Bool:
    """Return a DAG of a class."""
    kernels = kernel("equivalence")
    found, place = kernels.extend(class_, *kernels.neighbours(class_))
    if not found:
        raise CausalImgError("the search ended in no equivalence class, which is a defect")
    return np.asarray(class_.astype(bool) & (place[:, None] < place[None, :]))


def fit_by_causal_learn(
    method: str, data: DiscoveryData, score: Any, penalty_discount: float, knowledge: Knowledge
) -> NDArray[np.uint8]:
    """Run causal-learn's search; return the class.

    Raises
    ------
    InvalidInputError
        If it cannot honour the settings: knowledge, BDeu, or no more rows than columns.
    """
    from causalimg.discovery.causal_learn_engine import score_search

    if knowledge.nodes:
        raise InvalidInputError(f'causal-learn\'s {method} takes no knowledge; use engine="native"')
    if score not in ("bic", GaussianBIC):
        raise InvalidInputError('engine="causal-learn" takes score="bic" here')
    if data.moments.n <= len(data.columns):
        raise InvalidInputError(
            f"causal-learn's {method} does not end with {data.moments.n:g} rows and"
            f' {len(data.columns)} columns; use engine="native"'
        )
    return score_search(method, data, penalty_discount)


def score_stats(score: LocalScore, class_: NDArray[np.uint8]) -> dict[str, Any]:
    """Return the score of a class, and of the empty graph for comparison."""
    dag = consistent_dag(class_)
    d = len(dag)
    return {
        "score": float(sum(score.local(y, np.flatnonzero(dag[:, y]).tolist()) for y in range(d))),
        "score_empty": float(sum(score.local(y, []) for y in range(d))),
        "n_edges": int(dag.sum()),
    }
