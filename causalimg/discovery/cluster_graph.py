"""A graph over columns read as a graph over their clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from causalimg.errors import IdentificationError, InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind, Mark
from causalimg.graph.orientation import has_path


def cluster_graph(graph: CausalGraph, clusters: Mapping[str, Sequence[str]]) -> CausalGraph:
    """Return the graph between clusters that a graph between their columns implies.

    Two clusters are joined if any of their columns are. The edge has a direction if more arrows
    run one way than the other and it closes no cycle; edges inside a cluster are left out. Nodes
    that are in no cluster stand for themselves.

    Parameters
    ----------
    graph : CausalGraph
        A DAG or CPDAG over representatives, or over all columns.
    clusters : mapping of str to sequence of str
        Name -> members, as ``RedundancyFilter.clusters_``.

    Returns
    -------
    CausalGraph
        A DAG if every edge has a direction, else a CPDAG. ``weights`` of clusters joined by one
        arrow alone are kept, others are 0. ``support`` is the largest among the members' pairs.

    Raises
    ------
    InvalidInputError
        If a column is in two clusters, or a cluster has the name of a column of another.
    IdentificationError
        If the graph is an ADMG or PAG.

    Notes
    -----
    Assumptions: the members of a cluster stand for one thing. An edge between clusters does not
    say which members carry it.

    Examples
    --------
    >>> graph = CausalGraph.from_directed(("a1", "a2", "b1"), [[0, 1, 0], [0, 0, 1], [0, 0, 0]])
    >>> cluster_graph(graph, {"a": ["a1", "a2"], "b": ["b1"]}).to_frame()["target"].tolist()
    ['b']
    """
    if graph.kind not in (GraphKind.DAG, GraphKind.CPDAG):
        raise IdentificationError(
            f"cluster_graph reads a DAG or CPDAG, not a {graph.kind}: circles and <-> of members"
            " do not add up to a mark of their clusters"
        )
    owner: dict[str, str] = {}
    for name, members in clusters.items():
        for member in members:
            if owner.setdefault(member, name) != name:
                raise InvalidInputError(
                    f"column {member!r} is in two clusters: {owner[member]!r} and {name!r}"
                )
    for node in graph.nodes:
        if node not in owner and node in clusters:
            raise InvalidInputError(f"{node!r} is the name of a cluster that does not hold it")
    nodes = tuple(dict.fromkeys(owner.get(node, node) for node in graph.nodes))
    place = np.array([nodes.index(owner.get(node, node)) for node in graph.nodes])
    d = len(nodes)
    arrows, joined = np.zeros((d, d)), np.zeros((d, d), dtype=bool)
    np.add.at(arrows, (place[:, None], place[None, :]), graph.directed())
    np.logical_or.at(joined, (place[:, None], place[None, :]), graph.marks != Mark.NONE)
    np.fill_diagonal(joined, False)
    pairs = [(int(i), int(j)) for i, j in np.argwhere(np.triu(joined))]
    pairs.sort(key=lambda p: (-abs(arrows[p] - arrows[p[::-1]]), nodes[p[0]], nodes[p[1]]))
    directed = np.zeros((d, d), dtype=bool)
    loose = np.zeros((d, d), dtype=bool)
    for i, j in pairs:
        a, b = (i, j) if arrows[i, j] > arrows[j, i] else (j, i)
        if arrows[a, b] > arrows[b, a] and not has_path(directed, b, a):
            directed[a, b] = True
        else:
            loose[i, j] = loose[j, i] = True
    weights = support = None
    if graph.weights is not None:
        weights = np.zeros((d, d))
        np.add.at(weights, (place[:, None], place[None, :]), graph.weights)
        weights = np.where(directed & (arrows == 1), weights, 0.0)
    if graph.support is not None:
        support = np.zeros((d, d))
        np.maximum.at(support, (place[:, None], place[None, :]), graph.support)
        np.fill_diagonal(support, 0.0)
    return CausalGraph.from_directed(
        nodes,
        directed | loose,
        kind=GraphKind.CPDAG if loose.any() else GraphKind.DAG,
        weights=weights,
        support=support,
        provenance=graph.provenance,
    )
