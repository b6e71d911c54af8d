"""From a solution to a graph with its certificate: objective, optimality, how the search ended."""

from __future__ import annotations

import numpy as np

from causalimg.discovery.base import Found
from causalimg.discovery.orders import describe_start
from causalimg.discovery.solvers import Solution
from causalimg.discovery.stopping import Convergence
from causalimg.discovery.task import ASSUMPTIONS, Task

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


def report(
    task: Task,
    solution: Solution,
    *,
    threshold: float,
    alpha: float,
    device: str = "cpu",
    brief: bool = False,
) -> Found:
    """Turn the weights with the lowest objective into a graph.

    Parameters
    ----------
    task : Task
    solution : Solution
    threshold, alpha, device
        As in `NOTEARS`.
    brief : bool
        For resamples: leave out what a graph alone does not need.
    """
    polished = solution.polished
    kept = np.abs(polished.weights) > threshold
    graph, frame, effects = task.graph_of(polished.weights, kept, alpha)
    said = (*ASSUMPTIONS, STANDARDIZED if task.standardize else RAW, *task.parts.said)
    ended = _ended(solution)
    if brief:
        return Found(graph, {"objective": polished.objective, "convergence": ended}, said)
    names = task.parts.searched_names
    among = kept | task.required[task.pick]
    stats = {
        "objective": polished.objective,
        "kkt_residual": polished.kkt,
        "acyclic": True,
        "causal_order": tuple(names[k] for k in polished.order),
        "convergence": ended,
        "advice": ended.advice,
        "solver": solution.winner,
        "objectives": {name: one.objective for name, one in solution.best.items()},
        "searches": [describe_start(start) for start in solution.starts],
        "stages": [] if solution.loose is None else solution.loose.stages,
        "sweeps": polished.sweeps,
        "moves": polished.moves,
        "n_weights": int((polished.weights != 0).sum()),
        "n_below_threshold": int(((polished.weights != 0) & ~among).sum()),
        "sortability": task.sortability(among),
        "context_effects": effects,
        "device": device,
    }
    return Found(graph, stats, said, {"edges_": frame})


def _ended(solution: Solution) -> Convergence:
    polished, loose = solution.polished, solution.loose
    if not polished.exact:
        return Convergence.LASSO_LEFT
    if not polished.finished or not all(start.finished for start in solution.starts):
        return Convergence.SWEEPS_LEFT
    if not solution.starts and loose is not None and not bool(loose.reached[0]):
        return Convergence.CONSTRAINT_LEFT
    return Convergence.LOCAL_OPTIMUM
