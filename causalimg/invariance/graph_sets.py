"""What a graph says about invariant prediction: parents, Markov blanket, stable blanket."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from causalimg.errors import IdentificationError, InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind
from causalimg.graph.equivalence import all_dags
from causalimg.graph.query import d_separated, descendants

_LIMIT = 2000


@dataclass(frozen=True)
class GraphSets:
    """Sets of predictors read from a graph, and which of them are invariant.

    Parameters
    ----------
    outcome : str
    environment : tuple of str
    parents : tuple of str
        Direct causes of the outcome among the candidates.
    markov_blanket : tuple of str
        Smallest set of candidates given which no other candidate tells more about the outcome.
    stable_blanket : tuple of str
        The same among the candidates that no environment makes unstable: without the children of
        the outcome that the environment acts on, and what follows from them.
    unstable : tuple of str
        The candidates that are left out for that.
    invariant : dict of str to bool
        Whether outcome and environment are d-separated given each of the three sets.

    Examples
    --------
    >>> graph = CausalGraph.from_directed(
    ...     ("site", "age", "disease", "texture"),
    ...     [[0, 0, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]],
    ... )
    >>> sets = graph_invariant_sets(graph, outcome="disease", environment="site")
    >>> sets.markov_blanket, sets.stable_blanket, sets.unstable
    (('age', 'texture'), ('age',), ('texture',))
    """

    outcome: str
    environment: tuple[str, ...]
    parents: tuple[str, ...]
    markov_blanket: tuple[str, ...]
    stable_blanket: tuple[str, ...]
    unstable: tuple[str, ...]
    invariant: dict[str, bool]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per candidate in any set.

        Columns: ``feature, parents, markov_blanket, stable_blanket, unstable`` (true or false).
        """
        kinds = ("parents", "markov_blanket", "stable_blanket", "unstable")
        names = sorted({name for kind in kinds for name in getattr(self, kind)})
        rows = [(name, *(name in getattr(self, kind) for kind in kinds)) for name in names]
        return pd.DataFrame(rows, columns=["feature", *kinds])


def graph_invariant_sets(
    graph: CausalGraph,
    *,
    outcome: str,
    environment: str | Sequence[str],
    candidates: Iterable[str] | None = None,
) -> GraphSets:
    """Read parents, Markov blanket and stable blanket of an outcome from a graph.

    Parameters
    ----------
    graph : CausalGraph
        A DAG with a node for the environment; or a CPDAG of which every DAG gives the same answer.
    outcome : str
    environment : str or sequence of str
        Nodes that stand for what differs between environments: site, scanner, protocol.
    candidates : iterable of str, optional
        Nodes that may be predictors; all others by default.

    Returns
    -------
    GraphSets

    Raises
    ------
    IdentificationError
        If the environment and the outcome are adjacent, so that no set of predictors can be
        invariant; if the DAGs of a CPDAG disagree, naming the two answers; for a PAG or ADMG.
    InvalidInputError
        If a node has two roles.
    UnknownNameError
        If a node is not in the graph.

    Notes
    -----
    Assumptions: the graph is right and has no hidden common causes. The parents are invariant if
    all of them are candidates. The stable blanket predicts at least as well as the parents in
    every environment, and its dependence with the outcome is the same in all of them.

    References
    ----------
    Pfister, Williams, Peters, Aebersold, Buhlmann (2021). doi:10.1214/21-AOAS1487

    Examples
    --------
    >>> graph = CausalGraph.from_directed(
    ...     ("site", "cause", "y", "stable", "moved"),
    ...     [[0, 1, 0, 0, 1], [0, 0, 1, 0, 0], [0, 0, 0, 1, 1], [0] * 5, [0] * 5],
    ... )
    >>> found = graph_invariant_sets(graph, outcome="y", environment="site")
    >>> found.markov_blanket, found.stable_blanket
    (('cause', 'stable', 'moved'), ('cause', 'stable'))
    >>> found.invariant["markov_blanket"], found.invariant["stable_blanket"]
    (False, True)
    """
    places = (environment,) if isinstance(environment, str) else tuple(environment)
    if not places:
        raise InvalidInputError("environment is empty; name at least one node")
    for name in (outcome, *places):
        graph.index(name)
    if candidates is None:
        names = tuple(name for name in graph.nodes if name != outcome and name not in places)
    else:
        wanted = set(candidates)
        for name in sorted(wanted):
            graph.index(name)
        names = tuple(name for name in graph.nodes if name in wanted)
    if outcome in places or set(names) & {outcome, *places}:
        raise InvalidInputError(
            "outcome, environment and candidates must be different nodes; in two roles: "
            f"{sorted(set(names) & {outcome, *places} or {outcome})}"
        )
    near = [place for place in places if graph.adjacent(place, outcome)]
    if near:
        raise IdentificationError(
            f"{near[0]!r} and {outcome!r} are adjacent: the environment is tied to the outcome"
            " itself, and no set of predictors is invariant. Put what lies between them into the"
            " graph, or use another environment"
        )
    if graph.kind not in (GraphKind.DAG, GraphKind.CPDAG):
        graph.require_dag("graph_invariant_sets")
    answers: list[GraphSets] = []
    for dag in all_dags(graph, limit=_LIMIT):
        found = _in_dag(dag, outcome, places, names)
        if found not in answers:
            answers.append(found)
    if len(answers) > 1:
        kind = next(
            kind
            for kind in ("parents", "markov_blanket", "stable_blanket", "unstable", "invariant")
            if any(getattr(one, kind) != getattr(answers[0], kind) for one in answers)
        )
        shown = [list(getattr(one, kind)) for one in answers[:2]]
        loose = int(np.triu(graph.undirected()).sum())
        raise IdentificationError(
            f"the {loose} unoriented edges of the {graph.kind} leave the"
            f" {kind.replace('_', ' ')} of {outcome!r} open: {shown[0]} in one DAG,"
            f" {shown[1]} in another. Orient edges with Knowledge (tiers, required edges)"
        )
    return answers[0]


def _in_dag(
    dag: CausalGraph, outcome: str, places: tuple[str, ...], names: tuple[str, ...]
) -> GraphSets:
    moved = {child for child in dag.children(outcome) if set(dag.parents(child)) & set(places)}
    spoilt = moved | {name for child in moved for name in descendants(dag, child)}
    parents = tuple(name for name in names if name in dag.parents(outcome))
    stable = tuple(name for name in names if name not in spoilt)
    sets = {
        "parents": parents,
        "markov_blanket": _blanket(dag, outcome, names),
        "stable_blanket": _blanket(dag, outcome, stable),
    }
    return GraphSets(
        outcome=outcome,
        environment=places,
        parents=parents,
        markov_blanket=sets["markov_blanket"],
        stable_blanket=sets["stable_blanket"],
        unstable=tuple(name for name in names if name in spoilt),
        invariant={
            kind: d_separated(dag, outcome, places, given=chosen) for kind, chosen in sets.items()
        },
    )


def _blanket(dag: CausalGraph, outcome: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the candidates that tell about the outcome beyond all other candidates."""
    return tuple(
        name
        for name in names
        if not d_separated(dag, outcome, name, given=[other for other in names if other != name])
    )
