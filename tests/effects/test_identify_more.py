"""Front-door sets, instruments, possible effects, and agreement with dowhy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalimg.effects import backdoor_sets
from causalimg.effects.dowhy_engine import dowhy_backdoor_sets
from causalimg.effects.frontdoor import frontdoor_sets
from causalimg.effects.ida import possible_effects, possible_parents
from causalimg.effects.instruments import Instrument, instruments
from causalimg.errors import IdentificationError, InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind, Mark


def admg(nodes: str, arrows: list[str], hidden: list[str]) -> CausalGraph:
    marks = np.zeros((len(nodes), len(nodes)), dtype=np.int8)
    for a, b in arrows:
        i, j = nodes.index(a), nodes.index(b)
        marks[i, j], marks[j, i] = Mark.ARROW, Mark.TAIL
    for a, b in hidden:
        i, j = nodes.index(a), nodes.index(b)
        marks[i, j] = marks[j, i] = Mark.ARROW
    return CausalGraph(tuple(nodes), marks, GraphKind.ADMG)


def cpdag(nodes: str, arrows: list[str], lines: list[str]) -> CausalGraph:
    marks = np.zeros((len(nodes), len(nodes)), dtype=np.int8)
    for a, b in arrows:
        i, j = nodes.index(a), nodes.index(b)
        marks[i, j], marks[j, i] = Mark.ARROW, Mark.TAIL
    for a, b in lines:
        i, j = nodes.index(a), nodes.index(b)
        marks[i, j] = marks[j, i] = Mark.TAIL
    return CausalGraph(tuple(nodes), marks, GraphKind.CPDAG)


def test_front_door() -> None:
    simple = admg("tmy", ["tm", "my"], ["ty"])
    assert frontdoor_sets(simple, treatment="t", outcome="y") == (("m",),)
    two_ways = admg("tmny", ["tm", "my", "tn", "ny"], ["ty"])
    assert frontdoor_sets(two_ways, treatment="t", outcome="y") == (("m", "n"),)
    chain = admg("tmny", ["tm", "mn", "ny"], ["ty"])
    assert frontdoor_sets(chain, treatment="t", outcome="y") == (("m",), ("n",))


def test_front_door_refusals_say_why() -> None:
    with pytest.raises(IdentificationError, match="a causal path goes past 'm'"):
        frontdoor_sets(admg("tmy", ["tm", "my", "ty"], []), treatment="t", outcome="y")
    measured = ["t", "m", "y"]
    to_treatment = admg("tmyu", ["tm", "my", "ut", "um"], ["ty"])
    with pytest.raises(IdentificationError, match="'m' is confounded with the treatment"):
        frontdoor_sets(to_treatment, treatment="t", outcome="y", observed=measured)
    to_outcome = admg("tmyu", ["tm", "my", "uy", "um"], ["ty"])
    with pytest.raises(IdentificationError, match="'m' is confounded with the outcome"):
        frontdoor_sets(to_outcome, treatment="t", outcome="y", observed=measured)
    with pytest.raises(IdentificationError, match="'m' is not observed"):
        frontdoor_sets(
            admg("tmy", ["tm", "my"], ["ty"]), treatment="t", outcome="y", observed=["t", "y"]
        )
    with pytest.raises(IdentificationError, match="no node lies on a causal path"):
        frontdoor_sets(admg("ty", ["ty"], []), treatment="t", outcome="y")


def test_instruments() -> None:
    plain = admg("zty", ["zt", "ty"], ["ty"])
    assert instruments(plain, treatment="t", outcome="y") == (Instrument("z"),)
    given = admg("wzty", ["wz", "wy", "zt", "ty"], ["ty"])
    assert instruments(given, treatment="t", outcome="y") == (Instrument("z", ("w",)),)
    proxy = admg("zpty", ["zp", "zt", "ty"], ["ty"])
    assert [one.name for one in instruments(proxy, treatment="t", outcome="y")] == ["z", "p"]
    with pytest.raises(IdentificationError, match="no instrument"):
        instruments(admg("zty", ["zt", "ty", "zy"], ["ty"]), treatment="t", outcome="y")


def test_possible_parents_make_no_new_collider() -> None:
    chain = cpdag("atby", [], ["at", "tb", "by"])
    assert possible_parents(chain, "t") == ((), ("a",), ("b",))
    triangle = cpdag("atb", [], ["at", "tb", "ab"])
    assert possible_parents(triangle, "t") == ((), ("a",), ("b",), ("a", "b"))


def test_possible_effects_contain_the_true_one() -> None:
    rng = np.random.default_rng(0)
    n = 5000
    a = rng.normal(size=n)
    t = 0.8 * a + rng.normal(size=n)
    y = 0.5 * t + rng.normal(size=n)
    frame = pd.DataFrame({"a": a, "t": t, "y": y})
    found = possible_effects(
        cpdag("aty", [], ["at", "ty"]), frame, treatment="t", outcomes=["y", "a"]
    )
    of_y = found[found["outcome"] == "y"]
    assert of_y["parents"].tolist() == ["", "a", "y"]
    np.testing.assert_allclose(of_y["estimate"], [0.5, 0.5, 0.0], atol=0.05)
    assert of_y["smallest"].unique() == [0.0]
    assert found["outcome"].tolist() == ["y"] * 3 + ["a"] * 3
    sure = possible_effects(
        CausalGraph.from_directed(("a", "t", "y"), [[0, 1, 0], [0, 0, 1], [0, 0, 0]]),
        frame, treatment="t", outcomes=["y"],
    )  # fmt: skip
    api = pytest.importorskip("statsmodels.api")
    model = api.OLS(y, api.add_constant(frame[["t", "a"]])).fit(cov_type="HC2")
    assert sure["estimate"].iloc[0] == pytest.approx(model.params["t"])
    assert sure["se"].iloc[0] == pytest.approx(model.bse["t"])


def test_possible_effects_refusals() -> None:
    graph = cpdag("at", [], ["at"])
    frame = pd.DataFrame({"a": [1.0, 2.0, np.nan], "t": [0.0, 1.0, 1.5]})
    with pytest.raises(InvalidInputError, match="'a' has 1 missing value"):
        possible_effects(graph, frame, treatment="t", outcomes=["a"])
    with pytest.raises(IdentificationError, match="graph of kind admg"):
        possible_parents(admg("ty", ["ty"], []), "t")


def test_agrees_with_dowhy() -> None:
    pytest.importorskip("dowhy")
    rng = np.random.default_rng(1)
    compared = 0
    for _ in range(12):
        edges = np.triu(rng.random((6, 6)) < 0.45, 1)
        edges[2, 5] = True
        graph = CausalGraph.from_directed(tuple("abtcdy"), edges)
        try:
            theirs = dowhy_backdoor_sets(graph, treatment="t", outcome="y")
        except IdentificationError:
            continue
        ours = backdoor_sets(graph, treatment="t", outcome="y")
        assert set(map(frozenset, ours)) == set(map(frozenset, theirs))
        compared += 1
    assert compared >= 8
