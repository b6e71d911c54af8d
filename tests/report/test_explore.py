"""`graph.explore()`: a page on its own, a frame in a notebook, and marks that come back."""

from __future__ import annotations

import re
from html import unescape

import numpy as np
import pandas as pd
import pytest

from causalimg.discovery.pc import PC
from causalimg.errors import InvalidInputError, MissingDependencyError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge
from causalimg.report import explore as module
from causalimg.report.explore import GraphView, answer, explore

WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def graph() -> CausalGraph:
    return CausalGraph.from_directed(("age", "scanner", "size"), np.eye(3, k=1))


@pytest.fixture
def without_anywidget(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)


def test_a_graph_explores_itself(graph):
    view = graph.explore(knowledge=Knowledge(tiers=[["age"], ["scanner"], ["size"]]), height=400)
    assert isinstance(view, GraphView)
    assert repr(view) == "GraphView(DAG with 3 nodes and 2 edges)"
    assert view.data["height"] == 400


def test_the_saved_page_is_whole(graph, tmp_path):
    view = explore(graph)
    view.save(tmp_path / "graph.html")
    page = (tmp_path / "graph.html").read_text(encoding="utf-8")
    assert page == view.to_html() and page.startswith("<!doctype html>")
    assert page.count("<script") == 2 and page.count("</script>") == 2
    assert not re.search(r"(src|href)\s*=", page.replace("srcdoc", ""))


def test_the_frame_holds_the_same_page(graph, without_anywidget):
    bundle = explore(graph)._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    found = re.fullmatch(r'<iframe [^>]*sandbox="allow-scripts"[^>]*srcdoc="([^"]*)"></iframe>',
                         bundle["text/html"])  # fmt: skip
    assert unescape(found[1]) == explore(graph).to_html()


def test_without_anywidget_the_way_back_is_said(graph, without_anywidget):
    with pytest.raises(MissingDependencyError, match=r"pip install \"causalimg\[notebooks\]\""):
        _ = explore(graph).knowledge


def test_knowledge_before_any_mark_is_the_one_given(graph):
    pytest.importorskip("anywidget")
    given = Knowledge(tiers=[["age"], ["size"]], forbidden=[("scanner", "size")])
    assert explore(graph, knowledge=given).knowledge == given
    assert explore(graph).knowledge == Knowledge()


def test_marks_come_back_from_the_widget():
    pytest.importorskip("anywidget")
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 400))
    frame = pd.DataFrame({"a": a, "b": b, "c": a + b + rng.normal(size=400)})
    fitted = PC(knowledge=Knowledge(tiers=[["a", "b"], ["c"]])).fit(frame)
    view = fitted.graph_.explore(fitted=fitted)
    bundle = view._repr_mimebundle_()
    assert bundle[WIDGET]["model_id"] == view._shown().model_id
    widget = view._shown()
    edited = fitted.knowledge.to_dict() | {"forbidden": [["a", "c"]]}
    widget.proposal = {"id": "1", "knowledge": edited}
    assert widget.reply == {"id": "1", "knowledge": edited}
    assert view.knowledge == Knowledge(tiers=[["a", "b"], ["c"]], forbidden=[("a", "c")])
    assert not PC(knowledge=view.knowledge).fit(frame).graph_.adjacent("a", "c")
    widget.proposal = {"id": "2", "knowledge": edited | {"required": [["c", "a"]]}}
    assert widget.reply["error"].startswith("the knowledge contradicts itself: c -> a is required")
    assert "'c' is in tier 1, after 'a' in tier 0" in widget.reply["error"]
    assert view.knowledge.required == ()


def test_an_answer_is_the_knowledge_or_its_own_refusal():
    fine = Knowledge(required=[("a", "b")]).to_dict()
    assert answer({"id": "7", "knowledge": fine}) == {"id": "7", "knowledge": fine}
    both = fine | {"forbidden": [["a", "b"]]}
    assert (
        "a -> b is both required and forbidden" in answer({"id": "8", "knowledge": both})["error"]
    )


@pytest.mark.parametrize("height", [100, 520.0, True, "520"])
def test_a_height_is_a_number_of_pixels(graph, height):
    with pytest.raises(InvalidInputError, match="at least 240"):
        explore(graph, height=height)
