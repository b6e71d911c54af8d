"""The contract of a discovery method, and the check of it."""

from __future__ import annotations

import pickle
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from causalimg.errors import CausalImgError, InvalidInputError
from causalimg.graph.core import CausalGraph, Mark
from causalimg.graph.knowledge import Knowledge
from causalimg.testing import discovery_refusals as refusals
from causalimg.testing.clauses import (
    Broken,
    Clause,
    LeftOut,
    check_parameters,
    global_state,
    need,
)
from causalimg.testing.tables import discovery_table

_EDGES = {
    4: (("kernel", "noise"), ("dose", "noise"), ("noise", "texture")),
    2: (("dose", "noise"),),
}
_HONOUR = (
    "honour knowledge.forbidden_matrix and required_matrix in the search, or refuse the kinds that"
    " it cannot honour with InvalidInputError"
)


class Subject:
    """An estimator, its table, and the fit that several clauses look at."""

    def __init__(self, estimator: Any, columns: int, n: int) -> None:
        self.estimator = estimator
        self.columns = columns
        self.edges = _EDGES[columns]
        self._table = discovery_table(n, columns=columns)

    @property
    def table(self) -> pd.DataFrame:
        """A copy: a plug-in may write into what it is given."""
        return self._table.copy()

    def fresh(self, **settings: Any) -> Any:
        from sklearn.base import clone

        copied = clone(self.estimator)
        return copied.set_params(**settings) if settings else copied

    def has(self, name: str) -> bool:
        return name in self.estimator.get_params(deep=False)

    @cached_property
    def fitted(self) -> Any:
        return self.fresh().fit(self.table)

    @property
    def graph(self) -> CausalGraph:
        found = getattr(self.fitted, "graph_", None)
        if not isinstance(found, CausalGraph):
            raise Broken(
                f"graph_ is {type(found).__name__}",
                "set graph_ to a CausalGraph; return Found(graph, ...) from _discover",
            )
        return found


def _same(first: CausalGraph, second: CausalGraph, what: str, advice: str) -> None:
    need(set(first.nodes) == set(second.nodes), f"{what}: nodes {second.nodes}", advice)
    at = [second.nodes.index(name) for name in first.nodes]
    pick = np.ix_(at, at)
    other = second.marks[pick]
    if not np.array_equal(first.marks, other):
        i, j = np.argwhere(first.marks != other)[0]
        raise Broken(
            f"{what}: another graph, first at {first.nodes[i]} and {first.nodes[j]}", advice
        )
    if first.weights is not None and second.weights is not None:
        gap = float(np.abs(first.weights - second.weights[pick]).max())
        need(gap < 1e-6, f"{what}: weights differ by up to {gap:.2g}", advice)


def _parameters(s: Subject) -> None:
    check_parameters(s.estimator)


def _result(s: Subject) -> None:
    need(s.fresh().fit(s.table) is not None, "fit returns None", "return self from fit")
    nodes = s.graph.nodes
    need(
        nodes == tuple(s.table.columns),
        f"nodes {nodes} for columns {tuple(s.table.columns)}",
        "name the nodes after the columns, in their order",
    )
    assumptions = getattr(s.fitted, "assumptions_", ())
    need(
        len(assumptions) > 0 and all(isinstance(text, str) for text in assumptions),
        f"assumptions_ is {assumptions!r}",
        "say in sentences what must hold for the graph to mean what it says",
    )
    need(isinstance(getattr(s.fitted, "stats_", None), dict), "no stats_", "set stats_ to a dict")
    need(s.graph.provenance is not None, "graph_.provenance is None", "derive from BaseDiscovery")
    need(
        pickle.loads(pickle.dumps(s.fitted)).graph_.nodes == nodes,
        "a fitted estimator changes in pickling",
        "keep only what can be pickled",
    )


def _input_unchanged(s: Subject) -> None:
    table = s.table.copy()
    made = s.fresh()
    before = {name: repr(value) for name, value in made.get_params(deep=False).items()}
    made.fit(table)
    need(
        table.equals(s.table) and list(table) == list(s.table),
        "the caller's table is another one after fit",
        "work on a copy",
    )
    after = {name: repr(value) for name, value in made.get_params(deep=False).items()}
    need(before == after, "fit changes the settings", "keep what is learned in attributes_")


def _column_order(s: Subject) -> None:
    turned = s.fresh().fit(s.table[list(s.table.columns)[::-1]])
    _same(
        s.graph, turned.graph_, "columns in reverse order",
        "break ties by name or by value, never by position; DiscoveryData sorts the columns",
    )  # fmt: skip


def _repeatable(s: Subject) -> None:
    state = global_state()
    again = s.fresh().fit(s.table)
    advice = "draw from np.random.default_rng(self.random_state) only"
    _same(s.graph, again.graph_, "the same call once more", advice)
    same = state == global_state()
    need(same, "the global random state moved", advice)
    if s.has("random_state"):
        first, second = (s.fresh(random_state=7).fit(s.table).graph_ for _ in range(2))
        _same(first, second, "random_state=7 twice", advice)


def _refit(s: Subject) -> None:
    made = s.fresh().fit(discovery_table(200, columns=s.columns, random_state=9))
    made.fit(s.table)
    _same(
        s.graph, made.graph_, "fitted to another table before",
        "keep nothing from one fit to the next",
    )  # fmt: skip


def _n_jobs(s: Subject) -> None:
    if not s.has("n_jobs"):
        raise LeftOut("no n_jobs")
    two = s.fresh(n_jobs=2).fit(s.table).graph_
    _same(s.graph, two, "n_jobs=2", "give each item its own seed (parallel.spawn_seeds)")


def _known(s: Subject) -> list[Knowledge]:
    if s.columns == 2:
        return [
            Knowledge(tiers=[["noise"], ["dose"]]),
            Knowledge(forbidden=[("dose", "noise"), ("noise", "dose")]),
            Knowledge(required=[("noise", "dose")]),
        ]
    tiers = [["kernel", "dose"], ["noise"], ["texture"]]
    return [
        Knowledge(tiers=tiers[::-1]),
        Knowledge(tiers=tiers, forbidden=[("noise", "texture")]),
        Knowledge(tiers=tiers, required=[("kernel", "texture")]),
        Knowledge(tiers=tiers, exogenous=["kernel"]),
    ]


def _knowledge(s: Subject) -> None:
    if not s.has("knowledge"):
        raise LeftOut("no setting named knowledge")
    refusals = []
    for known in _known(s):
        try:
            graph = s.fresh(knowledge=known).fit(s.table).graph_
        except InvalidInputError as error:
            refusals.append(str(error))
            continue
        except CausalImgError as error:  # the base class found the graph to be against it
            raise Broken(str(error), _HONOUR) from error
        broken = known.violations(graph)
        if graph.kind == "pag":
            broken = _against(graph, known)
        need(
            not broken,
            f"{broken[:2]} with {known.to_dict()}",
            _HONOUR,
        )
    if len(refusals) == len(_known(s)):
        raise LeftOut(f"it refuses knowledge: {refusals[0]}")


def _against(graph: CausalGraph, known: Knowledge) -> list[str]:
    """Say where a PAG contradicts the knowledge: its circles leave a direction open."""
    forbidden, required = (m(graph.nodes) for m in (known.forbidden_matrix, known.required_matrix))
    marks = graph.marks
    cause = (marks == Mark.ARROW) & (marks.T == Mark.TAIL)
    both = forbidden & forbidden.T & (marks != Mark.NONE)
    wrong = np.argwhere((cause & forbidden) | (required & ~cause) | both)
    return [f"{graph.nodes[i]}, {graph.nodes[j]}" for i, j in wrong]


def _skeleton(s: Subject) -> None:
    nodes = s.graph.nodes
    joined = s.graph.marks != Mark.NONE
    true = np.zeros_like(joined)
    for a, b in s.edges:
        i, j = nodes.index(a), nodes.index(b)
        true[i, j] = true[j, i] = True
    wrong = [f"{nodes[i]}, {nodes[j]}" for i, j in np.argwhere(np.triu(joined != true))]
    need(
        len(wrong) <= (1 if s.columns == 4 else 0),
        f"missing or false edges between {wrong}",
        "the table is easy for every method that is known; look at the graph of"
        " discovery_table(), and raise n if the method needs more rows",
    )


def _arrows(s: Subject) -> None:
    nodes, marks = s.graph.nodes, s.graph.marks
    turned = []
    for a, b in s.edges:
        i, j = nodes.index(a), nodes.index(b)
        if marks[j, i] == Mark.ARROW and marks[i, j] != Mark.ARROW:
            turned.append(f"{b} -> {a}")
    need(
        len(turned) <= (1 if s.columns == 4 else 0),
        f"reversed: {turned}",
        "row = cause, column = effect in CausalGraph.from_directed; if the method reads the scale"
        " or the like, except this clause with the reason",
    )


def _bootstrap(s: Subject) -> None:
    from causalimg.discovery.bootstrap import BootstrapDiscovery

    def support() -> np.ndarray:
        boot = BootstrapDiscovery(s.fresh(), n_bootstrap=3, random_state=5).fit(s.table)
        return np.asarray(boot.support_)

    need(
        np.array_equal(support(), support()),
        "two bootstraps with one seed differ",
        "let run(data) depend on the data and random_state only",
    )


CLAUSES: tuple[Clause[Subject], ...] = (
    Clause("parameters", "Settings are keyword-only, stored as given, and cloned.", _parameters),
    Clause("result", "fit returns self, with a named graph, its statistics and assumptions.",
           _result),
    Clause("input_unchanged", "fit changes neither the table nor the settings.", _input_unchanged),
    Clause("column_order", "The graph does not depend on the order of the columns.", _column_order),
    Clause("repeatable", "The same call gives the same graph, and no global state is touched.",
           _repeatable),
    Clause("refit", "A second fit does not remember the first.", _refit),
    Clause("n_jobs", "The graph does not depend on the number of workers.", _n_jobs),
    Clause("knowledge", "Knowledge is honoured, or refused with InvalidInputError.", _knowledge),
    Clause("knowledge_names", "A name in the knowledge that is no column is an error.",
           refusals.knowledge_names),
    Clause("missing_cells", "Missing cells are refused by column, if not asked for.",
           refusals.missing),
    Clause("constant_column", "A constant column is refused by name.", refusals.constant),
    Clause("duplicate_column", "Two equal columns are refused by name.", refusals.duplicate),
    Clause("few_rows", "A table of four rows is refused.", refusals.few_rows),
    Clause("categories", "A text column is one node, or is refused.", refusals.categories),
    Clause("skeleton", "On an easy table the right pairs are joined.", _skeleton),
    Clause("arrows", "On an easy table the arrows point from cause to effect.", _arrows),
    Clause("bootstrap", "BootstrapDiscovery takes it, and its seed decides.", _bootstrap),
)  # fmt: skip
