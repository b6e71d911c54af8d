"""Coverage of the 95 % intervals for the population's mean effect, over simulated tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalimg.effects import AIPW, DifferenceInMeans


def draw(
    rng: np.random.Generator, n: int, kind: str, beta: np.ndarray
) -> tuple[pd.DataFrame, list[str]]:
    """One table with true mean effect 0.4 on every outcome, and a site with three levels."""
    z = rng.normal(size=(n, 3))
    site = rng.choice(3, n, p=[0.4, 0.35, 0.25])
    eta = 0.6 * z[:, 0] + 0.3 * z[:, 1] + 0.8 * (site == 1) - 0.3
    treated = rng.random(n) < 1 / (1 + np.exp(-eta))
    count = beta.shape[1]
    base = z @ beta + 0.5 * (site == 1)[:, None]
    effect = np.full((n, 1), 0.4)
    noise = rng.normal(size=(n, count))
    if kind != "linear":
        effect = effect + 0.4 * z[:, [0]]
    if kind == "nonlinear":
        base = base + 0.3 * z[:, [0]] * z[:, [1]] + 0.25 * z[:, [0]] ** 2
    if kind == "skewed":
        noise = rng.exponential(size=(n, count)) - 1.0
    frame = pd.DataFrame(z, columns=["a", "b", "c"])
    frame["site"] = np.array(["S1", "S2", "S3"])[site]
    frame["scanner"] = np.where(treated, "B", "A")
    names = [f"f{k}" for k in range(count)]
    return frame.join(pd.DataFrame(base + effect * treated[:, None] + noise, columns=names)), names


@pytest.mark.parametrize("kind", ["linear", "heterogeneous", "nonlinear", "skewed"])
@pytest.mark.parametrize("n", [100, 300])
def test_coverage(kind: str, n: int) -> None:
    rng = np.random.default_rng([n, len(kind)])
    beta = rng.normal(size=(3, 20)) * 0.5
    ours, naive = [], []
    for _ in range(40):
        frame, names = draw(rng, n, kind, beta)
        fit = AIPW(treatment="scanner", adjustment=["a", "b", "c", "site"])
        found = fit.fit(frame, names).effects_.frame
        ours.append(((found["ci_low"] < 0.4) & (found["ci_high"] > 0.4)).mean())
        plain = DifferenceInMeans(treatment="scanner").fit(frame, names).effects_.frame
        naive.append(((plain["ci_low"] < 0.4) & (plain["ci_high"] > 0.4)).mean())
    error = np.std(ours) / np.sqrt(len(ours))
    assert 0.94 - 3 * error < np.mean(ours) < 0.965 + 3 * error
    assert np.mean(naive) < np.mean(ours) - 0.1
