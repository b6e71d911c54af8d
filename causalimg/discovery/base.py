"""What every discovery method shares: input checks, knowledge, the fitted graph."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator

from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.sortability import sortability_report
from causalimg.errors import CausalImgError, InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge
from causalimg.provenance import Provenance

_SORTED_NODES = 200  # beyond, the sortability of a graph costs more than some methods


@dataclass(frozen=True)
class Found:
    """What a method found: a graph over ``DiscoveryData.columns`` and what to say about it.

    Parameters
    ----------
    graph : CausalGraph
    stats : dict
        Becomes ``stats_`` of the estimator.
    assumptions : tuple of str
        What must hold for the graph to mean what it says.
    attributes : dict
        Further attributes of the fitted estimator, by name.

    Examples
    --------
    >>> graph = CausalGraph.from_directed(("age", "size"), [[0, 1], [0, 0]])
    >>> Found(graph, {"tests": 1}, ("Relations are linear.",)).stats
    {'tests': 1}
    """

    graph: CausalGraph
    stats: dict[str, Any] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()
    attributes: dict[str, Any] = field(default_factory=dict)


class BaseDiscovery(BaseEstimator):
    """Base class of the discovery methods; a subclass writes `_discover`.

    Assumptions: those that a subclass states in what it returns.

    Attributes
    ----------
    graph_ : CausalGraph
        With provenance; nodes in the order of the input's columns.
    stats_ : dict
        Figures of the search; ``sortability`` for up to 200 nodes: how much of the graph the scale
        (``variance``) or the predictability (``r2``) of the columns gives away (0.5 nothing, 0 or
        1 everything; `causalimg.discovery.sortability.sortability_report`).
    assumptions_ : tuple of str
        What must hold for the graph to mean what it says.
    feature_names_in_ : ndarray of str
    n_features_in_ : int

    Examples
    --------
    >>> import pandas as pd
    >>> class Strong(BaseDiscovery):
    ...     def __init__(self, *, least=0.5, knowledge=None):
    ...         self.least, self.knowledge = least, knowledge
    ...     def _discover(self, data, knowledge):
    ...         joined = np.abs(data.moments.correlation()) > self.least
    ...         np.fill_diagonal(joined, False)
    ...         return Found(CausalGraph.from_directed(data.columns, joined, kind="cpdag"))
    >>> a = np.random.default_rng(0).normal(size=(2, 300))
    >>> table = pd.DataFrame({"a": a[0], "b": a[0] + a[1]})
    >>> Strong().fit(table).graph_
    CausalGraph(cpdag, 2 nodes, 0 directed and 1 unoriented edges)
    """

    _takes_moments: ClassVar[bool] = False
    _full_rank: ClassVar[bool] = False

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the graph.

        Parameters
        ----------
        X : pandas.DataFrame, Moments or ndarray, shape (n_samples, n_features)
            Complete cells; text, boolean and pandas ``category`` columns are categorical nodes.
            `Moments` only where the method works on covariances.
        y : ignored

        Raises
        ------
        InvalidInputError
            Naming the columns that are missing cells, constant, duplicate or dependent; or the
            setting that is not allowed.
        UnknownNameError
            If the knowledge names a node that is not a column.
        """
        data = self.read(X)
        if data.matrix is None and not self._takes_moments:
            raise InvalidInputError(
                f"{type(self).__name__} needs the rows, not only their moments; give a DataFrame"
            )
        found = self.run(data)
        graph = _reorder(found.graph, data.order)
        provenance = Provenance.of(
            "discovery",
            settings=describe(self),
            inputs={"table": data.source},
            assumptions=found.assumptions,
        )
        self.graph_ = CausalGraph(
            graph.nodes, graph.marks, graph.kind, graph.weights, graph.support, provenance
        )
        self.stats_ = {"n": data.moments.n, **found.stats}
        if "sortability" not in self.stats_ and len(graph.nodes) <= _SORTED_NODES:
            sorted_by = sortability_report(graph, data.moments)
            if sorted_by.n_edges:
                self.stats_["sortability"] = {"variance": sorted_by.variance, "r2": sorted_by.r2}
        self.assumptions_ = found.assumptions
        for name, value in found.attributes.items():
            setattr(self, name, value)
        self.feature_names_in_ = np.array(data.order, dtype=object)
        self.n_features_in_ = len(data.order)
        return self

    def read(self, X: Any) -> DiscoveryData:
        """Check and encode the input; missing cells pass if the method has a way with them."""
        return DiscoveryData.of(X, missing=getattr(self, "missing", "error") != "error")

    def run(self, data: DiscoveryData) -> Found:
        """Check the data, search, and check the result; learns nothing into the estimator."""
        knowledge = self._known(data)
        data.check(full_rank=self._full_rank)
        found = self._discover(data, knowledge)
        broken = knowledge.violations(found.graph)
        if broken:
            raise CausalImgError(
                f"{type(self).__name__} returned a graph against the knowledge, which is a defect"
                f" of the method: {'; '.join(broken[:5])}"
            )
        return found

    @abstractmethod
    def _discover(self, data: DiscoveryData, knowledge: Knowledge) -> Found:
        """Search for the graph over ``data.columns``; must honour ``knowledge``."""

    def _known(self, data: DiscoveryData) -> Knowledge:
        given = getattr(self, "knowledge", None)
        if given is None:
            return Knowledge()
        if not isinstance(given, Knowledge):
            raise InvalidInputError(
                f"knowledge must be a Knowledge record, not {type(given).__name__}; write"
                " Knowledge(tiers=[[...], ...])"
            )
        given.check_nodes(data.order)
        return given


def describe(estimator: BaseEstimator) -> dict[str, Any]:
    """Return an estimator's class and settings as JSON types, nested estimators included."""
    out: dict[str, Any] = {"algorithm": type(estimator).__name__}
    for name, value in estimator.get_params(deep=False).items():
        if isinstance(value, Knowledge):
            out[name] = value.to_dict()
        elif isinstance(value, BaseEstimator):
            out[name] = describe(value)
        elif isinstance(value, type):  # a score, or a test made from moments
            out[name] = value.__name__
        elif hasattr(value, "batch"):  # a test of independence that is no estimator
            out[name] = getattr(value, "__name__", type(value).__name__)
        elif not callable(value):
            out[name] = value
    return out


def check_choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Raise `InvalidInputError` unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        raise InvalidInputError(f"{name}={value!r} is not one of {', '.join(map(repr, allowed))}")


def check_share(name: str, value: float) -> None:
    """Raise `InvalidInputError` unless ``value`` lies strictly between 0 and 1."""
    if not isinstance(value, int | float) or not 0 < value < 1:
        raise InvalidInputError(f"{name}={value!r} must be a number between 0 and 1")


def _reorder(graph: CausalGraph, nodes: tuple[str, ...]) -> CausalGraph:
    at = [graph.nodes.index(name) for name in nodes]
    pick = np.ix_(at, at)
    weights = None if graph.weights is None else graph.weights[pick]
    support = None if graph.support is None else graph.support[pick]
    return CausalGraph(nodes, graph.marks[pick], graph.kind, weights, support, graph.provenance)
