"""Which mechanism changed: one at a time, by construction."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalimg.errors import IdentificationError, InvalidInputError, NotEstimableError
from causalimg.graph.core import CausalGraph
from causalimg.shift import mechanism_changes

NODES = ("age", "ill", "volume", "texture")
GRAPH = CausalGraph.from_directed(NODES, [[0, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]])


def sites(seed: int, change: str = "", n: int = 1200) -> pd.DataFrame:
    """Age makes ill, both act on the volume (by a curve), illness on the texture."""
    rng = np.random.default_rng(seed)
    new = np.repeat([False, True], n // 2)
    age = rng.normal(size=n) + 0.8 * new * (change in ("age", "age and volume"))
    odds = age + 1.5 * new * (change == "ill")
    ill = rng.random(n) < 1 / (1 + np.exp(-odds))
    bend = np.where(new & (change in ("volume", "age and volume")), -1.0, 1.0)
    volume = bend * np.tanh(1.5 * age) + ill + 0.5 * rng.normal(size=n)
    noise = np.where(new & (change == "texture spread"), 1.6, 1.0)
    texture = 1.0 * ill + noise * rng.normal(size=n)
    return pd.DataFrame(
        {
            "site": np.where(new, "new", "old"), "age": age, "ill": ill.astype(int),
            "volume": volume, "texture": texture,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "node", "kind"),
    [
        ("age", "age", "covariate"),
        ("ill", "ill", "concept"),
        ("volume", "volume", "measurement"),
        ("texture spread", "texture", "measurement"),
    ],
)
def test_the_changed_mechanism_is_found_and_no_other(change: str, node: str, kind: str) -> None:
    found = mechanism_changes(sites(0, change), GRAPH, environment="site", outcome="ill")
    assert found.changed == (node,)
    assert found.kinds == (kind,)
    assert f"differ (family-wise error 0.05): {node}." in found.verdict()


def test_two_changes_are_both_named() -> None:
    found = mechanism_changes(sites(1, "age and volume"), GRAPH, environment="site", outcome="ill")
    assert found.changed == ("age", "volume")
    assert found.kinds == ("covariate", "measurement")
    assert "density_ratio" in found.verdict() and "Harmonise" in found.verdict()


def test_no_change_is_called_none_at_the_level() -> None:
    wrong = sum(
        bool(mechanism_changes(sites(seed, n=600), GRAPH, environment="site").changed)
        for seed in range(40)
    )
    assert wrong <= 6
    found = mechanism_changes(sites(200), GRAPH, environment="site", outcome="ill")
    assert found.kinds == ("none",)


def test_a_curve_under_covariate_shift_is_no_concept_shift() -> None:
    frame = sites(3, "age", 4000)
    curved = mechanism_changes(frame, GRAPH, environment="site", outcome="ill")
    straight = mechanism_changes(frame, GRAPH, environment="site", outcome="ill", splines=None)
    assert "volume" not in curved.changed
    assert "volume" in straight.changed


def test_an_outcome_without_causes_gives_label_shift() -> None:
    rng = np.random.default_rng(4)
    site = np.repeat(["a", "b", "c"], 300)
    ill = rng.random(900) < np.where(site == "c", 0.7, 0.3)
    frame = pd.DataFrame({"site": site, "ill": ill, "texture": ill + rng.normal(size=900)})
    graph = CausalGraph.from_directed(("ill", "texture"), [[0, 1], [0, 0]])
    found = mechanism_changes(frame, graph, environment="site", outcome="ill")
    assert found.kinds == ("label",) and found.changed == ("ill",)


def test_the_environment_in_the_graph_is_no_parent() -> None:
    nodes = ("site", *NODES)
    matrix = np.zeros((5, 5), dtype=int)
    matrix[1:, 1:] = GRAPH.directed()
    matrix[0, 1] = 1
    graph = CausalGraph.from_directed(nodes, matrix)
    frame = sites(5, "age")
    with_site = mechanism_changes(frame, graph, environment="site").to_frame()
    without = mechanism_changes(frame, GRAPH, environment="site").to_frame()
    pd.testing.assert_frame_equal(with_site, without)


def test_refusals() -> None:
    frame = sites(6, n=12)
    with pytest.raises(NotEstimableError, match="needs at least"):
        mechanism_changes(frame, GRAPH, environment="site")
    with pytest.raises(InvalidInputError, match="alpha must be"):
        mechanism_changes(frame, GRAPH, environment="site", alpha=2)
    loose = CausalGraph(("age", "ill"), np.array([[0, 3], [3, 0]], dtype=np.int8), "cpdag")
    with pytest.raises(IdentificationError):
        mechanism_changes(frame, loose, environment="site")
    with pytest.raises(NotEstimableError, match="'texture' is the same in every case"):
        mechanism_changes(sites(7).assign(texture=1.5), GRAPH, environment="site")
