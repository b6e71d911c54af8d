"""RCIT: a fast approximate kernel test of conditional independence by random features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError
from causalimg.stats.ci_test import Part, RowTest
from causalimg.stats.independence import TestResult

Float = NDArray[np.float64]
_ROWS = 200  # rows from which the median distance is taken


class RCIT(RowTest):
    """Randomised conditional independence test: correlations of residual random features.

    Each node, and the conditioning nodes together, become random Fourier features of a Gaussian
    kernel with the median distance as its width. The features of x and y are regressed on those
    of z; the squared cross-covariance of the residuals is compared with the gamma law that has
    the mean and variance of its limit under independence.

    Parameters
    ----------
    n_features : int
        Features of x and of y. Five, as in the paper, miss much where y is joined with z.
    n_conditioning : int
        Features of z; at most a tenth of the rows are used, so that the regression does not fit
        the noise.
    joint : bool
        Whether the features of y are those of y and z together (RCIT), which also finds
        dependences that change sign with z; False uses y alone (RCoT, better with many nodes
        in z).
    random_state : int
        Seed of the features; the same for every test, so that results do not depend on the order
        of tests or columns.

    Raises
    ------
    InvalidInputError
        From `fit`: a setting that is not allowed.

    Notes
    -----
    Assumptions: independent cases; the relations to z are smooth enough for so many features. The
    statistic is corrected for the degrees of freedom that the regression on z takes, without
    which it is too large by n / (n - q) for q features.

    References
    ----------
    Strobl EV, Zhang K, Visweswaran S. Approximate kernel-based conditional independence tests for
    fast non-parametric causal discovery. J Causal Inference 2019;7:20180017.
    doi:10.1515/jci-2018-0017

    Examples
    --------
    >>> import pandas as pd
    >>> x = np.random.default_rng(0).normal(size=300)
    >>> table = pd.DataFrame({"x": x, "y": x**2 + np.random.default_rng(1).normal(size=300)})
    >>> RCIT().fit(table)("x", "y").p_value < 0.01
    True
    """

    assumptions = (
        "Relations may be nonlinear; those to the conditioning nodes are smooth (RCIT).",
    )

    def __init__(
        self,
        *,
        n_features: int = 10,
        n_conditioning: int = 100,
        joint: bool = True,
        random_state: int = 0,
    ) -> None:
        self.n_features = n_features
        self.n_conditioning = n_conditioning
        self.joint = joint
        self.random_state = random_state

    def _check(self) -> None:
        for name in ("n_features", "n_conditioning"):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < 1:
                raise InvalidInputError(f"{name}={value!r} must be a whole number >= 1")

    def _test(self, x: Part, y: Part, given: Sequence[Part]) -> TestResult:
        n = len(x.values)
        if n < 20:
            raise self._too_few(x, y, given)
        rng = np.random.default_rng(self.random_state)
        z = np.hstack([part.values for part in given]) if given else None
        right = y.values if z is None or not self.joint else np.hstack([y.values, z])
        first = _features(x.values, self.n_features, rng)
        second = _features(right, self.n_features, rng)
        taken = 0.0
        if z is not None:
            size = max(min(self.n_conditioning, n // 10), 2)
            design = _features(z, size, rng)
            basis, sizes, _ = np.linalg.svd(design, full_matrices=False)
            basis = basis[:, sizes > 1e-8 * sizes[0]]
            taken = float(basis.shape[1])
            first = first - basis @ (basis.T @ first)
            second = second - basis @ (basis.T @ second)
        return _compare(first, second, n, taken)


def _features(values: Float, size: int, rng: np.random.Generator) -> Float:
    """Return standardised random Fourier features, shape (n, size)."""
    unit = (values - values.mean(axis=0)) / values.std(axis=0)
    part = unit[:_ROWS]
    squares = ((part[:, None, :] - part[None, :, :]) ** 2).sum(axis=2)
    width = np.sqrt(np.median(squares[squares > 0])) if (squares > 0).any() else 1.0
    direction = rng.standard_normal((unit.shape[1], size)) / width
    waves = np.sqrt(2.0) * np.cos(unit @ direction + rng.uniform(0, 2 * np.pi, size))
    waves = waves - waves.mean(axis=0)
    return np.asarray(waves / np.maximum(waves.std(axis=0), 1e-12))


def _compare(first: Float, second: Float, n: int, taken: float) -> TestResult:
    """Compare the squared cross-covariance with its limit under independence."""
    from scipy.special import gammaincc

    cross = first.T @ second / n
    statistic = float(n * (cross**2).sum() * (n - taken) / n)
    product = (first[:, :, None] * second[:, None, :]).reshape(n, -1)
    product = product - product.mean(axis=0)
    limit = product.T @ product / n
    mean, variance = float(np.trace(limit)), 2 * float((limit**2).sum())
    if mean <= 0 or variance <= 0:
        return TestResult(0.0, 1.0, 0.0, 0.0)
    shape, scale = mean**2 / variance, variance / mean
    p_value = float(gammaincc(shape, statistic / scale))
    sizes = np.sqrt((first**2).mean(axis=0).sum() * (second**2).mean(axis=0).sum())
    effect = float(min(np.sqrt((cross**2).sum()) / max(sizes, 1e-12), 1.0))
    return TestResult(statistic, p_value, 2 * shape, effect)
