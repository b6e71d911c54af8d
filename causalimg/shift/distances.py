"""Do two tables differ at all: MMD and CORAL distances with permutation tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.multiplicity import check_choice
from causalimg.errors import InvalidInputError
from causalimg.shift.matrices import two_matrices

Array = NDArray[np.float64]

DISTANCES = ("mmd", "coral")
_AT_ONCE = 256


@dataclass(frozen=True)
class ShiftTest:
    """A distance between two tables, and how far it would be by chance.

    Parameters
    ----------
    distance : str
    statistic : float
        Unbiased squared MMD, or the squared CORAL distance.
    p : float
        Share of permutations that are at least as far, the given order counted.
    null_mean, null_high : float
        Mean and 95 % quantile of the permutations.
    n_source, n_target, n_permutations : int

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> here, there = (pd.DataFrame(rng.normal(m, 1, (60, 2)), columns=["a", "b"]) for m in (0, 1))
    >>> found = shift_test(here, there, n_permutations=99)
    >>> found.distance, bool(found.statistic > found.null_high)
    ('mmd', True)
    """

    distance: str
    statistic: float
    p: float
    null_mean: float
    null_high: float
    n_source: int
    n_target: int
    n_permutations: int

    def to_frame(self) -> pd.DataFrame:
        """Return one row with the fields."""
        return pd.DataFrame([vars(self)])


def shift_test(
    source: pd.DataFrame,
    target: pd.DataFrame,
    *,
    columns: Sequence[str] | None = None,
    distance: str = "mmd",
    bandwidth: float | None = None,
    n_permutations: int = 500,
    random_state: int | None = 0,
) -> ShiftTest:
    """Test whether two tables come from one distribution.

    Parameters
    ----------
    source, target : pandas.DataFrame
    columns : sequence of str, optional
        None: every column of ``source``.
    distance : {"mmd", "coral"}
        Kernel mean embedding (Gaussian), for any difference; or of covariances only.
    bandwidth : float, optional
        Of the kernel, in pooled standard deviations; None: the median distance of two cases.
    n_permutations : int, default=500
    random_state : int or None

    Returns
    -------
    ShiftTest

    Raises
    ------
    InvalidInputError, NotEstimableError, UnknownNameError
        For missing values, settings, or too small tables.

    Notes
    -----
    Assumptions: cases are independent of each other. (Several rows of a patient are not.)

    References
    ----------
    Gretton et al. (2012). Journal of Machine Learning Research 13:723-773.
    Sun, Saenko (2016), CORAL. doi:10.1007/978-3-319-49409-8_35

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a, b = (pd.DataFrame(rng.normal(m, 1, (60, 3)), columns=list("xyz")) for m in (0, 1))
    >>> shift_test(a, b, n_permutations=99).p
    0.01
    """
    check_choice(distance, DISTANCES, "distance")
    if n_permutations < 1:
        raise InvalidInputError(f"n_permutations must be at least 1, got {n_permutations!r}")
    if bandwidth is not None and not bandwidth > 0:
        raise InvalidInputError(f"bandwidth must be above 0, got {bandwidth!r}")
    first, second, _ = two_matrices(source, target, columns)
    both = np.vstack([first, second])
    rng = np.random.default_rng(random_state)
    orders = np.stack([rng.permutation(len(both)) for _ in range(n_permutations)])
    orders = np.vstack([np.arange(len(both)), orders])
    if distance == "mmd":
        found = _mmd(both, len(first), orders, bandwidth)
    else:
        found = np.array([_coral(both[o[: len(first)]], both[o[len(first) :]]) for o in orders])
    null = found[1:]
    # equal orders may differ in the last digits
    far = null >= found[0] - 1e-12 * max(abs(found[0]), 1e-300)
    return ShiftTest(
        distance=distance,
        statistic=float(found[0]),
        p=float((1 + far.sum()) / (1 + n_permutations)),
        null_mean=float(null.mean()),
        null_high=float(np.quantile(null, 0.95)),
        n_source=len(first),
        n_target=len(second),
        n_permutations=n_permutations,
    )


def _mmd(both: Array, n: int, orders: NDArray[np.intp], bandwidth: float | None) -> Array:
    """Return the unbiased squared MMD of every order, from one kernel matrix."""
    from scipy.spatial.distance import pdist, squareform

    gap = pdist(both, "sqeuclidean")
    width = np.median(gap) if bandwidth is None else bandwidth**2
    kernel = squareform(np.exp(-gap / (2 * max(float(width), 1e-300))))
    m = len(both) - n
    total, rows = kernel.sum(), kernel.sum(axis=0)
    out = np.empty(len(orders))
    for start in range(0, len(orders), _AT_ONCE):
        part = orders[start : start + _AT_ONCE]
        member = np.zeros((len(both), len(part)))
        member[part[:, :n], np.arange(len(part))[:, None]] = 1.0
        inside = (member * (kernel @ member)).sum(axis=0)
        across = rows @ member - inside
        other = total - inside - 2 * across
        out[start : start + len(part)] = (
            inside / (n * (n - 1)) + other / (m * (m - 1)) - 2 * across / (n * m)
        )
    return out


def _coral(first: Array, second: Array) -> float:
    d = first.shape[1]
    gap = np.cov(first, rowvar=False) - np.cov(second, rowvar=False)
    return float((gap**2).sum() / (4 * d**2))
