"""One data set as the least-squares solvers take it, and the way back from weights to a graph."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.discovery.context import (
    ContextSplit,
    add_context,
    covariance_given_context,
    split_context,
)
from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.orders import OrderProblem
from causalimg.discovery.sortability import explained, sortability
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
ASSUMPTIONS = (
    "No unmeasured common cause of two measured variables (causal sufficiency).",
    "The graph has no cycle, and every case comes from the same graph.",
    "Relations are linear, and on the scale used the noise of every node has the same variance:"
    " only then does the least-squares score orient edges.",
)


@dataclass(frozen=True, eq=False)
class Task:
    """One data set with its context regressed out, on the scale used.

    Parameters
    ----------
    data : DiscoveryData
    parts : ContextSplit
    forbidden, required : ndarray of bool, shape (d, d)
        Over all columns.
    standardize : bool
    scale, variance : ndarray, shape (k,)
        Of the searched columns: what they were divided by, and their variance before.
    problem : OrderProblem
        Over the searched columns.
    """

    data: DiscoveryData
    parts: ContextSplit
    forbidden: Bool
    required: Bool
    standardize: bool
    scale: Float
    variance: Float
    problem: OrderProblem

    @classmethod
    def of(
        cls,
        data: DiscoveryData,
        knowledge: Knowledge,
        *,
        lambda1: float,
        standardize: bool,
        method: str,
    ) -> Task:
        """Turn checked data into a problem; ``method`` is for messages.

        Raises
        ------
        InvalidInputError
            If a categorical column may be an effect of continuous ones.
        NotEstimableError
            If the context determines a column.
        """
        forbidden = knowledge.forbidden_matrix(data.columns)
        required = knowledge.required_matrix(data.columns)
        before = knowledge.precedence_matrix(data.columns)
        parts = split_context(data.moments, forbidden, method)
        pick = np.ix_(parts.searched, parts.searched)
        scale, variance, cov = _scaled(data, parts, standardize)
        problem = OrderProblem.of(cov, lambda1, forbidden[pick], required[pick], before[pick])
        return cls(data, parts, forbidden, required, standardize, scale, variance, problem)

    @property
    def pick(self) -> tuple[NDArray[np.intp], ...]:
        """Index of the searched columns in a matrix over all columns."""
        return np.ix_(self.parts.searched, self.parts.searched)

    def penalised(self, lambda1: float) -> Task:
        """Return the same task with another penalty."""
        penalty = np.where(self.required[self.pick], 0.0, float(lambda1))
        return replace(self, problem=replace(self.problem, penalty=penalty))

    def on(self, data: DiscoveryData) -> Task:
        """Return the same task on other rows of the same columns.

        Raises
        ------
        InvalidInputError, NotEstimableError
            If the columns cannot be used on those rows.
        """
        data.check(full_rank=True)
        scale, variance, cov = _scaled(data, self.parts, self.standardize)
        problem = replace(self.problem, cov=np.ascontiguousarray(cov))
        return replace(self, data=data, scale=scale, variance=variance, problem=problem)

    def sortability(self, edges: Bool) -> dict[str, float]:
        """Return how far variance and R2 give the graph over the searched columns away."""
        return {
            "variance": sortability(edges, self.variance),
            "r2": sortability(edges, explained(self.problem.cov)),
        }

    def graph_of(
        self, inner: Float, kept: Bool, alpha: float
    ) -> tuple[CausalGraph, pd.DataFrame, pd.DataFrame]:
        """Return the graph over all columns, its edges, and the effects of the context.

        Parameters
        ----------
        inner : ndarray, shape (k, k)
            Weights of the searched columns on the scale used.
        kept : ndarray of bool, shape (k, k)
            Which of them are edges; required edges always are.
        alpha : float
            Level of the tests of edges from context.

        Returns
        -------
        graph : CausalGraph
        edges : pandas.DataFrame
            ``source, target, edge, weight, scaled_weight``.
        effects : pandas.DataFrame
            From `add_context`.
        """
        edges = self.required.copy()
        edges[self.pick] |= kept
        inner = np.where(edges[self.pick], inner, 0.0)
        weights = np.zeros(edges.shape)
        weights[self.pick] = inner * self.scale[None, :] / self.scale[:, None]
        scaled = np.full(edges.shape, np.nan)
        scaled[self.pick] = inner
        effects = add_context(
            self.data.moments, self.parts, weights, edges,
            forbidden=self.forbidden, required=self.required, alpha=alpha,
        )  # fmt: skip
        graph = CausalGraph.from_directed(self.data.columns, edges, weights=weights)
        frame = graph.to_frame()[["source", "target", "edge", "weight"]]
        at = {name: k for k, name in enumerate(graph.nodes)}
        ends = zip(frame["source"], frame["target"], strict=True)
        frame["scaled_weight"] = [float(scaled[at[a], at[b]]) for a, b in ends]
        return graph, frame, effects


def _scaled(
    data: DiscoveryData, parts: ContextSplit, standardize: bool
) -> tuple[Float, Float, Float]:
    """Return the scale, the variances before, and the covariance on the scale."""
    cov = covariance_given_context(data.moments, parts)
    variance = np.diag(cov).copy()
    scale = np.sqrt(variance) if standardize else np.ones(len(cov))
    return scale, variance, cov / scale[:, None] / scale[None, :]


def check_number(name: str, value: object, *, whole: bool = False) -> None:
    """Raise `InvalidInputError` unless a setting is a number from 0, or a whole one from 1."""
    if whole:
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
            raise InvalidInputError(f"{name}={value!r} must be a whole number of 1 or more")
    elif (
        not isinstance(value, int | float | np.number)
        or isinstance(value, bool)
        or not 0 <= value < np.inf
    ):
        raise InvalidInputError(f"{name}={value!r} must be a number of 0 or more")
