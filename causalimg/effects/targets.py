"""The population that a comparison is about, as weights on cases (estimands)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ESTIMANDS = ("ate", "att", "atc", "ato")
EVERYONE = -1


@dataclass(frozen=True)
class Target:
    """Weights that turn cases into the population of one comparison.

    Parameters
    ----------
    average : ndarray of shape (n_samples,)
        Adds up to 1: the population that the effect is averaged over.
    direct : ndarray of shape (n_samples,)
        Adds up to 1 within each level: makes the level look like that population.
    average_slope, direct_slope : ndarray of shape (n_samples, n_levels - 1) or None
        Derivative of the logarithm of the weights, before normalisation, by the log odds of each
        level; None where the weights do not come from a logistic model.
    """

    average: Array
    direct: Array
    average_slope: Array | None = None
    direct_slope: Array | None = None


def target_key(estimand: str, level: int, base: int) -> int:
    """Return the level whose cases are the population of a contrast, -1 for no single level."""
    return {"att": level, "atc": base}.get(estimand, EVERYONE)


def target_keys(estimand: str, n_levels: int) -> tuple[int, ...]:
    """Return every key that contrasts of a level with one before it can have."""
    levels = {"att": range(1, n_levels), "atc": range(n_levels - 1)}
    return tuple(levels.get(estimand, (EVERYONE,)))


def propensity_target(
    probability: Array,
    codes: NDArray[np.intp],
    estimand: str,
    key: int,
    *,
    floor: float = 0.0,
    slopes: bool = False,
) -> Target:
    """Weigh cases by their propensities.

    The weight of a case with level k is h(x) / e_k(x): h is 1 for ``ate``, the probability of the
    level that defines the population for ``att`` and ``atc``, and 1 / sum_k 1 / e_k(x) for ``ato``
    (the population in which every level is about equally likely).

    Parameters
    ----------
    probability : ndarray of shape (n_samples, n_levels)
    codes : ndarray of int, shape (n_samples,)
    estimand : {"ate", "att", "atc", "ato"}
    key : int
        From `target_key`.
    floor : float
        Probabilities that weights are divided by are raised to it; ``ato`` needs none.
    slopes : bool
        Also return the derivatives, for standard errors that know the propensities are estimated.

    Returns
    -------
    Target

    References
    ----------
    Li, Morgan, Zaslavsky (2018). doi:10.1080/01621459.2016.1260466
    Li, Li (2019), more than two levels. doi:10.1214/19-AOAS1282

    Examples
    --------
    >>> target = propensity_target(np.array([[0.2, 0.8], [0.2, 0.8]]), np.array([0, 1]), "ato", -1)
    >>> target.average.tolist(), target.direct.tolist()
    ([0.5, 0.5], [1.0, 1.0])
    """
    raised = np.maximum(probability, max(floor, 1e-12))
    n, count = raised.shape
    own = raised[np.arange(n), codes]
    held = own > probability[np.arange(n), codes]
    levels = np.arange(1, count)
    has = (codes[:, None] == levels).astype(np.float64) if slopes else None
    average_slope = direct_slope = None
    if estimand == "ate":
        average = np.ones(n)
        direct = 1.0 / own
        if has is not None:
            average_slope, direct_slope = np.zeros((n, count - 1)), probability[:, 1:] - has
            # a weight at its bound does not move
            direct_slope[held] = 0.0
    elif estimand == "ato":
        inverse = 1.0 / np.maximum(probability, 1e-12)
        average = 1.0 / inverse.sum(axis=1)
        direct = average * inverse[np.arange(n), codes]
        if has is not None:
            average_slope = inverse[:, 1:] * average[:, None] - probability[:, 1:]
            direct_slope = inverse[:, 1:] * average[:, None] - has
    else:
        average = (codes == key).astype(np.float64)
        direct = np.where(codes == key, 1.0, probability[:, key] / own)
        if has is not None:
            average_slope = np.zeros((n, count - 1))
            direct_slope = (levels == key).astype(np.float64) - has
    return Target(
        average / average.sum(), normalised(direct, codes, count), average_slope, direct_slope
    )


def normalised(weights: Array, codes: NDArray[np.intp], n_levels: int) -> Array:
    """Divide weights by their sum within each level."""
    total = np.bincount(codes, weights=weights, minlength=n_levels)
    return np.asarray(weights / total[codes])


def uniform_target(codes: NDArray[np.intp], n_levels: int, key: int = EVERYONE) -> Target:
    """Return equal weights within each level, for the population of a key."""
    average = np.ones(len(codes)) if key == EVERYONE else (codes == key).astype(np.float64)
    return Target(average / average.sum(), normalised(np.ones(len(codes)), codes, n_levels))
