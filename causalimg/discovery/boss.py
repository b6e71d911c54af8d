"""BOSS: the equivalence class with the best score, by search over causal orders."""

from __future__ import annotations

from typing import Any

import numpy as np

from causalimg.discovery.base import BaseDiscovery, Found, check_choice
from causalimg.discovery.class_search import ClassSearch, Open
from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.grow_shrink import GrowShrinkTrees, search_order
from causalimg.discovery.orders import random_order
from causalimg.discovery.score_based import (
    ASSUMPTIONS,
    fit_by_causal_learn,
    known_graph,
    make_score,
    score_stats,
)
from causalimg.errors import InvalidInputError
from causalimg.graph.knowledge import Knowledge
from causalimg.graph.orientation import reachable

_SWEEPS = 100
_ALIKE = 1e-6  # of a score


class BOSS(BaseDiscovery):
    """Learn the equivalence class of a causal graph by best order score search.

    An order of the nodes gives a graph: the parents of each node are grown and shrunk greedily
    among those before it. Each node in turn is moved to the position with the best score, until
    no move improves it. Grow-shrink trees keep the parent sets that were met. Where the published
    search then deletes edges between equivalence classes, this one also turns and inserts, and
    tries deletions that lose at first, as `GES` does: an order at which no single move gains can
    be far from the best.

    Parameters
    ----------
    score : str or type
        As in `GES`.
    penalty_discount : float
        As in `GES`.
    knowledge : Knowledge, optional
        Tiers, exogenous nodes and required edges restrict the orders, forbidden edges the
        parents; required parents are always there. The edges that knowledge orients are
        oriented in the end, with what follows by Meek's rules. The result never contradicts it.
    n_starts : int
        Random orders to start from; the best result is taken. One start alone now and then ends
        far from the best; the parent sets that were met are shared, so that each further start
        costs less than the first.
    max_parents : int, optional
        As in `GES`.
    random_state : int, optional
        Of the starts and of the turns of the nodes; None for other results each time.
    engine : {"native", "causal-learn"}
        ``"causal-learn"``: its BOSS, which takes no seed: its results differ from call to call.
        Rows of continuous columns only, no knowledge, more rows than columns.

    Attributes
    ----------
    graph_ : CausalGraph
        A CPDAG, with further arrows if there is knowledge.
    stats_ : dict
        ``n``, ``score`` (larger is better), ``score_empty``, ``n_edges``; native:
        ``start_scores``, ``sweeps``, ``moves``, ``order`` (of the best start).
    assumptions_ : tuple of str

    Raises
    ------
    InvalidInputError
        From `fit`: a setting that is not allowed, or columns that are incomplete, constant,
        duplicate or linearly dependent, by name.
    MissingDependencyError
        Without numba.

    Notes
    -----
    Assumptions: causal sufficiency, faithfulness, acyclicity, and those of the score. Columns
    are sorted by name first, so that their order in the table does not matter.

    References
    ----------
    Andrews B, Ramsey J, Sanchez-Romero R, Camchong J, Kummerfeld E. Fast scalable and accurate
    discovery of DAGs using the best order score search and grow-shrink trees. NeurIPS 2023.
    doi:10.48550/arXiv.2310.17679
    Nazaret A, Blei D. Extremely greedy equivalence search. UAI 2024.
    doi:10.48550/arXiv.2502.19551

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.normal(size=(2, 500))
    >>> table = pd.DataFrame({"a": a, "b": b, "c": a + b + rng.normal(size=500)})
    >>> BOSS(random_state=0).fit(table).graph_.parents("c")
    ('a', 'b')
    """

    _takes_moments = True

    def __init__(
        self,
        *,
        score: Any = "bic",
        penalty_discount: float = 1.0,
        knowledge: Knowledge | None = None,
        n_starts: int = 3,
        max_parents: int | None = None,
        random_state: int | None = None,
        engine: str = "native",
    ) -> None:
        self.score = score
        self.penalty_discount = penalty_discount
        self.knowledge = knowledge
        self.n_starts = n_starts
        self.max_parents = max_parents
        self.random_state = random_state
        self.engine = engine

    def _discover(self, data: DiscoveryData, knowledge: Knowledge) -> Found:
        check_choice("engine", self.engine, ("native", "causal-learn"))
        if not isinstance(self.n_starts, int | np.integer) or self.n_starts < 1:
            raise InvalidInputError(f"n_starts={self.n_starts!r} must be a whole number >= 1")
        score = make_score(data, self.score, self.penalty_discount, self.max_parents)
        names = data.columns
        forbidden = knowledge.forbidden_matrix(names)
        stats: dict[str, Any] = {}
        if self.engine == "causal-learn":
            best = fit_by_causal_learn("BOSS", data, self.score, self.penalty_discount, knowledge)
        else:
            required = knowledge.required_matrix(names)
            before = reachable(knowledge.precedence_matrix(names) | required)
            allowed = ~forbidden & ~np.eye(len(names), dtype=bool)
            trees = GrowShrinkTrees(score, allowed, required)
            found, totals = [], []
            ends: dict[bytes, tuple[float, Open]] = {}  # of the classes that starts came to
            for seed in np.random.SeedSequence(self.random_state).spawn(self.n_starts):
                rng = np.random.default_rng(seed)
                start = random_order(before, rng)
                result = search_order(trees, start, before, rng, _SWEEPS)
                search = ClassSearch(score, forbidden, required, start=result.directed)
                search.climb()
                climbed, reached = search.gained, search.open.tobytes()
                if reached not in ends:
                    search.try_deletions()
                    ends[reached] = (search.gained - climbed, search.open)
                escaped, best = ends[reached]
                found.append((result, best))
                totals.append(result.score + climbed + escaped)
            # of starts that end alike but for rounding, the first
            top = int(np.argmax(np.array(totals) >= max(totals) - _ALIKE))
            result, best = found[top]
            stats = {
                "start_scores": totals,
                "sweeps": result.sweeps,
                "moves": result.moves,
                "order": tuple(names[k] for k in result.order),
            }
        graph = known_graph(names, best, forbidden)
        return Found(graph, {**score_stats(score, best), **stats}, (*ASSUMPTIONS, *score.said))
