"""Empirical Bayes estimates of batch shifts and scales, as functions on arrays.

Everything is in units of the pooled within-batch standard deviation of each feature. The shift of
a feature in a batch has a normal prior over features, its variance an inverse gamma prior; both
priors are estimated from the features of that batch.

References
----------
Johnson, Li, Rabinovic (2007). doi:10.1093/biostatistics/kxj037
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_ROUNDS = 10_000


def parametric(
    scaled: Array, shift: Array, variance: Array, *, tolerance: float = 1e-4
) -> tuple[Array, Array]:
    """Return posterior shifts and variances of one batch under the parametric priors.

    Parameters
    ----------
    scaled : ndarray of shape (n_cases, n_features)
        Standardised values of the batch.
    shift, variance : ndarray of shape (n_features,)
        Their least-squares estimates; variances above 0.
    tolerance : float
        The two estimates are found in turn until none changes by this share of its value. As in
        the published implementations the share of a negative shift counts as negative.

    Returns
    -------
    shift, variance : ndarray of shape (n_features,)
    """
    n = len(scaled)
    prior_mean, prior_variance = shift.mean(), shift.var(ddof=1)
    centre, spread = variance.mean(), variance.var(ddof=1)
    if not (prior_variance > 0 and spread > 0):
        # the features agree exactly: the prior is a point
        return np.full_like(shift, prior_mean), np.full_like(variance, centre)
    shape = (2 * spread + centre**2) / spread
    rate = (centre * spread + centre**3) / spread
    mean = scaled.mean(axis=0)
    around = ((scaled - mean) ** 2).sum(axis=0)
    old_shift, old_variance = shift, variance
    for _ in range(_ROUNDS):
        new_shift = posterior_shift(shift, prior_mean, prior_variance, n, old_variance)
        squares = around + n * (mean - new_shift) ** 2
        new_variance = (0.5 * squares + rate) / (n / 2 + shape - 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = np.nan_to_num(np.abs(new_shift - old_shift) / old_shift, nan=0.0)
        change = max(moved.max(), (np.abs(new_variance - old_variance) / old_variance).max())
        old_shift, old_variance = new_shift, new_variance
        if change <= tolerance:
            break
    return old_shift, old_variance


def posterior_shift(
    shift: Array, prior_mean: float, prior_variance: float, n: float, variance: Array | float
) -> Array:
    """Return the posterior mean of a normal shift, given its variance.

    Examples
    --------
    >>> posterior_shift(np.array([2.0]), 0.0, 1.0, 1, 1.0).tolist()
    [1.0]
    """
    weight = n * prior_variance
    return np.asarray((weight * shift + variance * prior_mean) / (weight + variance))


def shrunk_shift(shift: Array) -> Array:
    """Return posterior shifts where scales are not adjusted (Johnson et al.: one case, unit sd)."""
    return posterior_shift(shift, float(shift.mean()), float(shift.var(ddof=1)), 1, 1.0)


def nonparametric(scaled: Array, shift: Array, variance: Array) -> tuple[Array, Array]:
    """Return posterior shifts and variances of one batch with the other features as the prior.

    The estimates of every other feature are a draw from the prior, weighted by the likelihood of
    this feature's values; in logarithms, so that large batches do not underflow.

    Parameters and returns as `parametric`.
    """
    n, p = scaled.shape
    total = scaled.sum(axis=0)
    squares = (scaled**2).sum(axis=0)
    out_shift, out_variance = np.empty(p), np.empty(p)
    constant = -0.5 * n * np.log(variance)
    for start in range(0, p, 256):
        rows = np.arange(start, min(start + 256, p))
        distance = squares[rows, None] - 2 * total[rows, None] * shift + n * shift**2
        weight = constant - distance / (2 * variance)
        weight[rows - start, rows] = -np.inf
        weight = np.exp(weight - weight.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        out_shift[rows] = weight @ shift
        out_variance[rows] = weight @ variance
    return out_shift, out_variance
