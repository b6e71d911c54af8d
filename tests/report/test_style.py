"""Style and SVG: nothing global changes, names stay text, bytes are the same each time."""

from __future__ import annotations

import pickle
import re
import xml.etree.ElementTree as ET

import matplotlib
import pytest

from causalimg.report.style import PALETTE, axes, clean, figure_to_svg, shorten, style


def drawn(label: str = "label") -> str:
    with style():
        ax = axes(None, (3, 2))
        ax.scatter([0, 1], [1, 2], color=PALETTE["blue"])
        ax.set_title(label)
    return figure_to_svg(ax.figure, title=label, name="one")


def test_matplotlib_settings_are_as_before():
    before = dict(matplotlib.rcParams)
    drawn()
    assert dict(matplotlib.rcParams) == before


def test_settings_come_back_after_an_error():
    before = dict(matplotlib.rcParams)
    with pytest.raises(RuntimeError), style():
        raise RuntimeError
    assert dict(matplotlib.rcParams) == before


def test_pyplot_has_no_memory_of_the_figures():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    drawn()
    assert plt.get_fignums() == before


def test_a_notebook_shows_axes_and_figure_without_pyplot():
    with style():
        ax = axes(None, (3, 2))
        ax.plot([0, 1], [1, 2])
    for shown in (ax, ax.figure):
        assert shown._repr_png_().startswith(b"\x89PNG")
    assert pickle.loads(pickle.dumps(ax))._repr_png_().startswith(b"\x89PNG")


def test_svg_is_one_element_with_a_name():
    text = drawn("Volcano & <plot>")
    root = ET.fromstring(text)
    assert root.tag.endswith("svg")
    assert root.get("role") == "img"
    assert root.get("aria-label") == "Volcano & <plot>"
    for absent in ("<?xml", "<!DOCTYPE", "<metadata", "<style", "dc:date", "<script"):
        assert absent not in text


def test_text_stays_text():
    names = {"".join(node.itertext()) for node in ET.fromstring(drawn("a name")).iter()}
    assert "a name" in names


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "$x^2$ & y", 'a"b', "a\x00b\x1fc"])
def test_any_name_is_escaped(name):
    text = drawn(name)
    ET.fromstring(text)
    assert "<script" not in text
    assert clean(name).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in text


def test_equal_figures_give_equal_bytes():
    assert drawn() == drawn()


def test_ids_differ_between_names_and_all_are_used():
    with style():
        ax = axes(None, (3, 2))
        ax.plot([0, 1], [0, 1], "o")
    first = figure_to_svg(ax.figure, title="t", name="first")
    second = figure_to_svg(ax.figure, title="t", name="second")
    ids = [set(re.findall(r' id="([^"]+)"', text)) for text in (first, second)]
    assert ids[0] and not ids[0] & ids[1]
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', first))
    assert used == ids[0]


def test_palette_colours_are_variables_with_a_fallback():
    assert f"var(--fig-blue, {PALETTE['blue']})" in drawn()


def test_palette_is_apart_for_readers_who_see_no_red_or_green():
    def luminance(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    def contrast(a: str, b: str) -> float:
        high, low = sorted((luminance(a), luminance(b)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    assert len(set(PALETTE.values())) == len(PALETTE)
    for name in ("ink", "muted", "blue", "orange", "teal", "violet"):
        assert contrast(PALETTE[name], PALETTE["paper"]) >= 4.5, name
    for name in ("grey", "gold"):
        assert contrast(PALETTE[name], PALETTE["paper"]) >= 3.0, name


@pytest.mark.parametrize("width", [8, 9, 20])
def test_shortened_names_fit_and_keep_both_ends(width):
    short = shorten("wavelet_hhl_glcm_contrast", width)
    assert len(short) == width and "…" in short
    assert short.startswith("wav") and short.endswith("ast")


def test_short_names_stay():
    assert shorten("mean", 10) == "mean"
    assert clean("\n") == "(no name)"
