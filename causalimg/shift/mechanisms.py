"""Which mechanisms changed between environments, and what kind of shift that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.columns import refuse_missing, treatment_codes
from causalimg.effects.covariates import covariate_matrix
from causalimg.errors import InvalidInputError, NotEstimableError, check_columns
from causalimg.graph.core import CausalGraph
from causalimg.graph.query import descendants
from causalimg.shift.change_tests import interactions, level_change_p, mean_change_p
from causalimg.tables.encode import is_categorical, levels

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

COLUMNS = ("node", "parents", "p_mean", "p_spread", "p", "p_adjusted", "changed")
KINDS = ("none", "covariate", "label", "concept", "measurement")
_ADVICE = {
    "none": "No mechanism is shown to differ; with few cases that is not proof.",
    "covariate": "Covariate shift: the outcome follows from its causes as before, and other"
    " cases come. Weights of density_ratio() make up for it.",
    "label": "Label shift: the outcome is more or less common, and shows itself as before."
    " label_shift_weights() makes up for it.",
    "concept": "Concept shift: the outcome follows from its causes in another way. No weights make"
    " up for that; labels from the new environment are needed.",
    "measurement": "Measurement shift: what follows from the outcome (or is measured of it) looks"
    " different. Harmonise these features, or leave them out and use stable ones.",
}


@dataclass(frozen=True, eq=False)
class MechanismChanges:
    """Tests of every mechanism, and the verdict.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per node, columns `COLUMNS`: p-values of a change of the mean given the parents, of
        the spread around it, of either; adjusted over nodes (Holm).
    environment : str
    outcome : str or None
    kinds : tuple of str
        Of `KINDS`; several may hold at once. Empty without an outcome.
    alpha : float

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"site": np.repeat(["S1", "S2"], 200), "size": rng.normal(size=400)})
    >>> table["texture"] = table["size"] + 1.0 * (table["site"] == "S2") + rng.normal(size=400)
    >>> graph = CausalGraph.from_directed(("size", "texture"), [[0, 1], [0, 0]])
    >>> mechanism_changes(table, graph, environment="site").changed
    ('texture',)
    """

    table: pd.DataFrame
    environment: str
    outcome: str | None
    kinds: tuple[str, ...]
    alpha: float

    @property
    def changed(self) -> tuple[str, ...]:
        """The nodes whose mechanism differs."""
        return tuple(self.table.loc[self.table["changed"], "node"])

    def verdict(self) -> str:
        """Return what changed and what to do about it, in words."""
        named = ", ".join(self.changed) or "none"
        said = (
            f"Between levels of {self.environment!r}, the mechanisms of these nodes differ"
            f" (family-wise error {self.alpha:g}): {named}."
        )
        return " ".join([said, *(_ADVICE[kind] for kind in self.kinds)])

    def to_frame(self) -> pd.DataFrame:
        """Return one row per node."""
        return self.table.copy()

    def __repr__(self) -> str:
        return f"MechanismChanges({self.verdict()})"


def mechanism_changes(
    frame: pd.DataFrame,
    graph: CausalGraph,
    *,
    environment: str,
    outcome: str | None = None,
    nodes: Sequence[str] | None = None,
    splines: int | None = 4,
    alpha: float = 0.05,
) -> MechanismChanges:
    """Test for every node whether its distribution given its parents differs by environment.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per case, with the environment and every node that is looked at.
    graph : CausalGraph
        A DAG of the nodes; the environment may be one of them, and is no parent here.
    environment : str
        Column of environments (site, scanner, before and after).
    outcome : str, optional
        Node that is to be predicted; the verdict is about it.
    nodes : sequence of str, optional
        None: all nodes of the graph that the table has.
    splines : int, optional
        Degrees of freedom of the curves by which numbers act; None for lines.
    alpha : float, default=0.05
        Probability that any mechanism is called changed by chance.

    Returns
    -------
    MechanismChanges

    Raises
    ------
    NotEstimableError
        If an environment has too few cases for its own regression.
    InvalidInputError, UnknownNameError
        For missing values, a graph that is no DAG's, or nodes that the table lacks.

    Notes
    -----
    Assumptions: the graph is right and its nodes are measured; parents act by an additive curve
    each (on the log odds of a node of categories). A form that is wrong can look like a change
    where the parents' distributions differ.

    References
    ----------
    Schoelkopf et al. (2021), sparse mechanism shifts. doi:10.1109/JPROC.2021.3058954

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> site = np.repeat(["A", "B"], 300)
    >>> age = rng.normal(50, 10, 600) + 10 * (site == "B")
    >>> table = pd.DataFrame({"site": site, "age": age, "volume": age + rng.normal(size=600)})
    >>> graph = CausalGraph.from_directed(("age", "volume"), [[0, 1], [0, 0]])
    >>> found = mechanism_changes(table, graph, environment="site", outcome="volume")
    >>> found.changed, found.kinds
    (('age',), ('covariate',))
    """
    graph.require_dag("mechanism_changes")
    if not 0 < alpha < 1:
        raise InvalidInputError(f"alpha must be between 0 and 1, got {alpha!r}")
    codes, names = treatment_codes(frame, environment, None)
    if nodes is None:
        chosen = [n for n in graph.nodes if n in frame.columns and n != environment]
    else:
        chosen = [str(name) for name in nodes]
    if outcome is not None and outcome not in chosen:
        chosen.append(outcome)
    parents = {
        node: tuple(name for name in graph.parents(node) if name != environment) for node in chosen
    }
    check_columns(frame, [*chosen, *(p for node in chosen for p in parents[node])], "nodes")
    refuse_missing(frame, chosen, "node")
    groups: dict[tuple[str, ...], list[str]] = {}
    for node in chosen:
        groups.setdefault(parents[node], []).append(node)
    found: dict[str, tuple[float, float]] = {}
    for causes, members in groups.items():
        found |= _group(frame, causes, members, codes, names, environment, splines)
    table = pd.DataFrame(
        [(node, ", ".join(parents[node]), *found[node]) for node in chosen],
        columns=["node", "parents", "p_mean", "p_spread"],
    )
    both = table[["p_mean", "p_spread"]]
    table["p"] = np.minimum(both.min(axis=1) * both.notna().sum(axis=1), 1.0)
    table["p_adjusted"] = _holm(table["p"].to_numpy())
    table["changed"] = table["p_adjusted"] <= alpha
    changed = set(table.loc[table["changed"], "node"])
    kinds = () if outcome is None else _kinds(graph, outcome, changed, bool(parents[outcome]))
    return MechanismChanges(table[list(COLUMNS)], environment, outcome, kinds, alpha)


def _group(
    frame: pd.DataFrame,
    causes: tuple[str, ...],
    members: list[str],
    codes: Codes,
    names: tuple[str, ...],
    environment: str,
    splines: int | None,
) -> dict[str, tuple[float, float]]:
    """Test all nodes that have the same parents."""
    basis = covariate_matrix(frame, causes, treatment=environment, splines=splines).matrix
    counts = np.bincount(codes)
    if counts.min() < basis.shape[1] + 2:
        raise NotEstimableError(
            f"{environment}={names[int(counts.argmin())]} has {counts.min()} cases, and the"
            f" regression on {', '.join(causes) or 'nothing'} needs at least"
            f" {basis.shape[1] + 2} in every environment; merge environments, or lower splines"
        )
    more = interactions(basis, codes, len(names))
    found: dict[str, tuple[float, float]] = {}
    numbers = [node for node in members if not _is_label(frame[node])]
    for node in members:
        if node not in numbers:
            known = levels(frame[node].astype("object"))
            labels = pd.Categorical(frame[node].astype(str), categories=list(known)).codes
            if len(known) < 2:
                raise NotEstimableError(f"node {node!r} is the same in every case")
            p = level_change_p(labels.astype(np.intp), len(known), basis, more)
            found[node] = (p, float("nan"))
    if numbers:
        values = frame[numbers].to_numpy(dtype=np.float64)
        spread = values.std(axis=0)
        if not (spread > 0).all():
            flat = numbers[int(np.argmin(spread))]
            raise NotEstimableError(f"node {flat!r} is the same in every case")
        values = (values - values.mean(axis=0)) / spread
        p_mean, residual = mean_change_p(values, basis, more)
        member = np.eye(len(names))[codes][:, 1:]
        p_spread, _ = mean_change_p(np.abs(residual), basis, member)
        found |= {
            node: (float(a), float(b)) for node, a, b in zip(numbers, p_mean, p_spread, strict=True)
        }
    return found


def _is_label(series: pd.Series) -> bool:
    return is_categorical(series) or series.nunique() <= 2


def _holm(p: Array) -> Array:
    """Adjust p-values for the family-wise error (Holm)."""
    order = np.argsort(p, kind="stable")
    raised = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    out = np.empty_like(p)
    out[order] = np.minimum(raised, 1.0)
    return out


def _kinds(
    graph: CausalGraph, outcome: str, changed: set[str], has_causes: bool
) -> tuple[str, ...]:
    after = set(descendants(graph, outcome))
    found = []
    if changed - after - {outcome}:
        found.append("covariate")
    if outcome in changed:
        found.append("concept" if has_causes else "label")
    if changed & after:
        found.append("measurement")
    return tuple(found) or ("none",)
