"""The page: whole, alone, escaped, and the same each time."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from causalimg.graph.core import CausalGraph
from causalimg.report import render, write_report
from causalimg.study_result import Refusal
from causalimg.tables.effect_table import EffectTable

NASTY = "<script>alert(1)</script>"
SMALL = ["shape_a", "glcm_b", "glcm_c", "glcm_d", "firstorder_e"]
VOID = {"meta", "br", "wbr", "input", "link", "img", "hr"}
SECTIONS = ("answer", "cohort", "shift", "effects", "balance", "graph", "invariant", "cases",
            "truth", "assumptions", "provenance")  # fmt: skip


class Reader(HTMLParser):
    """Collects tags, ids, attributes, text, scripts and data; notices tags that do not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.text: list[str] = []
        self.scripts: list[str] = []
        self.data: list[str] = []
        self.kind = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        self.kind = dict(attrs).get("type") or ""
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["script"]:
            self.text.append(data)
        else:
            (self.data if self.kind == "application/json" else self.scripts).append(data)


def data_of(read: Reader) -> dict:
    """The page's own data (the graph has its own)."""
    return next(found for found in map(json.loads, read.data) if "cases" in found)


@pytest.fixture(scope="module")
def page(study) -> str:
    return render(study)


@pytest.fixture(scope="module")
def small(studies):
    return studies(n=60, features=SMALL)


@pytest.fixture(scope="module")
def read(page) -> Reader:
    return Reader(page)


def test_every_section_is_there_and_tags_close(read):
    assert set(SECTIONS) <= set(read.ids)
    assert not read.wrong and not read.open
    assert len(read.ids) == len(set(read.ids))


def test_links_inside_the_page_have_a_target(read):
    for _, name, value in read.attributes:
        if name in ("href", "xlink:href"):
            assert value.startswith("#") and value[1:] in read.ids


def test_nothing_comes_from_elsewhere(page, read):
    assert "link" not in read.tags and "img" not in read.tags and "iframe" not in read.tags
    for tag, name, value in read.attributes:
        assert name not in ("src", "srcset", "data", "action", "formaction"), (tag, name, value)
        assert not name.startswith("on")
        if not name.startswith("xmlns"):
            assert "//" not in value, (tag, name, value)
    assert "@import" not in page
    assert all(found.startswith("#") for found in re.findall(r"url\(([^)]*)\)", page))


def test_no_absolute_path(page):
    assert "/home/" not in page and "/tmp/" not in page and "file:" not in page


def test_equal_studies_give_equal_bytes(small, studies):
    again = studies(n=60, features=SMALL)
    assert render(replace(again, stages={"extract": "reused"})) == render(small)


def test_numbers_of_the_study_are_on_the_page(study, page):
    for feature in study.table.features:
        assert feature in page
    for row in study.table.failures.itertuples():
        assert row.case_id in page
    assert "resample the mask to the image" in page
    for made in study.provenance().values():
        assert made.digest()[:12] in page
        for text in made.assumptions:
            assert text in page
    for note in (*study.notes, *study.effects.notes):
        assert note in page
    assert "one draw, not 31" in page


def test_the_explorer_has_a_row_for_every_effect(study, read):
    data = data_of(read)["effects"]
    rows = data["rows"]
    assert {len(rows[name]) for name in ("feature", "contrast", "sd", "naive", "q", "n")} == {
        len(study.effects.frame)
    }
    assert "the column is constant: 1.0 in every case" in rows["why"]["levels"]
    largest = study.effects.estimable["effect_sd"].abs().max()
    assert abs(rows["sd"][0]) == pytest.approx(largest, rel=1e-3)
    assert rows["sd"][-1] is None


def test_a_page_without_scripts_has_the_largest_effects(study, page):
    body = page.split('<table id="effects-table"')[1].split("</table>")[0]
    assert body.count("<tr>") == 1 + min(50, len(study.effects.frame))
    assert "the column is constant: 1.0 in every case" in body


def test_only_the_scripts_of_the_page_may_run(read):
    policy = next(value for tag, name, value in read.attributes if value.startswith("default-src"))
    assert "default-src 'none'" in policy and "'unsafe-eval'" not in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    assert len(read.scripts) == 2
    for script in read.scripts:
        sha = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{sha}'" in policy


def test_headings_and_landmarks(read):
    assert [read.tags.count(tag) for tag in ("h1", "header", "main", "nav", "footer")] == [1] * 5
    levels = [int(tag[1]) for tag in read.tags if re.fullmatch("h[1-6]", tag)]
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert read.ids.index("answer") < min(read.ids.index(name) for name in SECTIONS[1:])


def test_a_study_with_pictures_has_one_for_every_case(studies):
    made = studies(n=12, features=SMALL, n_failed=1, pictures=20)
    cases = data_of(Reader(render(made)))["cases"]
    assert cases["ids"] == list(made.table.frame["case_id"])
    assert len(cases["pictures"]) == 11 and all(cases["pictures"])
    assert cases["files"]["image"][0] == "images/P0001.nii"
    assert cases["files"]["image_sha"][3] == made.pictures.frame["image_sha256"][3][:12]
    assert cases["groups"][0] == "scanner"
    assert [len(picture["png"]) > 100 for picture in cases["pictures"]] == [True] * 11


def test_a_study_of_features_says_why_there_are_no_pictures(small):
    text = render(replace(small, cohort=None))
    assert "started from a table of features" in text
    assert data_of(Reader(text))["cases"]["pictures"] == []


def test_a_page_of_500_cases_and_1000_features_is_below_10_mb(studies):
    features = [f"{family}_feature_{k:04d}" for family in ("shape", "glcm") for k in range(500)]
    made = studies(n=500, levels=("A", "B", "C"), features=features, n_failed=0, in_graph=25,
                   pictures=96)  # fmt: skip
    made = replace(made, truth=None, propensity=None)
    text = render(made)
    assert len(text.encode()) < 10e6
    data = data_of(Reader(text))
    assert len(data["effects"]["rows"]["sd"]) == 2000
    assert len(data["cases"]["features"]) == 1000
    assert len(data["cases"]["values"]) == 4 * 500 * 1000
    assert len(data["cases"]["pictures"]) == 500
    assert min(max(picture["box"]) for picture in data["cases"]["pictures"]) > 80


def test_a_refusal_is_prominent(small):
    refusal = Refusal("discover", "NotEstimableError", f"why: {NASTY}; do this instead")
    text = render(replace(small, graph=None, refusals=(refusal,)))
    read = Reader(text)
    assert read.ids.index("refusals") < read.ids.index("cohort")
    assert ("section", "role", "alert") in read.attributes
    assert "do this instead" in "".join(read.text)
    assert NASTY not in text
    assert "The graph was refused" in text


def test_a_study_that_only_extracted(bare):
    text = render(bare)
    read = Reader(text)
    assert not read.wrong and not read.open
    assert {"answer", "cohort", "assumptions", "provenance"} <= set(read.ids)
    assert not {"shift", "effects", "graph", "invariant", "truth", "refusals"} & set(read.ids)


@pytest.mark.parametrize(
    "part",
    ["redundancy", "graph", "effects", "naive", "propensity", "invariant", "truth"],
)
def test_any_part_may_be_missing(small, part):
    read = Reader(render(replace(small, **{part: None})))
    assert not read.wrong and not read.open
    assert len(read.ids) == len(set(read.ids))


def test_nothing_estimable_still_gives_a_page(small):
    frame = small.effects.frame.assign(status="not_estimable", reason="one level only")
    for name in ("estimate", "ci_low", "ci_high", "q", "effect_sd", "outcome_sd", "ess"):
        frame[name] = float("nan")
    text = render(replace(small, effects=EffectTable(frame)))
    assert "one level only" in text
    assert "nan" not in "".join(Reader(text).text).lower().replace("nano", "").split()


def test_several_contrasts_have_their_own_figures(studies):
    read = Reader(render(studies(levels=("A", "B", "C"), features=SMALL)))
    labels = [value for tag, name, value in read.attributes if (tag, name) == ("svg", "aria-label")]
    assert "Volcano plot of the effects B - A" in labels
    assert "Volcano plot of the effects C - A" in labels
    assert len(read.ids) == len(set(read.ids))


def test_every_name_is_escaped(studies):
    features = [NASTY, 'a"b<c>&d', *[f"f{k}" for k in range(6)]]
    made = studies(levels=("A", "<b>B"), features=features)
    nodes = tuple(NASTY if name == "age" else name for name in made.graph.nodes
                  if name != NASTY)  # fmt: skip
    d = len(nodes)
    adjacency = [[int(j == i + 1) for j in range(d)] for i in range(d)]
    config = made.config.model_copy(
        update={"study": made.config.study.model_copy(update={"name": f"{NASTY} study"}),
                "discover": None}
    )  # fmt: skip
    text = render(replace(made, config=config, graph=CausalGraph.from_directed(nodes, adjacency),
                          notes=(NASTY,)))  # fmt: skip
    read = Reader(text)
    assert len(read.scripts) == 2
    assert NASTY not in text
    assert "<b>B" not in text
    assert NASTY in data_of(read)["effects"]["features"]["name"]
    assert not read.wrong and not read.open
    assert NASTY in "".join(read.text)


def test_write_report_makes_the_folder_and_nothing_else(small, tmp_path):
    target = tmp_path / "results" / "report.html"
    write_report(small, target)
    assert target.read_text(encoding="utf-8") == render(small)
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]


def test_figures_have_a_description(read):
    labels = [value for tag, name, value in read.attributes if (tag, name) == ("svg", "aria-label")]
    figures = [
        value
        for tag, name, value in read.attributes
        if (tag, name, value) == ("svg", "class", "figure")
    ]
    assert len(labels) == len(figures) >= 6
    assert all(labels)


def test_tables_scroll_in_their_own_container(page):
    for before in page.split("<table")[:-1]:
        assert 'class="scroll' in before[before.rindex("<div") :]
