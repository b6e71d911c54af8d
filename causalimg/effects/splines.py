"""Natural cubic splines of continuous covariates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError

Array = NDArray[np.float64]


def natural_knots(values: Array, df: int) -> Array:
    """Return ``df + 1`` knots at evenly spaced quantiles, repeated ones left out.

    Examples
    --------
    >>> natural_knots(np.arange(101.0), 2).tolist()
    [5.0, 50.0, 95.0]
    """
    if df < 2:
        raise InvalidInputError(f"splines must have at least 2 degrees of freedom, got {df!r}")
    shares = np.linspace(0.0, 1.0, df + 1)
    # the outer knots are pulled in, so that the linear tails rest on a few per cent of the cases
    shares[0], shares[-1] = (0.05, 0.95) if df < 4 else (0.025, 0.975)
    return np.unique(np.quantile(values, shares))


def natural_spline(values: Array, knots: Array) -> Array:
    """Return a natural cubic spline basis: cubic between the knots, linear beyond them.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
    knots : ndarray of shape (n_knots,)
        Increasing.

    Returns
    -------
    ndarray of shape (n_samples, n_knots - 1)
        The values themselves, then the curved columns; without an intercept. Fewer than three
        knots give the values alone.

    References
    ----------
    Hastie, Tibshirani, Friedman (2009). The Elements of Statistical Learning, section 5.2.1.
    doi:10.1007/978-0-387-84858-7

    Examples
    --------
    >>> natural_spline(np.array([0.0, 1.0, 3.0]), np.array([0.0, 1.0, 2.0])).round(3).tolist()
    [[0.0, 0.0], [1.0, 0.25], [3.0, 3.0]]
    """
    if len(knots) < 3:
        return values[:, None]
    width = knots[-1] - knots[0]
    scaled, places = (values - knots[0]) / width, (knots - knots[0]) / width

    def truncated(k: int) -> Array:
        up = np.maximum(scaled - places[k], 0.0) ** 3 - np.maximum(scaled - places[-1], 0.0) ** 3
        return np.asarray(up / (places[-1] - places[k]))

    last = truncated(len(knots) - 2)
    curved = [truncated(k) - last for k in range(len(knots) - 2)]
    return np.column_stack([values, *(width * column for column in curved)])


def spline_columns(values: Array, df: int) -> Array:
    """Return the basis of one covariate, with knots at its own quantiles.

    A covariate with fewer than ``df + 2`` different values is returned as it is.
    """
    if len(np.unique(values)) < df + 2:
        return values[:, None]
    return natural_spline(values, natural_knots(values, df))
