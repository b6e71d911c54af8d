"""Which covariates to adjust for: back-door sets read off a causal graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.adjustment_sets import BackdoorSets, Verdict
from causalimg.effects.multiplicity import check_choice
from causalimg.effects.paths import (
    WorkingGraph,
    ancestors,
    causal_nodes,
    descendants,
    drawn,
    minimal_separators,
    open_path,
    possible_descendants,
    working_graph,
)
from causalimg.errors import IdentificationError, InvalidInputError
from causalimg.graph.core import CausalGraph


def backdoor_sets(
    graph: CausalGraph,
    *,
    treatment: str,
    outcome: str,
    observed: Iterable[str] | None = None,
    max_sets: int = 100,
    engine: str = "native",
) -> BackdoorSets:
    """Find every minimal back-door set, and the statistically efficient one.

    Parameters
    ----------
    graph : CausalGraph
        A DAG; a CPDAG in which no unoriented edge matters for this effect; or an ADMG, whose
        bidirected edges stand for unmeasured common causes.
    treatment, outcome : str
        Nodes of the graph.
    observed : iterable of str, optional
        Nodes that were measured; all of them by default.
    max_sets : int, default=100
        Stop after this many minimal sets; ``complete`` tells whether there are more.
    engine : {"native", "dowhy"}
        ``dowhy`` lists dowhy's sets without superfluous members (for a DAG; on large graphs it may
        miss some), beside the native efficient set.

    Returns
    -------
    BackdoorSets

    Raises
    ------
    IdentificationError
        If no set of observed nodes closes every back-door path (naming an open path), or an
        unoriented edge at the treatment matters (naming it).
    UnknownNameError
        If a name is not a node of the graph.

    Notes
    -----
    Assumptions: the graph is right, and what was measured is what its nodes stand for.
    The minimal sets are the minimal separators of treatment and outcome in the moral graph of
    their ancestors after taking out the first edge of every causal path [1]_. The efficient set
    is the set of parents of the nodes on causal paths [2]_.

    References
    ----------
    .. [1] van der Zander, Liskiewicz, Textor (2019). Separators and adjustment sets in causal
       graphs. Artificial Intelligence 270. doi:10.1016/j.artint.2018.12.006
    .. [2] Henckel, Perkovic, Maathuis (2022). Graphical criteria for efficient total effect
       estimation via adjustment. JRSS-B 84. doi:10.1111/rssb.12451

    Examples
    --------
    >>> graph = CausalGraph.from_directed(
    ...     ("age", "scanner", "texture"), [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
    ... )
    >>> list(backdoor_sets(graph, treatment="scanner", outcome="texture"))
    [('age',)]
    """
    if max_sets < 1:
        raise InvalidInputError(f"max_sets must be at least 1, got {max_sets}")
    check_choice(engine, ("native", "dowhy"), "engine")
    work, t, y = _prepare(graph, treatment, outcome)
    allowed = _allowed(work, graph, t, y, observed)
    on_path = causal_nodes(work, t, y)
    best = _efficient(work, t, y, on_path)
    efficient = tuple(work.nodes[k] for k in best) if allowed[best].all() else None
    if engine == "dowhy":
        from causalimg.effects.dowhy_engine import dowhy_backdoor_sets

        theirs = dowhy_backdoor_sets(graph, treatment=treatment, outcome=outcome, observed=observed)
        return BackdoorSets(treatment, outcome, theirs[:max_sets], efficient, False)
    cut = _without_first_edges(work, t, on_path)
    found, complete = minimal_separators(cut, t, y, allowed=allowed, limit=max_sets)
    if not found:
        usable = np.flatnonzero(allowed & ancestors(cut, np.array([t, y])))
        path = open_path(cut, t, y, usable) or []
        hidden = [work.nodes[k] for k in path[1:-1] if not allowed[k]]
        raise IdentificationError(
            f"the effect of {treatment!r} on {outcome!r} is not identified by adjustment for"
            f" observed nodes: the path {drawn(work, path)} stays open"
            + (f" ({', '.join(map(repr, hidden))} cannot be adjusted for)" if hidden else "")
            + ". Measure a node that closes it, or use another design (front-door, instrument)."
        )
    named = sorted(
        (tuple(work.nodes[k] for k in item) for item in found), key=lambda x: (len(x), x)
    )
    return BackdoorSets(treatment, outcome, tuple(named), efficient, complete)


def efficient_set(graph: CausalGraph, *, treatment: str, outcome: str) -> tuple[str, ...]:
    """Return the adjustment set with the smallest asymptotic variance (the O-set).

    Parents of the nodes on causal paths, less those nodes' descendants and the treatment. Where
    the graph has no causal path, the parents of the outcome.

    Parameters
    ----------
    graph : CausalGraph
        As in `backdoor_sets`.
    treatment, outcome : str

    Raises
    ------
    IdentificationError
        If the set is not a back-door set (unmeasured common causes), or an unoriented edge at the
        treatment matters.

    References
    ----------
    Henckel, Perkovic, Maathuis (2022). doi:10.1111/rssb.12451

    Examples
    --------
    >>> graph = CausalGraph.from_directed(
    ...     ("age", "scanner", "size", "texture"),
    ...     [[0, 1, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]],
    ... )
    >>> efficient_set(graph, treatment="scanner", outcome="texture")
    ('age', 'size')
    """
    work, t, y = _prepare(graph, treatment, outcome)
    on_path = causal_nodes(work, t, y)
    best = _efficient(work, t, y, on_path)
    hidden = not work.observed[best].all()
    path = open_path(_without_first_edges(work, t, on_path), t, y, best)
    if hidden or path:
        why = "it needs an unmeasured node" if hidden else f"{drawn(work, path or [])} stays open"
        raise IdentificationError(
            f"there is no efficient set for {treatment!r} on {outcome!r}: {why};"
            " backdoor_sets() lists the sets of observed nodes, if there are any"
        )
    return tuple(work.nodes[k] for k in best)


def is_backdoor_set(
    graph: CausalGraph, treatment: str, outcome: str, adjustment: Sequence[str]
) -> Verdict:
    """Tell whether adjusting for a set removes all confounding, and if not, why not.

    Parameters
    ----------
    graph : CausalGraph
        DAG, CPDAG or ADMG.
    treatment, outcome : str
    adjustment : sequence of str
        Nodes; may be empty.

    Returns
    -------
    Verdict
        ``reason`` names a descendant of the treatment in the set, or a path that stays open.

    Raises
    ------
    IdentificationError
        If an unoriented edge at the treatment matters.

    References
    ----------
    Pearl (2009). Causality, definition 3.3.1. doi:10.1017/CBO9780511803161

    Examples
    --------
    >>> graph = CausalGraph.from_directed(
    ...     ("age", "scanner", "texture"), [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
    ... )
    >>> is_backdoor_set(graph, "scanner", "texture", []).reason
    'the path scanner <- age -> texture stays open'
    """
    chosen = [graph.index(name) for name in adjustment]
    work, t, y = _prepare(graph, treatment, outcome)
    if t in chosen or y in chosen:
        which = "treatment" if t in chosen else "outcome"
        return Verdict(False, f"the {which} itself is in the adjustment set")
    on_path = causal_nodes(work, t, y)
    below = descendants(work, np.array([t]))
    possible = possible_descendants(graph, on_path, len(work.nodes))
    for k in chosen:
        name = work.nodes[k]
        if on_path[k]:
            return Verdict(False, f"{name!r} lies on a causal path: it is a mediator")
        if possible[k] or (not work.extended and below[k]):
            return Verdict(False, f"{name!r} is a descendant of the treatment")
    path = open_path(_without_first_edges(work, t, on_path), t, y, np.array(chosen, dtype=int))
    if path:
        return Verdict(False, f"the path {drawn(work, path)} stays open")
    return Verdict(True)


def _prepare(graph: CausalGraph, treatment: str, outcome: str) -> tuple[WorkingGraph, int, int]:
    t, y = graph.index(treatment), graph.index(outcome)
    if t == y:
        raise InvalidInputError(f"treatment and outcome are the same node: {treatment!r}")
    return working_graph(graph, t, y), t, y


def _allowed(
    work: WorkingGraph, graph: CausalGraph, t: int, y: int, observed: Iterable[str] | None
) -> NDArray[np.bool_]:
    allowed = work.observed.copy()
    if observed is not None:
        measured = [graph.index(name) for name in observed]
        allowed &= np.isin(np.arange(len(allowed)), measured)
    on_path = causal_nodes(work, t, y)
    allowed &= ~possible_descendants(graph, on_path, len(allowed))
    if not work.extended:
        allowed &= ~descendants(work, np.array([t]))
    allowed[[t, y]] = False
    return allowed


def _without_first_edges(work: WorkingGraph, t: int, on_path: NDArray[np.bool_]) -> WorkingGraph:
    directed = work.directed.copy()
    directed[t, on_path] = False
    return WorkingGraph(work.nodes, directed, work.observed, work.extended)


def _efficient(work: WorkingGraph, t: int, y: int, on_path: NDArray[np.bool_]) -> NDArray[np.intp]:
    if not on_path.any():
        return np.flatnonzero(work.directed[:, y])
    outside = ~descendants(work, np.flatnonzero(on_path))
    outside[t] = False
    return np.flatnonzero(work.directed[:, on_path].any(axis=1) & outside)
