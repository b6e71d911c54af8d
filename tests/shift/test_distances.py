"""MMD and CORAL: values by hand, level, power, invariances."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalimg.errors import InvalidInputError
from causalimg.shift import shift_test


def frames(
    seed: int, n: int, m: int, *, mean: float = 0.0, turn: float = 0.0
) -> list[pd.DataFrame]:
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(n, 3)), rng.normal(size=(m, 3)) + mean
    second[:, 1] = turn * second[:, 0] + np.sqrt(1 - turn**2) * second[:, 1]
    return [pd.DataFrame(part, columns=list("xyz")) for part in (first, second)]


def test_the_statistics_are_their_formulae() -> None:
    first, second = frames(0, 12, 9, mean=0.5)
    both = pd.concat([first, second])
    a, b = (((part - both.mean()) / both.std(ddof=0)).to_numpy() for part in (first, second))
    width = 1.3

    def k(u: np.ndarray, v: np.ndarray) -> float:
        return float(np.exp(-((u - v) ** 2).sum() / (2 * width**2)))

    within = [
        np.mean([k(u, v) for i, u in enumerate(part) for j, v in enumerate(part) if i != j])
        for part in (a, b)
    ]
    expected = sum(within) - 2 * np.mean([k(u, v) for u in a for v in b])
    found = shift_test(first, second, bandwidth=width, n_permutations=20)
    assert found.statistic == pytest.approx(expected)
    gap = np.cov(a.T) - np.cov(b.T)
    coral = shift_test(first, second, distance="coral", n_permutations=20)
    assert coral.statistic == pytest.approx((gap**2).sum() / 36)


@pytest.mark.parametrize("distance", ["mmd", "coral"])
def test_the_level_is_held(distance: str) -> None:
    p = [
        shift_test(*frames(seed, 30, 25), distance=distance, n_permutations=39).p
        for seed in range(120)
    ]
    assert np.mean(np.array(p) <= 0.05) < 0.12
    assert 0.4 < np.mean(p) < 0.6


def test_what_each_distance_sees() -> None:
    shifted = frames(1, 80, 80, mean=0.7)
    assert shift_test(*shifted).p < 0.01
    assert shift_test(*shifted, distance="coral").p > 0.05
    turned = frames(2, 150, 150, turn=0.8)
    assert shift_test(*turned, distance="coral").p < 0.01


def test_units_and_seeds() -> None:
    first, second = frames(3, 40, 40, mean=0.2)
    plain = shift_test(first, second, random_state=4)
    scaled = shift_test(first * 1e4 - 7, second * 1e4 - 7, random_state=4)
    assert scaled.statistic == pytest.approx(plain.statistic)
    assert scaled.p == plain.p == shift_test(first, second, random_state=4).p
    assert list(plain.to_frame()["p"]) == [plain.p]
    with pytest.raises(InvalidInputError, match="bandwidth must be above 0"):
        shift_test(first, second, bandwidth=0.0)
