"""Dirichlet-multinomial scores of a categorical node with each further parent."""

from __future__ import annotations

from math import lgamma

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def dirichlet_scores(
    codes: np.ndarray,
    n_levels: np.ndarray,
    y: int,
    config: np.ndarray,
    possible: float,
    sample_size: float,
) -> np.ndarray:
    """Return the log marginal likelihood of ``y`` given the base configuration and each node.

    Parameters
    ----------
    codes : ndarray of int, shape (d, n)
        Levels from 0 on.
    n_levels : ndarray of int, shape (d,)
    y : int
    config : ndarray of int, shape (n,)
        Configuration of the base parents, numbered from 0 without gaps.
    possible : float
        Number of configurations that are possible.
    sample_size : float

    Returns
    -------
    ndarray, shape (d,)
    """
    d, n = codes.shape
    out = np.zeros(d)
    used = 0
    for i in range(n):
        used = max(used, config[i] + 1)
    r = n_levels[y]
    for x in range(d):
        if x == y:
            continue
        m = n_levels[x]
        table = np.zeros((used * m, r), dtype=np.int64)
        for i in range(n):
            table[config[i] * m + codes[x, i], codes[y, i]] += 1
        a = sample_size / (possible * m)
        row, cell = lgamma(a), lgamma(a / r)
        score = 0.0
        for j in range(used * m):
            total = 0
            for k in range(r):
                count = table[j, k]
                total += count
                if count:
                    score += lgamma(a / r + count) - cell
            if total:
                score += row - lgamma(a + total)
        out[x] = score
    return out


@njit(cache=True, nogil=True)
def configurations(
    codes: np.ndarray, n_levels: np.ndarray, parents: np.ndarray
) -> tuple[np.ndarray, float]:
    """Number the configurations of the parents that occur, and count those that are possible."""
    n = codes.shape[1]
    config = np.zeros(n, dtype=np.int64)
    possible, used = 1.0, 1
    for p in parents:
        possible *= n_levels[p]
        for i in range(n):
            config[i] = config[i] * n_levels[p] + codes[p, i]
        number = np.full(used * n_levels[p], -1, dtype=np.int64)
        used = 0
        for i in range(n):
            if number[config[i]] < 0:
                number[config[i]] = used
                used += 1
            config[i] = number[config[i]]
    return config, possible


@njit(cache=True, nogil=True)
def dirichlet_score(
    codes: np.ndarray,
    n_levels: np.ndarray,
    y: int,
    config: np.ndarray,
    possible: float,
    sample_size: float,
) -> float:
    """Return the log marginal likelihood of ``y`` given a configuration."""
    r = n_levels[y]
    used = 0
    for i in range(len(config)):
        used = max(used, config[i] + 1)
    table = np.zeros((used, r), dtype=np.int64)
    for i in range(codes.shape[1]):
        table[config[i], codes[y, i]] += 1
    a = sample_size / possible
    row, cell = lgamma(a), lgamma(a / r)
    score = 0.0
    for j in range(table.shape[0]):
        total = 0
        for k in range(r):
            count = table[j, k]
            total += count
            if count:
                score += lgamma(a / r + count) - cell
        score += row - lgamma(a + total)
    return score
