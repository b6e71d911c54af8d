"""The drawing of a causal graph: columns of boxes, arrows as strong as their support."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from causalimg.errors import UnknownNameError, nearest
from causalimg.graph.core import CausalGraph, Mark
from causalimg.report.graph_drawing import LINE, ROLE_COLOURS, Boxes, Drawing, make_boxes
from causalimg.report.graph_layout import Layout, arrange, columns, edges_of
from causalimg.report.plots_discovery import support
from causalimg.report.plots_effects import nothing
from causalimg.report.style import axes, shorten, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DRAWN_ALONE = 2


def graph(
    causal_graph: CausalGraph,
    *,
    tiers: Sequence[Sequence[str]] | None = None,
    roles: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a causal graph from left to right.

    An arrow's width and opacity follow the share of resamples that have the edge; the share is
    printed where it is below 1. An edge without a head has no orientation. Many nodes without an
    edge are listed below instead of drawn.

    Parameters
    ----------
    causal_graph : CausalGraph
    tiers : sequence of sequences of str, optional
        Nodes by background knowledge, earliest first: each tier takes its own columns. By default
        the columns are topological layers.
    roles : mapping of str to str, optional
        Node -> ``treatment, context, covariate, feature, outcome``: the colour of its box.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    UnknownNameError
        If a tier names a node that the graph lacks.

    Examples
    --------
    >>> made = CausalGraph.from_directed(("age", "size"), [[0, 1], [0, 0]])
    >>> ax = graph(made, roles={"age": "covariate", "size": "feature"})
    >>> [text.get_text() for text in ax.texts][:2]
    ['age', 'size']
    """
    nodes = causal_graph.nodes
    for name in (name for tier in tiers or () for name in tier):
        if name not in nodes:
            raise UnknownNameError(f"tiers: no node is called {name!r}{nearest(name, nodes)}")
    joined = (causal_graph.marks != Mark.NONE).any(axis=0)
    alone = [k for k in range(len(nodes)) if not joined[k]]
    listed = set(alone) if len(alone) > _DRAWN_ALONE else set()
    drawn = [k for k in range(len(nodes)) if k not in listed]
    kinds = [
        role if (role := (roles or {}).get(name, "other")) in ROLE_COLOURS else "other"
        for name in nodes
    ]
    with style():
        if not drawn or not joined.any():
            ax = axes(ax, (6.6, 1.4))
            return nothing(ax, f"no edge was found among {len(nodes)} nodes")
        at = {node: k for k, node in enumerate(drawn)}
        pairs = [(at[a], at[b]) for a, b in edges_of(causal_graph)]
        wanted = None
        if tiers:
            wanted = [[at[k] for name in t if (k := nodes.index(name)) in at] for t in tiers]
        boxes = make_boxes([nodes[k] for k in drawn])
        layout = arrange(
            columns(len(drawn), pairs, wanted), pairs,
            {k: boxes.height[k] + 0.13 for k in range(len(drawn))},
        )  # fmt: skip
        left, right = _column_edges(layout, boxes, pairs)
        note = _note([nodes[k] for k in sorted(listed)], right[-1])
        top = 0.3 if roles else 0.0
        size = (right[-1] + 0.5, layout.height + top + 0.3 + LINE * len(note))
        own = ax is None
        ax = axes(ax, size)
        if own:
            ax.get_figure().set_layout_engine("none")  # type: ignore[union-attr]
            ax.set_position((0, 0, 1, 1))
        scale = 1.0
        if not own:
            there = ax.get_window_extent().transformed(
                ax.get_figure(root=True).dpi_scale_trans.inverted()  # type: ignore[union-attr]
            )
            scale = min(1.0, there.width / size[0], there.height / size[1])
        ax.set_xlim(-0.1, size[0] - 0.1)
        ax.set_ylim(layout.height + 0.2 + LINE * len(note), -top - 0.1)
        ax.set_aspect("equal")
        ax.set_axis_off()
        drawing = Drawing(ax, layout, boxes, left, right, scale)
        drawing.draw_nodes([kinds[k] for k in drawn])
        drawing.draw_edges(causal_graph, [nodes[k] for k in drawn], pairs,
                           [kinds[k] for k in drawn])  # fmt: skip
        for k, line in enumerate(note):
            drawing.text(0, layout.height + 0.12 + LINE * (k + 0.5), line, "muted", ha="left")
        if roles:
            drawing.legend([kind for kind in ROLE_COLOURS if kind in {kinds[k] for k in drawn}])
    return ax


def _column_edges(
    layout: Layout, boxes: Boxes, pairs: Sequence[tuple[int, int]]
) -> tuple[list[float], list[float]]:
    """Return the left and right border of every column [inch], with room for edges between."""
    count = 1 + max(layout.column.values())
    left, right, x = [], [], 0.0
    for c in range(count):
        inside = max(boxes.width[k] for k, at in layout.column.items() if at == c)
        spans = [sorted((layout.column[a], layout.column[b])) for a, b in pairs]
        through = sum(first <= c < last for first, last in spans)
        left.append(x)
        right.append(x + inside)
        x += inside + float(np.clip(0.36 + 0.025 * through, 0.46, 0.9))
    return left, right


def _note(names: Sequence[str], width: float) -> list[str]:
    if not names:
        return []
    said = f"No edge was found for {len(names)} nodes: " + ", ".join(
        shorten(name, 48) for name in names
    )
    return textwrap.wrap(said, max(40, int(width / 0.072)))


@dataclass(frozen=True)
class GraphPlots:
    """The plots of one causal graph: ``graph.plot.graph()``, ``graph.plot.support()``.

    Parameters
    ----------
    causal_graph : CausalGraph

    Examples
    --------
    >>> made = CausalGraph.from_directed(
    ...     ("age", "size"), [[0, 1], [0, 0]], support=np.array([[0.0, 0.9], [0.1, 0.0]])
    ... )
    >>> GraphPlots(made).support().get_xlabel()
    'effect'
    """

    causal_graph: CausalGraph

    def graph(
        self,
        *,
        tiers: Sequence[Sequence[str]] | None = None,
        roles: Mapping[str, str] | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw the graph from left to right (see `graph`)."""
        return graph(self.causal_graph, tiers=tiers, roles=roles, ax=ax)

    def support(
        self,
        *,
        tiers: Sequence[Sequence[str]] | None = None,
        n: int = 40,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw the share of resamples with each edge (see `support`)."""
        return support(self.causal_graph, tiers=tiers, n=n, ax=ax)
