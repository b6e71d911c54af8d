"""The drawing of a graph: no box covers another, causes stand left, names and support are told."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import combinations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Polygon

from causalimg.errors import UnknownNameError
from causalimg.graph.core import CausalGraph
from causalimg.report.graph_drawing import wrap
from causalimg.report.graph_layout import arrange, columns, edges_of
from causalimg.report.labels import cover
from causalimg.report.plots import graph
from causalimg.report.style import figure_to_svg


def boxes(ax: Axes) -> list[tuple[float, float, float, float]]:
    ax.figure.draw_without_rendering()
    found = [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    extents = [patch.get_window_extent() for patch in found]
    return [(e.x0, e.y0, e.x1, e.y1) for e in extents]


def heads(ax: Axes) -> int:
    return sum(isinstance(patch, Polygon) for patch in ax.patches)


def said(ax: Axes) -> str:
    root = ET.fromstring(figure_to_svg(ax.figure, title="t"))
    return " ".join("".join(node.itertext()) for node in root.iter() if node.tag.endswith("text"))


def random_dag(d: int, density: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    order = rng.permutation(d)
    upper = np.triu(rng.random((d, d)) < density, 1)
    return upper[np.ix_(order, order)]


@pytest.mark.parametrize("seed", range(4))
def test_causes_stand_left_of_effects(seed):
    adjacency = random_dag(18, 0.15, seed)
    pairs = edges_of(CausalGraph.from_directed([f"n{k}" for k in range(18)], adjacency))
    assert set(pairs) == {(int(a), int(b)) for a, b in np.argwhere(adjacency)}
    place = columns(18, pairs, most=18)
    assert all(place[a] < place[b] for a, b in pairs)
    assert sorted(set(place.values())) == list(range(1 + max(place.values())))


def test_tiers_take_their_own_columns():
    adjacency = np.zeros((5, 5))
    adjacency[0, 2] = adjacency[1, 2] = adjacency[2, 3] = adjacency[3, 4] = 1
    pairs = edges_of(CausalGraph.from_directed(tuple("abcde"), adjacency))
    place = columns(5, pairs, [[0, 1], [2, 3], [4]])
    assert place == {0: 0, 1: 0, 2: 1, 3: 2, 4: 3}


def test_a_long_chain_is_folded_into_few_columns():
    pairs = [(k, k + 1) for k in range(29)]
    place = columns(30, pairs, most=8)
    assert len(set(place.values())) == 8
    assert all(place[a] <= place[b] for a, b in pairs)


@pytest.mark.parametrize("seed", range(4))
def test_nodes_and_lanes_of_a_column_keep_their_distance(seed):
    pairs = edges_of(
        CausalGraph.from_directed([f"n{k}" for k in range(20)], random_dag(20, 0.2, seed))
    )
    place = columns(20, pairs)
    size = {k: 0.4 + 0.1 * (k % 3) for k in range(20)}
    layout = arrange(place, pairs, size)
    for a, b in combinations(range(20), 2):
        if place[a] == place[b]:
            assert abs(layout.y[a] - layout.y[b]) >= (size[a] + size[b]) / 2 - 1e-9
    for (a, b), lanes in layout.lanes.items():
        assert len(lanes) == max(0, place[b] - place[a] - 1)
        for k, lane in enumerate(lanes):
            for node, at in place.items():
                if at == place[a] + 1 + k:
                    assert abs(layout.y[node] - lane) >= size[node] / 2 - 1e-9


def test_boxes_of_thirty_nodes_do_not_touch(graphs):
    names = [f"wavelet_hhl_glcm_inverse_difference_moment_normalized_{k}" for k in range(26)]
    many = graphs(names, 5, density=0.13)
    found = boxes(graph(many))
    assert len(found) >= 20
    assert not any(cover(a, b) for a, b in combinations(found, 2))


def test_every_node_is_drawn_or_listed(study):
    ax = graph(study.graph)
    text = said(ax).replace("_ ", "_")
    assert "No edge was found for" in text
    for node in study.graph.nodes:
        assert node in text, node


def test_arrows_and_lines_without_heads(study):
    directed = int(study.graph.directed().sum())
    assert heads(graph(study.graph)) == directed
    turned = CausalGraph.from_directed(("a", "b"), [[0, 1], [1, 0]], kind="cpdag")
    assert heads(graph(turned)) == 0


def test_support_is_printed_where_it_is_below_one():
    support = np.array([[0, 0.6, 0], [0.25, 0, 1.0], [0, 0, 0]])
    made = CausalGraph.from_directed(("a", "b", "c"), [[0, 1, 0], [0, 0, 1], [0, 0, 0]],
                                     support=support)  # fmt: skip
    text = said(graph(made))
    assert "0.85" in text and "1.00" not in text


def test_marks_of_a_pag_and_an_edge_inside_a_tier():
    marks = np.zeros((3, 3), dtype=np.int8)
    marks[0, 1], marks[1, 0] = 2, 1
    marks[1, 2] = marks[2, 1] = 2
    made = CausalGraph(("a", "b", "c"), marks, "pag")
    assert heads(graph(made)) == 3
    assert heads(graph(made, tiers=[["a", "b", "c"]])) == 3


def test_no_edge_is_said():
    empty = CausalGraph.from_directed(("a", "b"), np.zeros((2, 2)))
    assert "no edge was found among 2 nodes" in said(graph(empty))
    nobody = CausalGraph.from_directed((), np.zeros((0, 0)))
    assert "no edge" in said(graph(nobody))


def test_unknown_tier_is_refused(study):
    with pytest.raises(UnknownNameError, match="tiers: no node is called 'scaner'"):
        graph(study.graph, tiers=[["scaner"]])


def test_roles_and_given_axes(study):
    ax = Figure().add_subplot()
    roles = {"scanner": "treatment", "age": "covariate", "malignant": "nonsense"}
    assert graph(study.graph, roles=roles, ax=ax) is ax


def test_names_are_escaped():
    made = CausalGraph.from_directed(("<script>x</script>", "$a^b$"), [[0, 1], [0, 0]])
    text = figure_to_svg(graph(made).figure, title="t")
    assert "<script" not in text
    assert "$a^b$" in text


def test_wrapping_keeps_every_letter_of_an_ordinary_name():
    name = "wavelet_hhl_glcm_inverse_difference_moment"
    lines = wrap(name)
    assert "".join(lines) == name
    assert max(map(len, lines)) <= 16
    assert max(map(len, wrap("x" * 500))) <= 16
    assert len(wrap("x" * 500)) <= 4
