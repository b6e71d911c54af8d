"""The penalty of NOTEARS from a path: the path against cold solutions, the criteria, the choice."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from test_notears import model

from causalimg.discovery.bootstrap import BootstrapDiscovery
from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.notears import NOTEARS
from causalimg.discovery.orders import polish
from causalimg.discovery.penalty import halves, information, instabilities, penalty_grid
from causalimg.discovery.relaxation import relax_batch
from causalimg.discovery.solvers import Settings, Solution, solve, solve_path
from causalimg.discovery.task import Task
from causalimg.errors import InvalidInputError
from causalimg.graph.knowledge import Knowledge
from causalimg.graph.metrics import shd
from causalimg.tables.moments import Moments


def _task(d: int = 10, seed: int = 0, n: int = 400, knowledge: Knowledge | None = None) -> Task:
    table, _ = model(d, seed, n=n)
    data = DiscoveryData.of(table)
    known = knowledge or Knowledge()
    return Task.of(data, known, lambda1=0.1, standardize=False, method="test")


def _settings(solver: str, refine: bool = True) -> Settings:
    return Settings(solver, "logdet", 3, refine, 2000, "cpu", np.random.SeedSequence(0))


@pytest.mark.parametrize("solver", ["order", "alm", "best"])
def test_a_path_is_never_above_the_solutions_of_its_penalties_alone(solver: str) -> None:
    task = _task()
    grid = penalty_grid(task.problem, 400)
    problems = [task.penalised(one).problem for one in grid]
    path = solve_path(problems, _settings(solver))
    for one, alone in zip(path, solve(problems, _settings(solver)), strict=True):
        assert isinstance(alone, Solution)
        # the continuous search starts elsewhere along a path, so that it may end elsewhere
        slack = 1.02 if solver == "alm" else 1 + 1e-9
        assert one.polished.objective <= slack * alone.polished.objective
        assert one.polished.kkt < 1e-8


def test_a_warm_start_ends_where_a_cold_one_does() -> None:
    task = _task()
    order = np.random.default_rng(0).permutation(10)
    free = np.zeros((10, 10), dtype=bool)
    free[np.ix_(order, order)] = np.triu(np.ones((10, 10), dtype=bool), 1)
    problems = []
    for lambda1 in (0.5, 0.2, 0.05):
        problem = task.penalised(lambda1).problem
        problem.allowed[:] = free  # with an order given, the problem is convex
        problems.append(problem)
    settings = {"constraint": "logdet", "h_tolerance": 1.0, "tolerance": 1e-13, "max_iter": 5000}
    warm = relax_batch(problems, device="cpu", path=True, **settings)  # type: ignore[arg-type]
    cold = relax_batch(problems, device="cpu", **settings)  # type: ignore[arg-type]
    for one, other, problem in zip(warm, cold, problems, strict=True):
        assert one.stages[-1]["objective"] == pytest.approx(other.stages[-1]["objective"], rel=1e-8)
        exact = polish(problem, order, refine=False)
        assert one.stages[-1]["objective"] == pytest.approx(exact.objective, rel=1e-6)
    assert sum(s["iterations"] for one in warm for s in one.stages) < sum(
        s["iterations"] for one in cold for s in one.stages
    )


def test_information_is_that_of_the_rows() -> None:
    table, truth = model(6, 2, n=300)
    cov = np.cov(table.to_numpy().T, bias=True)
    edges = truth.directed()
    rss = 0.0
    for k, name in enumerate(table.columns):
        parents = list(table.columns[edges[:, k]])
        fitted = LinearRegression().fit(table[parents], table[name]) if parents else None
        guess = table[name].mean() if fitted is None else fitted.predict(table[parents])
        rss += float(((table[name] - guess) ** 2).sum())
    bic, ebic = information(cov, edges, 300)
    assert bic == pytest.approx(300 * 6 * np.log(rss / 1800) + edges.sum() * np.log(300))
    assert ebic > bic
    assert information(cov, edges, 300) < information(cov, np.zeros((6, 6), dtype=bool), 300)


def test_halves_are_complementary_and_instability_is_that_of_a_coin() -> None:
    parts = halves(21, np.random.SeedSequence(0))
    assert (parts.sum(axis=1) == 10).all()
    assert (parts[0::2] + parts[1::2]).max() == 1.0
    edge, none = np.zeros((3, 3), dtype=bool), np.zeros((3, 3), dtype=bool)
    edge[0, 1] = True
    always = [[none, edge, edge]] * 4
    assert instabilities(always).tolist() == [0.0, 0.0, 0.0]
    assert instabilities([[none, edge], [none, none]]).tolist() == [0.0, pytest.approx(1 / 6)]


@pytest.mark.parametrize("how", ["bic", "ebic", "stability"])
@pytest.mark.parametrize("n", [150, 1000])
def test_a_chosen_penalty_is_no_worse_than_the_default(how: str, n: int) -> None:
    errors = {how: 0, "default": 0}
    for seed in range(2):
        table, truth = model(10, seed, n=n)
        for name, lambda1 in ((how, how), ("default", 0.1)):
            found = NOTEARS(lambda1=lambda1, standardize=False, solver="order").fit(table)
            errors[name] += shd(found.graph_, truth)
    assert errors[how] <= errors["default"]


@pytest.mark.parametrize("how", ["bic", "ebic"])
def test_the_report_holds_the_path_and_the_choice(how: str) -> None:
    table, _ = model(8, 3)
    found = NOTEARS(lambda1=how, standardize=False).fit(table)
    path = found.stats_["path"]
    assert set(path[0]) == {"lambda1", "objective", "n_edges", "bic", "ebic"}
    penalties = [row["lambda1"] for row in path]
    assert penalties == sorted(penalties, reverse=True)
    best = min(path, key=lambda row: row[how])
    assert found.stats_["lambda1"] == best["lambda1"]
    again = NOTEARS(lambda1=best["lambda1"], standardize=False).fit(table)
    assert found.stats_["objective"] <= again.stats_["objective"] * (1 + 1e-9)


def test_required_edges_stay_free_along_the_path() -> None:
    known = Knowledge(required=[("v01", "v00")])
    table, _ = model(6, 1, n=300)
    found = NOTEARS(lambda1="bic", knowledge=known, solver="order").fit(table)
    assert "v01" in found.graph_.parents("v00")
    task = _task(6, 1, 300, known)
    penalty = task.penalised(0.7).problem.penalty
    assert penalty[1, 0] == 0.0 and np.count_nonzero(penalty == 0.7) == 35


def test_resamples_choose_their_own_penalty_and_stability_takes_the_rows() -> None:
    table, _ = model(5, 0, n=120)
    for how in ("bic", "stability"):
        model_ = NOTEARS(lambda1=how, solver="order", n_starts=1, refine=False)
        boot = BootstrapDiscovery(model_, n_bootstrap=4, random_state=0).fit(table)
        assert boot.stats_["n_failed"] == 0
        assert "lambda1" in boot.stats_["fit"]
    moments = Moments.from_frame(table)
    assert NOTEARS(lambda1="bic").fit(moments).stats_["lambda1"] > 0
    with pytest.raises(InvalidInputError, match="lambda1='stability' needs the rows"):
        NOTEARS(lambda1="stability").fit(moments)
    with pytest.raises(InvalidInputError, match=r"lambda1='aic' must be a number.*'bic', 'ebic'"):
        NOTEARS(lambda1="aic").fit(table)
