"""Baselines that every claim about least-squares structure learning has to be held against."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.discovery.base import BaseDiscovery, Found, check_choice
from causalimg.discovery.certificate import report
from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.orders import compiled, polish
from causalimg.discovery.regression import adaptive_lasso
from causalimg.discovery.solvers import Solution
from causalimg.discovery.sortability import explained, sortability
from causalimg.discovery.task import ASSUMPTIONS, Task, check_number
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge

Float = NDArray[np.float64]


class MinPivot(BaseDiscovery):
    """Learn a DAG by taking, again and again, the column with the least conditional variance.

    The top-down rule for equal noise variances: a source has the least variance, and given the
    sources so does the next node. Edges are the lasso of each node on those before it, as in
    `NOTEARS`. It needs milliseconds and on benchmarks with equal noise variances comes close to
    the best methods, so a headline on such data means nothing without it.

    Parameters
    ----------
    lambda1, threshold, standardize, knowledge
        As in `NOTEARS`; the columns keep their units by default, since the rule means nothing on
        standardised ones.

    Notes
    -----
    Assumptions: causal sufficiency, acyclicity, linear relations, equal noise variances.

    References
    ----------
    Chen W, Drton M, Wang YS. On causal discovery with an equal-variance assumption. Biometrika
    2019;106:973-980. doi:10.1093/biomet/asz049

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=500)
    >>> table = pd.DataFrame({"b": 2 * a + rng.normal(size=500), "a": a})
    >>> MinPivot().fit(table).graph_.parents("b")
    ('a',)
    """

    _takes_moments = True
    _full_rank = True

    def __init__(
        self,
        *,
        lambda1: float = 0.1,
        threshold: float = 0.3,
        standardize: bool = False,
        knowledge: Knowledge | None = None,
    ) -> None:
        self.lambda1 = lambda1
        self.threshold = threshold
        self.standardize = standardize
        self.knowledge = knowledge

    def _discover(self, data: DiscoveryData, knowledge: Knowledge) -> Found:
        check_number("lambda1", self.lambda1)
        check_number("threshold", self.threshold)
        task = Task.of(
            data, knowledge, lambda1=self.lambda1, standardize=self.standardize, method="MinPivot"
        )
        order = compiled("order_search").min_pivot_order(task.problem.cov, task.problem.constraint)
        solution = Solution({"min_pivot": polish(task.problem, order, refine=False)})
        found = report(task, solution, threshold=self.threshold, alpha=0.01)
        stats = {k: v for k, v in found.stats.items() if k not in ("convergence", "advice")}
        return Found(found.graph, stats, found.assumptions, found.attributes)


class SortnRegress(BaseDiscovery):
    """Sort the columns by variance or by R2 and regress each on those before it.

    Not a causal method: it shows how much of a graph the scale (``"variance"``) or the
    predictability (``"r2"``) of the columns gives away. A method that is not clearly better than
    this on some data has learned nothing else from them.

    Parameters
    ----------
    criterion : {"variance", "r2"}
    knowledge : Knowledge, optional
        Continuous columns only.

    Notes
    -----
    Assumptions: that causes vary less (or are less predictable) than their effects, which
    nothing but the simulation or the choice of units implies.

    References
    ----------
    Reisach A, Seiler C, Weichwald S. Beware of the simulated DAG! NeurIPS 2021.
    doi:10.48550/arXiv.2102.13647
    Reisach A et al. A scale-invariant sorting criterion to find a causal order in additive noise
    models. NeurIPS 2023. doi:10.48550/arXiv.2303.18211

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=500)
    >>> table = pd.DataFrame({"b": 2 * a + rng.normal(size=500), "a": a})
    >>> SortnRegress().fit(table).graph_.parents("b")
    ('a',)
    """

    _full_rank = True

    def __init__(self, *, criterion: str = "variance", knowledge: Knowledge | None = None) -> None:
        self.criterion = criterion
        self.knowledge = knowledge

    def _discover(self, data: DiscoveryData, knowledge: Knowledge) -> Found:
        check_choice("criterion", self.criterion, ("variance", "r2"))
        if data.categorical:
            raise InvalidInputError(
                f"SortnRegress takes continuous columns only; {list(data.categorical)} are"
                " categorical: leave them out"
            )
        if data.matrix is None:  # refused by fit; a resample always has rows
            raise InvalidInputError("SortnRegress needs the rows, not only their moments")
        cov = data.moments.cov
        value = np.diag(cov) if self.criterion == "variance" else explained(cov)
        forbidden = knowledge.forbidden_matrix(data.columns)
        required = knowledge.required_matrix(data.columns)
        before = knowledge.precedence_matrix(data.columns) | required
        d = len(value)
        weights = np.zeros((d, d))
        left = np.ones(d, dtype=bool)
        order: list[int] = []
        while left.any():
            free = np.flatnonzero(left & ~before[left].any(axis=0))
            node = int(free[np.argmin(value[free])])
            parents = [k for k in order if not forbidden[k, node]]
            weights[parents, node] = adaptive_lasso(data.matrix[:, parents], data.matrix[:, node])
            order.append(node)
            left[node] = False
        edges = (weights != 0) | required
        graph = CausalGraph.from_directed(data.columns, edges, weights=weights)
        stats: dict[str, Any] = {
            "causal_order": tuple(data.columns[k] for k in order),
            "sortability": {
                "variance": sortability(edges, np.diag(cov)),
                "r2": sortability(edges, explained(cov)),
            },
        }
        return Found(graph, stats, ASSUMPTIONS[:2])
