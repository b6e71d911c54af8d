"""Figures of a graph search: how often each edge came back, and how the search went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError, NotEstimableError
from causalimg.graph.core import CausalGraph, Mark
from causalimg.report.graph_layout import columns, edges_of
from causalimg.report.plots_effects import nothing
from causalimg.report.style import PALETTE, axes, legend_above, row_labels, shorten, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NUMBERS_UP_TO = 16
_MID = 0.55


def support(
    causal_graph: CausalGraph,
    *,
    tiers: Sequence[Sequence[str]] | None = None,
    n: int = 40,
    ax: Axes | None = None,
) -> Axes:
    """Draw the share of resamples with each edge and direction as a heat map.

    A row is a cause and a column an effect; the darker, the more resamples have the arrow from
    row to column. A frame marks what the graph itself has, so that an edge of the graph that
    seldom came back and an edge that came back without being in the graph both stand out.

    Parameters
    ----------
    causal_graph : CausalGraph
        With ``support``, as `BootstrapDiscovery` gives it.
    tiers : sequence of sequences of str, optional
        Order of the nodes by background knowledge; by default causes before effects.
    n : int
        Nodes shown at most, those with the most support.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    NotEstimableError
        If the graph has no support.
    UnknownNameError
        If a tier names a node that the graph lacks.

    Examples
    --------
    >>> made = CausalGraph.from_directed(
    ...     ("age", "size"), [[0, 1], [0, 0]], support=np.array([[0.0, 0.9], [0.05, 0.0]])
    ... )
    >>> ax = support(made)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['age', 'size']
    """
    if causal_graph.support is None:
        raise NotEstimableError(
            "this graph has no support: it comes from one fit; BootstrapDiscovery(method) refits"
            " on resamples and counts"
        )
    chosen = _order(causal_graph, tiers, n)
    shares = causal_graph.support[np.ix_(chosen, chosen)]
    marks = causal_graph.marks[np.ix_(chosen, chosen)]
    side = max(2.4, min(7.0, 0.34 * len(chosen)))
    with style():
        own = ax is None
        ax = axes(ax, (side + 2.0, side + 1.6))
        if not len(chosen):
            return nothing(ax, f"no resample has an edge among {len(causal_graph.nodes)} nodes")
        _cells(ax, shares, marks)
        names = [shorten(causal_graph.nodes[k], 30) for k in chosen]
        places = [float(k) for k in range(len(chosen))]
        row_labels(ax, places, names)
        ax.set_xticks(places)
        for label in ax.set_xticklabels(names, rotation=60, ha="right", rotation_mode="anchor"):
            label.set_parse_math(False)
            label.set_color(PALETTE["ink"])
        ax.tick_params(axis="x", length=0)
        ax.grid(False)
        for spine in ax.spines.values():
            spine.set_visible(False)
        ax.set_xlim(-0.5, len(chosen) - 0.5)
        ax.set_ylim(len(chosen) - 0.5, -0.5)
        ax.set_aspect("equal")
        ax.set_xlabel("effect")
        ax.set_ylabel("cause")
        for share in (0.25, 0.5, 1.0):
            ax.scatter([], [], marker="s", s=60, color=PALETTE["blue"], alpha=share,
                       label=f"in {share:.0%} of the resamples", linewidths=0)  # fmt: skip
        ax.scatter([], [], marker="s", s=60, facecolors="none", edgecolors=PALETTE["orange"],
                   linewidths=1.4, label="in the graph")  # fmt: skip
        legend_above(ax, own=own)
    return ax


def _order(
    causal_graph: CausalGraph, tiers: Sequence[Sequence[str]] | None, n: int
) -> NDArray[np.intp]:
    """Return the nodes to show, causes before effects."""
    shares = causal_graph.support
    if n < 2 or shares is None:
        raise InvalidInputError(f"n={n}: a heat map of edges needs at least 2 nodes")
    nodes = causal_graph.nodes
    wanted = None
    if tiers:
        for tier in tiers:
            for name in tier:
                causal_graph.index(name)
        wanted = [[nodes.index(name) for name in tier] for tier in tiers]
    touched = (causal_graph.marks != Mark.NONE).any(axis=0)
    touched |= (shares + shares.T > 0).any(axis=0)
    most = np.where(touched, np.maximum(shares.max(axis=0), shares.max(axis=1)), -1.0)
    kept = np.argsort(-most, kind="stable")[: min(n, int(touched.sum()))]
    place = columns(len(nodes), edges_of(causal_graph), wanted, most=len(nodes))
    return np.array(sorted(kept, key=lambda k: (place.get(int(k), 0), int(k))), dtype=np.intp)


def _cells(ax: Axes, shares: NDArray[np.float64], marks: NDArray[np.int8]) -> None:
    """Draw squares as opaque as their share, and a frame round what the graph has."""
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    d = len(shares)
    every = [(i, j) for i in range(d) for j in range(d) if i != j]
    back = [Rectangle((j - 0.46, i - 0.46), 0.92, 0.92) for i, j in every]
    ax.add_collection(PatchCollection(back, facecolors=PALETTE["grey-soft"], linewidths=0))
    seen = [(i, j) for i, j in every if shares[i, j] > 0]
    ax.add_collection(
        PatchCollection(
            [Rectangle((j - 0.46, i - 0.46), 0.92, 0.92) for i, j in seen],
            facecolors=[to_rgba(PALETTE["blue"], min(1.0, float(shares[at]))) for at in seen],
            linewidths=0,
        )
    )
    # an edge without direction is framed at both of its places
    has = (marks != Mark.NONE) & ~((marks == Mark.TAIL) & (marks.T == Mark.ARROW))
    ax.add_collection(
        PatchCollection(
            [Rectangle((j - 0.46, i - 0.46), 0.92, 0.92) for i, j in every if has[i, j]],
            facecolors="none", edgecolors=PALETTE["orange"], linewidths=1.4,
        )
    )  # fmt: skip
    if d <= _NUMBERS_UP_TO:
        for i, j in seen:
            if shares[i, j] >= 0.005:
                ax.text(j, i, f"{shares[i, j]:.2f}", ha="center", va="center", fontsize=6.5,
                        color=PALETTE["paper" if shares[i, j] > _MID else "ink"])  # fmt: skip


def trace(stats: Mapping[str, Any], *, ax: Axes | None = None) -> Axes:
    """Draw acyclicity and objective over the stages of a continuous search.

    Parameters
    ----------
    stats : mapping
        ``stats_`` of a fitted `NOTEARS` (``solver="alm"`` or ``"best"``) or `NOTEARSMLP`.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Of ``h``, which is 0 for an acyclic graph; the objective is drawn in its only child axes,
        with a dashed line at the objective of the graph that was returned.

    Raises
    ------
    InvalidInputError
        If these are not the statistics of such a search.

    Examples
    --------
    >>> stages = [{"weight": 1.0, "h": 0.1, "objective": 0.8, "iterations": 20},
    ...           {"weight": 10.0, "h": 1e-6, "objective": 1.1, "iterations": 30}]
    >>> ax = trace({"stages": stages, "objective": 1.12})
    >>> ax.get_yscale(), len(ax.child_axes)
    ('log', 1)
    """
    from matplotlib.ticker import MaxNLocator

    if "stages" not in stats:
        raise InvalidInputError(
            "these statistics have no 'stages': give stats_ of a fitted NOTEARS or NOTEARSMLP"
            " (of a BootstrapDiscovery: stats_['fit'])"
        )
    stages = list(stats["stages"])
    with style():
        ax = axes(ax, (4.8, 4.0))
        if not stages:
            return nothing(ax, "no stages: solver='order' moves among acyclic graphs only")
        if any("h" not in stage for stage in stages):
            raise InvalidInputError(
                "the stages hold no 'h': this method has one stage with a soft constraint, not a"
                " path to an acyclic graph"
            )
        at = np.arange(1, len(stages) + 1)
        h = np.array([float(stage["h"]) for stage in stages])
        floor = h[h > 0].min() / 10 if (h > 0).any() else 1e-16
        ax.plot(at, np.maximum(h, floor), color=PALETTE["blue"], marker="o", ms=4)
        ax.set_yscale("log")
        ax.set_ylabel("h (0: acyclic)")
        ax.set_xlabel("stage of the search")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        above = ax.inset_axes((0, 1.12, 1, 0.9), sharex=ax)
        above.plot(at, [float(stage["objective"]) for stage in stages], color=PALETTE["orange"],
                   marker="s", ms=4)  # fmt: skip
        above.tick_params(labelbottom=False)
        above.set_ylabel("objective")
        if (end := stats.get("objective")) is not None:
            above.axhline(float(end), color=PALETTE["muted"], lw=0.9, ls=(0, (4, 3)))
            above.annotate("of the graph returned", (0.01, float(end)), fontsize=7.5,
                           xycoords=("axes fraction", "data"), xytext=(2, 3),
                           textcoords="offset points", color=PALETTE["muted"])  # fmt: skip
            above.margins(y=0.12)
    return ax
