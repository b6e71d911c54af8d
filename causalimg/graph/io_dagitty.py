"""Graphs as dagitty text, the language of dagitty.net and its R package."""

from __future__ import annotations

import re

import numpy as np

from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind, Mark
from causalimg.graph.edge_list import NamedEdge, drawn_edges, graph_of_edges

_KINDS = {"dag": GraphKind.DAG, "pdag": GraphKind.CPDAG, "pag": GraphKind.PAG}
_WORDS = {
    GraphKind.DAG: "dag",
    GraphKind.ADMG: "dag",
    GraphKind.CPDAG: "pdag",
    GraphKind.PAG: "pag",
}
_EDGES = {
    "->": (Mark.TAIL, Mark.ARROW),
    "<-": (Mark.ARROW, Mark.TAIL),
    "<->": (Mark.ARROW, Mark.ARROW),
    "--": (Mark.TAIL, Mark.TAIL),
    "@-@": (Mark.CIRCLE, Mark.CIRCLE),
    "@->": (Mark.CIRCLE, Mark.ARROW),
    "<-@": (Mark.ARROW, Mark.CIRCLE),
    "@--": (Mark.CIRCLE, Mark.TAIL),
    "--@": (Mark.TAIL, Mark.CIRCLE),
}
_DRAWN = {ends: drawn for drawn, ends in _EDGES.items()}
_HEAD = re.compile(r"\s*(dag|pdag|mag|pag)\s*(?:\"[^\"]*\"|[\w.]+)?\s*\{")
_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r]+ | bb\s*=\s*"[^"]*") | (?P<end>[\n;]) | (?P<close>\})
      | (?P<options>\[[^\]]*\]) | "(?P<quoted>[^"]*)"
      | (?P<edge>@->|<-@|<->|@-@|@--|--@|->|<-|--) | (?P<word>[\w.%]+)""",
    re.VERBOSE,
)


def to_dagitty(graph: CausalGraph) -> str:
    """Return the graph as dagitty text; every name is quoted.

    A CPDAG is written as ``pdag``, an ADMG as ``dag`` with ``<->``; weights become ``beta``.
    Support is not kept.

    Raises
    ------
    InvalidInputError
        If a name has a quotation mark or a line break, for which dagitty has no notation.

    Examples
    --------
    >>> print(to_dagitty(CausalGraph.from_directed(("lung size", "age"), [[0, 0], [1, 0]])))
    dag {
    "lung size"
    "age"
    "age" -> "lung size"
    }
    <BLANKLINE>
    """
    bad = [name for name in graph.nodes if not name or re.search(r'["\n\r]', name)]
    if bad:
        raise InvalidInputError(
            f"dagitty has no notation for quotation marks and line breaks in names: rename {bad},"
            " or write JSON, DOT or GraphML"
        )
    lines = [f"{_WORDS[graph.kind]} {{", *(f'"{name}"' for name in graph.nodes)]
    for i, j, near, far in drawn_edges(graph):
        beta = "" if graph.weights is None else f" [beta={float(graph.weights[i, j])!r}]"
        lines.append(f'"{graph.nodes[i]}" {_DRAWN[near, far]} "{graph.nodes[j]}"{beta}')
    return "\n".join([*lines, "}", ""])


def from_dagitty(text: str) -> CausalGraph:
    """Read a graph from dagitty text.

    Names with or without quotes, chains (``a -> b <- c``), ``;`` or line breaks between
    statements; ``beta`` of an edge is its weight, other attributes (positions, exposure,
    outcome) are passed over. A ``dag`` or ``mag`` with ``<->`` becomes an ADMG.

    Parameters
    ----------
    text : str

    Raises
    ------
    InvalidInputError
        Naming the line that is not understood; a node declared ``latent``, since graphs here
        have measured nodes only.

    Examples
    --------
    >>> graph = from_dagitty('dag { age -> "lung size" [beta=0.5] ; age [pos="0,1"] }')
    >>> graph.parents("lung size"), graph.weights[0, 1]
    (('age',), np.float64(0.5))
    """
    head = _HEAD.match(text)
    if head is None:
        raise InvalidInputError(
            "dagitty text, line 1: must begin with dag {, pdag {, mag { or pag {"
        )
    nodes: dict[str, None] = {}
    edges: list[NamedEdge] = []
    betas: dict[tuple[str, str], float] = {}
    statement: list[tuple[str, str]] = []
    at, closed = head.end(), False
    while at < len(text) and not closed:
        match = _TOKEN.match(text, at)
        line = text.count("\n", 0, at) + 1
        if match is None:
            shown = text[at:].split("\n", 1)[0].strip()
            raise InvalidInputError(f"dagitty text, line {line}: not understood: {shown!r}")
        kind, value = str(match.lastgroup), match[match.lastgroup or 0]
        at = match.end()
        if kind in ("end", "close"):
            _add_statement(statement, line, nodes, edges, betas)
            statement = []
            closed = kind == "close"
        elif kind != "blank":
            statement.append(("name" if kind in ("quoted", "word") else kind, value))
    if not closed or text[at:].strip():
        line = text.count("\n", 0, at) + 1
        raise InvalidInputError(f"dagitty text, line {line}: must end with one closing brace")
    names = list(nodes)
    weights = np.zeros((len(names), len(names))) if betas else None
    for (a, b), value in betas.items():
        if weights is not None:
            weights[names.index(a), names.index(b)] = value
    chosen = _KINDS.get(head[1], GraphKind.DAG)
    if chosen is GraphKind.DAG and any(near is far is Mark.ARROW for _, _, near, far in edges):
        chosen = GraphKind.ADMG
    return graph_of_edges(names, str(chosen), edges, "dagitty text", weights=weights)


def _add_statement(
    tokens: list[tuple[str, str]],
    line: int,
    nodes: dict[str, None],
    edges: list[NamedEdge],
    betas: dict[tuple[str, str], float],
) -> None:
    """Read ``name [options]``, or a chain ``name edge name edge name [options]``."""
    where = f"dagitty text, line {line}"
    if not tokens:
        return
    options = tokens.pop()[1] if tokens[-1][0] == "options" else ""
    kinds = [kind for kind, _ in tokens]
    if kinds != ["name", *["edge", "name"] * (len(kinds) // 2)]:
        shown = " ".join(value for _, value in tokens) + f" {options}"
        raise InvalidInputError(f"{where}: neither a node nor an edge: {shown.strip()!r}")
    if len(tokens) == 1:
        name = tokens[0][1]
        if re.search(r"(?:^|[\[,\s])(?:latent|unobserved)\b", re.sub(r'"[^"]*"', "", options)):
            raise InvalidInputError(
                f"{where}: {name!r} is latent; graphs here have measured nodes only: write <->"
                " between its children instead"
            )
        nodes[name] = None
        return
    for k in range(0, len(tokens) - 2, 2):
        a, drawn, b = (tokens[k + step][1] for step in range(3))
        near, far = _EDGES[drawn]
        nodes[a] = nodes[b] = None
        edges.append((a, b, near, far))
        if match := re.search(r"beta\s*=\s*\"?([-+.\deE]+)", options):
            cause, effect = (b, a) if near is Mark.ARROW and far is not Mark.ARROW else (a, b)
            betas[(cause, effect)] = float(match[1])
