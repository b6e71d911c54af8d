from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalimg.datasets.near_copies import near_copies
from causalimg.discovery.boss import BOSS
from causalimg.discovery.cluster_graph import cluster_graph
from causalimg.discovery.cluster_moments import cluster_moments, loadings
from causalimg.discovery.cluster_parts import difference, noiseless_correlation, two_parts
from causalimg.discovery.cluster_stability import cluster_stability, take_apart
from causalimg.discovery.ges import GES
from causalimg.discovery.lingam import DirectLiNGAM
from causalimg.discovery.pc import PC
from causalimg.discovery.redundancy import RedundancyFilter
from causalimg.errors import (
    CausalImgWarning,
    IdentificationError,
    InvalidInputError,
    UnknownNameError,
)
from causalimg.graph.core import CausalGraph


def radiomics(seed: int, largest: float = 2.0) -> tuple[pd.DataFrame, set[frozenset[str]]]:
    """12 latent nodes with exponential noise and 18 links, 5 copies each, r = .97 with its node."""
    simulated = near_copies(largest=largest, random_state=seed)
    return simulated.table, links(simulated.graph)


def links(graph: CausalGraph) -> set[frozenset[str]]:
    frame = graph.to_frame()
    pairs = zip(frame["source"].str[:3], frame["target"].str[:3], strict=True)
    return {frozenset(pair) for pair in pairs if pair[0] != pair[1]}


def mixed(found: RedundancyFilter) -> set[str]:
    return {n for n, group in found.clusters_.items() if len({m[:3] for m in group}) > 1}


BLOCKS = RedundancyFilter(threshold=0.85, method="pearson", linkage="average", summary="mean")


@pytest.mark.parametrize("seed", range(10))
def test_links_between_blocks_are_found(seed: int) -> None:
    frame, true = radiomics(seed)
    found, sure = take_apart(BLOCKS, frame, n_bootstrap=30)
    assert len(found.kept_) == 12
    assert sure.over_merged == ()
    assert not mixed(found)
    directed = links(DirectLiNGAM(alpha=0.001).fit(found.transform(frame)).graph_)
    assert len(directed & true) >= 14
    moments = cluster_moments(found, frame)
    for method, false in (
        (GES(penalty_discount=2), 8),
        (BOSS(penalty_discount=2, random_state=0), 6),
    ):
        scored = links(method.fit(moments).graph_)
        assert len(scored & true) >= 14
        assert len(scored - true) <= false
    # PC is held back by near-cancellations along the many paths, not by the reduction: on the
    # latent nodes themselves it finds 9 to 13 at this level, and 11 to 16 at alpha .3
    assert len(links(PC(alpha=0.01).fit(moments).graph_) & true) >= 8


def test_noise_of_the_copies_is_taken_out() -> None:
    simulated = near_copies(n=20_000, copies=3, r=0.9, random_state=1)
    groups = [list(group) for group in simulated.clusters.values()]
    found = RedundancyFilter(threshold=0.99, merge=groups).fit(simulated.table)
    names = [name[:3] for name in found.kept_]
    true = simulated.latent[names].corr().to_numpy()
    plain = np.abs(found.transform(simulated.table).corr().to_numpy())
    moments = cluster_moments(found, simulated.table)
    assert moments.columns == tuple(found.kept_)
    assert np.allclose(np.diag(moments.cov), 1.0)
    assert np.abs(np.abs(moments.cov) - np.abs(true)).max() < 0.02
    assert np.abs(plain - np.abs(true)).max() > 0.1


def test_moments_of_clusters_go_with_other_columns() -> None:
    rng = np.random.default_rng(0)
    thing = rng.normal(size=4000)
    site = np.where(rng.random(4000) < 0.5, "x", "y")
    age = thing + rng.normal(size=4000)
    frame = pd.DataFrame({f"f{k}": thing + 0.5 * rng.normal(size=4000) for k in range(4)})
    frame["turned"] = -frame.pop("f3")
    frame["alone"] = rng.normal(size=4000)
    found = RedundancyFilter(threshold=0.7).fit(frame)
    assert len(found.kept_) == 2
    table = frame.assign(site=site, age=age)
    moments = cluster_moments(found, table, others=["age", "site"])
    assert moments.columns == (*found.kept_, "age", "site")
    assert moments.n == 4000
    lead = next(name for name in found.kept_ if name != "alone")
    sign = -1 if lead == "turned" else 1
    at = {name: int(moments.blocks[name][0]) for name in moments.columns}
    assert moments.cov[at[lead], at["age"]] == pytest.approx(sign, abs=0.06)
    assert moments.cov[at["alone"], at["alone"]] == pytest.approx(1.0)
    with pytest.raises(InvalidInputError, match=r"others: these columns are in a cluster: \['f0'"):
        cluster_moments(found, table, others=["f0"])
    with pytest.raises(UnknownNameError, match="'sight'"):
        cluster_moments(found, table, others=["sight"])
    with pytest.raises(InvalidInputError, match="not fitted"):
        cluster_moments(RedundancyFilter(), table)
    with pytest.raises(InvalidInputError, match=r"infinite cells in the cluster of .*f1"):
        cluster_moments(found, table.assign(f1=np.nan))


def test_too_few_rows_for_the_noise_are_told() -> None:
    simulated = near_copies(n=20, copies=2, r=0.8, random_state=0)
    groups = [list(group) for group in simulated.clusters.values()]
    found = RedundancyFilter(threshold=0.99, merge=groups).fit(simulated.table)
    with pytest.warns(CausalImgWarning, match=r"of 12 eigenvalues are not positive"):
        moments = cluster_moments(found, simulated.table)
    assert np.linalg.eigvalsh(moments.cov)[0] > 0
    assert np.allclose(np.diag(moments.cov), 1.0)


def test_what_near_copies_refuses() -> None:
    with pytest.raises(InvalidInputError, match="n_links=9 from 0 to 3"):
        near_copies(n_nodes=3, n_links=9)
    with pytest.raises(InvalidInputError, match="r=0 is not in"):
        near_copies(r=0)


def test_without_the_redundancy_step_hardly_any_link_is_found() -> None:
    for seed in (1, 2):
        frame, true = radiomics(seed)
        assert len(links(PC(alpha=0.01).fit(frame).graph_) & true) <= 3


@pytest.mark.parametrize("seed", [0, 3, 7])
def test_over_merging_is_reported_and_what_is_not_is_not(seed: int) -> None:
    frame, _ = radiomics(seed)
    found = BLOCKS.fit(frame)
    bad = mixed(found)
    assert bad
    sure = cluster_stability(found, frame, n_bootstrap=40)
    assert set(sure.over_merged) == bad
    table = sure.to_frame().set_index("representative")
    assert (table.loc[list(bad), "part_r"] < 0.999).all()
    assert (table.loc[list(bad), "together"] > 0.5).all()  # membership alone does not show it
    for name, (one, other) in sure.parts.items():
        assert sorted([*one, *other]) == sorted(found.clusters_[name])


def test_blocks_of_one_thing_are_sure() -> None:
    over = unsure = clusters = 0
    for seed in range(4):
        frame, _ = radiomics(seed, largest=0.5)
        found = BLOCKS.fit(frame)
        assert not mixed(found)
        sure = cluster_stability(found, frame, n_bootstrap=40, random_state=seed)
        clusters += len(found.kept_)
        over += len(sure.over_merged)
        unsure += len(sure.unsure)
    assert clusters == 48
    assert over <= 2
    assert unsure <= 2


def test_loose_members_are_unsure_and_named() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=200)
    frame = pd.DataFrame({f"a{k}": a + 0.2 * rng.normal(size=200) for k in range(3)})
    frame["edge"] = a + 0.46 * rng.normal(size=200)
    found = RedundancyFilter(threshold=0.9, linkage="complete").fit(frame)
    sure = cluster_stability(found, frame, n_bootstrap=60)
    assert len(sure.unsure) >= 1
    row = sure.table.loc[next(n for n, g in found.clusters_.items() if "a0" in g)]
    assert row["nearest"] == "edge" or row["least"] < 0.8
    together = sure.together.to_numpy()
    assert (together == together.T).all()
    assert (np.diag(together) == 1).all()


def test_stability_does_not_depend_on_jobs_or_the_order_of_columns() -> None:
    frame, _ = radiomics(0)
    frame = frame[[c for c in frame.columns if c < "n03"]]
    first = cluster_stability(BLOCKS.fit(frame), frame, n_bootstrap=10)
    moved = frame[sorted(frame.columns)]
    again = cluster_stability(
        RedundancyFilter(**BLOCKS.get_params()).fit(moved), moved, n_bootstrap=10, n_jobs=2
    )
    pd.testing.assert_frame_equal(first.together, again.together)
    pd.testing.assert_frame_equal(first.table.sort_index(), again.table.sort_index())


def test_parts_are_corrected_for_unequal_noise() -> None:
    loading = np.array([0.99, 0.9, 0.8, 0.7, 0.6])
    one = np.outer(loading, loading)
    np.fill_diagonal(one, 1.0)
    for side in ([1, 1, 0, 0, 0], [1, 0, 1, 0, 1]):
        assert noiseless_correlation(one, np.array(side, dtype=bool)) == pytest.approx(1.0)
    two = one.copy()
    two[:2, 2:] *= 0.9
    two[2:, :2] *= 0.9
    assert noiseless_correlation(two, np.array([1, 1, 0, 0, 0], dtype=bool)) == pytest.approx(0.9)
    assert two_parts(np.eye(3)) is None
    assert loadings(one) == pytest.approx(loading, abs=1e-6)
    assert loadings(one[:2, :2]) == pytest.approx(np.sqrt(0.99 * 0.9))


def test_the_p_value_of_two_parts_keeps_its_level() -> None:
    rng = np.random.default_rng(0)
    side = np.array([1, 1, 0, 0, 0], dtype=bool)
    apart = rejected = 0
    for _ in range(400):
        thing = rng.exponential(size=(150, 1))
        rows = thing + rng.uniform(0.1, 0.4, 5) * rng.normal(size=(150, 5))
        r, z = difference(rows * np.array([1, -1, 1, 1, -1]), side)
        assert 0.9 < r < 1.1
        rejected += z > 1.645
        other = thing + 0.4 * rng.normal(size=(150, 1))
        two = np.where(side, thing, other) + 0.2 * rng.normal(size=(150, 5))
        apart += difference(two, side)[1] > 1.645
    assert 5 <= rejected <= 36  # 20 +- 3.7 standard errors
    assert apart > 350


def test_merges_can_be_overridden() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 300))
    frame = pd.DataFrame(
        {
            f"{n}{k}": v + 0.1 * rng.normal(size=300)
            for n, v in (("a", a), ("b", b))
            for k in range(3)
        }
    )
    plain = RedundancyFilter(threshold=0.9).fit(frame)
    assert len(plain.kept_) == 2
    for linkage in ("complete", "average", "single"):
        apart = RedundancyFilter(threshold=0.9, linkage=linkage, keep_apart=[("a0", "a1")])
        groups = [set(g) for g in apart.fit(frame).clusters_.values()]
        assert len(groups) == 3
        assert not any({"a0", "a1"} <= g for g in groups)
    merged = RedundancyFilter(threshold=0.9, merge=[("a0", "b2")]).fit(frame)
    assert len(merged.kept_) == 1
    for settings, error, message in [
        ({"keep_apart": [("a0", "a0")]}, InvalidInputError, "pairs of different names"),
        ({"keep_apart": [("a0", "a9")]}, UnknownNameError, "'a9'"),
        ({"merge": ["a0"]}, InvalidInputError, "groups of names"),
        (
            {"merge": [("a0", "a1")], "keep_apart": [("a0", "a1")]},
            InvalidInputError,
            "to be merged and to be kept apart",
        ),
    ]:
        with pytest.raises(error, match=message):
            RedundancyFilter(**settings).fit(frame)


def test_the_most_repeatable_member_represents() -> None:
    rng = np.random.default_rng(2)
    a = rng.normal(size=300)
    frame = pd.DataFrame({f"a{k}": a + 0.1 * k * rng.normal(size=300) for k in range(4)})
    central = RedundancyFilter(threshold=0.8).fit(frame).kept_[0]
    assert central != "a3"
    icc = pd.Series({"a3": 0.95, "a1": 0.7})
    assert RedundancyFilter(threshold=0.8, test_retest=icc.to_dict()).fit(frame).kept_ == ["a3"]


def test_the_mean_turns_members_to_the_representative() -> None:
    rng = np.random.default_rng(3)
    a = rng.normal(size=400)
    frame = pd.DataFrame(
        {f"a{k}": 10.0**k * (-1) ** k * (a + 0.3 * rng.normal(size=400)) + 5 for k in range(5)}
    )
    mean = RedundancyFilter(threshold=0.8, summary="mean").fit(frame)
    one = mean.transform(frame)
    assert one.columns.tolist() == mean.kept_
    best = frame.corrwith(pd.Series(a)).abs().max()
    assert abs(np.corrcoef(one.iloc[:, 0], a)[0, 1]) > best
    assert np.corrcoef(one.iloc[:, 0], frame[mean.kept_[0]])[0, 1] > 0.9
    with pytest.raises(UnknownNameError, match="a0"):
        mean.transform(frame.drop(columns="a0"))


def test_cluster_graph() -> None:
    names = ("a1", "a2", "b1", "b2", "c")
    edges = np.zeros((5, 5))
    for cause, effect in ((0, 1), (0, 2), (1, 3), (3, 4)):
        edges[cause, effect] = 1
    graph = CausalGraph.from_directed(names, edges, weights=edges * 2.0, support=edges * 0.5)
    clusters = {"a": ["a1", "a2"], "b": ["b1", "b2"]}
    found = cluster_graph(graph, clusters)
    assert found.nodes == ("a", "b", "c")
    assert found.kind == "dag"
    assert found.parents("b") == ("a",)
    assert found.weights[found.index("b"), found.index("c")] == 2.0
    assert found.weights[0, 1] == 0.0  # two arrows: no single weight
    assert found.support[0, 1] == 0.5
    edges[2, 0], edges[0, 2] = 1, 0
    torn = cluster_graph(CausalGraph.from_directed(names, edges), clusters)
    assert torn.kind == "cpdag"
    assert torn.neighbors("a") == ("b",)
    with pytest.raises(InvalidInputError, match="'a1' is in two clusters"):
        cluster_graph(graph, {"a": ["a1"], "b": ["a1"]})
    with pytest.raises(InvalidInputError, match="'c' is the name of a cluster"):
        cluster_graph(graph, {"c": ["a1"]})
    pag = CausalGraph(("a1", "c"), np.array([[0, 2], [1, 0]]), "pag")
    with pytest.raises(IdentificationError, match="not a pag"):
        cluster_graph(pag, clusters)


def test_refusals() -> None:
    frame, _ = radiomics(1)
    with pytest.raises(InvalidInputError, match="not fitted"):
        cluster_stability(RedundancyFilter(), frame)
    fitted = RedundancyFilter(threshold=0.85).fit(frame)
    with pytest.raises(InvalidInputError, match="n_bootstrap=0"):
        cluster_stability(fitted, frame, n_bootstrap=0)
    with pytest.raises(InvalidInputError, match="needs 20 rows; got 10"):
        cluster_stability(fitted, frame.iloc[:10])
    with pytest.raises(UnknownNameError, match="n00_0"):
        cluster_stability(fitted, frame.drop(columns="n00_0"))
