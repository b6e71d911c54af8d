"""The figure of a simulated cohort: estimated against true effects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from causalimg.datasets import PhantomTruth
from causalimg.recovery import recovery
from causalimg.report.style import PALETTE, axes, legend_above, style
from causalimg.tables.effect_table import EffectTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def truth_scatter(
    effects: EffectTable,
    truth: PhantomTruth,
    naive: EffectTable | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw estimated against true effects of a simulated cohort, in the estimates' SD.

    Parameters
    ----------
    effects : EffectTable
    truth : PhantomTruth
    naive : EffectTable, optional
        Drawn beside as hollow circles.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import pandas as pd
    >>> from causalimg.datasets.truth import EFFECT_COLUMNS
    >>> from causalimg.effects import DifferenceInMeans
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "c"])
    >>> table["scanner"] = np.repeat(["A", "B"], 30)
    >>> effects = DifferenceInMeans(treatment="scanner").fit(table, ["a", "b", "c"]).effects_
    >>> true = pd.DataFrame(
    ...     [(name, "B - A", 0.0, 0.0, 1.0, 0.0, 0.0, 0.1, False, 60) for name in "abc"],
    ...     columns=EFFECT_COLUMNS,
    ... )
    >>> truth_scatter(effects, PhantomTruth(true, reference="A")).get_aspect()
    1.0
    """
    rows = recovery(effects, naive, None, truth).frame
    with style():
        own = ax is None
        ax = axes(ax, (4.8, 4.5))
        true = rows["true_effect_sd"].to_numpy(dtype=float)
        guess = rows["estimate_sd"].to_numpy(dtype=float)
        values = [
            true,
            guess,
            rows["ci_low_sd"].to_numpy(float),
            rows["ci_high_sd"].to_numpy(float),
        ]
        if naive is not None:
            values.append(rows["naive_sd"].to_numpy(dtype=float))
        every = np.concatenate(values)
        every = every[np.isfinite(every)]
        low, high = float(every.min()), float(every.max())
        pad = 0.04 * max(high - low, 0.1)
        ax.plot([low - pad, high + pad], [low - pad, high + pad], color=PALETTE["muted"],
                lw=0.9, ls=(0, (4, 3)), zorder=1)  # fmt: skip
        ax.vlines(true, rows["ci_low_sd"], rows["ci_high_sd"], color=PALETTE["orange"], alpha=0.35,
                  lw=1.1)  # fmt: skip
        if naive is not None:
            ax.scatter(true, rows["naive_sd"].astype(float), s=20, facecolors="none",
                       edgecolors=PALETTE["blue"], linewidths=0.9, alpha=0.85, zorder=2,
                       label="naive difference in means")  # fmt: skip
        ax.scatter(true, guess, s=20, color=PALETTE["orange"], linewidths=0, zorder=3,
                   label="adjusted effect and interval")  # fmt: skip
        ax.set_xlim(low - pad, high + pad)
        ax.set_ylim(low - pad, high + pad)
        ax.set_aspect("equal", adjustable="box")
        ax.set_xlabel("true effect [SD between patients]")
        ax.set_ylabel("estimated effect [SD between patients]")
        legend_above(ax, own=own)
    return ax
