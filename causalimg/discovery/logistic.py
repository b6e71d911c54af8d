"""Logistic regressions over acyclic graphs: the continuous search on columns of zeros and ones.

An intercept is the weight of a further node that is always one, has no parents and no penalty.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.discovery.base import Found
from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.lagrangian import Relaxed, relax
from causalimg.discovery.orders import order_of
from causalimg.discovery.relaxation import one_each
from causalimg.discovery.solvers import H_TOLERANCE, TOLERANCE
from causalimg.discovery.stopping import Convergence
from causalimg.discovery.task import ASSUMPTIONS
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge
from causalimg.kernels import reference
from causalimg.kernels.quasi_newton import minimise

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
EXACT = 1e-12
MODEL = (
    "Every column is zero or one, with log odds that are linear in its parents and do not interact:"
    " an edge between two nodes fits as well in either direction, so that only nodes with several"
    " parents and the sparsity penalty orient edges."
)


def binary_rows(data: DiscoveryData) -> Float:
    """Return the rows, all of them zeros and ones, shape (n_samples, d).

    Raises
    ------
    InvalidInputError
        Naming the columns with anything else; or if there are no rows.
    """
    if data.matrix is None:
        raise InvalidInputError("loss='logistic' needs the rows, not only their moments")
    bad = [f"{name!r} (categorical)" for name in data.categorical]
    for name in data.columns:
        if name in data.categorical:
            continue
        column = data.matrix[:, data.moments.blocks[name][0]]
        other = column[(column != 0) & (column != 1)]
        if len(other):
            bad.append(f"{name!r} ({float(other[0]):g})")
    if bad:
        raise InvalidInputError(
            "loss='logistic' takes columns of zeros and ones (write booleans as 0 and 1); not so:"
            f" {', '.join(bad[:20])}"
        )
    return data.matrix


def fit_logistic(
    data: DiscoveryData,
    knowledge: Knowledge,
    *,
    lambda1: float,
    threshold: float,
    constraint: str,
    max_iter: int,
) -> Found:
    """Learn a DAG of logistic regressions; the settings are those of `NOTEARS`.

    Raises
    ------
    InvalidInputError
        If a column is not of zeros and ones.
    """
    rows = binary_rows(data)
    required = knowledge.required_matrix(data.columns)
    allowed = ~knowledge.forbidden_matrix(data.columns) & ~np.eye(len(required), dtype=bool)
    before = knowledge.precedence_matrix(data.columns) | required
    penalty = np.where(required, 0.0, lambda1)
    loose = _search(rows, allowed, penalty, constraint, max_iter)
    relaxed = loose.weights[0]
    order, cut = order_of(relaxed[1:, 1:], before)
    place = np.argsort(order)
    earlier = (place[:, None] < place[None, :]) & allowed
    found = _solve(rows, earlier, penalty, relaxed)
    weights = found["weights"]
    kept = ((np.abs(weights) > threshold) | required) & earlier
    graph = CausalGraph.from_directed(data.columns, kept, weights=np.where(kept, weights, 0.0))
    if not found["exact"]:
        ended = Convergence.LASSO_LEFT
    elif bool(loose.reached[0]):
        ended = Convergence.LOCAL_OPTIMUM
    else:
        ended = Convergence.CONSTRAINT_LEFT
    stats = {
        "objective": found["objective"],
        "kkt_residual": found["kkt"],
        "acyclic": True,
        "causal_order": tuple(data.columns[k] for k in order),
        "convergence": ended,
        "advice": ended.advice,
        "solver": "alm",
        "stages": loose.stages,
        "cut": cut,
        "intercepts": dict(zip(data.columns, found["intercepts"].tolist(), strict=True)),
        "n_weights": int((weights != 0).sum()),
        "n_below_threshold": int(((weights != 0) & ~kept).sum()),
        "device": "cpu",
    }
    frame = graph.to_frame()[["source", "target", "edge", "weight"]]
    return Found(graph, stats, (*ASSUMPTIONS[:2], MODEL), {"edges_": frame})


def _with_intercept(penalty: Float, free: Bool) -> tuple[Float, Float]:
    """Return penalty and free coefficients with the constant node in front."""
    d = len(penalty)
    wider, may = np.zeros((d + 1, d + 1)), np.zeros((d + 1, d + 1))
    wider[1:, 1:] = penalty
    may[0, 1:] = 1.0
    may[1:, 1:] = free
    return wider, may


def _loss(rows: Float) -> Any:
    with_one = np.column_stack([np.ones(len(rows)), rows])

    def loss(weights: Any) -> tuple[Any, Any]:
        value, slope = reference.logistic(weights, with_one)
        return value - np.log(2.0), slope  # the constant node's own share

    return loss


def _search(rows: Float, allowed: Bool, penalty: Float, constraint: str, max_iter: int) -> Relaxed:
    wider, may = _with_intercept(penalty, allowed)
    found = relax(
        _loss(rows), wider, may, np.zeros((1, *wider.shape)),
        constraint=constraint, h_tolerance=H_TOLERANCE, tolerance=TOLERANCE, max_iter=max_iter,
    )  # fmt: skip
    return one_each(found)[0]


def _solve(rows: Float, earlier: Bool, penalty: Float, start: Float) -> dict[str, Any]:
    """Solve the penalised regression of every node on those before it: a convex problem."""
    wider, may = _with_intercept(penalty, earlier)
    loss = _loss(rows)
    found = minimise(loss, start[None], wider, may, tolerance=EXACT, max_ticks=5000)
    slope = loss(found.point)[1]
    breach = np.abs(reference.pseudo_gradient(found.point, slope, wider) * may).max()
    return {
        "weights": found.point[0, 1:, 1:],
        "intercepts": found.point[0, 0, 1:],
        "objective": float(found.value[0]),
        "kkt": float(breach),
        "exact": bool(found.converged[0]),
    }
