"""Context nodes: regressed out before a search that takes continuous columns only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.discovery.regression import BlockRegression
from causalimg.errors import InvalidInputError, NotEstimableError
from causalimg.tables.moments import Moments

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

SAID = (
    "Context variables ({}) come before the others and act on their means; edges among context"
    " variables were not looked for."
)


@dataclass(frozen=True)
class ContextSplit:
    """The nodes to search among, and those that are context, as positions in the columns."""

    names: tuple[str, ...]
    searched: tuple[int, ...]
    context: tuple[int, ...]

    @property
    def searched_names(self) -> tuple[str, ...]:
        """Names of the nodes to search among."""
        return tuple(self.names[k] for k in self.searched)

    @property
    def said(self) -> tuple[str, ...]:
        """What to add to the assumptions."""
        if not self.context:
            return ()
        return (SAID.format(", ".join(self.names[k] for k in self.context)),)


def split_context(moments: Moments, forbidden: Bool, method: str) -> ContextSplit:
    """Divide the nodes into context and those to search among, or refuse.

    Context are the categorical nodes and every node that the knowledge allows to cause one of
    them, directly or not.

    Parameters
    ----------
    moments : Moments
    forbidden : ndarray of bool, shape (d, d)
        From `Knowledge.forbidden_matrix`.
    method : str
        For the message.

    Raises
    ------
    InvalidInputError
        Naming the categorical nodes that may be effects of continuous ones.
    """
    names = moments.columns
    categories = [k for k, name in enumerate(names) if name in moments.levels]
    context = _upstream(categories, forbidden)
    searched = [k for k in range(len(names)) if k not in context]
    if len(searched) < 2:
        loose = [
            names[k] for k in categories if len(names) - len(_upstream([k], forbidden)) < 2
        ] or [names[k] for k in categories]
        raise InvalidInputError(
            f"{method} takes categorical columns as context only; {loose} could be an effect of"
            " continuous columns. Put them in Knowledge in a tier before the continuous columns,"
            " or declare them exogenous, or leave them out (PC takes categorical columns anywhere)"
        )
    return ContextSplit(names, tuple(searched), tuple(sorted(context)))


def _upstream(nodes: list[int], forbidden: Bool) -> set[int]:
    found = np.zeros(len(forbidden), dtype=bool)
    found[nodes] = True
    may_cause = ~forbidden & ~np.eye(len(forbidden), dtype=bool)
    while True:
        wider = found | may_cause[:, found].any(axis=1)
        if (wider == found).all():
            return {int(k) for k in np.flatnonzero(found)}
        found = wider


def covariance_given_context(moments: Moments, parts: ContextSplit) -> Float:
    """Return the covariance of the searched nodes given the context, shape (k, k).

    Raises
    ------
    NotEstimableError
        If the context determines a node.
    """
    inside = np.array([int(moments.blocks[parts.names[k]][0]) for k in parts.searched])
    cov = moments.cov[np.ix_(inside, inside)]
    if parts.context:
        outside = np.concatenate([moments.blocks[parts.names[k]] for k in parts.context])
        cross = moments.cov[np.ix_(outside, inside)]
        inner = moments.cov[np.ix_(outside, outside)]
        cov = cov - cross.T @ np.linalg.lstsq(inner, cross, rcond=None)[0]
        left = np.diag(cov) / np.diag(moments.cov)[inside]
        if (left < 1e-10).any():
            name = parts.searched_names[int(left.argmin())]
            raise NotEstimableError(f"column {name!r} is determined by the context columns")
    return np.asarray((cov + cov.T) / 2)


def add_context(
    moments: Moments,
    parts: ContextSplit,
    weights: Float,
    edges: Bool,
    *,
    forbidden: Bool,
    required: Bool,
    alpha: float,
) -> pd.DataFrame:
    """Test the edges from context into each searched node and write them into the graph.

    Parameters
    ----------
    weights, edges : ndarray, shape (d, d)
        Over all columns; changed in place. The edges among searched nodes are given.
    alpha : float
        Level of the F test of each context block, given the parents and the other context.

    Returns
    -------
    pandas.DataFrame
        ``context, contrast, node, effect``: each level of each context block that was kept.
    """
    rows: list[dict[str, Any]] = []
    if parts.context:
        blocks = [moments.blocks[name] for name in parts.names]
        regression = BlockRegression(moments, blocks)
        for target in parts.searched:
            open_to = [k for k in parts.context if not forbidden[k, target]]
            if not open_to:
                continue
            parents = [int(k) for k in np.flatnonzero(edges[:, target]) if k not in parts.context]
            found = regression.fit(target, [*open_to, *parents])
            kept = [k for k in open_to if required[k, target] or found.p_values[k] <= alpha]
            if not kept:
                continue
            final = regression.fit(target, [*kept, *parents])
            for node in kept:
                slope = final.slopes[node]
                edges[node, target] = True
                weights[node, target] = regression.spread(node, slope)
                levels = moments.levels.get(parts.names[node])
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
    return pd.DataFrame(rows, columns=["context", "contrast", "node", "effect"])
