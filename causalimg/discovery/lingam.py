"""DirectLiNGAM: the whole directed graph of a linear model with non-Gaussian noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.discovery.base import BaseDiscovery, Found, check_choice, check_share
from causalimg.discovery.context import split_context
from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.pairwise import causal_order
from causalimg.discovery.regression import BlockRegression, adaptive_lasso
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge

Float = NDArray[np.float64]

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


@dataclass(frozen=True)
class _Parts:
    """Names, the nodes whose order is looked for, the context nodes, their encoded columns."""

    names: tuple[str, ...]
    continuous: list[int]
    context: list[int]
    blocks: list[NDArray[np.intp]]


class DirectLiNGAM(BaseDiscovery):
    """Learn a DAG with weights from non-Gaussian noise.

    The causal order is found by taking out, again and again, the variable that looks the most
    exogenous by the pairwise likelihood ratio; edges are then the regressions of each variable
    on those before it, pruned.

    Parameters
    ----------
    knowledge : Knowledge, optional
        Tiers, required edges and exogenous nodes constrain the order, forbidden edges the
        regressions. The result never contradicts it.
    measure : {"pwling"}
        Pairwise likelihood ratio with maximum entropy approximations.
    pruning : {"t_test", "adaptive_lasso", "none"}
        ``"t_test"``: an edge stays if its coefficient in the regression on all earlier variables
        differs from zero at level ``alpha``, and the rest are refitted; given the order, this
        test has its level, and it costs next to nothing in a bootstrap. ``"adaptive_lasso"``:
        LARS path with weights from least squares, stopped by BIC, as the lingam and
        causal-learn packages do; it needs no level and has none. ``"none"``: all weights.
    alpha : float
        Level of the tests of ``pruning="t_test"`` and of the F tests of context blocks.
    engine : {"native", "causal-learn"}
        Who finds the causal order. The measures are the same; causal-learn's slopes are too
        large by n / (n - 1), so that near ties may be decided differently.

    Attributes
    ----------
    graph_ : CausalGraph
        A DAG. ``weights[i, j]`` is the effect of one unit of i on j. For a category with two
        levels, the second less the first; with more, the standard deviation of its effect over
        the rows (``stats_["context_effects"]`` has each level).
    edges_ : pandas.DataFrame
        ``source, target, edge, weight, p_value``.
    stats_ : dict
        ``n``, ``causal_order``, ``context_effects`` (frame), ``normal_residuals``: the nodes of
        which a Jarque-Bera test at 0.05 does not reject a Gaussian noise term; arrows among
        two or more of those are not to be relied on.
    assumptions_ : tuple of str

    Raises
    ------
    InvalidInputError
        From `fit`: a categorical column that may be an effect of the continuous ones; fewer
        rows than columns; unusable columns, by name.

    Notes
    -----
    Assumptions: causal sufficiency, acyclicity, linear relations, independent non-Gaussian noise.
    The result does not depend on the scale of the columns.

    Categorical columns are context: they and every column that knowledge allows to cause one of
    them (age beside sex in one tier) are regressed out before the order is looked for, their
    edges into the other columns are tested (F test of the block), and edges among them are not
    claimed.

    References
    ----------
    Shimizu S et al. DirectLiNGAM: a direct method for learning a linear non-Gaussian structural
    equation model. J Mach Learn Res 2011;12:1225-1248.
    Hyvarinen A, Smith SM. Pairwise likelihood ratios for estimation of non-Gaussian structural
    equation models. J Mach Learn Res 2013;14:111-152.
    Zou H. The adaptive lasso and its oracle properties. JASA 2006;101:1418-1429.
    doi:10.1198/016214506000000735

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> cause = rng.exponential(size=500)
    >>> table = pd.DataFrame({"effect": 2 * cause + rng.exponential(size=500), "cause": cause})
    >>> DirectLiNGAM().fit(table).graph_.parents("effect")
    ('cause',)
    """

    _full_rank = True

    def __init__(
        self,
        *,
        knowledge: Knowledge | None = None,
        measure: str = "pwling",
        pruning: str = "t_test",
        alpha: float = 0.01,
        engine: str = "native",
    ) -> None:
        self.knowledge = knowledge
        self.measure = measure
        self.pruning = pruning
        self.alpha = alpha
        self.engine = engine

    def _discover(self, data: DiscoveryData, knowledge: Knowledge) -> Found:
        check_choice("measure", self.measure, ("pwling",))
        check_choice("pruning", self.pruning, ("t_test", "adaptive_lasso", "none"))
        check_choice("engine", self.engine, ("native", "causal-learn"))
        check_share("alpha", self.alpha)
        if data.matrix is None:  # refused by fit; a resample always has rows
            raise InvalidInputError("DirectLiNGAM needs the rows, not only their moments")
        forbidden = knowledge.forbidden_matrix(data.columns)
        required = knowledge.required_matrix(data.columns)
        parts = _split(data, forbidden)
        values = _without_context(data.matrix, parts)
        names = [parts.names[k] for k in parts.continuous]
        pick = np.ix_(parts.continuous, parts.continuous)
        before = (knowledge.precedence_matrix(data.columns) | required)[pick]
        if self.engine == "causal-learn":
            from causalimg.discovery.causal_learn_engine import lingam_order

            place = lingam_order(values, before)
        else:
            place = causal_order(values, before, names)
        order = [parts.continuous[k] for k in place]
        weights, p_values, effects = self._weights(data, parts, order, values, forbidden, required)
        # a weight of exactly zero is still an edge if it is required
        edges = (weights != 0) | required
        graph = CausalGraph.from_directed(data.columns, edges, weights=weights)
        stats = {
            "causal_order": tuple(parts.names[k] for k in order),
            "context_effects": effects,
            "normal_residuals": _normal(values - values @ weights[pick], names),
        }
        outside = ", ".join(parts.names[k] for k in parts.context)
        said = ASSUMPTIONS + ((CONTEXT.format(outside),) if outside else ())
        return Found(graph, stats, said, {"edges_": _edges(graph, p_values)})

    def _weights(
        self,
        data: DiscoveryData,
        parts: _Parts,
        order: list[int],
        values: Float,
        forbidden: NDArray[np.bool_],
        required: NDArray[np.bool_],
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


def _split(data: DiscoveryData, forbidden: NDArray[np.bool_]) -> _Parts:
    """Divide the nodes into context and those whose order is looked for, or refuse."""
    split = split_context(data.moments, forbidden, "DirectLiNGAM")
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


def _normal(residuals: Float, names: list[str]) -> tuple[str, ...]:
    """Return the columns that a Jarque-Bera test at 0.05 does not reject as Gaussian."""
    z = residuals - residuals.mean(axis=0)
    z = z / np.sqrt((z * z).mean(axis=0))
    skew, kurtosis = (z**3).mean(axis=0), (z**4).mean(axis=0) - 3
    p_values = np.exp(-len(z) / 12 * (skew**2 + kurtosis**2 / 4))
    return tuple(name for name, p in zip(names, p_values, strict=True) if p > 0.05)


def _edges(graph: CausalGraph, p_values: Float) -> pd.DataFrame:
    frame = graph.to_frame()[["source", "target", "edge", "weight"]]
    at = {name: k for k, name in enumerate(graph.nodes)}
    frame["p_value"] = [
        float(p_values[at[a], at[b]]) for a, b in zip(frame["source"], frame["target"], strict=True)
    ]
    return frame
