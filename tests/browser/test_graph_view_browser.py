"""The interactive graph in a browser without a network: evidence, filter, drag, marks, keyboard."""

from __future__ import annotations

import ast
import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from causalimg.discovery.bootstrap import BootstrapDiscovery
from causalimg.discovery.pc import PC
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge
from causalimg.report.explore import explore
from causalimg.report.graph_view import graph_view_assets, graph_view_data, graph_view_fragment

TIERS = [["age"], ["scanner"], ["volume", "glcm_contrast", "glcm_energy"]]


@pytest.fixture(scope="module")
def fitted() -> BootstrapDiscovery:
    rng = np.random.default_rng(5)
    age, scanner = rng.normal(size=(2, 200))
    volume = age + rng.normal(size=200)
    contrast = scanner + volume + rng.normal(size=200)
    table = pd.DataFrame(
        {"age": age, "scanner": scanner, "volume": volume, "glcm_contrast": contrast,
         "glcm_energy": 0.35 * scanner + rng.normal(size=200)}
    )  # fmt: skip
    search = PC(knowledge=Knowledge(tiers=TIERS))
    return BootstrapDiscovery(search, n_bootstrap=30, random_state=0).fit(table)


@pytest.fixture(scope="module")
def page_file(fitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("graph") / "graph.html"
    explore(fitted.graph_, fitted=fitted).save(path)
    return path


def node(page, name):
    return page.locator(f'.cgv-node[aria-label^="{name},"]')


def select_edge(page, words):
    page.get_by_role("tab", name="Edges").click()
    page.locator(".cgv-table .cgv-link", has_text=words).first.click()


def python_text(page):
    page.get_by_role("tab", name="Knowledge").click()
    return page.get_by_label("The knowledge as Python").input_value()


def knowledge_of(text):
    """Run the copied call with nothing but literals in it."""
    call = ast.parse(text).body[1].value
    assert ast.unparse(call.func) == "ci.Knowledge"
    return Knowledge(**{key.arg: ast.literal_eval(key.value) for key in call.keywords})


def test_an_edge_shows_its_evidence(open_page, page_file, fitted):
    page = open_page(page_file)
    hit = page.locator(".cgv-edge .cgv-hit")
    assert hit.count() == len(fitted.graph_.to_frame())
    middle = hit.first.evaluate(
        "(p) => { const q = p.getPointAtLength(p.getTotalLength() / 2),"
        " m = p.getScreenCTM(); return [q.x * m.a + m.e, q.y * m.d + m.f]; }"
    )
    page.mouse.click(*middle)
    row = fitted.estimator_.edges_.iloc[0]
    body = page.locator(".cgv-body")
    assert body.locator("h3").inner_text() == f"{row.source} → {row.target}"
    said = body.inner_text()
    assert "direct cause" in said and "fisher_z, level 0.01" in said
    assert "Dependent given every set that was tried" in said
    assert "What 30 resamples drew" in said and "of the resamples join them" in said
    assert f"not {row.target} → {row.source}" in said


def test_a_pair_without_an_edge_says_what_separates_it(open_page, page_file):
    page = open_page(page_file)
    node(page, "age").click()
    assert "Effects (1)" in page.locator(".cgv-body").inner_text()
    node(page, "glcm_contrast").click(modifiers=["Shift"])
    said = page.locator(".cgv-body").inner_text()
    assert "Not adjacent" in said and "Independent given {volume}, p = 0." in said


def test_the_slider_and_the_search_filter(open_page, page_file, fitted):
    page = open_page(page_file)
    shares = fitted.graph_.to_frame()["support"]
    limit = float(np.ceil(100 * shares.min()) + 1) / 100
    left = int((shares >= limit).sum())
    assert 0 < left < len(shares)
    page.get_by_label("Least support").fill(str(round(100 * limit)))
    assert page.locator(".cgv-edge:not(.is-hidden)").count() == left
    assert f"{left} of {len(shares)} edges" in page.locator(".cgv-count").inner_text()
    page.get_by_role("tab", name="Edges").click()
    assert page.locator(".cgv-table tbody tr").count() == left
    find = page.get_by_label("Find a node")
    find.fill("glcm")
    assert page.locator(".cgv-node.is-found").count() == 2
    find.press("Enter")
    assert page.locator(".cgv-node.is-chosen").count() == 1
    assert page.locator(".cgv-body h3").inner_text().startswith("glcm_")


def test_dragging_moves_a_node_and_its_edges(open_page, page_file):
    page = open_page(page_file)
    moved = node(page, "volume")
    before = moved.bounding_box()
    index = int(moved.get_attribute("data-node"))
    edges = json.loads(page.evaluate(
        "(k) => JSON.stringify([...document.querySelectorAll('.cgv-edge')]"
        ".map((g) => g.querySelector('.cgv-line').getAttribute('d')))", index))  # fmt: skip
    x, y = before["x"] + before["width"] / 2, before["y"] + before["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y + 70, steps=4)
    page.mouse.up()
    after = moved.bounding_box()
    assert after["x"] - before["x"] == pytest.approx(30, abs=1.5)
    assert after["y"] - before["y"] == pytest.approx(70, abs=1.5)
    now = [line.get_attribute("d") for line in page.locator(".cgv-edge .cgv-line").all()]
    changed = sum(a != b for a, b in zip(edges, now, strict=True))
    assert changed >= 2
    assert page.locator(".cgv-node.is-chosen").count() == 0


def test_zoom_pan_and_fit(open_page, page_file):
    page = open_page(page_file)
    age = node(page, "age")
    width = age.bounding_box()["width"]
    page.get_by_title("Zoom in").click()
    assert age.bounding_box()["width"] == pytest.approx(1.25 * width, rel=0.03)
    box = page.locator(".cgv-svg").bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + box["height"] - 10)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    page.wait_for_function(
        "(w) => document.querySelector('.cgv-node').getBoundingClientRect().width > w",
        arg=1.4 * width,
    )
    place = age.bounding_box()
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + box["height"] - 40, steps=3)
    page.mouse.up()
    assert age.bounding_box()["x"] == pytest.approx(place["x"] + 50, abs=1.5)
    page.get_by_title("Fit the whole graph").click()
    for one in page.locator(".cgv-node").all():
        inside = one.bounding_box()
        assert box["x"] <= inside["x"] and inside["x"] + inside["width"] <= box["x"] + box["width"]


def test_marks_are_exported_undone_and_refused(open_page, page_file):
    page = open_page(page_file)
    select_edge(page, "age → volume")
    page.get_by_label("forbid age → volume", exact=True).check()
    assert page.locator(".cgv-marks .is-forbidden").count() == 1
    assert knowledge_of(python_text(page)) == Knowledge(tiers=TIERS, forbidden=[("age", "volume")])
    as_json = json.loads(page.get_by_label("The knowledge as JSON").input_value())
    assert Knowledge.from_dict(as_json).forbidden == (("age", "volume"),)
    page.keyboard.press("Control+z")
    page.locator(".cgv-marks .is-forbidden").wait_for(state="detached")
    assert knowledge_of(python_text(page)) == Knowledge(tiers=TIERS)

    select_edge(page, "age → volume")
    page.get_by_label("require volume → age", exact=True).click()
    refused = page.locator(".cgv-live.is-bad")
    refused.wait_for()
    with pytest.raises(ValueError, match="contradicts itself") as error:
        Knowledge(tiers=TIERS, required=[("volume", "age")])
    assert refused.inner_text() == f"Refused: {error.value}"
    assert page.get_by_label("no mark").is_checked()
    assert knowledge_of(python_text(page)) == Knowledge(tiers=TIERS)


def test_an_absent_pair_can_be_required_and_a_cycle_is_refused(open_page, page_file):
    page = open_page(page_file)
    names = ["glcm_energy", "volume", "glcm_contrast", "glcm_energy"]
    for cause, effect in pairwise(names):
        page.get_by_role("tab", name="Details").click()
        page.keyboard.press("Escape")
        node(page, cause).click()
        node(page, effect).click(modifiers=["Shift"])
        page.get_by_label(f"require {cause} → {effect}", exact=True).click()
    chain = [("glcm_energy", "volume"), ("volume", "glcm_contrast")]
    with pytest.raises(ValueError) as error:
        Knowledge(tiers=TIERS, required=[*chain, ("glcm_contrast", "glcm_energy")])
    page.locator(".cgv-live.is-bad").wait_for()
    assert page.locator(".cgv-live").inner_text() == f"Refused: {error.value}"
    assert knowledge_of(python_text(page)) == Knowledge(tiers=TIERS, required=chain)
    page.get_by_role("button", name="Remove: require volume → glcm_contrast").click()
    page.locator(".cgv-made").nth(1).wait_for(state="detached")
    assert knowledge_of(python_text(page)).required == (("glcm_energy", "volume"),)


def test_the_keyboard_reaches_everything(open_page, page_file):
    page = open_page(page_file)
    first = page.locator('.cgv-node[tabindex="0"]')
    assert first.count() == 1
    node(page, "age").focus()
    page.keyboard.press("ArrowRight")
    right = page.locator(".cgv-node:focus")
    assert right.bounding_box()["x"] > node(page, "age").bounding_box()["x"]
    for _ in range(5):
        if page.locator(".cgv-node:focus").get_attribute("aria-label").startswith("scanner,"):
            break
        page.keyboard.press("PageDown")
    page.keyboard.press("Enter")
    assert page.locator(".cgv-body h3").inner_text() == "scanner"
    before = node(page, "scanner").bounding_box()["y"]
    page.keyboard.press("Shift+ArrowDown")
    assert node(page, "scanner").bounding_box()["y"] > before
    page.keyboard.press("PageUp")
    page.keyboard.press("Enter")
    page.keyboard.press("PageDown")
    page.keyboard.press("Shift+Enter")
    assert page.locator(".cgv-body h3").inner_text() == "age · scanner"
    page.locator(".cgv-choice input").first.focus()
    page.keyboard.press("ArrowDown")
    page.get_by_role("tab", name="Knowledge (1)").wait_for()
    assert page.evaluate("document.activeElement.value") == "require"
    page.get_by_role("tab", name="Details").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="Edges").get_attribute("aria-selected") == "true"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("Edge")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_page_has_everything(open_page, page_file, scheme):
    page = open_page(page_file, width=390, height=844, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    picture, side = (
        page.locator(".cgv-svg").bounding_box(),
        page.locator(".cgv-side").bounding_box(),
    )
    assert side["y"] >= picture["y"] + picture["height"] and picture["height"] > 250
    node(page, "scanner").click()
    assert page.locator(".cgv-body h3").inner_text() == "scanner"
    paper, ink = page.evaluate(
        "() => { const s = getComputedStyle(document.querySelector('.cgv'));"
        " return [s.backgroundColor, s.color].map((c) => Number(c.match(/\\d+/)[0])); }"
    )
    assert (paper > 200 and ink < 60) if scheme == "light" else (paper < 60 and ink > 200)


def test_several_graphs_with_hostile_names_and_a_comparison(open_page, tmp_path):
    names = ("</script><img src=x onerror=alert(1)>", "<b>bold</b>", "a'\"&\\", "日本\u2028", "x")
    chain = CausalGraph.from_directed(names, np.eye(5, k=1))
    other = CausalGraph.from_directed(names, np.triu(np.ones((5, 5)), 2))
    css, js = graph_view_assets()
    parts = [graph_view_fragment(graph_view_data(chain), name="one"),
             graph_view_fragment(graph_view_data(chain, compare=other), name="two")]  # fmt: skip
    path = tmp_path / "page.html"
    path.write_text(f"<!doctype html><meta charset=utf-8><style>{css}</style>{''.join(parts)}"
                    f"<script>{js}</script>", encoding="utf-8")  # fmt: skip
    page = open_page(path)
    assert page.locator(".cgv-svg").count() == 2 and page.locator("img").count() == 0
    one, two = page.locator("#graph-one"), page.locator("#graph-two")
    one.get_by_role("tab", name="Edges").click()
    shown = one.locator(".cgv-table .cgv-link").all_inner_texts()
    assert shown[0] == f"{names[0]} → {names[1]}"
    one.locator(".cgv-table .cgv-link").nth(1).click()
    one.get_by_label("forbid <b>bold</b> → a'\"&\\", exact=True).check()
    one.get_by_role("tab", name="Knowledge").click()
    text = one.get_by_label("The knowledge as Python").input_value()
    assert knowledge_of(text).forbidden == ((names[1], names[2]),)
    assert two.locator(".is-added[data-edge]").count() == 4
    assert two.locator(".is-missing[data-edge]").count() == 6
    two.get_by_label("only in the other graph (6)").uncheck()
    assert two.locator(".is-missing[data-edge]:not(.is-hidden)").count() == 0
    two.get_by_role("tab", name="Edges").click()
    assert two.locator(".cgv-table .cgv-chip").all_inner_texts() == ["+ added"] * 4
