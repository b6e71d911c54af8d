"""The equivalence test as functions on arrays."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from causalimg.invariance.equivalence import equivalence_p, n_to_certify, n_to_detect


def test_p_is_the_larger_of_two_one_sided_tests() -> None:
    rng = np.random.default_rng(0)
    effect, se = rng.normal(size=50) * 0.3, rng.uniform(0.05, 0.2, 50)
    df = rng.uniform(5, 200, 50)
    low = stats.t.sf((effect + 0.4) / se, df)
    high = stats.t.cdf((effect - 0.4) / se, df)
    found = equivalence_p(effect, se, df, 0.4)
    np.testing.assert_allclose(found, np.maximum(low, high), rtol=1e-9)


def test_p_is_below_alpha_when_the_interval_lies_inside() -> None:
    effect, se, df = np.array([0.05, 0.3]), np.array([0.08, 0.08]), np.array([100.0, 100.0])
    half = stats.t.ppf(0.95, df) * se
    inside = (effect + half < 0.2) & (effect - half > -0.2)
    np.testing.assert_array_equal(equivalence_p(effect, se, df, 0.2) < 0.05, inside)


@pytest.mark.parametrize("effect", [0.0, 0.01, -0.05, 0.15])
def test_n_to_certify_gives_power_080(effect: float) -> None:
    n = n_to_certify(np.array([effect]), np.array([0.1]), np.array([400.0]), 0.2, 0.05)[0]
    se = 0.1 * np.sqrt(400 / n)
    rng = np.random.default_rng(1)
    drawn = rng.normal(effect, se, 40_000)
    p = equivalence_p(drawn, np.full(40_000, se), np.full(40_000, 1e9), 0.2)
    assert (p < 0.05).mean() == pytest.approx(0.80, abs=0.01)
    outside = n_to_certify(np.array([0.3]), np.array([0.1]), np.array([400.0]), 0.2, 0.05)
    assert np.isinf(outside[0])


def test_n_to_detect_gives_power_080() -> None:
    n = n_to_detect(np.array([0.3]), np.array([0.2]), np.array([100.0]), 0.05)[0]
    se = 0.2 * np.sqrt(100 / n)
    drawn = np.random.default_rng(2).normal(0.3, se, 20_000)
    assert (np.abs(drawn / se) > 1.96).mean() == pytest.approx(0.80, abs=0.02)
    assert np.isinf(n_to_detect(np.array([0.0]), np.array([0.1]), np.array([9.0]), 0.05)[0])
