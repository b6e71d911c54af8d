from __future__ import annotations

import numpy as np
import pytest

from causalimg.errors import InvalidInputError, UnknownNameError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge

NODES = ("age", "site", "scanner", "contrast", "malignant")
TIERS = [["age", "site"], ["scanner"], ["contrast"], ["malignant"]]


def test_tiers_forbid_every_edge_to_an_earlier_tier_and_no_other() -> None:
    forbidden = Knowledge(tiers=TIERS).forbidden_matrix(NODES)
    tier = [0, 0, 1, 2, 3]
    expected = [[tier[i] > tier[j] for j in range(5)] for i in range(5)]
    assert forbidden.tolist() == expected


def test_the_matrix_follows_the_order_of_the_nodes() -> None:
    known = Knowledge(tiers=TIERS, forbidden=[("age", "site")], required=[("age", "contrast")])
    shuffled = ("malignant", "site", "contrast", "age", "scanner")
    at = [NODES.index(name) for name in shuffled]
    for matrix in (known.forbidden_matrix, known.required_matrix, known.precedence_matrix):
        assert (matrix(shuffled) == matrix(NODES)[np.ix_(at, at)]).all()


def test_a_node_in_no_tier_is_unconstrained() -> None:
    forbidden = Knowledge(tiers=TIERS).forbidden_matrix((*NODES, "free"))
    assert not forbidden[5].any()
    assert not forbidden[:, 5].any()


def test_forbid_within_closes_a_tier() -> None:
    forbidden = Knowledge(tiers=TIERS, forbid_within=[0]).forbidden_matrix(NODES)
    assert forbidden[0, 1]
    assert forbidden[1, 0]


def test_exogenous_nodes_are_caused_by_exogenous_nodes_only() -> None:
    forbidden = Knowledge(exogenous=["site", "scanner"]).forbidden_matrix(NODES)
    assert forbidden[:, 1].tolist() == [True, False, False, True, True]
    assert not forbidden[1].any()


def test_a_required_edge_excludes_its_reverse() -> None:
    forbidden = Knowledge(required=[("age", "contrast")]).forbidden_matrix(NODES)
    assert forbidden[3, 0]
    assert forbidden.sum() == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tiers": [["a", "b"], ["b"]]}, r"'b' in tiers \[0, 1\]"),
        (
            {"forbidden": [("a", "b")], "required": [("a", "b")]},
            "a -> b is both required and forbidden",
        ),
        (
            {"tiers": [["a"], ["b"]], "required": [("b", "a")]},
            "b -> a is required but 'b' is in tier 1, after 'a' in tier 0",
        ),
        (
            {"tiers": [["a", "b"]], "forbid_within": [0], "required": [("a", "b")]},
            "a -> b is required but edges inside tier 0 are forbidden",
        ),
        (
            {"exogenous": ["a"], "required": [("b", "a")]},
            "b -> a is required but 'a' is exogenous and 'b' is not",
        ),
        (
            {"required": [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]},
            "form a cycle, which no causal graph has: a -> b, b -> c, c -> a$",
        ),
        (
            {"tiers": [["a"], ["b"]], "required": [("b", "free"), ("free", "a")]},
            "against the tiers or into an exogenous node: b -> free, free -> a",
        ),
        ({"required": [("a", "a")]}, "two different names"),
        ({"required": [("a", "b", "c")]}, r"a pair \(cause, effect\)"),
        ({"required": ["ab"]}, "not the single text 'ab'"),
        ({"tiers": ["site"]}, "tier 0 must be a list of names"),
        ({"tiers": "site"}, "list of lists"),
        ({"exogenous": "site"}, "exogenous must be a list of names"),
        ({"tiers": [["a"]], "forbid_within": [1]}, "there are 1 tiers"),
    ],
)
def test_contradictions_are_refused_by_name(settings: dict, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Knowledge(**settings)


def test_violations_say_what_is_wrong() -> None:
    known = Knowledge(tiers=[["a"], ["b"], ["c"]], required=[("a", "c")])
    good = CausalGraph.from_directed("abc", [[0, 1, 1], [0, 0, 1], [0, 0, 0]])
    assert known.violations(good) == []
    bad = CausalGraph.from_directed("abc", [[0, 0, 0], [1, 0, 0], [0, 0, 0]])
    assert known.violations(bad) == [
        "b -> a is in the graph and is forbidden",
        "a -> c is required and is missing",
    ]
    loose = CausalGraph.from_directed("abc", [[0, 1, 1], [1, 0, 0], [1, 0, 0]], kind="cpdag")
    assert known.violations(loose) == [
        "a --- b leaves a forbidden direction open",
        "a --- c leaves a forbidden direction open",
        "a -> c is required and is not oriented that way",
    ]


def test_a_name_that_is_not_in_the_data_is_an_error_with_the_nearest() -> None:
    known = Knowledge(tiers=[["scaner"], ["contrast"]])
    with pytest.raises(UnknownNameError, match="'scaner'; did you mean 'scanner'"):
        known.check_nodes(NODES)
    restricted = known.restrict(NODES)
    restricted.check_nodes(NODES)
    assert restricted.tiers == ((), ("contrast",))


def test_dict_round_trip() -> None:
    known = Knowledge(
        tiers=TIERS,
        forbidden=[("age", "site")],
        required=[("site", "scanner")],
        exogenous=["site"],
        forbid_within=[0],
    )
    assert Knowledge.from_dict(known.to_dict()) == known
    assert hash(known) == hash(Knowledge.from_dict(known.to_dict()))
