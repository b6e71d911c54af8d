"""GES: the equivalence class with the best score, by greedy moves between classes."""

from __future__ import annotations

from typing import Any

from causalimg.discovery.base import BaseDiscovery, Found, check_choice
from causalimg.discovery.class_search import DELETE, FLIP, INSERT, TURN, Bool, ClassSearch
from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.score_based import (
    ASSUMPTIONS,
    fit_by_causal_learn,
    known_graph,
    make_score,
    score_stats,
)
from causalimg.graph.knowledge import Knowledge
from causalimg.stats.scores import LocalScore


class GES(BaseDiscovery):
    """Learn the equivalence class of a causal graph by greedy search for the best score.

    Insertions, deletions and turns of single edges lead from class to class. At each step the
    best deletion that improves the score is made, else the best turn, else the best insertion;
    then each edge is deleted on trial, with its insertion barred, and the search goes on from
    there, which is kept if it ends higher (XGES). The same is done once more from where all
    insertions and then all deletions end (Chickering's GES), and the better of the two ends is
    returned: mostly they are one, but neither way is the better one on all data.

    Parameters
    ----------
    score : str or type
        ``"bic"``: Gaussian, with categorical columns as blocks (`causalimg.stats.scores`).
        ``"bdeu"``: all columns categorical (`causalimg.stats.bdeu`). Further names are those
        registered in the entry-point group ``causalimg.scores``; a class derived from
        `causalimg.stats.scores.LocalScore` needs no registration.
    penalty_discount : float
        Factor on the penalty of the BIC; larger gives fewer edges, and 2 fewer errors from about
        50 columns on (docs/tables/discovery_accuracy.md). For ``"bdeu"`` each parent costs the
        logarithm of it more.
    knowledge : Knowledge, optional
        Tiers, forbidden and required edges, exogenous nodes. The search starts from the
        required edges, never deletes them, and enters a class only if one of its DAGs agrees
        with all knowledge (Dor and Tarsi's extension decides that exactly). In the end
        the edges that knowledge orients are oriented, with what follows by Meek's rules.
    turning : bool
        Whether edges may be turned.
    extended : bool
        Whether to try deletions where the greedy search ends, and to search a second time. False
        is faster.
    max_parents : int, optional
        Most encoded columns of parents of a node. The BIC has a limit of a third of the rows in
        any case, so that wide tables with few rows end with a sparse graph.
    engine : {"native", "causal-learn"}
        ``"causal-learn"``: its GES (insertions, then deletions); rows of continuous columns only,
        no knowledge, more rows than columns.

    Attributes
    ----------
    graph_ : CausalGraph
        A CPDAG, with further arrows if there is knowledge.
    stats_ : dict
        ``n``, ``score`` (larger is better), ``score_empty``, ``n_edges``; native: ``deletions``,
        ``turns``, ``insertions`` that led to the result, ``trials``, and ``cut``: whether more
        than 4,096 sets of neighbours were met around a node, of which the rest was not tried.
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
    Assumptions: causal sufficiency, faithfulness, acyclicity, and those of the score. There is
    no random number in it. Columns are sorted by name first, so that their order in the table
    does not matter; renaming them can matter where two moves gain exactly the same.

    References
    ----------
    Chickering DM. Optimal structure identification with greedy search. J Mach Learn Res
    2002;3:507-554.
    Hauser A, Buehlmann P. Characterization and greedy learning of interventional Markov
    equivalence classes of directed acyclic graphs. J Mach Learn Res 2012;13:2409-2464.
    Nazaret A, Blei D. Extremely greedy equivalence search. UAI 2024.
    doi:10.48550/arXiv.2502.19551

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.normal(size=(2, 500))
    >>> table = pd.DataFrame({"a": a, "b": b, "c": a + b + rng.normal(size=500)})
    >>> GES().fit(table).graph_.parents("c")
    ('a', 'b')
    """

    _takes_moments = True

    def __init__(
        self,
        *,
        score: Any = "bic",
        penalty_discount: float = 1.0,
        knowledge: Knowledge | None = None,
        turning: bool = True,
        extended: bool = True,
        max_parents: int | None = None,
        engine: str = "native",
    ) -> None:
        self.score = score
        self.penalty_discount = penalty_discount
        self.knowledge = knowledge
        self.turning = turning
        self.extended = extended
        self.max_parents = max_parents
        self.engine = engine

    def _discover(self, data: DiscoveryData, knowledge: Knowledge) -> Found:
        check_choice("engine", self.engine, ("native", "causal-learn"))
        score = make_score(data, self.score, self.penalty_discount, self.max_parents)
        forbidden = knowledge.forbidden_matrix(data.columns)
        stats: dict[str, Any] = {}
        if self.engine == "causal-learn":
            found = fit_by_causal_learn("GES", data, self.score, self.penalty_discount, knowledge)
        else:
            required = knowledge.required_matrix(data.columns)
            search = self._search(score, forbidden, required, in_phases=False)
            if self.extended:
                second = self._search(score, forbidden, required, in_phases=True)
                search = second if second.gained > search.gained + 1e-6 else search
            found = search.open
            stats = {
                "deletions": search.counts[DELETE],
                "turns": search.counts[TURN] + search.counts[FLIP],
                "insertions": search.counts[INSERT],
                "trials": search.trials,
                "cut": search.cut,
            }
        graph = known_graph(data.columns, found, forbidden)
        return Found(graph, {**score_stats(score, found), **stats}, (*ASSUMPTIONS, *score.said))

    def _search(
        self, score: LocalScore, forbidden: Bool, required: Bool, *, in_phases: bool
    ) -> ClassSearch:
        """Climb from the required edges to where no move gains."""
        search = ClassSearch(score, forbidden, required, turning=self.turning)
        search.climb(in_phases=in_phases)
        if self.extended:
            search.try_deletions()
        return search
