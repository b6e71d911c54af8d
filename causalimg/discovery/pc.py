"""PC: the Markov equivalence class of a causal graph from conditional independences."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.discovery.base import BaseDiscovery, Found, check_choice, check_share
from causalimg.discovery.ci_tests import bind_test, missing_kind, said_of
from causalimg.discovery.colliders import Colliders, Oriented, break_cycles, find_colliders, orient
from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.evidence import of_skeleton
from causalimg.discovery.skeleton import Skeleton, stable_skeleton
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind
from causalimg.graph.knowledge import Knowledge

ASSUMPTIONS = (
    "No unmeasured common cause of two measured variables (causal sufficiency).",
    "The independences in the data are those of the graph, no more and no fewer (Markov,"
    " faithfulness).",
    "The graph has no cycle, and every case comes from the same graph.",
)
RULES = ("majority", "conservative", "standard")


class PC(BaseDiscovery):
    """Learn the equivalence class of a causal graph from conditional independence tests.

    PC-stable: pairs that some set of neighbours separates are not joined; colliders and
    Meek's rules orient what can be oriented. The result is a CPDAG, and with background
    knowledge an MPDAG (a CPDAG with further arrows); ``graph_.kind`` is ``cpdag`` for both.
    Arrows are those that every graph of the class shares; ``---`` is undecided.

    Parameters
    ----------
    alpha : float
        Level of each test; smaller gives fewer edges.
    test : str or object
        ``"fisher_z"``: partial correlation, categorical nodes as blocks
        (`causalimg.stats.independence`). ``"g_square"`` (categories only), ``"mixed_lrt"``,
        ``"rcit"`` and ``"kci"`` need the rows; give an object for other settings
        (``RCIT(random_state=1)``), or the name of a registered plug-in
        (`causalimg.discovery.ci_tests`).
    knowledge : Knowledge, optional
        Tiers, forbidden and required edges, exogenous nodes. A required edge is kept without a
        test; a pair forbidden in both directions is not joined and not tested. The result never
        contradicts it.
    max_condition : int, optional
        Largest conditioning set; default no limit but the number of rows.
    collider_rule : {"majority", "conservative", "standard"}
        When x - z - y is a collider: z is in fewer than half of the sets that separate x and y,
        in none of them, or not in the one that removed their edge. The first two do not depend
        on which set was found, and leave open what the tests leave open.
    missing : {"error", "testwise", "impute"} or MultipleImputation
        What to do with missing cells: refuse them; use in each test the rows that are complete
        in its columns (any test); or impute several times and pool Fisher's z by Rubin's rules.
    engine : {"native", "causal-learn"}
        ``"causal-learn"`` takes the skeleton from causal-learn, and with
        ``collider_rule="standard"`` its arrows too, as far as they form a graph without cycles
        and agree with the knowledge. Continuous columns only.

    Attributes
    ----------
    graph_ : CausalGraph
    edges_ : pandas.DataFrame
        ``source, target, edge, p_value``: the largest p-value of the tests of that pair.
    evidence_ : Evidence
        The test, p-value and set behind every pair, joined or not.
    stats_ : dict
        ``n``, ``n_tests``, ``largest_condition``, ``stopped`` (``done``, ``max_condition`` or
        ``rows``), ``n_untestable`` (tests that too few complete rows left undone, which part
        nothing), ``separating_sets`` (pair -> set), ``ambiguous`` and ``disputed`` (triples
        x, z, y), ``refused`` (arrows), ``removed`` (edges that knowledge would close to a
        cycle).
    assumptions_ : tuple of str

    Raises
    ------
    InvalidInputError
        From `fit`: a setting that is not allowed, or columns that are incomplete, constant,
        duplicate or linearly dependent, by name.

    Notes
    -----
    Assumptions: causal sufficiency, faithfulness, acyclicity, and those of the test.
    Conflicting orientations are settled without regard to the order of columns: the collider
    with the smaller share of separating sets that hold z, then the larger p-value, goes first;
    one that contradicts it is dropped in whole and named in ``stats_["disputed"]``.

    References
    ----------
    Spirtes P, Glymour C, Scheines R. Causation, Prediction, and Search. MIT Press 2000.
    doi:10.7551/mitpress/1754.001.0001
    Colombo D, Maathuis MH. Order-independent constraint-based causal structure learning.
    J Mach Learn Res 2014;15:3741-3782.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.normal(size=(2, 500))
    >>> table = pd.DataFrame({"a": a, "b": b, "c": a + b + rng.normal(size=500)})
    >>> PC().fit(table).graph_.parents("c")
    ('a', 'b')
    """

    _takes_moments = True

    def __init__(
        self,
        *,
        alpha: float = 0.01,
        test: Any = "fisher_z",
        knowledge: Knowledge | None = None,
        max_condition: int | None = None,
        collider_rule: str = "majority",
        missing: Any = "error",
        engine: str = "native",
    ) -> None:
        self.alpha = alpha
        self.test = test
        self.knowledge = knowledge
        self.max_condition = max_condition
        self.collider_rule = collider_rule
        self.missing = missing
        self.engine = engine

    def _discover(self, data: DiscoveryData, knowledge: Knowledge) -> Found:
        self._check_settings()
        names = data.columns
        forbidden = knowledge.forbidden_matrix(names)
        required = knowledge.required_matrix(names)
        test = bind_test(self.test, data, self.missing)
        hints: list[tuple[int, int, int]] | None = None
        if self.engine == "causal-learn":
            from causalimg.discovery.causal_learn_engine import pc_skeleton

            skeleton, hints = pc_skeleton(
                data, self.alpha, self.max_condition, knowledge, self.collider_rule
            )
        else:
            skeleton = stable_skeleton(
                test,
                self.alpha,
                forbidden=forbidden,
                required=required,
                max_condition=self.max_condition,
            )
        adjacent, removed = break_cycles(
            skeleton.adjacent, forbidden=forbidden, required=required, p_max=skeleton.p_max
        )
        skeleton = replace(skeleton, adjacent=adjacent)
        if hints is None:
            found = find_colliders(
                test, self.alpha, skeleton, forbidden=forbidden, rule=self.collider_rule
            )
        else:
            found = Colliders(tuple(hints), (), 0)
        oriented = orient(adjacent, found, forbidden=forbidden)
        graph = CausalGraph.from_directed(
            names, oriented.directed | oriented.undirected, kind=GraphKind.CPDAG
        )
        stats = _stats(names, skeleton, found, oriented, removed)
        stats["n_untestable"] = int(getattr(test, "n_untestable", 0))
        said = ASSUMPTIONS + said_of(test, data, self.missing)
        evidence = of_skeleton(
            names, skeleton, test=self.test, alpha=self.alpha, forbidden=forbidden,
            required=required,
        )  # fmt: skip
        edges = table_of_edges(graph, skeleton.p_max)
        return Found(graph, stats, said, {"edges_": edges, "evidence_": evidence})

    def _check_settings(self) -> None:
        check_share("alpha", self.alpha)
        check_choice("collider_rule", self.collider_rule, RULES)
        check_choice("engine", self.engine, ("native", "causal-learn"))
        check_limit("max_condition", self.max_condition)
        kind = missing_kind(self.missing)
        if self.engine != "native" and (self.test != "fisher_z" or kind != "error"):
            raise InvalidInputError(
                'engine="causal-learn" takes test="fisher_z" and complete columns; engine="native"'
                " takes all"
            )


def check_limit(name: str, value: object) -> None:
    """Raise `InvalidInputError` unless ``value`` is None or a whole number of at least 0."""
    if value is not None and (not isinstance(value, int | np.integer) or value < 0):
        raise InvalidInputError(f"{name}={value!r} must be None or a whole number >= 0")


def _stats(
    names: tuple[str, ...],
    skeleton: Skeleton,
    found: Colliders,
    oriented: Oriented,
    removed: list[tuple[int, int]],
) -> dict[str, Any]:
    def say(groups: Any) -> list[tuple[str, ...]]:
        return [tuple(names[k] for k in group) for group in groups]

    return {
        "n_tests": skeleton.n_tests + found.n_tests,
        "largest_condition": skeleton.largest,
        "stopped": skeleton.stopped,
        "separating_sets": name_sets(names, skeleton),
        "ambiguous": say(found.ambiguous),
        "disputed": say(oriented.disputed),
        "refused": say(oriented.refused),
        "removed": say(removed),
    }


def name_sets(names: tuple[str, ...], skeleton: Skeleton) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the separating sets by name."""
    return {
        (names[i], names[j]): tuple(names[k] for k in given)
        for (i, j), given in sorted(skeleton.separating.items())
    }


def table_of_edges(graph: CausalGraph, p_max: NDArray[np.float64]) -> pd.DataFrame:
    """Return the edges with the largest p-value of the tests of each pair."""
    frame = graph.to_frame()[["source", "target", "edge"]]
    at = {name: k for k, name in enumerate(graph.nodes)}
    frame["p_value"] = [
        float(p_max[at[a], at[b]]) for a, b in zip(frame["source"], frame["target"], strict=True)
    ]
    return frame
