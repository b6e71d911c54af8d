"""Bootstrap of any discovery method: how often each edge and each direction comes back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone

from causalimg.discovery.base import BaseDiscovery, Found, describe
from causalimg.discovery.consensus import consensus_graph, edge_shares
from causalimg.discovery.data import DiscoveryData
from causalimg.errors import InvalidInputError, NotEstimableError, check_columns
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge
from causalimg.parallel import Failure, ordered_map
from causalimg.provenance import Provenance
from causalimg.tables.moments import Moments

Int = NDArray[np.intp]
Float = NDArray[np.float64]


@dataclass(frozen=True)
class _Refit:
    """One resample of the rows and one refit; a picklable function of its seed."""

    estimator: BaseDiscovery
    data: DiscoveryData
    clusters: tuple[Int, ...]

    def __call__(self, seed: np.random.SeedSequence) -> CausalGraph:
        rows = _drawn(self.clusters, seed)
        estimator: BaseDiscovery = clone(self.estimator)
        return estimator.run(self.data.resample(rows)).graph


class TakesBatches(Protocol):
    """A discovery method that works on covariances and takes many data sets in one call."""

    def batch_size(self, n_features: int) -> int:
        """Return how many data sets to give at a time; must not depend on ``n_jobs``."""

    def resampled(self, matrix: Float, counts: Float) -> tuple[Float, Float]:
        """Return the means and covariances of reweighted rows, one for each row of counts."""

    def run_batch(self, batch: Sequence[DiscoveryData]) -> list[Found | Failure]:
        """Return for each data set what `BaseDiscovery.run` would find, or why it cannot."""


@dataclass(frozen=True)
class _RefitBatch:
    """Several resamples, their moments as one weighted Gram product, and one call."""

    estimator: BaseDiscovery
    data: DiscoveryData
    clusters: tuple[Int, ...]

    def __call__(self, seeds: Sequence[np.random.SeedSequence]) -> list[CausalGraph | Failure]:
        matrix, moments = self.data.matrix, self.data.moments
        if matrix is None:  # refused before: a bootstrap has rows
            raise InvalidInputError("moments hold no rows to resample; give the table instead")
        counts = np.empty((len(seeds), len(matrix)))
        for k, seed in enumerate(seeds):
            rows = _drawn(self.clusters, seed)
            counts[k] = np.bincount(rows, minlength=len(matrix))
        estimator: Any = clone(self.estimator)
        means, covs = estimator.resampled(matrix, counts)
        batch = []
        for n, mean, cov in zip(counts.sum(axis=1), means, covs, strict=True):
            whole = Moments(
                moments.columns, float(n), mean, cov, moments.blocks, moments.levels
            ).observed()
            batch.append(
                DiscoveryData(self.data.columns, whole, None, self.data.order, self.data.source)
            )
        found: list[Found | Failure] = estimator.run_batch(batch)
        return [one if isinstance(one, Failure) else one.graph for one in found]


def _drawn(clusters: tuple[Int, ...], seed: np.random.SeedSequence) -> Int:
    """Return the rows of one resample of the clusters."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(clusters), size=len(clusters))
    return np.concatenate([clusters[k] for k in drawn])


class BootstrapDiscovery(BaseEstimator):
    """Refit a discovery method on resamples of the rows and count edges and directions.

    Parameters
    ----------
    estimator : BaseDiscovery
        Any discovery method; it is cloned, never changed.
    n_bootstrap : int
        Number of resamples.
    random_state : int, optional
        The same seed gives the same result for every ``n_jobs`` and joblib backend.
    n_jobs : int
        Number of joblib workers.
    threshold : float
        Share of resamples from which an edge enters ``consensus_``.
    cluster : str or array_like of shape (n_samples,), optional
        Resample groups of rows that belong together (patient, site) instead of rows: a column
        of the table, which is then not a node, or the labels themselves.
    progress : callable (done, total), optional

    Attributes
    ----------
    graph_ : CausalGraph
        The estimator's graph on all rows, with ``support``.
    support_ : ndarray, shape (d, d)
        ``[i, j]``: share of resamples with i -> j, an edge without direction adding one half to
        each side; ``support_ + support_.T`` is the share with any edge.
    consensus_ : CausalGraph
        Edges with a share of at least ``threshold``, oriented where more than half of the
        resamples that have the edge agree; without cycles, and in line with the knowledge.
    graphs_ : tuple of CausalGraph
        The graph of each resample that could be fitted.
    estimator_ : BaseDiscovery
        Fitted on all rows.
    stats_ : dict
        ``n_bootstrap``, ``n_failed``, ``failures`` (reason -> count), ``entropy`` (of the seed:
        give it as ``random_state`` to repeat the run), and ``fit``, the estimator's own.
    assumptions_, feature_names_in_, n_features_in_

    Raises
    ------
    InvalidInputError
        From `fit`: unusable settings or columns, by name.
    NotEstimableError
        From `fit`: more than half of the resamples failed; the reasons are given.

    Notes
    -----
    Assumptions: those of the estimator; rows (or clusters) are independent draws. Support is the
    stability of the method on these data, not the probability that an edge exists.

    References
    ----------
    Friedman N, Goldszmidt M, Wyner A. Data analysis with Bayesian networks: a bootstrap
    approach. UAI 1999. doi:10.48550/arXiv.1301.6695

    Examples
    --------
    >>> from causalimg.discovery.pc import PC
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.normal(size=(2, 300))
    >>> table = pd.DataFrame({"a": a, "b": b, "c": a + b + rng.normal(size=300)})
    >>> boot = BootstrapDiscovery(PC(), n_bootstrap=20, random_state=0).fit(table)
    >>> bool(boot.support_[0, 2] > 0.9), boot.consensus_.parents("c")
    (True, ('a', 'b'))
    """

    def __init__(
        self,
        estimator: BaseDiscovery,
        *,
        n_bootstrap: int = 100,
        random_state: int | None = None,
        n_jobs: int = 1,
        threshold: float = 0.5,
        cluster: str | ArrayLike | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.estimator = estimator
        self.n_bootstrap = n_bootstrap
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.threshold = threshold
        self.cluster = cluster
        self.progress = progress

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit on all rows, then on ``n_bootstrap`` resamples.

        Parameters
        ----------
        X : pandas.DataFrame or ndarray, shape (n_samples, n_features)
        y : ignored
        """
        self._check_settings()
        table, clusters = self._clusters(X)
        estimator = clone(self.estimator).fit(table)
        data = self.estimator.read(table)
        seed = np.random.SeedSequence(self.random_state)
        results = self._refits(data, clusters, seed.spawn(self.n_bootstrap))
        failed = [r for r in results if isinstance(r, Failure)]
        graphs = [r for r in results if not isinstance(r, Failure)]
        reasons = dict(Counter(f"{f.error}: {f.reason}" for f in failed).most_common())
        if len(failed) > self.n_bootstrap / 2:
            first = next(iter(reasons))
            raise NotEstimableError(
                f"{len(failed)} of {self.n_bootstrap} resamples could not be fitted; most often:"
                f" {first}"
            )
        names = estimator.graph_.nodes
        shares = edge_shares(graphs, names)
        known = getattr(self.estimator, "knowledge", None) or Knowledge()
        provenance = Provenance.of(
            "discovery",
            settings=self._settings(),
            inputs={"table": data.source},
            assumptions=estimator.assumptions_,
            seed=self.random_state,
        )
        self.estimator_ = estimator
        self.graphs_ = tuple(graphs)
        self.support_ = shares.support
        self.graph_ = replace(estimator.graph_, support=shares.support, provenance=provenance)
        self.consensus_ = replace(
            consensus_graph(names, shares, self.threshold, known, estimator.graph_.kind),
            provenance=provenance,
        )
        self.assumptions_ = estimator.assumptions_
        self.stats_ = {
            "n": data.moments.n,
            "n_bootstrap": self.n_bootstrap,
            "n_clusters": len(clusters),
            "n_failed": len(failed),
            "failures": reasons,
            "entropy": seed.entropy,
            "fit": estimator.stats_,
        }
        self.feature_names_in_ = estimator.feature_names_in_
        self.n_features_in_ = estimator.n_features_in_
        return self

    def _refits(
        self,
        data: DiscoveryData,
        clusters: tuple[Int, ...],
        seeds: list[np.random.SeedSequence],
    ) -> list[CausalGraph | Failure]:
        """Refit on each resample, in batches where the estimator takes them."""
        if not hasattr(self.estimator, "run_batch"):
            return ordered_map(
                _Refit(self.estimator, data, clusters),
                seeds,
                n_jobs=self.n_jobs,
                labels=[f"resample {k}" for k in range(len(seeds))],
                progress=self.progress,
            )
        batches: TakesBatches = self.estimator
        size, total, report = batches.batch_size(len(data.moments.mean)), len(seeds), self.progress
        parts = [seeds[k : k + size] for k in range(0, total, size)]
        found = ordered_map(
            _RefitBatch(self.estimator, data, clusters),
            parts,
            n_jobs=self.n_jobs,
            labels=[f"resamples {k * size} to {k * size + len(p)}" for k, p in enumerate(parts)],
            progress=None
            if report is None
            else lambda done, _: report(min(done * size, total), total),
        )
        out: list[CausalGraph | Failure] = []
        for part, graphs in zip(parts, found, strict=True):
            out += [graphs] * len(part) if isinstance(graphs, Failure) else graphs
        return out

    def _settings(self) -> dict[str, Any]:
        settings = describe(self)
        del settings["n_jobs"]
        if self.cluster is not None and not isinstance(self.cluster, str):
            settings["cluster"] = "labels"
        return settings

    def _check_settings(self) -> None:
        if not isinstance(self.estimator, BaseDiscovery):
            raise InvalidInputError(
                "estimator must be a discovery method such as PC(), not"
                f" {type(self.estimator).__name__}"
            )
        if not isinstance(self.n_bootstrap, int | np.integer) or self.n_bootstrap < 1:
            raise InvalidInputError(f"n_bootstrap={self.n_bootstrap!r} must be a whole number >= 1")
        if not isinstance(self.threshold, int | float) or not 0 < self.threshold <= 1:
            raise InvalidInputError(f"threshold={self.threshold!r} must lie in (0, 1]")

    def _clusters(self, table: Any) -> tuple[Any, tuple[Int, ...]]:
        """Return the table of nodes and the rows of each cluster."""
        n = len(table) if hasattr(table, "__len__") else 0
        if n == 0:
            raise InvalidInputError(
                f"the bootstrap needs rows to resample; got {type(table).__name__}"
            )
        if self.cluster is None:
            return table, tuple(np.arange(n).reshape(n, 1))
        if isinstance(self.cluster, str):
            if not isinstance(table, pd.DataFrame):
                raise InvalidInputError(
                    f"cluster={self.cluster!r} names a column: give a DataFrame, or the labels"
                )
            check_columns(table, [self.cluster], "cluster")
            labels = table[self.cluster]
            table = table.drop(columns=self.cluster)
        else:
            labels = pd.Series(np.asarray(self.cluster))
        if len(labels) != n or labels.isna().any():
            raise InvalidInputError(
                f"cluster needs one label for each of the {n} rows; got {len(labels)}, of which"
                f" {int(labels.isna().sum())} are missing"
            )
        codes, names = pd.factorize(labels.to_numpy())
        if len(names) < 2:
            raise InvalidInputError("cluster has one label only: there is nothing to resample")
        return table, tuple(np.flatnonzero(codes == k) for k in range(len(names)))
