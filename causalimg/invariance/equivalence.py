"""Equivalence tests (TOST) on many effects at once, as functions on arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def equivalence_p(effect: Array, se: Array, df: Array, margin: float) -> Array:
    """Test that an effect lies inside plus or minus the margin.

    The larger of the two one-sided p-values: small when the effect is inside.

    Parameters
    ----------
    effect, se, df : ndarray
        Estimate, standard error and t degrees of freedom; any common shape.
    margin : float
        In the unit of ``effect``.

    Returns
    -------
    ndarray

    References
    ----------
    Schuirmann (1987). doi:10.1007/BF01068419

    Examples
    --------
    >>> equivalence_p(np.array([0.0]), np.array([0.1]), np.array([1e6]), 0.196).round(3).tolist()
    [0.025]
    """
    from scipy.special import stdtr

    return np.asarray(stdtr(df, (np.abs(effect) - margin) / se))


def n_to_certify(effect: Array, se: Array, n: Array, margin: float, level: float | Array) -> Array:
    """Return how many cases would show that the effects lie inside the margin, with power 0.8.

    The estimate is taken for the true effect, and the standard error to fall with the root of n.
    Both one-sided tests have to reject: an effect near zero may be missed on either side.

    Parameters
    ----------
    effect, se, n : ndarray
    margin : float
    level : float or ndarray
        One-sided level of the single test.

    Returns
    -------
    ndarray
        inf where the estimate is not inside the margin.
    """
    from scipy.special import ndtr, ndtri

    size = np.abs(effect)
    inside = size < margin
    critical = ndtri(1 - np.asarray(level))
    # in units of the margin's distance: power grows with the precision, so halve the interval
    near = np.where(inside, margin - size, 1.0)
    far = np.where(inside, margin + size, 1.0)
    low = (critical + ndtri(0.8)) / near
    high = (critical + ndtri(0.9)) / near
    for _ in range(40):
        middle = (low + high) / 2
        enough = ndtr(near * middle - critical) + ndtr(far * middle - critical) - 1 >= 0.8
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.asarray(np.where(inside, n * (se * high) ** 2, np.inf))


def n_to_detect(effect: Array, se: Array, n: Array, level: float) -> Array:
    """Return how many cases would show that the effects are not zero, with power 0.8.

    Parameters and assumptions as in `n_to_certify`; ``level`` is two-sided.
    """
    from scipy.special import ndtri

    size = np.abs(effect)
    needed = n * (se * (ndtri(1 - level / 2) + ndtri(0.8)) / np.where(size > 0, size, 1.0)) ** 2
    return np.asarray(np.where(size > 0, needed, np.inf))
