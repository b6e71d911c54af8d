"""Figures of an effect table: volcano and forest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from causalimg.datasets import PhantomTruth
from causalimg.errors import InvalidInputError, UnknownNameError, nearest
from causalimg.recovery import known_effects
from causalimg.report.labels import place_labels
from causalimg.report.style import PALETTE, axes, clean, legend_above, row_labels, shorten, style
from causalimg.tables.effect_table import EffectTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIGNIFICANT = 0.05
_Q_FLOOR = 1e-16
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def in_sd(effects: EffectTable, contrast: str | None = None) -> pd.DataFrame:
    """Return the estimable effects with their intervals in SD units.

    Columns: ``feature, contrast, effect_sd, low_sd, high_sd, q, sd``.

    Raises
    ------
    UnknownNameError
        If the table has no such contrast.
    """
    rows = effects.estimable
    if contrast is not None:
        if contrast not in effects.contrasts:
            raise UnknownNameError(
                f"no contrast {contrast!r}{nearest(contrast, effects.contrasts)}"
                f" (contrasts: {', '.join(effects.contrasts)})"
            )
        rows = rows[rows["contrast"] == contrast]
    sd = rows["outcome_sd"].to_numpy(dtype=float)
    sd = np.where(sd > 0, sd, np.nan)
    found = pd.DataFrame(
        {
            "feature": rows["outcome"].astype(str),
            "contrast": rows["contrast"].astype(str),
            "effect_sd": rows["effect_sd"].to_numpy(dtype=float),
            "low_sd": rows["ci_low"].to_numpy(dtype=float) / sd,
            "high_sd": rows["ci_high"].to_numpy(dtype=float) / sd,
            "q": rows["q"].to_numpy(dtype=float),
            "sd": sd,
        }
    )
    known: pd.DataFrame = found[np.isfinite(found["effect_sd"])].reset_index(drop=True)
    return known


def nothing(ax: Axes, said: str) -> Axes:
    """Leave empty axes with a sentence in their middle."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, said, ha="center", va="center", transform=ax.transAxes,
            color=PALETTE["muted"])  # fmt: skip
    return ax


def volcano(
    effects: EffectTable,
    *,
    contrast: str | None = None,
    n_labels: int = 10,
    ax: Axes | None = None,
) -> Axes:
    """Draw every feature's effect in SD units against -log10 of its q value.

    Parameters
    ----------
    effects : EffectTable
    contrast : str, optional
        All contrasts by default, each with its own marker.
    n_labels : int
        Features named at most, the largest significant effects first; a name that would cover
        another is left out.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from causalimg.effects import DifferenceInMeans
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "c"])
    >>> table["scanner"] = np.repeat(["A", "B"], 30)
    >>> effects = DifferenceInMeans(treatment="scanner").fit(table, ["a", "b", "c"]).effects_
    >>> volcano(effects).get_xlabel()
    'effect [SD between patients]'
    """
    from matplotlib.ticker import MaxNLocator

    rows = in_sd(effects, contrast)
    rows = rows[np.isfinite(rows["q"])].reset_index(drop=True)
    with style():
        own = ax is None
        ax = axes(ax, (4.8, 4.0))
        if rows.empty:
            return nothing(ax, "no effect could be estimated")
        height = -np.log10(np.maximum(rows["q"].to_numpy(), _Q_FLOOR))
        hit = rows["q"].to_numpy() < SIGNIFICANT
        contrasts = list(dict.fromkeys(rows["contrast"]))
        for k, name in enumerate(contrasts):
            for chosen, colour, alpha in ((~hit, "grey", 0.65), (hit, "orange", 0.9)):
                here = chosen & (rows["contrast"] == name).to_numpy()
                ax.scatter(
                    rows.loc[here, "effect_sd"], height[here], s=22, alpha=alpha,
                    color=PALETTE[colour], marker=_MARKERS[k % len(_MARKERS)], linewidths=0,
                )  # fmt: skip
        reach = 1.28 * max(0.3, float(np.abs(rows["effect_sd"]).max()))
        ax.set_xlim(-reach, reach)
        ax.set_ylim(-0.04 * height.max() - 0.02, 1.07 * max(height.max(), 1.6))
        ax.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        line = -np.log10(SIGNIFICANT)
        ax.axhline(line, color=PALETTE["muted"], lw=0.9, ls=(0, (4, 3)))
        ax.axvline(0, color=PALETTE["grey"], lw=0.9)
        ax.annotate(f"q = {SIGNIFICANT:g}", (1, line), xycoords=("axes fraction", "data"),
                    xytext=(-2, 3), textcoords="offset points", ha="right", fontsize=7.5,
                    color=PALETTE["muted"])  # fmt: skip
        ax.set_xlabel("effect [SD between patients]")
        ax.set_ylabel("evidence, −log10 q" + (" (cut at 16)" if height.max() >= 16 else ""))
        if len(contrasts) > 1:
            for k, name in enumerate(contrasts):
                ax.scatter([], [], s=22, color=PALETTE["orange"], linewidths=0,
                           marker=_MARKERS[k % len(_MARKERS)], label=clean(name))  # fmt: skip
            legend_above(ax, own=own, columns=4)
        points = np.column_stack([rows["effect_sd"], height])
        order = np.argsort(-np.abs(rows["effect_sd"].to_numpy()), kind="stable")
        top = [k for k in order if hit[k]][:n_labels]
        names = [shorten(rows["feature"][k], 30) for k in top]
        place_labels(ax, points[top], names, others=np.delete(points, top, axis=0))
    return ax


def forest(
    effects: EffectTable,
    *,
    contrast: str | None = None,
    n: int = 20,
    naive: EffectTable | None = None,
    truth: PhantomTruth | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the largest effects with their intervals, in SD units.

    Parameters
    ----------
    effects : EffectTable
    contrast : str, optional
        All contrasts by default; then a row is named "feature (contrast)".
    n : int
        Number of rows, by size of the effect.
    naive : EffectTable, optional
        Unadjusted differences in means, drawn as hollow circles.
    truth : PhantomTruth, optional
        True effects of a simulated cohort, drawn as diamonds, in the estimates' own SD.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from causalimg.effects import DifferenceInMeans
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "c"])
    >>> table["scanner"] = np.repeat(["A", "B"], 30)
    >>> effects = DifferenceInMeans(treatment="scanner").fit(table, ["a", "b", "c"]).effects_
    >>> len(forest(effects, n=2).get_yticklabels())
    2
    """
    if n < 1:
        raise InvalidInputError(f"n={n}: a forest plot needs at least 1 row")
    rows = in_sd(effects, contrast)
    order = np.argsort(-np.abs(rows["effect_sd"].to_numpy()), kind="stable")[:n]
    rows = rows.iloc[order].reset_index(drop=True)
    with style():
        own = ax is None
        ax = axes(ax, (5.8, 0.85 + 0.215 * max(4, len(rows))))
        if rows.empty:
            return nothing(ax, "no effect could be estimated")
        place = np.arange(len(rows), dtype=float)
        ax.axvline(0, color=PALETTE["grey"], lw=0.9)
        hit = rows["q"].to_numpy() < SIGNIFICANT
        for chosen, colour, said in (
            (hit, "orange", f"adjusted effect, q < {SIGNIFICANT:g}"),
            (~hit, "grey", "adjusted effect, not significant"),
        ):
            if chosen.any():
                here = rows[chosen]
                ax.hlines(place[chosen], here["low_sd"], here["high_sd"], lw=1.8,
                          color=PALETTE[colour])  # fmt: skip
                ax.scatter(here["effect_sd"], place[chosen], s=26, color=PALETTE[colour],
                           zorder=3, label=said, linewidths=0)  # fmt: skip
        _beside(ax, rows, place, naive, truth)
        several = rows["contrast"].nunique() > 1
        names = [
            f"{shorten(row.feature, 34)} ({clean(row.contrast)})"
            if several
            else shorten(row.feature, 40)
            for row in rows.itertuples()
        ]
        row_labels(ax, list(place), names)
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.margins(x=0.05)
        said = "" if contrast is None else f"\n{shorten(clean(contrast), 46)}"
        label = ax.set_xlabel(f"effect [SD between patients]{said}")
        label.set_parse_math(False)
        ax.spines["left"].set_visible(False)
        legend_above(ax, own=own)
    return ax


def _beside(
    ax: Axes,
    rows: pd.DataFrame,
    place: np.ndarray,
    naive: EffectTable | None,
    truth: PhantomTruth | None,
) -> None:
    pairs = list(zip(rows["feature"], rows["contrast"], strict=True))
    if naive is not None:
        good = naive.estimable
        raw = {
            (str(a), str(b)): float(value)
            for a, b, value in zip(good["outcome"], good["contrast"], good["estimate"], strict=True)
        }
        values = np.array([raw.get(pair, np.nan) for pair in pairs]) / rows["sd"].to_numpy()
        ax.scatter(values, place, s=26, facecolors="none", edgecolors=PALETTE["blue"],
                   linewidths=1.1, zorder=4, label="naive difference in means")  # fmt: skip
    if truth is not None:
        known = known_effects(truth)
        values = np.array([known.get(pair, np.nan) for pair in pairs]) / rows["sd"].to_numpy()
        ax.scatter(values, place, s=24, marker="D", facecolors=PALETTE["paper"],
                   edgecolors=PALETTE["ink"], linewidths=1.0, zorder=5,
                   label="true effect")  # fmt: skip
