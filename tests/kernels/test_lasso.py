"""The exact lasso and the descent on the penalised objective."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Lasso

from causalimg.kernels.lasso import lasso_given_order, node_lasso
from causalimg.kernels.refine import refine_order

FREE = np.zeros((0, 0), dtype=bool)


def _model(d: int, seed: int, n: int = 400) -> Any:
    rng = np.random.default_rng(seed)
    weights = np.triu(rng.random((d, d)) < 0.4, 1) * rng.uniform(0.5, 2.0, (d, d))
    rows = rng.normal(size=(n, d)) @ np.linalg.inv(np.eye(d) - weights)
    rows = (rows - rows.mean(axis=0))[:, rng.permutation(d)]
    return rows, rows.T @ rows / n


def _solve(cov: Any, node: int, candidate: Any, penalty: Any, start: Any = None) -> Any:
    d = len(cov)
    beta = np.zeros(d) if start is None else start.copy()
    gradient = np.empty(d)
    value, status = node_lasso(cov, node, candidate, penalty, beta, gradient, np.empty((d, d)))
    return value, status, beta, gradient


def _breach(cov: Any, node: int, candidate: Any, penalty: Any, beta: Any) -> float:
    slope = cov[node] - beta @ cov
    off = np.where(beta != 0, np.abs(slope - penalty * np.sign(beta)), np.abs(slope) - penalty)
    scale = np.sqrt(np.diag(cov) * cov[node, node])
    return float((np.maximum(off, 0) / scale)[candidate].max(initial=0.0))


@pytest.mark.parametrize("lam", [0.0, 0.01, 0.1, 1.0, 100.0])
@pytest.mark.parametrize("seed", range(3))
def test_it_agrees_with_coordinate_descent(lam: float, seed: int) -> None:
    rows, cov = _model(8, seed)
    candidate = np.arange(8) != 2
    value, status, beta, gradient = _solve(cov, 2, candidate, np.full(8, lam))
    assert status == 0
    np.testing.assert_allclose(gradient, cov[2] - beta @ cov, atol=1e-12)
    x, y = rows[:, candidate], rows[:, 2]
    if lam:
        other = Lasso(alpha=lam, fit_intercept=False, tol=1e-12, max_iter=100_000).fit(x, y).coef_
    else:
        other = np.linalg.lstsq(x, y, rcond=None)[0]
    np.testing.assert_allclose(beta[candidate], other, atol=1e-6)
    residual = y - x @ beta[candidate]
    exact = 0.5 * (residual**2).mean() + lam * np.abs(beta).sum()
    assert value == pytest.approx(exact, rel=1e-9)


def test_any_start_leads_to_the_same_solution() -> None:
    _, cov = _model(10, 4)
    candidate = np.arange(10) != 0
    cold = _solve(cov, 0, candidate, np.full(10, 0.1))[2]
    rng = np.random.default_rng(0)
    for _ in range(20):
        start = rng.normal(size=10) * (rng.random(10) < 0.5)
        np.testing.assert_allclose(
            _solve(cov, 0, candidate, np.full(10, 0.1), start)[2], cold, atol=1e-9
        )


def test_columns_of_very_different_scale_are_solved_exactly() -> None:
    rng = np.random.default_rng(5)
    base = rng.normal(size=(300, 12))
    base[:, 6:] = base[:, :6] * 1000 + 1e-1 * rng.normal(size=(300, 6))
    cov = base.T @ base / 300
    assert np.linalg.cond(cov) > 1e8
    candidate = np.arange(12) != 7
    _, status, beta, _ = _solve(cov, 7, candidate, np.full(12, 0.1))
    assert status == 0
    assert _breach(cov, 7, candidate, np.full(12, 0.1), beta) < 1e-8


def test_an_exact_copy_does_not_enter_twice_and_nothing_hangs() -> None:
    _, cov = _model(5, 6)
    double = np.block([[cov, cov], [cov, cov]])
    candidate = ~np.isin(np.arange(10), (0, 5))
    _, status, beta, _ = _solve(double, 0, candidate, np.full(10, 0.05))
    alone = _solve(cov, 0, np.arange(5) != 0, np.full(5, 0.05))[2]
    assert status == 0
    np.testing.assert_allclose(beta[:5] + beta[5:], alone, atol=1e-9)


def test_a_coefficient_without_penalty_always_enters() -> None:
    _, cov = _model(5, 7)
    penalty = np.array([1e6, 0.0, 1e6, 1e6, 1e6])
    beta = _solve(cov, 0, np.arange(5) != 0, penalty)[2]
    assert (beta != 0).tolist() == [False, True, False, False, False]
    assert beta[1] == pytest.approx(cov[0, 1] / cov[1, 1])


def _given(cov: Any, order: Any, allowed: Any, lam: float) -> Any:
    penalty = np.full(cov.shape, lam)
    return lasso_given_order(cov, order, allowed, penalty, np.zeros_like(cov))


def test_only_allowed_predecessors_get_coefficients() -> None:
    _, cov = _model(7, 8)
    order = np.random.default_rng(0).permutation(7)
    allowed = np.random.default_rng(1).random((7, 7)) < 0.7
    beta, _, stopped = _given(cov, order, allowed, 0.01)
    place = np.argsort(order)
    for j, i in np.argwhere(beta != 0):
        assert place[i] < place[j] and allowed[j, i]
    assert stopped == 0


@pytest.mark.parametrize("seed", range(6))
def test_the_descent_is_exact_and_ends_near_the_best_order_of_all(seed: int) -> None:
    d, lam = 5, 0.1
    _, cov = _model(d, seed + 20)
    allowed = ~np.eye(d, dtype=bool)
    penalty = np.full((d, d), lam)
    exact = min(
        _given(cov, np.array(order), allowed, lam)[1].sum() for order in permutations(range(d))
    )
    found = []
    for start in range(8):
        order = np.random.default_rng(start).permutation(d)
        beta, objective, _ = _given(cov, order, allowed, lam)
        first = objective.sum()
        _, moves = refine_order(cov, order, FREE, allowed, penalty, beta, objective, 50, 1e-9, 10.0)
        again = _given(cov, order, allowed, lam)
        np.testing.assert_allclose(beta, again[0], atol=1e-9)
        np.testing.assert_allclose(objective, again[1], rtol=1e-9)
        assert objective.sum() < first or moves == 0
        found.append(objective.sum())
    assert min(found) == pytest.approx(exact, rel=1e-9)


def test_the_descent_finds_what_trying_every_position_finds() -> None:
    d, lam = 9, 0.05
    _, cov = _model(d, 31)
    allowed = np.random.default_rng(3).random((d, d)) < 0.8
    np.fill_diagonal(allowed, False)
    order = np.random.default_rng(2).permutation(d)
    beta, objective, _ = _given(cov, order, allowed, lam)
    refine_order(cov, order, FREE, allowed, np.full((d, d), lam), beta, objective, 50, 1e-12, 1e9)
    total = objective.sum()
    for p in range(d):
        rest = np.delete(order, p)
        for k in range(d):
            other = _given(cov, np.insert(rest, k, order[p]), allowed, lam)[1].sum()
            assert other >= total - 1e-9


def test_the_descent_respects_precedence() -> None:
    d = 8
    _, cov = _model(d, 9)
    before = np.zeros((d, d), dtype=bool)
    before[4:, :3] = True
    order = np.arange(d)[::-1].copy()
    allowed = ~np.eye(d, dtype=bool) & ~before.T.T
    beta, objective, _ = _given(cov, order, allowed, 0.1)
    refine_order(cov, order, before, allowed, np.full((d, d), 0.1), beta, objective, 50, 1e-9, 1.0)
    place = np.argsort(order)
    assert all(place[i] < place[j] for i, j in np.argwhere(before))
