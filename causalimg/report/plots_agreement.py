"""The figure of agreement: test-retest reliability beside the size of the environment's effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from causalimg.errors import NotEstimableError, check_columns
from causalimg.report.plots_balance import require_margin
from causalimg.report.plots_effects import nothing
from causalimg.report.style import (
    PALETTE,
    VERDICT_COLOURS,
    VERDICT_WORDS,
    axes,
    legend_above,
    style,
)
from causalimg.tables.invariant_set import InvariantSet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ICC_CLASSES = ((0.5, "poor"), (0.75, "moderate"), (0.9, "good"), (1.0, "excellent"))
"""Upper end of each class of reliability (doi:10.1016/j.jcm.2016.02.012), lowest first."""
_MARKS = {"stable": "o", "shifted": "s", "not_certifiable": "D"}


def agreement(
    invariant_set: InvariantSet,
    reliability: pd.DataFrame | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw each feature's reliability (ICC) against the largest effect its interval allows.

    The two ask different things: a feature can repeat well on one scanner (high ICC) and yet be
    moved by a change of scanner (an interval beyond the margin), and the other way round. Only
    features in the shaded corner are both.

    Parameters
    ----------
    invariant_set : InvariantSet
        Of stable measurements.
    reliability : pandas.DataFrame, optional
        ``feature, icc_2_1`` and, where known, ``icc_2_1_low, icc_2_1_high``, as
        `causalimg.invariance.reliability` gives it. Without it the set's evidence must have
        ``icc_2_1``.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidInputError
        If the set is not one of stable measurements.
    NotEstimableError
        If no ICC is known.

    References
    ----------
    Koo, Li (2016), classes of the ICC. doi:10.1016/j.jcm.2016.02.012

    Examples
    --------
    >>> from causalimg.tables.invariant_set import EVIDENCE_COLUMNS
    >>> evidence = pd.DataFrame(
    ...     [["volume", "stable", "B - A", 0.0, -0.1, 0.1, 0.01, 0.01, 90, None],
    ...      ["energy", "shifted", "B - A", 0.9, 0.7, 1.1, 1.00, 1.00, 90, None]],
    ...     columns=EVIDENCE_COLUMNS,
    ... )
    >>> found = InvariantSet(("volume",), "stable_measurement", "scanner", 0.2, evidence)
    >>> retest = pd.DataFrame({"feature": ["volume", "energy"], "icc_2_1": [0.95, 0.6]})
    >>> agreement(found, retest).get_ylabel()
    'reliability, ICC(2,1)'
    """
    require_margin(invariant_set)
    rows = _rows(invariant_set, reliability)
    margin = float(invariant_set.margin)
    with style():
        own = ax is None
        ax = axes(ax, (6.0, 4.4))
        if rows.empty:
            return nothing(ax, "no feature has both an estimated effect and an ICC")
        end = 1.1 * max(2 * margin, float(rows["reach"].max()))
        low = min(0.0, float(rows["low"].min()))
        ax.fill_between([0, margin], ICC_CLASSES[1][0], 1.0, color=PALETTE["teal-soft"], lw=0)
        ax.axvline(margin, color=PALETTE["teal"], lw=0.9, ls=(0, (4, 3)))
        ax.annotate(f"margin {margin:g}", (margin, 0), xycoords=("data", "axes fraction"),
                    xytext=(3, 3), textcoords="offset points", fontsize=7.5,
                    color=PALETTE["muted"])  # fmt: skip
        _classes(ax)
        for verdict, colour in VERDICT_COLOURS.items():
            part = rows[rows["verdict"] == verdict]
            if len(part):
                ax.vlines(part["reach"], part["low"], part["high"], color=colour, lw=0.9,
                          alpha=0.3)  # fmt: skip
                ax.scatter(part["reach"], part["icc_2_1"], s=24, color=colour, linewidths=0,
                           marker=_MARKS[verdict], zorder=3,
                           label=VERDICT_WORDS[verdict])  # fmt: skip
        ax.set_xlim(0, end)
        ax.set_ylim(1.04 * low, 1.02)
        ax.grid(False, axis="y")
        ax.set_xlabel("largest effect inside the interval [SD between patients]")
        ax.set_ylabel("reliability, ICC(2,1)")
        legend_above(ax, own=own, columns=3)
    return ax


def _classes(ax: Axes) -> None:
    """Draw the borders of the classes of reliability and name them at the right."""
    below = 0.0
    for edge, word in ICC_CLASSES:
        if edge < 1:
            ax.axhline(edge, color=PALETTE["grid"], lw=0.8, zorder=0)
        ax.annotate(word, (1, (below + edge) / 2), xycoords=("axes fraction", "data"),
                    xytext=(4, 0), textcoords="offset points", va="center", fontsize=7.5,
                    color=PALETTE["muted"], annotation_clip=False)  # fmt: skip
        below = edge


def _rows(invariant_set: InvariantSet, reliability: pd.DataFrame | None) -> pd.DataFrame:
    """Return ``feature, verdict, reach, icc_2_1, low, high`` of the features that have both."""
    evidence = invariant_set.evidence
    if reliability is not None:
        check_columns(reliability, ["feature", "icc_2_1"], "reliability table")
        known = reliability.set_index("feature")
    elif "icc_2_1" in evidence.columns:
        known = evidence.set_index("feature")
    else:
        raise NotEstimableError(
            "no ICC is known: give invariance.reliability(frame, subject=..., repeat=...,"
            " features=...) of repeated scans as reliability"
        )
    names = evidence["feature"]
    icc = names.map(known["icc_2_1"]).astype(float)
    ends = {
        end: names.map(known[f"icc_2_1_{end}"]).astype(float).fillna(icc)
        if f"icc_2_1_{end}" in known.columns
        else icc
        for end in ("low", "high")
    }
    rows = pd.DataFrame(
        {
            "feature": names,
            "verdict": evidence["verdict"],
            "reach": evidence[["ci_low_sd", "ci_high_sd"]].astype(float).abs().max(axis=1),
            "icc_2_1": icc,
            **ends,
        }
    )
    found: pd.DataFrame = rows.loc[np.isfinite(rows[["reach", "icc_2_1"]].to_numpy()).all(axis=1)]
    return found
