"""Redundant columns: clusters of near-copies and one representative of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from causalimg.discovery.clusters import correlation, correlation_clusters, exact_sums
from causalimg.errors import InvalidInputError, check_columns
from causalimg.tables.encode import is_categorical

Float = NDArray[np.float64]


class RedundancyFilter(TransformerMixin, BaseEstimator):
    """Keep one representative of each cluster of columns that say the same.

    Near-copies (radiomics columns come in blocks of them) hide each other's edges from every
    discovery method. Columns are clustered on ``1 - |r|``; with complete linkage each two
    columns of a cluster correlate by at least ``threshold``. A representative that is an exact sum
    of others (a range, of a maximum and a minimum) says nothing new either: the next member of its
    cluster takes its place, or none.

    Parameters
    ----------
    threshold : float
        Absolute correlation from which columns are redundant, in (0, 1].
    method : {"spearman", "pearson"}
    linkage : {"complete", "average", "single"}
    keep : sequence of str
        Columns that are never dropped as redundant; the other members of their cluster go to
        the kept column they correlate with most.
    keep_apart : sequence of (str, str)
        Pairs that do not share a cluster, however alike they are (`cluster_stability` proposes
        some).
    merge : sequence of sequences of str
        Columns whose clusters become one, however unlike they are.
    test_retest : mapping of str to float, optional
        Repeatability of each column (such as an ICC); the representative is then the most
        repeatable member. Columns that are not in it come last.
    summary : {"member", "mean"}
        What `transform` returns for a cluster: its representative as it is, or the mean of the
        members (standardised, turned to the representative's direction) under its name. The mean
        of near-copies has less noise of measurement, which otherwise hides links.

    Attributes
    ----------
    kept_ : list of str
        In the order of the table.
    dropped_ : dict of str to str
        Column -> reason: constant, missing cells, redundant with which column, or an exact sum of
        which columns.
    clusters_ : dict of str to tuple of str
        Representative -> members, itself first; every kept column is one.
    feature_names_in_, n_features_in_

    Raises
    ------
    InvalidInputError
        From `fit`: columns that are not numbers, names used twice, a setting that is not
        allowed, or a column of ``keep`` that is constant or incomplete.
    UnknownNameError
        If a column of ``keep`` is not in the table.

    Notes
    -----
    Assumptions: columns that correlate by ``threshold`` or more measure the same thing, so that one
    of them can stand for all; the relation is monotone (``spearman``) or linear (``pearson``).

    The representative is the most repeatable member if ``test_retest`` is given, else the most
    central (highest mean absolute correlation with the other members), ties by name; the result
    does not depend on the order of the columns. A threshold that is too low merges columns that
    are different things: look at `cluster_stability`. What is found on the reduced table depends on
    the method: see docs/tables/discovery_which.md.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.normal(size=(2, 100))
    >>> table = pd.DataFrame({"a": a, "a_copy": 2 * a, "b": b, "flat": np.ones(100)})
    >>> reduced = RedundancyFilter().fit(table)
    >>> reduced.kept_, reduced.dropped_["flat"]
    (['a', 'b'], 'constant')
    """

    def __init__(
        self,
        *,
        threshold: float = 0.95,
        method: str = "spearman",
        linkage: str = "complete",
        keep: Sequence[str] = (),
        keep_apart: Sequence[tuple[str, str]] = (),
        merge: Sequence[Sequence[str]] = (),
        test_retest: Mapping[str, float] | None = None,
        summary: str = "member",
    ) -> None:
        self.threshold = threshold
        self.method = method
        self.linkage = linkage
        self.keep = keep
        self.keep_apart = keep_apart
        self.merge = merge
        self.test_retest = test_retest
        self.summary = summary

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Find the clusters.

        Parameters
        ----------
        X : pandas.DataFrame, shape (n_samples, n_features)
            Numbers. Columns that are constant or have missing cells are dropped, and named.
        y : ignored
        """
        self._check(X)
        columns = [str(name) for name in X.columns]
        values = {
            str(name): X[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in X.columns
        }
        reasons = {name: _unusable(values[name]) for name in columns}
        dropped = {name: reason for name, reason in reasons.items() if reason}
        bad = {name: dropped[name] for name in self.keep if name in dropped}
        if bad:
            raise InvalidInputError(f"columns of keep that cannot be used: {bad}")
        usable = sorted(name for name in columns if name not in dropped)
        if not usable:
            raise InvalidInputError(
                f"no usable column is left of {len(columns)}: {dict(list(dropped.items())[:5])}"
            )
        signed = correlation(np.column_stack([values[c] for c in usable]), self.method)
        corr = np.abs(signed)
        at = {name: k for k, name in enumerate(usable)}
        clusters: dict[str, tuple[str, ...]] = {}
        near: dict[str, tuple[str, float]] = {}
        for members in self.partition(corr, at):
            names = [usable[k] for k in members]
            chosen = [name for name in names if name in set(self.keep)] or [
                usable[self._representative(corr, members, usable)]
            ]
            groups: dict[str, list[str]] = {name: [name] for name in chosen}
            for name in names:
                if name not in groups:
                    best = max(chosen, key=lambda c: (corr[at[name], at[c]], -at[c]))
                    groups[best].append(name)
                    near[name] = (best, float(corr[at[name], at[best]]))
            clusters.update({name: tuple(group) for name, group in groups.items()})
        sums = self._without_sums(clusters, near, corr, at, values)
        for name, (best, r) in near.items():
            dropped[name] = sums.get(name, f"redundant with {best} (|r| = {r:.3f})")
        self.kept_ = [name for name in columns if name in clusters]
        self.dropped_ = {name: dropped[name] for name in columns if name in dropped}
        self.clusters_ = {name: clusters[name] for name in self.kept_}
        self._near = near
        self._turn = {
            name: {m: -1.0 if signed[at[m], at[name]] < 0 else 1.0 for m in group}
            for name, group in self.clusters_.items()
        }
        used = {m: values[m] for group in clusters.values() for m in group}
        self._scale = {m: (float(v.mean()), float(v.std())) for m, v in used.items()}
        self.feature_names_in_ = np.array(columns, dtype=object)
        self.n_features_in_ = len(columns)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the kept columns of a table, or the means of the clusters.

        Means are in standard deviations of the table that was fitted.

        Raises
        ------
        UnknownNameError
            If a column that is needed is not in the table.
        """
        self._fitted()
        if self.summary == "member":
            check_columns(X, self.kept_, "RedundancyFilter")
            return X[self.kept_]
        check_columns(X, self._scale, "RedundancyFilter")
        out = {}
        for name, members in self.clusters_.items():
            parts = [
                self._turn[name][m]
                * (X[m].to_numpy(np.float64) - self._scale[m][0])
                / self._scale[m][1]
                for m in members
            ]
            out[name] = np.mean(parts, axis=0)
        return pd.DataFrame(out, index=X.index)

    def partition(self, corr: Float, at: Mapping[str, int]) -> list[list[int]]:
        """Return the clusters of columns for given absolute correlations, overrides included.

        Parameters
        ----------
        corr : ndarray, shape (d, d)
        at : mapping of str to int
            Position of each column; names of the overrides that are not there are passed over.
        """
        return correlation_clusters(
            corr,
            self.threshold,
            self.linkage,
            apart=[(at[a], at[b]) for a, b in self.keep_apart if a in at and b in at],
            merge=[g for g in ([at[n] for n in group if n in at] for group in self.merge) if g],
        )

    def _without_sums(
        self,
        clusters: dict[str, tuple[str, ...]],
        near: dict[str, tuple[str, float]],
        corr: Float,
        at: Mapping[str, int],
        values: Mapping[str, Float],
    ) -> dict[str, str]:
        """Take representatives that are exact sums of others out, in place; return the reasons."""
        reasons: dict[str, str] = {}
        protected = set(self.keep)
        while True:
            order = sorted(clusters, key=lambda name: (name not in protected, name))
            found = exact_sums(np.column_stack([values[name] for name in order]))
            sums = [(order[k], [order[i] for i in parts]) for k, parts in found.items()]
            sums = [(name, parts) for name, parts in sums if name not in protected]
            if not sums:
                return reasons
            for name, parts in sums:
                group = [member for member in clusters.pop(name) if member not in reasons]
                left = [member for member in group if member != name]
                best = max(left or parts, key=lambda other: (corr[at[name], at[other]], other))
                near[name] = (best, float(corr[at[name], at[best]]))
                reasons[name] = f"an exact sum of {', '.join(parts)}"
                if left:
                    near.pop(best)
                    clusters[best] = (best, *(member for member in left if member != best))
                    for member in clusters[best][1:]:
                        near[member] = (best, float(corr[at[member], at[best]]))

    def _representative(self, corr: Float, members: list[int], names: list[str]) -> int:
        inside = corr[np.ix_(members, members)].sum(axis=1).round(10)
        known = self.test_retest or {}
        repeat = [float(known.get(names[k], -np.inf)) for k in members]
        return members[max(range(len(members)), key=lambda k: (repeat[k], inside[k], -k))]

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the kept columns."""
        self._fitted()
        return np.array(self.kept_, dtype=object)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per column of the table.

        Columns: ``feature``, ``representative`` (empty if there is none), ``abs_r`` (with the
        representative), ``status`` (``kept``, ``redundant``, ``constant``, ``incomplete``) and
        ``reason`` in words.
        """
        self._fitted()
        rows = []
        for name in self.feature_names_in_:
            reason = self.dropped_.get(name, "")
            best, r = self._near.get(name, (name, 1.0) if name in self.clusters_ else ("", np.nan))
            unusable = "constant" if reason == "constant" else "incomplete"
            status = "kept" if not reason else "redundant" if best else unusable
            rows.append((name, best, r, status, reason))
        return pd.DataFrame(
            rows, columns=["feature", "representative", "abs_r", "status", "reason"]
        )

    def _fitted(self) -> None:
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self, "kept_")

    def _check(self, table: pd.DataFrame) -> None:
        if not isinstance(table, pd.DataFrame):
            raise InvalidInputError(
                f"RedundancyFilter takes a DataFrame, not {type(table).__name__}"
            )
        if not isinstance(self.threshold, int | float) or not 0 < self.threshold <= 1:
            raise InvalidInputError(f"threshold={self.threshold!r} must lie in (0, 1]")
        for name, value, allowed in (
            ("method", self.method, ("spearman", "pearson")),
            ("linkage", self.linkage, ("complete", "average", "single")),
            ("summary", self.summary, ("member", "mean")),
        ):
            if value not in allowed:
                raise InvalidInputError(f"{name}={value!r} is not one of {', '.join(allowed)}")
        if isinstance(self.keep, str):
            raise InvalidInputError(f"keep must be a list of names, not {self.keep!r}")
        names = pd.Index([str(name) for name in table.columns])
        if not names.is_unique:
            raise InvalidInputError(
                f"column names must differ; twice: {sorted(set(names[names.duplicated()]))}"
            )
        check_columns(table, self.keep, "keep")
        check_overrides(table, self.keep_apart, self.merge)
        text = [str(name) for name in table.columns if is_categorical(table[name])]
        if text:
            raise InvalidInputError(
                f"RedundancyFilter takes numeric columns; not so: {text[:10]}. Give it the features"
                " only, as in frame[table.features]"
            )
        if len(table) < 3:
            raise InvalidInputError(f"correlations need at least 3 rows; got {len(table)}")


def fitted_clusters(redundancy: RedundancyFilter) -> dict[str, tuple[str, ...]]:
    """Return the clusters of a fitted filter.

    Raises
    ------
    InvalidInputError
        If it is not fitted.
    """
    if not hasattr(redundancy, "clusters_"):
        raise InvalidInputError("the RedundancyFilter is not fitted: call fit(table) first")
    return redundancy.clusters_


def check_overrides(
    table: pd.DataFrame, keep_apart: Sequence[tuple[str, str]], merge: Sequence[Sequence[str]]
) -> None:
    """Raise unless the overrides name columns of the table and do not contradict each other."""
    for pair in keep_apart:
        if isinstance(pair, str) or len(pair) != 2 or pair[0] == pair[1]:
            raise InvalidInputError(f"keep_apart holds pairs of different names, not {pair!r}")
        check_columns(table, pair, "keep_apart")
    for group in merge:
        if isinstance(group, str):
            raise InvalidInputError(f"merge holds groups of names, not the single text {group!r}")
        check_columns(table, group, "merge")
        both = [pair for pair in keep_apart if set(pair) <= set(group)]
        if both:
            raise InvalidInputError(f"{both[0]} is to be merged and to be kept apart")


def _unusable(values: Float) -> str:
    missing = int((~np.isfinite(values)).sum())
    if missing:
        return f"{missing} of {len(values)} cells missing or infinite"
    spread = values.max() - values.min()
    return "constant" if spread <= 1e-12 * np.abs(values).max() else ""
