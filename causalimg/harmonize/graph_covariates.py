"""Which covariates harmonisation has to preserve, read off the causal graph."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence

from causalimg.effects.identify import is_backdoor_set
from causalimg.errors import CausalImgWarning, IdentificationError, InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.graph.query import ancestors, descendants


def covariates_from_graph(
    graph: CausalGraph,
    *,
    batch: str,
    outcome: str | None = None,
    features: Sequence[str] | None = None,
    observed: Iterable[str] | None = None,
    allow_outcome: bool = False,
) -> tuple[str, ...]:
    """Return the covariates whose effect harmonisation must keep.

    These are the causes of the features that act on them other than through the batch, and that
    the batch does not act on: what makes the cases of one batch differ from those of another, or
    makes features vary, without being the batch's doing. The outcome, and what follows from it, is
    never among them unless ``allow_outcome`` says so.

    Parameters
    ----------
    graph : CausalGraph
        A DAG.
    batch : str
    outcome : str, optional
        What the harmonised features are to predict.
    features : sequence of str, optional
        Nodes that are to be harmonised; by default all that the batch acts on but the outcome.
    observed : iterable of str, optional
        Nodes that were measured; all by default.
    allow_outcome : bool, default=False
        Keep the outcome's effect too. For description only: features harmonised with it carry it.

    Returns
    -------
    tuple of str
        In the order of the graph's nodes.

    Raises
    ------
    IdentificationError
        If without the outcome (or with what was measured) a path between batch and a feature stays
        open: harmonisation would then take a part of the biology for the batch.
    InvalidInputError
        If the graph has no feature that the batch acts on.
    UnknownNameError
        If a name is not a node.

    Notes
    -----
    Assumptions: the graph is right, and conditions that cases were selected on are not hidden.

    Examples
    --------
    >>> graph = CausalGraph.from_directed(
    ...     ("age", "scanner", "texture"), [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
    ... )
    >>> covariates_from_graph(graph, batch="scanner")
    ('age',)
    """
    graph.require_dag("covariates_from_graph")
    after = descendants(graph, batch)
    if features is None:
        chosen = tuple(name for name in after if name != outcome)
    else:
        chosen = tuple(dict.fromkeys(str(name) for name in features))
    if not chosen or outcome in chosen:
        raise InvalidInputError(
            f"the outcome {outcome!r} is among the features"
            if chosen
            else f"the graph has no node that batch {batch!r} acts on, so there is nothing to"
            " harmonise; name features="
        )
    for name in chosen:
        graph.index(name)
    directed = graph.directed().copy()
    directed[graph.index(batch)] = False
    apart = CausalGraph.from_directed(graph.nodes, directed)
    seen = set(graph.nodes if observed is None else observed)
    tainted = set() if outcome is None else {outcome, *descendants(graph, outcome)}
    if allow_outcome and outcome is not None:
        tainted = set()
    out = {batch, *after, *chosen} | tainted
    causes = set(ancestors(apart, chosen)) & seen - out
    kept = tuple(name for name in graph.nodes if name in causes)
    if outcome in kept:
        warnings.warn(
            f"the outcome {outcome!r} is among the covariates to preserve: features harmonised"
            " with it carry the labels of the training cases, and new cases have none. Describe"
            " with them, but train and test no model on them.",
            CausalImgWarning,
            stacklevel=2,
        )
    for name in chosen:
        verdict = is_backdoor_set(graph, batch, name, kept)
        if not verdict:
            why = f" without the outcome {outcome!r}" if outcome is not None else ""
            raise IdentificationError(
                f"no answer: preserving {', '.join(kept) or 'nothing'}, batch {batch!r} and"
                f" feature {name!r} still differ for another reason{why} ({verdict.reason})."
                " Harmonisation would take that for the batch. Measure what is missing, use"
                " features that are stable across batches (StableFeatures); or, to describe only,"
                " allow_outcome=True."
            )
    return kept
