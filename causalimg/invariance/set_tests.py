"""Tests that an outcome depends on a set of features alike in every environment: linear models."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from causalimg.errors import NotEstimableError
from causalimg.invariance.environments import EnvironmentData
from causalimg.invariance.gram import Grams, Sets, standardised, with_intercept

Array = NDArray[np.float64]

LINEAR_TESTS = ("chow", "residuals", "levene")
_BLOCK = 512


class SetTest(Protocol):
    """What the search needs of a test: p-values and coefficients of a batch of subsets."""

    def p_values(self, sets: Sets) -> Array:
        """Return the p-value of invariance of each subset, shape (n_sets,)."""

    def coefficients(self, sets: Sets) -> tuple[Array, Array, float]:
        """Return pooled coefficients and standard errors, (n_sets, size), and t degrees."""


class LinearSetTest:
    """Invariance of a linear model with Gaussian (``levene``: any) noise.

    Parameters
    ----------
    data : EnvironmentData
    kind : {"chow", "residuals", "levene"}
        ``chow``: one F test of equal coefficients in all environments, and one two-sided F test
        per environment of its residual variance against that of the others, each environment
        fitted by itself. Exact for Gaussian noise at any sample size.
        ``residuals``: pooled fit; per environment a Welch t test of the residuals' mean and an F
        test of their variance against all other environments (approximate).
        ``levene``: as ``residuals`` with the Brown-Forsythe test for the spread, which does not
        need Gaussian noise.

    Notes
    -----
    The p-values are joined by Bonferroni's inequality. With two environments, both compare the
    same two groups, so that one of each kind of test is counted.

    References
    ----------
    Chow (1960). doi:10.2307/1910133
    Peters, Buhlmann, Meinshausen (2016). doi:10.1111/rssb.12167
    Brown, Forsythe (1974). doi:10.1080/01621459.1974.10482955
    """

    def __init__(self, data: EnvironmentData, kind: str) -> None:
        self.kind = kind
        self.grams = Grams.of(data)
        self._all = self.grams.pooled()
        self._count = len(data.levels)
        # Peters et al.: with two environments one comparison, else one per environment
        self._comparisons = 1 if self._count == 2 else self._count
        self._data = data
        self._rows = [np.flatnonzero(data.codes == e) for e in range(self._count)]

    def p_values(self, sets: Sets) -> Array:
        """Return the p-value of invariance of each subset, shape (n_sets,)."""
        test = {"chow": self._chow, "residuals": self._residuals, "levene": self._levene}
        parts = [
            test[self.kind](sets[start : start + _BLOCK]) for start in range(0, len(sets), _BLOCK)
        ]
        return np.concatenate(parts)

    def coefficients(self, sets: Sets) -> tuple[Array, Array, float]:
        """Return pooled coefficients and standard errors in the table's units, and t degrees."""
        fit = self._all.regress(sets, 0)
        df = float(self._all.n[0] - sets.shape[1] - 1)
        se = np.sqrt(fit.variance * (fit.rss / df)[:, None])
        unit = self.grams.y_scale / self.grams.scale[sets]
        return fit.coef[:, 1:] * unit, se[:, 1:] * unit, df

    # ---- the three tests -----------------------------------------------------------------

    def _chow(self, sets: Sets) -> Array:
        from scipy.special import fdtr, fdtrc

        whole = self._all.regress(sets, 0)
        parts = [self.grams.regress(sets, e) for e in range(self._count)]
        rss = np.stack([part.rss for part in parts], axis=1)
        df = self.grams.n - np.stack([part.rank for part in parts], axis=1)
        if df.min() < 1:
            short = int(df.min(axis=0).argmin())
            raise NotEstimableError(
                f"environment {self._data.levels[short]!r} has {int(self.grams.n[short])} rows,"
                f" too few to fit {sets.shape[1]} features in it; set max_set_size lower, join"
                " environments, or use test='residuals'"
            )
        apart, free = rss.sum(axis=1), df.sum(axis=1)
        extra = (self.grams.n - df).sum(axis=1) - whole.rank
        ratio = np.maximum(whole.rss - apart, 0.0) / np.maximum(extra, 1) / (apart / free)
        p_coef = np.where(extra > 0, fdtrc(np.maximum(extra, 1), free, ratio), 1.0)
        rest, rest_df = apart[:, None] - rss, free[:, None] - df
        ratio = (rss / df) / (rest / rest_df)
        below = fdtr(df, rest_df, ratio)
        p_spread = 2 * np.minimum(below, fdtrc(df, rest_df, ratio)).min(axis=1)
        p = 2 * np.minimum(p_coef, self._comparisons * p_spread)
        return np.asarray(np.minimum(p, 1.0))

    def _residual_moments(self, sets: Sets) -> tuple[Array, Array, Array]:
        """Return pooled coefficients, and mean and variance of residuals per environment."""
        fit = self._all.regress(sets, 0)
        at = with_intercept(sets)
        total = np.empty((len(sets), self._count))
        square = np.empty_like(total)
        for e in range(self._count):
            gram = self.grams.gram[e]
            sums = np.einsum("mi,mi->m", gram[0][at], fit.coef)
            total[:, e] = self.grams.cross[e][0] - sums
            inside = np.einsum("mij,mj->mi", gram[at[:, :, None], at[:, None, :]], fit.coef)
            inside = inside - 2 * self.grams.cross[e][at]
            square[:, e] = self.grams.square[e] + np.einsum("mi,mi->m", inside, fit.coef)
        return fit.coef, total, np.maximum(square, 1e-14 * self.grams.square)

    def _welch(self, total: Array, square: Array) -> tuple[Array, Array, Array]:
        """Return p-values of the mean, and the variances here and elsewhere."""
        from scipy.special import stdtr

        n = self.grams.n
        m = n.sum() - n
        mean, other = total / n, (total.sum(axis=1, keepdims=True) - total) / m
        here = (square - n * mean**2) / (n - 1)
        there = (square.sum(axis=1, keepdims=True) - square - m * other**2) / (m - 1)
        a, b = here / n, there / m
        t = (mean - other) / np.sqrt(a + b)
        df = (a + b) ** 2 / (a**2 / (n - 1) + b**2 / (m - 1))
        return 2 * stdtr(df, -np.abs(t)), here, there

    def _residuals(self, sets: Sets) -> Array:
        from scipy.special import fdtr, fdtrc

        _, total, square = self._residual_moments(sets)
        p_mean, here, there = self._welch(total, square)
        n, m = self.grams.n - 1, self.grams.n.sum() - self.grams.n - 1
        ratio = here / there
        p_spread = 2 * np.minimum(fdtr(n, m, ratio), fdtrc(n, m, ratio))
        smallest = np.minimum(p_mean, p_spread).min(axis=1)
        return np.asarray(np.minimum(2 * self._comparisons * smallest, 1.0))

    def _levene(self, sets: Sets) -> Array:
        from scipy.special import fdtrc

        coef, total, square = self._residual_moments(sets)
        p_mean, _, _ = self._welch(total, square)
        z, y, _, _ = standardised(self._data)
        weights = np.zeros((z.shape[1], len(sets)))
        weights[with_intercept(sets).T, np.arange(len(sets))] = coef.T
        residual = y[:, None] - z @ weights
        # Brown-Forsythe over all environments: analysis of variance of distances to the median
        n, sums, squares = self.grams.n, [], 0.0
        for rows in self._rows:
            part = residual[rows]
            part = np.abs(part - np.median(part, axis=0))
            sums.append(part.sum(axis=0))
            squares = squares + (part**2).sum(axis=0)
        by = np.stack(sums, axis=1)
        between = (by**2 / n).sum(axis=1) - by.sum(axis=1) ** 2 / n.sum()
        within = squares - (by**2 / n).sum(axis=1)
        free = n.sum() - len(n)
        p_spread = fdtrc(len(n) - 1, free, (between / (len(n) - 1)) / (within / free))
        p_mean = np.minimum(self._comparisons * p_mean.min(axis=1), 1.0)
        return np.asarray(np.minimum(2 * np.minimum(p_mean, p_spread), 1.0))
