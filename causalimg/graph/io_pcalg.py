"""Graphs as the adjacency matrices of the R package pcalg."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind, Mark

_CODINGS = ("amat.cpdag", "amat.pag")


def to_pcalg(graph: CausalGraph, *, coding: str | None = None) -> pd.DataFrame:
    """Return the graph as an adjacency matrix of pcalg, with names on rows and columns.

    Parameters
    ----------
    graph : CausalGraph
    coding : {"amat.cpdag", "amat.pag"}, optional
        ``"amat.cpdag"`` (default for DAG and CPDAG): 0 or 1, and the code refers to the row:
        ``amat[b, a] = 1`` with ``amat[a, b] = 0`` is a -> b, 1 in both is a --- b.
        ``"amat.pag"`` (default for ADMG and PAG): 0 none, 1 circle, 2 arrowhead, 3 tail, and the
        code refers to the column: ``amat[a, b] = 2`` with ``amat[b, a] = 3`` is a -> b.

    Raises
    ------
    InvalidInputError
        If ``"amat.cpdag"`` is asked for a graph with circles or ``<->``.

    Notes
    -----
    A ``graphNEL`` turned into a matrix by R's ``as(g, "matrix")`` is the transpose of
    ``amat.cpdag``.

    References
    ----------
    Kalisch M, Machler M, Colombo D, Maathuis MH, Buhlmann P. Causal inference using graphical
    models with the R package pcalg. J Stat Softw 2012;47(11). doi:10.18637/jss.v047.i11

    Examples
    --------
    >>> graph = CausalGraph.from_directed(("a", "b"), [[0, 1], [0, 0]])
    >>> to_pcalg(graph).to_numpy().tolist(), to_pcalg(graph, coding="amat.pag").to_numpy().tolist()
    ([[0, 0], [1, 0]], [[0, 2], [3, 0]])
    """
    plain = graph.kind in (GraphKind.DAG, GraphKind.CPDAG)
    chosen = coding or ("amat.cpdag" if plain else "amat.pag")
    _check_coding(chosen)
    if chosen == "amat.pag":
        values = graph.marks.astype(int)
    elif plain:
        values = (graph.directed() | graph.undirected()).T.astype(int)
    else:
        raise InvalidInputError(
            f"amat.cpdag has no circles and no <->; write a {graph.kind} as amat.pag"
        )
    return pd.DataFrame(values, index=list(graph.nodes), columns=list(graph.nodes))


def from_pcalg(
    amat: Any,
    *,
    coding: str,
    nodes: Sequence[str] | None = None,
    kind: GraphKind | str | None = None,
) -> CausalGraph:
    """Read a graph from an adjacency matrix of pcalg.

    Parameters
    ----------
    amat : pandas.DataFrame or array_like, shape (d, d)
    coding : {"amat.cpdag", "amat.pag"}
        As in `to_pcalg`. It must be stated: a matrix of 0 and 1 can be either, and the two
        read it in opposite directions.
    nodes : sequence of str, optional
        Default: the columns of the frame, or V1, V2, ... as pcalg names them.
    kind : GraphKind or str, optional
        Default: ``cpdag`` for ``"amat.cpdag"``, ``pag`` for ``"amat.pag"``.

    Raises
    ------
    InvalidInputError
        Naming the row and column of a code that is not allowed.

    Examples
    --------
    >>> from_pcalg([[0, 0], [1, 0]], coding="amat.cpdag", nodes=["a", "b"]).parents("b")
    ('a',)
    """
    _check_coding(coding)
    values = np.asarray(amat)
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise InvalidInputError(f"an adjacency matrix is square; got shape {values.shape}")
    if nodes is not None:
        names = [str(name) for name in nodes]
    elif isinstance(amat, pd.DataFrame):
        names = [str(name) for name in amat.columns]
        rows = [str(name) for name in amat.index]
        if rows != names and rows != [str(k) for k in range(len(rows))]:
            raise InvalidInputError(
                f"rows and columns have different names: {rows[:6]} and {names[:6]}"
            )
    else:
        names = [f"V{k + 1}" for k in range(len(values))]
    if len(names) != len(values):
        raise InvalidInputError(f"{len(names)} names were given for {len(values)} nodes")
    largest = 1 if coding == "amat.cpdag" else 3
    bad = np.argwhere(~np.isin(values, range(largest + 1)))
    if len(bad):
        i, j = bad[0]
        raise InvalidInputError(
            f"row {names[i]!r}, column {names[j]!r}: {values[i, j]!r} is not a code of {coding}"
            f" (0 to {largest})"
        )
    if coding == "amat.pag":
        return CausalGraph(tuple(names), values.astype(np.int8), GraphKind(kind or "pag"))
    head = values.astype(bool)  # [i, j]: an arrowhead at i, or no orientation
    marks = np.zeros(values.shape, dtype=np.int8)
    marks[head.T & ~head] = Mark.ARROW
    marks[head & ~head.T] = Mark.TAIL
    marks[head & head.T] = Mark.TAIL
    return CausalGraph(tuple(names), marks, GraphKind(kind or "cpdag"))


def _check_coding(coding: str) -> None:
    if coding not in _CODINGS:
        raise InvalidInputError(f"coding={coding!r} is not one of {', '.join(_CODINGS)}")
