"""The published continuous search: a smooth acyclicity constraint under L1, batched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from causalimg.kernels import reference
from causalimg.kernels.quasi_newton import minimise

Array = Any
_FAR = 1e100  # a constraint beyond this counts as infinite, so that its square does not overflow
Smooth = Callable[[Array], tuple[Array, Array]]
CONSTRAINTS = ("logdet", "squaring", "exponential")
# the central path of DAGMA: weights of the objective against the barrier, and its scale s
CENTRAL_PATH = ((1.0, 1.0), (0.1, 0.9), (0.01, 0.8), (0.001, 0.7))


@dataclass(frozen=True)
class Relaxed:
    """Where the continuous search ended; one entry per problem of the batch.

    Parameters
    ----------
    weights : array, shape (n_batch, d, d)
        Row = cause; close to acyclic.
    stages : list of dict
        ``weight`` of the constraint, ``h``, ``objective`` and ``iterations`` of each stage.
    h : array, shape (n_batch,)
        Of the constraint at the end.
    reached : array of bool, shape (n_batch,)
        Whether ``h`` came below its tolerance.
    """

    weights: Array
    stages: list[dict[str, Any]]
    h: Array
    reached: Array


def relax(
    loss: Smooth,
    penalty: Array,
    free: Array,
    start: Array,
    *,
    constraint: str,
    h_tolerance: float,
    tolerance: float,
    max_iter: int,
    kernels: Any = reference,
) -> Relaxed:
    """Minimise loss and L1 penalty over nearly acyclic weights.

    ``"exponential"`` and ``"squaring"`` use the augmented Lagrangian of NOTEARS, ``"logdet"`` the
    central path of DAGMA, both with the quasi-Newton steps of `kernels.quasi_newton`.

    Parameters
    ----------
    loss : callable
        Weights (n_batch, d, d) -> values (n_batch,) and gradients (n_batch, d, d).
    penalty, free : array, shape (d, d)
    start : array, shape (n_batch, d, d)
    constraint : {"logdet", "squaring", "exponential"}
    h_tolerance : float
        Size of the constraint at which the search ends.
    tolerance, max_iter
        Of each stage.
    """
    if constraint == "logdet":
        return _central_path(loss, penalty, free, start, h_tolerance, tolerance, max_iter, kernels)
    acyclicity = kernels.squaring if constraint == "squaring" else kernels.exponential
    return augmented(
        loss, acyclicity, penalty, free, start,
        h_tolerance=h_tolerance, tolerance=tolerance, max_iter=max_iter, kernels=kernels,
    )  # fmt: skip


def augmented(
    loss: Smooth,
    acyclicity: Smooth,
    penalty: Array,
    free: Array,
    start: Array,
    *,
    h_tolerance: float,
    tolerance: float,
    max_iter: int,
    rho: Array | None = None,
    kernels: Any = reference,
) -> Relaxed:
    """Minimise loss and L1 penalty in an augmented Lagrangian of any acyclicity; as `relax`.

    Parameters
    ----------
    acyclicity : callable
        As ``loss``: coefficients (n_batch, d, p) -> values (n_batch,) and gradients.
    rho : array, shape (n_batch,), optional
        First weight of the squared constraint; 1 by default.
    """
    xp = reference.array_module(start)
    weights = start
    rho = xp.ones(len(start), dtype=start.dtype) if rho is None else rho
    alpha = xp.zeros(len(start), dtype=start.dtype)
    h = xp.full(len(start), xp.inf)
    stages: list[dict[str, Any]] = []
    for _ in range(40):
        reached = h <= h_tolerance

        def smooth(point: Array, rho: Array = rho, alpha: Array = alpha) -> tuple[Array, Array]:
            value, slope = loss(point)
            size, bend = acyclicity(point)
            far = ~(size < _FAR)
            size, bend = xp.where(far, 0.0, size), xp.where(far[:, None, None], 0.0, bend)
            value = xp.where(far, xp.inf, value + size * (alpha + 0.5 * rho * size))
            return value, slope + (alpha + rho * size)[:, None, None] * bend

        found = minimise(
            smooth, weights, penalty, free,
            tolerance=tolerance, max_ticks=max_iter, frozen=reached, kernels=kernels,
        )  # fmt: skip
        weights = found.point
        after = acyclicity(weights)[0]
        stages.append(_stage(rho, after, loss, penalty, weights, found.ticks))
        alpha = alpha + rho * after
        rho = xp.where(after > 0.25 * h, 10.0 * rho, rho)
        h = after
        if bool(((h <= h_tolerance) | (rho > 1e16)).all()):
            break
    return Relaxed(weights, stages, h, h <= h_tolerance)


def _central_path(
    loss: Smooth,
    penalty: Array,
    free: Array,
    start: Array,
    h_tolerance: float,
    tolerance: float,
    max_iter: int,
    kernels: Any,
) -> Relaxed:
    xp = reference.array_module(start)
    weights = start
    stages = []
    for share, s in CENTRAL_PATH:
        # a start outside the domain of a smaller s is drawn towards zero until it is inside
        for _ in range(60):
            outside = ~xp.isfinite(kernels.logdet(weights, s)[0])
            if not bool(outside.any()):
                break
            weights = xp.where(outside[:, None, None], 0.9 * weights, weights)

        def smooth(point: Array, share: float = share, s: float = s) -> tuple[Array, Array]:
            value, slope = loss(point)
            size, bend = kernels.logdet(point, s)
            return share * value + size, share * slope + bend

        found = minimise(
            smooth, weights, share * penalty, free,
            tolerance=tolerance, max_ticks=max_iter, kernels=kernels,
        )  # fmt: skip
        weights = found.point
        h = kernels.logdet(weights, s)[0]
        stages.append(_stage(1.0 / share + 0 * h, h, loss, penalty, weights, found.ticks))
    return Relaxed(weights, stages, h, h <= h_tolerance)


def _stage(
    weight: Array, h: Array, loss: Smooth, penalty: Array, weights: Array, ticks: int
) -> dict[str, Any]:
    xp = reference.array_module(weights)
    objective = loss(weights)[0] + (penalty * xp.abs(weights)).sum(axis=(-2, -1))
    return {"weight": weight, "h": h, "objective": objective, "iterations": ticks}
