from __future__ import annotations

import itertools
from math import lgamma

import numpy as np
import pandas as pd
import pytest

from causalimg.errors import InvalidInputError, NotEstimableError
from causalimg.graph.core import CausalGraph
from causalimg.stats.bdeu import BDeu
from causalimg.stats.scores import GaussianBIC
from causalimg.tables.moments import Moments


def mixed_table(n: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    site = rng.integers(0, 3, n)
    age = rng.normal(size=n)
    size = 0.7 * (site == 2) + 0.5 * age + rng.normal(size=n)
    scanner = np.where(rng.random(n) < 0.3 + 0.2 * (site == 1), "x", "y")
    return pd.DataFrame(
        {"site": pd.Categorical(site), "age": age, "size": size, "scanner": scanner}
    )


def categories(n: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    a = rng.integers(0, 3, n)
    b = (a + rng.integers(0, 2, n)) % 3
    c = rng.integers(0, 2, n)
    e = (b + c + (rng.random(n) < 0.2)) % 4
    return pd.DataFrame({"a": a, "b": b, "c": c, "e": e}).astype("category")


SCORES = {
    "gaussian": lambda: GaussianBIC(Moments.from_frame(mixed_table()[["age", "size"]])),
    "mixed": lambda: GaussianBIC(Moments.from_frame(mixed_table()), penalty_discount=1.5),
    "bdeu": lambda: BDeu(categories()),
    "bdeu_discount": lambda: BDeu(categories(), sample_size=3.0, penalty_discount=2.0),
}


def test_gaussian_bic_is_the_likelihood_of_least_squares_less_the_penalty() -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(80, 4)) @ rng.normal(size=(4, 4))
    score = GaussianBIC(Moments.from_matrix(rows, list("abcd")), penalty_discount=2.0)
    design = np.column_stack([np.ones(80), rows[:, [0, 2]]])
    residual = rows[:, 3] - design @ np.linalg.lstsq(design, rows[:, 3], rcond=None)[0]
    variance = float(residual @ residual) / 80
    likelihood = -0.5 * 80 * (np.log(2 * np.pi * variance) + 1)
    expected = likelihood - 2.0 * np.log(80) / 2 * (2 + 2)
    assert score.local(3, [0, 2]) == pytest.approx(expected, rel=1e-10)
    assert score.local(3, [2, 0]) == score.local(3, [0, 2])


@pytest.mark.parametrize("name", SCORES)
def test_gains_are_differences_of_local_scores(name: str) -> None:
    score = SCORES[name]()
    nodes = range(len(score.nodes))
    compared = 0
    for y in nodes:
        others = [k for k in nodes if k != y]
        for size in range(len(others) + 1):
            for parents in itertools.combinations(others, size):
                gains = score.gains(y, parents)
                assert gains[y] == -np.inf
                for x in others:
                    with_x = sorted({*parents, x})
                    without = [k for k in parents if k != x]
                    expected = score.local(y, with_x) - score.local(y, without)
                    assert gains[x] == pytest.approx(expected, abs=1e-8)
                    compared += 1
    assert compared >= 4


@pytest.mark.parametrize("name", SCORES)
def test_equivalent_graphs_score_alike(name: str) -> None:
    score = SCORES[name]()
    d = len(score.nodes)
    order = range(d)
    complete = {
        sum(score.local(y, perm[:k]) for k, y in enumerate(perm))
        for perm in itertools.permutations(order)
    }
    assert max(complete) - min(complete) < 1e-7  # every complete DAG is in one class
    chain = score.local(0, []) + score.local(1, [0])
    back = score.local(1, []) + score.local(0, [1])
    assert chain == pytest.approx(back, abs=1e-8)


def test_total_is_the_sum_of_local_scores() -> None:
    score = SCORES["gaussian"]()
    graph = CausalGraph.from_directed(("age", "size"), [[0, 1], [0, 0]])
    assert score.total(graph) == pytest.approx(score.local(0, []) + score.local(1, [0]))


def test_bdeu_is_the_dirichlet_formula() -> None:
    table = categories()
    score = BDeu(table, sample_size=5.0)
    values = table.astype(int).to_numpy()
    expected = 0.0
    for a, c in itertools.product(range(3), range(2)):
        rows = values[(values[:, 0] == a) & (values[:, 2] == c)]
        prior = 5.0 / 6
        expected += lgamma(prior) - lgamma(prior + len(rows))
        for level in range(4):
            count = int((rows[:, 3] == level).sum())
            expected += lgamma(prior / 4 + count) - lgamma(prior / 4)
    assert score.local(3, [0, 2]) == pytest.approx(expected, rel=1e-12)


def test_bdeu_agrees_with_causal_learn() -> None:
    module = pytest.importorskip("causallearn.score.LocalScoreFunction")
    table = categories()
    values = table.astype(int).to_numpy()
    levels = {k: int(values[:, k].max()) + 1 for k in range(4)}
    settings = {"sample_prior": 2.0, "structure_prior": 1.0, "r_i_map": levels}
    score = BDeu(table, sample_size=2.0)

    def theirs(y: int, parents: list[int]) -> float:
        # theirs has a prior over structures: ours has none
        structure = len(parents) * np.log(1 / 3) + (3 - len(parents)) * np.log(2 / 3)
        return float(module.local_score_BDeu(values, y, parents, settings)) - structure

    for y, parents in [(0, []), (1, [0]), (3, [1, 2]), (3, [0, 1, 2])]:
        assert score.local(y, parents) == pytest.approx(theirs(y, parents), rel=1e-9)


def test_gaussian_bic_agrees_with_causal_learn() -> None:
    module = pytest.importorskip("causallearn.score.LocalScoreFunction")
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(100, 5)) @ rng.normal(size=(5, 5))
    moments = Moments.from_matrix(rows, list("abcde"))
    score = GaussianBIC(moments)
    for parents in ([], [0], [0, 1, 2]):
        theirs = [
            module.local_score_BIC_from_cov((moments.cov, 100), 4, given, {"lambda_value": 0.5})
            for given in (parents, [])
        ]
        mine = score.local(4, parents) - score.local(4, [])
        assert mine == pytest.approx(theirs[0] - theirs[1], abs=1e-8)


def test_the_number_of_parents_is_limited_by_the_rows() -> None:
    rng = np.random.default_rng(4)
    names = [f"v{k}" for k in range(20)]
    score = GaussianBIC(Moments.from_matrix(rng.normal(size=(15, 20)), names))
    assert score.max_parents == 5
    assert np.isfinite(score.gains(0, [1, 2, 3, 4])[5:]).all()
    full = score.gains(0, [1, 2, 3, 4, 5])
    assert (full[6:] == -np.inf).all() and np.isfinite(full[1:6]).all()
    with pytest.raises(NotEstimableError, match="14 columns of parents are too many for 15 rows"):
        score.local(0, range(1, 15))


def test_refusals() -> None:
    moments = Moments.from_frame(mixed_table())
    with pytest.raises(InvalidInputError, match="penalty_discount=0"):
        GaussianBIC(moments, penalty_discount=0)
    with pytest.raises(InvalidInputError, match="numbers: \\['age', 'size'\\]"):
        BDeu(mixed_table())
    holes = categories()
    holes.loc[3, "b"] = None
    with pytest.raises(InvalidInputError, match="missing cells in \\['b'\\]"):
        BDeu(holes)
    with pytest.raises(InvalidInputError, match="sample_size=0"):
        BDeu(categories(), sample_size=0)
