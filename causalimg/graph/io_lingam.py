"""Graphs as the adjacency matrices of the lingam package, whose rows are effects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind, Mark


def to_lingam(graph: CausalGraph) -> NDArray[np.float64]:
    """Return the matrix B of the lingam package: ``B[i, j]`` is the effect of j on i.

    Without weights, an edge is 1.0; a ``<->`` edge is NaN in both directions, as that package
    marks a common cause.

    Raises
    ------
    InvalidInputError
        If an edge has no direction, which such a matrix cannot say.

    Examples
    --------
    >>> to_lingam(CausalGraph.from_directed(("a", "b"), [[0, 1], [0, 0]])).tolist()
    [[0.0, 0.0], [1.0, 0.0]]
    """
    both = (graph.marks == Mark.ARROW) & (graph.marks.T == Mark.ARROW)
    loose = (graph.marks != Mark.NONE) & ~graph.directed() & ~graph.directed().T & ~both
    if loose.any():
        i, j = np.argwhere(loose)[0]
        raise InvalidInputError(
            f"a matrix of effects cannot say that {graph.nodes[i]} and {graph.nodes[j]} are joined"
            " without a direction; orient the edge first, or use another format"
        )
    effect = np.where(graph.directed(), 1.0 if graph.weights is None else graph.weights, 0.0)
    effect[both] = np.nan
    return np.asarray(effect.T)


def from_lingam(model: Any, *, nodes: Sequence[str] | None = None) -> CausalGraph:
    """Read a graph from a fitted model of the lingam package, or from its matrix.

    Parameters
    ----------
    model : object with ``adjacency_matrix_``, or array_like of shape (d, d)
        ``[i, j]`` is the effect of j on i. NaN in both directions is a common cause, which makes
        the graph an ADMG.
    nodes : sequence of str, optional
        Default: x0, x1, ...

    Raises
    ------
    InvalidInputError
        If the matrix is not square, the names do not fit, or one direction alone is NaN.

    Examples
    --------
    >>> from_lingam([[0.0, 0.0], [2.5, 0.0]], nodes=["a", "b"]).to_frame()["weight"].tolist()
    [2.5]
    """
    effect = np.asarray(getattr(model, "adjacency_matrix_", model), dtype=np.float64)
    if effect.ndim != 2 or effect.shape[0] != effect.shape[1]:
        raise InvalidInputError(f"a matrix of effects is square; got shape {effect.shape}")
    names = [f"x{k}" for k in range(len(effect))] if nodes is None else [str(n) for n in nodes]
    if len(names) != len(effect):
        raise InvalidInputError(f"{len(names)} names were given for {len(effect)} nodes")
    unknown = np.isnan(effect)
    if (unknown != unknown.T).any():
        i, j = np.argwhere(unknown & ~unknown.T)[0]
        raise InvalidInputError(
            f"row {names[i]!r}, column {names[j]!r} is NaN and its transpose is not; a common"
            " cause is NaN in both"
        )
    weights = np.where(unknown, 0.0, effect).T
    marks = np.zeros(effect.shape, dtype=np.int8)
    marks[weights != 0] = Mark.ARROW
    marks[(weights.T != 0) & (weights == 0)] = Mark.TAIL
    marks[unknown] = Mark.ARROW
    kind = GraphKind.ADMG if unknown.any() else GraphKind.DAG
    return CausalGraph(tuple(names), marks, kind, weights=weights)
