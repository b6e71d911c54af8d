"""Redundant columns: clusters of near-copies and one representative of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from causalimg.errors import InvalidInputError, check_columns
from causalimg.tables.encode import is_categorical

Float = NDArray[np.float64]


class RedundancyFilter(TransformerMixin, BaseEstimator):
    """Keep one representative of each cluster of columns that say the same.

    Near-copies (radiomics columns come in blocks of them) hide each other's edges from every
    discovery method. Columns are clustered on ``1 - |r|``; with complete linkage each two
    columns of a cluster correlate by at least ``threshold``.

    Parameters
    ----------
    threshold : float
        Absolute correlation from which columns are redundant, in (0, 1].
    method : {"spearman", "pearson"}
    linkage : {"complete", "average", "single"}
    keep : sequence of str
        Columns that are never dropped as redundant; the other members of their cluster go to
        the kept column they correlate with most.

    Attributes
    ----------
    kept_ : list of str
        In the order of the table.
    dropped_ : dict of str to str
        Column -> reason: constant, missing cells, or redundant with which column.
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
    The representative is the most central member (highest mean absolute correlation with the
    other members), ties by name; the result does not depend on the order of the columns.

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
    ) -> None:
        self.threshold = threshold
        self.method = method
        self.linkage = linkage
        self.keep = keep

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
        corr = _absolute_correlation(np.column_stack([values[c] for c in usable]), self.method)
        at = {name: k for k, name in enumerate(usable)}
        clusters: dict[str, tuple[str, ...]] = {}
        near: dict[str, tuple[str, float]] = {}
        for members in _clusters(corr, self.threshold, self.linkage):
            names = [usable[k] for k in members]
            chosen = [name for name in names if name in set(self.keep)] or [
                usable[_central(corr, members)]
            ]
            groups: dict[str, list[str]] = {name: [name] for name in chosen}
            for name in names:
                if name not in groups:
                    best = max(chosen, key=lambda c: (corr[at[name], at[c]], -at[c]))
                    groups[best].append(name)
                    near[name] = (best, float(corr[at[name], at[best]]))
            clusters.update({name: tuple(group) for name, group in groups.items()})
        for name, (best, r) in near.items():
            dropped[name] = f"redundant with {best} (|r| = {r:.3f})"
        self.kept_ = [name for name in columns if name in clusters]
        self.dropped_ = {name: dropped[name] for name in columns if name in dropped}
        self.clusters_ = {name: clusters[name] for name in self.kept_}
        self._near = near
        self.feature_names_in_ = np.array(columns, dtype=object)
        self.n_features_in_ = len(columns)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the kept columns of a table.

        Raises
        ------
        UnknownNameError
            If a kept column is not in the table.
        """
        self._fitted()
        check_columns(X, self.kept_, "RedundancyFilter")
        return X[self.kept_]

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
        text = [str(name) for name in table.columns if is_categorical(table[name])]
        if text:
            raise InvalidInputError(
                f"RedundancyFilter takes numeric columns; not so: {text[:10]}. Give it the features"
                " only, as in frame[table.features]"
            )
        if len(table) < 3:
            raise InvalidInputError(f"correlations need at least 3 rows; got {len(table)}")


def _unusable(values: Float) -> str:
    missing = int((~np.isfinite(values)).sum())
    if missing:
        return f"{missing} of {len(values)} cells missing or infinite"
    spread = values.max() - values.min()
    return "constant" if spread <= 1e-12 * np.abs(values).max() else ""


def _absolute_correlation(values: Float, method: str) -> Float:
    if method == "spearman":
        from scipy.stats import rankdata

        values = rankdata(values, axis=0)
    centred = values - values.mean(axis=0)
    centred = centred / np.sqrt((centred * centred).sum(axis=0))
    return np.asarray(np.clip(np.abs(centred.T @ centred), 0.0, 1.0))


def _clusters(corr: Float, threshold: float, linkage: str) -> list[list[int]]:
    """Return groups of positions, in order of their first member."""
    if len(corr) == 1:
        return [[0]]
    from scipy.cluster.hierarchy import fcluster
    from scipy.cluster.hierarchy import linkage as link
    from scipy.spatial.distance import squareform

    distance = 1.0 - corr
    np.fill_diagonal(distance, 0.0)
    method = cast(Literal["complete", "average", "single"], linkage)
    tree = link(squareform((distance + distance.T) / 2, checks=False), method=method)
    labels = fcluster(tree, 1.0 - threshold + 1e-9, criterion="distance")
    groups: dict[int, list[int]] = {}
    for k, label in enumerate(labels):
        groups.setdefault(int(label), []).append(k)
    return list(groups.values())


def _central(corr: Float, members: list[int]) -> int:
    inside = corr[np.ix_(members, members)].sum(axis=1).round(10)
    return members[int(np.argmax(inside))]
