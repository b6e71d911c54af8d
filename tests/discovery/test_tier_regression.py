from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from linear_models import random_knowledge
from scipy import stats
from sklearn.base import clone
from sklearn.linear_model import LinearRegression

from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.pc import PC
from causalimg.discovery.tier_regression import TierRegression, adjusted
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge
from causalimg.graph.metrics import compare
from causalimg.tables.moments import Moments

TIERS = Knowledge(tiers=[["a", "b", "c"], ["u", "v"], ["y"]])


def table(rng: np.random.Generator, n: int = 500) -> pd.DataFrame:
    a, b, c = rng.normal(size=(3, n))
    shared = rng.normal(size=n)  # what u and v have in common besides their causes
    u = 0.8 * a + shared + 0.5 * rng.normal(size=n)
    v = -0.6 * b + shared + 0.5 * rng.normal(size=n)
    y = 0.7 * u + 0.5 * c + rng.normal(size=n)
    return pd.DataFrame({"y": y, "v": v, "u": u, "c": c, "b": b, "a": a})


def truth() -> CausalGraph:
    edges = pd.DataFrame(0, list("abcuvy"), list("abcuvy"))
    for cause, effect in ("au", "bv", "uy", "cy"):
        edges.loc[cause, effect] = 1
    return CausalGraph.from_directed("abcuvy", edges.to_numpy())


def arrows(graph: CausalGraph) -> set[tuple[str, str]]:
    frame = graph.to_frame()
    return set(zip(frame["source"], frame["target"], strict=True))


def test_recovers_the_edges_between_tiers_where_noise_is_shared_inside_one() -> None:
    rng = np.random.default_rng(0)
    found = [TierRegression(knowledge=TIERS).fit(table(rng)) for _ in range(20)]
    exact = sum(arrows(one.graph_) == arrows(truth()) for one in found)
    assert exact >= 18
    for one in found:
        assert one.stats_["within_tier_r"]["nodes"] == ("u", "v")
        assert one.stats_["within_tier_r"]["r"] == pytest.approx(0.8, abs=0.1)
        assert one.graph_.weights[one.graph_.index("a"), one.graph_.index("u")] == pytest.approx(
            0.8, abs=0.25
        )


def test_is_one_least_squares_regression_a_node() -> None:
    frame = table(np.random.default_rng(1), 80)
    tests = TierRegression(knowledge=TIERS, alpha=0.9, correction="none").fit(frame)
    rows = tests.tests_.set_index(["source", "target"])
    sources = ["a", "b", "c", "u", "v"]
    x = np.column_stack([np.ones(80), frame[sources]])
    slopes = LinearRegression().fit(frame[sources], frame["y"]).coef_
    residual = frame["y"] - x @ np.linalg.lstsq(x, frame["y"], rcond=None)[0]
    error = np.sqrt(np.diag(np.linalg.inv(x.T @ x))[1:] * (residual @ residual) / (80 - 6))
    p = 2 * stats.t.sf(np.abs(slopes / error), 80 - 6)
    np.testing.assert_allclose(rows["p_value"].xs("y", level="target")[sources], p, rtol=1e-9)
    graph = tests.graph_
    for name, slope in zip(sources, slopes, strict=True):
        if graph.adjacent(name, "y"):
            assert graph.weights[graph.index(name), graph.index("y")] == pytest.approx(slope)


def test_false_edges_are_as_rare_as_said() -> None:
    rng = np.random.default_rng(2)
    counts = {"holm": 0, "none": 0}
    for _ in range(150):
        frame = pd.DataFrame(rng.normal(size=(60, 6)), columns=list("abcuvy"))
        frame["b"] = rng.choice(["p", "q", "r"], 60)
        frame["v"] = rng.choice(["s", "t", "w"], 60)
        data = DiscoveryData.of(frame)
        for correction in counts:
            found = TierRegression(knowledge=TIERS, correction=correction).run(data)
            edges = int(found.attributes["tests_"]["edge"].sum())
            counts[correction] += edges if correction == "none" else edges > 0
    tests = 150 * 11
    assert abs(counts["none"] / tests - 0.05) < 4 * np.sqrt(0.05 * 0.95 / tests)
    assert counts["holm"] / 150 < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)


def test_categories_stand_in_any_tier() -> None:
    rng = np.random.default_rng(3)
    frame = table(rng)
    site = rng.choice(["A", "B", "C"], 500)
    frame["a"] = site
    frame["u"] = frame["u"] + pd.Series(site).map({"A": 0.0, "B": 1.5, "C": -1.0})
    grade = np.digitize(frame["y"], [-1, 1])
    frame["y"] = pd.Categorical(np.array(["low", "mid", "high"])[grade])
    found = TierRegression(knowledge=TIERS).fit(frame)
    assert {("a", "u"), ("b", "v"), ("u", "y")} <= arrows(found.graph_)
    assert not found.graph_.adjacent("a", "v")
    p = found.tests_.set_index(["source", "target"])["p_value"]
    dummies = pd.get_dummies(frame[["a"]], drop_first=True).to_numpy(dtype=float)
    x = np.column_stack([np.ones(500), frame[["b", "c"]]])

    def rss(design: np.ndarray) -> float:
        return float(np.linalg.lstsq(design, frame["u"], rcond=None)[1][0])

    ratio = (
        (rss(x) - rss(np.column_stack([x, dummies])))
        / 2
        / (rss(np.column_stack([x, dummies])) / 495)
    )
    assert p["a", "u"] == pytest.approx(stats.f.sf(ratio, 2, 495), rel=1e-6)


def test_moments_and_the_order_of_columns_change_nothing() -> None:
    frame = table(np.random.default_rng(4))
    first = TierRegression(knowledge=TIERS).fit(frame)
    for other in (frame[list("abcuvy")], Moments.from_frame(frame)):
        again = TierRegression(knowledge=TIERS).fit(other)
        pd.testing.assert_frame_equal(again.tests_, first.tests_)
        assert arrows(again.graph_) == arrows(first.graph_)


def test_knowledge_is_never_violated() -> None:
    rng = np.random.default_rng(5)
    names = list("abcuvy")
    for _ in range(80):
        known = random_knowledge(names, rng)
        placed = {n for tier in known.tiers for n in tier} | set(known.exogenous)
        rest = [n for n in names if n not in placed]
        try:
            known = Knowledge(
                tiers=[*known.tiers, rest],
                forbidden=known.forbidden,
                required=known.required,
                exogenous=known.exogenous,
            )
        except InvalidInputError:
            continue
        frame = pd.DataFrame(rng.normal(size=(40, 6)), columns=names)
        found = TierRegression(knowledge=known, alpha=0.5, correction="none").fit(frame)
        assert known.violations(found.graph_) == []


def test_a_wide_last_tier_needs_few_rows() -> None:
    rng = np.random.default_rng(6)
    scanner = rng.choice(["A", "B"], 60)
    features = rng.normal(size=(60, 200))
    features[:, :20] += 3.0 * (scanner == "B")[:, None]
    frame = pd.DataFrame(features, columns=[f"f{k:03d}" for k in range(200)])
    known = Knowledge(tiers=[["scanner"], list(frame.columns)])
    found = TierRegression(knowledge=known).fit(frame.assign(scanner=scanner))
    assert found.graph_.children("scanner") == tuple(f"f{k:03d}" for k in range(20))
    wide = Knowledge(tiers=[list(frame.columns), ["scanner"]])
    with pytest.raises(InvalidInputError, match="200 columns in earlier tiers and the table 60"):
        TierRegression(knowledge=wide).fit(frame.assign(scanner=scanner))


def test_adjustment_for_the_number_of_tests() -> None:
    rng = np.random.default_rng(7)
    p = rng.uniform(size=30) ** 2
    np.testing.assert_allclose(adjusted(p, "bh"), stats.false_discovery_control(p))
    holm = adjusted(p, "holm")
    assert (holm >= p).all()
    assert holm.min() == pytest.approx(min(30 * p.min(), 1))
    assert adjusted(np.zeros(0), "holm").shape == (0,)


def test_refusals() -> None:
    frame = table(np.random.default_rng(8))
    with pytest.raises(InvalidInputError, match=r"in none: \['v', 'u'\]"):
        TierRegression(knowledge=Knowledge(tiers=[["a", "b", "c"], ["y"]])).fit(frame)
    with pytest.raises(InvalidInputError, match="in none"):
        TierRegression().fit(frame)
    with pytest.raises(InvalidInputError, match="correction='fdr'"):
        TierRegression(knowledge=TIERS, correction="fdr").fit(frame)
    model = TierRegression(knowledge=TIERS, alpha=0.1)
    assert clone(model).get_params() == model.get_params()


@pytest.fixture(scope="module")
def chamber(shared_data: Path) -> tuple[pd.DataFrame, CausalGraph]:
    """A physical optics experiment: 20 variables, 39 known edges."""
    edges = pd.read_csv(shared_data / "chamber" / "dag.csv")
    held = r"(?:osr_|v_|diode_|t_)"  # settings that are constant in this file
    edges = edges[~edges["source"].str.match(held) & ~edges["target"].str.match(held)]
    nodes = sorted({*edges["source"], *edges["target"]})
    matrix = np.zeros((len(nodes), len(nodes)))
    for cause, effect in edges.itertuples(index=False):
        matrix[nodes.index(cause), nodes.index(effect)] = 1
    frame = pd.read_csv(shared_data / "chamber" / "uniform_reference.csv")
    return frame[nodes], CausalGraph.from_directed(nodes, matrix)


def test_chamber_with_two_tiers(chamber: tuple[pd.DataFrame, CausalGraph]) -> None:
    frame, true = chamber
    assert (len(true.nodes), int(true.directed().sum())) == (20, 39)
    actuators = [name for name in true.nodes if not true.parents(name)]
    sensors = [name for name in true.nodes if true.parents(name)]
    known = Knowledge(tiers=[actuators, sensors])
    found = TierRegression(knowledge=known).fit(frame)
    scores = compare(found.graph_, true)
    assert scores.orientation_precision == 1.0
    assert scores.orientation_recall >= 0.69
    # a search inside the tier of sensors, which share noise, loses edges that are there
    assert found.stats_["within_tier_r"]["r"] > 0.7
    searched = compare(PC(alpha=0.01, knowledge=known).fit(frame).graph_, true)
    closed = Knowledge(tiers=[actuators, sensors], forbid_within=[0, 1])
    told = compare(PC(alpha=0.01, knowledge=closed).fit(frame).graph_, true)
    assert searched.orientation_recall < 0.5
    assert told.orientation_precision == 1.0
    assert told.orientation_recall >= 0.69
