"""Paths, ancestors and separators on boolean edge matrices (row = cause)."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalimg.errors import IdentificationError, InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind, Mark


@dataclass(frozen=True)
class WorkingGraph:
    """One DAG that stands for the graph that was given.

    Parameters
    ----------
    nodes : tuple of str
        The graph's nodes, then one unmeasured node per bidirected edge.
    directed : ndarray of bool, shape (d, d)
    observed : ndarray of bool, shape (d,)
    extended : bool
        True if unoriented edges were given a direction (any that fits).
    """

    nodes: tuple[str, ...]
    directed: NDArray[np.bool_]
    observed: NDArray[np.bool_]
    extended: bool = False


def working_graph(graph: CausalGraph, t: int, y: int) -> WorkingGraph:
    """Turn a DAG, an ADMG or a CPDAG that identifies the effect of t on y into one DAG.

    Raises
    ------
    IdentificationError
        For a PAG, and for a CPDAG with an unoriented edge at the treatment that may lie on a
        causal path.
    """
    directed = graph.directed().copy()
    count = len(graph.nodes)
    if graph.kind is GraphKind.PAG:
        raise IdentificationError(
            "back-door sets need a DAG, CPDAG or ADMG and this is a PAG: its circles leave open"
            " which arrows and hidden causes exist. Orient it with Knowledge, or draw the graph."
        )
    if graph.kind is GraphKind.ADMG:
        both = np.argwhere(np.triu((graph.marks == Mark.ARROW) & (graph.marks.T == Mark.ARROW)))
        grown = np.zeros((count + len(both), count + len(both)), dtype=bool)
        grown[:count, :count] = directed
        for k, pair in enumerate(both):
            grown[count + k, pair] = True
        names = tuple(f"(unmeasured {k + 1})" for k in range(len(both)))
        return WorkingGraph(graph.nodes + names, grown, np.arange(len(grown)) < count)
    loose = graph.undirected()
    if not loose.any():
        return WorkingGraph(graph.nodes, directed, np.ones(count, dtype=bool))
    _require_amenable(graph, directed, loose, t, y)
    return WorkingGraph(
        graph.nodes, _extension(graph, directed, loose), np.ones(count, dtype=bool), True
    )


def _require_amenable(
    graph: CausalGraph, directed: NDArray[np.bool_], loose: NDArray[np.bool_], t: int, y: int
) -> None:
    step = (directed | loose).copy()
    step[:, t] = False
    reaches = np.zeros(len(step), dtype=bool)
    reaches[y] = True
    while True:
        grown = reaches | step[:, reaches].any(axis=1)
        if (grown == reaches).all():
            break
        reaches = grown
    bad = [f"{graph.nodes[t]} --- {graph.nodes[k]}" for k in np.flatnonzero(loose[t] & reaches)]
    if bad:
        raise IdentificationError(
            f"the effect of {graph.nodes[t]!r} on {graph.nodes[y]!r} is not identified by this"
            f" cpdag: unoriented at the treatment: {'; '.join(bad)}. Orient"
            f" {'it' if len(bad) == 1 else 'them'} with Knowledge (tiers, required edges)."
        )


def _extension(
    graph: CausalGraph, directed: NDArray[np.bool_], loose: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Orient the loose edges without a cycle or a new collider (Dor and Tarsi 1992)."""
    out, left_directed, left_loose = directed.copy(), directed.copy(), loose.copy()
    remaining = list(range(len(directed)))
    while remaining:
        for node in remaining:
            if left_directed[node].any():
                continue
            around = np.flatnonzero(left_loose[node])
            near = np.flatnonzero(left_directed[:, node] | left_loose[node])
            linked = left_directed | left_directed.T | left_loose
            if all(linked[a, b] for a in around for b in near if a != b):
                out[around, node] = True
                left_directed[:, node] = left_loose[:, node] = left_loose[node] = False
                remaining.remove(node)
                break
        else:
            names = ", ".join(graph.nodes[k] for k in remaining[:8])
            raise InvalidInputError(
                f"the unoriented edges among {names} cannot be oriented without a cycle or a new"
                " collider: this is not a cpdag"
            )
    return out


def _closure(step: NDArray[np.bool_], start: NDArray[np.intp]) -> NDArray[np.bool_]:
    reached = np.zeros(len(step), dtype=bool)
    reached[start] = True
    front = reached
    while front.any():
        front = step[front].any(axis=0) & ~reached
        reached = reached | front
    return reached


def descendants(work: WorkingGraph, start: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Mark the start nodes and everything below them."""
    return _closure(work.directed, start)


def ancestors(work: WorkingGraph, start: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Mark the start nodes and everything above them."""
    return _closure(work.directed.T, start)


def causal_nodes(work: WorkingGraph, t: int, y: int) -> NDArray[np.bool_]:
    """Mark the nodes on directed paths from t to y: without t, with y if there is a path."""
    on_path = descendants(work, np.array([t])) & ancestors(work, np.array([y]))
    on_path[t] = False
    return on_path


def possible_descendants(
    graph: CausalGraph, start: NDArray[np.bool_], size: int
) -> NDArray[np.bool_]:
    """Nodes that some graph of the class puts at or below the nodes on causal paths."""
    step = graph.directed() | graph.undirected()
    reached = start[: len(step)].copy()
    while True:
        grown = reached | step[reached].any(axis=0)
        if (grown == reached).all():
            break
        reached = grown
    out = np.zeros(size, dtype=bool)
    out[: len(step)] = reached
    return out


def open_path(work: WorkingGraph, a: int, b: int, given: NDArray[np.intp]) -> list[int] | None:
    """Return a shortest path from a to b that is open given a set of nodes; None if separated."""
    directed = work.directed
    blocked = np.zeros(len(directed), dtype=bool)
    blocked[given] = True
    opens = ancestors(work, given)
    # a state is (node, True if the last edge points into the node)
    before: dict[tuple[int, bool], tuple[int, bool] | None] = {}
    queue: deque[tuple[int, bool]] = deque()
    for way, nexts in ((True, directed[a]), (False, directed[:, a])):
        for first in np.flatnonzero(nexts):
            before[int(first), way] = None
            queue.append((int(first), way))
    while queue:
        state = queue.popleft()
        node, into = state
        if node == b:
            path = [node]
            last = before[state]
            while last is not None:
                path.append(last[0])
                last = before[last]
            return [a, *reversed(path)]
        moves: list[tuple[int, bool]] = []
        if not blocked[node]:
            moves += [(int(k), True) for k in np.flatnonzero(directed[node])]
        if (into and opens[node]) or (not into and not blocked[node]):
            moves += [(int(k), False) for k in np.flatnonzero(directed[:, node])]
        for move in moves:
            if move not in before and move[0] != a:
                before[move] = state
                queue.append(move)
    return None


def drawn(work: WorkingGraph, path: Sequence[int]) -> str:
    """Write a path with its arrows: ``a -> b <- c``."""
    text = work.nodes[path[0]] if path else ""
    for a, b in itertools.pairwise(path):
        text += f" {'->' if work.directed[a, b] else '<-'} {work.nodes[b]}"
    return text


def minimal_separators(
    work: WorkingGraph, a: int, b: int, *, allowed: NDArray[np.bool_], limit: int
) -> tuple[list[tuple[int, ...]], bool]:
    """List the minimal sets of allowed nodes that d-separate a and b.

    Works on the moral graph of the ancestors of a and b; nodes that are not allowed are taken out
    by joining their neighbours. Separators are grown from the one nearest to a
    (Shen and Liang 1997, doi:10.1016/S0304-3975(97)83809-0).

    Returns
    -------
    separators : list of tuple of int
    complete : bool
        False if ``limit`` was reached.
    """
    inside = ancestors(work, np.array([a, b]))
    directed = work.directed & inside[:, None] & inside[None, :]
    counted = directed.astype(np.float32)
    moral = directed | directed.T | ((counted @ counted.T) > 0)
    np.fill_diagonal(moral, False)
    for node in np.flatnonzero(inside & ~allowed):
        if node in (a, b):
            continue
        near = np.flatnonzero(moral[node])
        moral[np.ix_(near, near)] = True
        moral[node] = moral[:, node] = False
        np.fill_diagonal(moral, False)
    if moral[a, b]:
        return [], True

    def component(removed: NDArray[np.bool_], start: int) -> NDArray[np.bool_]:
        return _closure(moral & ~removed[:, None] & ~removed[None, :], np.array([start]))

    def around(nodes: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.asarray(moral[nodes].any(axis=0) & ~nodes)

    def nearest_to(side: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
        """Return the minimal separator inside the border of the a-side, None if b is on it."""
        border = around(side)
        return None if border[b] else around(component(border | side, b))

    alone = np.zeros(len(moral), dtype=bool)
    alone[a] = True
    first = nearest_to(alone)
    found: dict[tuple[int, ...], None] = {}
    queue: deque[NDArray[np.bool_]] = deque()
    for separator in [first] if first is not None else []:
        found[_key(separator)] = None
        queue.append(separator)
    while queue:
        separator = queue.popleft()
        side = component(separator, a)
        for node in np.flatnonzero(separator):
            grown = side.copy()
            grown[node] = True
            other = nearest_to(grown)
            if other is None or _key(other) in found:
                continue
            if len(found) >= limit:
                return list(found), False
            found[_key(other)] = None
            queue.append(other)
    return list(found), True


def _key(mask: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(int(k) for k in np.flatnonzero(mask))
