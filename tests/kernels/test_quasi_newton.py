"""Batched quasi-Newton steps under L1 against the exact lasso, and alone against together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from causalimg.kernels import reference
from causalimg.kernels.lasso import lasso_given_order
from causalimg.kernels.quasi_newton import minimise


def _problems(n_batch: int, d: int) -> Any:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n_batch, 200, d)) @ rng.normal(size=(n_batch, d, d))
    return np.swapaxes(rows, 1, 2) @ rows / 200


def test_it_solves_the_lasso_of_every_node() -> None:
    cov = _problems(3, 6)
    free = np.triu(np.ones((6, 6)), 1)
    found = minimise(
        lambda w: reference.least_squares(w, cov), np.zeros((3, 6, 6)), np.full((6, 6), 0.2), free,
        tolerance=1e-13, max_ticks=5000,
    )  # fmt: skip
    assert found.converged.all()
    for k in range(3):
        exact, value, _ = lasso_given_order(
            cov[k], np.arange(6), free.T > 0, np.full((6, 6), 0.2), np.zeros((6, 6))
        )
        assert found.value[k] == pytest.approx(value.sum(), rel=1e-9)
        np.testing.assert_allclose(found.point[k], exact.T, atol=1e-4)


def test_a_batch_does_what_its_problems_do_alone() -> None:
    cov = _problems(4, 5)
    free = 1.0 - np.eye(5)

    def run(part: Any) -> Any:
        return minimise(
            lambda w: _with_constraint(w, part), np.zeros_like(part), np.full((5, 5), 0.1), free,
            tolerance=1e-8,
        )  # fmt: skip

    together = run(cov)
    for k in range(4):
        alone = run(cov[k : k + 1])
        np.testing.assert_allclose(together.value[k], alone.value[0], rtol=1e-6)


def _with_constraint(weights: Any, cov: Any) -> Any:
    value, slope = reference.least_squares(weights, cov)
    h, bend = reference.logdet(weights, 1.0)
    return 0.1 * value + h, 0.1 * slope + bend


def test_frozen_problems_stay_where_they_are() -> None:
    cov = _problems(2, 4)
    start = np.full((2, 4, 4), 0.01) * (1 - np.eye(4))
    found = minimise(
        lambda w: reference.least_squares(w, cov), start, np.zeros((4, 4)), 1 - np.eye(4),
        frozen=np.array([True, False]),
    )  # fmt: skip
    np.testing.assert_array_equal(found.point[0], start[0])
    assert not np.array_equal(found.point[1], start[1])


def test_the_limit_of_evaluations_is_kept_and_said() -> None:
    cov = _problems(1, 6)
    found = minimise(
        lambda w: reference.least_squares(w, cov), np.zeros((1, 6, 6)), np.zeros((6, 6)),
        1 - np.eye(6), tolerance=0.0, max_ticks=7,
    )  # fmt: skip
    assert found.ticks == 7 and not found.converged.any()
