"""What GES and BOSS share: the score, the result as a graph, what is said of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.discovery.base import check_choice
from causalimg.discovery.data import DiscoveryData
from causalimg.errors import CausalImgError, InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind
from causalimg.graph.knowledge import Knowledge
from causalimg.graph.orientation import meek_closure
from causalimg.stats.bdeu import BDeu
from causalimg.stats.scores import CachedScore, GaussianBIC, kernel

Bool = NDArray[np.bool_]

ASSUMPTIONS = (
    "No unmeasured common cause of two measured variables (causal sufficiency).",
    "The independences in the data are those of the graph (Markov, faithfulness).",
    "The graph has no cycle, and every case comes from the same graph.",
)
_BIC = "Relations are linear with residuals of one normal distribution (Gaussian BIC)."
_MIXED = (
    "Categorical nodes act through group means; their 0/1 columns are scored as if they were"
    " Gaussian (degenerate Gaussian score)."
)
_BDEU = "Given its parents, a node has any distribution over its levels (multinomial, BDeu)."


def make_score(
    data: DiscoveryData, score: str, penalty_discount: float, max_parents: int | None
) -> CachedScore:
    """Set up the score of a table.

    Raises
    ------
    InvalidInputError
        If a setting is not allowed or does not fit the columns.
    """
    check_choice("score", score, ("bic", "bdeu"))
    if not isinstance(penalty_discount, int | float) or not 0 < penalty_discount < np.inf:
        raise InvalidInputError(f"penalty_discount={penalty_discount!r} must be a positive number")
    if max_parents is not None and (not isinstance(max_parents, int) or max_parents < 1):
        raise InvalidInputError(f"max_parents={max_parents!r} must be None or a whole number >= 1")
    if score == "bic":
        return GaussianBIC(data.moments, penalty_discount=penalty_discount, max_parents=max_parents)
    numbers = [name for name in data.columns if name not in data.categorical]
    if numbers:
        raise InvalidInputError(
            f'score="bdeu" takes categorical columns only; numbers: {numbers[:10]}. Use'
            ' score="bic", which takes both'
        )
    if data.matrix is None:
        raise InvalidInputError('score="bdeu" needs the rows, not only their moments')
    codes = {
        name: (data.matrix[:, block] @ np.arange(1, len(block) + 1)).astype(int)
        for name, block in data.moments.blocks.items()
    }
    table = pd.DataFrame({name: pd.Categorical(codes[name]) for name in data.columns})
    return BDeu(table, penalty_discount=penalty_discount, max_parents=max_parents)


def assumptions(data: DiscoveryData, score: str) -> tuple[str, ...]:
    """Return what must hold for the graph to mean what it says."""
    if score == "bdeu":
        return (*ASSUMPTIONS, _BDEU)
    return (*ASSUMPTIONS, _BIC, *((_MIXED,) if data.categorical else ()))


def known_graph(names: tuple[str, ...], class_: NDArray[np.uint8], forbidden: Bool) -> CausalGraph:
    """Return a class as a graph, with the arrows that knowledge adds.

    Parameters
    ----------
    names : tuple of str
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
    return CausalGraph.from_directed(names, directed | undirected, kind=GraphKind.CPDAG)


def consistent_dag(class_: NDArray[np.uint8]) -> Bool:
    """Return a DAG of a class."""
    kernels = kernel("equivalence")
    found, place = kernels.extend(class_, *kernels.neighbours(class_))
    if not found:
        raise CausalImgError("the search ended in no equivalence class, which is a defect")
    return np.asarray(class_.astype(bool) & (place[:, None] < place[None, :]))


def fit_by_causal_learn(
    method: str, data: DiscoveryData, score: str, penalty_discount: float, knowledge: Knowledge
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
    if score != "bic":
        raise InvalidInputError('engine="causal-learn" takes score="bic" here')
    if data.moments.n <= len(data.columns):
        raise InvalidInputError(
            f"causal-learn's {method} does not end with {data.moments.n:g} rows and"
            f' {len(data.columns)} columns; use engine="native"'
        )
    return score_search(method, data, penalty_discount)


def score_stats(score: CachedScore, class_: NDArray[np.uint8]) -> dict[str, Any]:
    """Return the score of a class, and of the empty graph for comparison."""
    dag = consistent_dag(class_)
    d = len(dag)
    return {
        "score": float(sum(score.local(y, np.flatnonzero(dag[:, y]).tolist()) for y in range(d))),
        "score_empty": float(sum(score.local(y, []) for y in range(d))),
        "n_edges": int(dag.sum()),
    }
