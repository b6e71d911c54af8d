"""Possible effects: what a CPDAG leaves open, as one effect per admissible orientation (IDA)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from causalimg.effects.columns import refuse_missing
from causalimg.effects.outcomes import read_outcomes
from causalimg.errors import IdentificationError, InvalidInputError, NotEstimableError
from causalimg.graph.core import CausalGraph, GraphKind
from causalimg.tables.encode import encode, is_categorical

_MOST_NEIGHBOURS = 12


def possible_parents(graph: CausalGraph, treatment: str) -> tuple[tuple[str, ...], ...]:
    """List the parent sets that the treatment has in some graph of the class.

    Unoriented edges at the treatment are oriented in every way that makes no new collider there.

    Parameters
    ----------
    graph : CausalGraph
        DAG or CPDAG.
    treatment : str

    Returns
    -------
    tuple of tuple of str

    Raises
    ------
    IdentificationError
        For other kinds of graphs, or more than 12 unoriented edges at the treatment.

    Examples
    --------
    >>> from causalimg.graph.core import Mark
    >>> marks = np.zeros((2, 2), dtype=np.int8)
    >>> marks[0, 1] = marks[1, 0] = Mark.TAIL
    >>> possible_parents(CausalGraph(("a", "b"), marks, GraphKind.CPDAG), "a")
    ((), ('b',))
    """
    if graph.kind not in (GraphKind.DAG, GraphKind.CPDAG):
        raise IdentificationError(
            f"possible effects need a DAG or CPDAG, not a graph of kind {graph.kind.value}"
        )
    t = graph.index(treatment)
    sure = np.flatnonzero(graph.directed()[:, t])
    loose = np.flatnonzero(graph.undirected()[t])
    if len(loose) > _MOST_NEIGHBOURS:
        raise IdentificationError(
            f"{treatment!r} has {len(loose)} unoriented edges, and every orientation of them is a"
            f" possible graph (at most {_MOST_NEIGHBOURS}); orient some with Knowledge"
        )
    linked = graph.marks != 0
    found = []
    for size in range(len(loose) + 1):
        for chosen in itertools.combinations(loose, size):
            pairs = itertools.combinations(chosen, 2)
            if all(linked[a, b] for a, b in pairs) and all(
                linked[a, b] for a in chosen for b in sure
            ):
                found.append(tuple(graph.nodes[k] for k in sorted((*sure, *chosen))))
    return tuple(found)


def possible_effects(
    graph: CausalGraph, frame: pd.DataFrame, *, treatment: str, outcomes: Sequence[str]
) -> pd.DataFrame:
    """Estimate the multiset of effects that the graphs of a class give, for all outcomes.

    Every possible parent set of the treatment is an adjustment set of one graph; the effect is the
    treatment's coefficient in the linear regression on it. Where an outcome is among the parents,
    the effect is zero.

    Parameters
    ----------
    graph : CausalGraph
        DAG or CPDAG; nodes are columns of ``frame``.
    frame : pandas.DataFrame
        Not modified.
    treatment : str
        A number column (a two-level treatment as 0 and 1).
    outcomes : sequence of str
        Nodes of the graph.

    Returns
    -------
    pandas.DataFrame
        ``outcome, parents, estimate, se, smallest``: one row per outcome and possible parent set;
        ``smallest`` is the smallest absolute effect of the outcome, a lower bound on it.

    Raises
    ------
    IdentificationError
        See `possible_parents`.
    InvalidInputError
        For missing values or a treatment that is not a number.

    Notes
    -----
    Assumptions: the class is right, no unmeasured confounding, linear relations. Standard errors
    are leverage-corrected (HC2), for one parent set at a time.

    References
    ----------
    Maathuis, Kalisch, Buhlmann (2009). doi:10.1214/09-AOS685

    Examples
    --------
    >>> from causalimg.graph.core import Mark
    >>> marks = np.zeros((2, 2), dtype=np.int8)
    >>> marks[0, 1] = marks[1, 0] = Mark.TAIL
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"a": rng.normal(size=500)})
    >>> table["b"] = 2 * table["a"] + rng.normal(size=500)
    >>> graph = CausalGraph(("a", "b"), marks, GraphKind.CPDAG)
    >>> found = possible_effects(graph, table, treatment="a", outcomes=["b"])
    >>> found["estimate"].round(1).tolist()
    [2.0, 0.0]
    """
    for name in outcomes:
        graph.index(name)
    sets = possible_parents(graph, treatment)
    read = read_outcomes(frame, outcomes, reserved={treatment: "the treatment"})
    if is_categorical(frame[treatment]):
        raise InvalidInputError(f"treatment {treatment!r} must be numbers; code two levels as 0, 1")
    needed = list(dict.fromkeys([treatment, *(name for parents in sets for name in parents)]))
    refuse_missing(frame, needed, "node")
    good = [k for k, name in enumerate(read.names) if name not in read.problems]
    values = read.values[:, good]
    if np.isnan(values).any():
        raise InvalidInputError("possible effects need outcomes without missing values")
    dose = frame[treatment].to_numpy(dtype=np.float64)
    parts = []
    for parents in sets:
        matrix = np.column_stack([np.ones(len(frame)), encode(frame, list(parents)).matrix])
        orthogonal = np.linalg.qr(matrix)[0]
        rest = dose - orthogonal @ (orthogonal.T @ dose)
        if rest @ rest <= 1e-10 * (dose - dose.mean()) @ (dose - dose.mean()):
            raise NotEstimableError(
                f"{', '.join(map(repr, parents))} determine {treatment!r}: there is no other value"
                " of it to compare with"
            )
        own = rest / (rest @ rest)
        effect = own @ values
        noise = values - orthogonal @ (orthogonal.T @ values) - rest[:, None] * effect
        leverage = (orthogonal**2).sum(axis=1) + rest * own
        noise /= np.sqrt(np.maximum(1 - leverage, 1e-8))[:, None]
        se = np.sqrt(((own[:, None] * noise) ** 2).sum(axis=0))
        zero = np.array([read.names[k] in parents for k in good], dtype=bool)
        parts.append(
            pd.DataFrame(
                {
                    "outcome": [read.names[k] for k in good],
                    "parents": ", ".join(parents),
                    "estimate": np.where(zero, 0.0, effect),
                    "se": np.where(zero, 0.0, se),
                }
            )
        )
    out = pd.concat(parts, ignore_index=True)
    order = {name: k for k, name in enumerate(read.names)}
    out = out.sort_values("outcome", key=lambda column: column.map(order), kind="stable")
    out["smallest"] = out["estimate"].abs().groupby(out["outcome"]).transform("min")
    return out.reset_index(drop=True)
