"""Choosing the L1 penalty of NOTEARS: a path of penalties, then BIC or stability of the edges.

References
----------
Schwarz G. Estimating the dimension of a model. Ann Stat 1978;6:461-464.
doi:10.1214/aos/1176344136
Chen J, Chen Z. Extended Bayesian information criteria for model selection with large model
spaces. Biometrika 2008;95:759-771. doi:10.1093/biomet/asn034
Meinshausen N, Buehlmann P. Stability selection. J R Stat Soc B 2010;72:417-473.
doi:10.1111/j.1467-9868.2010.00740.x
Liu H, Roeder K, Wasserman L. Stability approach to regularization selection (StARS) for high
dimensional graphical models. NeurIPS 2010. doi:10.48550/arXiv.1006.3316
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.orders import OrderProblem, compiled
from causalimg.discovery.relaxation import resampled_moments
from causalimg.discovery.solvers import Settings, Solution, solve, solve_path
from causalimg.discovery.task import Task
from causalimg.errors import CausalImgError, InvalidInputError
from causalimg.tables.moments import Moments

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
CHOICES = ("bic", "ebic", "stability")
N_PENALTIES = 15
N_HALVES = 20
INSTABILITY = 0.05  # the largest mean instability of an edge that is accepted
GAMMA = 0.5


def check_penalty(value: object) -> None:
    """Raise `InvalidInputError` unless ``lambda1`` is a number or the name of a choice."""
    if isinstance(value, str):
        usable = value in CHOICES
    elif isinstance(value, int | float | np.number) and not isinstance(value, bool):
        usable = bool(0 <= value < np.inf)
    else:
        usable = False
    if not usable:
        raise InvalidInputError(
            f"lambda1={value!r} must be a number of 0 or more, or one of"
            f" {', '.join(map(repr, CHOICES))}"
        )


def penalty_grid(problem: OrderProblem, n: float) -> Float:
    """Return penalties from large to small, shape (N_PENALTIES,).

    With s the residual standard deviation of the min-pivot order, chance makes the covariance of
    a column and a residual about ``s * sd / sqrt(n)``: the path ends there for the column of
    least spread, and begins at ``s * sd`` for that of the largest, or where every lasso is empty.

    Parameters
    ----------
    problem : OrderProblem
    n : float
        Rows.
    """
    cov = problem.cov
    order = compiled("order_search").min_pivot_order(cov, problem.constraint)
    noise = np.sqrt((np.diag(np.linalg.cholesky(cov[np.ix_(order, order)])) ** 2).mean())
    spread = np.sqrt(np.diag(cov))
    empty = np.abs(cov - np.diag(np.diag(cov))).max()
    low = noise * spread.min() / np.sqrt(n)
    high = max(min(noise * spread.max(), empty), 2 * low)
    return np.asarray(np.geomspace(high, low, N_PENALTIES))


def information(cov: Float, edges: Bool, n: float) -> tuple[float, float]:
    """Return BIC and extended BIC of a graph, its weights refitted without a penalty.

    The likelihood is Gaussian with one noise variance for all nodes, the model under which the
    least-squares objective orients edges.

    Parameters
    ----------
    cov : ndarray, shape (d, d)
    edges : ndarray of bool, shape (d, d)
        Acyclic, row = cause.
    n : float
        Rows.

    Examples
    --------
    >>> cov = np.array([[1.0, 0.8], [0.8, 1.64]])
    >>> edge = np.array([[False, True], [False, False]])
    >>> information(cov, edge, 100)[0] < information(cov, 0 * edge > 0, 100)[0]
    True
    """
    d = len(cov)
    residual = np.diag(cov).copy()
    choices = 0.0
    for node in range(d):
        parents = np.flatnonzero(edges[:, node])
        if len(parents):
            cross = cov[parents, node]
            residual[node] -= cross @ np.linalg.solve(cov[np.ix_(parents, parents)], cross)
        k = len(parents)
        choices += float(gammaln(d) - gammaln(k + 1) - gammaln(d - k))
    bic = n * d * float(np.log(residual.sum() / d)) + float(edges.sum()) * float(np.log(n))
    return bic, bic + 2 * GAMMA * choices


def instabilities(found: list[list[Bool]]) -> Float:
    """Return for each penalty how unstable the edges are, shape (n_penalties,).

    An edge in a share p of the subsamples has instability ``2 p (1 - p)``; the mean is over all
    pairs of nodes, directions apart from each other. Unlike the published rule it is not made
    monotone along the path: a large penalty can be unstable for its arrows, not for its edges.

    Parameters
    ----------
    found : list of list of ndarray of bool
        Edges for each subsample and each penalty, from the largest penalty down.
    """
    shares = np.mean(np.asarray(found, dtype=np.float64), axis=0)
    d = shares.shape[-1]
    return np.asarray((2 * shares * (1 - shares)).sum(axis=(-2, -1)) / (d * (d - 1) / 2))


def halves(n: int, seed: np.random.SeedSequence) -> Float:
    """Return 0/1 row weights of random halves, in complementary pairs, (N_HALVES, n)."""
    rng = np.random.default_rng(seed)
    out = np.zeros((N_HALVES, n))
    for k in range(0, N_HALVES, 2):
        order = rng.permutation(n)
        out[k, order[: n // 2]] = 1.0
        out[k + 1, order[n // 2 : 2 * (n // 2)]] = 1.0
    return out


def choose_penalty(
    task: Task, how: str, threshold: float, settings: Settings
) -> tuple[Task, Solution, dict[str, Any]]:
    """Solve along the path of penalties and choose one.

    The least ``"bic"`` or ``"ebic"``; with ``"stability"`` the smallest penalty with an
    instability of at most 0.05, or else the most stable one.

    Returns
    -------
    task : Task
        With the chosen penalty.
    solution : Solution
    stats : dict
        ``lambda1`` and ``path``: for each penalty ``lambda1``, ``objective``, ``n_edges`` (above
        the threshold), ``bic``, ``ebic`` and, for ``"stability"``, ``instability``.

    Raises
    ------
    CausalImgError
        If a penalty cannot be solved; ``"stability"`` without rows.
    """
    n = task.data.moments.n
    grid = penalty_grid(task.problem, n)
    tasks = [task.penalised(one) for one in grid]
    path = solve_path([one.problem for one in tasks], settings)
    rows: list[dict[str, Any]] = []
    for lambda1, one in zip(grid, path, strict=True):
        edges = _kept(task, one, threshold)
        bic, ebic = information(task.problem.cov, edges, n)
        rows.append(
            {
                "lambda1": float(lambda1), "objective": one.polished.objective,
                "n_edges": int(edges.sum()), "bic": bic, "ebic": ebic,
            }
        )  # fmt: skip
    if how == "stability":
        for row, value in zip(rows, _on_halves(task, grid, threshold, settings), strict=True):
            row["instability"] = float(value)
        stable = [k for k, row in enumerate(rows) if row["instability"] <= INSTABILITY]
        at = stable[-1] if stable else min(range(len(rows)), key=lambda k: rows[k]["instability"])
    else:
        at = min(range(len(rows)), key=lambda k: rows[k][how])
    return tasks[at], path[at], {"lambda1": float(grid[at]), "path": rows}


def _on_halves(task: Task, grid: Float, threshold: float, settings: Settings) -> Float:
    """Solve every half of the rows at every penalty, as one batch, by the plain search."""
    data, whole = task.data, task.data.moments
    if data.matrix is None:
        raise InvalidInputError(
            "lambda1='stability' needs the rows, not only their moments; use 'bic'"
        )
    counts = halves(len(data.matrix), settings.seed)
    means, covs = resampled_moments(data.matrix, counts, settings.device)
    problems = []
    for n, mean, cov in zip(counts.sum(axis=1), means, covs, strict=True):
        part = Moments(whole.columns, float(n), mean, cov, whole.blocks, whole.levels)
        half = task.on(DiscoveryData(data.columns, part, None, data.order, data.source))
        problems += [half.penalised(one).problem for one in grid]
    edges = []
    for solution in solve(problems, replace(settings, n_starts=1, refine=False)):
        if isinstance(solution, CausalImgError):
            raise solution
        edges.append(_kept(task, solution, threshold))
    m = len(grid)
    return instabilities([edges[k : k + m] for k in range(0, len(edges), m)])


def _kept(task: Task, solution: Solution, threshold: float) -> Bool:
    kept = np.abs(solution.polished.weights) > threshold
    return np.asarray(kept | task.required[task.pick])
