"""Instruments: nodes that move the treatment and reach the outcome through it alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from causalimg.effects.paths import (
    WorkingGraph,
    causal_nodes,
    descendants,
    minimal_separators,
    open_path,
    working_graph,
)
from causalimg.errors import IdentificationError, InvalidInputError
from causalimg.graph.core import CausalGraph

_TRIED = 20


@dataclass(frozen=True)
class Instrument:
    """An instrument and what has to be adjusted for.

    Parameters
    ----------
    name : str
    given : tuple of str
        The covariates that make it one; often empty.

    Examples
    --------
    >>> graph = CausalGraph.from_directed(
    ...     ("site", "scanner", "contrast"), [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    ... )
    >>> instruments(graph, treatment="scanner", outcome="contrast")
    (Instrument(name='site', given=()),)
    """

    name: str
    given: tuple[str, ...] = ()


def instruments(
    graph: CausalGraph,
    *,
    treatment: str,
    outcome: str,
    observed: Iterable[str] | None = None,
) -> tuple[Instrument, ...]:
    """Find the (conditional) instruments of an effect.

    Given the covariates, an instrument is connected with the treatment, and separated from the
    outcome once the treatment's own effect is taken out of the graph.

    Parameters
    ----------
    graph : CausalGraph
        DAG, ADMG, or a CPDAG in which no unoriented edge matters for this effect.
    treatment, outcome : str
    observed : iterable of str, optional
        Nodes that were measured; all of them by default.

    Returns
    -------
    tuple of Instrument
        In the order of the nodes, each with the smallest set of covariates found.

    Raises
    ------
    IdentificationError
        If there is none.

    Notes
    -----
    Assumptions: the graph is right. A number needs one more: effects are linear and the same for
    all, or the instrument moves no case's treatment the other way.

    References
    ----------
    van der Zander, Textor, Liskiewicz (2015). Efficiently finding conditional instruments for
    causal inference. IJCAI.

    Examples
    --------
    >>> from causalimg.graph.core import GraphKind, Mark
    >>> marks = np.zeros((3, 3), dtype=np.int8)
    >>> for a, b in ((0, 1), (1, 2)):
    ...     marks[a, b], marks[b, a] = Mark.ARROW, Mark.TAIL
    >>> nodes = ("lottery", "dose", "texture")
    >>> instruments(CausalGraph(nodes, marks, GraphKind.ADMG), treatment="dose", outcome="texture")
    (Instrument(name='lottery', given=()),)
    """
    t, y = graph.index(treatment), graph.index(outcome)
    if t == y:
        raise InvalidInputError(f"treatment and outcome are the same node: {treatment!r}")
    work = working_graph(graph, t, y)
    on_path = causal_nodes(work, t, y)
    directed = work.directed.copy()
    directed[t, on_path] = False
    cut = WorkingGraph(work.nodes, directed, work.observed, work.extended)
    measured = work.observed.copy()
    if observed is not None:
        inside = [graph.index(name) for name in observed]
        measured &= np.isin(np.arange(len(measured)), inside)
    usable = measured & ~descendants(work, np.array([t]))
    usable[[t, y]] = False
    found = []
    for node in np.flatnonzero(usable):
        allowed = usable.copy()
        allowed[node] = False
        # what the instrument itself causes would open or close its own way to the treatment
        separators, _ = minimal_separators(cut, int(node), y, allowed=allowed, limit=_TRIED)
        fit = [
            given
            for given in sorted(separators, key=lambda item: (len(item), item))
            if open_path(work, int(node), t, np.array(given, dtype=np.intp))
        ]
        if fit:
            given = tuple(work.nodes[k] for k in fit[0])
            found.append(Instrument(work.nodes[node], given))
    if not found:
        raise IdentificationError(
            f"no instrument for {treatment!r} on {outcome!r}: every observed node that is"
            " connected with the treatment reaches the outcome on another way too"
        )
    return tuple(found)
