"""FCI: what can be said of a causal graph when common causes may be hidden."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.discovery.base import BaseDiscovery, Found, check_choice, check_share
from causalimg.discovery.ci_tests import bind_test, missing_kind, said_of
from causalimg.discovery.colliders import Colliders, Triple, find_colliders
from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.evidence import of_skeleton
from causalimg.discovery.pag_orientation import orient_pag
from causalimg.discovery.pc import RULES, check_limit, name_sets, table_of_edges
from causalimg.discovery.possible_dsep import remove_by_possible_dsep
from causalimg.discovery.skeleton import Skeleton, stable_skeleton
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind, Mark, directed_cycle
from causalimg.graph.knowledge import Knowledge
from causalimg.graph.orientation import reachable
from causalimg.stats.ci_test import CITest

Bool = NDArray[np.bool_]
Marks = NDArray[np.int8]

ASSUMPTIONS = (
    "The independences in the data are those of the graph, no more and no fewer (Markov,"
    " faithfulness); hidden common causes and selection are allowed.",
    "The graph has no cycle, and every case comes from the same graph.",
)


class FCI(BaseDiscovery):
    """Learn a partial ancestral graph: causes and hidden common causes that the tests imply.

    The skeleton of PC, thinned by sets of possible d-separating nodes, then colliders and
    Zhang's rules R1 to R10. Marks of the PAG hold in every graph that fits the independences: an
    arrow at b of ``a *-> b`` says that b is no cause of a, a tail at a that a is a cause of b
    (or of selection), a circle that both occur. ``<->`` is a hidden common cause.

    Parameters
    ----------
    alpha : float
        Level of each test.
    test : str or object
        As for `PC`.
    knowledge : Knowledge, optional
        Tiers and forbidden edges become arrows: a node of a later tier is no cause of one of an
        earlier, but the two may share a hidden cause, so the earlier end stays open. Forbidding
        a -> b is read as "a is no cause of b". A required edge a -> b is drawn as such. Exogenous
        nodes have no hidden cause in common with others: what is joined to one is its effect. A
        pair that is forbidden in both directions is not joined and not tested.
    max_condition : int, optional
        Largest conditioning set.
    max_possible_dsep : int, optional
        Largest set in the possible-d-separation phase, which is exponential in the number of
        such nodes; 0 leaves the phase out (then some edges may be too many).
    collider_rule : {"majority", "conservative", "standard"}
        As for `PC`; a pair that only possible d-separating nodes part is decided by that set.
    selection_bias : bool
        Whether selection of the cases by an effect of the variables is thinkable; otherwise
        rules R5 to R7 are left out, and no edge has two tails.
    missing : {"error", "testwise", "impute"} or MultipleImputation
        As for `PC`.
    engine : {"native", "causal-learn"}
        ``"causal-learn"`` returns that package's graph: continuous complete columns, no
        knowledge (its FCI draws tails where tiers say arrows), no `max_possible_dsep`.

    Attributes
    ----------
    graph_ : CausalGraph
        Of kind ``pag``.
    edges_ : pandas.DataFrame
        ``source, target, edge, p_value``: the largest p-value of the tests of that pair.
    evidence_ : Evidence
        The test, p-value and set behind every pair, joined or not (native engine).
    stats_ : dict
        As for `PC`, and ``possible_dsep`` (pairs parted in that phase) and ``contradictory``
        (nodes of a directed cycle, which only errors of tests or knowledge can make).
    assumptions_ : tuple of str

    Raises
    ------
    InvalidInputError
        From `fit`: a setting that is not allowed, or columns that cannot be used, by name.

    Notes
    -----
    Assumptions: faithfulness, acyclicity, and those of the test. Where two colliders meet on an
    edge it becomes ``<->``. Against causal-learn: separating sets are the ones of largest
    p-value, not the first; in the second phase sets of one node are tried too, nodes off every
    path between the pair are not, and possible d-separation follows the definition; rule R4 uses
    the separating set and no further tests. On data that follow a graph the results are equal.

    References
    ----------
    Spirtes P, Glymour C, Scheines R. Causation, Prediction, and Search. MIT Press 2000.
    doi:10.7551/mitpress/1754.001.0001
    Zhang J. Artif Intell 2008;172:1873-1896. doi:10.1016/j.artint.2008.08.001
    Mooij JM, Magliacane S, Claassen T. Joint causal inference from multiple contexts. J Mach
    Learn Res 2020;21:1-108.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> a, b, hidden = rng.normal(size=(3, 2000))
    >>> noise = rng.normal(size=(2, 2000))
    >>> table = pd.DataFrame({"a": a, "b": b, "x": a + hidden + noise[0],
    ...     "y": b + hidden + noise[1]})
    >>> FCI().fit(table).graph_.to_frame()["edge"].tolist()
    ['o->', 'o->', '<->']
    """

    _takes_moments = True

    def __init__(
        self,
        *,
        alpha: float = 0.01,
        test: Any = "fisher_z",
        knowledge: Knowledge | None = None,
        max_condition: int | None = None,
        max_possible_dsep: int | None = None,
        collider_rule: str = "majority",
        selection_bias: bool = True,
        missing: Any = "error",
        engine: str = "native",
    ) -> None:
        self.alpha = alpha
        self.test = test
        self.knowledge = knowledge
        self.max_condition = max_condition
        self.max_possible_dsep = max_possible_dsep
        self.collider_rule = collider_rule
        self.selection_bias = selection_bias
        self.missing = missing
        self.engine = engine

    def _discover(self, data: DiscoveryData, knowledge: Knowledge) -> Found:
        self._check_settings(knowledge)
        names = data.columns
        if self.engine == "causal-learn":
            from causalimg.discovery.causal_learn_engine import fci_marks

            graph = CausalGraph(
                names, fci_marks(data, self.alpha, self.max_condition), GraphKind.PAG
            )
            said = ASSUMPTIONS + said_of(bind_test("fisher_z", data, "error"), data, "error")
            edges = table_of_edges(graph, np.full(graph.marks.shape, np.nan))
            return Found(graph, {}, said, {"edges_": edges})
        test = bind_test(self.test, data, self.missing)
        required = knowledge.required_matrix(names)
        forbidden = knowledge.forbidden_matrix(names) | reachable(required).T
        skeleton, removed = self._skeleton(test, knowledge, names, forbidden, required)
        drawn = _drawn(skeleton.adjacent, knowledge, names, forbidden, required)
        found = self._colliders(test, skeleton, forbidden, removed)
        marks, disputed = with_colliders(drawn, found.colliders)
        marks = orient_pag(
            marks,
            separating=skeleton.separating,
            ambiguous=(*found.ambiguous, *disputed),
            selection_bias=self.selection_bias,
        )
        graph = CausalGraph(names, marks, GraphKind.PAG)
        stats = {
            "n_tests": skeleton.n_tests + found.n_tests,
            "n_untestable": int(getattr(test, "n_untestable", 0)),
            "largest_condition": skeleton.largest,
            "stopped": skeleton.stopped,
            "separating_sets": name_sets(names, skeleton),
            "ambiguous": [tuple(names[k] for k in t) for t in found.ambiguous],
            "disputed": [tuple(names[k] for k in t) for t in disputed],
            "possible_dsep": [(names[i], names[j]) for i, j in removed],
            "contradictory": [names[k] for k in directed_cycle(graph.directed())],
        }
        said = ASSUMPTIONS + said_of(test, data, self.missing)
        evidence = of_skeleton(
            names, skeleton, test=self.test, alpha=self.alpha, forbidden=forbidden,
            required=required,
        )  # fmt: skip
        edges = table_of_edges(graph, skeleton.p_max)
        return Found(graph, stats, said, {"edges_": edges, "evidence_": evidence})

    def _skeleton(
        self,
        test: CITest,
        knowledge: Knowledge,
        names: tuple[str, ...],
        forbidden: Bool,
        required: Bool,
    ) -> tuple[Skeleton, tuple[tuple[int, int], ...]]:
        """Return the skeleton after both phases, and the pairs that the second parted."""
        skeleton = stable_skeleton(
            test,
            self.alpha,
            forbidden=forbidden,
            required=required,
            max_condition=self.max_condition,
        )
        if self.max_possible_dsep == 0:
            return skeleton, ()
        first = self._colliders(test, skeleton, forbidden, ())
        drawn = _drawn(skeleton.adjacent, knowledge, names, forbidden, required)
        limits = [k for k in (self.max_condition, self.max_possible_dsep) if k is not None]
        return remove_by_possible_dsep(
            test,
            self.alpha,
            replace(skeleton, n_tests=skeleton.n_tests + first.n_tests),
            with_colliders(drawn, first.colliders)[0],
            required=required,
            before=knowledge.precedence_matrix(names),
            tried=(skeleton.adjacent & ~forbidden).T,
            limit=min(limits, default=None),
        )

    def _colliders(
        self,
        test: CITest,
        skeleton: Skeleton,
        forbidden: Bool,
        settled: tuple[tuple[int, int], ...],
    ) -> Colliders:
        return find_colliders(
            test,
            self.alpha,
            skeleton,
            forbidden=forbidden,
            rule=self.collider_rule,
            settled=frozenset(settled),
        )

    def _check_settings(self, knowledge: Knowledge) -> None:
        check_share("alpha", self.alpha)
        check_choice("collider_rule", self.collider_rule, RULES)
        check_choice("engine", self.engine, ("native", "causal-learn"))
        check_limit("max_condition", self.max_condition)
        check_limit("max_possible_dsep", self.max_possible_dsep)
        kind = missing_kind(self.missing)
        if self.engine == "native":
            return
        if self.test != "fisher_z" or kind != "error" or self.max_possible_dsep is not None:
            raise InvalidInputError(
                'engine="causal-learn" takes test="fisher_z", complete columns and no'
                ' max_possible_dsep; engine="native" takes all'
            )
        if knowledge != Knowledge():
            raise InvalidInputError(
                'engine="causal-learn" draws tails where tiers say arrows; with knowledge use'
                ' engine="native"'
            )


def with_colliders(drawn: Marks, colliders: tuple[Triple, ...]) -> tuple[Marks, list[Triple]]:
    """Draw the colliders x *-> z <-* y, and name those that knowledge contradicts."""
    marks, disputed = drawn.copy(), []
    for x, z, y in colliders:
        if Mark.TAIL in (drawn[x, z], drawn[y, z]):
            disputed.append((x, z, y))
        else:
            marks[x, z] = marks[y, z] = Mark.ARROW
    return marks, disputed


def _drawn(
    adjacent: Bool,
    knowledge: Knowledge,
    names: tuple[str, ...],
    forbidden: Bool,
    required: Bool,
) -> Marks:
    """Return the marks that knowledge alone gives to a skeleton, circles elsewhere."""
    marks = np.where(adjacent, np.int8(Mark.CIRCLE), np.int8(Mark.NONE))
    marks[adjacent & forbidden.T] = Mark.ARROW  # j is no cause of i: arrow at j's end
    context = np.array([name in set(knowledge.exogenous) for name in names], dtype=bool)
    causes = adjacent & (required | (context[:, None] & ~context[None, :]))
    marks[causes] = Mark.ARROW
    marks[causes.T] = Mark.TAIL
    return np.asarray(marks, dtype=np.int8)
