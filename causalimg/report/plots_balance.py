"""Figures of comparability and of stability: love plot, propensity overlap, equivalence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from causalimg.errors import InvalidInputError, UnknownNameError, check_columns, nearest
from causalimg.report.plots_effects import nothing
from causalimg.report.style import (
    PALETTE,
    VERDICT_COLOURS,
    VERDICT_WORDS,
    axes,
    clean,
    legend_above,
    row_labels,
    shorten,
    style,
)
from causalimg.tables.invariant_set import InvariantSet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GOOD_BALANCE = 0.1
_SERIES = ("blue", "gold", "violet", "teal", "grey", "orange")


def love(balance: pd.DataFrame, *, n: int = 40, ax: Axes | None = None) -> Axes:
    """Draw how unlike the compared groups are before and after weighting.

    Parameters
    ----------
    balance : pandas.DataFrame
        ``covariate, level_contrast, smd_raw, smd_weighted``, as an `EffectTable` has it. Of
        several contrasts, each covariate's worst is drawn.
    n : int
        Covariates shown at most, the worst raw difference first.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> balance = pd.DataFrame({"covariate": ["age"], "smd_raw": [0.4], "smd_weighted": [0.02]})
    >>> love(balance).get_xlabel()
    '|standardised mean difference|'
    """
    check_columns(balance, ["covariate", "smd_raw", "smd_weighted"], "balance table")
    sizes = pd.DataFrame(
        {
            "covariate": balance["covariate"].astype(str),
            "raw": balance["smd_raw"].astype(float).abs(),
            "weighted": balance["smd_weighted"].astype(float).abs(),
        }
    )
    rows = sizes.groupby("covariate", sort=False)[["raw", "weighted"]].max().reset_index()
    rows = rows.sort_values("raw", ascending=False, kind="stable").head(n).reset_index(drop=True)
    with style():
        own = ax is None
        ax = axes(ax, (4.8, 1.15 + 0.26 * max(3, len(rows))))
        if rows.empty:
            return nothing(ax, "no covariate was adjusted for")
        finite = rows[["raw", "weighted"]].to_numpy()
        finite = finite[np.isfinite(finite)]
        end = 1.08 * max(0.25, float(finite.max()) if len(finite) else 0.25)
        place = np.arange(len(rows), dtype=float)
        raw, weighted = (np.minimum(rows[name].to_numpy(), end) for name in ("raw", "weighted"))
        ax.axvspan(0, GOOD_BALANCE, color=PALETTE["teal-soft"], lw=0, zorder=0)
        ax.axvline(GOOD_BALANCE, color=PALETTE["muted"], lw=0.9, ls=(0, (4, 3)))
        ax.hlines(place, raw, weighted, color=PALETTE["grey"], lw=1.0, alpha=0.7)
        ax.scatter(raw, place, s=30, facecolors=PALETTE["paper"], edgecolors=PALETTE["blue"],
                   linewidths=1.2, zorder=3, label="as scanned")  # fmt: skip
        ax.scatter(weighted, place, s=30, color=PALETTE["orange"], linewidths=0, zorder=4,
                   label="after weighting")  # fmt: skip
        row_labels(ax, list(place), [shorten(name, 34) for name in rows["covariate"]])
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.set_xlim(0, end)
        ax.set_xlabel("|standardised mean difference|")
        ax.spines["left"].set_visible(False)
        legend_above(ax, own=own)
    return ax


def overlap(
    propensity: pd.DataFrame,
    level: str,
    *,
    received: pd.Series | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the propensity of one level among those who got it (up) and the others (down).

    Parameters
    ----------
    propensity : pandas.DataFrame
        One column with the probability of each level, as ``propensity_`` of a fitted estimator,
        and ``level``, the level received.
    level : str
    received : pandas.Series, optional
        The level received, in place of a column ``level``: the treatment column of the table.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    UnknownNameError
        If the table has no such level, or no column ``level`` and ``received`` is not given.
    InvalidInputError
        If ``received`` has another number of cases.

    Examples
    --------
    >>> propensity = pd.DataFrame({"A": [0.7, 0.4], "B": [0.3, 0.6]})
    >>> overlap(propensity, "B", received=pd.Series(["A", "B"])).get_ylabel()
    'cases'
    """
    from matplotlib.ticker import MaxNLocator

    if received is not None:
        if len(received) != len(propensity):
            raise InvalidInputError(
                f"received has {len(received)} cases and the propensities {len(propensity)}; give"
                " the treatment column of the table that was fitted"
            )
        propensity = propensity.assign(level=received.to_numpy())
    check_columns(propensity, ["level"], "propensity table")
    known = [str(name) for name in propensity.columns if name not in ("case_id", "level")]
    if level not in known:
        raise UnknownNameError(
            f"no level {level!r}{nearest(level, known)} (levels: {', '.join(known)})"
        )
    had = propensity["level"].astype(str)
    chance = propensity[level].to_numpy(dtype=float)
    edges = np.linspace(0, 1, 26)
    middle, width = (edges[:-1] + edges[1:]) / 2, edges[1] - edges[0]
    with style():
        own = ax is None
        ax = axes(ax, (4.8, 2.9))
        up, _ = np.histogram(chance[had == level], bins=edges)
        ax.bar(middle, up, width=0.92 * width, color=PALETTE["orange"], linewidth=0,
               label=f"had {shorten(level, 24)} (n = {int(up.sum())})")  # fmt: skip
        below = np.zeros(len(middle))
        others = [name for name in known if name != level]
        for k, name in enumerate(others):
            down, _ = np.histogram(chance[had == name], bins=edges)
            ax.bar(middle, -down, width=0.92 * width, bottom=-below, linewidth=0,
                   color=PALETTE[_SERIES[k % len(_SERIES)]],
                   label=f"had {shorten(name, 24)} (n = {int(down.sum())})")  # fmt: skip
            below = below + down
        ax.axhline(0, color=PALETTE["ink"], lw=0.8)
        top = 1.1 * max(1.0, float(up.max()), float(below.max()))
        ax.set_ylim(-top, top)
        ax.set_xlim(0, 1)
        ax.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        ax.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
        label = ax.set_xlabel(f"probability of {shorten(level, 30)}, given the adjustment columns")
        label.set_parse_math(False)
        ax.set_ylabel("cases")
        legend_above(ax, own=own, columns=3)
    return ax


def equivalence(invariant_set: InvariantSet, *, n: int = 40, ax: Axes | None = None) -> Axes:
    """Draw each feature's worst effect and interval against the margin.

    The intervals are of single features; the verdict, which gives the colour, is corrected for
    the number of features, so an interval inside the band can belong to an uncertified one.

    Parameters
    ----------
    invariant_set : InvariantSet
    n : int
        Features shown at most: of each verdict a share in proportion, those nearest to another
        verdict first.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidInputError
        If the set is not one of stable measurements: the others have no margin.

    Examples
    --------
    >>> from causalimg.tables.invariant_set import EVIDENCE_COLUMNS
    >>> evidence = pd.DataFrame(
    ...     [["volume", "stable", "B - A", 0.0, -0.1, 0.1, 0.01, 0.01, 90, None]],
    ...     columns=EVIDENCE_COLUMNS,
    ... )
    >>> found = InvariantSet(("volume",), "stable_measurement", "scanner", 0.2, evidence)
    >>> [label.get_text() for label in equivalence(found).get_yticklabels()]
    ['volume']
    """
    require_margin(invariant_set)
    rows = _chosen(invariant_set, n)
    margin = float(invariant_set.margin)
    with style():
        own = ax is None
        ax = axes(ax, (7.6, 0.95 + 0.2 * max(4, len(rows))))
        if rows.empty:
            return nothing(ax, "no feature has an estimated effect")
        place = np.arange(len(rows), dtype=float)
        ax.axvspan(-margin, margin, color=PALETTE["teal-soft"], lw=0, zorder=0)
        for edge in (-margin, margin):
            ax.axvline(edge, color=PALETTE["teal"], lw=0.9, ls=(0, (4, 3)))
        ax.axvline(0, color=PALETTE["grey"], lw=0.8)
        marks = {"stable": "o", "shifted": "s", "not_certifiable": "D"}
        for verdict, colour in VERDICT_COLOURS.items():
            here = (rows["verdict"] == verdict).to_numpy()
            if here.any():
                part = rows[here]
                ax.hlines(place[here], part["ci_low_sd"], part["ci_high_sd"], color=colour, lw=1.6)
                ax.scatter(part["effect_sd"], place[here], s=22, color=colour, linewidths=0,
                           marker=marks[verdict], zorder=3,
                           label=VERDICT_WORDS[verdict])  # fmt: skip
        row_labels(ax, list(place), [shorten(name, 40) for name in rows["feature"]])
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.set_xlabel(f"worst effect [SD between patients]; band: margin ±{margin:g}")
        ax.spines["left"].set_visible(False)
        legend_above(ax, own=own, columns=3)
    return ax


def require_margin(invariant_set: InvariantSet) -> None:
    """Refuse a set whose evidence is not an effect against a margin."""
    if invariant_set.meaning != "stable_measurement":
        raise InvalidInputError(
            f"this set means {invariant_set.meaning!r}; effects against a margin belong to"
            " 'stable_measurement' (StableFeatures)"
        )


def _chosen(invariant_set: InvariantSet, n: int) -> pd.DataFrame:
    """Return at most ``n`` rows, every verdict in proportion, ordered by verdict and size."""
    rows = invariant_set.evidence
    known = np.isfinite(rows[["effect_sd", "ci_low_sd", "ci_high_sd"]].astype(float)).all(axis=1)
    rows = rows[known].assign(feature=rows["feature"].map(clean))
    reach = rows[["ci_low_sd", "ci_high_sd"]].astype(float).abs().max(axis=1)
    rows = rows.assign(gap=(reach - invariant_set.margin).abs())
    parts = []
    for verdict in VERDICT_COLOURS:
        part = rows[rows["verdict"] == verdict]
        if len(part):
            share = len(part) if len(rows) <= n else max(1, int(n * len(part) / len(rows)))
            near = part.sort_values("gap", kind="stable").head(share)
            size = near["effect_sd"].astype(float).abs()
            parts.append(near.iloc[np.argsort(size.to_numpy(), kind="stable")])
    return pd.concat(parts, ignore_index=True) if parts else rows.head(0)
