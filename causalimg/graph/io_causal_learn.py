"""Graphs as the GeneralGraph objects of causal-learn."""

from __future__ import annotations

from typing import Any

import numpy as np

from causalimg.errors import InvalidInputError, MissingDependencyError
from causalimg.graph.core import CausalGraph, GraphKind, Mark
from causalimg.graph.edge_list import drawn_edges, graph_of_edges, implied_kind

_CODE = {-1: Mark.TAIL, 1: Mark.ARROW, 2: Mark.CIRCLE}
_END = {Mark.TAIL: "TAIL", Mark.ARROW: "ARROW", Mark.CIRCLE: "CIRCLE"}


def from_causal_learn(found: Any, *, kind: GraphKind | str | None = None) -> CausalGraph:
    """Read a graph from what causal-learn returns.

    Parameters
    ----------
    found : GeneralGraph, CausalGraph of causal-learn, tuple or dict
        ``pc(...)``, ``fci(...)`` and ``ges(...)`` as they come: ``.G``, the first item, or
        ``["G"]`` is looked for. Only ``graph`` and ``get_node_names()`` are used.
    kind : GraphKind or str, optional
        Default: the narrowest kind that has such edges; state ``"cpdag"`` for PC and GES,
        ``"pag"`` for FCI.

    Raises
    ------
    InvalidInputError
        If it is none of these, or has two edges between one pair.

    Examples
    --------
    >>> class Two:
    ...     graph = np.array([[0, -1], [1, 0]])  # row: the end that the code describes
    ...     def get_node_names(self):
    ...         return ["a", "b"]
    >>> from_causal_learn(Two()).parents("b")
    ('a',)
    """
    inner: Any = found[0] if isinstance(found, tuple) else found
    inner = inner["G"] if isinstance(inner, dict) and "G" in inner else getattr(inner, "G", inner)
    if inner is None or not hasattr(inner, "graph") or not hasattr(inner, "get_node_names"):
        raise InvalidInputError(
            f"not a graph of causal-learn: {type(found).__name__} has no graph and node names"
        )
    codes = np.asarray(inner.graph)
    names = [str(name) for name in inner.get_node_names()]
    edges = []
    for i, j in np.argwhere(np.triu(codes != 0) | np.triu(codes.T != 0)):
        near, far = int(codes[i, j]), int(codes[j, i])
        if near not in _CODE or far not in _CODE:
            raise InvalidInputError(
                f"the edge between {names[i]} and {names[j]} has end codes {near} and {far}; only"
                " single edges with tail (-1), arrow (1) and circle (2) can be read"
            )
        edges.append((names[i], names[j], _CODE[near], _CODE[far]))
    chosen = implied_kind(edges) if kind is None else kind
    return graph_of_edges(names, str(chosen), edges, "causal-learn")


def to_causal_learn(graph: CausalGraph) -> Any:
    """Return the graph as a GeneralGraph of causal-learn; weights and support are not kept.

    Raises
    ------
    MissingDependencyError
        If causal-learn is not installed.
    """
    try:
        from causallearn.graph.Edge import Edge
        from causallearn.graph.Endpoint import Endpoint
        from causallearn.graph.GeneralGraph import GeneralGraph
        from causallearn.graph.GraphNode import GraphNode
    except ImportError as error:
        raise MissingDependencyError(
            f"to_causal_learn needs the package causal-learn: pip install causal-learn ({error})"
        ) from error
    node = [GraphNode(name) for name in graph.nodes]
    out = GeneralGraph(node)
    for i, j, near, far in drawn_edges(graph):
        if (near, far) == (Mark.CIRCLE, Mark.TAIL):  # causal-learn adds only the mirrored form
            i, j, near, far = j, i, far, near
        out.add_edge(Edge(node[i], node[j], Endpoint[_END[near]], Endpoint[_END[far]]))
    return out
