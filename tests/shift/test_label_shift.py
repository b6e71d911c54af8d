"""Label shares from predictions alone."""

from __future__ import annotations

import numpy as np
import pytest

from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError
from causalimg.shift import label_shift_weights


def predictions(seed: int, shares: list[float], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels with the given shares, and what an imperfect model says of them."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(len(shares), n, p=shares)
    says = np.array([[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.05, 0.25, 0.7]])
    said = (rng.random(n)[:, None] > says[truth].cumsum(axis=1)).sum(axis=1)
    return truth, said


def test_the_shares_are_found_where_counting_predictions_is_wrong() -> None:
    truth, said = predictions(0, [0.6, 0.3, 0.1], 4000)
    later_truth, later = predictions(1, [0.1, 0.2, 0.7], 4000)
    found = label_shift_weights(truth, said, later)
    real = np.bincount(later_truth) / 4000
    share = found.to_frame()["target_share"].to_numpy()
    counted = np.bincount(later) / 4000
    assert np.abs(counted - real).max() > 0.1
    assert np.abs(share - real).max() < 0.04
    table = found.to_frame()
    assert (table["ci_low"] <= real).all() and (real <= table["ci_high"]).all()
    weights = found.weights(truth)
    assert abs(weights[truth == 2].sum() / 4000 - real[2]) < 0.04
    assert weights.mean() == pytest.approx(1.0)


def test_the_interval_covers() -> None:
    inside = 0
    for seed in range(60):
        truth, said = predictions(seed, [0.5, 0.3, 0.2], 300)
        _, later = predictions(1000 + seed, [0.2, 0.3, 0.5], 300)
        table = label_shift_weights(truth, said, later, n_bootstrap=200).to_frame()
        inside += int(table["ci_low"][2] <= 0.5 <= table["ci_high"][2])
    assert 52 <= inside <= 60


def test_a_model_that_tells_nothing_is_refused() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 4000)
    with pytest.raises(NotEstimableError, match="hardly tells the labels apart"):
        label_shift_weights(truth, np.zeros(4000, int), np.zeros(100, int))


def test_refusals_and_notes() -> None:
    with pytest.raises(InvalidInputError, match="predicts 'x', which no case"):
        label_shift_weights(["a", "b"], ["a", "x"], ["a"])
    with pytest.raises(InvalidInputError, match="must be equal"):
        label_shift_weights(["a", "b"], ["a"], ["a"])
    found = label_shift_weights([0] * 9 + [1] * 9, [0] * 7 + [1] * 11, [0, 0, 0, 0])
    assert found.notes and "set to 0" in found.notes[0]
    assert found.to_frame()["target_share"].tolist() == [1.0, 0.0]
    with pytest.raises(UnknownNameError, match="no label '2'"):
        found.weights([2])
