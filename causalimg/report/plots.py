"""Every figure of the package as a function that returns matplotlib axes.

Without ``ax`` a figure of its own is made, outside pyplot's memory: in a notebook show
``volcano(effects).figure``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from causalimg.datasets import PhantomTruth
from causalimg.errors import NotEstimableError
from causalimg.report.plots_agreement import agreement
from causalimg.report.plots_balance import equivalence, love, overlap
from causalimg.report.plots_discovery import support, trace
from causalimg.report.plots_dose import dose_response
from causalimg.report.plots_effects import forest, volcano
from causalimg.report.plots_graph import GraphPlots, graph
from causalimg.report.plots_harmonize import HarmonizationPlots, batch_effects, outcome_kept
from causalimg.report.plots_truth import truth_scatter
from causalimg.tables.effect_table import EffectTable
from causalimg.tables.invariant_set import InvariantSet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "EffectPlots",
    "GraphPlots",
    "HarmonizationPlots",
    "InvariantPlots",
    "agreement",
    "batch_effects",
    "dose_response",
    "equivalence",
    "forest",
    "graph",
    "love",
    "outcome_kept",
    "overlap",
    "support",
    "trace",
    "truth_scatter",
    "volcano",
]


@dataclass(frozen=True)
class EffectPlots:
    """The plots of one effect table: ``effects.plot.volcano()``.

    Parameters
    ----------
    table : EffectTable

    Examples
    --------
    >>> import numpy as np
    >>> from causalimg.effects import DifferenceInMeans
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "c"])
    >>> table["scanner"] = np.repeat(["A", "B"], 30)
    >>> effects = DifferenceInMeans(treatment="scanner").fit(table, ["a", "b", "c"]).effects_
    >>> effects.plot.forest(n=3).get_xlabel()
    'effect [SD between patients]'
    """

    table: EffectTable

    def volcano(
        self, *, contrast: str | None = None, n_labels: int = 10, ax: Axes | None = None
    ) -> Axes:
        """Draw effect size against evidence (see `volcano`)."""
        return volcano(self.table, contrast=contrast, n_labels=n_labels, ax=ax)

    def forest(
        self,
        *,
        contrast: str | None = None,
        n: int = 20,
        naive: EffectTable | None = None,
        truth: PhantomTruth | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw the largest effects with their intervals (see `forest`)."""
        return forest(self.table, contrast=contrast, n=n, naive=naive, truth=truth, ax=ax)

    def love(self, *, n: int = 40, ax: Axes | None = None) -> Axes:
        """Draw covariate balance before and after weighting (see `love`).

        Raises
        ------
        NotEstimableError
            If the table has no balance: nothing was adjusted for.
        """
        if self.table.balance is None:
            raise NotEstimableError(
                "this effect table has no balance table: it was made without adjustment columns"
                " (AIPW with adjustment=[...] has one)"
            )
        return love(self.table.balance, n=n, ax=ax)


@dataclass(frozen=True)
class InvariantPlots:
    """The plots of one invariant set: ``invariant_set.plot.equivalence()``.

    Parameters
    ----------
    invariant_set : InvariantSet

    Examples
    --------
    >>> from causalimg.tables.invariant_set import EVIDENCE_COLUMNS
    >>> evidence = pd.DataFrame(
    ...     [["volume", "stable", "B - A", 0.0, -0.1, 0.1, 0.01, 0.01, 90, None]],
    ...     columns=EVIDENCE_COLUMNS,
    ... )
    >>> found = InvariantSet(("volume",), "stable_measurement", "scanner", 0.2, evidence)
    >>> found.plot.equivalence().get_xlabel()
    'worst effect [SD between patients]; band: margin ±0.2'
    """

    invariant_set: InvariantSet

    def equivalence(self, *, n: int = 40, ax: Axes | None = None) -> Axes:
        """Draw effects and intervals against the margin (see `equivalence`)."""
        return equivalence(self.invariant_set, n=n, ax=ax)

    def agreement(self, reliability: pd.DataFrame | None = None, *, ax: Axes | None = None) -> Axes:
        """Draw reliability (ICC) against the size of the effect (see `agreement`)."""
        return agreement(self.invariant_set, reliability, ax=ax)
