"""Many tests at once: false discovery rate, and simultaneous levels by multiplier bootstrap."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from causalimg.effects.leverage import cluster_sums
from causalimg.errors import InvalidInputError, nearest

FDR_METHODS = ("bh", "by")
_BLOCK = 256


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


@dataclass(frozen=True)
class Multipliers:
    """Standard normal numbers that cases, or whole clusters, are multiplied by.

    Parameters
    ----------
    values : ndarray of shape (n_draws, n_units)
        Their precision is that of the draws.
    cluster : ndarray of int, shape (n_samples,), or None
        The unit of each case; every case is one by default.
    """

    values: NDArray[np.floating]
    cluster: NDArray[np.intp] | None = None

    @classmethod
    def drawn(
        cls,
        n_samples: int,
        *,
        n_draws: int,
        seed: np.random.SeedSequence,
        cluster: NDArray[np.intp] | None = None,
        single: bool = False,
    ) -> Multipliers:
        """Draw them, in single precision if asked (half the time and memory)."""
        units = n_samples if cluster is None else int(cluster.max()) + 1
        rng = np.random.default_rng(seed)
        if single:
            return cls(rng.standard_normal((n_draws, units), dtype=np.float32), cluster)
        return cls(rng.standard_normal((n_draws, units)), cluster)

    def studentised(
        self,
        influence: Callable[[slice], NDArray[np.float64]],
        n_tests: int,
        *,
        rows: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.floating]:
        """Return draws from the joint null distribution of many studentised estimates.

        Each draw multiplies every case's (or cluster's) influence by one standard normal number,
        the same for all tests, so that the dependence between tests is kept.

        Parameters
        ----------
        influence : callable
            ``influence(columns)`` returns the influence functions of a slice of the tests, shape
            (n_rows, n_columns), so that only parts that fit the cache are made at a time.
        n_tests : int
        rows : ndarray of bool, shape (n_samples,), optional
            The cases that ``influence`` belongs to; all by default.

        Returns
        -------
        ndarray of shape (n_tests, n_draws)
            Each row has standard deviation 1 over the multipliers; 0 where nothing varies.

        References
        ----------
        Chernozhukov, Chetverikov, Kato (2013). doi:10.1214/13-AOS1161
        """
        out = np.empty((n_tests, len(self.values)), dtype=self.values.dtype)
        for start in range(0, n_tests, _BLOCK):
            columns = slice(start, min(start + _BLOCK, n_tests))
            part = self.summed(influence(columns), rows)
            scale = np.sqrt(np.einsum("ij,ij->j", part, part))
            unit = part.astype(out.dtype)
            unit /= np.where(scale > 0, scale, 1.0).astype(out.dtype)
            self.products(unit, rows, out[columns])
        return out

    def summed(
        self, influence: NDArray[np.float64], rows: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float64]:
        """Add the influence of the cases up within clusters, where there are any."""
        if self.cluster is None:
            return influence
        place = self.cluster if rows is None else self.cluster[rows]
        return cluster_sums(influence, place, self.values.shape[1])

    def products(
        self,
        part: NDArray[np.floating],
        rows: NDArray[np.bool_] | None = None,
        out: NDArray[np.floating] | None = None,
    ) -> NDArray[np.floating]:
        """Return the sums of what `summed` gave times the multipliers, (n_tests, n_draws)."""
        chosen = self.values.T
        if self.cluster is None and rows is not None and not rows.all():
            chosen = chosen[rows]
        return np.asarray(np.matmul(part.astype(chosen.dtype, copy=False).T, chosen, out=out))


def step_down(statistic: NDArray[np.float64], draws: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return step-down adjusted p-values that hold the chance of any false rejection.

    Parameters
    ----------
    statistic : ndarray of shape (n_tests,)
        Large values speak against the null hypothesis; NaN for a test that was not done.
    draws : ndarray of shape (n_tests, n_draws)
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
    largest = draws[order[::-1]]
    np.maximum.accumulate(largest, axis=0, out=largest)
    reached = largest >= statistic[order[::-1], None].astype(draws.dtype)
    exceed = np.count_nonzero(reached, axis=1)[::-1]
    out[order] = np.maximum.accumulate((1.0 + exceed) / (1.0 + draws.shape[1]))
    return out
