"""The report in a browser: offline, without a complaint, by mouse and by keyboard, on paper."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from synthetic_study import make_evidence, make_study

from causalimg.report import write_report

NASTY = "<img src=x onerror=window.hurt=1>"
LARGE = [f"{family}_feature_{k:04d}" for family in ("shape", "glcm") for k in range(500)]

# Every visible text against the nearest background colour behind it; text below 4.5 to 1 comes
# back (3 to 1 where it is large).
CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const part = [r, g, b].map((c) => c / 255).map((c) => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
    return .2126 * part[0] + .7152 * part[1] + .0722 * part[2];
  };
  const behind = (place) => {
    for (let at = place; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return rgba(getComputedStyle(document.body).backgroundColor);
  };
  const found = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const place = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !place.checkVisibility() || place.closest("script, style, :disabled")) continue;
    const style = getComputedStyle(place);
    const ink = place.closest("svg") ? style.fill : style.color;
    if (ink === "none" || rgba(ink)[3] < 255) continue;
    const [a, b] = [light(rgba(ink)), light(behind(place))].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.6 && Number(style.fontWeight) >= 700);
    if ((a + .05) / (b + .05) < (large ? 3 : 4.5)) found.add(`${place.tagName}.${place.getAttribute("class")} ${ink} ${((a + .05) / (b + .05)).toFixed(2)}: ${place.textContent.slice(0, 40)}`);
  }
  for (const field of document.querySelectorAll("[placeholder]")) {
    const ink = getComputedStyle(field, "::placeholder").color;
    const [a, b] = [light(rgba(ink)), light(behind(field))].sort((x, y) => y - x);
    if (field.checkVisibility() && (a + .05) / (b + .05) < 4.5) found.add(`placeholder ${ink}: ${field.placeholder}`);
  }
  return [...found];
}"""  # noqa: E501


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with every part, its pictures, and a name that tries to be markup."""
    names = [NASTY, "firstorder_mean", "firstorder_energy", "glcm_contrast", "glcm_correlation",
             "shape_sphericity", "shape_mesh_volume", "wavelet_hhl_glrlm_run_variance"]  # fmt: skip
    study = make_study(n=60, levels=("A", "B", "C"), features=names, pictures=32)
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(study, path)
    return path


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """500 cases, 1,000 features, three contrasts."""
    study = make_study(n=500, levels=("A", "B", "C", "D"), features=LARGE, n_failed=0, in_graph=5,
                       pictures=96)  # fmt: skip
    study = replace(study, truth=None, propensity=None, invariant=None, naive=None)
    path = tmp_path_factory.mktemp("large") / "report.html"
    write_report(study, path)
    return path


def rows(page: Any) -> list[str]:
    return page.locator("#effects-table tr.row th .open").all_inner_texts()


def said(page: Any, part: str = "effects") -> str:
    return page.locator(f"#{part}-pager [role=status]").inner_text()


def test_the_explorer_filters_sorts_and_opens(report: Path, open_page: Callable[..., Any]) -> None:
    page = open_page(report)
    assert said(page) == "1–16 of 16 rows"
    sizes = page.locator("#effects-table tr.row td.n > span").all_inner_texts()
    numbers = [abs(float(text.replace("−", "-"))) for text in sizes]
    assert numbers == sorted(numbers, reverse=True)

    page.locator("#effects-find").fill("glcm corr")
    page.get_by_text("1–2 of 2 rows, from 16").wait_for()
    assert set(rows(page)) == {"glcm_correlation"}
    page.locator("#effects-find").fill("")
    page.get_by_text("1–16 of 16 rows").wait_for()

    page.locator("#effects-family").select_option("shape")
    assert set(rows(page)) == {"shape_sphericity", "shape_mesh_volume"}
    page.locator("#effects-contrast").select_option(label="C - A")
    assert said(page).startswith("1–2 of 2 rows")
    page.locator("#effects-family").select_option("")
    page.locator("#effects-status").select_option("not_estimable")
    assert said(page).startswith("No row")
    page.locator("#effects-contrast").select_option("")
    assert rows(page) == ["glcm_contrast"]
    page.locator("#effects-status").select_option("")

    page.locator("#effects-type").select_option("wavelet_hhl")
    assert set(rows(page)) == {"wavelet_hhl_glrlm_run_variance"}
    page.locator("#effects-family").select_option("glcm")
    assert said(page).startswith("No row")
    page.locator("#effects-family").select_option("")
    page.locator("#effects-type").select_option("")

    page.locator("th[data-key=feature] button").click()
    names = rows(page)
    assert names == sorted(names)
    page.locator("th[data-key=feature] button").click()
    assert rows(page) == sorted(names, reverse=True)
    assert page.locator("th[data-key=feature]").get_attribute("aria-sort") == "descending"

    page.locator("#effects-table tr.row", has_text="shape_sphericity").first.click()
    detail = page.locator("#effects-table tr.detail").inner_text()
    assert "shifts this feature by" in detail and "95 % interval" in detail
    assert "Unadjusted" in detail and "effective cases" in detail and "record" in detail


def test_a_number_can_be_followed_to_an_image(report: Path, open_page: Callable[..., Any]) -> None:
    page = open_page(report)
    page.locator("#effects-table tr.row", has_text="firstorder_energy").first.click()
    page.get_by_role("button", name="See the cases").click()
    chosen = page.locator("#cases-feature option:checked").inner_text()
    assert chosen == "firstorder_energy"
    first = page.locator("#cases-gallery .tile").first
    name = first.locator(".tile-id").inner_text()
    view = page.locator("#cases-view")
    assert name in view.locator("figcaption").inner_text()
    assert f"images/{name}.nii" in view.inner_text() and "sha256" in view.inner_text()
    assert "the highest of the" in view.inner_text()
    assert view.locator("img").evaluate("image => image.naturalWidth") > 8
    assert view.locator("path.over").get_attribute("d").startswith("M")

    page.locator(".strip .dot:not(.here)").first.dispatch_event("click")
    other = view.locator("figcaption").inner_text()
    assert other != name
    assert page.locator(".tile[aria-pressed=true] .tile-id").inner_text() == other

    page.locator("#cases-outline").uncheck()
    assert page.locator("#cases .over").count() == 0
    page.locator("#cases-group").select_option("site")
    assert page.locator(".strip .group").count() == 3
    page.locator("#cases-find").fill("site=s2")
    page.get_by_text(re.compile(r"of \d+ cases, from 58")).wait_for()
    page.locator("#cases-sort").select_option("up")
    values = page.locator(".tile-value").all_inner_texts()
    numbers = [float(text.replace("−", "-").replace(",", "")) for text in values]
    assert numbers == sorted(numbers) and len(numbers) > 5

    page.get_by_role("button", name=re.compile("^Effect on")).click()
    assert page.locator("#effects-table tr.is-open .open").inner_text() == "firstorder_energy"


def test_by_keyboard_alone(report: Path, open_page: Callable[..., Any]) -> None:
    page = open_page(report)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator("#effects-find").focus()
    page.keyboard.type("mean")
    page.get_by_text("1–2 of 2 rows, from 16").wait_for()
    page.locator("#effects-table tr.row button.open").first.focus()
    page.keyboard.press("Enter")
    opened = page.locator("#effects-table button.open").first
    assert opened.get_attribute("aria-expanded") == "true"
    assert opened.evaluate("button => button === document.activeElement")
    assert opened.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert opened.get_attribute("aria-expanded") == "false"
    second = page.locator("#cases-gallery .tile").nth(1)
    second.focus()
    page.keyboard.press("Space")
    assert second.get_attribute("aria-pressed") == "true"
    unnamed = page.locator("button, input, select").evaluate_all(
        "parts => parts.filter((part) => part.checkVisibility() && !part.closest('.cgv')"
        " && !(part.innerText || part.ariaLabel || (part.labels && part.labels.length)))"
        ".map((part) => part.outerHTML)"
    )
    assert unnamed == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_it_reads_on_every_screen(
    width: int, scheme: str, report: Path, open_page: Callable[..., Any]
) -> None:
    page = open_page(report, width=width, scheme=scheme)
    page.locator("#effects-table button.open").first.click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(CONTRAST) == []
    button = page.locator("#theme")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert button.inner_text() == ("Dark page" if scheme == "light" else "Light page")
    button.click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate("Object.keys(localStorage).length + document.cookie.length") == 0


def test_the_interactive_graph_is_on_the_page(report: Path, open_page: Callable[..., Any]) -> None:
    page = open_page(report)
    assert page.locator("#graph .cgv svg").first.is_visible()
    assert not page.locator("#graph .static").is_visible()


def test_an_edge_of_the_page_shows_its_test_and_separating_set(
    tmp_path: Path, open_page: Callable[..., Any]
) -> None:
    study = make_study(n=40, in_graph=4)
    path = tmp_path / "report.html"
    write_report(replace(study, evidence=make_evidence(study.graph)), path)
    page = open_page(path)
    graph = page.locator("#graph .cgv")
    graph.locator('.cgv-node[aria-label^="age,"]').click()
    graph.locator('.cgv-node[aria-label^="sex,"]').click(modifiers=["Shift"])
    said = graph.locator(".cgv-body").inner_text()
    assert "Test (fisher_z, level 0.01)" in said and "Independent given {site}, p = 0." in said
    graph.get_by_role("tab", name="Edges").click()
    graph.locator(".cgv-table .cgv-link").first.click()
    said = graph.locator(".cgv-body").inner_text()
    assert "Dependent given every set that was tried; largest p = 0.00" in said
    assert "of the resamples join them" in said


def test_the_graph_can_fill_the_window(report: Path, open_page: Callable[..., Any]) -> None:
    page = open_page(report)
    graph = page.locator("#graph .cgv")
    before = graph.bounding_box()
    graph.locator(".cgv-enlarge").click()
    box = graph.bounding_box()
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 1280, 900)
    nodes = [one.bounding_box() for one in graph.locator(".cgv-node").all()]
    canvas = graph.locator(".cgv-svg").bounding_box()
    assert min(one["x"] for one in nodes) >= 0 and canvas["height"] > 700
    page.keyboard.press("Escape")
    assert graph.bounding_box()["width"] == before["width"]
    assert graph.locator(".cgv-enlarge").evaluate("b => b === document.activeElement")


def test_provenance_can_be_read_on_paper(report: Path, open_page: Callable[..., Any]) -> None:
    page = open_page(report, width=720)
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    page.emulate_media(media="print")
    names = page.locator("#provenance tbody th, #graph tbody th")
    heights = names.evaluate_all(
        "cells => cells.map((cell) => cell.getBoundingClientRect().height"
        " / parseFloat(getComputedStyle(cell).lineHeight))"
    )
    assert len(heights) > 20 and max(heights) < 4  # not a letter a line


def test_on_paper_there_are_no_controls(report: Path, open_page: Callable[..., Any]) -> None:
    page = open_page(report, scheme="dark")
    page.emulate_media(media="print")
    for part in ("nav", ".tools", ".pager", "#theme", "#graph .cgv", "button.link"):
        assert not any(found.is_visible() for found in page.locator(part).all()), part
    assert page.locator("#graph .static svg").is_visible()
    assert page.locator("#effects-printed").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate(CONTRAST) == []


def test_a_name_cannot_become_markup_or_script(report: Path, open_page: Callable[..., Any]) -> None:
    page = open_page(report)
    page.locator("#effects-find").fill("onerror")
    page.get_by_text("1–2 of 2 rows, from 16").wait_for()
    page.locator("#effects-table button.open").first.click()
    assert rows(page)[0] == NASTY
    assert page.evaluate("window.hurt") is None
    assert page.locator("#cases-feature option", has_text="onerror").count() == 1


def test_without_scripts_the_numbers_are_still_there(report: Path, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(report.resolve().as_uri())
    assert page.locator("#effects-table tbody tr").count() == 16
    assert page.locator("#graph .static svg").is_visible()
    assert not page.locator("#theme").is_visible()
    context.close()


def test_a_large_study_stays_quick(large: Path, open_page: Callable[..., Any]) -> None:
    page = open_page(large)
    assert said(page) == "1–50 of 3,000 rows"
    assert page.locator("#effects-table tr.row").count() == 50
    assert page.locator("#cases-gallery .tile").count() == 48
    spent = page.evaluate(
        """async () => {
          const find = document.getElementById("effects-find");
          const status = document.querySelector("#effects-pager [role=status]");
          const before = performance.now();
          find.value = "feature_0123";
          find.dispatchEvent(new Event("input"));
          while (!status.textContent.startsWith("1\u20136 of 6 ")) {
            if (performance.now() - before > 5000) return Infinity;
            await new Promise((done) => setTimeout(done, 5));
          }
          return performance.now() - before;
        }"""
    )
    assert spent < 1500
    page.locator("#effects-find").fill("")
    page.get_by_text("1–50 of 3,000 rows").wait_for()
    page.locator("#effects-pager").get_by_role("button", name="Next").click()
    assert said(page) == "51–100 of 3,000 rows"
