"""Leverage-corrected variances: against plain matrix formulas, and with few clusters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from effect_tables import ADJUSTMENT, confounded_table

from causalimg.effects import AIPW, DML, GComputation
from causalimg.effects.leverage import cluster_sums, corrected_weights, residual_df


def regression(seed: int, n: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    hat = np.linalg.solve(x.T @ x, x.T)
    return x, hat, hat[1]


def by_hand(
    x: np.ndarray, hat: np.ndarray, weights: np.ndarray, cluster: np.ndarray
) -> tuple[np.ndarray, float]:
    """Bell and McCaffrey's correction and degrees of freedom from the full matrices."""
    n = len(x)
    left = np.eye(n) - x @ hat
    spread = left @ left.T
    corrected = np.zeros(n)
    rows = []
    for k in np.unique(cluster):
        inside = np.flatnonzero(cluster == k)
        value, vector = np.linalg.eigh(spread[np.ix_(inside, inside)])
        root = vector @ np.diag(1 / np.sqrt(value)) @ vector.T
        corrected[inside] = root @ weights[inside]
        rows.append(left[inside].T @ corrected[inside])
    form = np.array(rows) @ np.array(rows).T
    return corrected, float(np.trace(form) ** 2 / (form**2).sum())


@pytest.mark.parametrize("size", [1, 3, 8])
def test_corrections_by_hand(size: int) -> None:
    x, hat, weights = regression(size)
    cluster = np.random.default_rng(1).permutation(np.arange(40) // size)
    expected, df = by_hand(x, hat, weights, cluster)
    corrected, full = corrected_weights(x, hat, weights, cluster)
    np.testing.assert_allclose(corrected, expected, atol=1e-10)
    assert not full.any()
    assert residual_df(x, hat, corrected, cluster) == pytest.approx(df)
    if size == 1:
        np.testing.assert_allclose(corrected_weights(x, hat, weights)[0], expected, atol=1e-10)
        assert residual_df(x, hat, expected) == pytest.approx(df)


def test_a_projection_that_is_not_symmetric() -> None:
    """Weighted least squares, whose hat matrix is oblique."""
    x, _, _ = regression(4)
    w = np.random.default_rng(2).uniform(0.2, 2.0, 40)
    hat = np.linalg.solve((x * w[:, None]).T @ x, (x * w[:, None]).T)
    cluster = np.arange(40) // 5
    expected, df = by_hand(x, hat, hat[2], cluster)
    corrected = corrected_weights(x, hat, hat[2], cluster)[0]
    np.testing.assert_allclose(corrected, expected, atol=1e-10)
    assert residual_df(x, hat, corrected, cluster) == pytest.approx(df)


def test_variance_is_unbiased_for_equal_errors() -> None:
    """The mean of the estimated variance over simulated errors is the true variance."""
    x, hat, weights = regression(5, n=24)
    cluster = np.arange(24) // 6
    corrected = corrected_weights(x, hat, weights, cluster)[0]
    errors = np.random.default_rng(3).normal(size=(24, 20_000))
    residual = errors - x @ (hat @ errors)
    found = (cluster_sums(corrected[:, None] * residual, cluster) ** 2).sum(axis=0)
    assert found.mean() == pytest.approx(float(weights @ weights), rel=0.02)
    df = residual_df(x, hat, corrected, cluster)
    assert 2 * found.mean() ** 2 / found.var() == pytest.approx(df, rel=0.06)


@pytest.mark.parametrize("estimator", [AIPW, DML, GComputation])
def test_coverage_with_twelve_clusters(estimator: type[AIPW]) -> None:
    """Sites have a scanner each; with plain errors an interval in three would miss."""
    inside, plain = [], []
    names = [f"f{k}" for k in range(15)]
    for seed in range(60):
        rng = np.random.default_rng(seed)
        site = np.arange(180) % 12
        age = rng.normal(size=180)
        b = (rng.permutation(12) < 6)[site]
        y = 0.5 * age[:, None] + 0.5 * rng.normal(size=(12, 15))[site] + rng.normal(size=(180, 15))
        frame = pd.DataFrame(y, columns=names).assign(age=age, site=site)
        frame["scanner"] = np.where(b, "B", "A")
        for cluster, kept in (("site", inside), (None, plain)):
            fit = estimator(treatment="scanner", adjustment=["age"], cluster=cluster)
            rows = fit.fit(frame, names).effects_.frame
            kept.append(((rows["ci_low"] < 0) & (rows["ci_high"] > 0)).mean())
    error = np.std(inside) / np.sqrt(60)
    assert abs(np.mean(inside) - 0.95) < 3 * error + 0.01
    assert np.mean(plain) < 0.8


def test_row_order_does_not_matter_with_clusters() -> None:
    frame, names = confounded_table(3)
    frame["ward"] = np.arange(len(frame)) % 40
    fit = AIPW(treatment="scanner", adjustment=ADJUSTMENT, cluster="ward")
    first = fit.fit(frame, names).contrast_frame()
    second = fit.fit(frame.sample(frac=1, random_state=0), names).contrast_frame()
    for column in ("estimate", "se", "df"):
        np.testing.assert_allclose(first[column], second[column], rtol=1e-6)
