"""Losses and acyclicity: values against independent code, gradients against differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm

from causalimg.kernels import reference as kernels

Function = Callable[[Any], tuple[Any, Any]]


def _cov(n_batch: int, d: int, rng: np.random.Generator) -> Any:
    rows = rng.normal(size=(n_batch, 80, d)) @ rng.normal(size=(n_batch, d, d))
    return np.swapaxes(rows, 1, 2) @ rows / 80


def _functions(rng: np.random.Generator) -> dict[str, Function]:
    cov = _cov(3, 6, rng)
    data = (rng.random((50, 6)) < 0.5).astype(float)
    rows = rng.dirichlet(np.ones(50), size=3)
    return {
        "least_squares": lambda w: kernels.least_squares(w, cov),
        "logistic": lambda w: kernels.logistic(w, data),
        "weighted logistic": lambda w: kernels.logistic(w, data, rows),
        "golem equal": lambda w: kernels.golem(w, cov, equal_variance=True),
        "golem unequal": lambda w: kernels.golem(w, cov, equal_variance=False),
        "exponential": kernels.exponential,
        "squaring": kernels.squaring,
        "logdet": lambda w: kernels.logdet(w, 1.3),
    }


@pytest.mark.parametrize("name", list(_functions(np.random.default_rng(0))))
def test_gradients_equal_finite_differences(name: str) -> None:
    rng = np.random.default_rng(1)
    function = _functions(rng)[name]
    weights = 0.25 * rng.normal(size=(3, 6, 6))
    slope = function(weights)[1]
    for _ in range(5):
        step = rng.normal(size=weights.shape)
        ahead, behind = (function(weights + e * step)[0] for e in (1e-6, -1e-6))
        np.testing.assert_allclose((ahead - behind) / 2e-6, (slope * step).sum((1, 2)), rtol=1e-5)


@pytest.mark.parametrize("name", list(_functions(np.random.default_rng(0))))
def test_a_batch_gives_what_its_problems_give_alone(name: str) -> None:
    if name == "weighted logistic":
        pytest.skip("its row weights belong to the batch")
    rng = np.random.default_rng(2)
    function = _functions(rng)[name]
    weights = 0.2 * rng.normal(size=(3, 6, 6))
    same = np.repeat(weights[:1], 3, axis=0)
    for mixed, alone in zip(function(weights), function(same), strict=True):
        np.testing.assert_allclose(mixed[0], alone[0], rtol=1e-12)


def test_least_squares_equals_the_loss_of_the_rows() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(70, 5))
    weights = rng.normal(size=(5, 5))
    value, slope = kernels.least_squares(weights[None], (rows.T @ rows / 70)[None])
    residual = rows - rows @ weights
    np.testing.assert_allclose(value[0], 0.5 / 70 * (residual**2).sum())
    np.testing.assert_allclose(slope[0], -rows.T @ residual / 70)


@pytest.mark.parametrize("size", [0.01, 0.5, 2.0])
def test_the_exponential_is_the_published_constraint(size: float) -> None:
    weights = size * np.random.default_rng(4).normal(size=(1, 7, 7))
    power = expm(weights[0] ** 2)
    value, slope = kernels.exponential(weights)
    np.testing.assert_allclose(value[0], np.trace(power) - 7, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(slope[0], power.T * 2 * weights[0], rtol=1e-10)


@pytest.mark.parametrize("name", ["exponential", "squaring", "logdet"])
@pytest.mark.parametrize("d", [2, 3, 8, 9])
def test_acyclicity_is_zero_exactly_without_cycles(name: str, d: int) -> None:
    rng = np.random.default_rng(5)
    order = rng.permutation(d)
    acyclic = np.triu(rng.uniform(0.1, 0.6, (d, d)), 1)[np.ix_(order, order)]
    ring = np.zeros((d, d))
    ring[np.arange(d), np.arange(1, d + 1) % d] = 0.9
    value = getattr(kernels, name)(np.stack([acyclic, ring]))[0]
    assert abs(value[0]) < 1e-12
    assert value[1] > 1e-8


def test_squaring_equals_the_power_of_the_matrix() -> None:
    weights = np.random.default_rng(6).normal(size=(1, 6, 6))
    power = np.linalg.matrix_power(np.eye(6) + weights[0] ** 2 / 8, 8)
    np.testing.assert_allclose(kernels.squaring(weights)[0][0], np.trace(power) - 6)


def test_the_log_determinant_is_infinite_outside_the_m_matrices() -> None:
    inside = np.array([[0.0, 0.5], [0.5, 0.0]])
    for outside in (3 * inside, np.array([[0.0, 1.0], [1.0, 0.0]])):
        value, slope = kernels.logdet(np.stack([inside, outside]))
        assert np.isfinite(value[0]) and np.isinf(value[1])
        assert np.isfinite(slope).all()


def test_the_equal_variance_likelihood_is_the_gaussian_one() -> None:
    rng = np.random.default_rng(7)
    cov = _cov(1, 4, rng)
    weights = np.triu(rng.normal(size=(4, 4)), 1)[None]
    rest = np.eye(4) - weights[0]
    residual = rest.T @ cov[0] @ rest
    for equal, noise in (
        (True, np.full(4, np.trace(residual) / 4)),
        (False, np.diag(residual)),
    ):
        sigma = np.linalg.inv(rest).T @ np.diag(noise) @ np.linalg.inv(rest)
        exact = 0.5 * (np.linalg.slogdet(sigma)[1] + np.trace(np.linalg.solve(sigma, cov[0])))
        got = kernels.golem(weights, cov, equal_variance=equal)[0][0]
        constant = 2.0 - (2.0 * np.log(4) if equal else 0.0)
        np.testing.assert_allclose(got + constant, exact)


def test_the_steps_agree_with_their_definitions() -> None:
    values = np.array([[[-2.0, -0.5, 0.0, 0.5, 2.0]]])
    assert kernels.soft_threshold(values, 1.0).tolist() == [[[-1.0, 0.0, 0.0, 0.0, 1.0]]]
    slope = np.full_like(values, 0.25)
    got = kernels.pseudo_gradient(values, slope, 1.0)
    assert got.tolist() == [[[-0.75, -0.75, 0.0, 1.25, 1.25]]]
    moved = kernels.orthant_step(values, got, -got, np.array([[[1.0]]]))
    assert moved.tolist() == [[[-1.25, 0.0, 0.0, 0.0, 0.75]]]


def test_reweighted_covariances_are_those_of_the_repeated_rows() -> None:
    rng = np.random.default_rng(8)
    rows = rng.normal(size=(30, 4)) + 100
    picks = rng.integers(0, 30, size=(5, 30))
    counts = np.stack([np.bincount(p, minlength=30) for p in picks]).astype(float)
    mean, cov = kernels.weighted_covariances(rows, counts)
    for k, pick in enumerate(picks):
        np.testing.assert_allclose(mean[k], rows[pick].mean(axis=0))
        np.testing.assert_allclose(cov[k], np.cov(rows[pick].T, bias=True), atol=1e-12)
