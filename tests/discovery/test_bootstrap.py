from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from linear_models import random_dag, simulate
from sklearn.base import clone

from causalimg.discovery.bootstrap import BootstrapDiscovery
from causalimg.discovery.consensus import EdgeShares, consensus_graph, edge_shares
from causalimg.discovery.lingam import DirectLiNGAM
from causalimg.discovery.pc import PC
from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError
from causalimg.graph.core import CausalGraph, GraphKind
from causalimg.graph.knowledge import Knowledge
from causalimg.graph.metrics import compare, shd
from causalimg.graph.orientation import reachable
from causalimg.tables.moments import Moments


@pytest.fixture
def problem() -> tuple[CausalGraph, pd.DataFrame]:
    rng = np.random.default_rng(0)
    dag = random_dag(8, 2.5, rng)
    return dag, simulate(dag, 200, rng, "exponential")


@pytest.mark.parametrize("estimator", [PC(), DirectLiNGAM()])
def test_support_is_the_share_of_refits_on_resampled_rows(
    estimator: PC | DirectLiNGAM, problem: tuple
) -> None:
    _, frame = problem
    boot = BootstrapDiscovery(estimator, n_bootstrap=8, random_state=3).fit(frame)
    expected = np.zeros((8, 8))
    for seed in np.random.SeedSequence(3).spawn(8):
        rows = np.random.default_rng(seed).integers(0, len(frame), len(frame))
        graph = clone(estimator).fit(frame.iloc[rows]).graph_
        expected += (graph.directed() + graph.undirected() / 2) / 8
    np.testing.assert_allclose(boot.support_, expected, atol=1e-12)
    assert boot.graph_.support is not None
    assert (boot.graph_.support == boot.support_).all()
    assert shd(boot.graph_, clone(estimator).fit(frame).graph_) == 0


def test_the_same_for_every_n_jobs_and_seeded(problem: tuple) -> None:
    _, frame = problem
    one = BootstrapDiscovery(PC(), n_bootstrap=12, random_state=0).fit(frame)
    two = BootstrapDiscovery(PC(), n_bootstrap=12, random_state=0, n_jobs=2).fit(frame)
    other = BootstrapDiscovery(PC(), n_bootstrap=12, random_state=1).fit(frame)
    assert (one.support_ == two.support_).all()
    assert (one.consensus_.marks == two.consensus_.marks).all()
    assert one.graph_.provenance.digest() == two.graph_.provenance.digest()
    assert (one.support_ != other.support_).any()
    free = BootstrapDiscovery(PC(), n_bootstrap=12).fit(frame)
    again = BootstrapDiscovery(PC(), n_bootstrap=12, random_state=free.stats_["entropy"])
    assert (again.fit(frame).support_ == free.support_).all()


def test_true_edges_have_more_support(problem: tuple) -> None:
    dag, frame = problem
    boot = BootstrapDiscovery(DirectLiNGAM(), n_bootstrap=40, random_state=0).fit(frame)
    true = dag.directed()
    assert boot.support_[true].mean() > 0.8
    assert boot.support_[~true].mean() < 0.1
    assert compare(boot.consensus_, dag).orientation_precision > 0.8
    assert boot.consensus_.kind == GraphKind.DAG
    assert ((boot.support_ + boot.support_.T) <= 1 + 1e-12).all()


def test_the_order_of_columns_only_permutes(problem: tuple) -> None:
    _, frame = problem
    names = list(frame.columns)
    order = list(np.random.default_rng(1).permutation(names))
    one = BootstrapDiscovery(PC(), n_bootstrap=10, random_state=0).fit(frame)
    two = BootstrapDiscovery(PC(), n_bootstrap=10, random_state=0).fit(frame[order])
    at = [names.index(name) for name in order]
    assert (two.support_ == one.support_[np.ix_(at, at)]).all()
    assert shd(one.consensus_, two.consensus_) == 0


def test_a_level_that_a_resample_lacks_is_left_out() -> None:
    rng = np.random.default_rng(2)
    site = np.array(["a"] * 50 + ["b"] * 48 + ["rare"] * 2)
    x = (site == "b") * 2.0 + rng.exponential(size=100)
    frame = pd.DataFrame({"site": site, "x": x, "y": x + rng.exponential(size=100)})
    known = Knowledge(exogenous=["site"])
    for estimator in (PC(knowledge=known), DirectLiNGAM(knowledge=known)):
        boot = BootstrapDiscovery(estimator, n_bootstrap=60, random_state=0).fit(frame)
        assert boot.stats_["n_failed"] == 0
        assert boot.support_[0, 1] > 0.9


def test_resamples_that_fail_are_counted_with_their_reason() -> None:
    rng = np.random.default_rng(3)
    flag = np.array(["no"] * 48 + ["yes"] * 2)
    x = rng.normal(size=50)
    frame = pd.DataFrame({"flag": flag, "x": x, "y": x + rng.normal(size=50)})
    boot = BootstrapDiscovery(PC(), n_bootstrap=60, random_state=0).fit(frame)
    assert 1 <= boot.stats_["n_failed"] <= 20
    assert sum(boot.stats_["failures"].values()) == boot.stats_["n_failed"]
    assert any("constant" in reason and "flag" in reason for reason in boot.stats_["failures"])
    present = boot.support_ + boot.support_.T
    assert present[1, 2] == 1.0  # a share of the resamples that could be fitted


def test_too_many_failures_are_an_error() -> None:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"x": rng.normal(size=12), "y": rng.normal(size=12)})
    wide = pd.concat([frame, pd.DataFrame(rng.normal(size=(12, 6))).add_prefix("z")], axis=1)
    with pytest.raises(NotEstimableError, match="of 10 resamples could not be fitted; most often"):
        BootstrapDiscovery(DirectLiNGAM(), n_bootstrap=10, random_state=0).fit(wide)


def test_clusters_are_drawn_whole() -> None:
    rng = np.random.default_rng(5)
    patient = np.repeat(np.arange(30), 4)
    level = rng.normal(size=30)[patient]
    frame = pd.DataFrame({"a": level, "b": level + 0.5 * rng.normal(size=120), "patient": patient})
    frame["c"] = rng.normal(size=30)[patient] + 0.1 * rng.normal(size=120)
    named = BootstrapDiscovery(PC(), n_bootstrap=20, random_state=0, cluster="patient").fit(frame)
    assert named.graph_.nodes == ("a", "b", "c")
    assert named.stats_["n_clusters"] == 30
    given = BootstrapDiscovery(PC(), n_bootstrap=20, random_state=0, cluster=patient)
    assert (given.fit(frame.drop(columns="patient")).support_ == named.support_).all()
    moved = frame.sample(frac=1, random_state=0)
    by_row = BootstrapDiscovery(PC(), n_bootstrap=20, random_state=0).fit(frame[["a", "b", "c"]])
    assert by_row.stats_["n_clusters"] == 120
    assert (by_row.support_ != named.support_).any()
    assert BootstrapDiscovery(PC(), n_bootstrap=5, cluster="patient").fit(moved).n_features_in_ == 3
    with pytest.raises(UnknownNameError, match="did you mean 'patient'"):
        BootstrapDiscovery(PC(), cluster="patien").fit(frame)
    with pytest.raises(InvalidInputError, match="one label for each of the 120 rows; got 3"):
        BootstrapDiscovery(PC(), cluster=[1, 2, 3]).fit(frame)
    with pytest.raises(InvalidInputError, match="one label only"):
        BootstrapDiscovery(PC(), cluster=np.zeros(120)).fit(frame)


def test_knowledge_holds_in_the_consensus() -> None:
    rng = np.random.default_rng(6)
    for estimator in (PC, DirectLiNGAM):
        for _ in range(8):
            dag = random_dag(6, 4, rng)
            frame = simulate(dag, 50, rng, "exponential")
            names = list(rng.permutation(dag.nodes))
            known = Knowledge(
                tiers=[names[:2], names[2:4]],
                forbidden=[(names[4], names[5])],
                required=[(names[0], names[5])],
            )
            boot = BootstrapDiscovery(
                estimator(alpha=0.2, knowledge=known), n_bootstrap=10, random_state=0, threshold=0.3
            ).fit(frame)
            assert known.violations(boot.consensus_) == []
            assert not reachable(boot.consensus_.directed()).diagonal().any()


def shares_of(
    d: int, arrows: dict[tuple[int, int], float], loose: dict | None = None
) -> EdgeShares:
    matrix, presence = np.zeros((d, d)), np.zeros((d, d))
    for (i, j), share in arrows.items():
        matrix[i, j] = share
    presence = matrix + matrix.T
    for (i, j), share in (loose or {}).items():
        presence[i, j] += share
        presence[j, i] += share
    support = matrix + (presence - matrix - matrix.T) / 2
    return EdgeShares(matrix, presence, support, matrix, matrix.T)


def test_consensus_never_closes_a_cycle() -> None:
    cyclic = shares_of(3, {(0, 1): 0.9, (1, 2): 0.8, (2, 0): 0.7})
    dag = consensus_graph("abc", cyclic, 0.5, Knowledge(), GraphKind.DAG)
    assert dag.parents("c") == ("a", "b")  # the weakest direction turns
    cpdag = consensus_graph("abc", cyclic, 0.5, Knowledge(), GraphKind.CPDAG)
    assert cpdag.neighbors("c") == ("a",)  # or is left open
    known = Knowledge(forbidden=[("a", "c")])
    for kind in (GraphKind.DAG, GraphKind.CPDAG):
        kept_out = consensus_graph("abc", cyclic, 0.5, known, kind)
        assert not kept_out.adjacent("a", "c")


def test_consensus_orients_by_majority() -> None:
    mixed = shares_of(2, {(0, 1): 0.4}, {(0, 1): 0.5})
    open_edge = consensus_graph("ab", mixed, 0.5, Knowledge(), GraphKind.CPDAG)
    assert open_edge.neighbors("a") == ("b",)
    clear = shares_of(2, {(0, 1): 0.5}, {(0, 1): 0.4})
    assert consensus_graph("ab", clear, 0.5, Knowledge(), GraphKind.CPDAG).parents("b") == ("a",)
    assert consensus_graph("ab", clear, 0.95, Knowledge(), GraphKind.CPDAG).to_frame().empty


def test_edge_shares_count_open_edges_on_both_sides() -> None:
    arrow = CausalGraph.from_directed("ab", [[0, 1], [0, 0]], kind="cpdag")
    line = CausalGraph.from_directed("ab", [[0, 1], [1, 0]], kind="cpdag")
    none = CausalGraph.from_directed("ab", np.zeros((2, 2)), kind="cpdag")
    shares = edge_shares([arrow, line, none, none], "ab")
    assert shares.support.tolist() == [[0, 0.375], [0.125, 0]]
    assert shares.presence[0, 1] == 0.5


def test_progress_clone_and_refusals(problem: tuple) -> None:
    _, frame = problem
    seen: list[tuple[int, int]] = []
    boot = BootstrapDiscovery(
        PC(alpha=0.05),
        n_bootstrap=4,
        random_state=0,
        progress=lambda done, total: seen.append((done, total)),
    )
    copy = clone(boot)
    assert copy.get_params()["estimator__alpha"] == 0.05
    boot.fit(frame)
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert boot.feature_names_in_.tolist() == list(frame.columns)
    settings = boot.graph_.provenance.settings
    assert settings["estimator"]["algorithm"] == "PC"
    assert settings["n_bootstrap"] == 4
    assert boot.graph_.provenance.seed == 0
    with pytest.raises(InvalidInputError, match="must be a discovery method such as PC"):
        BootstrapDiscovery("pc").fit(frame)
    with pytest.raises(InvalidInputError, match="n_bootstrap=0"):
        BootstrapDiscovery(PC(), n_bootstrap=0).fit(frame)
    with pytest.raises(InvalidInputError, match=r"threshold=1\.5"):
        BootstrapDiscovery(PC(), threshold=1.5).fit(frame)
    with pytest.raises(InvalidInputError, match="rows to resample; got Moments"):
        BootstrapDiscovery(PC()).fit(Moments.from_frame(frame))
