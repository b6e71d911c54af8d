"""Simulated tables of several environments with known direct causes, shared by these tests."""

from __future__ import annotations

import numpy as np


def linear_arrays(
    seed: int, *, n: int = 200, environments: int = 2, p: int = 5, noise: str = "normal"
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[int]]:
    """Sample a random linear structural model; interventions move everything but the outcome.

    Returns
    -------
    x : ndarray of shape (n * environments, p)
    y : ndarray of shape (n * environments,)
    codes : ndarray of int
    parents : list of int
        Columns of x that are direct causes of y.
    """
    rng = np.random.default_rng(seed)
    d = p + 1
    order = rng.permutation(d)
    weights = np.zeros((d, d))
    for a in range(d):
        for b in range(a + 1, d):
            if rng.random() < 0.45:
                weights[order[a], order[b]] = rng.uniform(0.5, 1.2) * rng.choice([-1.0, 1.0])
    target = int(rng.integers(d))
    parts = []
    for e in range(environments):
        error = rng.normal(size=(n, d)) if noise == "normal" else rng.standard_t(4, (n, d))
        moved = (rng.random(d) < 0.6) & (np.arange(d) != target) & (e > 0)
        shift, spread = rng.uniform(-2, 2, d), rng.uniform(0, 1.5, d)
        error = error + moved * (shift + spread * rng.normal(size=(n, d)))
        out = np.zeros((n, d))
        for k in order:
            out[:, k] = out @ weights[:, k] + error[:, k]
        parts.append(out)
    values = np.vstack(parts)
    others = [k for k in range(d) if k != target]
    parents = [j for j, k in enumerate(others) if weights[k, target] != 0]
    return values[:, others], values[:, target], np.repeat(np.arange(environments), n), parents


def outcome_arrays(
    seed: int, family: str, *, n: int = 300, environments: int = 3
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns 0 and 1 of x are the direct causes of y, column 2 is its effect, column 3 noise.

    ``smooth`` is a continuous outcome that is not linear.
    """
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(environments), n)
    x = rng.normal(size=(len(codes), 4))
    x[:, 0] += codes - 1.0
    x[:, 1] -= 1.2 * (codes == 1)
    eta = 0.8 * x[:, 0] - 0.7 * x[:, 1]
    if family == "binomial":
        y = (rng.random(len(codes)) < 1 / (1 + np.exp(-eta))).astype(float)
    elif family == "poisson":
        y = rng.poisson(np.exp(0.6 * eta) * rng.gamma(3, 1 / 3, len(codes))).astype(float)
    elif family == "smooth":
        y = np.sin(1.5 * x[:, 0]) + 0.5 * x[:, 1] ** 2 + 0.5 * rng.normal(size=len(codes))
    else:
        y = eta + rng.normal(size=len(codes))
    x[:, 2] = 1.2 * y + rng.normal(size=len(codes)) + (codes == 2) + 0.5 * x[:, 0]
    return x, y, codes


def hidden_arrays(
    seed: int, *, n: int = 500, environments: int = 3
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A hidden confounder of everything; coefficients of y are 0.8, -0.5, 0, 0 (the last array)."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(environments), n)
    shift = 1.5 * rng.normal(size=(environments, 4))
    spread = rng.uniform(0, 2, (environments, 4)) * (np.arange(environments) > 0)[:, None]
    hidden = rng.normal(size=len(codes))
    noise = rng.normal(size=(len(codes), 4)) + shift[codes]
    noise = noise + spread[codes] * rng.normal(size=noise.shape)
    x = np.empty_like(noise)
    x[:, 0] = noise[:, 0] + hidden
    x[:, 1] = noise[:, 1] + 0.5 * x[:, 0] - hidden
    y = 0.8 * x[:, 0] - 0.5 * x[:, 1] + 1.5 * hidden + rng.normal(size=len(codes))
    x[:, 2] = noise[:, 2] + 0.7 * y
    x[:, 3] = noise[:, 3] + hidden
    return x, y, codes, np.array([0.8, -0.5, 0.0, 0.0])
