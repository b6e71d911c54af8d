"""G-square: likelihood-ratio test of conditional independence of categories."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError
from causalimg.stats.ci_test import Part, RowTest
from causalimg.stats.independence import TestResult

Float = NDArray[np.float64]
Int = NDArray[np.intp]
_ENOUGH = 20  # permutations that reach G


class GSquare(RowTest):
    """Likelihood-ratio test of two categorical nodes in the strata of the others.

    G = 2 sum O log(O / E) over the cells of every stratum, E from the margins of the stratum.
    Rows and columns of a stratum without a case bring no degrees of freedom. Where the table is
    sparse the chi-square law does not hold (G is then too large), and the p-value is that of G
    among permutations of one node within the strata.

    Parameters
    ----------
    min_expected : float
        Smallest expected count of a cell from which the chi-square law is used.
    n_permutations : int
        Largest number of permutations; 0 uses the chi-square law always. Drawing stops at the
        20th that reaches G, as the p-value is then known well enough.
    random_state : int
        Seed of the permutations; the same for every test, so results do not depend on the order
        of tests.

    Raises
    ------
    InvalidInputError
        From `fit`: columns that are no categories, by name.

    Notes
    -----
    Assumptions: independent cases. Permutation tests are exact within the strata but for the
    finite number of permutations.

    References
    ----------
    Agresti A. Categorical Data Analysis, 3rd ed. Wiley 2013.
    Besag J, Clifford P. Sequential Monte Carlo p-values. Biometrika 1991;78:301-304.
    doi:10.1093/biomet/78.2.301
    Tsamardinos I, Borboudakis G. Permutation testing improves Bayesian network learning. ECML
    PKDD 2010. doi:10.1007/978-3-642-15939-8_21

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"site": ["a", "b"] * 40, "scanner": ["p", "q"] * 40,
    ...     "sex": ["f", "f", "m", "m"] * 20})
    >>> test = GSquare().fit(table)
    >>> test("site", "scanner").p_value < 1e-6, round(test("site", "sex").p_value, 3)
    (True, 1.0)
    """

    assumptions = (
        "Cases are independent; categories are compared within the strata of the others"
        " (G-square).",
    )

    def __init__(
        self, *, min_expected: float = 10.0, n_permutations: int = 500, random_state: int = 0
    ) -> None:
        self.min_expected = min_expected
        self.n_permutations = n_permutations
        self.random_state = random_state

    def _check(self) -> None:
        numbers = [name for name in self.nodes if name not in self._levels]
        if numbers:
            raise InvalidInputError(
                f"GSquare takes categorical columns only; these are numbers: {numbers}. Cut them"
                " into classes (pandas.qcut), or use MixedLRT"
            )
        if not isinstance(self.n_permutations, int | np.integer) or self.n_permutations < 0:
            raise InvalidInputError(
                f"n_permutations={self.n_permutations!r} must be a whole number >= 0"
            )

    def _test(self, x: Part, y: Part, given: Sequence[Part]) -> TestResult:
        stratum = np.zeros(len(x.values), dtype=np.intp)
        for part in given:
            both = stratum * (part.values.shape[1] + 1) + part.codes
            stratum = np.unique(both, return_inverse=True)[1].ravel()
        shape = (int(stratum.max()) + 1, x.values.shape[1] + 1, y.values.shape[1] + 1)
        first = (stratum * shape[1] + x.codes) * shape[2]
        counts = _table(first + y.codes, shape)
        rows, columns = counts.sum(axis=2), counts.sum(axis=1)
        filled = (rows > 0).sum(axis=1), (columns > 0).sum(axis=1)
        dof = int(((filled[0] - 1) * (filled[1] - 1)).sum())
        statistic = _g(counts)
        effect = float(np.sqrt(-np.expm1(-statistic / len(stratum))))
        if dof == 0:  # in every stratum one of the two is constant
            raise self._too_few(x, y, given)
        useful = (filled[0] > 1) & (filled[1] > 1)
        expected = rows[useful, :, None] * columns[useful, None, :]
        expected = expected / rows[useful].sum(axis=1)[:, None, None]
        if self.n_permutations == 0 or expected[expected > 0].min() >= self.min_expected:
            from scipy.special import chdtrc

            return TestResult(statistic, float(chdtrc(dof, statistic)), float(dof), effect)
        rng = np.random.default_rng(self.random_state)
        home = np.argsort(stratum, kind="stable")
        codes, above, drawn = y.codes, 0, 0
        moved = np.empty_like(codes)
        while drawn < self.n_permutations and above < _ENOUGH:
            moved[home] = codes[np.lexsort((rng.random(len(stratum)), stratum))]
            above += _g(_table(first + moved, shape)) >= statistic - 1e-9
            drawn += 1
        p_value = above / drawn if above == _ENOUGH else (1 + above) / (1 + drawn)
        return TestResult(statistic, float(p_value), float(dof), effect)


def _table(cells: Int, shape: tuple[int, int, int]) -> Float:
    return np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64)


def _g(counts: Float) -> float:
    """Return G summed over strata; counts of shape (strata, rows, columns)."""
    whole = counts.sum(axis=(1, 2), keepdims=True)
    expected = counts.sum(axis=2, keepdims=True) * counts.sum(axis=1, keepdims=True) / whole
    hit = counts > 0
    return float(max(2 * (counts[hit] * np.log(counts[hit] / expected[hit])).sum(), 0.0))
