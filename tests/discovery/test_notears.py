"""NOTEARS: recovery, certificate, knowledge, context, invariances, refusals."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from linear_models import random_knowledge
from sklearn.base import clone

from causalimg.discovery.baselines import MinPivot, SortnRegress
from causalimg.discovery.bootstrap import BootstrapDiscovery
from causalimg.discovery.notears import NOTEARS
from causalimg.discovery.orders import OrderProblem, order_of, polish
from causalimg.discovery.sortability import explained, sortability
from causalimg.discovery.stopping import Convergence
from causalimg.errors import InvalidInputError, UnknownNameError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge
from causalimg.graph.metrics import compare, shd
from causalimg.tables.moments import Moments


def model(d: int, seed: int, n: int = 1000) -> tuple[pd.DataFrame, CausalGraph]:
    """Rows of a random linear model with noise of variance one, and its graph."""
    rng = np.random.default_rng(seed)
    edges = np.triu(rng.random((d, d)) < 4 / (d - 1), 1)
    weights = edges * rng.uniform(0.5, 2.0, (d, d)) * rng.choice([-1.0, 1.0], (d, d))
    order = rng.permutation(d)
    weights = weights[np.ix_(order, order)]
    names = [f"v{k:02d}" for k in range(d)]
    rows = rng.normal(size=(n, d)) @ np.linalg.inv(np.eye(d) - weights)
    return pd.DataFrame(rows, columns=names), CausalGraph.from_directed(
        names, weights != 0, weights=weights
    )


def raw(**settings: Any) -> NOTEARS:
    return NOTEARS(standardize=False, device="cpu", **settings)


@pytest.mark.parametrize("solver", ["order", "alm", "best"])
def test_it_recovers_a_graph_of_equal_noise_variances(solver: str) -> None:
    table, truth = model(15, 3, n=3000)
    found = raw(solver=solver).fit(table)
    scores = compare(found.graph_, truth)
    assert scores.shd <= 2 and scores.orientation_precision == 1.0
    same = found.graph_.directed() & truth.directed()
    assert truth.weights is not None and found.graph_.weights is not None
    # the penalty shrinks them
    off = np.abs(found.graph_.weights - truth.weights)[same]
    assert np.median(off) < 0.2


@pytest.mark.parametrize("seed", range(4))
def test_best_is_the_lower_of_the_two_solvers(seed: int) -> None:
    table, _ = model(12, seed, n=300)
    objective = {s: raw(solver=s).fit(table).stats_["objective"] for s in ("order", "alm", "best")}
    assert objective["best"] == min(objective["order"], objective["alm"])


@pytest.mark.parametrize("constraint", ["logdet", "squaring", "exponential"])
def test_every_constraint_leads_close_to_the_order_search(constraint: str) -> None:
    table, _ = model(10, 7)
    found = raw(solver="alm", constraint=constraint).fit(table)
    other = raw(solver="order").fit(table)
    assert found.stats_["objective"] <= 1.005 * other.stats_["objective"]
    stages = found.stats_["stages"]
    assert stages[-1]["h"] < stages[0]["h"] or stages[0]["h"] < 1e-3
    assert set(stages[0]) == {"weight", "h", "objective", "iterations"}


def test_the_certificate_can_be_checked_from_the_covariance() -> None:
    table, _ = model(10, 1)
    found = raw(lambda1=0.2, threshold=0.0).fit(table)
    weights = found.graph_.weights
    assert weights is not None
    rest = np.eye(10) - weights
    cov = np.cov(table.to_numpy().T, bias=True)
    objective = 0.5 * np.trace(rest.T @ cov @ rest) + 0.2 * np.abs(weights).sum()
    assert found.stats_["objective"] == pytest.approx(objective, rel=1e-9)
    assert found.stats_["kkt_residual"] < 1e-8
    assert found.stats_["convergence"] is Convergence.LOCAL_OPTIMUM
    assert "n_starts" in found.stats_["advice"]
    place = {name: k for k, name in enumerate(found.stats_["causal_order"])}
    for edge in found.graph_.to_frame().itertuples():
        assert place[edge.source] < place[edge.target]


@pytest.mark.parametrize("member", list(Convergence))
def test_every_ending_has_advice(member: Convergence) -> None:
    assert len(member.advice) > 40


@pytest.mark.parametrize("solver", ["order", "alm"])
@pytest.mark.parametrize("seed", range(12))
def test_the_result_never_contradicts_knowledge(solver: str, seed: int) -> None:
    table, _ = model(9, seed, n=200)
    known = random_knowledge(list(table.columns), np.random.default_rng(seed))
    found = raw(solver=solver, knowledge=known).fit(table)
    assert known.violations(found.graph_) == []
    weights = found.graph_.weights
    assert weights is not None
    required = known.required_matrix(found.graph_.nodes)
    assert (weights[required] != 0).all()


def test_required_edges_are_fitted_without_penalty_or_threshold() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=2000)
    table = pd.DataFrame({"a": a, "b": 0.1 * a + rng.normal(size=2000)})
    found = raw(knowledge=Knowledge(required=[("b", "a")])).fit(table)
    slope = np.polyfit(table["b"], table["a"], 1)[0]
    assert found.graph_.weights is not None
    assert found.graph_.weights[1, 0] == pytest.approx(slope)


def test_weights_are_in_the_units_of_the_table() -> None:
    table, _ = model(8, 2)
    units = pd.Series(4.0 ** np.arange(-3, 5), index=table.columns)
    here = NOTEARS(threshold=0.1).fit(table)
    there = NOTEARS(threshold=0.1).fit(table * units)
    scale = units.to_numpy()
    assert here.graph_.weights is not None and there.graph_.weights is not None
    np.testing.assert_array_equal(here.graph_.marks, there.graph_.marks)
    np.testing.assert_allclose(
        there.graph_.weights, here.graph_.weights * scale[None, :] / scale[:, None], atol=1e-12
    )
    assert there.stats_["objective"] == pytest.approx(here.stats_["objective"])
    assert any("standard deviation" in line for line in here.assumptions_)
    assert any("units decide" in line for line in raw().fit(table).assumptions_)


@pytest.mark.parametrize("make", [NOTEARS, MinPivot, SortnRegress])
def test_the_order_of_columns_does_not_matter(make: Any) -> None:
    table, _ = model(10, 4, n=300)
    first = make().fit(table).graph_
    for seed in range(3):
        names = list(np.random.default_rng(seed).permutation(table.columns))
        second = make().fit(table[names]).graph_
        assert second.nodes == tuple(names)
        assert shd(first, second) == 0


def test_moments_give_what_the_table_gives() -> None:
    table, _ = model(10, 5)
    for make in (NOTEARS(), MinPivot()):
        one = make.fit(table).graph_
        two = clone(make).fit(Moments.from_frame(table)).graph_
        np.testing.assert_array_equal(one.marks, two.marks)
    with pytest.raises(InvalidInputError, match="SortnRegress needs the rows"):
        SortnRegress().fit(Moments.from_frame(table))


def test_clone_and_seed() -> None:
    table, _ = model(12, 6, n=150)
    one = NOTEARS(n_starts=3, random_state=7, lambda1=0.05)
    two = clone(one)
    assert two.get_params() == one.get_params()
    np.testing.assert_array_equal(one.fit(table).graph_.weights, two.fit(table).graph_.weights)


def _scanned(n: int = 800) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    site = rng.choice(["a", "b", "c"], n)
    shift = pd.Series(site).map({"a": 0.0, "b": 3.0, "c": -3.0}).to_numpy()
    x = shift + rng.normal(size=n)
    y = 1.5 * x + rng.normal(size=n)
    return pd.DataFrame({"site": site, "x": x, "y": y, "z": y + rng.normal(size=n)})


def test_context_is_regressed_out_and_its_edges_are_tested() -> None:
    table = _scanned()
    known = Knowledge(tiers=[["site"], ["x", "y", "z"]])
    found = raw(knowledge=known).fit(table)
    assert set(found.graph_.parents("x")) == {"site"}
    assert set(found.graph_.parents("y")) == {"x"}
    assert set(found.graph_.parents("z")) == {"y"}
    effects = found.stats_["context_effects"].set_index(["node", "contrast"])["effect"]
    assert effects["x", "b - a"] == pytest.approx(3.0, abs=0.3)
    assert any("Context variables (site)" in line for line in found.assumptions_)


@pytest.mark.parametrize("make", [NOTEARS, MinPivot])
def test_categories_that_may_be_effects_are_refused_by_name(make: Any) -> None:
    with pytest.raises(InvalidInputError, match=f"{make.__name__}.*'site'.*tier before"):
        make().fit(_scanned())


def test_unusable_columns_are_refused_by_name() -> None:
    table, _ = model(4, 0, n=60)
    cases = {
        "'v01' .1 missing": table.assign(v01=table["v01"].where(table.index != 3)),
        r"constant.*'v02'": table.assign(v02=1.0),
        "'v00' = 'v03'": table.assign(v03=2 * table["v00"] + 1),
        "linear combination": table.assign(v03=table["v00"] + table["v01"] - table["v02"]),
        "at least 10 rows; got 2": table.head(2),
        "more rows than columns": pd.DataFrame(np.random.default_rng(0).normal(size=(20, 30))),
    }
    for message, broken in cases.items():
        with pytest.raises(InvalidInputError, match=message):
            NOTEARS().fit(broken)


def test_settings_are_checked() -> None:
    table, _ = model(4, 0, n=60)
    for settings, message in (
        ({"solver": "adam"}, "solver='adam' is not one of 'best', 'order', 'alm'"),
        ({"constraint": "poly"}, "constraint='poly'"),
        ({"device": "gpu"}, "device='gpu'"),
        ({"lambda1": -1.0}, "lambda1=-1.0 must be a number of 0 or more"),
        ({"threshold": float("nan")}, "threshold=nan"),
        ({"n_starts": 0}, "n_starts=0 must be a whole number"),
        ({"max_iter": 1.5}, "max_iter=1.5"),
        ({"alpha": 1.0}, "alpha=1.0"),
    ):
        with pytest.raises(InvalidInputError, match=message.replace("(", r"\(")):
            NOTEARS(**settings).fit(table)  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="v1"):
        NOTEARS(knowledge=Knowledge(exogenous=["v1"])).fit(table)


def test_nearly_dependent_columns_end_with_an_answer() -> None:
    table, _ = model(6, 2, n=500)
    noise = np.random.default_rng(0).normal(size=500)
    table = table.assign(v05=table["v00"] + 1e-4 * noise)
    found = NOTEARS().fit(table)
    assert found.stats_["kkt_residual"] < 1e-6


def test_without_a_penalty_it_is_least_squares() -> None:
    table, _ = model(6, 3)
    found = raw(lambda1=0.0, threshold=0.0, solver="order").fit(table)
    assert len(found.graph_.to_frame()) == 15
    cov = np.cov(table.to_numpy().T, bias=True)
    at = [table.columns.get_loc(c) for c in found.stats_["causal_order"]]
    lower = np.linalg.cholesky(cov[np.ix_(at, at)])
    assert found.stats_["objective"] == pytest.approx(0.5 * (np.diag(lower) ** 2).sum())


def test_batches_of_resamples_give_what_single_refits_give() -> None:
    table, _ = model(8, 9, n=200)
    table["site"] = np.random.default_rng(0).choice(["a", "b", "c"], 200)
    known = Knowledge(exogenous=["site"])

    class OneByOne(NOTEARS):
        run_batch = property()  # type: ignore[assignment]

    settings: dict[str, Any] = {"knowledge": known, "solver": "order", "standardize": False}
    options: dict[str, Any] = {"n_bootstrap": 20, "random_state": 3}
    batched = BootstrapDiscovery(NOTEARS(**settings), **options).fit(table)
    single = BootstrapDiscovery(OneByOne(**settings), **options).fit(table)
    np.testing.assert_allclose(batched.support_, single.support_)
    two = BootstrapDiscovery(NOTEARS(**settings), **options, n_jobs=2).fit(table)
    np.testing.assert_array_equal(batched.support_, two.support_)


def test_a_resample_that_cannot_be_fitted_is_counted() -> None:
    table, _ = model(4, 1, n=24)
    table["flag"] = 0.0
    table.loc[0, "flag"] = 1.0
    said: list[tuple[int, int]] = []
    boot = BootstrapDiscovery(
        NOTEARS(solver="order"), n_bootstrap=20, random_state=0,
        progress=lambda *at: said.append(at),
    ).fit(table)  # fmt: skip
    assert 0 < boot.stats_["n_failed"] <= 10
    assert "constant" in next(iter(boot.stats_["failures"]))
    assert said[-1] == (20, 20)


def test_cycles_are_cut_at_the_smallest_weights() -> None:
    weights = np.array([[0.0, 2.0, 0.1], [0.2, 0.0, 1.0], [0.5, 0.0, 0.0]])
    order, cut = order_of(weights, np.zeros((3, 3), dtype=bool))
    assert order.tolist() == [0, 1, 2] and cut == 0.5
    before = np.zeros((3, 3), dtype=bool)
    before[2, 0] = True
    order, _ = order_of(weights, before)
    assert order.tolist().index(2) < order.tolist().index(0)


def test_the_polish_of_the_true_order_is_its_lasso() -> None:
    table, truth = model(6, 0)
    cov = np.cov(table.to_numpy().T, bias=True)
    none = np.zeros((6, 6), dtype=bool)
    assert truth.weights is not None
    order, cut = order_of(truth.weights, none)
    assert cut == 0.0
    polished = polish(OrderProblem.of(cov, 0.1, none, none, none), order, refine=False)
    place = np.argsort(polished.order)
    assert all(place[i] < place[j] for i, j in np.argwhere(polished.weights))
    assert polished.kkt < 1e-9


def test_baselines_recover_what_the_scale_gives_away() -> None:
    table, truth = model(12, 11, n=3000)
    assert shd(MinPivot().fit(table).graph_, truth) <= 0.25 * truth.directed().sum()
    z = (table - table.mean()) / table.std()
    edges = int(truth.directed().sum())
    assert shd(SortnRegress().fit(table).graph_, truth) < edges
    assert shd(MinPivot(standardize=True).fit(z).graph_, truth) > 5
    assert SortnRegress(criterion="r2").fit(z).stats_["sortability"]["r2"] > 0.5


def test_baselines_honour_knowledge() -> None:
    for seed in range(6):
        table, _ = model(8, seed, n=200)
        known = random_knowledge(list(table.columns), np.random.default_rng(seed))
        for make in (MinPivot, SortnRegress):
            assert known.violations(make(knowledge=known).fit(table).graph_) == []


def test_sortability_of_known_graphs() -> None:
    chain = np.eye(4, k=1)
    assert sortability(chain, [1, 2, 3, 4]) == 1.0
    assert sortability(chain, [4, 3, 2, 1]) == 0.0
    assert sortability(chain, [1, 1, 1, 1]) == 0.5
    assert np.isnan(sortability(np.zeros((3, 3)), [1, 2, 3]))
    with pytest.raises(InvalidInputError, match="do not fit"):
        sortability(chain, [1, 2])
    table, truth = model(10, 0)
    cov = np.cov(table.to_numpy().T)
    assert sortability(truth.directed(), np.diag(cov)) > 0.8
    r2 = explained(cov)
    x, y = table.drop(columns="v03"), table["v03"]
    fit = np.linalg.lstsq(np.column_stack([np.ones(len(x)), x]), y, rcond=None)
    assert r2[3] == pytest.approx(1 - fit[1][0] / ((y - y.mean()) ** 2).sum())


def test_cuda_without_a_device_says_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    from causalimg.errors import MissingDependencyError
    from causalimg.kernels import cuda
    from causalimg.kernels.device import log_fallback

    log_fallback.cache_clear()
    if cuda.fault() is None:
        pytest.skip("a CUDA device answers here")
    table, _ = model(5, 0, n=60)
    with pytest.raises(MissingDependencyError, match=r"causalimg\[cuda12\].*driver"):
        NOTEARS(device="cuda").fit(table)
    with caplog.at_level(logging.INFO, logger="causalimg"):
        BootstrapDiscovery(NOTEARS(device="auto"), n_bootstrap=2, random_state=0).fit(table)
    assert any("no CUDA device" in line for line in caplog.messages)


def test_it_needs_few_packages_to_be_imported() -> None:
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('pydantic', 'jinja2', 'SimpleITK', 'pyarrow',\n"
        "                'jsonschema', 'matplotlib', 'typer', 'rich', 'cupy', 'torch'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "import numpy as np, pandas as pd\n"
        "from causalimg.discovery.notears import NOTEARS\n"
        "from causalimg.discovery.bootstrap import BootstrapDiscovery\n"
        "assert 'numba' not in sys.modules\n"
        "x = np.random.default_rng(0).normal(size=(60, 3))\n"
        "BootstrapDiscovery(NOTEARS(), n_bootstrap=2).fit(x)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_scores_on_standardised_columns_are_no_better_than_the_empty_graph() -> None:
    table, truth = model(20, 1)
    found = NOTEARS(solver="order").fit(table)
    scores = compare(found.graph_, truth)
    assert scores.shd > 0.6 * scores.n_true
    assert shd(raw(solver="order").fit(table).graph_, truth) < 0.3 * scores.n_true
