"""Graphs in other formats: GraphML and DOT. JSON, which keeps everything, is `CausalGraph.save`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from causalimg.atomic import write_text
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph, Mark
from causalimg.graph.edge_list import drawn_edges, graph_of_edges

_WORD = {Mark.CIRCLE: "circle", Mark.ARROW: "arrow", Mark.TAIL: "tail"}
_MARK = {word: mark for mark, word in _WORD.items()}
_DOT = {Mark.CIRCLE: "odot", Mark.ARROW: "normal", Mark.TAIL: "none"}


# ---- GraphML -------------------------------------------------------------------------------


def to_graphml(graph: CausalGraph, path: str | Path) -> None:
    """Write a graph as GraphML, one edge per pair.

    Edge data: ``mark_source`` and ``mark_target`` (tail, arrow, circle), ``edge`` (``-->``),
    ``weight``, and ``support`` and ``direction_support`` where known. Provenance is not kept.
    """
    import networkx as nx

    out: nx.DiGraph = nx.DiGraph(kind=str(graph.kind))
    out.add_nodes_from(graph.nodes)
    drawn = {(row["source"], row["target"]): row for row in graph.to_frame().to_dict("records")}
    for i, j, near, far in drawn_edges(graph):
        pair = (graph.nodes[i], graph.nodes[j])
        row = drawn[pair]
        data: dict[str, Any] = {
            "mark_source": _WORD[near],
            "mark_target": _WORD[far],
            "edge": str(row["edge"]),
        }
        for key in ("weight", "support", "direction_support"):
            if np.isfinite(float(row[key])):
                data[key] = float(row[key])
        out.add_edge(*pair, **data)
    write_text(path, "\n".join(nx.generate_graphml(out)) + "\n")


def from_graphml(path: str | Path) -> CausalGraph:
    """Read a graph written by `to_graphml`; marks, kind and weights come back.

    GraphML of other programs is read as a DAG of its directed edges.

    Raises
    ------
    InvalidInputError
        If the file is not GraphML or its marks are unknown.
    """
    import xml.etree.ElementTree as ElementTree

    import networkx as nx

    try:
        found = nx.read_graphml(path)
    except (ElementTree.ParseError, nx.NetworkXError) as error:
        raise InvalidInputError(f"{path} is not GraphML: {error}") from error
    nodes = [str(node) for node in found.nodes]
    edges, weights = [], np.zeros((len(nodes), len(nodes)))
    at = {name: k for k, name in enumerate(nodes)}
    known = found.number_of_edges() > 0
    for a, b, data in found.edges(data=True):
        near, far = data.get("mark_source", "tail"), data.get("mark_target", "arrow")
        if near not in _MARK or far not in _MARK:
            raise InvalidInputError(f"{path}: unknown marks on {a} - {b}: {near!r}, {far!r}")
        edges.append((str(a), str(b), _MARK[near], _MARK[far]))
        weights[at[str(a)], at[str(b)]] = data.get("weight", 0.0)
        known = known and "weight" in data
    kind = str(found.graph.get("kind", "dag"))
    return graph_of_edges(nodes, kind, edges, str(path), weights=weights if known else None)


# ---- DOT -----------------------------------------------------------------------------------


def _quote(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], text[1:-1])


def to_dot(graph: CausalGraph) -> str:
    """Return the graph in the DOT language of Graphviz; every name is quoted.

    Examples
    --------
    >>> print(to_dot(CausalGraph.from_directed(('a "b"', "c"), [[0, 1], [0, 0]])))
    digraph "dag" {
      "a \\"b\\"";
      "c";
      "a \\"b\\"" -> "c" [dir=both, arrowtail=none, arrowhead=normal];
    }
    <BLANKLINE>
    """
    lines = [f"digraph {_quote(str(graph.kind))} {{"]
    lines += [f"  {_quote(name)};" for name in graph.nodes]
    for i, j, near, far in drawn_edges(graph):
        drawn = f"dir=both, arrowtail={_DOT[near]}, arrowhead={_DOT[far]}"
        if graph.weights is not None:
            drawn += f", weight_value={float(graph.weights[i, j])!r}"
        lines.append(f"  {_quote(graph.nodes[i])} -> {_quote(graph.nodes[j])} [{drawn}];")
    return "\n".join([*lines, "}", ""])


_NAME = r'"(?:[^"\\]|\\.)*"'
_EDGE = re.compile(rf"^\s*({_NAME})\s*->\s*({_NAME})\s*(?:\[(.*)\])?\s*;?\s*$", re.DOTALL)
_NODE = re.compile(rf"^\s*({_NAME})\s*;?\s*$", re.DOTALL)
_HEAD = re.compile(rf"^\s*digraph\s*({_NAME})?\s*\{{\s*$")


def from_dot(text: str) -> CausalGraph:
    """Read a graph from DOT as `to_dot` writes it: one statement a line, names quoted.

    An edge without ``arrowtail`` and ``arrowhead`` is a directed edge.

    Raises
    ------
    InvalidInputError
        Naming the line that is not understood.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    head = _HEAD.match(lines[0]) if lines else None
    if head is None or lines[-1].strip() != "}":
        raise InvalidInputError('DOT text must start with digraph "kind" { and end with }')
    kind = _unquote(head[1]) if head[1] else "dag"
    marks = {drawn: mark for mark, drawn in _DOT.items()}
    nodes: dict[str, None] = {}
    edges, values = [], {}
    for line in lines[1:-1]:
        if match := _NODE.match(line):
            nodes[_unquote(match[1])] = None
        elif match := _EDGE.match(line):
            a, b = _unquote(match[1]), _unquote(match[2])
            nodes[a] = nodes[b] = None
            data = dict(re.findall(r"(\w+)=([^,\s]+)", match[3] or ""))
            near, far = (
                str(data.get(k, v)) for k, v in (("arrowtail", "none"), ("arrowhead", "normal"))
            )
            if near not in marks or far not in marks:
                raise InvalidInputError(f"DOT: unknown marks on {a} - {b}: {near!r}, {far!r}")
            edges.append((a, b, marks[near], marks[far]))
            if "weight_value" in data:
                values[(a, b)] = float(data["weight_value"])
        else:
            raise InvalidInputError(f"DOT line not understood: {line.strip()!r}")
    names = list(nodes)
    weights = None
    if values:
        weights = np.zeros((len(names), len(names)))
        for (a, b), value in values.items():
            weights[names.index(a), names.index(b)] = value
    return graph_of_edges(names, kind, edges, "DOT", weights=weights)
