from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from linear_models import oracle, random_dag, random_knowledge, simulate
from sklearn.base import clone

from causalimg.discovery.class_search import DELETE, FLIP, INSERT, TURN, ClassSearch
from causalimg.discovery.ges import GES
from causalimg.discovery.score_based import consistent_dag
from causalimg.errors import InvalidInputError, UnknownNameError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge
from causalimg.graph.metrics import dag_to_cpdag, shd
from causalimg.graph.orientation import reachable
from causalimg.kernels.equivalence import agrees, complete
from causalimg.stats.scores import GaussianBIC
from causalimg.tables.encode import Encoded
from causalimg.tables.moments import Moments


def dags(d: int) -> list[np.ndarray]:
    """Every DAG of d nodes."""
    pairs = list(itertools.combinations(range(d), 2))
    out = []
    for states in itertools.product(range(3), repeat=len(pairs)):
        edges = np.zeros((d, d), dtype=bool)
        for (i, j), state in zip(pairs, states, strict=True):
            edges[i, j], edges[j, i] = state == 1, state == 2
        if not reachable(edges).diagonal().any():
            out.append(edges)
    return out


def class_of(dag: np.ndarray) -> bytes:
    return complete(dag.astype(np.uint8))[1].tobytes()


def test_completion_and_moves_reach_exactly_the_neighbouring_classes() -> None:
    rng = np.random.default_rng(0)
    frame = simulate(random_dag(4, 2, rng), 200, rng)
    score = GaussianBIC(Moments.from_frame(frame))
    none = np.zeros((4, 4), dtype=bool)
    every = dags(4)
    classes: dict[bytes, list[np.ndarray]] = {}
    for dag in every:
        classes.setdefault(class_of(dag), []).append(dag)
    assert (len(every), len(classes)) == (543, 185)

    def total(dag: np.ndarray) -> float:
        return sum(score.local(y, np.flatnonzero(dag[:, y]).tolist()) for y in range(4))

    for key, members in classes.items():
        want: dict[str, dict[bytes, float]] = {"insert": {}, "delete": {}, "turn": {}}
        for dag in members:
            for x, y in itertools.permutations(range(4), 2):
                other = dag.copy()
                if dag[x, y]:
                    other[x, y] = False
                    want["delete"][class_of(other)] = total(other)
                    other[y, x] = True
                    if not reachable(other).diagonal().any() and class_of(other) != key:
                        want["turn"][class_of(other)] = total(other)
                elif not dag[y, x]:
                    other[x, y] = True
                    if not reachable(other).diagonal().any():
                        want["insert"][class_of(other)] = total(other)
        search = ClassSearch(score, none, none, start=members[0])
        got: dict[str, dict[bytes, float]] = {"insert": {}, "delete": {}, "turn": {}}
        names = {DELETE: "delete", TURN: "turn", FLIP: "turn", INSERT: "insert"}
        for kind, gain, after in search.moves():
            got[names[kind]][after.tobytes()] = total(members[0]) + gain
        for name, expected in want.items():
            assert set(got[name]) == set(expected)
            for after, value in expected.items():
                assert got[name][after] == pytest.approx(value, abs=1e-7)


def test_the_climb_ends_where_no_valid_move_gains() -> None:
    rng = np.random.default_rng(13)
    for k in range(6):
        frame = simulate(random_dag(12, 4, rng), 300, rng)
        score = GaussianBIC(Moments.from_frame(frame))
        none = np.zeros((12, 12), dtype=bool)
        search = ClassSearch(score, none, none)
        search.climb()
        if k % 2:
            search.try_deletions()
        dag = consistent_dag(search.open)
        parents = [np.flatnonzero(dag[:, y]).tolist() for y in range(12)]
        gained = sum(score.local(y, given) - score.local(y, []) for y, given in enumerate(parents))
        assert search.gained == pytest.approx(gained, abs=1e-6)
        fresh = ClassSearch(score, none, none, start=dag)
        assert max(gain for _, gain, _ in fresh.moves()) <= 1e-6
        fresh.climb()
        assert sum(fresh.counts) == 0


def test_agreement_with_knowledge_is_decided_exactly() -> None:
    rng = np.random.default_rng(1)
    classes: dict[bytes, list[np.ndarray]] = {}
    for dag in dags(4):
        classes.setdefault(class_of(dag), []).append(dag)
    answers = set()
    for key, members in classes.items():
        cpdag = np.frombuffer(key, dtype=np.uint8).reshape(4, 4)
        for _ in range(6):
            forbidden = rng.random((4, 4)) < 0.25
            expected = any(not (dag & forbidden).any() for dag in members)
            assert agrees(cpdag.copy(), forbidden) == expected
            answers.add(expected)
    assert answers == {True, False}


def test_population_moments_give_the_true_cpdag() -> None:
    rng = np.random.default_rng(2)
    for _ in range(10):
        dag = random_dag(10, 2.5, rng)
        found = GES().fit(oracle(dag, n=1e7))
        assert shd(found.graph_, dag_to_cpdag(dag)) == 0


def test_score_is_at_least_that_of_causal_learn_on_fifty_problems() -> None:
    pytest.importorskip("causallearn")
    rng = np.random.default_rng(3)
    better = 0
    for k in range(50):
        dag = random_dag(int(rng.integers(5, 10)), 3, rng)
        frame = simulate(dag, 300, rng)
        discount = (1.0, 2.0)[k % 2]
        mine = GES(penalty_discount=discount).fit(frame).stats_["score"]
        other = GES(penalty_discount=discount, engine="causal-learn").fit(frame).stats_["score"]
        assert mine >= other - 1e-6
        better += mine > other + 1e-6
    assert better < 50


def test_extended_search_is_never_worse() -> None:
    rng = np.random.default_rng(4)
    gained = 0
    for _ in range(8):
        frame = simulate(random_dag(12, 4, rng), 300, rng)
        plain, more = GES(extended=False).fit(frame), GES().fit(frame)
        assert more.stats_["score"] >= plain.stats_["score"] - 1e-6
        gained += more.stats_["score"] > plain.stats_["score"] + 1e-6
        assert plain.stats_["trials"] == 0
    assert gained > 0


def test_knowledge_is_never_violated() -> None:
    rng = np.random.default_rng(5)
    required = 0
    for k in range(40):
        dag = random_dag(8, 2.5, rng)
        known = random_knowledge(list(dag.nodes), rng)
        found = GES(knowledge=known, extended=k % 2 == 0).fit(simulate(dag, 200, rng)).graph_
        assert known.violations(found) == []
        required += len(known.required)
    assert required > 5


def test_true_tiers_give_more_arrows_and_no_wrong_one() -> None:
    rng = np.random.default_rng(6)
    gained = 0
    for _ in range(10):
        dag = random_dag(9, 2.5, rng)
        rank = reachable(dag.directed()).sum(axis=0)
        order = np.argsort(rank, kind="stable")
        tiers = [[dag.nodes[k] for k in part] for part in np.array_split(order, 3)]
        found = GES(knowledge=Knowledge(tiers=tiers)).fit(oracle(dag, n=1e7)).graph_
        assert not (found.directed() & ~dag.directed()).any()
        gained += int(found.directed().sum() - dag_to_cpdag(dag).directed().sum())
    assert gained > 5


def test_required_edges_between_independent_columns_are_there() -> None:
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(rng.normal(size=(200, 3)), columns=list("abc"))
    found = GES(knowledge=Knowledge(required=[("a", "b")])).fit(frame).graph_
    assert "a" in found.parents("b")


def test_a_contradiction_is_an_error_that_names_the_edge() -> None:
    with pytest.raises(InvalidInputError, match="a -> b is both required and forbidden"):
        GES(knowledge=Knowledge(required=[("a", "b")], forbidden=[("a", "b")]))
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["a", "b"])
    with pytest.raises(UnknownNameError, match="'z'"):
        GES(knowledge=Knowledge(tiers=[["z"], ["a"]])).fit(frame)


def test_column_order_and_scale_do_not_matter_and_moments_are_enough() -> None:
    rng = np.random.default_rng(8)
    frame = simulate(random_dag(10, 3, rng), 300, rng)
    first = GES().fit(frame).graph_
    shuffled = frame[list(rng.permutation(frame.columns))] * 7.0 + 3.0
    again = GES().fit(shuffled).graph_
    assert shd(first, again) == 0
    whole = GES().fit(Moments.from_frame(frame)).graph_
    assert (whole.marks == first.marks).all()
    parts = [Moments.from_frame(part) for part in (frame[:90], frame[90:200], frame[200:])]
    pooled = GES().fit(Moments.pooled(parts)).graph_
    assert (pooled.marks == first.marks).all()


def test_more_columns_than_rows_end_with_a_sparse_graph() -> None:
    rng = np.random.default_rng(9)
    frame = pd.DataFrame(rng.normal(size=(30, 40)))
    found = GES(penalty_discount=2.0).fit(frame)
    assert found.graph_.directed().sum(axis=0).max() <= 10
    assert found.stats_["n_edges"] < 40


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (np.full(50, np.nan), "'bad' \\(50 missing\\)"),
        (np.zeros(50), "constant columns .*'bad'"),
        (None, "'a' = 'bad'"),
    ],
)
def test_unusable_columns_are_refused_by_name(column: np.ndarray | None, message: str) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 3)), columns=list("abc"))
    frame["bad"] = frame["a"] * 2 if column is None else column
    with pytest.raises(InvalidInputError, match=message):
        GES().fit(frame)


def test_categorical_columns() -> None:
    rng = np.random.default_rng(10)
    n = 1000
    site = rng.integers(0, 3, n)
    age = rng.normal(size=n)
    size = 1.0 * (site == 1) + 0.8 * age + rng.normal(size=n)
    table = pd.DataFrame({"site": pd.Categorical(site), "age": age, "size": size})
    found = GES().fit(table)
    assert set(found.graph_.parents("size")) == {"age", "site"}
    assert any("degenerate" in said for said in found.assumptions_)


def test_bdeu_finds_a_collider() -> None:
    rng = np.random.default_rng(11)
    a, b = rng.integers(0, 2, (2, 800))
    c = np.where(rng.random(800) < 0.1, 1 - (a & b), a & b)
    table = pd.DataFrame({"a": a, "b": b, "c": c}).astype("category")
    assert GES(score="bdeu").fit(table).graph_.parents("c") == ("a", "b")
    with pytest.raises(InvalidInputError, match="numbers: \\['x'\\]"):
        GES(score="bdeu").fit(table.assign(x=rng.normal(size=800)))


def test_settings_are_checked() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 30)))
    for settings, message in [
        ({"score": "aic"}, "score='aic'"),
        ({"engine": "r"}, "engine='r'"),
        ({"penalty_discount": -1.0}, "penalty_discount=-1.0"),
        ({"max_parents": 0}, "max_parents=0"),
        ({"engine": "causal-learn"}, "does not end with 20 rows and 30 columns"),
        (
            {"engine": "causal-learn", "knowledge": Knowledge(tiers=[["0"], ["1"]])},
            "takes no knowledge",
        ),
    ]:
        with pytest.raises(InvalidInputError, match=message):
            GES(**settings).fit(frame)
    assert clone(GES(turning=False)).get_params()["turning"] is False


class Heavy(GaussianBIC):
    """A score of one's own: twice the penalty."""

    @classmethod
    def of(
        cls,
        moments: Moments,
        rows: Encoded | None = None,
        *,
        penalty_discount: float = 1.0,
        max_parents: int | None = None,
    ) -> Heavy:
        return cls(moments, penalty_discount=2 * penalty_discount, max_parents=max_parents)


def test_a_score_can_be_a_class_of_ones_own() -> None:
    rng = np.random.default_rng(14)
    frame = simulate(random_dag(8, 3, rng), 150, rng)
    mine = GES(score=Heavy).fit(frame)
    assert shd(mine.graph_, GES(penalty_discount=2.0).fit(frame).graph_) == 0
    assert mine.graph_.provenance.settings["score"] == "Heavy"
    assert mine.assumptions_ == GES().fit(frame).assumptions_
    with pytest.raises(InvalidInputError, match="score=3 is no score"):
        GES(score=3).fit(frame)


def test_turning_off_makes_no_turns() -> None:
    rng = np.random.default_rng(12)
    frame = simulate(random_dag(10, 4, rng), 300, rng)
    found = GES(turning=False).fit(frame)
    assert found.stats_["turns"] == 0
    assert isinstance(found.graph_, CausalGraph)
