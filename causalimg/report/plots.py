"""Every figure of the package as a function that returns matplotlib axes.

Without ``ax`` a figure of its own is made, outside pyplot's memory: in a notebook show
``volcano(effects).figure``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from causalimg.datasets import PhantomTruth
from causalimg.errors import NotEstimableError
from causalimg.report.plots_balance import equivalence, love, overlap
from causalimg.report.plots_effects import forest, truth_scatter, volcano
from causalimg.report.plots_graph import graph
from causalimg.tables.effect_table import EffectTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "EffectPlots",
    "equivalence",
    "forest",
    "graph",
    "love",
    "overlap",
    "truth_scatter",
    "volcano",
]


@dataclass(frozen=True)
class EffectPlots:
    """The plots of one effect table: ``effects.plot.volcano()``.

    Parameters
    ----------
    table : EffectTable
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
