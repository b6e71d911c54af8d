"""What the LiNGAM methods share: context, the regressions of an order, the check of the noise."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.discovery.base import BaseDiscovery, Found, check_choice, check_share
from causalimg.discovery.context import split_context
from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.regression import BlockRegression, adaptive_lasso
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

ASSUMPTIONS = (
    "No unmeasured common cause of two measured variables (causal sufficiency).",
    "The graph has no cycle, and every case comes from the same graph.",
    "Relations are linear, and the noise terms are independent and not Gaussian (one at most may"
    " be).",
)
CONTEXT = (
    "Context variables ({}) come before the others and act on their means; edges among context"
    " variables were not looked for."
)
NORMAL = (
    "In doubt here: the noise terms of {} cannot be told from Gaussian ones (Jarque-Bera, 0.05);"
    " the arrows among these nodes are not to be relied on."
)


@dataclass(frozen=True)
class _Parts:
    """Names, the nodes whose order is looked for, the context nodes, their encoded columns."""

    names: tuple[str, ...]
    continuous: list[int]
    context: list[int]
    blocks: list[NDArray[np.intp]]


class LinearNonGaussian(BaseDiscovery):
    """Base class of the LiNGAM methods; a subclass writes `_order`."""

    _full_rank = True
    knowledge: Knowledge | None
    pruning: str
    alpha: float

    @abstractmethod
    def _order(
        self, values: Float, before: Bool, names: list[str]
    ) -> tuple[list[int], dict[str, Any]]:
        """Return the causal order of the columns of ``values``, and figures of the search.

        ``before[i, j]``: i is known to come before j; the order must honour it.
        """

    def _discover(self, data: DiscoveryData, knowledge: Knowledge) -> Found:
        method = type(self).__name__
        check_choice("pruning", self.pruning, ("t_test", "adaptive_lasso", "none"))
        check_share("alpha", self.alpha)
        if data.matrix is None:  # refused by fit; a resample always has rows
            raise InvalidInputError(f"{method} needs the rows, not only their moments")
        forbidden = knowledge.forbidden_matrix(data.columns)
        required = knowledge.required_matrix(data.columns)
        parts = _split(data, forbidden, method)
        values = _without_context(data.matrix, parts)
        names = [parts.names[k] for k in parts.continuous]
        pick = np.ix_(parts.continuous, parts.continuous)
        before = (knowledge.precedence_matrix(data.columns) | required)[pick]
        place, figures = self._order(values, before, names)
        order = [parts.continuous[k] for k in place]
        weights, p_values, effects = self._weights(data, parts, order, values, forbidden, required)
        # a weight of exactly zero is still an edge if it is required
        edges = (weights != 0) | required
        graph = CausalGraph.from_directed(data.columns, edges, weights=weights)
        noise = pd.DataFrame(
            {
                "node": names,
                "p_column": jarque_bera(values),
                "p_noise": jarque_bera(values - values @ weights[pick]),
            }
        )
        normal = tuple(noise.loc[noise["p_noise"] > 0.05, "node"])
        stats = {
            "causal_order": tuple(parts.names[k] for k in order),
            "context_effects": effects,
            "non_gaussianity": noise,
            "normal_residuals": normal,
            **figures,
        }
        outside = ", ".join(parts.names[k] for k in parts.context)
        said = ASSUMPTIONS + ((CONTEXT.format(outside),) if outside else ())
        said += (NORMAL.format(", ".join(normal)),) if len(normal) > 1 else ()
        return Found(graph, stats, said, {"edges_": _edges(graph, p_values)})

    def _weights(
        self,
        data: DiscoveryData,
        parts: _Parts,
        order: list[int],
        values: Float,
        forbidden: Bool,
        required: Bool,
    ) -> tuple[Float, Float, pd.DataFrame]:
        """Regress each variable on those before it; return weights, p-values, context effects."""
        d = len(parts.names)
        weights, p_values = np.zeros((d, d)), np.full((d, d), np.nan)
        rows: list[dict[str, Any]] = []
        regression = BlockRegression(data.moments, parts.blocks)
        at = {node: k for k, node in enumerate(parts.continuous)}
        for position, target in enumerate(order):
            earlier = [k for k in [*parts.context, *order[:position]] if not forbidden[k, target]]
            if not earlier:
                continue
            full = regression.fit(target, earlier)
            for node in earlier:
                p_values[node, target] = full.p_values[node]
            needed = {k for k in earlier if required[k, target]}
            if self.pruning == "none":
                kept = earlier
            else:
                kept = [k for k in earlier if k in needed or full.p_values[k] <= self.alpha]
            lasso: dict[int, float] = {}
            if self.pruning == "adaptive_lasso":
                tail = [k for k in earlier if k in at]
                found = adaptive_lasso(values[:, [at[k] for k in tail]], values[:, at[target]])
                lasso = {k: w for k, w in zip(tail, found, strict=True) if w != 0.0}
                kept = [
                    k for k in earlier if k in lasso or k in needed or (k in kept and k not in at)
                ]
            if not kept:
                continue
            final = regression.fit(target, kept)
            for node in kept:
                slope = final.slopes[node]
                if node in at:
                    weights[node, target] = lasso.get(node, float(slope[0]))
                else:
                    weights[node, target] = regression.spread(node, slope)
                    levels = data.moments.levels.get(parts.names[node])
                    said = [f"{v} - {levels[0]}" for v in levels[1:]] if levels else ["1 unit"]
                    for contrast, effect in zip(said, slope, strict=True):
                        rows.append(
                            {
                                "context": parts.names[node],
                                "contrast": contrast,
                                "node": parts.names[target],
                                "effect": float(effect),
                            }
                        )
        columns = ["context", "contrast", "node", "effect"]
        return weights, p_values, pd.DataFrame(rows, columns=columns)


def _split(data: DiscoveryData, forbidden: Bool, method: str) -> _Parts:
    """Divide the nodes into context and those whose order is looked for, or refuse."""
    split = split_context(data.moments, forbidden, method)
    blocks = [data.moments.blocks[name] for name in split.names]
    return _Parts(split.names, list(split.searched), list(split.context), blocks)


def _without_context(matrix: Float, parts: _Parts) -> Float:
    """Return the continuous columns, centred, with the context regressed out."""
    values = matrix[:, [int(parts.blocks[k][0]) for k in parts.continuous]]
    values = values - values.mean(axis=0)
    if parts.context:
        block = matrix[:, np.concatenate([parts.blocks[k] for k in parts.context])]
        block = block - block.mean(axis=0)
        values = values - block @ np.linalg.lstsq(block, values, rcond=None)[0]
    return np.asarray(values)


def jarque_bera(values: Float) -> Float:
    """Return the p-value of a test that each column is Gaussian, shape (k,).

    References
    ----------
    Jarque CM, Bera AK. A test for normality of observations and regression residuals. Int Stat
    Rev 1987;55:163-172. doi:10.2307/1403192

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> p = jarque_bera(np.column_stack([rng.normal(size=500), rng.exponential(size=500)]))
    >>> bool(p[0] > 0.01), bool(p[1] < 0.001)
    (True, True)
    """
    z = values - values.mean(axis=0)
    z = z / np.sqrt((z * z).mean(axis=0))
    skew, kurtosis = (z**3).mean(axis=0), (z**4).mean(axis=0) - 3
    return np.asarray(np.exp(-len(z) / 12 * (skew**2 + kurtosis**2 / 4)))


def _edges(graph: CausalGraph, p_values: Float) -> pd.DataFrame:
    frame = graph.to_frame()[["source", "target", "edge", "weight"]]
    at = {name: k for k, name in enumerate(graph.nodes)}
    frame["p_value"] = [
        float(p_values[at[a], at[b]]) for a, b in zip(frame["source"], frame["target"], strict=True)
    ]
    return frame
