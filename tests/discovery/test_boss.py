from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from linear_models import oracle, random_dag, random_knowledge, simulate

from causalimg.discovery.boss import BOSS
from causalimg.discovery.grow_shrink import GrowShrinkTrees
from causalimg.errors import InvalidInputError
from causalimg.graph.knowledge import Knowledge
from causalimg.graph.metrics import dag_to_cpdag, shd
from causalimg.stats.scores import GaussianBIC
from causalimg.tables.moments import Moments


def test_positions_are_scored_as_if_from_scratch() -> None:
    rng = np.random.default_rng(0)
    frame = simulate(random_dag(8, 3, rng), 300, rng)
    score = GaussianBIC(Moments.from_frame(frame))
    trees = GrowShrinkTrees(score, ~np.eye(8, dtype=bool), np.zeros((8, 8), dtype=bool))

    def grown(node: int, before: list[int]) -> float:
        parents: list[int] = []
        while True:
            gains = {x: score.gains(node, parents)[x] for x in before if x not in parents}
            if not gains or max(gains.values()) <= 1e-7:
                break
            parents.append(max(gains, key=lambda x: gains[x]))
        while parents:
            worth = {x: score.gains(node, parents)[x] for x in parents}
            worst = min(worth, key=lambda x: worth[x])
            if worth[worst] >= -1e-7:
                break
            parents.remove(worst)
        return score.local(node, parents) - score.local(node, [])

    for _ in range(5):
        order = rng.permutation(8)
        node, others = int(order[0]), order[1:].astype(np.int64)
        scores = trees.positions(node, others)
        for k in range(8):
            before = others[:k].tolist()
            assert scores[0, k] == pytest.approx(grown(node, before), abs=1e-7)
            if k < 7:
                other = int(others[k])
                assert scores[1, k] == pytest.approx(grown(other, before), abs=1e-7)
                assert scores[2, k] == pytest.approx(grown(other, [*before, node]), abs=1e-7)


def test_population_moments_give_the_true_cpdag() -> None:
    rng = np.random.default_rng(1)
    for k in range(10):
        dag = random_dag(10, 2.5, rng)
        found = BOSS(random_state=k).fit(oracle(dag, n=1e7))
        assert shd(found.graph_, dag_to_cpdag(dag)) == 0


def test_score_beside_causal_learn() -> None:
    pytest.importorskip("causallearn")
    rng = np.random.default_rng(2)
    for k in range(8):
        frame = simulate(random_dag(10, 3, rng), 300, rng)
        mine = BOSS(random_state=k, n_starts=5).fit(frame).stats_["score"]
        assert mine >= BOSS(engine="causal-learn").fit(frame).stats_["score"] - 1e-6


def test_a_seed_gives_the_same_graph_and_more_starts_are_never_worse() -> None:
    rng = np.random.default_rng(3)
    frame = simulate(random_dag(15, 5, rng), 150, rng)
    first = BOSS(random_state=1).fit(frame)
    for _ in range(3):
        again = BOSS(random_state=1).fit(frame)
        assert (again.graph_.marks == first.graph_.marks).all()
    more = BOSS(random_state=1, n_starts=6).fit(frame)
    assert more.stats_["score"] >= first.stats_["score"] - 1e-9
    assert more.stats_["start_scores"][0] == pytest.approx(first.stats_["start_scores"][0])
    assert len(set(np.round(more.stats_["start_scores"], 6))) > 1  # the seed does matter


def test_knowledge_is_never_violated() -> None:
    rng = np.random.default_rng(4)
    for k in range(40):
        dag = random_dag(8, 2.5, rng)
        known = random_knowledge(list(dag.nodes), rng)
        found = BOSS(knowledge=known, random_state=k).fit(simulate(dag, 200, rng))
        assert known.violations(found.graph_) == []
        place = {name: at for at, name in enumerate(found.stats_["order"])}
        assert all(place[a] < place[b] for a, b in known.required)


def test_required_edges_between_independent_columns_are_there() -> None:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.normal(size=(200, 3)), columns=list("abc"))
    known = Knowledge(required=[("a", "b")])
    assert BOSS(knowledge=known, random_state=0).fit(frame).graph_.parents("b") == ("a",)


def test_column_order_does_not_matter_and_moments_are_enough() -> None:
    rng = np.random.default_rng(6)
    frame = simulate(random_dag(10, 3, rng), 300, rng)
    first = BOSS(random_state=0).fit(frame).graph_
    again = BOSS(random_state=0).fit(frame[list(rng.permutation(frame.columns))]).graph_
    assert shd(first, again) == 0
    parts = [Moments.from_frame(part) for part in (frame[:100], frame[100:])]
    pooled = BOSS(random_state=0).fit(Moments.pooled(parts)).graph_
    assert (pooled.marks == first.marks).all()


def test_more_columns_than_rows() -> None:
    frame = pd.DataFrame(np.random.default_rng(7).normal(size=(30, 40)))
    found = BOSS(penalty_discount=2.0, random_state=0).fit(frame)
    assert found.graph_.directed().sum(axis=0).max() <= 10


def test_refusals() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 3)), columns=list("abc"))
    with pytest.raises(InvalidInputError, match="n_starts=0"):
        BOSS(n_starts=0).fit(frame)
    with pytest.raises(InvalidInputError, match="'b' \\(1 missing\\)"):
        BOSS().fit(frame.assign(b=[np.nan] + [1.0, 2.0] * 24 + [0.0]))
    with pytest.raises(InvalidInputError, match="constant columns"):
        BOSS().fit(frame.assign(b=1.0))
    with pytest.raises(InvalidInputError, match="takes no knowledge"):
        BOSS(engine="causal-learn", knowledge=Knowledge(required=[("a", "b")])).fit(frame)


def test_categorical_columns() -> None:
    rng = np.random.default_rng(8)
    site = rng.integers(0, 3, 1000)
    age = rng.normal(size=1000)
    size = 1.0 * (site == 1) + 0.8 * age + rng.normal(size=1000)
    table = pd.DataFrame({"site": pd.Categorical(site), "age": age, "size": size})
    known = Knowledge(exogenous=["site"])
    found = BOSS(random_state=0, knowledge=known).fit(table).graph_
    assert set(found.parents("size")) == {"age", "site"}


def test_scale_does_not_decide_between_orders_of_equal_score() -> None:
    rng = np.random.default_rng(15)
    for _ in range(6):
        frame = simulate(random_dag(15, 4, rng), 300, rng)
        first = BOSS(random_state=0).fit(frame)
        scaled = BOSS(random_state=0).fit(frame * rng.uniform(0.01, 90, frame.shape[1]))
        assert scaled.stats_["order"] == first.stats_["order"]
        assert shd(scaled.graph_, first.graph_) == 0
