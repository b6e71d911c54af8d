from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from linear_models import oracle, random_dag, random_knowledge, simulate
from scipy.stats import norm
from sklearn.base import clone

from causalimg.discovery.pc import PC
from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError
from causalimg.graph.core import CausalGraph, Mark
from causalimg.graph.knowledge import Knowledge
from causalimg.graph.metrics import compare, dag_to_cpdag, shd
from causalimg.graph.query import d_separated
from causalimg.tables.moments import Moments

RULES = ("majority", "conservative", "standard")


def weighted(nodes: str, edges: dict[str, float]) -> CausalGraph:
    weights = np.zeros((len(nodes), len(nodes)))
    for pair, weight in edges.items():
        weights[nodes.index(pair[0]), nodes.index(pair[1])] = weight
    return CausalGraph.from_directed(nodes, weights != 0, weights=weights)


def arrows(graph: CausalGraph) -> set[str]:
    return set(graph.to_frame()["source"] + graph.to_frame()["edge"] + graph.to_frame()["target"])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ({"ab": 0.8, "bc": 0.8}, {"a---b", "b---c"}),
        ({"ba": 0.8, "bc": 0.8}, {"a---b", "b---c"}),
        ({"ab": 0.8, "cb": 0.8}, {"a-->b", "c-->b"}),
        ({"ab": 0.8, "bc": 0.8, "ac": 0.5}, {"a---b", "b---c", "a---c"}),
        ({}, set()),
    ],
)
def test_textbook_cases(rule: str, edges: dict, expected: set) -> None:
    found = PC(collider_rule=rule).fit(oracle(weighted("abc", edges)))
    assert arrows(found.graph_) == expected
    assert found.graph_.kind == "cpdag"


@pytest.mark.parametrize("rule", RULES)
def test_population_moments_give_the_true_cpdag(rule: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(15):
        dag = random_dag(9, 2.5, rng)
        moments = oracle(dag, n=1e9)
        found = PC(alpha=1e-6, collider_rule=rule).fit(moments)
        assert shd(found.graph_, dag_to_cpdag(dag)) == 0
        for (a, b), given in found.stats_["separating_sets"].items():
            assert d_separated(dag, a, b, given)


def test_tiers_with_population_moments_give_more_arrows_and_no_wrong_one() -> None:
    rng = np.random.default_rng(1)
    gained = 0
    for _ in range(15):
        dag = random_dag(9, 2.5, rng)
        order = np.argsort(topological(dag))
        tiers = [[dag.nodes[k] for k in part] for part in np.array_split(order, 3)]
        moments = oracle(dag, n=1e9)
        found = PC(alpha=1e-6, knowledge=Knowledge(tiers=tiers)).fit(moments).graph_
        scores = compare(found, dag)
        assert scores.skeleton_precision == scores.skeleton_recall == 1.0
        assert scores.orientation_precision == 1.0
        gained += int(found.directed().sum() - dag_to_cpdag(dag).directed().sum())
    assert gained > 15


def topological(dag: CausalGraph) -> np.ndarray:
    """Rank of each node in a causal order."""
    directed, rank = dag.directed(), np.zeros(len(dag.nodes))
    left = list(range(len(dag.nodes)))
    while left:
        source = next(k for k in left if not directed[left, k].any())
        rank[source] = len(dag.nodes) - len(left)
        left.remove(source)
    return rank


def p_value(frame: pd.DataFrame, x: str, y: str, given: tuple[str, ...]) -> float:
    """Fisher's z from the residuals of two regressions."""
    design = np.column_stack([np.ones(len(frame)), frame[list(given)]])
    left, right = (
        frame[name] - design @ np.linalg.lstsq(design, frame[name])[0] for name in (x, y)
    )
    z = np.arctanh(np.corrcoef(left, right)[0, 1]) * np.sqrt(len(frame) - len(given) - 3)
    return float(2 * norm.sf(abs(z)))


def test_agrees_with_causal_learn_on_fifty_problems() -> None:
    pytest.importorskip("causallearn")
    rng = np.random.default_rng(2)
    edges = conditional = oriented = 0
    for k in range(50):
        dag = random_dag(int(rng.integers(8, 16)), 2.5, rng)
        frame = simulate(dag, 400, rng)
        alpha = (0.01, 0.05)[k % 2]
        mine = PC(alpha=alpha).fit(frame)
        other = PC(alpha=alpha, engine="causal-learn").fit(frame)
        assert ((mine.graph_.marks > 0) == (other.graph_.marks > 0)).all()
        # conflicts are settled by p-values, and votes go up to the largest set that was tested:
        # causal-learn reports neither
        same_votes = mine.stats_["ambiguous"] == other.stats_["ambiguous"]
        if same_votes and not mine.stats_["disputed"]:
            assert arrows(mine.graph_) == arrows(other.graph_)
            oriented += 1
        sets, theirs = (one.stats_["separating_sets"] for one in (mine, other))
        assert set(sets) == set(theirs)
        for (x, y), given in sets.items():
            # theirs is the union of those of one level around one of the nodes, ours the likeliest
            assert len(given) <= len(theirs[x, y])
            assert (len(given) == 0) == (len(theirs[x, y]) == 0)
            assert p_value(frame, x, y, given) > alpha
            if len(theirs[x, y]) == len(given):  # theirs is one set, too
                assert p_value(frame, x, y, given) >= p_value(frame, x, y, theirs[x, y]) - 1e-9
            conditional += len(given) > 0
        edges += len(mine.edges_)
    assert edges > 500
    assert conditional > 500
    assert oriented >= 15


def test_standard_rule_agrees_with_causal_learns_own_arrows() -> None:
    pytest.importorskip("causallearn")
    rng = np.random.default_rng(3)
    compared = 0
    for _ in range(10):
        dag = random_dag(8, 2, rng)
        frame = simulate(dag, 50_000, rng)
        settings = {"alpha": 1e-4, "collider_rule": "standard"}
        mine, other = PC(**settings).fit(frame), PC(engine="causal-learn", **settings).fit(frame)
        if compare(mine.graph_, dag).skeleton_f1 == 1.0:  # else the tests contradict each other
            assert arrows(mine.graph_) == arrows(other.graph_)
            compared += 1
    assert compared >= 5


@pytest.mark.parametrize(
    ("rule", "engine"),
    # causal-learn's own arrows (rule "standard") have this defect
    [*((rule, "native") for rule in RULES), ("majority", "causal-learn")],
)
def test_forbidding_a_pair_makes_no_false_collider(rule: str, engine: str) -> None:
    if engine == "causal-learn":
        pytest.importorskip("causallearn")
    chain = weighted("abc", {"ab": 0.8, "bc": 0.8})
    frame = simulate(chain, 2000, np.random.default_rng(4))
    known = Knowledge(forbidden=[("a", "c"), ("c", "a")])
    found = PC(knowledge=known, collider_rule=rule, engine=engine).fit(frame)
    assert arrows(found.graph_) == {"a---b", "b---c"}
    collider = weighted("abc", {"ab": 0.8, "cb": 0.8})
    frame = simulate(collider, 2000, np.random.default_rng(4))
    found = PC(knowledge=known, collider_rule=rule, engine=engine).fit(frame)
    assert arrows(found.graph_) == {"a-->b", "c-->b"}
    assert ("a", "c") not in found.stats_["separating_sets"]


@pytest.mark.parametrize("engine", ["native", "causal-learn"])
def test_a_required_edge_between_independent_columns_is_kept(engine: str) -> None:
    if engine == "causal-learn":
        pytest.importorskip("causallearn")
    dag = weighted("abcd", {"ab": 0.8})
    frame = simulate(dag, 500, np.random.default_rng(5))
    known = Knowledge(required=[("c", "d")])
    found = PC(knowledge=known, engine=engine).fit(frame)
    assert found.graph_.parents("d") == ("c",)
    assert arrows(found.graph_) == {"a---b", "c-->d"}
    assert np.isnan(found.edges_.set_index("target").loc["d", "p_value"])


def test_knowledge_is_never_violated() -> None:
    rng = np.random.default_rng(6)
    arrow_count = 0
    for k in range(200):
        dag = random_dag(8, 4, rng)
        frame = simulate(dag, 60, rng)
        known = random_knowledge(list(dag.nodes), rng)
        found = PC(alpha=0.2, knowledge=known, collider_rule=RULES[k % 3]).fit(frame)
        assert known.violations(found.graph_) == []
        forbidden = known.forbidden_matrix(dag.nodes)
        assert not (found.graph_.directed() & forbidden).any()
        assert not (found.graph_.undirected() & forbidden).any()
        assert (found.graph_.directed() >= known.required_matrix(dag.nodes)).all()
        arrow_count += int(found.graph_.directed().sum())
    assert arrow_count > 400


def test_a_cycle_forced_by_forbidden_edges_loses_its_weakest_edge() -> None:
    dag = weighted("abc", {"ab": 1.0, "bc": 1.0, "ac": 0.3})
    frame = simulate(dag, 1000, np.random.default_rng(7))
    known = Knowledge(forbidden=[("b", "a"), ("c", "b"), ("a", "c")])
    found = PC(knowledge=known).fit(frame)
    assert found.stats_["removed"] == [("c", "a")]
    assert arrows(found.graph_) == {"a-->b", "b-->c"}


def test_tiers_draw_conditioning_sets_from_possible_parents() -> None:
    # s, t independent causes of u; conditioning on u would join them and is never tried
    dag = weighted("stuv", {"su": 1.0, "tu": 1.0, "uv": 1.0})
    frame = simulate(dag, 500, np.random.default_rng(8))
    known = Knowledge(tiers=[["s", "t"], ["u"], ["v"]])
    found = PC(knowledge=known, collider_rule="standard").fit(frame)
    assert arrows(found.graph_) == {"s-->u", "t-->u", "u-->v"}
    assert found.stats_["separating_sets"][("s", "t")] == ()


@pytest.mark.parametrize("rule", RULES)
def test_the_order_of_columns_and_rows_does_not_matter(rule: str) -> None:
    rng = np.random.default_rng(9)
    for _ in range(10):
        dag = random_dag(12, 3, rng)
        frame = simulate(dag, 150, rng)
        frame["site"] = np.where(frame["v00"] > 0.5, "b", np.where(frame["v01"] > 0, "c", "a"))
        known = Knowledge(exogenous=["site"])
        first = PC(alpha=0.05, collider_rule=rule, knowledge=known).fit(frame)
        order = rng.permutation(frame.columns)
        second = PC(alpha=0.05, collider_rule=rule, knowledge=known).fit(frame[order])
        assert second.graph_.nodes == tuple(order)
        assert shd(first.graph_, second.graph_) == 0
        assert first.stats_ == second.stats_


def test_scale_and_shift_do_not_matter() -> None:
    rng = np.random.default_rng(10)
    frame = simulate(random_dag(10, 3, rng), 200, rng)
    moved = frame * rng.uniform(1e-3, 1e3, 10) * rng.choice([-1, 1], 10) + rng.normal(size=10) * 100
    assert shd(PC().fit(frame).graph_, PC().fit(moved).graph_) == 0


def test_site_enters_as_one_node() -> None:
    rng = np.random.default_rng(12)
    site = rng.choice(["A", "B", "C"], 400)
    shift = pd.Series(site).map({"A": 0.0, "B": 1.0, "C": -1.0}).to_numpy()
    scanner = np.where(rng.random(400) < 0.7, np.char.add("S", site), "SX")
    frame = pd.DataFrame({"site": site, "scanner": scanner, "age": rng.normal(size=400)})
    frame["x"] = shift + rng.normal(size=400)
    frame["y"] = frame["x"] + rng.normal(size=400)
    known = Knowledge(tiers=[["site", "age"], ["scanner"], ["x", "y"]])
    found = PC(knowledge=known).fit(frame)
    assert found.graph_.nodes == ("site", "scanner", "age", "x", "y")
    assert arrows(found.graph_) == {"site-->scanner", "site-->x", "x-->y"}
    assert any("group means" in text for text in found.assumptions_)


def test_moments_give_the_graph_of_their_rows() -> None:
    rng = np.random.default_rng(12)
    frame = simulate(random_dag(10, 3, rng), 300, rng)
    frame["site"] = rng.choice(["a", "b", "c"], 300)
    levels = Moments.from_frame(frame).levels
    parts = [Moments.from_frame(frame.iloc[k::3], levels=levels) for k in range(3)]
    pooled, whole = PC().fit(Moments.pooled(parts)), PC().fit(frame)
    assert shd(pooled.graph_, whole.graph_) == 0
    assert pooled.stats_["separating_sets"] == whole.stats_["separating_sets"]


def test_what_fit_leaves_behind() -> None:
    rng = np.random.default_rng(13)
    frame = simulate(random_dag(8, 2, rng), 300, rng)
    model = PC(knowledge=Knowledge(tiers=[list(frame.columns)]))
    assert clone(model).get_params() == model.get_params()
    assert clone(model).set_params(alpha=0.05).alpha == 0.05
    assert model.fit(frame) is model
    assert model.feature_names_in_.tolist() == list(frame.columns)
    assert model.n_features_in_ == 8
    assert (model.edges_["p_value"] <= 0.01).all()
    assert model.stats_["stopped"] == "done"
    provenance = model.graph_.provenance
    assert provenance is not None
    assert provenance.settings["algorithm"] == "PC"
    assert provenance.settings["alpha"] == 0.01
    assert provenance.settings["knowledge"]["tiers"] == [list(frame.columns)]
    assert provenance.assumptions == model.assumptions_
    assert set(provenance.inputs) == {"table"}
    assert CausalGraph.from_dict(model.graph_.to_dict()).nodes == model.graph_.nodes


def test_max_condition_stops_the_search() -> None:
    rng = np.random.default_rng(14)
    frame = simulate(random_dag(10, 4, rng), 500, rng)
    marginal = PC(max_condition=0).fit(frame)
    assert marginal.stats_["stopped"] == "max_condition"
    assert marginal.stats_["largest_condition"] == 0
    assert all(given == () for given in marginal.stats_["separating_sets"].values())
    assert len(marginal.edges_) > len(PC().fit(frame).edges_)


def test_more_columns_than_rows() -> None:
    rng = np.random.default_rng(15)
    frame = pd.DataFrame(rng.normal(size=(20, 40)), columns=[f"x{k}" for k in range(40)])
    frame["x1"] = frame["x0"] + 0.1 * rng.normal(size=20)
    found = PC(alpha=0.001).fit(frame)
    assert found.graph_.marks[0, 1] == Mark.TAIL


def test_columns_that_cannot_be_used_are_named() -> None:
    dag = weighted("abc", {"ab": 0.8, "bc": 0.8})
    frame = simulate(dag, 50, np.random.default_rng(16))
    hole = frame.copy()
    hole.loc[3, "b"] = np.nan
    hole.loc[4, "c"] = np.inf
    with pytest.raises(InvalidInputError, match=r"'b' \(1 missing\), 'c' \(1 infinite\)"):
        PC().fit(hole)
    with pytest.raises(InvalidInputError, match=r"'site' \(50 missing\)"):
        PC().fit(frame.assign(site=pd.Series([None] * 50, dtype="object")))
    with pytest.raises(InvalidInputError, match=r"constant columns .*\['flat', 'one'\]"):
        PC().fit(frame.assign(flat=0.1, one="a"))
    with pytest.raises(InvalidInputError, match=r"duplicate columns .*'a' = 'copy'"):
        PC().fit(frame.assign(copy=3 - 2 * frame["a"]))
    with pytest.raises(InvalidInputError, match=r"'sum' is an exact linear combination of \['a', "):
        PC().fit(frame.assign(sum=frame["a"] + frame["b"]))
    with pytest.raises(InvalidInputError, match=r"'site' is an exact linear .* \['scanner'\]"):
        scanner = np.array(["s1", "s2", "s3"])[np.arange(50) % 3]
        PC().fit(frame.assign(scanner=scanner, site=np.where(scanner == "s1", "A", "B")))
    with pytest.raises(InvalidInputError, match=r"names must differ; .*\['a'\]"):
        PC().fit(pd.concat([frame, frame[["a"]]], axis=1))
    with pytest.raises(InvalidInputError, match="at least 10 rows; got 9"):
        PC().fit(frame.iloc[:9])
    with pytest.raises(InvalidInputError, match="at least two columns"):
        PC().fit(frame[["a"]])
    with pytest.raises(InvalidInputError, match=r"identifiers; .*'case_id' \(50 levels\)"):
        PC().fit(frame.assign(case_id=[f"p{k}" for k in range(50)]))
    with pytest.raises(InvalidInputError, match=r"'day' \(datetime64"):
        PC().fit(frame.assign(day=pd.Timestamp("2020-01-01")))
    with pytest.raises(NotEstimableError, match="linearly dependent"):
        wide = pd.DataFrame(np.random.default_rng(0).normal(size=(12, 20))).add_prefix("x")
        PC(alpha=0.5).fit(wide.assign(x19=wide["x0"] + wide["x1"]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": 0}, "alpha=0 must be"),
        ({"alpha": "x"}, "alpha='x' must be"),
        ({"test": 3}, "test=3 is no test of independence"),
        ({"collider_rule": "max"}, "'majority', 'conservative', 'standard'"),
        ({"engine": "tetrad"}, "'native', 'causal-learn'"),
        ({"max_condition": -1}, "whole number"),
        ({"knowledge": {"tiers": []}}, "must be a Knowledge record, not dict"),
    ],
)
def test_settings_that_are_not_allowed(settings: dict, message: str) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 2)), columns=["a", "b"])
    with pytest.raises(InvalidInputError, match=message):
        PC(**settings).fit(frame)


def test_knowledge_about_other_columns_is_refused() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 2)), columns=["age", "size"])
    with pytest.raises(UnknownNameError, match="'aeg'; did you mean 'age'"):
        PC(knowledge=Knowledge(tiers=[["aeg"], ["size"]])).fit(frame)


def test_engine_refuses_categories_and_moments() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 2)), columns=["a", "b"])
    with pytest.raises(InvalidInputError, match=r"categorical: \['site'\]"):
        PC(engine="causal-learn").fit(frame.assign(site=["p", "q"] * 10))
    with pytest.raises(InvalidInputError, match="needs the rows"):
        PC(engine="causal-learn").fit(Moments.from_frame(frame))
