"""Likelihood-ratio test of conditional independence for numbers and categories together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from causalimg.stats.ci_test import Part, RowTest
from causalimg.stats.independence import TestResult
from causalimg.stats.multinomial import fit_multinomial

Float = NDArray[np.float64]


class MixedLRT(RowTest):
    """Test by regression of each node on the other and the conditioning nodes, made symmetric.

    A number is regressed linearly (F test of the added columns), a category by multinomial
    logistic regression (likelihood ratio, its p-value from an F law as for a linear model, which
    keeps the level in small samples). The two p-values p <= q are joined as min(2 p, q).

    Notes
    -----
    Assumptions: the mean of each number is linear in the others and its residuals are normal with
    one variance; log-odds of categories are linear in the others.

    Regression on both sides is chosen over testing with the categories' 0/1 columns as if they
    were normal (that is `FisherZ`): the share of a category is an S-shaped function of a number,
    and what a straight line leaves of it shows as a false dependence of two categories given that
    number once there are many rows. For two numbers given numbers both are the test of a partial
    correlation. A wrong regression on one side is enough to reject.

    References
    ----------
    Tsagris M, Borboudakis G, Lagani V, Tsamardinos I. Constraint-based causal discovery with
    mixed data. Int J Data Sci Anal 2018;6:19-30. doi:10.1007/s41060-018-0097-y

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> site = rng.choice(["a", "b", "c"], 200)
    >>> shift = (site == "b") - (site == "c") * 1.0
    >>> table = pd.DataFrame({"site": site, "x": shift + rng.normal(size=200),
    ...     "y": shift + rng.normal(size=200)})
    >>> test = MixedLRT().fit(table)
    >>> bool(test("x", "y").p_value < 0.01), bool(test("x", "y", ["site"]).p_value > 0.05)
    (True, True)
    """

    assumptions = (
        "Numbers are linear in the others with normal residuals of one variance, log-odds of"
        " categories linear in the others (likelihood-ratio tests of regressions).",
    )

    def __init__(self) -> None:  # no settings; scikit-learn reads the signature
        pass

    def _test(self, x: Part, y: Part, given: Sequence[Part]) -> TestResult:
        rest = np.hstack([np.ones((len(x.values), 1)), *[_unit(part.values) for part in given]])
        found = [self._side(x, y, rest, given)]
        if x.categorical or y.categorical:
            found.append(self._side(y, x, rest, given))
        low, high = min(f[1] for f in found), max(f[1] for f in found)
        p_value = low if len(found) == 1 else min(2 * low, high)
        statistic, _, dof, effect = max(found, key=lambda f: f[1])
        return TestResult(statistic, p_value, dof, effect)

    def _side(
        self, target: Part, other: Part, rest: Float, given: Sequence[Part]
    ) -> tuple[float, float, float, float]:
        """Regress one node on the rest, without and with the other."""
        from scipy.special import fdtrc

        full = np.hstack([rest, _unit(other.values)])
        n = len(full)
        rank, rank_rest = int(np.linalg.matrix_rank(full)), int(np.linalg.matrix_rank(rest))
        added = rank - rank_rest
        equations = target.values.shape[1]
        if n <= rank * equations + 3 or added == 0:
            raise self._too_few(target, other, given)
        if target.categorical:
            codes = target.codes
            without, with_other = (fit_multinomial(d, codes)[1] for d in (rest, full))
            statistic = max(2 * (with_other - without), 0.0)
            dof = added * equations
            share = (n - rank * equations) / n
            p_value = float(fdtrc(dof, n - rank * equations, share * statistic / dof))
        else:
            values = target.values[:, 0]
            left = [_residual(design, values) for design in (rest, full)]
            dof = added
            if left[0] <= 1e-10 * float(np.ptp(values)) ** 2 * n:
                raise self._too_few(target, other, given)
            ratio = left[0] / max(left[1], 1e-12 * left[0])
            statistic = n * float(np.log(ratio))
            p_value = float(fdtrc(dof, n - rank, max(ratio - 1, 0.0) * (n - rank) / dof))
        effect = float(np.sqrt(-np.expm1(-statistic / n)))
        return statistic, p_value, float(dof), effect


def _unit(values: Float) -> Float:
    return np.asarray((values - values.mean(axis=0)) / values.std(axis=0))


def _residual(design: Float, values: Float) -> float:
    """Return the residual sum of squares."""
    left = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return float(left @ left)
