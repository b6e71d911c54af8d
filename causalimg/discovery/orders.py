"""From a problem of orders to weights: starts, search, exact lasso, certificate."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.errors import MissingDependencyError, NotEstimableError
from causalimg.graph.core import directed_cycle

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Solved = tuple[Float, Float, int]  # coefficients (row = effect), objectives, lassos stopped
Int = NDArray[np.int64]
MAX_SWEEPS = 100
FALL = 1e-9  # share of the score that a move of the search must gain
_MARGIN = 0.03
_NODES_REFINED = 400  # so many nodes in all, over the starts, are refined


def compiled(name: str) -> ModuleType:
    """Import a compiled kernel module.

    Raises
    ------
    MissingDependencyError
        If numba is not installed.
    """
    from importlib import import_module

    try:
        return import_module(f"causalimg.kernels.{name}")
    except ModuleNotFoundError as error:
        if error.name != "numba":
            raise
        raise MissingDependencyError(
            "searching for causal orders needs numba, which compiles it; install it with"
            " 'pip install numba'"
        ) from error


@dataclass(frozen=True, eq=False)
class OrderProblem:
    """Least squares with L1 penalties over acyclic graphs, on one scale.

    Minimise ``tr((I - W)' cov (I - W)) / 2 + sum(penalty * abs(W))``.

    Parameters
    ----------
    cov : ndarray, shape (d, d)
        Positive definite.
    allowed : ndarray of bool, shape (d, d)
        ``[i, j]``: i -> j may be an edge; False on the diagonal.
    penalty : ndarray, shape (d, d)
        Zero for required edges.
    before : ndarray of bool, shape (d, d)
        ``[i, j]``: i comes before j.
    """

    cov: Float
    allowed: Bool
    penalty: Float
    before: Bool

    @classmethod
    def of(
        cls, cov: Float, lambda1: float, forbidden: Bool, required: Bool, before: Bool
    ) -> OrderProblem:
        """Set up a problem from matrices of knowledge."""
        allowed = ~forbidden & ~np.eye(len(cov), dtype=bool)
        penalty = np.where(required, 0.0, float(lambda1))
        return cls(np.ascontiguousarray(cov), allowed, penalty, before | required)

    @property
    def constraint(self) -> Bool:
        """``before`` as the kernels take it: empty if there is none."""
        return self.before if self.before.any() else np.zeros((0, 0), dtype=bool)


@dataclass(frozen=True, eq=False)
class Polished:
    """Exactly acyclic weights, optimal for an order.

    Parameters
    ----------
    weights : ndarray, shape (d, d)
        Row = cause.
    order : ndarray of int, shape (d,)
    objective : float
    residual_variance : ndarray, shape (d,)
    kkt : float
        Largest breach of the optimality conditions of the lassos, given the order, as a share of
        ``sqrt(cov[i, i] * cov[j, j])``.
    sweeps, moves : int
        Of the descent on the penalised objective.
    finished : bool
        Whether that descent ended by itself.
    exact : bool
        Whether every lasso did.
    """

    weights: Float
    order: Int
    objective: float
    residual_variance: Float
    kkt: float
    sweeps: int
    moves: int
    finished: bool
    exact: bool


@dataclass(frozen=True, eq=False)
class Start:
    """One search of orders: where it began and ended."""

    name: str
    order: Int
    score: float
    sweeps: int
    moves: int

    @property
    def finished(self) -> bool:
        """Whether it ended by itself."""
        return self.sweeps < MAX_SWEEPS


def random_order(before: Bool, rng: np.random.Generator) -> Int:
    """Draw an order that respects ``before`` (not uniformly)."""
    d = len(before)
    if not before.any():
        return rng.permutation(d).astype(np.int64)
    waits = before.sum(axis=0)
    left = np.ones(d, dtype=bool)
    out = []
    for _ in range(d):
        node = int(rng.choice(np.flatnonzero(left & (waits == 0))))
        left[node] = False
        waits = waits - before[node]
        out.append(node)
    return np.array(out, dtype=np.int64)


def first_orders(
    problem: OrderProblem, n_starts: int, seed: np.random.SeedSequence
) -> tuple[NDArray[np.intp], list[Int]]:
    """Return in which order sweeps visit the nodes, and the orders to start from."""
    rng = np.random.default_rng(seed)
    d = len(problem.cov)
    visits = rng.permuted(np.tile(np.arange(d), (MAX_SWEEPS, 1)), axis=1)
    orders = [compiled("order_search").min_pivot_order(problem.cov, problem.constraint)]
    orders += [random_order(problem.before, rng) for _ in range(1, n_starts)]
    return visits, orders


def search(problem: OrderProblem, n_starts: int, seed: np.random.SeedSequence) -> list[Start]:
    """Search from the min-pivot order and from ``n_starts - 1`` random ones.

    The score is the sum of the residual variances with all predecessors as parents.

    Raises
    ------
    NotEstimableError
        If the columns are too close to linearly dependent.
    """
    kernel = compiled("order_search")
    out: list[Start] = []
    try:
        visits, firsts = first_orders(problem, n_starts, seed)
        for k, first in enumerate(firsts):
            found = kernel.search_order(problem.cov, first, problem.constraint, visits, FALL)
            out.append(Start("min_pivot" if k == 0 else f"random_{k}", *found))
    except np.linalg.LinAlgError as error:
        raise NotEstimableError(
            "the columns are too close to linearly dependent to be put in an order; remove"
            " near-copies with RedundancyFilter"
        ) from error
    return out


def polish(
    problem: OrderProblem, order: Int, *, refine: bool, solved: Solved | None = None
) -> Polished:
    """Solve the lasso of every node for an order, and descend on the objective from there.

    ``solved`` are the lassos of that order, if something else has solved them already.
    """
    allowed = np.ascontiguousarray(problem.allowed.T)
    penalty = np.ascontiguousarray(problem.penalty.T)
    order = np.array(order, dtype=np.int64)
    d = len(order)
    if solved is None:
        solved = compiled("lasso").lasso_given_order(
            problem.cov, order, allowed, penalty, np.zeros((d, d))
        )
    beta, objective, stopped = solved
    sweeps, moves = 0, 0
    if refine:
        beta, objective = beta.copy(), objective.copy()
        sweeps, moves = compiled("refine").refine_order(
            problem.cov, order, problem.constraint, allowed, penalty, beta, objective,
            MAX_SWEEPS, min(1e-5, 1e-8 * d), _MARGIN,
        )  # fmt: skip
    return certify(
        problem, beta.T, order, sweeps=sweeps, moves=moves, finished=sweeps < MAX_SWEEPS,
        exact=stopped == 0,
    )  # fmt: skip


def certify(
    problem: OrderProblem,
    weights: Float,
    order: Int,
    *,
    sweeps: int = 0,
    moves: int = 0,
    finished: bool = True,
    exact: bool = True,
) -> Polished:
    """Compute objective and optimality residual afresh from the weights."""
    cov = problem.cov
    weights = np.array(weights)
    rest = np.eye(len(cov)) - weights
    slope = cov @ rest  # covariance of each node (row) with each residual (column)
    variance = (rest * slope).sum(axis=0)
    objective = 0.5 * float(variance.sum()) + float((problem.penalty * np.abs(weights)).sum())
    place = np.argsort(order)
    earlier = (place[:, None] < place[None, :]) & problem.allowed
    breach = np.where(
        weights != 0,
        np.abs(slope - problem.penalty * np.sign(weights)),
        np.maximum(np.abs(slope) - problem.penalty, 0.0),
    )
    sd = np.sqrt(np.diag(cov))
    share = np.where(earlier, breach / sd[:, None] / sd[None, :], 0.0)
    return Polished(
        weights, order, objective, variance, float(share.max(initial=0.0)), sweeps, moves,
        finished, exact,
    )  # fmt: skip


def best_of(
    problem: OrderProblem,
    orders: list[Int],
    *,
    refine: bool,
    solved: list[Solved] | None = None,
    seed: np.random.SeedSequence | None = None,
) -> Polished:
    """Polish every order, then descend from the best of them; return the best of all.

    The number of orders to descend from falls with the number of nodes (about 400 nodes in all,
    one order at least), since a descent costs far more than a search. As many descents again
    start from the best solution with some nodes moved at random.
    """
    known: list[Solved | None] = [None] * len(orders) if solved is None else list(solved)
    found = [
        polish(problem, order, refine=False, solved=one)
        for order, one in zip(orders, known, strict=True)
    ]
    found.sort(key=lambda one: one.objective)
    if not refine:
        return found[0]
    different: list[Polished] = []
    for one in found:
        if not any(np.array_equal(one.weights, other.weights) for other in different):
            different.append(one)
    count = max(1, _NODES_REFINED // len(problem.cov))
    refined = [polish(problem, one.order, refine=True) for one in different[:count]]
    best = min([*refined, *found], key=lambda one: one.objective)
    rng = np.random.default_rng(seed)
    for _ in range(_NODES_REFINED // len(problem.cov)):
        order = kicked(best.order, problem.before, rng)
        best = min(best, polish(problem, order, refine=True), key=lambda one: one.objective)
    return best


def kicked(order: Int, before: Bool, rng: np.random.Generator) -> Int:
    """Move a tenth of the nodes, two at least, to random places that ``before`` allows."""
    out = [int(k) for k in order]
    for node in rng.choice(len(order), size=max(2, len(order) // 10), replace=False):
        out.remove(int(node))
        low = max((k + 1 for k, other in enumerate(out) if before[other, node]), default=0)
        high = min((k for k, other in enumerate(out) if before[node, other]), default=len(out))
        out.insert(int(rng.integers(low, high + 1)), int(node))
    return np.array(out, dtype=np.int64)


def order_of(weights: Float, before: Bool) -> tuple[Int, float]:
    """Return an order of nearly acyclic weights, and the threshold that made them acyclic.

    Weights are dropped from the smallest on until no cycle is left, ``before`` included.
    """
    size = np.abs(weights)
    values = np.concatenate([[0.0], np.unique(size[size > 0])])
    low, high = 0, len(values) - 1
    while low < high:
        middle = (low + high) // 2
        if directed_cycle((size > values[middle]) | before):
            low = middle + 1
        else:
            high = middle
    kept = (size > values[low]) | before
    left = np.ones(len(size), dtype=bool)
    order: list[int] = []
    while left.any():
        free = np.flatnonzero(left & ~kept[left].any(axis=0))
        order += [int(k) for k in free]
        left[free] = False
    return np.array(order, dtype=np.int64), float(values[low])


def describe_start(start: Start) -> dict[str, Any]:
    """Return what the report says of one search."""
    return {
        "start": start.name,
        "score": start.score,
        "sweeps": start.sweeps,
        "moves": start.moves,
    }
