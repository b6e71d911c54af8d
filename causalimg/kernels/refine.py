"""Descent on the penalised objective itself: move a node to its best position in the order.

The positions of a node ``v`` are valued from the nearest outwards, until the objective along the
way has risen by more than a margin. A node that loses ``v`` as a predecessor changes only if ``v``
has a coefficient in it; one that gains ``v`` only if its residual's covariance with ``v`` exceeds
the penalty. With ``s`` the residual variance of ``v`` given all other nodes, losing a coefficient
``b`` costs at least ``s b**2 / 2`` and an excess ``e`` over the penalty gains at most
``e**2 / (2 s)``, by the curvature of the objective; a lasso is solved only where these bounds
leave room for an improvement, and a node is looked at again only when something changed among
the positions that were looked at.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from causalimg.kernels.lasso import node_gradient, node_lasso


@njit(cache=True, nogil=True)
def refine_order(
    cov: np.ndarray,
    order: np.ndarray,
    before: np.ndarray,
    allowed: np.ndarray,
    penalty: np.ndarray,
    beta: np.ndarray,
    objective: np.ndarray,
    max_sweeps: int,
    tolerance: float,
    margin: float,
) -> tuple[int, int]:
    """Lower the objective in place; return the sweeps made and the moves.

    Parameters
    ----------
    cov : ndarray, shape (d, d)
    order : ndarray of int, shape (d,)
        Changed in place.
    before : ndarray of bool, shape (d, d) or (0, 0)
        ``[i, j]``: i must come before j.
    allowed, penalty : ndarray, shape (d, d)
        Row = effect.
    beta, objective
        From `lasso_given_order`; changed in place.
    max_sweeps : int
    tolerance : float
        Smallest fall that counts, relative to the objective.
    margin : float
        Rise along the way at which the positions beyond are not looked at, relative to the mean
        objective of a node.
    """
    d = len(order)
    place = np.empty(d, dtype=np.int64)
    for k in range(d):
        place[order[k]] = k
    gradient = np.empty((d, d))
    for j in range(d):
        node_gradient(cov, j, beta[j], gradient[j])
    scale = np.sqrt(np.diag(cov))
    slack = 1e-9 * scale
    least = 1.0 / np.diag(np.linalg.inv(cov))  # residual variance given all other nodes
    pending = np.empty(d, dtype=np.int64)
    bound = np.empty(d)
    work = np.empty((d, d))
    candidate = np.zeros(d, dtype=np.bool_)
    mask = np.zeros(d, dtype=np.bool_)
    own, own_gradient = np.empty(d), np.empty(d)
    trial, trial_gradient = np.empty(d), np.empty(d)
    first = np.zeros(d, dtype=np.int64)
    last = np.full(d, d - 1, dtype=np.int64)
    stale = np.ones(d, dtype=np.bool_)
    sweeps = 0
    moves = 0
    for _ in range(max_sweeps):
        sweeps += 1
        moved = False
        total = objective.sum()
        limit = margin * total / d
        for v in range(d):
            if not stale[v]:
                continue
            stale[v] = False
            p = place[v]
            low, high = 0, d - 1
            if len(before):
                for x in range(d):
                    if before[x, v] and place[x] >= low:
                        low = place[x] + 1
                    if before[v, x] and place[x] <= high:
                        high = place[x] - 1
            best, where = -tolerance * total, p
            first[v], last[v] = p, p
            # later: v gains candidates, those that it passes lose it
            own[:] = beta[v]
            own_gradient[:] = gradient[v]
            mine = objective[v]
            loss = 0.0
            waiting = 0
            for x in range(d):
                candidate[x] = allowed[v, x] and place[x] < p
            for k in range(p + 1, high + 1):
                u = order[k]
                last[v] = k
                if beta[u, v] != 0.0:
                    pending[waiting] = u
                    waiting += 1
                    loss += 0.5 * least[v] * beta[u, v] ** 2
                if allowed[v, u]:
                    candidate[u] = True
                    if abs(own_gradient[u]) > penalty[v, u] + slack[v] * scale[u]:
                        mine, _s = node_lasso(
                            cov, v, candidate, penalty[v], own, own_gradient, work
                        )
                if loss + mine - objective[v] < best:
                    for r in range(waiting):
                        w = pending[r]
                        for x in range(d):
                            mask[x] = allowed[w, x] and place[x] < place[w] and x != v
                        trial[:] = beta[w]
                        value, _s = node_lasso(
                            cov, w, mask, penalty[w], trial, trial_gradient, work
                        )
                        loss += value - objective[w] - 0.5 * least[v] * beta[w, v] ** 2
                    waiting = 0
                    if loss + mine - objective[v] < best:
                        best, where = loss + mine - objective[v], k
                if loss + mine - objective[v] > limit:
                    break
            # earlier: v loses candidates, those that it passes gain it
            own[:] = beta[v]
            mine = objective[v]
            gain = 0.0
            waiting = 0
            lost = False
            for x in range(d):
                candidate[x] = allowed[v, x] and place[x] < p
            for k in range(p - 1, low - 1, -1):
                u = order[k]
                first[v] = k
                candidate[u] = False
                if own[u] != 0.0:
                    lost = True
                    mine = max(mine, objective[v] + 0.5 * least[u] * own[u] ** 2)
                excess = abs(gradient[u, v]) - penalty[u, v] - slack[u] * scale[v]
                if allowed[u, v] and excess > 0.0:
                    pending[waiting] = u
                    bound[waiting] = 0.5 * excess**2 / least[v]
                    gain += bound[waiting]
                    waiting += 1
                if mine - objective[v] - gain < best:
                    if lost:
                        mine, _s = node_lasso(
                            cov, v, candidate, penalty[v], own, own_gradient, work
                        )
                        lost = False
                    r = 0
                    while r < waiting and mine - objective[v] - gain < best:
                        w = pending[r]
                        for x in range(d):
                            mask[x] = (allowed[w, x] and place[x] < place[w]) or x == v
                        trial[:] = beta[w]
                        value, _s = node_lasso(
                            cov, w, mask, penalty[w], trial, trial_gradient, work
                        )
                        gain += objective[w] - value - bound[r]
                        r += 1
                    for q in range(r, waiting):
                        pending[q - r] = pending[q]
                        bound[q - r] = bound[q]
                    waiting -= r
                    if mine - objective[v] - gain < best:
                        best, where = mine - objective[v] - gain, k
                if mine - objective[v] - gain > limit:
                    break
            if where == p:
                continue
            moved = True
            moves += 1
            side = 1 if where > p else -1
            for k in range(p, where, side):
                order[k] = order[k + side]
                place[order[k]] = k
            order[where] = v
            place[v] = where
            start, end = min(p, where), max(p, where)
            for k in range(start, end + 1):
                u = order[k]
                if u != v and side > 0 and beta[u, v] == 0.0:
                    continue
                if u != v and side < 0:
                    if not allowed[u, v]:
                        continue
                    if abs(gradient[u, v]) <= penalty[u, v]:
                        continue
                for x in range(d):
                    mask[x] = allowed[u, x] and place[x] < k
                objective[u], _s = node_lasso(cov, u, mask, penalty[u], beta[u], gradient[u], work)
            for x in range(d):
                if first[x] <= end and last[x] >= start:
                    stale[x] = True
        if not moved:
            break
    return sweeps, moves
