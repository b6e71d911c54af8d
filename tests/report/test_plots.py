"""The figures: what is drawn, how often, and what is refused."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError
from causalimg.report.labels import cover, place_labels
from causalimg.report.plots import (
    EffectPlots,
    equivalence,
    forest,
    love,
    overlap,
    truth_scatter,
    volcano,
)
from causalimg.report.style import figure_to_svg
from causalimg.tables.effect_table import EffectTable


def points(ax: Axes) -> int:
    return sum(len(found.get_offsets()) for found in ax.collections
               if type(found).__name__ == "PathCollection")  # fmt: skip


def texts(ax: Axes) -> list[str]:
    root = ET.fromstring(figure_to_svg(ax.figure, title="t"))
    return ["".join(node.itertext()) for node in root.iter() if node.tag.endswith("text")]


def test_volcano_has_a_point_for_every_estimable_effect(study):
    ax = volcano(study.effects)
    assert isinstance(ax, Axes)
    assert points(ax) == len(study.effects.estimable)


def test_volcano_labels_do_not_cover_each_other(studies):
    crowded = studies(levels=("A", "B", "C"), seed=4).effects
    ax = volcano(crowded, n_labels=40)
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts if not text.get_text().startswith("q =")]
    edges = [(b.x0, b.y0, b.x1, b.y1) for b in boxes]
    assert len(edges) > 5
    for k, box in enumerate(edges):
        assert not any(cover(box, other) for other in edges[k + 1 :])


def test_labels_that_find_no_room_are_left_out():
    ax = Figure(figsize=(2, 2)).add_subplot()
    spots = np.full((30, 2), 0.5)
    assert place_labels(ax, spots, [f"a_rather_long_name_{k}" for k in range(30)]) < 30
    assert place_labels(ax, spots[:0], []) == 0


def test_a_contrast_can_be_chosen(studies):
    table = studies(levels=("A", "B", "C")).effects
    some = volcano(table, contrast="C - A")
    assert points(some) == int((table.estimable["contrast"] == "C - A").sum())
    assert points(volcano(table)) == len(table.estimable)
    with pytest.raises(UnknownNameError, match=r"no contrast 'C - B'.*contrasts: B - A, C - A"):
        volcano(table, contrast="C - B")


def test_forest_has_the_largest_effects(study):
    ax = forest(study.effects, n=5)
    largest = study.effects.estimable["effect_sd"].abs().nlargest(5)
    assert points(ax) == 5
    first = study.effects.frame.loc[largest.index[0], "outcome"]
    assert ax.get_yticklabels()[0].get_text() == first
    assert ax.yaxis_inverted()


def test_forest_adds_naive_and_true_effects(study):
    assert points(forest(study.effects, n=5, naive=study.naive, truth=study.truth)) == 15
    said = texts(forest(study.effects, n=5, naive=study.naive, truth=study.truth))
    assert "true effect" in said and "naive difference in means" in said


def test_forest_needs_a_row(study):
    with pytest.raises(InvalidInputError, match="n=0"):
        forest(study.effects, n=0)


def test_nothing_estimable_is_said(study):
    none = EffectTable(study.effects.frame.assign(status="not_estimable"))
    for draw in (volcano, forest):
        assert "no effect could be estimated" in texts(draw(none))


def test_love_has_two_points_for_each_covariate(study):
    ax = love(study.effects.balance)
    names = study.effects.balance["covariate"].nunique()
    assert points(ax) == 2 * names
    assert ax.get_yticklabels()[0].get_text() == "age"


def test_love_stands_infinite_differences(study):
    balance = study.effects.balance.copy()
    balance.loc[0, "smd_raw"] = np.inf
    texts(love(balance))


def test_overlap_counts_every_case(study):
    ax = overlap(study.propensity, "B")
    up = sum(patch.get_height() for patch in ax.patches if patch.get_height() > 0)
    down = -sum(patch.get_height() for patch in ax.patches if patch.get_height() < 0)
    received = study.propensity["level"]
    assert (up, down) == ((received == "B").sum(), (received != "B").sum())
    with pytest.raises(UnknownNameError, match="no level 'b'"):
        overlap(study.propensity, "b")


def test_truth_scatter_has_both_estimates(study):
    n = len(study.effects.estimable)
    assert points(truth_scatter(study.effects, study.truth)) == n
    assert points(truth_scatter(study.effects, study.truth, study.naive)) == 2 * n


def test_equivalence_shows_every_verdict(study):
    ax = equivalence(study.invariant)
    assert points(ax) == len(study.invariant.evidence)
    assert {"stable", "shifted", "not certifiable"} <= set(texts(ax))
    few = equivalence(study.invariant, n=9)
    assert points(few) <= 9
    assert {"stable", "shifted", "not certifiable"} <= set(texts(few))


def test_equivalence_without_any_number(study):
    evidence = study.invariant.evidence.assign(verdict="not_certifiable", effect_sd=np.nan)
    none = replace(study.invariant, features=(), evidence=evidence)
    assert "no feature has an estimated effect" in texts(equivalence(none))


def test_given_axes_are_used(study):
    ax = Figure().add_subplot()
    assert volcano(study.effects, ax=ax) is ax
    assert love(study.effects.balance, ax=ax) is ax


def test_the_tables_own_plots(study):
    plots = study.effects.plot
    assert isinstance(plots, EffectPlots)
    assert points(plots.volcano()) == len(study.effects.estimable)
    assert points(plots.forest(n=3)) == 3
    assert isinstance(plots.love(), Axes)
    with pytest.raises(NotEstimableError, match="no balance table"):
        EffectPlots(EffectTable(study.effects.frame)).love()


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "$a_b$ & c", "x" * 300])
def test_strange_names_are_drawn_as_they_are(study, name):
    old = study.effects.estimable["outcome"].iloc[
        int(np.argmax(study.effects.estimable["effect_sd"].abs().to_numpy()))
    ]
    frame = study.effects.frame.assign(outcome=study.effects.frame["outcome"].replace(old, name))
    said = texts(forest(EffectTable(frame), n=3))
    assert any(text == name or "…" in text for text in said)
    texts(volcano(EffectTable(frame)))
    texts(love(pd.DataFrame({"covariate": [name], "smd_raw": [0.3], "smd_weighted": [0.1]})))
