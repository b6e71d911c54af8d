"""Graphs as the text that Tetrad writes."""

from __future__ import annotations

import re

from causalimg.errors import InvalidInputError, nearest
from causalimg.graph.core import CausalGraph, GraphKind, Mark
from causalimg.graph.edge_list import drawn_edges, graph_of_edges, implied_kind

_NEAR = {Mark.CIRCLE: "o", Mark.ARROW: "<", Mark.TAIL: "-"}
_FAR = {Mark.CIRCLE: "o", Mark.ARROW: ">", Mark.TAIL: "-"}
_EDGE = re.compile(r"^\d+\.\s+(\S+)\s+([-<o]-[->o])\s+(\S+)((?:\s+(?:dd|pd|nl|pl))*)$")


def to_tetrad(graph: CausalGraph) -> str:
    """Return the graph as Tetrad text; kind, weights and support are not kept.

    Raises
    ------
    InvalidInputError
        If a name has blanks or ``;``, at which Tetrad splits.

    Examples
    --------
    >>> print(to_tetrad(CausalGraph.from_directed(("a", "b"), [[0, 1], [0, 0]])))
    Graph Nodes:
    a;b
    <BLANKLINE>
    Graph Edges:
    1. a --> b
    <BLANKLINE>
    """
    bad = [name for name in graph.nodes if not name or re.search(r"[\s;]", name)]
    if bad:
        raise InvalidInputError(
            f"Tetrad text splits names at blanks and ';': rename {bad[:10]}, or write JSON, DOT"
            " or GraphML"
        )
    lines = ["Graph Nodes:", ";".join(graph.nodes), "", "Graph Edges:"]
    for k, (i, j, near, far) in enumerate(drawn_edges(graph), start=1):
        lines.append(f"{k}. {graph.nodes[i]} {_NEAR[near]}-{_FAR[far]} {graph.nodes[j]}")
    return "\n".join([*lines, ""])


def from_tetrad(text: str, *, kind: GraphKind | str | None = None) -> CausalGraph:
    """Read a graph from Tetrad text.

    Parameters
    ----------
    text : str
    kind : GraphKind or str, optional
        Tetrad text does not say what its edges mean. Default: the narrowest kind that has such
        edges; state ``"cpdag"`` or ``"pag"`` for the result of a search.

    Raises
    ------
    InvalidInputError
        Naming the line that is not understood.

    Examples
    --------
    >>> from_tetrad("Graph Nodes:\\na;b\\n\\nGraph Edges:\\n1. a o-> b\\n").kind
    <GraphKind.PAG: 'pag'>
    """
    nodes: list[str] = []
    edges = []
    section = ""
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        where = f"Tetrad text, line {number}"
        if not line:
            continue
        if line in ("Graph Nodes:", "Graph Edges:"):
            section = line
        elif section == "Graph Nodes:" and not nodes:
            nodes = [name.strip() for name in re.split(r"[;,]", line) if name.strip()]
        elif section == "Graph Edges:":
            match = _EDGE.match(line)
            if match is None:
                raise InvalidInputError(
                    f"{where}: not an edge: {line!r}; an edge reads '1. a --> b'"
                )
            a, drawn, b = match[1], match[2], match[3]
            for name in (a, b):
                if name not in nodes:
                    raise InvalidInputError(
                        f"{where}: {name!r} is not among the nodes{nearest(name, nodes)}"
                    )
            near = next(m for m, s in _NEAR.items() if s == drawn[0])
            far = next(m for m, s in _FAR.items() if s == drawn[2])
            edges.append((a, b, near, far))
        elif section and line.startswith(("Graph Attributes", "Graph Node Attributes")):
            break
        else:
            raise InvalidInputError(
                f"{where}: not understood: {line!r}; the text begins with 'Graph Nodes:', the"
                " names and 'Graph Edges:'"
            )
    if not nodes:
        raise InvalidInputError("Tetrad text: no line with the names follows 'Graph Nodes:'")
    chosen = implied_kind(edges) if kind is None else str(kind)
    return graph_of_edges(nodes, str(chosen), edges, "Tetrad text")
