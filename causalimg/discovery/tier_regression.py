"""TierRegression: edges between tiers when the order of the tiers is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.discovery.base import BaseDiscovery, Found, check_choice, check_share
from causalimg.discovery.data import DiscoveryData
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge
from causalimg.tables.moments import Moments

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

ASSUMPTIONS = (
    "The tiers are right: nothing causes a variable of an earlier tier.",
    "No unmeasured common cause of variables in different tiers.",
    "Relations are linear in the mean.",
    "Edges inside a tier are not looked for: an edge means an effect that does not pass through"
    " earlier tiers, directly or through other variables of the target's own tier.",
)


class TierRegression(BaseDiscovery):
    """Learn the edges between tiers by one regression for each variable.

    If it is known which variables come before which (scanner and protocol before image features,
    actuators before sensors), the parents among earlier tiers are the variables that predict a
    node given all the others of earlier tiers. That takes one regression a node and needs no
    search; what a search could add is inside the tiers, and there is where it goes wrong when
    the variables of a tier share noise.

    Parameters
    ----------
    knowledge : Knowledge
        Tiers, or exogenous nodes, that place every column. Required edges are kept whatever the
        test says, inside tiers also; forbidden ones are left out of the regressions.
    alpha : float
        Level of the tests.
    correction : {"holm", "bh", "none"}
        ``"holm"``: the probability of any false edge is at most ``alpha``. ``"bh"``: the expected
        share of false edges is at most ``alpha`` (independent or positively dependent tests).
        ``"none"``: each test at ``alpha``.

    Attributes
    ----------
    graph_ : CausalGraph
        A DAG. ``weights[i, j]`` is the effect of one unit of i on j at fixed other variables of
        earlier tiers; of a category with more than two levels the standard deviation of its
        effect. As a target, a category with two levels counts as 0 and 1; into one with more,
        the weight is 0.
    tests_ : pandas.DataFrame
        ``source, target, r, p_value, p_adjusted, edge``, one row for each test; ``r`` is the
        partial (for categories: multiple partial) correlation.
    stats_ : dict
        ``n``, ``n_tests``, ``within_tier_r``: the largest absolute correlation of two residuals
        in one tier, and which: far from 0, a search would find an edge there, or a hidden cause.
    assumptions_ : tuple of str

    Raises
    ------
    InvalidInputError
        From `fit`: columns in no tier, fewer rows than columns of earlier tiers, a setting that
        is not allowed, unusable columns by name.

    Notes
    -----
    Assumptions: the order of the tiers; no unmeasured common cause across tiers; linear means;
    the tests have their level if the noise has the same variance everywhere, or n is large and
    the earlier tiers were set independently of each other.

    A table or its `Moments` will do; categorical columns may stand in any tier.

    References
    ----------
    Shojaie A, Michailidis G. Penalized likelihood methods for estimation of sparse
    high-dimensional directed acyclic graphs. Biometrika 2010;97:519-538.
    doi:10.1093/biomet/asq038
    Holm S. A simple sequentially rejective multiple test procedure. Scand J Stat 1979;6:65-70.
    Benjamini Y, Hochberg Y. Controlling the false discovery rate. J R Stat Soc B
    1995;57:289-300. doi:10.1111/j.2517-6161.1995.tb02031.x

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> dose, kernel, sd, mean = rng.normal(size=(4, 300))
    >>> table = pd.DataFrame({"dose": dose, "kernel": kernel, "sd": sd - dose, "mean": mean})
    >>> known = Knowledge(tiers=[["dose", "kernel"], ["sd", "mean"]])
    >>> TierRegression(knowledge=known).fit(table).graph_.children("dose")
    ('sd',)
    """

    _takes_moments = True

    def __init__(
        self,
        *,
        knowledge: Knowledge | None = None,
        alpha: float = 0.05,
        correction: str = "holm",
    ) -> None:
        self.knowledge = knowledge
        self.alpha = alpha
        self.correction = correction

    def _discover(self, data: DiscoveryData, knowledge: Knowledge) -> Found:
        check_share("alpha", self.alpha)
        check_choice("correction", self.correction, ("holm", "bh", "none"))
        names = data.columns
        placed = {n for tier in knowledge.tiers for n in tier} | set(knowledge.exogenous)
        loose = [name for name in data.order if name not in placed]
        if loose:
            raise InvalidInputError(
                f"TierRegression needs every column in a tier, or exogenous; in none: {loose[:12]}."
                " Name them in Knowledge(tiers=[[...], [...]]), or leave them out of the table"
            )
        required = knowledge.required_matrix(names)
        forbidden = knowledge.forbidden_matrix(names)
        usable = (knowledge.precedence_matrix(names) | required) & ~forbidden
        d = len(names)
        weights = np.zeros((d, d))
        rows: list[dict[str, Any]] = []
        for target in range(d):
            sources = [int(k) for k in np.flatnonzero(usable[:, target])]
            if sources:
                rows += _regress(data.moments, target, sources, weights)
        tests = pd.DataFrame(rows, columns=["source", "target", "r", "p_value"])
        tests["p_adjusted"] = adjusted(tests["p_value"].to_numpy(dtype=np.float64), self.correction)
        must = [
            bool(required[names.index(a), names.index(b)])
            for a, b in zip(tests["source"], tests["target"], strict=True)
        ]
        tests["edge"] = (tests["p_adjusted"] <= self.alpha) | np.array(must, dtype=bool)
        edges = required.copy()
        for a, b in tests.loc[tests["edge"], ["source", "target"]].itertuples(index=False):
            edges[names.index(a), names.index(b)] = True
        graph = CausalGraph.from_directed(names, edges, weights=np.where(edges, weights, 0.0))
        stats = {"n_tests": len(tests), "within_tier_r": _shared(data.moments, usable)}
        return Found(graph, stats, ASSUMPTIONS, {"tests_": tests})


def _regress(
    moments: Moments, target: int, sources: list[int], weights: Float
) -> list[dict[str, Any]]:
    """Test each source given the others; write the slopes into ``weights``."""
    from scipy.special import chdtrc, fdtrc

    names = moments.columns
    own = moments.blocks[names[target]]
    blocks = [moments.blocks[names[k]] for k in sources]
    columns = np.concatenate([own, *blocks])
    dof = moments.n - 1 - len(columns) + len(own)
    if dof < 2:
        raise InvalidInputError(
            f"{names[target]!r} has {len(columns) - len(own)} columns in earlier tiers and the"
            f" table {moments.n:g} rows: reduce the earlier tiers (RedundancyFilter)"
        )
    scale = np.sqrt(np.diag(moments.cov)[columns])
    corr = moments.cov[np.ix_(columns, columns)] / scale[:, None] / scale[None, :]
    precision = np.linalg.inv(corr)
    first = np.arange(len(own))
    slopes = -precision[0] / precision[0, 0] * scale[0] / scale
    out, start = [], len(own)
    for node, block in zip(sources, blocks, strict=True):
        part = np.arange(start, start := start + len(block))
        both = np.concatenate([first, part])
        given_rest = np.linalg.inv(precision[np.ix_(both, both)])
        a, b = len(first), len(part)
        inner, outer = given_rest[:a, :a], given_rest[a:, a:]
        cross = given_rest[:a, a:]
        shared = np.linalg.solve(inner, cross) @ np.linalg.solve(outer, cross.T)
        wilks = float(np.clip(np.linalg.det(np.eye(a) - shared), 1e-300, 1.0))
        if min(a, b) == 1:
            free = dof - a + 1
            p = float(fdtrc(max(a, b), free, (1 - wilks) / wilks / max(a, b) * free))
        else:  # Bartlett's approximation
            p = float(chdtrc(a * b, -(dof - (a - b + 1) / 2) * np.log(wilks)))
        sign = np.sign(cross[0, 0]) if a == b == 1 else 1.0
        out.append(
            {
                "source": names[node],
                "target": names[target],
                "r": float(sign * np.sqrt(1 - wilks)),
                "p_value": p,
            }
        )
        if a == 1:
            effect = slopes[part]
            inside = moments.cov[np.ix_(block, block)]
            weights[node, target] = effect[0] if b == 1 else np.sqrt(effect @ inside @ effect)
    return out


def adjusted(p_values: Float, correction: str) -> Float:
    """Return p-values adjusted for their number, shape (k,).

    Parameters
    ----------
    p_values : ndarray, shape (k,)
    correction : {"holm", "bh", "none"}

    Examples
    --------
    >>> adjusted(np.array([0.01, 0.04, 0.03]), "holm").tolist()
    [0.03, 0.06, 0.06]
    >>> adjusted(np.array([0.01, 0.04, 0.03]), "bh").tolist()
    [0.03, 0.04, 0.04]
    """
    k = len(p_values)
    if correction == "none" or k == 0:
        return p_values.copy()
    order = np.argsort(p_values, kind="stable")
    ranked = p_values[order]
    if correction == "holm":
        steps = np.maximum.accumulate(ranked * np.arange(k, 0, -1))
    else:
        steps = np.minimum.accumulate((ranked * k / np.arange(1, k + 1))[::-1])[::-1]
    out = np.empty(k)
    out[order] = np.minimum(steps, 1.0)
    return out


def _shared(moments: Moments, usable: Bool) -> dict[str, Any]:
    """Return the two nodes with the same predictors whose residuals correlate the most."""
    best: dict[str, Any] = {"r": 0.0, "nodes": ()}
    groups: dict[bytes, list[int]] = {}
    for node, name in enumerate(moments.columns):
        if usable[:, node].any() and len(moments.blocks[name]) == 1:
            groups.setdefault(usable[:, node].tobytes(), []).append(node)
    for members in groups.values():
        if len(members) < 2:
            continue
        names = [moments.columns[k] for k in members]
        inside = np.array([int(moments.blocks[n][0]) for n in names])
        outside = np.concatenate(
            [moments.blocks[moments.columns[k]] for k in np.flatnonzero(usable[:, members[0]])]
        )
        cross = moments.cov[np.ix_(outside, inside)]
        inner = moments.cov[np.ix_(outside, outside)]
        left = moments.cov[np.ix_(inside, inside)] - cross.T @ np.linalg.solve(inner, cross)
        scale = np.sqrt(np.diag(left))
        r = np.triu(left / scale[:, None] / scale[None, :], 1)
        i, j = np.unravel_index(int(np.abs(r).argmax()), r.shape)
        if abs(r[i, j]) > abs(best["r"]):
            best = {"r": float(r[i, j]), "nodes": (names[i], names[j])}
    return best
