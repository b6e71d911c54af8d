"""Regressions on many feature subsets at once, from one Gram matrix per environment."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalimg.invariance.environments import EnvironmentData

Array = NDArray[np.float64]
Sets = NDArray[np.intp]

_RANK = 1e-9


def subsets(d: int, size: int) -> Sets:
    """Return every subset of ``size`` out of ``d`` positions, shape (n_sets, size).

    Examples
    --------
    >>> subsets(3, 2).tolist()
    [[0, 1], [0, 2], [1, 2]]
    """
    found = list(itertools.combinations(range(d), size))
    return np.array(found, dtype=np.intp).reshape(len(found), size)


@dataclass(frozen=True, eq=False)
class Regressions:
    """Least squares on a batch of subsets of one size, each with an intercept.

    Parameters
    ----------
    coef : ndarray of shape (n_sets, size + 1)
        Intercept first; in standardised units.
    rss : ndarray of shape (n_sets,)
    variance : ndarray of shape (n_sets, size + 1)
        Diagonal of the inverse Gram matrix.
    rank : ndarray of shape (n_sets,)
    """

    coef: Array
    rss: Array
    variance: Array
    rank: Array


@dataclass(frozen=True, eq=False)
class Grams:
    """Cross products of (1, features) and outcome, per environment, in standardised units.

    Parameters
    ----------
    gram : ndarray of shape (n_environments, d + 1, d + 1)
    cross : ndarray of shape (n_environments, d + 1)
    square : ndarray of shape (n_environments,)
        Sum of the squared outcome.
    n : ndarray of shape (n_environments,)
    scale : ndarray of shape (d,)
        Pooled standard deviation of each feature.
    y_scale : float
    full_rank : bool
        Whether no subset is collinear, in any environment.
    """

    gram: Array
    cross: Array
    square: Array
    n: Array
    scale: Array
    y_scale: float
    full_rank: bool

    @classmethod
    def of(cls, data: EnvironmentData) -> Grams:
        """Compute them; columns are centred and scaled by their pooled moments first."""
        z, y, scale, y_scale = standardised(data)
        count = len(data.levels)
        grams = np.empty((count, z.shape[1], z.shape[1]))
        cross = np.empty((count, z.shape[1]))
        square = np.empty(count)
        for e in range(count):
            rows = data.codes == e
            part, out = z[rows], y[rows]
            grams[e], cross[e], square[e] = part.T @ part, part.T @ out, out @ out
        n = data.counts.astype(np.float64)
        smallest = np.linalg.eigvalsh(grams)[:, 0]
        return cls(grams, cross, square, n, scale, y_scale, bool((smallest > _RANK * n).all()))

    def pooled(self) -> Grams:
        """Return the same with every row in one environment."""
        return Grams(
            self.gram.sum(axis=0, keepdims=True),
            self.cross.sum(axis=0, keepdims=True),
            self.square.sum(keepdims=True),
            self.n.sum(keepdims=True),
            self.scale,
            self.y_scale,
            self.full_rank,
        )

    def regress(self, sets: Sets, environment: int) -> Regressions:
        """Regress the outcome on each subset within one environment."""
        at = with_intercept(sets)
        gram = self.gram[environment][at[:, :, None], at[:, None, :]]
        cross = self.cross[environment][at]
        if self.full_rank:
            inverse = np.linalg.inv(gram)
            rank = np.full(len(at), float(at.shape[1]))
        else:
            limit = _RANK * at.shape[1]
            inverse = np.linalg.pinv(gram, rcond=limit, hermitian=True)
            largest = np.linalg.eigvalsh(gram)
            rank = (largest > limit * largest[:, -1:]).sum(axis=1).astype(np.float64)
        coef = np.einsum("mij,mj->mi", inverse, cross)
        rss = self.square[environment] - np.einsum("mi,mi->m", cross, coef)
        # rounding can leave a perfect fit a little below zero
        rss = np.maximum(rss, 1e-14 * self.square[environment])
        return Regressions(coef, rss, np.einsum("mii->mi", inverse), rank)


def with_intercept(sets: Sets) -> Sets:
    """Return the positions of the intercept and of the features in a Gram matrix."""
    return np.hstack([np.zeros((len(sets), 1), dtype=np.intp), sets + 1])


def standardised(data: EnvironmentData) -> tuple[Array, Array, Array, float]:
    """Return (1, features) and outcome in units of their pooled standard deviation, and these."""
    scale = data.x.std(axis=0)
    z = np.empty((len(data.x), data.x.shape[1] + 1))
    z[:, 0] = 1.0
    z[:, 1:] = (data.x - data.x.mean(axis=0)) / scale
    y_scale = float(data.y.std())
    return z, (data.y - data.y.mean()) / y_scale, scale, y_scale
