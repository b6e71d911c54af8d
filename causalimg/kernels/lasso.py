"""The exact lasso of one node on its allowed predecessors, from the covariance.

Minimises ``(S[j, j] - 2 c'b + b'Gb) / 2 + sum(penalty * abs(b))`` by an active set with signs: the
stationary point of the active coefficients is solved for with a Cholesky factor; the step towards
it stops at the first coefficient that would change its sign, which leaves the set; when none
does, the coefficient with the largest breach of its bound enters. The objective falls with each
step, so it ends after finitely many with the exact solution, also where coordinate descent
stalls because columns of very different scale are close to collinear.
"""

from __future__ import annotations

import numpy as np
from numba import njit

CLEAN, LIMIT = 0, 1
_SPAN = 1e-11  # share of a column's variance that must be left for it to enter
_SLACK = 1e-9  # breach of a bound that counts, as a share of the largest breach possible


@njit(cache=True, nogil=True)
def _extend(lower: np.ndarray, cov: np.ndarray, active: np.ndarray, size: int) -> bool:
    """Write row ``size`` of the Cholesky factor of the active block; False if it is singular."""
    node = active[size]
    left = cov[node, node]
    for r in range(size):
        value = cov[node, active[r]]
        for s in range(r):
            value -= lower[size, s] * lower[r, s]
        value /= lower[r, r]
        lower[size, r] = value
        left -= value * value
    if left <= _SPAN * cov[node, node]:
        return False
    lower[size, size] = np.sqrt(left)
    return True


@njit(cache=True, nogil=True)
def _stationary(lower: np.ndarray, right: np.ndarray, size: int) -> None:
    """Solve ``lower @ lower.T @ x = right`` in place."""
    for r in range(size):
        value = right[r]
        for s in range(r):
            value -= lower[r, s] * right[s]
        right[r] = value / lower[r, r]
    for r in range(size - 1, -1, -1):
        value = right[r]
        for s in range(r + 1, size):
            value -= lower[s, r] * right[s]
        right[r] = value / lower[r, r]


@njit(cache=True, nogil=True)
def node_gradient(cov: np.ndarray, node: int, beta: np.ndarray, out: np.ndarray) -> None:
    """Write ``cov[node] - beta @ cov``: the covariances of the residual with every node."""
    d = len(beta)
    for x in range(d):
        out[x] = cov[node, x]
    for a in range(d):
        if beta[a] != 0.0:
            size = beta[a]
            for x in range(d):
                out[x] -= size * cov[a, x]


@njit(cache=True, nogil=True)
def node_objective(
    cov: np.ndarray, node: int, penalty: np.ndarray, beta: np.ndarray, gradient: np.ndarray
) -> float:
    """Half the residual variance and the penalty; ``gradient`` from `node_gradient`."""
    value = float(gradient[node])
    for a in range(len(beta)):
        if beta[a] != 0.0:
            value -= beta[a] * gradient[a]
    value *= 0.5
    for a in range(len(beta)):
        if beta[a] != 0.0:
            value += penalty[a] * abs(beta[a])
    return value


@njit(cache=True, nogil=True)
def node_lasso(
    cov: np.ndarray,
    node: int,
    candidate: np.ndarray,
    penalty: np.ndarray,
    beta: np.ndarray,
    gradient: np.ndarray,
    work: np.ndarray,
) -> tuple[float, int]:
    """Solve the lasso of ``node`` on the candidates, from ``beta`` and into it.

    Parameters
    ----------
    cov : ndarray, shape (d, d)
    node : int
    candidate : ndarray of bool, shape (d,)
        Which nodes may have a coefficient; never ``node`` itself.
    penalty : ndarray, shape (d,)
        Not negative; 0 for a coefficient that is not penalised.
    beta : ndarray, shape (d,)
        A start (its signs and support are used), then the solution.
    gradient : ndarray, shape (d,)
        Written: the covariance of the residual with every node.
    work : ndarray, shape (d, d)
        Scratch.

    Returns
    -------
    objective : float
    status : int
        ``CLEAN``, or ``LIMIT`` if the steps ran out, which leaves a feasible ``beta``.
    """
    d = len(beta)
    active = np.empty(d, dtype=np.int64)
    sign = np.empty(d)
    right = np.empty(d)
    closed = np.zeros(d, dtype=np.bool_)
    inside = np.zeros(d, dtype=np.bool_)
    size = 0
    for x in range(d):
        if beta[x] != 0.0:
            if candidate[x]:
                active[size] = x
                if _extend(work, cov, active, size):
                    sign[size] = np.sign(beta[x])
                    inside[x] = True
                    size += 1
                    continue
            beta[x] = 0.0
    status = LIMIT
    for _ in range(20 * d + 100):
        # to the stationary point of the active coefficients, or to the first change of sign
        while size > 0:
            for r in range(size):
                right[r] = cov[node, active[r]] - penalty[active[r]] * sign[r]
            _stationary(work, right, size)
            step = 1.0
            drop = -1
            for r in range(size):
                x = active[r]
                if penalty[x] > 0.0 and right[r] * sign[r] <= 0.0:
                    reach = beta[x] / (beta[x] - right[r]) if beta[x] != 0.0 else 0.0
                    if reach < step or drop < 0:
                        step = reach
                        drop = r
            for r in range(size):
                x = active[r]
                beta[x] += step * (right[r] - beta[x])
            if drop < 0:
                for r in range(size):
                    beta[active[r]] = right[r]
                break
            beta[active[drop]] = 0.0
            inside[active[drop]] = False
            size -= 1
            for r in range(drop, size):
                active[r] = active[r + 1]
                sign[r] = sign[r + 1]
            kept = drop
            for r in range(drop, size):
                active[kept] = active[r]
                sign[kept] = sign[r]
                if _extend(work, cov, active, kept):
                    kept += 1
                else:
                    beta[active[r]] = 0.0
                    inside[active[r]] = False
            size = kept
        node_gradient(cov, node, beta, gradient)
        entering = -1
        worst = 0.0
        for x in range(d):
            if candidate[x] and not inside[x] and not closed[x]:
                scale = np.sqrt(cov[x, x])
                breach = (abs(gradient[x]) - penalty[x]) / scale
                if breach > worst + _SLACK * np.sqrt(cov[node, node]):
                    worst = breach
                    entering = x
        if entering < 0:
            status = CLEAN
            break
        active[size] = entering
        if _extend(work, cov, active, size):
            sign[size] = np.sign(gradient[entering])
            inside[entering] = True
            size += 1
        else:
            closed[entering] = True
    if status != CLEAN:
        node_gradient(cov, node, beta, gradient)
    return node_objective(cov, node, penalty, beta, gradient), status


@njit(cache=True, nogil=True)
def lasso_given_order(
    cov: np.ndarray,
    order: np.ndarray,
    allowed: np.ndarray,
    penalty: np.ndarray,
    start: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Solve the lasso of every node on its allowed predecessors in an order.

    Parameters
    ----------
    cov : ndarray, shape (d, d)
    order : ndarray of int, shape (d,)
    allowed, penalty : ndarray, shape (d, d)
        ``[j, i]``: may i cause j, and at which price (row = effect).
    start : ndarray, shape (d, d)
        Row = effect.

    Returns
    -------
    beta : ndarray, shape (d, d)
        ``[j, i]``: coefficient of i in the regression of j.
    objective : ndarray, shape (d,)
    stopped : int
        Number of nodes whose steps ran out.
    """
    d = len(order)
    beta = start.copy()
    objective = np.empty(d)
    gradient = np.empty(d)
    work = np.empty((d, d))
    candidate = np.zeros(d, dtype=np.bool_)
    seen = np.zeros(d, dtype=np.bool_)
    stopped = 0
    for k in range(d):
        node = order[k]
        for x in range(d):
            candidate[x] = seen[x] and allowed[node, x]
        objective[node], status = node_lasso(
            cov, node, candidate, penalty[node], beta[node], gradient, work
        )
        stopped += status
        seen[node] = True
    return beta, objective, stopped
