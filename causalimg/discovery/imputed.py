"""Any discovery method on a table with missing cells: one graph an imputation, then their votes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone

from causalimg.discovery.base import BaseDiscovery, describe
from causalimg.discovery.consensus import consensus_graph, edge_shares
from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.imputation import MultipleImputation
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge
from causalimg.parallel import Failure, ordered_map
from causalimg.provenance import Provenance


@dataclass(frozen=True)
class _Fit:
    """Fit of a clone; a picklable function of the table."""

    estimator: BaseDiscovery

    def __call__(self, table: pd.DataFrame) -> BaseDiscovery:
        fitted: BaseDiscovery = clone(self.estimator).fit(table)
        return fitted


class ImputedDiscovery(BaseEstimator):
    """Fit a discovery method to several imputations and count edges and directions.

    Parameters
    ----------
    estimator : BaseDiscovery
        Any discovery method; it is cloned, never changed.
    imputation : MultipleImputation, optional
        Default ``MultipleImputation(random_state=0)``.
    threshold : float
        Share of imputations from which an edge enters ``graph_``.
    n_jobs : int
        Number of joblib workers; the result does not depend on it.

    Attributes
    ----------
    graph_ : CausalGraph
        Edges that enough imputations have, oriented where more than half of those agree, with
        ``support``; without cycles, and in line with the knowledge.
    support_ : ndarray, shape (d, d)
        ``[i, j]``: share of imputations with i -> j, an edge without direction adding one half to
        each side.
    estimators_ : tuple of BaseDiscovery
        Fitted, one an imputation.
    stats_ : dict
        ``n``, ``n_imputations``, ``missing`` (column -> share of cells).
    assumptions_, feature_names_in_, n_features_in_

    Raises
    ------
    InvalidInputError
        From `fit`: unusable settings or columns, by name.

    Notes
    -----
    Assumptions: those of the estimator and of the imputation (missingness depends on observed
    cells only; linear Gaussian relations). Support tells how far the missing cells decide, not
    how sure an edge is; PC and FCI pool tests rather than graphs with ``missing="impute"``.

    References
    ----------
    Heymans MW and others. Variable selection under multiple imputation using the bootstrap in a
    prognostic study. BMC Med Res Methodol 2007;7:33. doi:10.1186/1471-2288-7-33

    Examples
    --------
    >>> from causalimg.discovery.pc import PC
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=200)
    >>> table = pd.DataFrame({"a": a, "b": a + rng.normal(size=200)})
    >>> table.loc[:20, "b"] = np.nan
    >>> found = ImputedDiscovery(PC(), imputation=MultipleImputation(n_imputations=4,
    ...     random_state=0)).fit(table)
    >>> found.graph_.neighbors("a")
    ('b',)
    """

    def __init__(
        self,
        estimator: BaseDiscovery,
        *,
        imputation: MultipleImputation | None = None,
        threshold: float = 0.5,
        n_jobs: int = 1,
    ) -> None:
        self.estimator = estimator
        self.imputation = imputation
        self.threshold = threshold
        self.n_jobs = n_jobs

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Impute, fit, and count.

        Parameters
        ----------
        X : pandas.DataFrame, shape (n_samples, n_features)
        y : ignored
        """
        if not isinstance(self.estimator, BaseDiscovery):
            raise InvalidInputError(
                "estimator must be a discovery method such as PC(), not"
                f" {type(self.estimator).__name__}"
            )
        if not isinstance(X, pd.DataFrame):
            raise InvalidInputError(f"imputation needs a DataFrame, not {type(X).__name__}")
        if not isinstance(self.threshold, int | float) or not 0 < self.threshold <= 1:
            raise InvalidInputError(f"threshold={self.threshold!r} must lie in (0, 1]")
        data = DiscoveryData.of(X, missing=True)  # refuses empty and infinite columns by name
        drawn = (self.imputation or MultipleImputation(random_state=0)).draw(X)
        fitted = ordered_map(_Fit(self.estimator), drawn, n_jobs=self.n_jobs, catch=())
        estimators = [one for one in fitted if not isinstance(one, Failure)]
        graphs: list[CausalGraph] = [one.graph_ for one in estimators]
        first = estimators[0]
        names = first.graph_.nodes
        shares = edge_shares(graphs, names)
        known = getattr(self.estimator, "knowledge", None) or Knowledge()
        graph = consensus_graph(names, shares, self.threshold, known, first.graph_.kind)
        self.assumptions_ = (
            *first.assumptions_,
            "Missing cells are imputed from the other columns by linear regressions, which is right"
            " if missingness depends on observed cells only (MAR).",
        )
        provenance = Provenance.of(
            "discovery",
            settings=describe(self),
            inputs={"table": data.source},
            assumptions=self.assumptions_,
        )
        self.graph_ = CausalGraph(
            names, graph.marks, graph.kind, graph.weights, shares.support, provenance
        )
        self.support_ = shares.support
        self.estimators_ = tuple(estimators)
        holes = X.isna().mean()
        self.stats_ = {
            "n": len(X),
            "n_imputations": len(drawn),
            "missing": {str(name): float(share) for name, share in holes.items() if share > 0},
        }
        self.feature_names_in_ = np.array(names, dtype=object)
        self.n_features_in_ = len(names)
        return self
