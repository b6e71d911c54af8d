"""A batch of L1-penalised problems by orthant-wise limited-memory quasi-Newton steps.

Every tick evaluates each problem once. A problem whose trial point does not lower its objective
enough halves its step and tries again in the next tick; the others go on. So nothing has to be
read back from the device within a tick, and problems do not wait for each other's line search.

References
----------
Andrew G, Gao J. Scalable training of L1-regularized log-linear models. ICML 2007.
doi:10.1145/1273496.1273501
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from causalimg.kernels import reference
from causalimg.kernels.reference import array_module

Array = Any
_ARMIJO = 1e-4
_CHECK = 10  # ticks between looks at whether everything is done


@dataclass(frozen=True)
class Minimum:
    """Where a batch of minimisations ended; one entry per problem.

    Parameters
    ----------
    point : array, shape (n_batch, d, d)
    value : array, shape (n_batch,)
        Of the penalised objective.
    ticks : int
        Evaluations of the batch.
    converged : array of bool, shape (n_batch,)
    """

    point: Array
    value: Array
    ticks: int
    converged: Array


def minimise(
    smooth: Callable[[Array], tuple[Array, Array]],
    start: Array,
    penalty: Array,
    free: Array,
    *,
    tolerance: float = 1e-6,
    max_ticks: int = 2000,
    memory: int = 10,
    frozen: Array | None = None,
    kernels: Any = reference,
) -> Minimum:
    """Minimise ``smooth(W) + sum(penalty * abs(W))`` over the free coefficients of each problem.

    Parameters
    ----------
    smooth : callable
        Array (n_batch, d, d) -> values (n_batch,), gradients (n_batch, d, d); infinite outside
        its domain.
    start : array, shape (n_batch, d, d)
        Inside the domain.
    penalty, free : array, shape (d, d) or (n_batch, d, d)
        ``free`` is 1 for coefficients that may differ from zero, else 0.
    tolerance : float
        A problem has converged when its objective falls by less than this share over ten ticks.
    max_ticks, memory : int
    frozen : array of bool, shape (n_batch,), optional
        Problems that stay at their start.
    kernels : module
        `causalimg.kernels.reference` or `causalimg.kernels.cuda`.
    """
    xp = array_module(start)
    point = start * free
    value, gradient = smooth(point)
    gradient = gradient * free
    value = value + (penalty * xp.abs(point)).sum(axis=(-2, -1))
    n_batch = len(point)
    done = xp.zeros(n_batch, dtype=bool) if frozen is None else xp.array(frozen, dtype=bool)
    settled = xp.array(done)
    shape = point.shape
    memory_of = _Memory(point.reshape(n_batch, -1), memory)
    steepest = kernels.pseudo_gradient(point, gradient, penalty) * free
    length = 1.0 / xp.maximum(xp.abs(steepest).sum(axis=(-2, -1)), 1.0)
    direction = -steepest
    mark = xp.array(value)
    moves = xp.zeros(n_batch, dtype=int)
    ticks = 0
    over = bool(done.all())
    while ticks < max_ticks and not over:
        ticks += 1
        trial = kernels.orthant_step(point, steepest, direction, length[:, None, None])
        after, slope = smooth(trial)
        after = after + (penalty * xp.abs(trial)).sum(axis=(-2, -1))
        slope = slope * free
        moved = trial - point
        expected = (steepest * moved).sum(axis=(-2, -1))
        accept = (after <= value + _ARMIJO * expected) & (expected < 0) & ~done
        take = accept[:, None, None]
        bend = xp.where(take, slope - gradient, 0.0)  # that of a far trial may overflow
        inner = (moved * bend).sum(axis=(-2, -1))
        useful = accept & (inner > 1e-14 * (bend * bend).sum(axis=(-2, -1)))
        memory_of.add(moved.reshape(n_batch, -1), bend.reshape(n_batch, -1), useful)
        point = xp.where(take, trial, point)
        gradient = xp.where(take, slope, gradient)
        value = xp.where(accept, after, value)
        moves = moves + accept
        steepest = kernels.pseudo_gradient(point, gradient, penalty) * free
        direction = -memory_of.times(steepest.reshape(n_batch, -1)).reshape(shape)
        direction = xp.where(direction * steepest < 0, direction, 0.0)
        length = xp.where(accept, 1.0, 0.5 * length)
        # after many halvings the curvature is not to be trusted: steepest descent
        direction = xp.where((length < 1e-6)[:, None, None], -steepest, direction)
        if ticks % _CHECK == 0:
            flat = (steepest == 0).all(axis=(-2, -1))
            small = (mark - value <= tolerance * xp.abs(value)) & (moves > 0)
            settled = settled | small | flat
            done = done | small | flat | (length < 1e-15)
            mark = xp.where(moves > 0, value, mark)
            moves = moves * 0
            over = bool(done.all())
    return Minimum(point, value, ticks, settled)


class _Memory:
    """The last steps and bends of the gradient of each problem, in compact form.

    With ``S`` and ``Y`` the matrices of steps and bends, oldest first, ``R`` the upper triangle of
    ``S'Y``, ``D`` its diagonal and ``c`` the scale, the approximate inverse Hessian times ``p`` is
    ``c p + S w - c Y u`` with ``u = R^-1 S'p`` and ``w = R^-T ((D + c Y'Y) u - c Y'p)``. A step
    that was not taken is a zero row with a one on the diagonal of ``R``, which has no effect.

    References
    ----------
    Byrd RH, Nocedal J, Schnabel RB. Representations of quasi-Newton matrices and their use in
    limited memory methods. Math Program 1994;63:129-156. doi:10.1007/BF01582063
    """

    def __init__(self, like: Array, size: int) -> None:
        xp = array_module(like)
        n_batch, n = like.shape
        self.xp, self.size, self.next = xp, size, 0
        self.steps = xp.zeros((n_batch, size, n), dtype=like.dtype)
        self.bends = xp.zeros((n_batch, size, n), dtype=like.dtype)
        self.step_bend = xp.zeros((n_batch, size, size), dtype=like.dtype)
        self.bend_bend = xp.zeros((n_batch, size, size), dtype=like.dtype)
        self.scale = xp.ones(n_batch, dtype=like.dtype)
        self.upper = xp.triu(xp.ones((size, size), dtype=like.dtype))
        self.eye = xp.eye(size, dtype=like.dtype)

    def add(self, step: Array, bend: Array, use: Array) -> None:
        """Replace the oldest pair; one that is not to be used becomes a zero row."""
        xp, k = self.xp, self.next
        self.next = (k + 1) % self.size
        step = xp.where(use[:, None], step, 0.0)
        bend = xp.where(use[:, None], bend, 0.0)
        self.steps[:, k] = step
        self.bends[:, k] = bend
        self.step_bend[:, :, k] = (self.steps @ bend[:, :, None])[:, :, 0]
        self.step_bend[:, k, :] = (self.bends @ step[:, :, None])[:, :, 0]
        norms = (self.bends @ bend[:, :, None])[:, :, 0]
        self.bend_bend[:, :, k] = norms
        self.bend_bend[:, k, :] = norms
        norm = norms[:, k]
        ratio = self.step_bend[:, k, k] / xp.where(use, norm, 1.0)
        self.scale = xp.where(use, ratio, self.scale)

    def times(self, vector: Array) -> Array:
        """Return the approximate inverse Hessian times a vector, shape (n_batch, n)."""
        xp, column = self.xp, vector[:, :, None]
        age = (xp.arange(self.size) + self.next) % self.size
        pick = (slice(None), age[:, None], age[None, :])
        upper = self.step_bend[pick] * self.upper
        diagonal = (upper * self.eye).sum(axis=-1)
        upper = upper + self.eye * xp.where(diagonal > 0, 0.0, 1.0)[:, None, :]
        scale = self.scale[:, None, None]
        along_steps = (self.steps @ column)[:, age]
        along_bends = (self.bends @ column)[:, age]
        u = xp.linalg.solve(upper, along_steps)
        inner = diagonal[:, :, None] * u + scale * (self.bend_bend[pick] @ u - along_bends)
        w = xp.linalg.solve(xp.swapaxes(upper, -1, -2), inner)
        back = xp.argsort(age)
        out = xp.swapaxes(w[:, back], -1, -2) @ self.steps
        out = out - scale * (xp.swapaxes(u[:, back], -1, -2) @ self.bends)
        return out[:, 0] + self.scale[:, None] * vector
