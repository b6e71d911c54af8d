"""Ink for the drawing of a graph: boxes with wrapped names, curved arrows, numbers on them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from causalimg.graph.core import CausalGraph, Mark
from causalimg.report.graph_layout import Layout
from causalimg.report.labels import Box, cover
from causalimg.report.style import PALETTE, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROLE_COLOURS: Mapping[str, str] = {
    "treatment": "orange",
    "context": "violet",
    "covariate": "gold",
    "feature": "blue",
    "outcome": "teal",
    "other": "grey",
}
LINE = 0.145
"""Height of a line of text [inch]."""
_FONT = 8.0
Point = tuple[float, float]


@dataclass(frozen=True)
class Boxes:
    """Lines of text of each node, and its size [inch]."""

    lines: dict[int, list[str]]
    width: dict[int, float]
    height: dict[int, float]


def wrap(name: str, width: int = 16) -> list[str]:
    """Break a name into lines, at underscores and spaces where it has them.

    Examples
    --------
    >>> wrap("wavelet_hhl_glcm_difference_variance")
    ['wavelet_hhl_', 'glcm_difference_', 'variance']
    """
    short = shorten(name, 4 * width - 8)
    words = short.replace("_", "_\0").replace(" ", " \0").split("\0")
    lines: list[str] = []
    for word in words:
        for part in textwrap.wrap(word, width, drop_whitespace=False) or [""]:
            if lines and len(lines[-1] + part.rstrip()) <= width:
                lines[-1] += part
            elif part:
                lines.append(part)
    return [line.rstrip() for line in lines if line.strip()] or [short]


def make_boxes(names: Sequence[str]) -> Boxes:
    from matplotlib.textpath import TextPath

    lines = {k: wrap(name) for k, name in enumerate(names)}
    width = {
        k: 0.2 + max(float(np.ptp(TextPath((0, 0), line, size=_FONT).vertices[:, 0]))
                     for line in text) / 72
        for k, text in lines.items()
    }  # fmt: skip
    height = {k: 0.14 + LINE * len(text) for k, text in lines.items()}
    return Boxes(lines, {k: max(w, 0.5) for k, w in width.items()}, height)


@dataclass(frozen=True)
class Drawing:
    ax: Axes
    layout: Layout
    boxes: Boxes
    left: list[float]
    right: list[float]
    scale: float

    @property
    def spans(self) -> list[Point]:
        """Where columns stand: a number is written between them."""
        return list(zip(self.left, self.right, strict=True))

    def middle(self, node: int) -> float:
        at = self.layout.column[node]
        return (self.left[at] + self.right[at]) / 2

    def side(self, node: int, sign: int) -> float:
        return self.middle(node) + sign * self.boxes.width[node] / 2

    def text(self, x: float, y: float, said: str, colour: str, *, ha: str = "center",
             size: float = _FONT) -> None:  # fmt: skip
        label = self.ax.text(x, y, said, ha=ha, va="center_baseline", color=PALETTE[colour],
                             fontsize=size * self.scale, zorder=6)  # fmt: skip
        label.set_parse_math(False)

    def draw_nodes(self, kinds: Sequence[str]) -> None:
        from matplotlib.patches import FancyBboxPatch

        for node, lines in self.boxes.lines.items():
            colour = ROLE_COLOURS[kinds[node]]
            y, height = self.layout.y[node], self.boxes.height[node]
            box = FancyBboxPatch(
                (self.side(node, -1) + 0.06, y - height / 2 + 0.06),
                self.boxes.width[node] - 0.12, height - 0.12,
                boxstyle="round,pad=0.06,rounding_size=0.07", linewidth=1.0 * self.scale,
                facecolor=PALETTE[f"{colour}-soft"], edgecolor=PALETTE[colour], zorder=5,
            )  # fmt: skip
            self.ax.add_patch(box)
            for k, line in enumerate(lines):
                self.text(self.middle(node), y + LINE * (k - (len(lines) - 1) / 2), line, "ink")

    def draw_edges(self, source: CausalGraph, names: Sequence[str],
                   pairs: Sequence[tuple[int, int]], kinds: Sequence[str]) -> None:  # fmt: skip
        ports = self._ports(pairs)
        taken = [self._box(node) for node in self.boxes.lines]
        labels = []
        for a, b in pairs:
            i, j = source.index(names[a]), source.index(names[b])
            share = 1.0
            if source.support is not None:
                share = float(source.support[i, j] + source.support[j, i])
            strength = float(np.clip(share, 0, 1))
            first, second = self._ends(a, b)
            curve = self._curve(first, second, ports)
            flip = (first, second) != (a, b)
            marks = (Mark(source.marks[j, i]), Mark(source.marks[i, j]))
            colour = "orange" if kinds[a] == "treatment" and marks[1] is Mark.ARROW else "muted"
            self._line(curve, marks[::-1] if flip else marks, strength, colour,
                       same=self.layout.column[a] == self.layout.column[b])  # fmt: skip
            if share < 0.995:
                labels.append((strength, curve, f"{share:.2f}"))
        for _, curve, said in sorted(labels, key=lambda item: -item[0]):
            self._label(curve, said, taken)

    def _ends(self, a: int, b: int) -> tuple[int, int]:
        return (a, b) if self.layout.column[a] <= self.layout.column[b] else (b, a)

    def _box(self, node: int) -> Box:
        half = self.boxes.height[node] / 2
        y = self.layout.y[node]
        return self.side(node, -1), y - half, self.side(node, 1), y + half

    def _ports(self, pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int, int], float]:
        """Return (node, left, right) -> height at which that edge meets the node."""
        sides: dict[tuple[int, int], list[tuple[float, int, int]]] = {}
        for a, b in pairs:
            first, second = self._ends(a, b)
            lanes = self.layout.lanes[first, second]
            same = self.layout.column[first] == self.layout.column[second]
            aim = lanes[0] if lanes else self.layout.y[second]
            sides.setdefault((first, 1), []).append((aim, first, second))
            back = lanes[-1] if lanes else self.layout.y[first]
            sides.setdefault((second, 1 if same else -1), []).append((back, first, second))
        found = {}
        for (node, _), ends in sides.items():
            reach = 0.36 * self.boxes.height[node]
            for k, (_, first, second) in enumerate(sorted(ends)):
                share = 0.0 if len(ends) == 1 else 2 * k / (len(ends) - 1) - 1
                step = min(reach, 0.055 * (len(ends) - 1))
                found[node, first, second] = self.layout.y[node] + share * step
        return found

    def _curve(self, first: int, second: int,
               ports: dict[tuple[int, int, int], float]) -> list[Point]:  # fmt: skip
        """Return the points of a chain of cubic curves from the left node to the right one."""
        y0, y1 = ports[first, first, second], ports[second, first, second]
        x = self.side(first, 1)
        if self.layout.column[first] == self.layout.column[second]:
            end = self.side(second, 1)
            bulge = max(x, end) + min(0.4, 0.16 + 0.05 * abs(y1 - y0))
            return [(x, y0), (bulge, y0), (bulge, y1), (end, y1)]
        at = self.layout.column[first]
        points = [(x, y0), *_bend((x, y0), (max(x, self.right[at]), y0))]
        for lane in self.layout.lanes[first, second]:
            at += 1
            points += _bend(points[-1], (self.left[at], lane))
            points += _bend(points[-1], (self.right[at], lane))
        stop = (min(self.side(second, -1), self.left[self.layout.column[second]]), y1)
        points += _bend(points[-1], stop)
        return points + _bend(stop, (self.side(second, -1), y1))

    def _line(self, curve: list[Point], marks: tuple[Mark, Mark], strength: float, colour: str,
              *, same: bool) -> None:  # fmt: skip
        from matplotlib.patches import Circle, PathPatch, Polygon
        from matplotlib.path import Path

        alpha = 0.3 + 0.7 * strength
        head = 0.075 + 0.03 * strength
        points = list(curve)
        for end, mark in ((0, marks[0]), (-1, marks[1])):
            outward = 1.0 if (end == 0 or same) else -1.0
            x, y = points[end]
            if mark is Mark.ARROW:
                tip = [
                    (x, y),
                    (x + outward * head, y - head / 2),
                    (x + outward * head, y + head / 2),
                ]
                self.ax.add_patch(Polygon(tip, closed=True, facecolor=PALETTE[colour],
                                          alpha=alpha, linewidth=0, zorder=4))  # fmt: skip
                points[end] = (x + outward * head * 0.9, y)
            elif mark is Mark.CIRCLE:
                self.ax.add_patch(Circle((x + outward * 0.04, y), 0.035, zorder=4, linewidth=0.9,
                                         facecolor=PALETTE["paper"],
                                         edgecolor=PALETTE[colour]))  # fmt: skip
                points[end] = (x + outward * 0.075, y)
        codes = [Path.MOVETO, *[Path.CURVE4] * (len(points) - 1)]
        self.ax.add_patch(PathPatch(
            Path(points, codes), facecolor="none", edgecolor=PALETTE[colour], alpha=alpha,
            linewidth=(0.7 + 1.5 * strength) * self.scale, zorder=3, capstyle="butt",
        ))  # fmt: skip

    def _label(self, curve: list[Point], said: str, taken: list[Box]) -> None:
        """Write a number on its edge, where it covers no box and no other number."""
        half, up = 0.125, 0.06
        for t in (0.5, 0.4, 0.6, 0.3, 0.7, 0.22, 0.78, 0.15, 0.85):
            for part in range(0, len(curve) - 1, 3):
                x, y = _cubic(curve[part : part + 4], t)
                if any(left <= x <= right for left, right in self.spans):
                    continue
                box: Box = (x - half, y - up, x + half, y + up)
                if any(cover(box, other) for other in taken):
                    continue
                taken.append(box)
                from matplotlib.patches import Rectangle

                self.ax.add_patch(Rectangle((x - half, y - up), 2 * half, 2 * up, linewidth=0,
                                            facecolor=PALETTE["paper"], alpha=0.85,
                                            zorder=5.5))  # fmt: skip
                self.text(x, y, said, "ink", size=6.6)
                return

    def legend(self, kinds: Sequence[str]) -> None:
        from matplotlib.patches import Rectangle

        x = 0.02
        for kind in kinds:
            colour = ROLE_COLOURS[kind]
            self.ax.add_patch(Rectangle((x, -0.27), 0.13, 0.13, linewidth=1.0,
                                        facecolor=PALETTE[f"{colour}-soft"],
                                        edgecolor=PALETTE[colour]))  # fmt: skip
            self.text(x + 0.19, -0.205, kind, "muted", ha="left")
            x += 0.42 + 0.075 * len(kind)


def _bend(start: Point, end: Point) -> list[Point]:
    """Return the control points of a curve that leaves and arrives horizontally."""
    reach = (end[0] - start[0]) / 2
    return [(start[0] + reach, start[1]), (end[0] - reach, end[1]), end]


def _cubic(points: Sequence[Point], t: float) -> Point:
    weight = np.array([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
    x, y = weight @ np.asarray(points, dtype=float)
    return float(x), float(y)
