"""GOLEM and the rescaling test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from linear_models import random_knowledge
from sklearn.base import clone
from test_notears import model

from causalimg.discovery.golem import GOLEM
from causalimg.discovery.notears import NOTEARS
from causalimg.discovery.pc import PC
from causalimg.discovery.rescaling import rescaling_test
from causalimg.errors import InvalidInputError
from causalimg.graph.knowledge import Knowledge
from causalimg.graph.metrics import compare
from causalimg.tables.moments import Moments


def test_golem_recovers_a_graph_of_equal_noise_variances() -> None:
    table, truth = model(10, 3, n=3000)
    found = GOLEM(device="cpu").fit(table)
    scores = compare(found.graph_, truth)
    assert scores.shd <= 3
    assert found.stats_["stages"][0]["converged"]
    same = found.graph_.directed() & truth.directed()
    assert found.graph_.weights is not None and truth.weights is not None
    assert np.median(np.abs(found.graph_.weights - truth.weights)[same]) < 0.05
    again = clone(found).fit(Moments.from_frame(table))
    np.testing.assert_array_equal(again.graph_.marks, found.graph_.marks)


def test_golem_with_unequal_variances_has_the_higher_likelihood() -> None:
    table, _ = model(6, 2)
    table = table * np.array([1.0, 3.0, 0.5, 2.0, 1.0, 0.7])
    found = GOLEM(equal_variance=False, lambda1=0.002).fit(table)
    first, second = found.stats_["stages"]
    assert (first["equal_variance"], second["equal_variance"]) == (True, False)
    assert any("equivalence class" in line for line in found.assumptions_)


@pytest.mark.parametrize("seed", range(8))
def test_golem_never_contradicts_knowledge(seed: int) -> None:
    table, _ = model(7, seed, n=200)
    known = random_knowledge(list(table.columns), np.random.default_rng(seed))
    for equal in (True, False):
        found = GOLEM(equal_variance=equal, knowledge=known, max_iter=300).fit(table)
        assert known.violations(found.graph_) == []


def test_golem_refuses_what_it_cannot_use() -> None:
    table, _ = model(4, 0, n=60)
    with pytest.raises(InvalidInputError, match="lambda2=-1"):
        GOLEM(lambda2=-1).fit(table)
    with pytest.raises(InvalidInputError, match="GOLEM takes categorical columns as context"):
        GOLEM().fit(table.assign(site=["a", "b"] * 30))
    known = Knowledge(exogenous=["site"])
    shifted = table.assign(site=["a", "b"] * 30, v00=table["v00"] + np.tile([0.0, 6.0], 30))
    found = GOLEM(knowledge=known).fit(shifted)
    assert "site" in found.graph_.parents("v00")


def test_rescaling_reverses_the_arrows_of_least_squares_and_not_those_of_pc() -> None:
    table, _ = model(8, 4)
    raw = rescaling_test(NOTEARS(standardize=False, solver="order"), table, n_rescalings=10)
    assert raw["reversed"].mean() > 0.05
    np.testing.assert_allclose(raw[["kept", "reversed", "lost"]].sum(axis=1), 1.0)
    pc = rescaling_test(PC(), table, n_rescalings=3)
    arrows = pc[pc["edge"] == "-->"]
    assert (arrows["kept"] == 1.0).all() and (pc["lost"] == 0.0).all()
    for settings in ({"n_rescalings": 0}, {"spread": 1.0}):
        with pytest.raises(InvalidInputError, match=next(iter(settings))):
            rescaling_test(PC(), table, **settings)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="discovery method"):
        rescaling_test(pd.DataFrame(), table)  # type: ignore[arg-type]
