"""Before and after harmonisation: the points are those of the report."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError
from causalimg.harmonize import ComBat, harmonization_report
from causalimg.report.plots import HarmonizationPlots, batch_effects, outcome_kept
from causalimg.report.style import figure_to_svg

FEATURES = ["firstorder_mean", "glcm_contrast", "shape_volume"]


@pytest.fixture(scope="module")
def report():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(120, 3)), columns=FEATURES)
    table["scanner"] = np.repeat(["A", "B"], 60)
    table["malignant"] = (table["firstorder_mean"] + rng.normal(size=120) > 0).astype(int)
    table.loc[60:, ["glcm_contrast", "firstorder_mean"]] += [2.0, 1.0]
    after = ComBat(batch="scanner").fit_transform(table, features=FEATURES)
    return harmonization_report(
        table, after, batch="scanner", features=FEATURES, outcome="malignant"
    )


def offsets(ax, k: int) -> np.ndarray:
    return np.asarray([found for found in ax.collections
                       if type(found).__name__ == "PathCollection"][k].get_offsets())  # fmt: skip


@pytest.mark.parametrize("measure", ["batch_gap_sd", "batch_r2", "variance_ratio"])
def test_points_are_the_measures(report, measure):
    ax = batch_effects(report, measure=measure)
    names = [label.get_text() for label in ax.get_yticklabels()]
    wide = report.features.pivot(index="feature", columns="stage", values=measure).loc[names]
    assert offsets(ax, 0)[:, 0] == pytest.approx(wide["before"])
    assert offsets(ax, 1)[:, 0] == pytest.approx(wide["after"])
    assert wide["before"].is_monotonic_decreasing


def test_the_most_shifted_feature_is_first_and_moves_to_zero(report):
    ax = HarmonizationPlots(report).batch(n=1)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["glcm_contrast"]
    assert offsets(ax, 0)[0, 0] > 1.5 and offsets(ax, 1)[0, 0] < 0.3
    assert "scanner" in ax.get_xlabel() and "AUC" in ax.get_xlabel()


def test_outcome_association_before_and_after(report):
    ax = HarmonizationPlots(report).outcome()
    wide = report.features.pivot(index="feature", columns="stage", values="outcome_r")
    assert offsets(ax, 0) == pytest.approx(wide.loc[FEATURES, ["before", "after"]].to_numpy())


def test_the_report_has_its_plots(report):
    ax = Figure().add_subplot()
    assert report.plot.batch(ax=ax) is ax
    assert "scanner" in figure_to_svg(ax.figure, title="t")


def test_refusals(report):
    with pytest.raises(UnknownNameError, match=r"'batch_r3'.*batch_r2"):
        batch_effects(report, measure="batch_r3")
    with pytest.raises(InvalidInputError, match="n=0"):
        batch_effects(report, n=0)
    bare = type(report)(report.features, report.predictability, "scanner")
    with pytest.raises(NotEstimableError, match="outcome="):
        outcome_kept(bare)
