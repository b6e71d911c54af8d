"""Front-door sets: mediators through which an effect can be read despite unmeasured confounding."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.paths import (
    WorkingGraph,
    causal_nodes,
    descendants,
    drawn,
    open_path,
    working_graph,
)
from causalimg.errors import IdentificationError, InvalidInputError
from causalimg.graph.core import CausalGraph


def frontdoor_sets(
    graph: CausalGraph,
    *,
    treatment: str,
    outcome: str,
    observed: Iterable[str] | None = None,
    max_size: int = 3,
) -> tuple[tuple[str, ...], ...]:
    """Find the minimal front-door sets among the nodes on causal paths.

    A set of mediators qualifies if it lies on every causal path, nothing confounds treatment with
    it, and treatment closes every back-door path from it to the outcome.

    Parameters
    ----------
    graph : CausalGraph
        DAG, ADMG, or a CPDAG in which no unoriented edge matters for this effect.
    treatment, outcome : str
    observed : iterable of str, optional
        Nodes that were measured; all of them by default.
    max_size : int, default=3

    Returns
    -------
    tuple of tuple of str
        The smallest first.

    Raises
    ------
    IdentificationError
        If there is none, with the reason for every mediator that fails.

    Notes
    -----
    Assumptions: the graph is right; in particular no edge goes past the mediators.

    References
    ----------
    Pearl (1995). doi:10.1093/biomet/82.4.669

    Examples
    --------
    >>> from causalimg.graph.core import GraphKind, Mark
    >>> marks = np.zeros((3, 3), dtype=np.int8)
    >>> for a, b in ((0, 1), (1, 2)):
    ...     marks[a, b], marks[b, a] = Mark.ARROW, Mark.TAIL
    >>> marks[0, 2] = marks[2, 0] = Mark.ARROW
    >>> graph = CausalGraph(("dose", "noise", "texture"), marks, GraphKind.ADMG)
    >>> frontdoor_sets(graph, treatment="dose", outcome="texture")
    (('noise',),)
    """
    if max_size < 1:
        raise InvalidInputError(f"max_size must be at least 1, got {max_size!r}")
    t, y = graph.index(treatment), graph.index(outcome)
    if t == y:
        raise InvalidInputError(f"treatment and outcome are the same node: {treatment!r}")
    work = working_graph(graph, t, y)
    between = causal_nodes(work, t, y)
    between[y] = False
    if not between.any():
        raise IdentificationError(
            f"no front-door set for {treatment!r} on {outcome!r}: no node lies on a causal path"
            " between them"
        )
    allowed = work.observed & between
    if observed is not None:
        measured = [graph.index(name) for name in observed]
        allowed &= np.isin(np.arange(len(allowed)), measured)
    no_effects = _without_out(work, np.array([t]))
    none = np.array([], dtype=np.intp)
    reasons: list[str] = []
    candidates = []
    for node in np.flatnonzero(between):
        name = work.nodes[node]
        path = open_path(no_effects, t, int(node), none)
        if not allowed[node]:
            reasons.append(f"{name!r} is not observed")
        elif path:
            reasons.append(f"{name!r} is confounded with the treatment ({drawn(work, path)})")
        else:
            candidates.append(int(node))
    found: list[tuple[int, ...]] = []
    for size in range(1, max_size + 1):
        for chosen in itertools.combinations(candidates, size):
            if any(set(smaller) <= set(chosen) for smaller in found):
                continue
            said = _fails(work, t, y, np.array(chosen))
            if said:
                if size == 1:
                    reasons.append(said)
                continue
            found.append(chosen)
    if not found:
        raise IdentificationError(
            f"no front-door set for {treatment!r} on {outcome!r}: {'; '.join(reasons[:5])}"
        )
    return tuple(tuple(work.nodes[k] for k in chosen) for chosen in found)


def _fails(work: WorkingGraph, t: int, y: int, chosen: NDArray[np.intp]) -> str:
    named = ", ".join(repr(work.nodes[k]) for k in chosen)
    left = work.directed.copy()
    left[chosen] = False
    left[:, chosen] = False
    rest = WorkingGraph(work.nodes, left, work.observed, work.extended)
    if descendants(rest, np.array([t]))[y]:
        return f"a causal path goes past {named}"
    cut = _without_out(work, chosen)
    for node in chosen:
        path = open_path(cut, int(node), y, np.array([t]))
        if path:
            return f"{work.nodes[node]!r} is confounded with the outcome ({drawn(work, path)})"
    return ""


def _without_out(work: WorkingGraph, nodes: NDArray[np.intp]) -> WorkingGraph:
    directed = work.directed.copy()
    directed[nodes] = False
    return WorkingGraph(work.nodes, directed, work.observed, work.extended)
