"""The scores as one compiled function, for searches that are compiled as a whole."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from causalimg.kernels.dirichlet import configurations, dirichlet_score, dirichlet_scores
from causalimg.kernels.gaussian_gains import block_gains, scalar_gains

SCALAR, BLOCKS, DIRICHLET = 0, 1, 2


class Score(NamedTuple):
    """What a compiled score works on.

    ``kind``: scalar or block Gaussian, or Dirichlet. ``corr``, ``starts``: correlations, and the
    first column of each node. ``codes``, ``n_levels``: categories. ``n``: rows. ``penalty``: of
    one parent (column). ``sample_size``: of the Dirichlet prior. ``most``: columns of parents (for
    Dirichlet, parents) that a node may have.
    """

    kind: int
    corr: np.ndarray
    starts: np.ndarray
    codes: np.ndarray
    n_levels: np.ndarray
    n: float
    penalty: float
    sample_size: float
    most: int


@njit(cache=True, nogil=True)
def _without(base: np.ndarray, k: int) -> np.ndarray:
    out = np.empty(len(base) - 1, dtype=np.int64)
    for j in range(len(out)):
        out[j] = base[j + (j >= k)]
    return out


@njit(cache=True, nogil=True)
def gains_of(score: Score, y: int, base: np.ndarray) -> np.ndarray:
    """Return what each node adds to ``y`` given the others in ``base`` (sorted), shape (d,)."""
    used = 0
    for k in base:
        used += score.starts[k + 1] - score.starts[k]
    if score.kind == SCALAR:
        out = scalar_gains(score.corr, y, base, score.n, score.penalty)
    elif score.kind == BLOCKS:
        out = block_gains(score.corr, score.starts, y, base, score.n, score.penalty)
        for k in range(len(base)):
            rest = _without(base, k)
            out[base[k]] = block_gains(score.corr, score.starts, y, rest, score.n, score.penalty)[
                base[k]
            ]
    else:
        config, possible = configurations(score.codes, score.n_levels, base)
        alone = dirichlet_score(score.codes, score.n_levels, y, config, possible, score.sample_size)
        out = dirichlet_scores(score.codes, score.n_levels, y, config, possible, score.sample_size)
        out -= alone + score.penalty
        for k in range(len(base)):
            rest = _without(base, k)
            config, possible = configurations(score.codes, score.n_levels, rest)
            less = dirichlet_score(
                score.codes, score.n_levels, y, config, possible, score.sample_size
            )
            out[base[k]] = alone - less - score.penalty
    inside = np.zeros(len(out), dtype=np.bool_)
    for k in base:
        inside[k] = True
    for x in range(len(out)):
        if not inside[x] and used + score.starts[x + 1] - score.starts[x] > score.most:
            out[x] = -np.inf
    out[y] = -np.inf
    return out
