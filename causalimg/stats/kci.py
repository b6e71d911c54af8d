"""KCI: the kernel test of conditional independence, with its gamma approximation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError
from causalimg.stats.ci_test import Part, RowTest
from causalimg.stats.independence import TestResult

Float = NDArray[np.float64]
_RIDGES = np.logspace(-5, 1, 13)  # as shares of the number of rows


class KCI(RowTest):
    """Kernel conditional independence test of any smooth dependence.

    Gaussian kernels of (x, z), y and z; kernel ridge regression on z leaves residual kernels,
    whose inner product is compared with the gamma law of the same mean and variance. Without z it
    is the Hilbert-Schmidt independence criterion with a gamma law. The time of a test grows with
    the cube of the rows, the memory with the square.

    Parameters
    ----------
    max_rows : int
        Larger tables are refused; use `RCIT`.

    Raises
    ------
    InvalidInputError
        From `fit`: more rows than ``max_rows``.

    Notes
    -----
    Assumptions: independent cases; relations smooth at the scale of the median distance. The
    ridge of each regression is chosen by generalised cross-validation on its own kernel, so
    that strong dependence on z is removed and weak one is not overfitted.

    References
    ----------
    Zhang K, Peters J, Janzing D, Schoelkopf B. Kernel-based conditional independence test and
    application in causal discovery. UAI 2011. doi:10.48550/arXiv.1202.3775

    Examples
    --------
    >>> import pandas as pd
    >>> x = np.random.default_rng(0).normal(size=100)
    >>> table = pd.DataFrame({"x": x, "y": np.cos(2 * x)})
    >>> KCI().fit(table)("x", "y").p_value < 0.001
    True
    """

    assumptions = ("Relations may be nonlinear, and are smooth (KCI).",)

    def __init__(self, *, max_rows: int = 1500) -> None:
        self.max_rows = max_rows

    def _check(self) -> None:
        if self.n > self.max_rows:
            raise InvalidInputError(
                f"KCI takes at most max_rows={self.max_rows} rows, for its time grows with their"
                f" cube; got {self.n}. Use RCIT, or raise max_rows"
            )

    def _test(self, x: Part, y: Part, given: Sequence[Part]) -> TestResult:
        n = len(x.values)
        if n < 20:
            raise self._too_few(x, y, given)
        if not given:
            return _gamma_independence(_kernel(x.values), _kernel(y.values))
        z = np.hstack([part.values for part in given])
        values, vectors = np.linalg.eigh(_kernel(z))
        values = np.maximum(values, 0.0)
        left = _residual(_kernel(np.hstack([x.values, z])), values, vectors)
        right = _residual(_kernel(y.values), values, vectors)
        return _gamma_conditional(left, right)


def _kernel(values: Float) -> Float:
    """Return the centred Gaussian kernel matrix, width the median distance, shape (n, n)."""
    unit = (values - values.mean(axis=0)) / values.std(axis=0)
    squares = (unit**2).sum(axis=1)
    distance = np.maximum(squares[:, None] + squares[None, :] - 2 * unit @ unit.T, 0.0)
    width = float(np.median(distance[distance > 1e-12])) if (distance > 1e-12).any() else 1.0
    kernel = np.exp(-distance / width)
    mean = kernel.mean(axis=0)
    return np.asarray(kernel - mean[:, None] - mean[None, :] + mean.mean())


def _residual(kernel: Float, values: Float, vectors: Float) -> Float:
    """Return the kernel of what kernel ridge regression on z leaves."""
    n = len(kernel)
    turned = vectors.T @ kernel @ vectors
    diagonal = np.diag(turned)
    shares = _RIDGES[:, None] * n / (values + _RIDGES[:, None] * n)
    score = (shares**2 * diagonal).sum(axis=1) / (shares.sum(axis=1) / n) ** 2
    share = shares[int(score.argmin())]
    left = vectors @ (turned * share[:, None] * share[None, :]) @ vectors.T
    return np.asarray((left + left.T) / 2)


def _gamma_independence(left: Float, right: Float) -> TestResult:
    n = len(left)
    statistic = float((left * right).sum()) / n
    mean = float(np.trace(left) * np.trace(right)) / n**2
    variance = 2 * float((left**2).sum() * (right**2).sum()) / n**4
    return _result(statistic, mean, variance, left, right)


def _gamma_conditional(left: Float, right: Float) -> TestResult:
    statistic = float((left * right).sum())
    product = left * right
    return _result(statistic, float(np.trace(product)), 2 * float((product**2).sum()), left, right)


def _result(
    statistic: float, mean: float, variance: float, left: Float, right: Float
) -> TestResult:
    from scipy.special import gammaincc

    if mean <= 0 or variance <= 0:
        return TestResult(0.0, 1.0, 0.0, 0.0)
    shape, scale = mean**2 / variance, variance / mean
    p_value = float(gammaincc(shape, max(statistic, 0.0) / scale))
    size = float(np.sqrt((left**2).sum() * (right**2).sum()))
    effect = float(np.clip((left * right).sum() / max(size, 1e-300), 0.0, 1.0))
    return TestResult(statistic, p_value, 2 * shape, effect)
