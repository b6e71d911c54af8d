"""The two solvers of NOTEARS on batches of problems, alone or along a path of penalties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from causalimg.discovery.lagrangian import Relaxed
from causalimg.discovery.orders import (
    OrderProblem,
    Polished,
    Solved,
    Start,
    best_of,
    order_of,
    polish,
    search,
)
from causalimg.discovery.relaxation import relax_batch
from causalimg.errors import CausalImgError

SOLVERS = ("best", "order", "alm")
H_TOLERANCE = 1e-3
TOLERANCE = 1e-3  # of each stage: the polish is exact, so it need not be tight


@dataclass(frozen=True)
class Settings:
    """How to solve; the names are those of `NOTEARS`."""

    solver: str
    constraint: str
    n_starts: int
    refine: bool
    max_iter: int
    device: str
    seed: np.random.SeedSequence


@dataclass(frozen=True, eq=False)
class Solution:
    """What the solvers found for one problem.

    Parameters
    ----------
    best : dict
        Name of the solver -> its polished weights.
    starts : list of Start
    loose : Relaxed or None
        The end of the continuous search.
    """

    best: dict[str, Polished]
    starts: list[Start] = field(default_factory=list)
    loose: Relaxed | None = None

    @property
    def winner(self) -> str:
        """Name of the solver with the lowest objective."""
        return min(self.best, key=lambda name: self.best[name].objective)

    @property
    def polished(self) -> Polished:
        """The weights with the lowest objective."""
        return self.best[self.winner]


Searched = tuple[list[Start], list[Solved] | None]


def solve(problems: list[OrderProblem], settings: Settings) -> list[Solution | CausalImgError]:
    """Solve problems of one size and one knowledge; on a device, they are one batch."""
    relaxed = _relaxed(problems, settings)
    searched = _on_device(problems, settings)
    out: list[Solution | CausalImgError] = []
    for problem, loose, orders in zip(problems, relaxed, searched, strict=True):
        try:
            out.append(_finish(problem, loose, orders, settings))
        except CausalImgError as error:
            out.append(error)
    return out


def solve_path(problems: list[OrderProblem], settings: Settings) -> list[Solution]:
    """Solve problems that differ in their penalties only, from the largest penalty down.

    The search of orders does not see the penalty and is made once. Each problem is solved as it
    would be alone, and once more from the order of the penalty before it.

    Raises
    ------
    CausalImgError
        If one of them cannot be solved.
    """
    relaxed = _relaxed(problems, settings, path=True)
    searched: Sequence[Searched | None] = _on_device(problems, settings)
    if settings.solver != "alm" and searched[0] is None:
        starts = search(problems[0], settings.n_starts, settings.seed)
        searched = [(starts, None)] * len(problems)
    out: list[Solution] = []
    for problem, loose, orders in zip(problems, relaxed, searched, strict=True):
        found = _finish(problem, loose, orders, settings)
        if out:
            warm = polish(problem, out[-1].polished.order, refine=settings.refine)
            if warm.objective < found.polished.objective:
                found = replace(found, best={**found.best, found.winner: warm})
        out.append(found)
    return out


def _relaxed(
    problems: list[OrderProblem], settings: Settings, *, path: bool = False
) -> Sequence[Relaxed | None]:
    if settings.solver == "order":
        return [None] * len(problems)
    return relax_batch(
        problems,
        constraint=settings.constraint,
        h_tolerance=H_TOLERANCE,
        tolerance=TOLERANCE,
        max_iter=settings.max_iter,
        device=settings.device,
        path=path,
    )


def _on_device(problems: list[OrderProblem], settings: Settings) -> Sequence[Searched | None]:
    if settings.solver == "alm" or settings.device != "cuda":
        return [None] * len(problems)
    from causalimg.discovery.device_orders import search_on_device

    return [*search_on_device(problems, settings.n_starts, settings.seed)]


def _finish(
    problem: OrderProblem, loose: Relaxed | None, searched: Searched | None, settings: Settings
) -> Solution:
    starts: list[Start] = []
    best: dict[str, Polished] = {}
    descent: dict[str, Any] = {"refine": settings.refine, "seed": settings.seed}
    if settings.solver != "alm":
        if searched is None:
            searched = search(problem, settings.n_starts, settings.seed), None
        starts, solved = searched
        best["order"] = best_of(problem, [one.order for one in starts], solved=solved, **descent)
    if loose is not None:
        order, _ = order_of(loose.weights[0], problem.before)
        best["alm"] = best_of(problem, [order], **descent)
    return Solution(best, starts, loose)
