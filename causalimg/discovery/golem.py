"""GOLEM: the Gaussian likelihood of a linear model with soft sparsity and acyclicity."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.discovery.base import BaseDiscovery, Found, check_choice, check_share
from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.orders import order_of
from causalimg.discovery.relaxation import to_host
from causalimg.discovery.task import ASSUMPTIONS, Task, check_number
from causalimg.graph.knowledge import Knowledge
from causalimg.kernels import reference
from causalimg.kernels.device import DEVICES, choose_device
from causalimg.kernels.quasi_newton import minimise

Float = NDArray[np.float64]
EQUAL = ASSUMPTIONS[2]
UNEQUAL = (
    "Relations are linear and the noise Gaussian, with a variance of its own for each node: the"
    " likelihood then orients edges up to the equivalence class only, and an arrow beyond it"
    " rests on the sparsity penalty."
)


class GOLEM(BaseDiscovery):
    """Learn a DAG by the Gaussian likelihood with soft penalties on edges and cycles.

    Minimises ``-log likelihood / n + lambda1 * sum(abs(W)) + lambda2 * h(W)``; with the
    determinant of ``I - W`` in the likelihood a soft constraint is enough. Weights are then
    thresholded, and the smallest are dropped until no cycle is left.

    Parameters
    ----------
    equal_variance : bool
        One noise variance for all nodes; otherwise one each, started from the solution with one.
    lambda1, lambda2 : float
        Penalties of edges and of cycles; ``lambda1=None`` takes the published 0.02 with equal
        variances and 0.002 without. Required edges are not penalised.
    standardize, threshold, alpha, knowledge, max_iter, device
        As in `NOTEARS`.

    Attributes
    ----------
    graph_ : CausalGraph
        A DAG with weights.
    edges_ : pandas.DataFrame
        As in `NOTEARS`.
    stats_ : dict
        ``objective`` (at the end of the search, before anything was dropped), ``h``,
        ``stages``, ``cut`` (the weight at which the last cycle was cut), ``sortability``,
        ``context_effects``, ``causal_order``.

    Notes
    -----
    Assumptions: causal sufficiency, acyclicity, linear relations, Gaussian noise. The problem is
    not convex, and the end is a local optimum at best.

    References
    ----------
    Ng I, Ghassami A, Zhang K. On the role of sparsity and DAG constraints for learning linear
    DAGs. NeurIPS 2020. doi:10.48550/arXiv.2006.10201

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=500)
    >>> table = pd.DataFrame({"b": 2 * a + rng.normal(size=500), "a": a})
    >>> GOLEM().fit(table).graph_.parents("b")
    ('a',)
    """

    _takes_moments = True
    _full_rank = True

    def __init__(
        self,
        *,
        equal_variance: bool = True,
        lambda1: float | None = None,
        lambda2: float = 5.0,
        standardize: bool = False,
        threshold: float = 0.3,
        alpha: float = 0.01,
        knowledge: Knowledge | None = None,
        max_iter: int = 5000,
        device: str = "auto",
    ) -> None:
        self.equal_variance = equal_variance
        self.lambda1 = lambda1
        self.lambda2 = lambda2
        self.standardize = standardize
        self.threshold = threshold
        self.alpha = alpha
        self.knowledge = knowledge
        self.max_iter = max_iter
        self.device = device

    def _discover(self, data: DiscoveryData, knowledge: Knowledge) -> Found:
        self._check_settings()
        published = 0.02 if self.equal_variance else 0.002
        lambda1 = published if self.lambda1 is None else self.lambda1
        task = Task.of(
            data, knowledge, lambda1=lambda1, standardize=self.standardize, method="GOLEM"
        )
        problem, d = task.problem, len(task.scale)
        kernels: Any = reference
        cov: Any = problem.cov[None]
        if choose_device(self.device, worth=d >= 500) == "cuda":
            from causalimg.kernels import cuda

            kernels, cov = cuda, cuda.to_device(cov)
        xp = reference.array_module(cov)
        point = xp.zeros_like(cov)
        stages = []
        for equal in (True,) if self.equal_variance else (True, False):

            def smooth(weights: Any, equal: bool = equal) -> tuple[Any, Any]:
                value, slope = kernels.golem(weights, cov, equal_variance=equal)
                h, bend = kernels.exponential(weights)
                with np.errstate(over="ignore", invalid="ignore"):  # too long a step costs inf
                    value = xp.where(xp.isfinite(value + h), value + self.lambda2 * h, xp.inf)
                    return value, xp.nan_to_num(slope + self.lambda2 * bend)

            found = minimise(
                smooth, point, xp.asarray(problem.penalty),
                xp.asarray(problem.allowed.astype(np.float64)),
                tolerance=1e-6, max_ticks=self.max_iter, kernels=kernels,
            )  # fmt: skip
            point = found.point
            stages.append(
                {
                    "equal_variance": equal,
                    "objective": float(found.value[0]),
                    "iterations": found.ticks,
                    "converged": bool(found.converged[0]),
                }
            )
        h = float(kernels.exponential(point)[0][0])
        relaxed = to_host(point[0])
        required = task.required[task.pick]
        kept = np.where((np.abs(relaxed) > self.threshold) | required, relaxed, 0.0)
        order, cut = order_of(np.where(required, 0.0, kept), problem.before)
        among = (np.abs(kept) > cut) | required
        graph, frame, effects = task.graph_of(kept, among, self.alpha)
        names = task.parts.searched_names
        stats = {
            "objective": stages[-1]["objective"],
            "h": h,
            "stages": stages,
            "cut": cut,
            "causal_order": tuple(names[k] for k in order),
            "sortability": task.sortability(among),
            "context_effects": effects,
        }
        model = EQUAL if self.equal_variance else UNEQUAL
        said = (*ASSUMPTIONS[:2], model, *task.parts.said)
        return Found(graph, stats, said, {"edges_": frame})

    def _check_settings(self) -> None:
        check_choice("device", self.device, DEVICES)
        if self.lambda1 is not None:
            check_number("lambda1", self.lambda1)
        check_number("lambda2", self.lambda2)
        check_number("threshold", self.threshold)
        check_number("max_iter", self.max_iter, whole=True)
        check_share("alpha", self.alpha)
