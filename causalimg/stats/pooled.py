"""Tests of several imputed tables, pooled into one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError
from causalimg.stats.independence import FisherZ
from causalimg.tables.moments import Moments

Float = NDArray[np.float64]
Int = NDArray[np.intp]


class PooledFisherZ:
    """`FisherZ` over m imputations of one table.

    Two scalar nodes: the mean of Fisher's z with Rubin's total variance W + (1 + 1/m) B and his
    t distribution. A categorical node: the pooled chi-square statistics D2 of Li and others.

    Parameters
    ----------
    imputed : sequence of Moments
        At least two, of the same columns.

    Raises
    ------
    InvalidInputError
        If there are fewer than two.

    Notes
    -----
    Assumptions: those of `FisherZ`, proper imputations, and missingness that depends on observed
    cells only (MAR).

    References
    ----------
    Rubin DB. Multiple Imputation for Nonresponse in Surveys. Wiley 1987.
    doi:10.1002/9780470316696
    Li KH, Meng XL, Raghunathan TE, Rubin DB. Significance levels from repeated p-values with
    multiply-imputed data. Stat Sin 1991;1:65-92.
    Witte J, Foraita R, Didelez V. Multiple imputation and test-wise deletion for causal discovery
    with incomplete cohort data. Stat Med 2022;41:4716-4743. doi:10.1002/sim.9535

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> tables = [pd.DataFrame(rng.normal(size=(50, 2)), columns=["a", "b"]) for _ in range(5)]
    >>> test = PooledFisherZ([Moments.from_frame(table) for table in tables])
    >>> z = np.empty((1, 0), dtype=int)
    >>> bool(test.batch(np.array([0]), np.array([1]), z)[1][0] > 0.05)
    True
    """

    def __init__(self, imputed: Sequence[Moments]) -> None:
        if len(imputed) < 2:
            raise InvalidInputError(f"pooling needs at least two imputations; got {len(imputed)}")
        self.tests = tuple(FisherZ(moments) for moments in imputed)
        self.nodes = self.tests[0].nodes

    def largest_condition(self) -> int:
        """Return the size up to which conditioning sets leave enough rows."""
        return self.tests[0].largest_condition()

    def batch(self, x: Int, y: Int, z: Int) -> tuple[Float, Float, Float, Float]:
        """Test many triples (`causalimg.stats.ci_test.CITest`).

        The effect size is that of the mean statistic; the degrees of freedom are those of one
        complete table.
        """
        from scipy.special import fdtrc, stdtr

        each = np.array([test.batch(x, y, z) for test in self.tests])
        statistic, dof = each[:, 0], each[:, 2].mean(axis=0)
        m = len(self.tests)
        width = self.tests[0].width
        single = (width[x] == 1) & (width[y] == 1)
        out = np.empty((4, len(x)))
        out[2], out[3] = dof, each[:, 3].mean(axis=0)

        between = (1 + 1 / m) * statistic[:, single].var(axis=0, ddof=1)
        between = np.maximum(between, 1e-12)
        z_pooled = statistic[:, single].mean(axis=0) / np.sqrt(1 + between)
        rubin = np.minimum((m - 1) * (1 + 1 / between) ** 2, 1e12)
        out[0, single], out[1, single] = z_pooled, 2 * stdtr(rubin, -np.abs(z_pooled))

        chi, k = np.maximum(statistic[:, ~single], 0.0), dof[~single]
        ratio = np.maximum((1 + 1 / m) * np.sqrt(chi).var(axis=0, ddof=1), 1e-12)
        pooled = (chi.mean(axis=0) / k - (m + 1) / (m - 1) * ratio) / (1 + ratio)
        pooled = np.maximum(pooled, 0.0)
        lower = np.minimum(k ** (-3 / m) * (m - 1) * (1 + 1 / ratio) ** 2, 1e9)
        out[0, ~single], out[1, ~single] = pooled, fdtrc(k, lower, pooled)
        return out[0], out[1], out[2], out[3]
