"""How sure the clusters of a RedundancyFilter are: resampled membership, and over-merging."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from causalimg.discovery.cluster_parts import difference, two_parts
from causalimg.discovery.clusters import correlation, ranked
from causalimg.discovery.redundancy import RedundancyFilter, fitted_clusters
from causalimg.errors import InvalidInputError, check_columns
from causalimg.parallel import Failure, ordered_map, spawn_seeds

Float = NDArray[np.float64]
Parts = tuple[tuple[str, ...], tuple[str, ...]]
_LEVEL = 0.05  # of the p-value of two parts
_SURE = 0.8


@dataclass(frozen=True)
class ClusterStability:
    """What resampling says of the clusters.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a cluster, by representative: ``size``; ``together``, the mean share of resamples
        in which two members share a cluster, and ``least``, the lowest; ``nearest`` and
        ``nearest_share``, the column outside that most often joins a member; ``part_r``, the
        correlation that the two most different parts of the cluster would have without noise, and
        ``split_p``, the p-value of its being 1 (both NaN below four members);
        ``verdict``: ``sure``, ``unsure`` (members come and go) or ``over-merged``.
    together : pandas.DataFrame, shape (d, d)
        Share of resamples in which two columns share a cluster.
    parts : dict of str to (tuple of str, tuple of str)
        Of each over-merged cluster.
    n_bootstrap : int
    """

    table: pd.DataFrame
    together: pd.DataFrame
    parts: dict[str, Parts]
    n_bootstrap: int

    @property
    def over_merged(self) -> tuple[str, ...]:
        """Representatives of the clusters that hold two different things."""
        return tuple(self.parts)

    @property
    def unsure(self) -> tuple[str, ...]:
        """Representatives of the clusters whose members come and go."""
        return tuple(self.table.index[self.table["verdict"] == "unsure"])

    def keep_apart(self) -> list[tuple[str, str]]:
        """Return the pairs that take the over-merged clusters apart, for `RedundancyFilter`."""
        return [(a, b) for one, other in self.parts.values() for a in one for b in other]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per cluster."""
        return self.table.reset_index()


@dataclass(frozen=True)
class _Resample:
    """One bootstrap of the clusters and one half-sample of the parts; picklable."""

    filter: RedundancyFilter
    values: Float
    names: tuple[str, ...]
    clusters: tuple[NDArray[np.intp], ...]

    def __call__(self, seed: np.random.SeedSequence) -> tuple[NDArray[np.intp], Float]:
        rng = np.random.default_rng(seed)
        n = len(self.values)
        rows = self.values[rng.integers(0, n, n)]
        corr = np.abs(correlation(rows, self.filter.method))
        at = {name: k for k, name in enumerate(self.names)}
        label = np.empty(len(self.names), dtype=np.intp)
        for k, group in enumerate(self.filter.partition(corr, at)):
            label[group] = k
        order = rng.permutation(n)
        first, second = self.values[order[: n // 2]], self.values[order[n // 2 :]]
        found = np.full((len(self.clusters), 2), np.nan)
        for k, members in enumerate(self.clusters):
            side = two_parts(np.abs(correlation(first[:, members], self.filter.method)))
            if side is not None:
                rows = ranked(second[:, members], self.filter.method)
                found[k] = difference(rows, side)
        return label, found


def cluster_stability(
    redundancy: RedundancyFilter,
    table: pd.DataFrame,
    *,
    n_bootstrap: int = 100,
    random_state: int | None = 0,
    n_jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> ClusterStability:
    """Resample the rows and say which clusters hold, which do not, and which hold two things.

    Membership is counted over bootstrap resamples. That alone does not see a threshold that is
    too low, which merges two different things in every resample. So each cluster of four or
    more columns is also split into its two most different parts on one half of the rows, and on
    the other half the correlation of the parts is corrected for the noise within them and tested
    against 1, which is what near-copies of one thing give. Twice the median p-value over the
    divisions is a p-value; a cluster below 0.05 is over-merged.

    Parameters
    ----------
    redundancy : RedundancyFilter
        Fitted on ``table``.
    table : pandas.DataFrame
    n_bootstrap : int
    random_state : int, optional
        The same seed gives the same result for every ``n_jobs``.
    n_jobs : int
    progress : callable (done, total), optional

    Returns
    -------
    ClusterStability

    Raises
    ------
    InvalidInputError
        If the filter is not fitted, a setting is not usable, or there are fewer than 20 rows.
    UnknownNameError
        If the table lacks a column of the filter.

    Notes
    -----
    Assumptions: rows are independent draws; the noise of two near-copies is independent. Columns
    that share noise (the same filter, the same bin width) can be called two things on good
    grounds: the report proposes, `keep_apart` disposes.

    References
    ----------
    Hennig C. Cluster-wise assessment of cluster stability. Comput Stat Data Anal 2007;52:258-271.
    doi:10.1016/j.csda.2006.11.025
    Spearman C. The proof and measurement of association between two things. Am J Psychol
    1904;15:72-101. doi:10.2307/1412159
    Meinshausen N, Meier L, Bühlmann P. p-Values for high-dimensional regression. J Am Stat Assoc
    2009;104:1671-1681. doi:10.1198/jasa.2009.tm08647

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.normal(size=(2, 400))
    >>> b = 0.97 * a + 0.24 * b
    >>> copies = {f"a{k}": a + 0.2 * rng.normal(size=400) for k in range(4)}
    >>> copies |= {f"b{k}": b + 0.2 * rng.normal(size=400) for k in range(4)}
    >>> table = pd.DataFrame(copies)
    >>> found = RedundancyFilter(threshold=0.8).fit(table)
    >>> sure = cluster_stability(found, table, n_bootstrap=40)
    >>> len(found.kept_), len(sure.over_merged)
    (1, 1)
    >>> again = RedundancyFilter(threshold=0.8, keep_apart=sure.keep_apart()).fit(table)
    >>> [sorted(members) for members in again.clusters_.values()]
    [['a0', 'a1', 'a2', 'a3'], ['b0', 'b1', 'b2', 'b3']]
    """
    clusters = fitted_clusters(redundancy)
    if not isinstance(n_bootstrap, int | np.integer) or n_bootstrap < 1:
        raise InvalidInputError(f"n_bootstrap={n_bootstrap!r} must be a whole number >= 1")
    if len(table) < 20:
        raise InvalidInputError(f"the stability of clusters needs 20 rows; got {len(table)}")
    names = tuple(sorted(m for group in clusters.values() for m in group))
    check_columns(table, names, "cluster_stability")
    at = {name: k for k, name in enumerate(names)}
    groups = {
        name: np.array(sorted(at[m] for m in group), dtype=np.intp)
        for name, group in clusters.items()
    }
    values = np.column_stack([table[name].to_numpy(dtype=np.float64) for name in names])
    work = _Resample(redundancy, values, names, tuple(groups.values()))
    results = ordered_map(
        work,
        spawn_seeds(random_state, n_bootstrap),
        n_jobs=n_jobs,
        labels=[f"resample {k}" for k in range(n_bootstrap)],
        progress=progress,
    )
    done = [r for r in results if not isinstance(r, Failure)]
    together = np.zeros((len(names), len(names)))
    for label, _ in done:
        order = np.argsort(label, kind="stable")
        for members in np.split(order, np.flatnonzero(np.diff(label[order])) + 1):
            together[np.ix_(members, members)] += 1
    together /= len(done)
    tested = np.array([found for _, found in done])
    full = np.abs(correlation(values, redundancy.method))
    rows, parts = [], {}
    for k, (name, members) in enumerate(groups.items()):
        row, split = _row(members, together, tested[:, k], full, names)
        rows.append(row)
        if split is not None:
            parts[name] = split
    frame = pd.DataFrame(rows, index=pd.Index(list(groups), name="representative"))
    return ClusterStability(
        frame, pd.DataFrame(together, index=names, columns=names), parts, n_bootstrap
    )


def take_apart(
    redundancy: RedundancyFilter,
    table: pd.DataFrame,
    *,
    max_rounds: int = 5,
    n_bootstrap: int = 50,
    random_state: int | None = 0,
    n_jobs: int = 1,
) -> tuple[RedundancyFilter, ClusterStability]:
    """Refit a filter with over-merged clusters kept apart, until none is reported.

    Parameters
    ----------
    redundancy : RedundancyFilter
        Its settings are used; it is not changed.
    table : pandas.DataFrame
    max_rounds : int
        Each round divides a cluster in two.
    n_bootstrap, random_state, n_jobs
        As in `cluster_stability`.

    Returns
    -------
    redundancy : RedundancyFilter
        Fitted; ``keep_apart`` says which pairs were separated.
    stability : ClusterStability
        Of its clusters.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.normal(size=(2, 300))
    >>> table = pd.DataFrame({f"a{k}": a + 0.2 * rng.normal(size=300) for k in range(4)})
    >>> table["b"] = b
    >>> refitted, sure = take_apart(RedundancyFilter(threshold=0.8), table)
    >>> refitted.kept_, sure.over_merged
    (['a2', 'b'], ())
    """
    from sklearn.base import clone

    fitted: RedundancyFilter = clone(redundancy).fit(table)
    for _ in range(max_rounds):
        found = cluster_stability(
            fitted, table, n_bootstrap=n_bootstrap, random_state=random_state, n_jobs=n_jobs
        )
        if not found.over_merged:
            return fitted, found
        apart = [*fitted.keep_apart, *found.keep_apart()]
        fitted = clone(fitted).set_params(keep_apart=apart).fit(table)
    return fitted, cluster_stability(
        fitted, table, n_bootstrap=n_bootstrap, random_state=random_state, n_jobs=n_jobs
    )


def _row(
    members: NDArray[np.intp], together: Float, tested: Float, full: Float, names: Sequence[str]
) -> tuple[dict[str, object], Parts | None]:
    pairs = [together[i, j] for i, j in combinations(members, 2)]
    outside = together[members].max(axis=0)
    outside[members] = -1.0
    near = int(outside.argmax())
    known = np.isfinite(tested[:, 0])
    part_r = split_p = float("nan")
    if known.any():  # a half-sample without two parts shows none
        part_r = float(np.median(tested[known, 0]))
        p = np.where(known, norm.sf(tested[:, 1]), 1.0)
        split_p = min(1.0, 2 * float(np.median(p)))
    mean, least = (float(np.mean(pairs)), float(min(pairs))) if pairs else (1.0, 1.0)
    side = two_parts(full[np.ix_(members, members)])
    split: Parts | None = None
    if split_p < _LEVEL and side is not None:
        split = (
            tuple(names[k] for k in members[side]),
            tuple(names[k] for k in members[~side]),
        )
    sure = least >= _SURE and outside[near] <= 1 - _SURE
    row = {
        "size": len(members),
        "together": mean,
        "least": least,
        "nearest": names[near] if outside[near] > 0 else "",
        "nearest_share": max(float(outside[near]), 0.0),
        "part_r": part_r,
        "split_p": split_p,
        "verdict": "over-merged" if split is not None else "sure" if sure else "unsure",
    }
    return row, split
