"""False discovery rate and simultaneous tests."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from causalimg.effects.multiplicity import Multipliers, fdr_adjust, step_down
from causalimg.errors import InvalidInputError


@pytest.mark.parametrize("method", ["bh", "by"])
def test_fdr_agrees_with_scipy(method: str) -> None:
    p = np.random.default_rng(0).random(200) ** 2
    np.testing.assert_allclose(
        fdr_adjust(p, method), stats.false_discovery_control(p, method=method)
    )


def test_fdr_passes_missing_tests_by() -> None:
    p = np.array([0.01, np.nan, 0.04, 0.03])
    found = fdr_adjust(p)
    assert np.isnan(found[1])
    np.testing.assert_allclose(found[[0, 2, 3]], fdr_adjust([0.01, 0.04, 0.03]))
    assert np.isnan(fdr_adjust([np.nan])).all()
    with pytest.raises(InvalidInputError, match="did you mean 'bh'"):
        fdr_adjust(p, "bhx")


def test_draws_have_the_correlation_of_the_influences() -> None:
    rng = np.random.default_rng(1)
    influence = rng.normal(size=(400, 3)) @ np.array([[1, 0.8, 0], [0, 0.6, 0], [0, 0, 5.0]])
    seed = np.random.SeedSequence(0)
    multipliers = Multipliers.drawn(400, n_draws=20_000, seed=seed)
    draws = multipliers.studentised(lambda columns: influence[:, columns], 3)
    uncentred = influence.T @ influence
    scale = np.sqrt(np.diag(uncentred))
    np.testing.assert_allclose(np.cov(draws), uncentred / np.outer(scale, scale), atol=0.04)
    many = np.tile(influence, (1, 100))
    repeated = multipliers.studentised(lambda columns: many[:, columns], 300)
    np.testing.assert_allclose(repeated, np.tile(draws, (100, 1)), atol=1e-10)
    some = np.arange(400) % 3 > 0
    part = multipliers.studentised(lambda columns: influence[some][:, columns], 3, rows=some)
    hidden = influence * some[:, None]
    whole = multipliers.studentised(lambda columns: hidden[:, columns], 3)
    np.testing.assert_allclose(part, whole, atol=1e-10)


def test_draws_by_cluster() -> None:
    rng = np.random.default_rng(2)
    cluster = np.repeat(np.arange(100), 4)
    influence = np.repeat(rng.normal(size=(100, 2)), 4, axis=0)
    multipliers = Multipliers.drawn(
        400, n_draws=20_000, seed=np.random.SeedSequence(0), cluster=cluster
    )
    draws = multipliers.studentised(lambda columns: influence[:, columns], 2)
    np.testing.assert_allclose(draws.std(axis=1), 1.0, atol=0.03)


def test_step_down_by_hand() -> None:
    draws = np.array([[1.0, 2.0, 0.0], [4.0, 1.0, 0.0], [0.0, 0.0, 3.0]])
    found = step_down(np.array([5.0, 2.0, np.nan]), draws)
    # first test: 0 of 3 maxima (4, 2, 0) reach 5; second alone: 1 of 3 draws (4, 1, 0) reaches 2
    np.testing.assert_allclose(found[:2], [1 / 4, 2 / 4])
    assert np.isnan(found[2])
    assert np.isnan(step_down(np.array([np.nan]), draws[:, :1])).all()


def test_step_down_holds_the_familywise_level() -> None:
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(300):
        draws = rng.normal(size=(20, 500))
        statistic = rng.normal(size=20)
        statistic[:5] += 8.0
        found = step_down(statistic, draws)
        assert (found[:5] <= 0.05).all()
        wrong += bool((found[5:] <= 0.05).any())
    assert wrong / 300 < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)
