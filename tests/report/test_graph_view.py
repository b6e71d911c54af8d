"""The interactive graph as data: marks, evidence, comparison, places; hostile names stay text."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest

from causalimg.discovery.bootstrap import BootstrapDiscovery
from causalimg.discovery.evidence import evidence_of
from causalimg.discovery.pc import PC
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph, GraphKind, Mark
from causalimg.graph.knowledge import Knowledge
from causalimg.report.graph_view import graph_view_assets, graph_view_data, graph_view_fragment

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "a'\"&\\",
    "日本\u2028\x00",
    "__proto__",
)


@pytest.fixture(scope="module")
def chain() -> pd.DataFrame:
    """age -> volume -> contrast <- scanner."""
    rng = np.random.default_rng(4)
    age, scanner = rng.normal(size=(2, 500))
    volume = age + rng.normal(size=500)
    contrast = volume + scanner + rng.normal(size=500)
    return pd.DataFrame({"scanner": scanner, "age": age, "volume": volume, "contrast": contrast})


def edge(data: dict, a: str, b: str) -> dict:
    names = [node["name"] for node in data["nodes"]]
    wanted = {names.index(a), names.index(b)}
    return next(one for one in data["edges"] if {one["a"], one["b"]} == wanted)


def apart(data: dict, a: str, b: str) -> list:
    names = [node["name"] for node in data["nodes"]]
    wanted = {names.index(a), names.index(b)}
    return next(row for row in data["apart"] if set(row[:2]) == wanted)


def test_evidence_of_every_pair(chain):
    fitted = PC(alpha=0.01).fit(chain)
    data = graph_view_data(fitted.graph_, fitted=fitted)
    names = [node["name"] for node in data["nodes"]]
    assert len(data["edges"]) + len(data["apart"]) == 6
    _, _, p, given, reason, share, counts = apart(data, "age", "contrast")
    assert [names[k] for k in given] == ["volume"] and p > 0.01 and reason == "separated"
    assert share is None and counts is None
    joined = edge(data, "age", "volume")
    assert joined["reason"] == "dependent" and joined["p"] < 0.01 and joined["support"] is None
    assert (data["test"], data["alpha"]) == ("fisher_z", 0.01)
    frame = fitted.evidence_.to_frame().set_index(["a", "b"])
    assert frame.loc[("age", "contrast"), "p_value"] == pytest.approx(p, rel=1e-3)
    assert frame["adjacent"].sum() == len(data["edges"])


def test_knowledge_is_given_as_the_reason(chain):
    known = Knowledge(
        required=[("scanner", "age")], forbidden=[("age", "contrast"), ("contrast", "age")]
    )
    fitted = PC(knowledge=known).fit(chain)
    data = graph_view_data(fitted.graph_, fitted=fitted)
    assert edge(data, "scanner", "age")["reason"] == "required"
    assert edge(data, "scanner", "age")["p"] is None
    assert apart(data, "age", "contrast")[2:5] == [None, None, "forbidden"]
    assert data["knowledge"] == known.to_dict()


def test_resamples_are_counted_by_orientation(chain):
    boot = BootstrapDiscovery(PC(alpha=0.01), n_bootstrap=12, random_state=0).fit(chain)
    data = graph_view_data(boot.graph_, fitted=boot)
    assert data["n_resamples"] == 12 and data["has_support"]
    for one in data["edges"]:
        counts = one["counts"]
        assert sum(counts.values()) == 12
        joined = 12 - counts.get("none", 0)
        assert one["support"] == pytest.approx(joined / 12, abs=1e-3)
        if one["text"] == "-->":
            toward = counts.get("-->", 0) + counts.get("---", 0) / 2
            assert one["toward"] == pytest.approx(toward / 12, abs=1e-3)
    assert evidence_of(boot) is boot.estimator_.evidence_


def test_an_arrow_is_said_as_its_graph_means_it():
    said = {}
    for kind in (GraphKind.DAG, GraphKind.CPDAG, GraphKind.PAG):
        graph = CausalGraph.from_directed(("a", "b"), [[0, 1], [0, 0]], kind=kind)
        said[kind] = graph_view_data(graph)["edges"][0]["words"]
    assert len(set(said.values())) == 3
    assert "direct" not in said[GraphKind.PAG].split(",")[0] and "through others" in said["pag"]
    for near, far in ((1, 2), (2, 2), (1, 1), (1, 3), (3, 3)):
        marks = np.array([[0, far], [near, 0]], dtype=np.int8)
        one = graph_view_data(CausalGraph(("a", "b"), marks, "pag"))["edges"][0]
        assert {one["near"], one["far"]} == {near, far} and one["words"].endswith(".")


def test_the_mark_at_each_end_belongs_to_that_end():
    marks = np.zeros((2, 2), dtype=np.int8)
    marks[0, 1], marks[1, 0] = Mark.CIRCLE, Mark.ARROW  # b o-> a: the arrow is at a
    one = graph_view_data(CausalGraph(("a", "b"), marks, "pag"))["edges"][0]
    assert (one["a"], one["b"], one["text"]) == (1, 0, "o->")
    assert (one["near"], one["far"]) == (Mark.CIRCLE, Mark.ARROW)
    assert one["words"].startswith("a is no cause of b.")


def test_two_graphs_edge_by_edge():
    names = tuple("abcde")
    here, there = np.zeros((5, 5)), np.zeros((6, 6))
    here[0, 1] = here[1, 2] = here[0, 3] = here[3, 4] = here[4, 3] = 1
    there[0, 1] = there[2, 1] = there[2, 3] = there[3, 4] = there[4, 5] = 1
    first = CausalGraph.from_directed(names, here, kind="cpdag")
    second = CausalGraph.from_directed((*names, "f"), there, kind="cpdag")
    data = graph_view_data(first, compare=second)
    status = {
        (a, b): edge(data, a, b)["status"]
        for a, b in (("a", "b"), ("b", "c"), ("a", "d"), ("c", "d"), ("d", "e"), ("e", "f"))
    }
    assert list(status.values()) == ["same", "reversed", "added", "missing", "differs", "missing"]
    assert data["compare"]["counts"] == {
        "same": 1, "added": 1, "missing": 2, "reversed": 1, "differs": 1,
    }  # fmt: skip
    assert [node["only"] for node in data["nodes"]] == [None] * 5 + ["other"]
    assert data["compare"]["note"] == ""
    assert "5 nodes and 4 edges" in data["summary"]
    turned = edge(data, "b", "c")
    assert turned["text"] == "-->" and turned["other"] == "<--" and turned["other_words"]
    pag = CausalGraph.from_directed(names, here - np.eye(5, k=-1) * here, kind="pag")
    assert "different kinds" in graph_view_data(first, compare=pag)["compare"]["note"]


@pytest.mark.parametrize("seed", range(3))
def test_no_box_covers_another_and_tiers_are_columns(graphs, seed):
    names = [f"glcm_feature_{k}" for k in range(40)]
    graph = graphs(names, seed, density=0.04)
    known = Knowledge(tiers=[["age", "sex", "site"], ["scanner"], names, ["malignant"]])
    data = graph_view_data(graph, knowledge=known)
    sizes = [(node["w"], node["h"]) for node in data["nodes"]]
    for layout in data["layouts"].values():
        places = list(zip(layout["x"], layout["y"], sizes, strict=True))
        for (x, y, (w, h)), (u, v, (m, n)) in combinations(places, 2):
            assert abs(x - u) >= (w + m) / 2 or abs(y - v) >= (h + n) / 2
        assert len(layout["via"]) == len(data["edges"])
    bands = {band["tier"]: band for band in data["layouts"]["tiers"]["bands"]}
    order = [bands[t] for t in range(4)]
    assert all(p["right"] <= q["left"] for p, q in pairwise(order))
    for k, node in enumerate(data["nodes"]):
        band = bands[node["tier"]]
        assert band["left"] <= data["layouts"]["tiers"]["x"][k] <= band["right"]


def test_a_node_in_no_tier_has_a_band_of_its_own():
    graph = CausalGraph.from_directed(("a", "b", "c"), np.zeros((3, 3)))
    data = graph_view_data(graph, knowledge=Knowledge(tiers=[["a"], ["b"]]))
    assert [band["tier"] for band in data["layouts"]["tiers"]["bands"]] == [0, 1, None]
    assert "tiers" not in graph_view_data(graph)["layouts"]


def test_two_hundred_nodes_stay_small():
    rng = np.random.default_rng(0)
    adjacency = np.triu(rng.random((200, 200)) < 0.03, 1)
    data = graph_view_data(CausalGraph.from_directed([f"n{k}" for k in range(200)], adjacency))
    assert len(data["edges"]) == adjacency.sum() > 550
    assert len(graph_view_fragment(data, name="big")) < 400_000
    heights = np.array(data["layouts"]["layers"]["y"])
    assert heights.max() < 4000


class Tags(HTMLParser):
    """What a browser would see of a fragment."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict]] = []
        self.script = ""

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.seen and self.seen[-1][0] == "script":
            self.script += data


def test_hostile_names_stay_inside_the_data():
    adjacency = np.triu(np.ones((5, 5)), 1)
    graph = CausalGraph.from_directed(HOSTILE, adjacency)
    data = graph_view_data(graph, knowledge=Knowledge(tiers=[HOSTILE[:2]]))
    fragment = graph_view_fragment(data, name='x" onclick="alert(1)')
    assert fragment.isascii() and fragment.lower().count("</script") == 1
    parser = Tags()
    parser.feed(fragment)
    assert [tag for tag, _ in parser.seen] == ["div", "p", "script"]
    assert set(parser.seen[0][1]) == {"class", "id", "data-causal-graph"}
    back = json.loads(parser.script)
    assert [node["name"] for node in back["nodes"]] == list(HOSTILE)
    assert back == json.loads(json.dumps(data))


def test_the_page_asks_for_nothing():
    css, js = graph_view_assets()
    for text in (css, js):
        assert "</" not in text and "@import" not in text and "fetch(" not in text
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "innerHTML" not in js and "eval(" not in js


def test_what_does_not_belong_together_is_refused(chain):
    fitted = PC().fit(chain)
    other = CausalGraph.from_directed(("a", "b"), [[0, 1], [0, 0]])
    with pytest.raises(InvalidInputError, match="fitted has other nodes than the graph: a, age"):
        graph_view_data(other, fitted=fitted)
    with pytest.raises(InvalidInputError, match=r"give \.graph_"):
        graph_view_data(fitted)
    with pytest.raises(InvalidInputError, match="compare must be a CausalGraph, not PC"):
        graph_view_data(other, compare=fitted)
