"""The page: whole, alone, escaped, and the same each time."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from causalimg.graph.core import CausalGraph
from causalimg.report import render, write_report
from causalimg.study_result import Refusal
from causalimg.tables.effect_table import EffectTable

NASTY = "<script>alert(1)</script>"
VOID = {"meta", "br", "wbr", "input", "link", "img", "hr"}
SECTIONS = ("answer", "cohort", "shift", "balance", "graph", "invariant", "truth", "assumptions",
            "provenance")  # fmt: skip


class Reader(HTMLParser):
    """Collects tags, ids, attributes and text, and notices tags that do not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
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
        self.text.append(data)


@pytest.fixture(scope="module")
def page(study) -> str:
    return render(study)


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


def test_equal_studies_give_equal_bytes(study, studies, page):
    assert render(study) == page
    assert render(replace(studies(), stages={"extract": "reused"})) == page


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


def test_the_effect_table_has_a_row_for_every_effect(study, page):
    body = page.split('<table id="effects"')[1].split("</table>")[0]
    assert body.count("<tr ") == len(study.effects.frame)
    assert "the column is constant: 1.0 in every case" in body


def test_a_refusal_is_prominent(study):
    refusal = Refusal("discover", "NotEstimableError", f"why: {NASTY}; do this instead")
    text = render(replace(study, graph=None, refusals=(refusal,)))
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
    assert not {"shift", "balance", "graph", "invariant", "truth", "refusals"} & set(read.ids)


@pytest.mark.parametrize(
    "part",
    ["redundancy", "graph", "effects", "naive", "propensity", "invariant", "truth"],
)
def test_any_part_may_be_missing(study, part):
    read = Reader(render(replace(study, **{part: None})))
    assert not read.wrong and not read.open
    assert len(read.ids) == len(set(read.ids))


def test_nothing_estimable_still_gives_a_page(study):
    frame = study.effects.frame.assign(status="not_estimable", reason="one level only")
    for name in ("estimate", "ci_low", "ci_high", "q", "effect_sd", "outcome_sd", "ess"):
        frame[name] = float("nan")
    text = render(replace(study, effects=EffectTable(frame)))
    assert "one level only" in text
    assert "nan" not in "".join(Reader(text).text).lower().replace("nano", "").split()


def test_several_contrasts_have_their_own_figures(studies):
    read = Reader(render(studies(levels=("A", "B", "C"))))
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
    assert read.tags.count("script") == 1
    assert NASTY not in text
    assert "<b>B" not in text
    assert not read.wrong and not read.open
    assert NASTY in "".join(read.text)


def test_write_report_makes_the_folder_and_nothing_else(study, page, tmp_path):
    target = tmp_path / "results" / "report.html"
    write_report(study, target)
    assert target.read_text(encoding="utf-8") == page
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]


def test_figures_have_a_description(read):
    labels = [value for tag, name, value in read.attributes if (tag, name) == ("svg", "aria-label")]
    assert len(labels) == read.tags.count("svg") >= 6
    assert all(labels)


def test_tables_scroll_in_their_own_container(page):
    for before in page.split("<table")[:-1]:
        assert 'class="scroll' in before[before.rindex("<div") :]
