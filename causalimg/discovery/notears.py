"""NOTEARS: least squares with an L1 penalty over acyclic graphs, by orders or by continuation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.discovery.base import BaseDiscovery, Found, check_choice
from causalimg.discovery.context import (
    ContextSplit,
    add_context,
    covariance_given_context,
    split_context,
)
from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.lagrangian import CONSTRAINTS, Relaxed
from causalimg.discovery.orders import (
    OrderProblem,
    Polished,
    Solved,
    Start,
    best_of,
    describe_start,
    order_of,
    search,
)
from causalimg.discovery.relaxation import relax_batch, resampled_moments
from causalimg.discovery.sortability import explained, sortability
from causalimg.discovery.stopping import Convergence
from causalimg.errors import CausalImgError, InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge
from causalimg.kernels.device import DEVICES, choose_device
from causalimg.parallel import Failure

Float = NDArray[np.float64]
SOLVERS = ("best", "order", "alm")
H_TOLERANCE = 1e-3
TOLERANCE = 1e-3  # of each stage: the polish is exact, so it need not be tight
ASSUMPTIONS = (
    "No unmeasured common cause of two measured variables (causal sufficiency).",
    "The graph has no cycle, and every case comes from the same graph.",
    "Relations are linear, and on the scale used the noise of every node has the same variance:"
    " only then does the least-squares score orient edges.",
)
STANDARDIZED = (
    "Every column was divided by its standard deviation, which makes equal noise variances"
    " implausible: read the result as a sparse regression network, not as causal directions. PC"
    " and DirectLiNGAM do not depend on the scale."
)
RAW = (
    "The columns kept their units, and the units decide the arrows: rescaling one column can"
    " reverse its edges (causalimg.discovery.rescaling tests it; stats_['sortability'] near 0 or 1"
    " warns of it)."
)


@dataclass(frozen=True, eq=False)
class Task:
    """One data set as the solvers take it."""

    data: DiscoveryData
    parts: ContextSplit
    forbidden: NDArray[np.bool_]
    required: NDArray[np.bool_]
    scale: Float
    variance: Float
    problem: OrderProblem


class NOTEARS(BaseDiscovery):
    """Learn a DAG with weights by least squares with an L1 penalty.

    The objective is that of NOTEARS, ``tr((I - W)' S (I - W)) / 2 + lambda1 * sum(abs(W))`` over
    acyclic ``W``, with S the covariance. It is minimised over exactly acyclic graphs: a solver
    proposes orders of the nodes, and given an order the best weights are one exact lasso for
    each node, after which single nodes are moved in the order as long as the objective falls.

    Parameters
    ----------
    lambda1 : float
        L1 penalty, on the scale used. Required edges are not penalised.
    solver : {"best", "order", "alm"}
        ``"order"`` searches orders directly; ``"alm"`` takes them from the published continuous
        search with a smooth acyclicity constraint; ``"best"`` does both and keeps the lower
        objective. ``"order"`` alone is the choice beyond some 200 columns.
    constraint : {"logdet", "squaring", "exponential"}
        Of ``"alm"``: log-determinant on the central path (DAGMA), or the trace of a polynomial or
        of the exponential in an augmented Lagrangian (NOTEARS).
    standardize : bool
        Divide each column by its standard deviation (given the context) first.
    threshold : float
        Edges with a weight of at most this size, on the scale used, are left out; required
        edges never are.
    n_starts : int
        Searches of ``"order"``: one from the min-pivot order, the others from random orders.
    refine : bool
        Whether to move nodes on the penalised objective after the search. Without it the order
        with the least residual variance is kept, which is faster, has a higher objective and on
        data of equal noise variances often has as few errors.
    alpha : float
        Level of the tests of edges from context.
    max_iter : int
        Evaluations of each stage of ``"alm"``.
    knowledge : Knowledge, optional
        Tiers, forbidden and required edges, exogenous nodes; honoured exactly by both solvers.
    device : {"auto", "cpu", "cuda"}
        Where ``"alm"`` and batches of resamples are computed. ``"auto"`` takes a CUDA device from
        500 columns or for batches, if one answers.
    random_state : int, optional
        Of the random starts.

    Attributes
    ----------
    graph_ : CausalGraph
        A DAG. ``weights[i, j]`` is the effect of one unit of i on j in the units of the table; for
        context see `DirectLiNGAM`.
    edges_ : pandas.DataFrame
        ``source, target, edge, weight, scaled_weight``; the last on the scale used.
    stats_ : dict
        The certificate: ``objective`` (before the threshold), ``kkt_residual``, ``acyclic``,
        ``causal_order``, ``convergence`` (`Convergence`) and ``advice``, ``solver`` (whose order
        won), ``objectives`` (of each solver), ``searches`` (of each start), ``stages`` (of the
        continuous search: ``weight``, ``h``, ``objective``, ``iterations``), ``n_weights``,
        ``n_below_threshold``, ``sortability`` (``variance`` and ``r2`` of the result),
        ``context_effects``, ``device``.
    assumptions_ : tuple of str

    Raises
    ------
    InvalidInputError
        From `fit`: a setting that is not allowed; fewer rows than columns; a categorical column
        that may be an effect of continuous ones; columns that are incomplete, constant,
        duplicate or linearly dependent, by name.
    MissingDependencyError
        From `fit`: numba is not installed; ``device="cuda"`` without CuPy or a device.

    Notes
    -----
    Assumptions: causal sufficiency, acyclicity, linear relations, equal noise variances.
    Directions are as good as the last of them. On standardised columns every least-squares
    method has about as many errors as the empty graph; on simulated benchmarks with equal
    variances, sorting the columns by residual variance (`MinPivot`) is nearly as good. This is
    therefore not a recommended default: see PC and DirectLiNGAM.

    Edges that are forbidden without fixing an order are honoured in the weights and in the
    descent; the first search of orders does not see them.

    References
    ----------
    Zheng X, Aragam B, Ravikumar P, Xing EP. DAGs with NO TEARS: continuous optimization for
    structure learning. NeurIPS 2018. doi:10.48550/arXiv.1803.01422
    Reisach A, Seiler C, Weichwald S. Beware of the simulated DAG! NeurIPS 2021.
    doi:10.48550/arXiv.2102.13647

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.normal(size=(2, 500))
    >>> table = pd.DataFrame({"a": a, "b": b, "c": 2 * a + 2 * b + rng.normal(size=500)})
    >>> found = NOTEARS(standardize=False).fit(table)
    >>> found.graph_.parents("c"), found.stats_["acyclic"]
    (('a', 'b'), True)
    """

    _takes_moments = True
    _full_rank = True

    def __init__(
        self,
        *,
        lambda1: float = 0.1,
        solver: str = "best",
        constraint: str = "logdet",
        standardize: bool = True,
        threshold: float = 0.3,
        n_starts: int = 5,
        refine: bool = True,
        alpha: float = 0.01,
        max_iter: int = 2000,
        knowledge: Knowledge | None = None,
        device: str = "auto",
        random_state: int | None = 0,
    ) -> None:
        self.lambda1 = lambda1
        self.solver = solver
        self.constraint = constraint
        self.standardize = standardize
        self.threshold = threshold
        self.n_starts = n_starts
        self.refine = refine
        self.alpha = alpha
        self.max_iter = max_iter
        self.knowledge = knowledge
        self.device = device
        self.random_state = random_state

    def _discover(self, data: DiscoveryData, knowledge: Knowledge) -> Found:
        self._check_settings()
        found = self._solve([self.task(data, knowledge)])[0]
        if isinstance(found, CausalImgError):
            raise found
        return found

    def batch_size(self, n_features: int) -> int:
        """Return how many resamples to give to `run_batch` at a time."""
        self._check_settings()
        most = 1024 if choose_device(self.device) == "cuda" else 16
        return max(1, min(most, 2**27 // n_features**2))

    def resampled(self, matrix: Float, counts: Float) -> tuple[Float, Float]:
        """Return the means and covariances of reweighted rows as one weighted Gram product.

        Parameters
        ----------
        matrix : ndarray, shape (n_samples, p)
        counts : ndarray, shape (n_batch, n_samples)
        """
        return resampled_moments(matrix, counts, choose_device(self.device))

    def run_batch(self, batch: Sequence[DiscoveryData]) -> list[Found | Failure]:
        """Learn the graphs of several data sets with the same columns as one problem.

        Parameters
        ----------
        batch : sequence of DiscoveryData

        Returns
        -------
        list of Found or Failure
            The graph that `run` would give for each, with a short report; or why it cannot.
        """
        self._check_settings()
        out: list[Found | Failure | None] = [None] * len(batch)
        tasks: list[Task] = []
        where: list[int] = []
        for k, data in enumerate(batch):
            try:
                knowledge = self._known(data)
                data.check(full_rank=self._full_rank)
                tasks.append(self.task(data, knowledge))
                where.append(k)
            except CausalImgError as error:
                out[k] = Failure(str(k), type(error).__name__, str(error))
        for k, found in zip(where, self._solve(tasks, brief=True), strict=True):
            out[k] = (
                Failure(str(k), type(found).__name__, str(found))
                if isinstance(found, CausalImgError)
                else found
            )
        return [found for found in out if found is not None]

    def task(self, data: DiscoveryData, knowledge: Knowledge, method: str = "NOTEARS") -> Task:
        """Turn checked data into the problem that is solved; ``method`` is for messages."""
        forbidden = knowledge.forbidden_matrix(data.columns)
        required = knowledge.required_matrix(data.columns)
        before = knowledge.precedence_matrix(data.columns)
        parts = split_context(data.moments, forbidden, method)
        cov = covariance_given_context(data.moments, parts)
        variance = np.diag(cov).copy()
        scale = np.sqrt(variance) if self.standardize else np.ones(len(cov))
        pick = np.ix_(parts.searched, parts.searched)
        problem = OrderProblem.of(
            cov / scale[:, None] / scale[None, :],
            self.lambda1,
            forbidden[pick],
            required[pick],
            before[pick],
        )
        return Task(data, parts, forbidden, required, scale, variance, problem)

    def _solve(self, tasks: list[Task], *, brief: bool = False) -> list[Found | CausalImgError]:
        """Solve every task; what runs on a device, runs as one batch for tasks of one size."""
        widest = max((len(task.scale) for task in tasks), default=0)
        device = choose_device(self.device, worth=widest >= 500 or len(tasks) > 1)
        groups: dict[int, list[int]] = {}
        for k, task in enumerate(tasks):
            groups.setdefault(len(task.scale), []).append(k)
        out: dict[int, Found | CausalImgError] = {}
        for members in groups.values():
            problems = [tasks[k].problem for k in members]
            relaxed: list[Relaxed | None] = [None] * len(members)
            searched: list[tuple[list[Start], list[Solved]] | None] = [None] * len(members)
            if self.solver != "order":
                relaxed = [*self._relax(problems, device)]
            if self.solver != "alm" and device == "cuda":
                from causalimg.discovery.device_orders import search_on_device

                seed = np.random.SeedSequence(self.random_state)
                searched = [*search_on_device(problems, self.n_starts, seed)]
            for k, loose, orders in zip(members, relaxed, searched, strict=True):
                try:
                    out[k] = self._finish(tasks[k], loose, orders, device, brief)
                except CausalImgError as error:
                    out[k] = error
        return [out[k] for k in range(len(tasks))]

    def _relax(self, problems: list[OrderProblem], device: str) -> list[Relaxed]:
        return relax_batch(
            problems,
            constraint=self.constraint,
            h_tolerance=H_TOLERANCE,
            tolerance=TOLERANCE,
            max_iter=self.max_iter,
            device=device,
        )

    def _finish(
        self,
        task: Task,
        loose: Relaxed | None,
        searched: tuple[list[Start], list[Solved]] | None,
        device: str,
        brief: bool,
    ) -> Found:
        problem = task.problem
        seed = np.random.SeedSequence(self.random_state)
        starts: list[Start] = []
        best: dict[str, Polished] = {}
        if self.solver != "alm":
            solved: list[Solved] | None = None
            if searched is None:
                starts = search(problem, self.n_starts, seed)
            else:
                starts, solved = searched
            orders = [start.order for start in starts]
            best["order"] = best_of(problem, orders, refine=self.refine, solved=solved, seed=seed)
        if loose is not None:
            order, _ = order_of(loose.weights[0], problem.before)
            best["alm"] = best_of(problem, [order], refine=self.refine, seed=seed)
        return self.assemble(task, best, starts, loose, device, brief=brief)

    def assemble(
        self,
        task: Task,
        best: dict[str, Polished],
        starts: Sequence[Start] = (),
        loose: Relaxed | None = None,
        device: str = "cpu",
        *,
        brief: bool = False,
    ) -> Found:
        """Turn the solution with the lowest objective into a graph with its certificate.

        ``brief``, for resamples, leaves out what a graph alone does not need.
        """
        problem = task.problem
        winner = min(best, key=lambda name: best[name].objective)
        polished = best[winner]
        kept = np.abs(polished.weights) > self.threshold
        d = len(task.parts.names)
        pick = np.ix_(task.parts.searched, task.parts.searched)
        edges = task.required.copy()
        edges[pick] |= kept
        inner = np.where(edges[pick], polished.weights, 0.0)
        weights = np.zeros((d, d))
        weights[pick] = inner * task.scale[None, :] / task.scale[:, None]
        scaled = np.full((d, d), np.nan)
        scaled[pick] = inner
        among = edges[pick].copy()
        effects = add_context(
            task.data.moments, task.parts, weights, edges,
            forbidden=task.forbidden, required=task.required, alpha=self.alpha,
        )  # fmt: skip
        graph = CausalGraph.from_directed(task.data.columns, edges, weights=weights)
        said = (*ASSUMPTIONS, STANDARDIZED if self.standardize else RAW, *task.parts.said)
        ended = _ended(polished, starts, loose)
        if brief:
            return Found(graph, {"objective": polished.objective, "convergence": ended}, said)
        names = task.parts.searched_names
        stats = {
            "objective": polished.objective,
            "kkt_residual": polished.kkt,
            "acyclic": True,
            "causal_order": tuple(names[k] for k in polished.order),
            "convergence": ended,
            "advice": ended.advice,
            "solver": winner,
            "objectives": {name: one.objective for name, one in best.items()},
            "searches": [describe_start(start) for start in starts],
            "stages": [] if loose is None else loose.stages,
            "sweeps": polished.sweeps,
            "moves": polished.moves,
            "n_weights": int((polished.weights != 0).sum()),
            "n_below_threshold": int(((polished.weights != 0) & ~among).sum()),
            "sortability": {
                "variance": sortability(among, task.variance),
                "r2": sortability(among, explained(problem.cov)),
            },
            "context_effects": effects,
            "device": device,
        }
        return Found(graph, stats, said, {"edges_": _edges(graph, scaled)})

    def _check_settings(self) -> None:
        check_choice("solver", self.solver, SOLVERS)
        check_choice("constraint", self.constraint, CONSTRAINTS)
        check_choice("device", self.device, DEVICES)
        for name in ("lambda1", "threshold"):
            value = getattr(self, name)
            if not isinstance(value, int | float | np.number) or not 0 <= value < np.inf:
                raise InvalidInputError(f"{name}={value!r} must be a number of 0 or more")
        for name in ("n_starts", "max_iter"):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < 1:
                raise InvalidInputError(f"{name}={value!r} must be a whole number of 1 or more")
        if not isinstance(self.alpha, int | float) or not 0 < self.alpha < 1:
            raise InvalidInputError(f"alpha={self.alpha!r} must be a number between 0 and 1")


def _ended(polished: Polished, starts: Sequence[Start], loose: Relaxed | None) -> Convergence:
    if not polished.exact:
        return Convergence.LASSO_LEFT
    if not polished.finished or not all(start.finished for start in starts):
        return Convergence.SWEEPS_LEFT
    if not starts and loose is not None and not bool(loose.reached[0]):
        return Convergence.CONSTRAINT_LEFT
    return Convergence.LOCAL_OPTIMUM


def _edges(graph: CausalGraph, scaled: Float) -> pd.DataFrame:
    frame = graph.to_frame()[["source", "target", "edge", "weight"]]
    at = {name: k for k, name in enumerate(graph.nodes)}
    frame["scaled_weight"] = [
        float(scaled[at[a], at[b]]) for a, b in zip(frame["source"], frame["target"], strict=True)
    ]
    return frame
