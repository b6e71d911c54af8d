from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from linear_models import random_dag, random_knowledge, simulate
from scipy import stats
from sklearn.base import clone
from sklearn.linear_model import LinearRegression

from causalimg.discovery.kernel_measure import gram_factors, kernel_information
from causalimg.discovery.lingam import DirectLiNGAM
from causalimg.discovery.pairwise import causal_order, residual_entropies
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge
from causalimg.graph.metrics import compare, shd
from causalimg.kernels.residual_entropy import exponential
from causalimg.tables.moments import Moments


def entropy(values: np.ndarray) -> np.ndarray:
    """Hyvarinen's approximation (1998), as it is written there."""
    cosh = np.log(np.cosh(values)).mean(axis=0) - 0.37457
    odd = (values * np.exp(-(values**2) / 2)).mean(axis=0)
    return (1 + np.log(2 * np.pi)) / 2 - 79.047 * cosh**2 - 7.4129 * odd**2


def test_entropy_of_a_normal_is_exact_and_nothing_else_is_larger() -> None:
    rng = np.random.default_rng(0)
    draws = np.column_stack(
        [rng.normal(size=200_000), rng.uniform(-1, 1, 200_000), rng.exponential(size=200_000)]
    )
    draws = (draws - draws.mean(axis=0)) / draws.std(axis=0)
    normal, uniform, skewed = residual_entropies(draws).diagonal()
    assert normal == pytest.approx((1 + np.log(2 * np.pi)) / 2, abs=1e-3)
    assert uniform < normal
    assert skewed < normal


def test_residual_entropies_are_those_of_each_regression() -> None:
    rng = np.random.default_rng(1)
    values = rng.exponential(size=(1300, 4)) @ rng.normal(size=(4, 4))
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    found = residual_entropies(values)
    np.testing.assert_allclose(found.diagonal(), entropy(values), rtol=1e-11)
    for i in range(4):
        for j in range(4):
            if i != j:
                left = stats.linregress(values[:, j], values[:, i])
                residual = values[:, i] - left.slope * values[:, j]
                expected = entropy((residual / residual.std())[:, None])[0]
                assert found[i, j] == pytest.approx(expected, abs=1e-9)


def test_the_exponential_is_exact_to_rounding() -> None:
    below = -np.concatenate([np.geomspace(1e-300, 690, 3000), np.linspace(0, 40, 3000)])
    found = np.array([exponential(y) for y in below])
    np.testing.assert_allclose(found, np.exp(below), rtol=5e-16)
    assert exponential(-1e5) < 1e-300


@pytest.fixture
def problems() -> list[tuple[CausalGraph, pd.DataFrame]]:
    rng = np.random.default_rng(2)
    dags = [random_dag(8, 3, rng) for _ in range(10)]
    return [(dag, simulate(dag, 600, rng, "exponential")) for dag in dags]


def test_recovers_the_graph_and_its_weights(problems: list) -> None:
    wrong = 0
    for dag, frame in problems:
        found = DirectLiNGAM(alpha=0.001).fit(frame).graph_
        wrong += shd(found, dag)
        if shd(found, dag) == 0:
            np.testing.assert_allclose(found.weights, dag.weights, atol=0.2)
    assert wrong <= 6  # of 10 graphs with about 12 edges each


def test_agrees_with_causal_learn(problems: list) -> None:
    lingam = pytest.importorskip("causallearn.search.FCMBased.lingam")
    for _, frame in problems[:4]:
        theirs = lingam.DirectLiNGAM()
        theirs.fit(frame.to_numpy())
        order = [frame.columns[k] for k in theirs.causal_order_]
        mine = DirectLiNGAM(pruning="none").fit(frame)
        assert list(mine.stats_["causal_order"]) == order
        assert mine.graph_.weights is not None
        for k, target in enumerate(order[1:], start=1):
            slopes = LinearRegression().fit(frame[order[:k]], frame[target]).coef_
            for cause, slope in zip(order[:k], slopes, strict=True):
                found = mine.graph_.weights[mine.graph_.index(cause), mine.graph_.index(target)]
                assert found == pytest.approx(slope, abs=1e-6)
        pruned = DirectLiNGAM(pruning="adaptive_lasso").fit(frame).graph_
        np.testing.assert_allclose(pruned.weights, theirs.adjacency_matrix_.T, atol=1e-6)
        engine = DirectLiNGAM(engine="causal-learn").fit(frame)
        assert shd(engine.graph_, DirectLiNGAM().fit(frame).graph_) == 0


def test_order_and_weights_are_those_of_causal_learn_on_fifty_problems() -> None:
    lingam = pytest.importorskip("causallearn.search.FCMBased.lingam")

    class Exact(lingam.DirectLiNGAM):
        """causal-learn divides a covariance with n - 1 by a variance with n; here both have n."""

        def _residual(self, xi: np.ndarray, xj: np.ndarray) -> np.ndarray:
            return xi - np.cov(xi, xj, ddof=0)[0, 1] / np.var(xj) * xj

    rng = np.random.default_rng(20)
    as_published = 0
    for k in range(50):
        frame = simulate(random_dag(3 + k % 5, 2, rng), 300 + 10 * k, rng, "exponential")
        mine = DirectLiNGAM(pruning="adaptive_lasso").fit(frame)
        order = list(mine.stats_["causal_order"])
        theirs = Exact()
        theirs.fit(frame.to_numpy())
        assert [frame.columns[j] for j in theirs.causal_order_] == order
        np.testing.assert_allclose(mine.graph_.weights, theirs.adjacency_matrix_.T, atol=1e-6)
        theirs = lingam.DirectLiNGAM()
        theirs.fit(frame.to_numpy())
        as_published += [frame.columns[j] for j in theirs.causal_order_] == order
    assert as_published >= 49  # one near tie is decided by the factor n / (n - 1)


def test_kernel_measure_is_that_of_causal_learn() -> None:
    lingam = pytest.importorskip("causallearn.search.FCMBased.lingam")
    rng = np.random.default_rng(21)
    theirs = lingam.DirectLiNGAM(measure="kernel")
    x = rng.exponential(size=80)
    others = np.column_stack([0.1 * x**2 + rng.normal(size=80), rng.uniform(-2, 2, 80)])
    expected = [theirs._mutual_information(x, other, (2e-2, 1.0)) for other in others.T]
    np.testing.assert_allclose(kernel_information(x, others), expected, rtol=1e-4)
    for k in range(2):
        frame = simulate(random_dag(3, 2, rng), 60, rng, "exponential")
        mine = DirectLiNGAM(measure="kernel").fit(frame).stats_["causal_order"]
        engine = DirectLiNGAM(measure="kernel", engine="causal-learn").fit(frame)
        assert mine == engine.stats_["causal_order"], k


def test_gram_factors_are_exact_to_the_tolerance() -> None:
    values = np.random.default_rng(22).exponential(size=(80, 3))
    factors = gram_factors(values, 1.0)
    gap = values.T[:, :, None] - values.T[:, None, :]
    np.testing.assert_allclose(
        factors @ factors.transpose(0, 2, 1), np.exp(-(gap**2) / 2), atol=1e-5
    )
    assert factors.shape[2] < 40


def test_kernel_measure_recovers_the_graph_and_takes_knowledge(problems: list) -> None:
    wrong = sum(
        shd(DirectLiNGAM(measure="kernel", alpha=0.001).fit(frame).graph_, dag)
        for dag, frame in problems[:5]
    )
    assert wrong <= 12  # of 5 graphs with about 12 edges each
    dag, frame = problems[0]
    known = Knowledge(tiers=[list(dag.nodes[4:]), list(dag.nodes[:4])])
    found = DirectLiNGAM(measure="kernel", knowledge=known).fit(frame)
    assert set(found.stats_["causal_order"][:4]) == set(dag.nodes[4:])


def test_engine_takes_tiers(problems: list) -> None:
    pytest.importorskip("causallearn")
    dag, frame = problems[0]
    known = Knowledge(tiers=[list(dag.nodes[4:]), list(dag.nodes[:4])])
    for engine in ("native", "causal-learn"):
        found = DirectLiNGAM(knowledge=known, engine=engine).fit(frame)
        assert set(found.stats_["causal_order"][:4]) == set(dag.nodes[4:])


def test_pruning_keeps_its_level() -> None:
    rng = np.random.default_rng(3)
    empty = CausalGraph.from_directed("abcdef", np.zeros((6, 6)))
    count = sum(
        len(DirectLiNGAM(alpha=0.05).fit(simulate(empty, 200, rng, "exponential")).edges_)
        for _ in range(60)
    )
    share = count / (60 * 15)
    assert abs(share - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 900)


def test_nothing_depends_on_order_or_scale_of_columns(problems: list) -> None:
    rng = np.random.default_rng(4)
    for _, frame in problems[:4]:
        first = DirectLiNGAM().fit(frame)
        order = list(rng.permutation(frame.columns))
        factor = pd.Series(rng.uniform(0.01, 100, 8), index=frame.columns)
        second = DirectLiNGAM().fit(frame[order])
        scaled = DirectLiNGAM().fit(frame * factor)
        assert shd(first.graph_, second.graph_) == shd(first.graph_, scaled.graph_) == 0
        assert first.stats_["causal_order"] == second.stats_["causal_order"]
        at = [first.graph_.index(name) for name in order]
        assert (second.graph_.weights == first.graph_.weights[np.ix_(at, at)]).all()
        ratio = factor.to_numpy()[None, :] / factor.to_numpy()[:, None]
        np.testing.assert_allclose(scaled.graph_.weights, first.graph_.weights * ratio, rtol=1e-6)


def test_knowledge_is_never_violated() -> None:
    rng = np.random.default_rng(5)
    settings = ("t_test", "none", "adaptive_lasso")
    for k in range(200):
        dag = random_dag(5, 3, rng)
        frame = simulate(dag, 60, rng, "exponential")
        known = random_knowledge(list(dag.nodes), rng)
        found = DirectLiNGAM(alpha=0.3, knowledge=known, pruning=settings[k % 3]).fit(frame)
        assert known.violations(found.graph_) == []
        assert not (found.graph_.directed() & known.forbidden_matrix(dag.nodes)).any()
        assert (found.graph_.directed() >= known.required_matrix(dag.nodes)).all()


def test_known_order_is_not_judged_from_the_data() -> None:
    rng = np.random.default_rng(6)
    values = rng.exponential(size=(400, 3)) @ np.array([[1, 2, 0], [0, 1, 1.5], [0, 0, 1.0]])
    before = np.zeros((3, 3), dtype=bool)
    before[2, :2] = True
    assert causal_order(values, np.zeros((3, 3), dtype=bool), "abc") == [0, 1, 2]
    assert causal_order(values, before, "abc")[0] == 2


def context_table(rng: np.random.Generator, n: int = 600) -> pd.DataFrame:
    site = rng.choice(["A", "B", "C"], n)
    age = rng.exponential(size=n) * 10 + 40
    sex = rng.choice(["f", "m"], n)
    shift = pd.Series(site).map({"A": 0.0, "B": 2.0, "C": -1.0}).to_numpy()
    x = shift + 0.1 * age + rng.exponential(size=n)
    y = 0.8 * x + 1.5 * (sex == "m") + rng.exponential(size=n)
    z = -0.7 * y + rng.exponential(size=n)
    return pd.DataFrame({"z": z, "y": y, "x": x, "site": site, "age": age, "sex": sex})


def test_categorical_context_is_regressed_out_and_tested_as_a_block() -> None:
    frame = context_table(np.random.default_rng(7))
    known = Knowledge(tiers=[["site", "age", "sex"], ["x", "y", "z"]])
    found = DirectLiNGAM(knowledge=known, alpha=0.001).fit(frame)
    graph = found.graph_
    assert graph.parents("x") == ("site", "age")
    assert graph.parents("y") == ("x", "sex")
    assert graph.parents("z") == ("y",)
    assert not graph.adjacent("age", "site")
    assert found.stats_["causal_order"] == ("x", "y", "z")
    effects = found.stats_["context_effects"].set_index(["context", "contrast", "node"])["effect"]
    assert effects["site", "B - A", "x"] == pytest.approx(2.0, abs=0.3)
    assert effects["site", "C - A", "x"] == pytest.approx(-1.0, abs=0.3)
    assert effects["sex", "m - f", "y"] == pytest.approx(1.5, abs=0.3)
    assert effects["age", "1 unit", "x"] == pytest.approx(0.1, abs=0.02)
    assert graph.weights is not None
    sd = np.std(frame["site"].map({"A": 0.0, "B": 2.0, "C": -1.0}))
    assert graph.weights[graph.index("site"), graph.index("x")] == pytest.approx(sd, rel=0.15)
    assert any("Context variables (age, sex, site)" in text for text in found.assumptions_)
    declared = Knowledge(exogenous=["site", "sex", "age"])
    assert shd(DirectLiNGAM(knowledge=declared, alpha=0.001).fit(frame).graph_, graph) == 0


def test_a_category_that_may_be_an_effect_is_refused_by_name() -> None:
    frame = context_table(np.random.default_rng(8)).drop(columns="age")
    with pytest.raises(InvalidInputError, match=r"context only; \['sex', 'site'\] could be"):
        DirectLiNGAM().fit(frame)
    outcome = frame.assign(malignant=frame["z"] > frame["z"].median())
    known = Knowledge(tiers=[["site", "sex"], ["x", "y", "z"], ["malignant"]])
    with pytest.raises(InvalidInputError, match=r"context only; \['malignant'\] could be"):
        DirectLiNGAM(knowledge=known).fit(outcome)


def test_gaussian_noise_is_pointed_out() -> None:
    rng = np.random.default_rng(9)
    a = rng.normal(size=500)
    frame = pd.DataFrame({"a": a, "b": a + rng.exponential(size=500)})
    found = DirectLiNGAM().fit(frame)
    assert found.stats_["normal_residuals"] == ("a",)
    assert not any("In doubt" in text for text in found.assumptions_)  # one may be Gaussian
    checked = found.stats_["non_gaussianity"].set_index("node")
    expected = [stats.jarque_bera(frame[name]).pvalue for name in checked.index]
    np.testing.assert_allclose(checked["p_column"], expected)
    normal = frame.assign(b=a + rng.normal(size=500))
    said = DirectLiNGAM().fit(normal).assumptions_[-1]
    assert said.startswith("In doubt here: the noise terms of a, b cannot be told from Gaussian")


def test_unusable_input() -> None:
    rng = np.random.default_rng(10)
    frame = pd.DataFrame(rng.exponential(size=(30, 3)), columns=list("abc"))
    with pytest.raises(InvalidInputError, match="more rows than columns; got 12 rows and 15"):
        DirectLiNGAM().fit(pd.DataFrame(rng.normal(size=(12, 15))))
    with pytest.raises(InvalidInputError, match="needs the rows, not only their moments"):
        DirectLiNGAM().fit(Moments.from_frame(frame))
    with pytest.raises(InvalidInputError, match=r"constant .*'flat'"):
        DirectLiNGAM().fit(frame.assign(flat=1.0))
    with pytest.raises(InvalidInputError, match=r"duplicate .*'a' = 'd'"):
        DirectLiNGAM().fit(frame.assign(d=frame["a"]))
    with pytest.raises(InvalidInputError, match=r"'c' is an exact linear combination"):
        DirectLiNGAM().fit(frame.assign(c=frame["a"] - frame["b"]))
    with pytest.raises(InvalidInputError, match=r"'b' \(1 missing\)"):
        DirectLiNGAM().fit(frame.assign(b=frame["b"].where(frame.index > 0)))
    for settings in ({"measure": "hsic"}, {"pruning": "lasso"}, {"engine": "r"}, {"alpha": 2}):
        with pytest.raises(InvalidInputError, match=next(iter(settings))):
            DirectLiNGAM(**settings).fit(frame)


def test_clone_and_provenance(problems: list) -> None:
    dag, frame = problems[0]
    model = DirectLiNGAM(alpha=0.05, knowledge=Knowledge(tiers=[list(dag.nodes)]))
    again = clone(model)
    assert again.get_params() == model.get_params()
    again.fit(frame)
    assert again.graph_.kind == "dag"
    assert again.graph_.provenance.settings["pruning"] == "t_test"
    assert compare(again.graph_, dag).skeleton_recall > 0.5
