"""Figures of harmonisation: what is left of the batch, and what is left of the outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError, nearest
from causalimg.harmonize.report import HarmonizationReport
from causalimg.report.plots_effects import nothing
from causalimg.report.style import PALETTE, axes, legend_above, row_labels, shorten, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BATCH_MEASURES = {
    "batch_gap_sd": "largest difference between levels [SD within]",
    "batch_r2": "share of the variance explained by {batch}",
    "variance_ratio": "largest over smallest variance of a level",
}


def batch_effects(
    report: HarmonizationReport,
    *,
    measure: str = "batch_gap_sd",
    n: int = 40,
    ax: Axes | None = None,
) -> Axes:
    """Draw each feature's batch effect before and after harmonisation, joined by a line.

    Parameters
    ----------
    report : HarmonizationReport
    measure : {"batch_gap_sd", "batch_r2", "variance_ratio"}
    n : int
        Features shown at most, the largest batch effects before first.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    UnknownNameError
        If there is no such measure.

    Examples
    --------
    >>> from causalimg.harmonize import ComBat, harmonization_report
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame(rng.normal(size=(80, 3)), columns=["a", "b", "c"])
    >>> table["scanner"] = np.repeat(["A", "B"], 40)
    >>> table.loc[40:, "a"] += 1.5
    >>> after = ComBat(batch="scanner").fit_transform(table)
    >>> found = harmonization_report(table, after, batch="scanner", features=["a", "b", "c"])
    >>> [label.get_text() for label in batch_effects(found).get_yticklabels()][0]
    'a'
    """
    if measure not in BATCH_MEASURES:
        raise UnknownNameError(
            f"no batch measure {measure!r}{nearest(measure, BATCH_MEASURES)}"
            f" (measures: {', '.join(BATCH_MEASURES)})"
        )
    if n < 1:
        raise InvalidInputError(f"n={n}: a plot of features needs at least 1 row")
    wide = _before_after(report, measure)
    rows = wide.sort_values("before", ascending=False, kind="stable").head(n)
    with style():
        own = ax is None
        ax = axes(ax, (6.2, 1.3 + 0.215 * max(4, len(rows))))
        if rows.empty:
            return nothing(ax, "no feature was compared")
        place = np.arange(len(rows), dtype=float)
        ax.hlines(place, rows["before"], rows["after"], color=PALETTE["grey"], lw=1.0, alpha=0.7)
        ax.scatter(rows["before"], place, s=28, facecolors=PALETTE["paper"], linewidths=1.2,
                   edgecolors=PALETTE["blue"], zorder=3, label="before")  # fmt: skip
        ax.scatter(rows["after"], place, s=28, color=PALETTE["orange"], linewidths=0, zorder=4,
                   label="after harmonisation")  # fmt: skip
        row_labels(ax, list(place), [shorten(name, 40) for name in rows.index])
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.set_xlim(left=1.0 if measure == "variance_ratio" else 0.0)
        batch = shorten(report.batch, 24)
        said = BATCH_MEASURES[measure].format(batch=batch) + _told(report, batch)
        ax.set_xlabel(said).set_parse_math(False)
        ax.spines["left"].set_visible(False)
        legend_above(ax, own=own)
    return ax


def outcome_kept(report: HarmonizationReport, *, ax: Axes | None = None) -> Axes:
    """Draw each feature's correlation with the outcome after harmonisation against before.

    Points near the diagonal kept what they said about the outcome; points pulled towards zero
    lost it together with the batch.

    Parameters
    ----------
    report : HarmonizationReport
        Made with ``outcome=``.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    NotEstimableError
        If the report was made without an outcome.

    Examples
    --------
    >>> from causalimg.harmonize import ComBat, harmonization_report
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame(rng.normal(size=(80, 3)), columns=["a", "b", "c"])
    >>> table["scanner"] = np.repeat(["A", "B"], 40)
    >>> table["malignant"] = (table["a"] > 0).astype(int)
    >>> after = ComBat(batch="scanner").fit_transform(table)
    >>> found = harmonization_report(table, after, batch="scanner", features=["a", "b", "c"],
    ...                              outcome="malignant")
    >>> outcome_kept(found).get_xlabel()
    'correlation with malignant before'
    """
    if report.outcome is None:
        raise NotEstimableError(
            "this report has no outcome: make it with harmonization_report(..., outcome=...)"
        )
    wide = _before_after(report, "outcome_r")
    with style():
        ax = axes(ax, (4.8, 4.6))
        if wide.empty:
            return nothing(ax, "no feature has a correlation with the outcome")
        reach = 1.1 * max(0.1, float(wide.abs().to_numpy().max()))
        ax.plot([-reach, reach], [-reach, reach], color=PALETTE["muted"], lw=0.9,
                ls=(0, (4, 3)), zorder=1)  # fmt: skip
        for draw in (ax.axhline, ax.axvline):
            draw(0, color=PALETTE["grey"], lw=0.8)
        ax.scatter(wide["before"], wide["after"], s=24, color=PALETTE["orange"], alpha=0.85,
                   linewidths=0, zorder=3)  # fmt: skip
        ax.set_xlim(-reach, reach)
        ax.set_ylim(-reach, reach)
        ax.set_aspect("equal", adjustable="box")
        name = shorten(report.outcome, 24)
        ax.set_xlabel(f"correlation with {name} before").set_parse_math(False)
        ax.set_ylabel(f"correlation with {name} after").set_parse_math(False)
    return ax


@dataclass(frozen=True)
class HarmonizationPlots:
    """The plots of one harmonisation report: ``report.plot.batch()``.

    Parameters
    ----------
    report : HarmonizationReport

    Examples
    --------
    >>> from causalimg.harmonize import ComBat, harmonization_report
    >>> table = pd.DataFrame(np.random.default_rng(0).normal(size=(80, 2)), columns=["a", "b"])
    >>> table["scanner"] = np.repeat(["A", "B"], 40)
    >>> after = ComBat(batch="scanner").fit_transform(table)
    >>> found = harmonization_report(table, after, batch="scanner", features=["a", "b"])
    >>> float(found.plot.batch(measure="batch_r2").get_xlim()[0])
    0.0
    """

    report: HarmonizationReport

    def batch(self, *, measure: str = "batch_gap_sd", n: int = 40, ax: Axes | None = None) -> Axes:
        """Draw batch effects before and after (see `batch_effects`)."""
        return batch_effects(self.report, measure=measure, n=n, ax=ax)

    def outcome(self, *, ax: Axes | None = None) -> Axes:
        """Draw what was kept of the outcome (see `outcome_kept`)."""
        return outcome_kept(self.report, ax=ax)


def _before_after(report: HarmonizationReport, measure: str) -> pd.DataFrame:
    """Return one row per feature with columns ``before`` and ``after``, complete ones only."""
    wide = report.features.pivot(index="feature", columns="stage", values=measure)
    order = list(dict.fromkeys(report.features["feature"]))
    wide = wide.loc[order, ["before", "after"]].astype(float)
    found: pd.DataFrame = wide.loc[np.isfinite(wide.to_numpy()).all(axis=1)]
    return found


def _told(report: HarmonizationReport, batch: str) -> str:
    """Say how well the batch is told from all features together."""
    auc = report.predictability.set_index("stage")["auc"].astype(float)
    if not {"before", "after"} <= set(auc.index) or not np.isfinite(auc).all():
        return ""
    return f"\nAUC of telling {batch}: {auc['before']:.2f} before, {auc['after']:.2f} after"
