"""Many tests at once: false discovery rate, and simultaneous levels by multiplier bootstrap."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from causalimg.errors import InvalidInputError, nearest

FDR_METHODS = ("bh", "by")


def check_choice(value: str, allowed: Iterable[str], name: str) -> None:
    """Raise `InvalidInputError` naming the nearest choice, unless ``value`` is allowed."""
    choices = list(allowed)
    if value not in choices:
        raise InvalidInputError(
            f"{name}={value!r} is not known{nearest(str(value), choices)}"
            f" (allowed: {', '.join(choices)})"
        )


def fdr_adjust(p: ArrayLike, method: str = "bh") -> NDArray[np.float64]:
    """Adjust p-values so that those below q hold the false discovery rate at q.

    Parameters
    ----------
    p : array_like of shape (n_tests,)
        NaN stands for a test that was not done and stays NaN.
    method : {"bh", "by"}
        Benjamini-Hochberg (independent or positively dependent tests) or Benjamini-Yekutieli (any
        dependence).

    Returns
    -------
    ndarray of shape (n_tests,)

    References
    ----------
    Benjamini, Hochberg (1995). doi:10.1111/j.2517-6161.1995.tb02031.x
    Benjamini, Yekutieli (2001). doi:10.1214/aos/1013699998

    Examples
    --------
    >>> fdr_adjust([0.01, 0.02, 0.5, float("nan")]).round(3).tolist()
    [0.03, 0.03, 0.5, nan]
    """
    check_choice(method, FDR_METHODS, "fdr")
    values = np.asarray(p, dtype=np.float64)
    out = np.full(values.shape, np.nan)
    done = np.flatnonzero(np.isfinite(values))
    m = len(done)
    if not m:
        return out
    order = done[np.argsort(values[done], kind="stable")]
    factor = m / np.arange(1, m + 1)
    if method == "by":
        factor = factor * (1.0 / np.arange(1, m + 1)).sum()
    raised = values[order] * factor
    out[order] = np.minimum(np.minimum.accumulate(raised[::-1])[::-1], 1.0)
    return out


def multiplier_draws(
    influence: Callable[[slice], NDArray[np.float64]],
    n_tests: int,
    n_samples: int,
    *,
    n_draws: int,
    seed: np.random.SeedSequence,
    cluster: NDArray[np.intp] | None = None,
    block: int = 256,
) -> NDArray[np.float64]:
    """Draw from the joint null distribution of many studentised estimates.

    Each draw multiplies every case's (or cluster's) influence by one standard normal number, the
    same for all tests, so that the dependence between tests is kept.

    Parameters
    ----------
    influence : callable
        ``influence(columns)`` returns the influence functions of a slice of the tests, shape
        (n_samples, n_columns); so the whole matrix need not be in memory.
    n_tests, n_samples : int
    n_draws : int
    seed : numpy.random.SeedSequence
    cluster : ndarray of int, shape (n_samples,), optional
    block : int
        Number of tests per block; has no influence on the result.

    Returns
    -------
    ndarray of shape (n_draws, n_tests)
        Each column has standard deviation 1 over the multipliers.

    References
    ----------
    Chernozhukov, Chetverikov, Kato (2013). doi:10.1214/13-AOS1161
    """
    units = n_samples if cluster is None else int(cluster.max()) + 1
    multipliers = np.random.default_rng(seed).standard_normal((n_draws, units))
    if cluster is not None:
        multipliers = multipliers[:, cluster]
    out = np.empty((n_draws, n_tests))
    for start in range(0, n_tests, block):
        columns = slice(start, min(start + block, n_tests))
        part = influence(columns)
        summed = part
        if cluster is not None:
            summed = np.zeros((units, part.shape[1]))
            np.add.at(summed, cluster, part)
        scale = np.sqrt(np.einsum("ij,ij->j", summed, summed))
        out[:, columns] = multipliers @ part / np.where(scale > 0, scale, 1.0)
    return out


def step_down(statistic: NDArray[np.float64], draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return step-down adjusted p-values that hold the chance of any false rejection.

    Parameters
    ----------
    statistic : ndarray of shape (n_tests,)
        Large values speak against the null hypothesis; NaN for a test that was not done.
    draws : ndarray of shape (n_draws, n_tests)
        Draws of the statistics under all null hypotheses.

    Returns
    -------
    ndarray of shape (n_tests,)

    References
    ----------
    Romano, Wolf (2005). doi:10.1198/016214504000000539
    """
    out = np.full(statistic.shape, np.nan)
    done = np.flatnonzero(np.isfinite(statistic))
    if not len(done):
        return out
    order = done[np.argsort(-statistic[done], kind="stable")]
    # the maximum over a test and all tests after it, from the last to the first
    largest = np.maximum.accumulate(draws[:, order[::-1]], axis=1)[:, ::-1]
    exceed = (largest >= statistic[order]).sum(axis=0)
    p = (1.0 + exceed) / (1.0 + len(draws))
    out[order] = np.maximum.accumulate(p)
    return out
