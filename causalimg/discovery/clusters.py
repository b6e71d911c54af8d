"""Clusters of columns by correlation, with pairs that must or must not share one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
_FAR = 10.0  # above any 1 - |r|
_EXACT = 1e-9  # residual variance, as a share of the variance, that counts as none


def ranked(values: Float, method: str) -> Float:
    """Return the ranks of columns for "spearman", and the columns themselves for "pearson"."""
    if method != "spearman":
        return values
    from scipy.stats import rankdata

    return np.asarray(rankdata(values, axis=0))


def correlation(values: Float, method: str) -> Float:
    """Return the correlation matrix of complete, varying columns, shape (d, d).

    Parameters
    ----------
    values : ndarray, shape (n_samples, d)
    method : {"spearman", "pearson"}

    Examples
    --------
    >>> correlation(np.array([[1.0, 2.0], [2.0, 1.0], [3.0, -9.0]]), "spearman").round(3)[0, 1]
    np.float64(-1.0)
    """
    values = ranked(values, method)
    centred = values - values.mean(axis=0)
    length = np.sqrt((centred * centred).sum(axis=0))
    centred = centred / np.where(length > 0, length, 1.0)  # constant in a resample: alone
    return np.asarray(np.clip(centred.T @ centred, -1.0, 1.0))


def correlation_clusters(
    corr: Float,
    threshold: float,
    linkage: str,
    *,
    apart: Iterable[tuple[int, int]] = (),
    merge: Iterable[Sequence[int]] = (),
) -> list[list[int]]:
    """Return groups of columns, each in index order, in order of their first member.

    Parameters
    ----------
    corr : ndarray, shape (d, d)
        Absolute correlations.
    threshold : float
    linkage : {"complete", "average", "single"}
        A cluster with a pair that must not share one is taken apart by complete linkage.
    apart : iterable of (int, int)
        Pairs that must not share a cluster.
    merge : iterable of sequences of int
        Columns whose clusters become one.

    Examples
    --------
    >>> corr = np.array([[1, 0.97, 0.2], [0.97, 1, 0.3], [0.2, 0.3, 1]])
    >>> correlation_clusters(corr, 0.9, "complete")
    [[0, 1], [2]]
    >>> correlation_clusters(corr, 0.9, "complete", apart=[(0, 1)], merge=[(1, 2)])
    [[0], [1, 2]]
    """
    label = _cut(1.0 - corr, threshold, linkage)
    pairs = list(apart)
    for one in {label[i] for i, j in pairs if label[i] == label[j]}:
        members = np.flatnonzero(label == one)
        inside = 1.0 - corr[np.ix_(members, members)]
        place = {int(k): at for at, k in enumerate(members)}
        for i, j in pairs:
            if i in place and j in place:
                inside[place[i], place[j]] = inside[place[j], place[i]] = _FAR
        label[members] = label.max() + 1 + _cut(inside, 1.0 - _FAR / 2, "complete")
    for group in merge:
        label[np.isin(label, label[list(group)])] = label[group[0]]
    groups: dict[int, list[int]] = {}
    for k, one in enumerate(label):
        groups.setdefault(int(one), []).append(k)
    return list(groups.values())


def _cut(distance: Float, threshold: float, linkage: str) -> NDArray[np.intp]:
    """Return the label of each column, cut where the distance passes 1 - threshold."""
    if len(distance) == 1:
        return np.zeros(1, dtype=np.intp)
    from scipy.cluster.hierarchy import fcluster
    from scipy.cluster.hierarchy import linkage as link
    from scipy.spatial.distance import squareform

    distance = (distance + distance.T) / 2
    np.fill_diagonal(distance, 0.0)
    method = cast(Literal["complete", "average", "single"], linkage)
    tree = link(squareform(distance, checks=False), method=method)
    return np.asarray(fcluster(tree, 1.0 - threshold + 1e-9, criterion="distance"), dtype=np.intp)


def exact_sums(values: Float) -> dict[int, list[int]]:
    """Return the columns that columns before them determine linearly, and those columns.

    Parameters
    ----------
    values : ndarray, shape (n_samples, d)
        Complete, varying columns. With no more rows than columns every column is such a sum by
        counting alone, so nothing is returned.

    Examples
    --------
    >>> low, high, other = np.random.default_rng(0).normal(size=(3, 20))
    >>> exact_sums(np.column_stack([low, high, high - low, other]))
    {2: [0, 1]}
    """
    from scipy.linalg import solve_triangular

    n, d = values.shape
    found: dict[int, list[int]] = {}
    if n <= d:
        return found
    corr = correlation(values, "pearson")
    factor = np.zeros((d, d))
    kept: list[int] = []
    for j in range(d):
        k = len(kept)
        row = solve_triangular(factor[:k, :k], corr[kept, j], lower=True) if k else np.zeros(0)
        rest = 1.0 - float(row @ row)
        if rest < _EXACT:
            weights = solve_triangular(factor[:k, :k].T, row, lower=False)
            found[j] = [i for i, w in zip(kept, weights, strict=True) if abs(w) > 1e-6]
        else:
            factor[k, :k], factor[k, k] = row, np.sqrt(rest)
            kept.append(j)
    return found
