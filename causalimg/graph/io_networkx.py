"""Graphs as networkx graphs: an export for other programs, not the base of anything here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from causalimg.graph.core import CausalGraph

if TYPE_CHECKING:
    import networkx as nx


def from_networkx(graph: nx.DiGraph) -> CausalGraph:
    """Make a DAG from a networkx DiGraph (see `CausalGraph.from_networkx`)."""
    nodes = tuple(str(node) for node in graph.nodes)
    place = {node: k for k, node in enumerate(graph.nodes)}
    adjacency = np.zeros((len(nodes), len(nodes)), dtype=bool)
    weights = np.zeros_like(adjacency, dtype=float)
    for a, b, data in graph.edges(data=True):
        adjacency[place[a], place[b]] = True
        weights[place[a], place[b]] = data.get("weight", np.nan)
    known = np.isfinite(weights[adjacency]).all() and adjacency.any()
    return CausalGraph.from_directed(nodes, adjacency, weights=weights if known else None)


def to_networkx(graph: CausalGraph) -> nx.DiGraph:
    """Return a networkx DiGraph (see `CausalGraph.to_networkx`)."""
    import networkx as nx

    out: nx.DiGraph = nx.DiGraph(kind=str(graph.kind))
    out.add_nodes_from(graph.nodes)
    for row in graph.to_frame().itertuples(index=False):
        data: dict[str, Any] = {"edge": row.edge, "oriented": row.edge == "-->"}
        for key in ("weight", "support"):
            if np.isfinite(value := float(getattr(row, key))):
                data[key] = value
        out.add_edge(row.source, row.target, **data)
        if row.edge != "-->":
            out.add_edge(row.target, row.source, **data)
    return out
