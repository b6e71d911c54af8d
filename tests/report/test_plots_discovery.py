"""The heat map of edge support and the trace of a continuous search."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color
from matplotlib.figure import Figure

from causalimg.discovery.golem import GOLEM
from causalimg.discovery.notears import NOTEARS
from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError
from causalimg.graph.core import CausalGraph
from causalimg.report.plots import GraphPlots, support, trace
from causalimg.report.style import PALETTE, figure_to_svg

SHARES = np.array([[0, 0.9, 0.0, 0], [0.1, 0, 0.5, 0], [0.0, 0.5, 0, 0], [0, 0, 0, 0]])


def made(**changes) -> CausalGraph:
    adjacency = [[0, 1, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    return CausalGraph.from_directed(
        ("age", "size", "energy", "alone"), adjacency, kind="cpdag", support=SHARES, **changes
    )


def table(n: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, n))
    return pd.DataFrame({"a": a, "b": b, "c": 2 * a + 2 * b + rng.normal(size=n)})


def test_every_share_has_a_cell_as_opaque_as_it_is_large():
    ax = support(made())
    grey, cells, frames = ax.collections[:3]
    assert len(grey.get_paths()) == 3 * 2  # the node without an edge is not shown
    opacity = sorted(np.round(cells.get_facecolors()[:, 3], 6).tolist())
    assert opacity == [0.1, 0.5, 0.5, 0.9]
    assert len(frames.get_paths()) == 3  # one arrow, and an edge without direction at both places
    assert same_color(frames.get_edgecolor()[0], PALETTE["orange"])


def test_shares_are_written_and_causes_come_first():
    ax = support(made())
    assert [text.get_text() for text in ax.texts] == ["0.90", "0.10", "0.50", "0.50"]
    assert ax.get_yticklabels()[0].get_text() == "age"
    tiers = [["energy", "alone"], ["size"], ["age"]]
    turned = support(made(), tiers=tiers)
    assert [label.get_text() for label in turned.get_yticklabels()] == ["energy", "size", "age"]


def test_the_nodes_with_most_support_are_kept():
    ax = support(made(), n=2)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["age", "size"]


def test_what_cannot_be_drawn_is_said():
    bare = CausalGraph.from_directed(("a", "b"), [[0, 1], [0, 0]])
    with pytest.raises(NotEstimableError, match=r"no support.*BootstrapDiscovery"):
        support(bare)
    with pytest.raises(UnknownNameError, match="'siez'"):
        support(made(), tiers=[["siez"]])
    with pytest.raises(InvalidInputError, match="n=1"):
        support(made(), n=1)
    none = CausalGraph.from_directed(("a", "b"), np.zeros((2, 2)), support=np.zeros((2, 2)))
    assert "no resample has an edge" in figure_to_svg(support(none).figure, title="t")


def test_strange_names_and_given_axes():
    strange = CausalGraph.from_directed(
        ("<script>x</script>", "$a^b$"), [[0, 1], [0, 0]], support=np.array([[0, 0.7], [0, 0]])
    )
    ax = Figure().add_subplot()
    assert GraphPlots(strange).support(ax=ax) is ax
    text = figure_to_svg(ax.figure, title="t")
    assert "<script" not in text and "$a^b$" in text


def test_trace_follows_the_stages():
    stats = NOTEARS(solver="alm").fit(table()).stats_
    ax = trace(stats)
    h = ax.lines[0].get_ydata()
    assert h == pytest.approx([stage["h"] for stage in stats["stages"]])
    assert h[-1] < 1e-3 * h[0]
    (above,) = ax.child_axes
    drawn = above.lines[0].get_ydata()
    assert drawn == pytest.approx([stage["objective"] for stage in stats["stages"]])
    assert above.lines[1].get_ydata()[0] == stats["objective"]


def test_methods_without_a_path_are_told_apart():
    ordered = trace(NOTEARS(solver="order").fit(table()).stats_)
    assert "no stages" in figure_to_svg(ordered.figure, title="t")
    with pytest.raises(InvalidInputError, match="no 'h'"):
        trace(GOLEM().fit(table()).stats_)
    with pytest.raises(InvalidInputError, match="no 'stages'"):
        trace({"n": 3})
