"""NOTEARS: least squares with an L1 penalty over acyclic graphs, by orders or by continuation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.metaestimators import available_if

from causalimg.discovery.base import BaseDiscovery, Found, check_choice, check_share
from causalimg.discovery.certificate import report
from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.lagrangian import CONSTRAINTS
from causalimg.discovery.logistic import fit_logistic
from causalimg.discovery.penalty import check_penalty, choose_penalty
from causalimg.discovery.relaxation import resampled_moments
from causalimg.discovery.solvers import SOLVERS, Settings, Solution, solve
from causalimg.discovery.task import ASSUMPTIONS, Task, check_number
from causalimg.errors import CausalImgError, InvalidInputError
from causalimg.graph.knowledge import Knowledge
from causalimg.kernels.device import DEVICES, choose_device
from causalimg.parallel import Failure

__all__ = ["ASSUMPTIONS", "NOTEARS"]
Float = NDArray[np.float64]
LOSSES = ("l2", "logistic")


def _takes_batches(model: Any) -> bool:
    """Whether the covariances of a resample are all that is needed of it."""
    return bool(model.loss == "l2" and model.lambda1 != "stability")


class NOTEARS(BaseDiscovery):
    """Learn a DAG with weights by least squares with an L1 penalty.

    The objective is that of NOTEARS, ``tr((I - W)' S (I - W)) / 2 + lambda1 * sum(abs(W))`` over
    acyclic ``W``, with S the covariance. It is minimised over exactly acyclic graphs: a solver
    proposes orders of the nodes, and given an order the best weights are one exact lasso for
    each node, after which single nodes are moved in the order as long as the objective falls.

    Parameters
    ----------
    lambda1 : float or {"bic", "ebic", "stability"}
        L1 penalty, on the scale used; required edges are not penalised. A name chooses it from a
        path of 15 penalties: by the (extended) Bayesian information criterion of the graph that
        would be returned, or as the smallest with edges stable over 20 random halves of the
        rows (StARS).
    loss : {"l2", "logistic"}
        ``"logistic"`` is for columns of zeros and ones, has an intercept for each, works on the
        rows and takes ``solver="alm"`` only; `standardize` does not apply. Covariances of such
        columns are at most 0.25, so that penalties of 0.01 to 0.03 are usual.
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
        ``context_effects``, ``device``; with a chosen penalty ``lambda1`` and ``path`` (one row
        for each penalty).
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
    >>> import pandas as pd
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
        lambda1: float | str = 0.1,
        loss: str = "l2",
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
        self.loss = loss
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
        if self.loss == "logistic":
            return fit_logistic(
                data, knowledge, lambda1=float(self.lambda1), threshold=self.threshold,
                constraint=self.constraint, max_iter=self.max_iter,
            )  # fmt: skip
        found = self._fit([self._task(data, knowledge)])[0]
        if isinstance(found, CausalImgError):
            raise found
        return found

    @available_if(_takes_batches)
    def batch_size(self, n_features: int) -> int:
        """Return how many resamples to give to `run_batch` at a time."""
        self._check_settings()
        most = 1024 if choose_device(self.device) == "cuda" else 16
        return max(1, min(most, 2**27 // n_features**2))

    @available_if(_takes_batches)
    def resampled(self, matrix: Float, counts: Float) -> tuple[Float, Float]:
        """Return the means and covariances of reweighted rows as one weighted Gram product.

        Parameters
        ----------
        matrix : ndarray, shape (n_samples, p)
        counts : ndarray, shape (n_batch, n_samples)
        """
        return resampled_moments(matrix, counts, choose_device(self.device))

    @available_if(_takes_batches)
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
                tasks.append(self._task(data, knowledge))
                where.append(k)
            except CausalImgError as error:
                out[k] = Failure(str(k), type(error).__name__, str(error))
        for k, found in zip(where, self._fit(tasks, brief=True), strict=True):
            out[k] = (
                Failure(str(k), type(found).__name__, str(found))
                if isinstance(found, CausalImgError)
                else found
            )
        return [found for found in out if found is not None]

    def _task(self, data: DiscoveryData, knowledge: Knowledge) -> Task:
        fixed = 0.0 if isinstance(self.lambda1, str) else self.lambda1
        return Task.of(
            data, knowledge, lambda1=fixed, standardize=self.standardize, method="NOTEARS"
        )

    def _settings(self, device: str) -> Settings:
        return Settings(
            self.solver, self.constraint, self.n_starts, self.refine, self.max_iter, device,
            np.random.SeedSequence(self.random_state),
        )  # fmt: skip

    def _fit(self, tasks: list[Task], *, brief: bool = False) -> list[Found | CausalImgError]:
        """Fit every task; what runs on a device, runs as one batch for tasks of one size."""
        widest = max((len(task.scale) for task in tasks), default=0)
        device = choose_device(self.device, worth=widest >= 500 or len(tasks) > 1)
        groups: dict[int, list[int]] = {}
        for k, task in enumerate(tasks):
            groups.setdefault(len(task.scale), []).append(k)
        out: dict[int, Found | CausalImgError] = {}
        for members in groups.values():
            settings = self._settings(device)
            if isinstance(self.lambda1, str):
                for k in members:
                    try:
                        more = choose_penalty(tasks[k], self.lambda1, self.threshold, settings)
                        out[k] = self._report(*more, device, brief)
                    except CausalImgError as error:
                        out[k] = error
                continue
            found = solve([tasks[k].problem for k in members], settings)
            for k, solution in zip(members, found, strict=True):
                out[k] = (
                    solution
                    if isinstance(solution, CausalImgError)
                    else self._report(tasks[k], solution, {}, device, brief)
                )
        return [out[k] for k in range(len(tasks))]

    def _report(
        self, task: Task, solution: Solution, more: dict[str, Any], device: str, brief: bool
    ) -> Found:
        found = report(
            task, solution, threshold=self.threshold, alpha=self.alpha, device=device, brief=brief
        )
        found.stats.update(more)
        return found

    def _check_settings(self) -> None:
        check_choice("loss", self.loss, LOSSES)
        check_choice("solver", self.solver, SOLVERS)
        check_choice("constraint", self.constraint, CONSTRAINTS)
        check_choice("device", self.device, DEVICES)
        check_penalty(self.lambda1)
        check_number("threshold", self.threshold)
        check_number("n_starts", self.n_starts, whole=True)
        check_number("max_iter", self.max_iter, whole=True)
        check_share("alpha", self.alpha)
        if self.loss == "logistic" and (self.solver != "alm" or isinstance(self.lambda1, str)):
            raise InvalidInputError(
                f"loss='logistic' takes solver='alm' and a number for lambda1; got solver="
                f"{self.solver!r}, lambda1={self.lambda1!r}"
            )
