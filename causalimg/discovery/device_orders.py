"""The order search and the lassos of a batch of problems on a CUDA device."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.discovery.orders import (
    FALL,
    MAX_SWEEPS,
    OrderProblem,
    Solved,
    Start,
    first_orders,
)
from causalimg.discovery.relaxation import to_host
from causalimg.kernels import cuda

Float = NDArray[np.float64]


def search_on_device(
    problems: list[OrderProblem], n_starts: int, seed: np.random.SeedSequence
) -> list[tuple[list[Start], list[Solved]]]:
    """Search and solve problems of one size and one knowledge; see `orders.search`.

    A batch that does not fit the device's memory is halved.

    Returns
    -------
    list of (starts, solved)
        For each problem, one entry a start.
    """
    visits = np.empty((0, 0), dtype=np.intp)
    firsts = []
    for problem in problems:
        visits, orders = first_orders(problem, n_starts, seed)
        firsts.append(np.stack(orders))
    pairs = np.stack(firsts)
    covs = np.stack([problem.cov for problem in problems])
    first = problems[0]
    allowed = np.ascontiguousarray(first.allowed.T)
    penalty = np.stack([problem.penalty.T for problem in problems])
    out: list[tuple[list[Start], list[Solved]]] = [([], []) for _ in problems]

    for k in range(n_starts):
        starts = pairs[:, k]

        def solve(rows: Any, starts: Any = starts) -> tuple[Float, ...]:
            cov = cuda.to_device(covs[rows])
            order, score, running = cuda.search_orders(
                cov, starts[rows], first.before, visits, FALL
            )
            beta, objective, status = cuda.solve_lassos(cov, order, allowed, penalty[rows])
            return tuple(to_host(a) for a in (order, score, running, beta, objective, status))

        parts = cuda.in_batches(solve, np.arange(len(problems)), len(problems))
        found = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
        for at, (order, score, running, beta, objective, status) in enumerate(
            zip(*found, strict=True)
        ):
            name = "min_pivot" if k == 0 else f"random_{k}"
            order = order.astype(np.int64)
            # the device counts neither sweeps nor moves; it says whether the sweeps ran out
            sweeps = MAX_SWEEPS if running else 0
            out[at][0].append(Start(name, order, float(score), sweeps, 0))
            out[at][1].append((beta, objective, int(status.sum())))
    return out
