"""The causal graph record: named nodes, a mark at each end of each edge, and how sure it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.atomic import write_text
from causalimg.errors import IdentificationError, InvalidInputError, UnknownNameError, nearest
from causalimg.graph.marks import (
    GraphKind,
    Mark,
    check_marks,
    directed_cycle,
    drawn_ends,
    edge_text,
)
from causalimg.provenance import Provenance
from causalimg.registry import load
from causalimg.schemas import read_document, validate

if TYPE_CHECKING:
    import networkx as nx

    from causalimg.graph.knowledge import Knowledge

__all__ = ["CausalGraph", "GraphKind", "Mark", "directed_cycle"]

SCHEMA_ID = "https://causalimg.org/schemas/causal_graph/1.0.0"


@dataclass(frozen=True, eq=False)
class CausalGraph:
    """A causal graph over named nodes.

    Parameters
    ----------
    nodes : tuple of str
    marks : ndarray of int8, shape (d, d)
        ``marks[i, j]`` is the mark at j's end of the edge between i and j (`Mark`), so that
        i -> j is ``marks[i, j] == ARROW`` and ``marks[j, i] == TAIL``.
    kind : GraphKind or str
        ``dag``, ``cpdag`` (also with background knowledge), ``admg`` or ``pag``.
    weights : ndarray, shape (d, d), optional
        ``weights[i, j]`` is the effect of i on j: row = cause, column = effect.
    support : ndarray, shape (d, d), optional
        Share of resamples with i -> j, an unoriented edge adding one half to each direction, so
        ``support[i, j] + support[j, i]`` is the share with any edge.
    provenance : Provenance, optional

    Raises
    ------
    InvalidInputError
        If shapes, names or marks do not fit, or a directed cycle makes the graph impossible.

    Examples
    --------
    >>> graph = CausalGraph.from_directed(("age", "size"), [[0, 1], [0, 0]])
    >>> graph.parents("size")
    ('age',)
    """

    nodes: tuple[str, ...]
    marks: NDArray[np.int8]
    kind: GraphKind
    weights: NDArray[np.float64] | None = None
    support: NDArray[np.float64] | None = None
    provenance: Provenance | None = None

    def __post_init__(self) -> None:
        nodes = tuple(str(node) for node in self.nodes)
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "kind", GraphKind(self.kind))
        twice = sorted({node for node in nodes if nodes.count(node) > 1})
        if twice:
            raise InvalidInputError(f"a graph's nodes need different names; twice: {twice}")
        shape = (len(nodes), len(nodes))
        for name, dtype in (("marks", np.int8), ("weights", float), ("support", float)):
            value = getattr(self, name)
            if value is None:
                continue
            array: NDArray[Any] = np.array(value, dtype=dtype)
            if array.shape != shape:
                raise InvalidInputError(
                    f"{name} has shape {array.shape}; {len(nodes)} nodes need {shape}"
                )
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        check_marks(self.nodes, self.marks, self.kind)

    # ---- reading -------------------------------------------------------------------------

    def index(self, node: str) -> int:
        """Return the position of a node.

        Raises
        ------
        UnknownNameError
            Naming the nearest node.
        """
        if node not in self.nodes:
            raise UnknownNameError(
                f"no node is called {node!r}{nearest(node, self.nodes)}"
                f" (nodes: {', '.join(self.nodes[:12])}{', ...' if len(self.nodes) > 12 else ''})"
            )
        return self.nodes.index(node)

    def directed(self) -> NDArray[np.bool_]:
        """Return the matrix of i -> j edges, row = cause, shape (d, d)."""
        return np.asarray((self.marks == Mark.ARROW) & (self.marks.T == Mark.TAIL))

    def undirected(self) -> NDArray[np.bool_]:
        """Return the symmetric matrix of i --- j edges, shape (d, d)."""
        return np.asarray((self.marks == Mark.TAIL) & (self.marks.T == Mark.TAIL))

    def _named(self, mask: NDArray[np.bool_]) -> tuple[str, ...]:
        return tuple(self.nodes[k] for k in np.flatnonzero(mask))

    def parents(self, node: str) -> tuple[str, ...]:
        """Return the nodes with a directed edge into ``node``."""
        return self._named(self.directed()[:, self.index(node)])

    def children(self, node: str) -> tuple[str, ...]:
        """Return the nodes that ``node`` has a directed edge into."""
        return self._named(self.directed()[self.index(node)])

    def neighbors(self, node: str) -> tuple[str, ...]:
        """Return the nodes joined to ``node`` by an unoriented edge."""
        return self._named(self.undirected()[self.index(node)])

    def adjacent(self, a: str, b: str) -> bool:
        """Tell whether any edge joins two nodes."""
        return bool(self.marks[self.index(a), self.index(b)] != Mark.NONE)

    def require_dag(self, what_for: str) -> None:
        """Raise `IdentificationError` unless the graph is a DAG.

        The message says how many edges are unoriented, which, and what to do.
        """
        if self.kind is GraphKind.DAG:
            return
        pairs = np.argwhere(np.triu(self.undirected()))
        loose = [f"{self.nodes[i]} --- {self.nodes[j]}" for i, j in pairs]
        if self.kind is GraphKind.CPDAG and not loose:
            return
        named = "; ".join(loose[:5]) + ("; ..." if len(loose) > 5 else "")
        raise IdentificationError(
            f"{what_for} needs a DAG and this is a {self.kind} with {len(loose)} unoriented"
            f" edges ({named}). Orient them with Knowledge (tiers, required edges), or use a"
            " method that orients every edge."
        )

    # ---- making --------------------------------------------------------------------------

    @classmethod
    def from_directed(
        cls,
        nodes: Sequence[str],
        adjacency: Any,
        *,
        kind: GraphKind | str = GraphKind.DAG,
        weights: NDArray[np.float64] | None = None,
        support: NDArray[np.float64] | None = None,
        provenance: Provenance | None = None,
    ) -> CausalGraph:
        """Make a graph from a 0/1 matrix with row = cause.

        In a ``cpdag``, an entry in both directions is an unoriented edge.
        """
        directed = np.asarray(adjacency, dtype=bool)
        marks = np.zeros(directed.shape, dtype=np.int8)
        marks[directed] = Mark.ARROW
        marks[directed.T & ~directed] = Mark.TAIL
        if GraphKind(kind) is GraphKind.CPDAG:
            marks[directed & directed.T] = Mark.TAIL
        return cls(tuple(nodes), marks, GraphKind(kind), weights, support, provenance)

    @classmethod
    def from_networkx(cls, graph: nx.DiGraph) -> CausalGraph:
        """Make a DAG from a networkx DiGraph; edge attribute ``weight`` is kept."""
        from causalimg.graph.io_networkx import from_networkx

        return from_networkx(graph)

    def to_networkx(self) -> nx.DiGraph:
        """Return a networkx DiGraph; an unoriented edge becomes two edges with ``oriented=False``.

        Edge attributes: ``edge`` (as in `to_frame`), ``weight`` and ``support`` where known.
        """
        from causalimg.graph.io_networkx import to_networkx

        return to_networkx(self)

    # ---- out -----------------------------------------------------------------------------

    def to_frame(self) -> pd.DataFrame:
        """Return one row per edge.

        Columns: ``source, target, edge`` (``-->``, ``---``, ``<->``, ``o->``, ``o-o``),
        ``weight``, ``support`` (share of resamples with any edge), ``direction_support`` (share
        with the arrow as drawn).
        """
        weights, support = self.weights, self.support
        rows = [
            (
                self.nodes[i],
                self.nodes[j],
                edge_text(near, far),
                np.nan if weights is None else weights[i, j],
                np.nan if support is None else support[i, j] + support[j, i],
                np.nan if support is None else support[i, j],
            )
            for i, j, near, far in drawn_ends(self.marks)
        ]
        columns = ["source", "target", "edge", "weight", "support", "direction_support"]
        return pd.DataFrame(rows, columns=columns)

    def to_dict(self) -> dict[str, Any]:
        """Return the graph as JSON types (schema ``causal_graph``)."""
        return {
            "$schema": SCHEMA_ID,
            "kind": str(self.kind),
            "nodes": list(self.nodes),
            "marks": self.marks.tolist(),
            "weights": None if self.weights is None else self.weights.tolist(),
            "support": None if self.support is None else self.support.tolist(),
            "provenance": None if self.provenance is None else self.provenance.to_dict(),
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> CausalGraph:
        """Rebuild a graph from `to_dict`."""
        made = document.get("provenance")
        return cls(
            nodes=tuple(document["nodes"]),
            marks=np.array(document["marks"], dtype=np.int8).reshape(
                len(document["nodes"]), len(document["nodes"])
            ),
            kind=GraphKind(document["kind"]),
            weights=document.get("weights"),
            support=document.get("support"),
            provenance=None if made is None else Provenance.from_dict(made),
        )

    def save(self, path: str | Path) -> None:
        """Write the graph as JSON, atomically."""
        document = self.to_dict()
        validate(document, "causal_graph")
        write_text(path, json.dumps(document, allow_nan=False) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> CausalGraph:
        """Read a graph written by `save`.

        Raises
        ------
        FileReadError, SchemaError
            If the file is missing, or not a graph of this version.
        """
        return cls.from_dict(read_document(path, "causal_graph"))

    @property
    def plot(self) -> Any:
        """Plots of this graph: ``plot.graph()``, ``plot.support()``."""
        return load("causalimg.plots", "causal_graph")(self)

    def explore(
        self,
        *,
        fitted: Any = None,
        knowledge: Knowledge | None = None,
        compare: CausalGraph | None = None,
        height: int = 520,
    ) -> Any:
        """Show the graph in a notebook, to look into, compare with another, and mark.

        ``fitted`` (what found the graph) gives the evidence for each pair; marks are added to
        ``knowledge``, by default that of ``fitted``; ``height`` is in px. Returns a `GraphView`
        with ``knowledge`` and ``save(path)`` (`causalimg.report.explore.explore`).
        """
        view = load("causalimg.plots", "explore")
        return view(self, fitted=fitted, knowledge=knowledge, compare=compare, height=height)

    def __repr__(self) -> str:
        return (
            f"CausalGraph({self.kind}, {len(self.nodes)} nodes,"
            f" {int(self.directed().sum())} directed and"
            f" {int(np.triu(self.undirected()).sum())} unoriented edges)"
        )

    def _repr_html_(self) -> str:
        table: str = self.to_frame().round(3).to_html(index=False, escape=True, border=0)
        return f"<p>{self!r}</p>{table}"
