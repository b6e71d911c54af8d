"""The order search against fresh Cholesky factors and against every order there is."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest

from causalimg.kernels import order_search as kernel

FREE = np.zeros((0, 0), dtype=bool)


def random_cov(d: int, seed: int) -> Any:
    """A covariance of columns of very different scale."""
    rng = np.random.default_rng(seed)
    mix = np.triu(rng.normal(size=(d, d)), 1) / np.sqrt(d) + np.diag(rng.uniform(0.3, 5.0, d))
    rows = rng.normal(size=(10 * d, d)) @ mix[:, rng.permutation(d)]
    return rows.T @ rows / (10 * d)


def score(cov: Any, order: Any) -> float:
    """Sum of the residual variances of a full regression on the predecessors."""
    return float((np.diag(np.linalg.cholesky(cov[np.ix_(order, order)])) ** 2).sum())


def visits(d: int, seed: int = 0, sweeps: int = 50) -> Any:
    rng = np.random.default_rng(seed)
    return rng.permuted(np.tile(np.arange(d), (sweeps, 1)), axis=1)


def test_the_combined_factor_holds_the_factor_and_its_inverse() -> None:
    cov = random_cov(6, 0)
    order = np.array([3, 1, 5, 0, 2, 4])
    factor = kernel.combined_factor(cov, order)[:, order]
    lower = np.linalg.cholesky(cov[np.ix_(order, order)])
    np.testing.assert_allclose(np.triu(factor), np.triu(lower.T), rtol=1e-10)
    np.testing.assert_allclose(
        np.tril(factor, -1), np.tril(np.linalg.inv(lower), -1), rtol=1e-7, atol=1e-10
    )


@pytest.mark.parametrize("seed", range(4))
def test_every_position_of_every_node_is_scored_as_afresh(seed: int) -> None:
    d = 7
    cov = random_cov(d, seed)
    order = np.random.default_rng(seed).permutation(d)
    factor = kernel.combined_factor(cov, order)
    now = score(cov, order)
    for p in range(d):
        rest = np.delete(order, p)
        found = [score(cov, np.insert(rest, k, order[p])) - now for k in range(d)]
        for k in range(d):
            # the search over one position only, or over it and the present one
            low, high = min(k, p), max(k, p)
            best, where = kernel._best_position(factor, order, p, low, high)
            part = found[low : high + 1]
            assert best == pytest.approx(min(*part, 0.0), rel=1e-6, abs=1e-8 * now)
            if min(part) < -1e-6 * now:
                assert where == low + int(np.argmin(part))


@pytest.mark.parametrize("d", [2, 5, 30])
def test_the_end_is_a_local_optimum_and_its_score_is_exact(d: int) -> None:
    cov = random_cov(d, d)
    order, value, sweeps, moves = kernel.search_order(
        cov, np.arange(d)[::-1].copy(), FREE, visits(d), 1e-9
    )
    assert sorted(order) == list(range(d))
    assert value == pytest.approx(score(cov, order), rel=1e-9)
    assert sweeps < 50 and moves >= 0
    for p in range(d):
        rest = np.delete(order, p)
        for k in range(d):
            assert score(cov, np.insert(rest, k, order[p])) >= value * (1 - 1e-8)


@pytest.mark.parametrize("seed", range(5))
def test_several_starts_find_the_best_order_of_all(seed: int) -> None:
    d = 5
    cov = random_cov(d, seed + 50)
    exact = min(score(cov, list(order)) for order in permutations(range(d)))
    rng = np.random.default_rng(seed)
    starts = [kernel.min_pivot_order(cov, FREE), *(rng.permutation(d) for _ in range(10))]
    found = min(kernel.search_order(cov, s, FREE, visits(d), 1e-9)[1] for s in starts)
    assert found == pytest.approx(exact, rel=1e-9)


def test_precedence_is_kept_at_every_end() -> None:
    d = 8
    before = np.zeros((d, d), dtype=bool)
    before[:3, 5:] = True
    before[5, 7] = True
    for seed in range(5):
        cov = random_cov(d, seed)
        orders = [
            kernel.min_pivot_order(cov, before),
            kernel.search_order(cov, np.arange(d), before, visits(d), 1e-9)[0],
        ]
        for order in orders:
            place = np.argsort(order)
            assert all(place[i] < place[j] for i, j in np.argwhere(before))


def test_the_min_pivot_order_takes_the_least_conditional_variance() -> None:
    cov = random_cov(6, 3)
    order = list(kernel.min_pivot_order(cov, FREE))
    for k in range(6):
        done = order[:k]
        left = {}
        for j in set(range(6)) - set(done):
            solved = np.linalg.solve(cov[np.ix_(done, done)], cov[done, j]) if done else 0.0
            left[j] = cov[j, j] - (cov[done, j] @ solved if done else 0.0)
        assert order[k] == min(left, key=lambda j: left[j])
