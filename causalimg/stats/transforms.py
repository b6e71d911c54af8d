"""Transforms for skewed columns: ranks, the nonparanormal, and moments by rank correlation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError
from causalimg.tables.encode import is_categorical
from causalimg.tables.moments import Moments

Float = NDArray[np.float64]
_LEAST = 1e-6  # smallest eigenvalue of a repaired correlation matrix


def rank_transform(frame: pd.DataFrame) -> pd.DataFrame:
    """Replace each number by its rank, ties by their mean rank, scaled to (0, 1).

    Categorical columns and missing cells stay as they are.

    Parameters
    ----------
    frame : pandas.DataFrame
        Not modified.

    Raises
    ------
    InvalidInputError
        If a cell is infinite; the columns are named.

    Examples
    --------
    >>> rank_transform(pd.DataFrame({"x": [10.0, 1000.0, 1.0]}))["x"].tolist()
    [0.5, 0.75, 0.25]
    """
    numbers = [name for name in frame.columns if not is_categorical(frame[name])]
    values = frame[numbers].astype(np.float64)
    endless = [str(name) for name in numbers if np.isinf(values[name]).any()]
    if endless:
        raise InvalidInputError(f"ranks need finite cells; infinite ones in: {endless[:20]}")
    out = frame.copy()
    out[numbers] = values.rank() / (values.notna().sum() + 1)
    return out


def nonparanormal(frame: pd.DataFrame) -> pd.DataFrame:
    """Make each number normal by the normal score of its truncated rank.

    The empirical distribution is cut at 1 / (4 n^(1/4) sqrt(pi log n)) from 0 and 1, which bounds
    the error of correlations; each column keeps its mean and standard deviation. Categorical
    columns and missing cells stay as they are.

    Fit any method to the result: ``GES().fit(nonparanormal(frame))``. Estimating the transform
    from the same rows costs little in the level of tests when n is 200 or more; below, prefer
    raw values of a known transform (log) or a larger alpha margin.

    Parameters
    ----------
    frame : pandas.DataFrame
        Not modified.

    Raises
    ------
    InvalidInputError
        If a cell is infinite, or there are fewer than 3 rows.

    Notes
    -----
    Assumptions: some increasing function of each column makes them jointly normal (Gaussian
    copula). A column with many ties (counts, detection limits) is not made normal.

    References
    ----------
    Liu H, Lafferty J, Wasserman L. The nonparanormal: semiparametric estimation of high
    dimensional undirected graphs. J Mach Learn Res 2009;10:2295-2328.

    Examples
    --------
    >>> x = np.exp(np.random.default_rng(0).normal(size=500))
    >>> made = nonparanormal(pd.DataFrame({"x": x}))["x"]
    >>> bool(abs(made.skew()) < 0.1), bool(np.isclose(made.std(), x.std(ddof=1)))
    (True, True)
    """
    from scipy.special import ndtri

    if len(frame) < 3:
        raise InvalidInputError(f"the nonparanormal needs at least 3 rows; got {len(frame)}")
    out = rank_transform(frame)
    for name in frame.columns:
        if is_categorical(frame[name]):
            continue
        known = frame[name].astype(np.float64)
        n = max(int(known.notna().sum()), 3)
        cut = 1 / (4 * n**0.25 * np.sqrt(np.pi * np.log(n)))
        score = pd.Series(ndtri(out[name].clip(cut, 1 - cut).to_numpy()), index=frame.index)
        spread = score.std()
        factor = known.std() / spread if spread > 0 else 0.0
        out[name] = known.mean() + (score - score.mean()) * factor
    return out


def skeptic_moments(frame: pd.DataFrame, *, correlation: str = "spearman") -> Moments:
    """Return moments whose correlation is read from ranks, for any covariance method.

    The nonparanormal SKEPTIC: 2 sin(pi/6 rho) of Spearman's rho, or sin(pi/2 tau) of Kendall's
    tau, estimates the correlation of the normal variables behind the columns without estimating
    their transforms, and outliers move it little. Means are 0 and variances 1.

    The number of rows is reported as it is. The rank estimate varies more than Pearson's r would
    on the normal variables (for uncorrelated pairs the variance is about (pi/3)^2 = 1.10 times as
    large, for either), so that Fisher's z rejects too often: at alpha .05
    about .06 for pairs and .075 given another column, at alpha .01 .022 (2,000 tables of 100 and
    of 500 rows). Scale ``n`` by 0.91 to be exact for pairs.

    Parameters
    ----------
    frame : pandas.DataFrame
        Complete numbers.
    correlation : {"spearman", "kendall"}

    Raises
    ------
    InvalidInputError
        Naming columns that are categories, incomplete or constant.

    Notes
    -----
    Assumptions: Gaussian copula. The matrix may have negative eigenvalues; they are raised to
    1e-6 and the diagonal is scaled back to 1 (near the nearest correlation matrix).

    References
    ----------
    Liu H, Han F, Yuan M, Lafferty J, Wasserman L. High-dimensional semiparametric Gaussian copula
    graphical models. Ann Stat 2012;40:2293-2326. doi:10.1214/12-AOS1037

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=2000)
    >>> table = pd.DataFrame({"a": np.exp(3 * a), "b": (a + rng.normal(size=2000)) ** 3})
    >>> bool(abs(skeptic_moments(table).cov[0, 1] - np.sqrt(0.5)) < 0.03)
    True
    """
    if correlation not in ("spearman", "kendall"):
        raise InvalidInputError(f"correlation={correlation!r} is not one of 'spearman', 'kendall'")
    names = [str(name) for name in frame.columns]
    table = frame.set_axis(names, axis=1)
    categories = [name for name in names if is_categorical(table[name])]
    if categories:
        raise InvalidInputError(
            f"rank correlations need numbers; categorical: {categories}. Use nonparanormal(frame),"
            " which leaves categories as they are"
        )
    Moments.from_frame(table)  # refuses incomplete columns by name
    flat = [name for name in names if table[name].nunique() < 2]
    if flat:
        raise InvalidInputError(f"constant columns have no ranks; drop them: {flat[:20]}")
    ranks = table.rank().to_numpy(dtype=np.float64)
    if correlation == "spearman":
        corr = 2 * np.sin(np.pi / 6 * np.corrcoef(ranks, rowvar=False).reshape(2 * (len(names),)))
    else:
        corr = np.sin(np.pi / 2 * _kendall(ranks))
    np.fill_diagonal(corr, 1.0)
    blocks = {name: np.array([k]) for k, name in enumerate(names)}
    return Moments(tuple(names), len(table), np.zeros(len(names)), _raised(corr), blocks, {})


def _kendall(ranks: Float) -> Float:
    """Return Kendall's tau-b of every two columns."""
    from scipy.stats import kendalltau

    d = ranks.shape[1]
    out = np.eye(d)
    for i in range(d):
        for j in range(i):
            out[i, j] = out[j, i] = kendalltau(ranks[:, i], ranks[:, j]).statistic
    return out


def _raised(corr: Float) -> Float:
    """Return the matrix with eigenvalues of at least `_LEAST` and ones on its diagonal."""
    values, vectors = np.linalg.eigh(corr)
    if values[0] >= _LEAST:
        return corr
    out = (vectors * np.maximum(values, _LEAST)) @ vectors.T
    scale = np.sqrt(np.diag(out))
    out = out / scale[:, None] / scale[None, :]
    return np.asarray((out + out.T) / 2)
