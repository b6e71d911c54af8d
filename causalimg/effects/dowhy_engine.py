"""Identification by dowhy, for comparison with the native answers."""

from __future__ import annotations

from collections.abc import Iterable

from causalimg.errors import IdentificationError, MissingDependencyError
from causalimg.graph.core import CausalGraph


def dowhy_backdoor_sets(
    graph: CausalGraph,
    *,
    treatment: str,
    outcome: str,
    observed: Iterable[str] | None = None,
) -> tuple[tuple[str, ...], ...]:
    """Return the back-door sets that dowhy finds, those without superfluous members.

    Parameters
    ----------
    graph : CausalGraph
        A DAG: dowhy knows no other.
    treatment, outcome : str
    observed : iterable of str, optional

    Returns
    -------
    tuple of tuple of str

    Raises
    ------
    IdentificationError
        If the graph is not a DAG, or dowhy finds none.
    MissingDependencyError
        Without dowhy.

    Notes
    -----
    dowhy tries subsets one by one and stops after a number of them, so that on large graphs it
    may miss sets.
    """
    try:
        from dowhy.causal_identifier.auto_identifier import (
            BackdoorAdjustment,
            EstimandType,
            identify_effect_auto,
        )
    except ImportError as error:
        raise MissingDependencyError(
            "engine='dowhy' needs dowhy: pip install 'causalimg[engines]'"
        ) from error
    graph.require_dag("engine='dowhy'")
    names = list(graph.nodes) if observed is None else [str(name) for name in observed]
    found = identify_effect_auto(
        graph.to_networkx(),
        [treatment],
        [outcome],
        sorted({*names, treatment, outcome}),
        EstimandType.NONPARAMETRIC_ATE,
        backdoor_adjustment=BackdoorAdjustment.BACKDOOR_EXHAUSTIVE,
    )
    sets = {frozenset(item) for item in (found.backdoor_variables or {}).values()}
    if not sets:
        raise IdentificationError(
            f"dowhy finds no back-door set for {treatment!r} on {outcome!r} among observed nodes"
        )
    smallest = [item for item in sets if not any(other < item for other in sets)]
    return tuple(sorted((tuple(sorted(item)) for item in smallest), key=lambda x: (len(x), x)))
