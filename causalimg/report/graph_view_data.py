"""The interactive graph as data: nodes, edges, evidence, comparison, places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.discovery.evidence import Evidence
from causalimg.discovery.graph_evidence import GraphEvidence
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind, Mark
from causalimg.graph.knowledge import Knowledge
from causalimg.report.graph_layout import edges_of
from causalimg.report.graph_view_layout import node_box, places
from causalimg.report.graph_view_words import STATUS_WORDS, compared, drawn, meaning
from causalimg.report.rows import KIND_WORDS
from causalimg.report.style import without_control
from causalimg.report.words import plural

Counts = Mapping[tuple[str, str], Mapping[str, int]]


def graph_view_data(
    graph: CausalGraph,
    *,
    fitted: Any = None,
    knowledge: Knowledge | None = None,
    compare: CausalGraph | None = None,
) -> dict[str, Any]:
    """Return everything that the interactive graph shows, as JSON types.

    Parameters
    ----------
    graph : CausalGraph
    fitted : estimator, Evidence or GraphEvidence, optional
        What made the graph: its ``evidence_`` (`PC`, `FCI`) gives the test behind every pair, and
        its ``graphs_`` (`BootstrapDiscovery`) the counts of each orientation.
    knowledge : Knowledge, optional
        Gives the tiers, and is what edits in the picture are added to; by default that of
        ``fitted``.
    compare : CausalGraph, optional
        A second graph, over the same nodes or others.

    Returns
    -------
    dict
        ``nodes``, ``edges``, ``apart`` (pairs without an edge of which something is known),
        ``layouts`` (``layers`` and, with tiers, ``tiers``), ``knowledge``, and words.

    Raises
    ------
    InvalidInputError
        If ``fitted`` was fitted on other columns, or an argument is of another kind.

    Examples
    --------
    >>> graph = CausalGraph.from_directed(("age", "size"), [[0, 1], [0, 0]])
    >>> graph_view_data(graph)["edges"][0]["words"]
    'age is a direct cause of size, among the nodes of this graph.'
    """
    for name, value in (("graph", graph), ("compare", compare)):
        if value is not None and not isinstance(value, CausalGraph):
            raise InvalidInputError(
                f"{name} must be a CausalGraph, not {type(value).__name__}; of a fitted method"
                " give .graph_"
            )
    found = GraphEvidence.of(fitted)
    evidence = found.tests
    if evidence is not None and set(evidence.nodes) != set(graph.nodes):
        odd = sorted(set(evidence.nodes) ^ set(graph.nodes))
        raise InvalidInputError(
            f"fitted has other nodes than the graph: {', '.join(odd[:6])}"
            f"{' ...' if len(odd) > 6 else ''}; give the estimator that made this graph"
        )
    knowledge = found.knowledge if knowledge is None else knowledge
    here, there = _union(graph, compare)
    nodes = here.nodes
    tests = _Tests(evidence, {name: k for k, name in enumerate(nodes)})
    counts = found.counts if set(found.nodes) == set(graph.nodes) else {}
    pairs = _pairs(here, there)
    edges = [
        {**_edge(here, there, i, j), "counts": _turned(counts, nodes[i], nodes[j]),
         **tests.of(nodes[i], nodes[j])}
        for i, j in pairs
    ]  # fmt: skip
    tier = {name: k for k, members in enumerate(knowledge.tiers) for name in members}
    boxes = [node_box(without_control(name)) for name in nodes]
    layouts = {"layers": places(boxes, pairs, None)}
    placed = [[k for k, name in enumerate(nodes) if tier.get(name) == t]
              for t in range(len(knowledge.tiers))]  # fmt: skip
    if any(placed):
        layouts["tiers"] = places(boxes, pairs, placed)
    return {
        "kind": str(graph.kind),
        "summary": f"{graph.kind.upper()} with {plural(len(graph.nodes), 'node')} and"
        f" {plural(int(np.triu(graph.marks != Mark.NONE).sum()), 'edge')}",
        "kind_words": KIND_WORDS[graph.kind],
        "nodes": [
            {"name": name, "lines": list(box.lines), "w": box.width, "h": box.height,
             "tier": tier.get(name), "only": _only(name, graph, compare)}
            for name, box in zip(nodes, boxes, strict=True)
        ],
        "edges": edges,
        "apart": _apart(here, pairs, tests, counts),
        "layouts": layouts,
        "knowledge": knowledge.to_dict(),
        "test": None if evidence is None else evidence.test,
        "alpha": None if evidence is None else evidence.alpha,
        "n_resamples": found.n_resamples or None,
        "has_support": graph.support is not None,
        "has_weights": graph.weights is not None,
        "compare": None if compare is None else _compare_words(graph, compare, edges),
    }  # fmt: skip


@dataclass(frozen=True)
class _Tests:
    """The evidence behind a pair of nodes; ``place`` is where the picture has each node."""

    evidence: Evidence | None
    place: dict[str, int]
    at: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        nodes = () if self.evidence is None else self.evidence.nodes
        object.__setattr__(self, "at", {name: k for k, name in enumerate(nodes)})

    def of(self, a: str, b: str) -> dict[str, Any]:
        """Return the p-value, the set it belongs to (as places) and the reason, of one pair."""
        evidence = self.evidence
        if evidence is None or a not in self.at or b not in self.at:
            return {"p": None, "given": None, "reason": None}
        i, j = self.at[a], self.at[b]
        given = evidence.given.get((evidence.nodes[min(i, j)], evidence.nodes[max(i, j)]))
        return {
            "p": _rounded(evidence.p_value[i, j]),
            "given": None if given is None else [self.place[name] for name in given],
            "reason": evidence.reason(i, j),
        }


def _edge(here: CausalGraph, there: CausalGraph | None, i: int, j: int) -> dict[str, Any]:
    """Return how one edge is drawn, what it means, and how the other graph has it."""
    a, b = here.nodes[i], here.nodes[j]
    owner = here if here.marks[i, j] != Mark.NONE else there or here
    text = drawn(owner, i, j)
    edge: dict[str, Any] = {
        "a": i, "b": j, "text": text, "near": int(owner.marks[j, i]),
        "far": int(owner.marks[i, j]), "words": meaning(owner.kind, text, a, b),
        "weight": _number(here.weights, i, j), "support": _sum(here.support, i, j),
        "toward": _number(here.support, i, j),
    }  # fmt: skip
    if there is not None:
        other = drawn(there, i, j)
        edge |= {"status": compared(drawn(here, i, j), other), "other": other}
        if other and other != text:
            edge["other_words"] = meaning(there.kind, other, a, b)
    return edge


def _union(
    graph: CausalGraph, compare: CausalGraph | None
) -> tuple[CausalGraph, CausalGraph | None]:
    """Return both graphs over the nodes of either, in one order."""
    if compare is None:
        return graph, None
    nodes = (*graph.nodes, *(name for name in compare.nodes if name not in graph.nodes))
    return _spread(graph, nodes), _spread(compare, nodes)


def _spread(graph: CausalGraph, nodes: tuple[str, ...]) -> CausalGraph:
    at = np.array([nodes.index(name) for name in graph.nodes], dtype=int)
    grid = np.ix_(at, at)
    marks = np.zeros((len(nodes), len(nodes)), dtype=np.int8)
    marks[grid] = graph.marks
    parts: list[NDArray[np.float64] | None] = []
    for value in (graph.weights, graph.support):
        if value is None:
            parts.append(None)
            continue
        wide = np.zeros(marks.shape)
        wide[grid] = value
        parts.append(wide)
    return CausalGraph(nodes, marks, graph.kind, parts[0], parts[1], graph.provenance)


def _pairs(here: CausalGraph, there: CausalGraph | None) -> list[tuple[int, int]]:
    """Return every edge of either graph once, an arrow at one end pointing forward."""
    pairs: dict[frozenset[int], tuple[int, int]] = {}
    for graph in (here,) if there is None else (here, there):
        for i, j in edges_of(graph):
            back = graph.marks[j, i] == Mark.ARROW and graph.marks[i, j] != Mark.ARROW
            pairs.setdefault(frozenset((i, j)), (j, i) if back else (i, j))
    return list(pairs.values())


def _turned(counts: Counts, a: str, b: str) -> dict[str, int] | None:
    if (a, b) in counts:
        return dict(counts[a, b])
    found = counts.get((b, a))
    if found is None:
        return None
    mirror = str.maketrans("<>", "><")
    return {text if text == "none" else text[::-1].translate(mirror): n
            for text, n in found.items()}  # fmt: skip


def _apart(
    here: CausalGraph,
    pairs: list[tuple[int, int]],
    tests: _Tests,
    counts: Counts,
) -> list[list[Any]]:
    """Return ``[i, j, p, given, reason, share, counts]`` of the pairs that are not drawn."""
    if tests.evidence is None and here.support is None:
        return []
    joined = {frozenset(pair) for pair in pairs}
    out: list[list[Any]] = []
    for i, j in np.argwhere(np.triu(here.marks == Mark.NONE, 1)):
        i, j = int(i), int(j)
        if frozenset((i, j)) in joined:
            continue
        a, b = here.nodes[i], here.nodes[j]
        share = _sum(here.support, i, j)
        found = tests.of(a, b)
        if found["reason"] is not None or share:
            out.append([i, j, found["p"], found["given"], found["reason"], share,
                        _turned(counts, a, b)])  # fmt: skip
    return out


def _only(name: str, graph: CausalGraph, compare: CausalGraph | None) -> str | None:
    if compare is None or (name in graph.nodes and name in compare.nodes):
        return None
    return "this" if name in graph.nodes else "other"


def _compare_words(
    graph: CausalGraph, compare: CausalGraph, edges: list[dict[str, Any]]
) -> dict[str, Any]:
    note = ""
    if graph.kind is not compare.kind:
        note = (
            f"The graphs are of different kinds ({graph.kind} and {compare.kind}): the same mark"
            " need not mean the same."
        )
    counts = {status: sum(edge["status"] == status for edge in edges) for status in STATUS_WORDS}
    return {"words": dict(STATUS_WORDS), "counts": counts, "note": note,
            "kind": str(GraphKind(compare.kind))}  # fmt: skip


def _rounded(value: Any) -> float | None:
    number = float(value)
    return float(f"{number:.4g}") if np.isfinite(number) else None


def _number(values: Any, i: int, j: int) -> float | None:
    return None if values is None else _rounded(values[i, j])


def _sum(values: Any, i: int, j: int) -> float | None:
    return None if values is None else _rounded(values[i, j] + values[j, i])
