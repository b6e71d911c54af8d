"""NOTEARS with a small network for each node: nonlinear relations, the same acyclicity."""

from __future__ import annotations

import numpy as np

from causalimg.discovery.base import BaseDiscovery, Found, check_choice
from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.networks import Networks
from causalimg.discovery.relaxation import to_host
from causalimg.discovery.sortability import explained, sortability
from causalimg.discovery.stopping import Convergence
from causalimg.discovery.task import ASSUMPTIONS, check_number
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge
from causalimg.kernels import mlp
from causalimg.kernels.device import DEVICES, choose_device

ADDITIVE = (
    "The noise of every node is additive and Gaussian, and relations are nonlinear: a linear pair"
    " with Gaussian noise has no direction."
)
EQUAL = "The noise of every node has the same variance on the scale used."


class NOTEARSMLP(BaseDiscovery):
    """Learn a nonlinear DAG with a one-hidden-layer network for each node.

    A node depends on another if its first layer has weights on it; their group norms make the
    matrix of the acyclicity constraint. After the search the order of the nodes is fixed and the
    networks are fitted once more without the constraint, so that the result is exactly acyclic.

    Parameters
    ----------
    hidden : int
        Hidden units of each network.
    lambda1 : float
        L1 penalty of the first layers; those of required edges are not penalised.
    lambda2 : float
        Ridge penalty of all layers.
    equal_variance : bool
        The published least-squares loss, under which the units decide arrows. Otherwise the
        Gaussian likelihood with a noise variance for each node, which does not depend on them.
    threshold : float
        Edges whose first layer has a norm of at most this are left out (columns are divided by
        their standard deviation); required edges never are.
    n_starts : int
        Random initial networks, solved as one batch; the lowest objective is kept.
    max_iter : int
        Evaluations of each stage.
    knowledge : Knowledge, optional
        Tiers, forbidden and required edges; honoured exactly.
    device : {"auto", "cpu", "cuda"}
        ``"auto"`` takes a CUDA device from 50 columns, if one answers.
    random_state : int, optional
        Of the initial networks.

    Attributes
    ----------
    graph_ : CausalGraph
        A DAG. ``weights[i, j]`` is the mean derivative of j in i over the rows, in the units of
        the table: near zero also for a strong effect that rises and falls.
    edges_ : pandas.DataFrame
        ``source, target, edge, weight, strength``: the norm of the first layer.
    stats_ : dict
        ``objective`` (of the acyclic networks, before the threshold), ``optimality`` (largest
        entry of its subgradient), ``convergence`` and ``advice``, ``h``, ``stages``, ``cut`` (the
        strength at which the last cycle was cut), ``exchanges`` (of neighbours in the order, to
        lower the objective), ``causal_order``, ``objectives`` (of each
        start), ``residual_variance`` (share of each column's variance), ``sortability``,
        ``device``.

    Raises
    ------
    InvalidInputError
        From `fit`: a setting that is not allowed, moments instead of rows, categorical columns;
        columns that are incomplete, constant, duplicate or dependent, by name.

    Notes
    -----
    Assumptions: causal sufficiency, acyclicity, additive Gaussian noise, relations that are not
    linear. The problem is far from convex: the end is a local optimum at best.

    References
    ----------
    Zheng X, Dan C, Aragam B, Ravikumar P, Xing EP. Learning sparse nonparametric DAGs. AISTATS
    2020. doi:10.48550/arXiv.1909.13189
    Buehlmann P, Peters J, Ernest J. CAM: causal additive models, high-dimensional order search
    and penalized regression. Ann Stat 2014;42:2526-2556. doi:10.1214/14-AOS1260

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=300)
    >>> table = pd.DataFrame({"b": np.sin(2 * a) + 0.3 * rng.normal(size=300), "a": a})
    >>> NOTEARSMLP(hidden=4).fit(table).graph_.parents("b")
    ('a',)
    """

    _full_rank = True

    def __init__(
        self,
        *,
        hidden: int = 10,
        lambda1: float = 0.01,
        lambda2: float = 0.001,
        equal_variance: bool = False,
        threshold: float = 0.3,
        n_starts: int = 1,
        max_iter: int = 300,
        knowledge: Knowledge | None = None,
        device: str = "auto",
        random_state: int | None = 0,
    ) -> None:
        self.hidden = hidden
        self.lambda1 = lambda1
        self.lambda2 = lambda2
        self.equal_variance = equal_variance
        self.threshold = threshold
        self.n_starts = n_starts
        self.max_iter = max_iter
        self.knowledge = knowledge
        self.device = device
        self.random_state = random_state

    def _discover(self, data: DiscoveryData, knowledge: Knowledge) -> Found:
        self._check_settings()
        if data.categorical:
            raise InvalidInputError(
                f"NOTEARSMLP takes continuous columns only; {list(data.categorical)} are"
                " categorical: leave them out"
            )
        if data.matrix is None:  # refused by fit; a resample always has rows
            raise InvalidInputError("NOTEARSMLP needs the rows, not only their moments")
        device = choose_device(self.device, worth=len(data.columns) >= 50)
        required = knowledge.required_matrix(data.columns)
        allowed = ~knowledge.forbidden_matrix(data.columns) & ~np.eye(len(required), dtype=bool)
        before = knowledge.precedence_matrix(data.columns) | required
        scale = data.matrix.std(axis=0)
        fit = Networks.of(
            (data.matrix - data.matrix.mean(axis=0)) / scale, required,
            hidden=self.hidden, lambda1=self.lambda1, ridge=self.lambda2,
            equal_variance=self.equal_variance, max_iter=self.max_iter, device=device,
        )  # fmt: skip
        searches = fit.search(allowed, self.n_starts, self.random_state)
        settled = [fit.settle(one, allowed, before, self.random_state) for one in searches]
        objectives = [float(one.end.value[0]) for one in settled]
        best = int(np.argmin(objectives))
        loose, end, point = searches[best], settled[best], settled[best].end.point
        strength = to_host(mlp.mlp_strength(point, fit.layout))[0]
        slopes = to_host(mlp.mlp_slopes(point, fit.rows, fit.layout))[0]
        kept = (strength > self.threshold) | required
        weights = np.where(kept, slopes * scale[None, :] / scale[:, None], 0.0)
        graph = CausalGraph.from_directed(data.columns, kept, weights=weights)
        residual = fit.rows - mlp.mlp_predict(point, fit.rows, fit.layout)[0]
        ended = Convergence.LOCAL_OPTIMUM
        if not bool(loose.reached[0]):
            ended = Convergence.CONSTRAINT_LEFT
        elif not bool(end.end.converged[0]):
            ended = Convergence.EVALUATIONS_LEFT
        stats = {
            "objective": objectives[best],
            "optimality": end.optimality,
            "acyclic": True,
            "convergence": ended,
            "advice": ended.advice,
            "h": float(loose.h[0]),
            "stages": loose.stages,
            "cut": end.cut,
            "exchanges": end.exchanges,
            "causal_order": tuple(data.columns[k] for k in end.order),
            "objectives": objectives,
            "residual_variance": dict(
                zip(data.columns, to_host((residual**2).mean(axis=0)).tolist(), strict=True)
            ),
            "sortability": {
                "variance": sortability(kept, scale**2),
                "r2": sortability(kept, explained(data.moments.cov)),
            },
            "device": device,
        }
        frame = graph.to_frame()[["source", "target", "edge", "weight"]]
        at = {name: k for k, name in enumerate(graph.nodes)}
        frame["strength"] = [
            float(strength[at[a], at[b]])
            for a, b in zip(frame["source"], frame["target"], strict=True)
        ]
        said = (*ASSUMPTIONS[:2], ADDITIVE, *((EQUAL,) if self.equal_variance else ()))
        return Found(graph, stats, said, {"edges_": frame})

    def _check_settings(self) -> None:
        check_choice("device", self.device, DEVICES)
        for name in ("lambda1", "lambda2", "threshold"):
            check_number(name, getattr(self, name))
        for name in ("hidden", "n_starts", "max_iter"):
            check_number(name, getattr(self, name), whole=True)
