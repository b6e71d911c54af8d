"""Random problems with random knowledge: no method ever goes against it.

A normal run takes some dozens of problems for each method; the slow run a thousand for each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from linear_models import random_dag, random_knowledge, simulate

from causalimg.discovery.anm import ANM
from causalimg.discovery.baselines import MinPivot, SortnRegress
from causalimg.discovery.boss import BOSS
from causalimg.discovery.fci import FCI
from causalimg.discovery.ges import GES
from causalimg.discovery.golem import GOLEM
from causalimg.discovery.ica_lingam import ICALiNGAM
from causalimg.discovery.lingam import DirectLiNGAM
from causalimg.discovery.notears import NOTEARS
from causalimg.discovery.notears_mlp import NOTEARSMLP
from causalimg.discovery.pc import PC
from causalimg.discovery.tier_regression import TierRegression
from causalimg.errors import InvalidInputError
from causalimg.graph.core import GraphKind, Mark
from causalimg.graph.knowledge import Knowledge
from causalimg.registry import names

RULES = ("majority", "conservative", "standard")
METHODS: dict[str, Callable[[int, Knowledge], Any]] = {
    "pc": lambda k, known: PC(
        alpha=(0.05, 0.3)[k % 2], knowledge=known, collider_rule=RULES[k % 3], max_condition=2
    ),
    "fci": lambda k, known: FCI(
        alpha=(0.05, 0.3)[k % 2], knowledge=known, collider_rule=RULES[k % 3], max_condition=2
    ),
    "ges": lambda k, known: GES(
        knowledge=known, extended=k % 2 == 0, turning=k % 3 > 0, penalty_discount=(1.0, 0.3)[k % 2]
    ),
    "boss": lambda k, known: BOSS(
        knowledge=known, random_state=k, penalty_discount=(1.0, 0.3)[k % 2]
    ),
    "direct_lingam": lambda k, known: DirectLiNGAM(
        knowledge=known, pruning=("t_test", "none")[k % 2]
    ),
    "ica_lingam": lambda k, known: ICALiNGAM(
        knowledge=known, pruning=("t_test", "none")[k % 2], max_iter=50, random_state=k
    ),
    "tier_regression": lambda k, known: TierRegression(
        knowledge=known, alpha=0.5, correction="none"
    ),
    "notears": lambda k, known: NOTEARS(
        solver="order", knowledge=known, threshold=(0.3, 0.0)[k % 2], n_starts=2, device="cpu"
    ),
    "notears_alm": lambda k, known: NOTEARS(
        solver="alm", knowledge=known, threshold=(0.3, 0.0)[k % 2], max_iter=200, device="cpu"
    ),
    "golem": lambda k, known: GOLEM(
        knowledge=known, equal_variance=k % 2 == 0, max_iter=200, device="cpu"
    ),
    "notears_mlp": lambda k, known: NOTEARSMLP(
        knowledge=known, hidden=2, max_iter=20, threshold=(0.3, 0.0)[k % 2], device="cpu"
    ),
    "min_pivot": lambda k, known: MinPivot(knowledge=known, threshold=(0.3, 0.0)[k % 2]),
    "sortnregress": lambda k, known: SortnRegress(
        knowledge=known, criterion=("variance", "r2")[k % 2]
    ),
    "anm": lambda k, known: ANM(knowledge=known, alpha=(0.01, 0.3)[k % 2], random_state=k),
}
FEW = {"pc": 100, "fci": 100, "ica_lingam": 30, "golem": 30, "notears_mlp": 4, "anm": 30}
CATEGORICAL = {"pc", "fci", "ges", "boss", "direct_lingam", "ica_lingam", "notears", "notears_alm",
               "golem", "min_pivot", "tier_regression"}  # fmt: skip


def problem(name: str, k: int) -> tuple[pd.DataFrame, Knowledge]:
    """A small table and knowledge of every kind; every fourth with a site of three levels."""
    rng = np.random.default_rng([20, k])
    d = 2 if name == "anm" else int(rng.integers(4, 6 if name == "notears_mlp" else 8))
    dag = random_dag(d, min(3.0, d - 1), rng)
    table = simulate(dag, 40, rng, ("normal", "exponential")[k % 2])
    columns = list(dag.nodes)
    if name == "anm":
        pair = (columns, columns[::-1])[k % 2]
        return table, Knowledge(
            tiers=[[pair[0]], [pair[1]]] if k % 3 == 0 else (),
            required=[pair] if k % 5 == 0 else (),
            forbidden=[pair[::-1]] if k % 7 == 0 else (),
        )
    if k % 4 == 0 and name in CATEGORICAL:
        table["site"] = pd.Categorical(rng.integers(0, 3, len(table)))
    known = random_knowledge(columns, rng)
    exogenous = [*known.exogenous, *(["site"] if "site" in table else [])]
    tiers = known.tiers
    if name == "tier_regression":
        loose = [c for c in columns if c not in {n for tier in tiers for n in tier}]
        tiers = [*tiers, [c for c in loose if c not in exogenous]]
    try:
        known = Knowledge(
            tiers=tiers, forbidden=known.forbidden, required=known.required,
            exogenous=exogenous, forbid_within=known.forbid_within,
        )  # fmt: skip
    except InvalidInputError:  # a required edge against the added tier
        known = Knowledge(tiers=tiers, exogenous=exogenous)
    return table[list(rng.permutation(table.columns))], known


def check(name: str, runs: range) -> tuple[int, int]:
    """Run a method; return how many edges it found and how many ends the knowledge decided."""
    edges = bound = 0
    for k in runs:
        table, known = problem(name, k)
        graph = METHODS[name](k, known).fit(table).graph_
        marks = graph.marks
        forbidden = known.forbidden_matrix(graph.nodes)
        required = known.required_matrix(graph.nodes)
        assert (marks[required] == Mark.ARROW).all()
        assert (marks.T[required] == Mark.TAIL).all()
        assert (marks[forbidden & forbidden.T] == Mark.NONE).all()
        back = marks.T[forbidden & (marks != Mark.NONE)]  # the end at the forbidden cause
        assert (back == Mark.ARROW).all()
        if graph.kind is not GraphKind.PAG:
            assert known.violations(graph) == []
        if graph.kind is GraphKind.DAG:
            graph.require_dag("this test")
        edges += int((marks > 0).sum()) // 2
        bound += len(back) + int(required.sum())
    return edges, bound


def test_every_registered_method_is_here() -> None:
    assert set(names("causalimg.discovery")) <= set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_some_problems(name: str) -> None:
    runs = FEW.get(name, 60)
    edges, bound = check(name, range(runs))
    assert edges >= runs / 3
    assert bound >= runs / 4


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_a_thousand_problems(name: str) -> None:
    edges, bound = check(name, range(1000))
    assert edges > 300
    assert bound > 250


@pytest.mark.parametrize("name", sorted(set(METHODS) - CATEGORICAL - {"anm"}))
def test_who_takes_no_categories_says_so(name: str) -> None:
    table, _ = problem("pc", 0)
    assert "site" in table
    known = Knowledge(exogenous=["site"])
    with pytest.raises(InvalidInputError, match=r"continuous columns only.*site"):
        METHODS[name](0, known).fit(table)


def test_tier_regression_names_the_columns_that_are_in_no_tier() -> None:
    table, _ = problem("pc", 1)
    first, *rest = table.columns
    with pytest.raises(InvalidInputError, match="needs every column in a tier"):
        TierRegression(knowledge=Knowledge(tiers=[[first], rest[:-1]])).fit(table)


@pytest.mark.parametrize("name", ["direct_lingam", "notears", "golem", "min_pivot"])
def test_a_required_edge_from_context_has_the_effect_of_its_regression(name: str) -> None:
    rng = np.random.default_rng(22)
    dose, other = rng.exponential(size=(2, 300))
    table = pd.DataFrame({"dose": dose, "other": other})
    table["noise"] = 2.0 * dose - other + rng.exponential(size=300)
    known = Knowledge(
        exogenous=["dose"], required=[("dose", "noise"), ("other", "noise")],
    )  # fmt: skip
    graph = METHODS[name](0, known).fit(table).graph_
    weights = graph.weights
    assert weights is not None
    assert weights[graph.index("dose"), graph.index("noise")] == pytest.approx(2.0, abs=0.3)
