"""NOTEARS with networks: recovery, knowledge, the report, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from linear_models import random_knowledge
from sklearn.base import clone

from causalimg.discovery.notears import NOTEARS
from causalimg.discovery.notears_mlp import NOTEARSMLP
from causalimg.discovery.stopping import Convergence
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge
from causalimg.graph.metrics import shd
from causalimg.tables.moments import Moments

CURVES = (
    lambda x: 1.5 * np.sin(1.5 * x),
    lambda x: 1.5 * np.tanh(2 * x) + 0.3 * x**2,
    lambda x: 1.5 * np.cos(1.5 * x),
    lambda x: 1.2 * np.abs(x),
)


def additive(d: int, seed: int, n: int) -> tuple[pd.DataFrame, CausalGraph]:
    """Rows of a nonlinear additive model with a tree and a few more edges, and its graph."""
    rng = np.random.default_rng(seed)
    edges = np.triu(rng.random((d, d)) < 2.5 / (d - 1), 1)
    rows = np.zeros((n, d))
    for j in range(d):
        for i in np.flatnonzero(edges[:, j]):
            rows[:, j] += CURVES[rng.integers(4)](rows[:, i] / rows[:, i].std())
        rows[:, j] += 0.5 * rng.normal(size=n)
    order = rng.permutation(d)
    names = [f"v{k:02d}" for k in range(d)]
    graph = CausalGraph.from_directed(names, edges[np.ix_(order, order)])
    return pd.DataFrame(rows[:, order], columns=names), graph


def small(**settings: Any) -> NOTEARSMLP:
    return NOTEARSMLP(**{"hidden": 5, "device": "cpu", **settings})


def test_it_recovers_more_of_a_nonlinear_graph_than_the_linear_method() -> None:
    ours, linear, empty = 0, 0, 0
    for seed in (1, 2):
        table, truth = additive(5, seed, 300)
        found = small(hidden=4).fit(table)
        ours += shd(found.graph_, truth)
        empty += int(truth.directed().sum())
        linear += min(
            shd(NOTEARS(standardize=True, lambda1=0.03, threshold=0.1).fit(table).graph_, truth),
            shd(NOTEARS(standardize=False).fit(table).graph_, truth),
        )
    assert ours < linear and ours <= 0.4 * empty


def test_an_effect_without_a_linear_part_is_found_and_has_a_slope_near_zero() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=500)
    table = pd.DataFrame({"x": 10 * x, "y": np.cos(2 * x) + 0.2 * rng.normal(size=500)})
    found = small(n_starts=3).fit(table)
    assert found.graph_.parents("y") == ("x",)
    edge = found.edges_.iloc[0]
    assert edge["strength"] > 1.0 and abs(edge["weight"]) < 0.02
    assert found.stats_["residual_variance"]["y"] < 0.2


def test_weights_are_mean_slopes_in_the_units_of_the_table() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(0, 4, size=600)
    table = pd.DataFrame({"x": x, "y": np.exp(x / 2) + 0.2 * rng.normal(size=600)})
    found = small(knowledge=Knowledge(tiers=[["x"], ["y"]])).fit(table)
    assert found.graph_.weights is not None
    assert found.graph_.weights[0, 1] == pytest.approx(np.mean(np.exp(x / 2) / 2), rel=0.05)
    scaled = small(knowledge=Knowledge(tiers=[["x"], ["y"]])).fit(table * [100.0, 7.0])
    assert scaled.graph_.weights is not None
    assert scaled.graph_.weights[0, 1] == pytest.approx(0.07 * found.graph_.weights[0, 1])


@pytest.mark.parametrize("seed", range(4))
def test_it_never_contradicts_knowledge(seed: int) -> None:
    table, _ = additive(5, seed, 120)
    known = random_knowledge(list(table.columns), np.random.default_rng(seed))
    found = small(hidden=2, knowledge=known, max_iter=40, equal_variance=seed % 2 == 0).fit(table)
    assert known.violations(found.graph_) == []


def test_the_seed_decides_and_columns_and_starts_do_not_matter_or_only_help() -> None:
    table, _ = additive(4, 3, 100)
    one = small(hidden=2, max_iter=40)
    first = one.fit(table)
    second = clone(one).fit(table[list(reversed(table.columns))])
    assert shd(first.graph_, second.graph_) == 0
    assert first.stats_["objective"] == second.stats_["objective"]
    more = small(hidden=2, max_iter=40, n_starts=3).fit(table)
    assert more.stats_["objective"] == min(more.stats_["objectives"])
    assert len(more.stats_["objectives"]) == 3


def test_the_report_says_how_it_ended() -> None:
    table, _ = additive(3, 0, 150)
    found = small(hidden=3, max_iter=1000).fit(table)
    assert found.stats_["convergence"] is Convergence.LOCAL_OPTIMUM
    assert found.stats_["optimality"] < 0.05 and found.stats_["acyclic"]
    place = {name: k for k, name in enumerate(found.stats_["causal_order"])}
    for edge in found.edges_.itertuples():
        assert place[edge.source] < place[edge.target]
    short = small(max_iter=11).fit(table)
    assert short.stats_["convergence"] in (
        Convergence.EVALUATIONS_LEFT, Convergence.CONSTRAINT_LEFT,
    )  # fmt: skip
    assert any("same variance" in line for line in small(
        equal_variance=True, max_iter=20).fit(table).assumptions_)  # fmt: skip


def test_what_it_cannot_use_is_refused() -> None:
    table, _ = additive(4, 0, 60)
    for settings, message in (
        ({"hidden": 0}, "hidden=0 must be a whole number"),
        ({"lambda2": -1.0}, "lambda2=-1.0 must be a number of 0 or more"),
        ({"device": "gpu"}, "device='gpu'"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            NOTEARSMLP(**settings).fit(table)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match=r"NOTEARSMLP takes continuous.*'site'"):
        NOTEARSMLP().fit(table.assign(site=["a", "b"] * 30))
    with pytest.raises(InvalidInputError, match="NOTEARSMLP needs the rows"):
        NOTEARSMLP().fit(Moments.from_frame(table))
    with pytest.raises(InvalidInputError, match=r"'v01' .1 missing"):
        NOTEARSMLP().fit(table.assign(v01=table["v01"].where(table.index != 3)))
