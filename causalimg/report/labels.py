"""Place labels beside points so that none covers another, or leave them out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from causalimg.report.style import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PLACES = (
    (7, 0, "left", "center"),
    (-7, 0, "right", "center"),
    (6, 9, "left", "center"),
    (-6, 9, "right", "center"),
    (6, -9, "left", "center"),
    (-6, -9, "right", "center"),
    (14, 20, "left", "center"),
    (-14, 20, "right", "center"),
    (14, -20, "left", "center"),
    (-14, -20, "right", "center"),
    (0, 11, "center", "bottom"),
    (0, -11, "center", "top"),
)
_FONT = 7.5
Box = tuple[float, float, float, float]


def cover(a: Box, b: Box) -> bool:
    """Tell whether two boxes (left, bottom, right, top) have any area in common."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def place_labels(
    ax: Axes,
    points: NDArray[np.float64],
    names: Sequence[str],
    *,
    others: NDArray[np.float64] | None = None,
) -> int:
    """Write names beside points, in order of importance, wherever there is room.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Its limits must be final.
    points : ndarray of shape (n, 2)
        In data units.
    names : sequence of str
    others : ndarray of shape (m, 2), optional
        Points that a label should not lie on.

    Returns
    -------
    int
        How many labels found room.
    """
    if not len(points):
        return 0
    from matplotlib.textpath import TextPath

    figure = ax.get_figure(root=True)
    if figure is None:
        return 0
    figure.draw_without_rendering()
    inside = ax.get_window_extent()
    pad = 4 * figure.dpi / 72
    frame: Box = (inside.x0, inside.y0, inside.x1, inside.y1)
    everything = points if others is None else np.vstack([points, others])
    spots = ax.transData.transform(everything)
    taken: list[Box] = []
    placed = 0
    for (x, y), name in zip(points, names, strict=True):
        drawn = TextPath((0, 0), name, size=_FONT, usetex=False)
        wide = float(np.ptp(drawn.vertices[:, 0])) * figure.dpi / 72 if len(drawn) else 0.0
        for dx, dy, ha, va in _PLACES:
            far = max(abs(dx), abs(dy)) > 11
            text = ax.annotate(
                name,
                (x, y),
                xytext=(dx, dy),
                textcoords="offset points",
                ha=ha,
                va=va,
                fontsize=_FONT,
                color=PALETTE["ink"],
                arrowprops={"arrowstyle": "-", "color": PALETTE["grey"], "lw": 0.6, "shrinkB": 3}
                if far
                else None,
            )
            text.set_parse_math(False)
            text.set_in_layout(False)
            extent = text.get_window_extent()
            side = pad + max(0.0, wide - extent.width)  # hinting narrows it, a browser does not
            box: Box = (extent.x0 - side, extent.y0, extent.x1 + side, extent.y1)
            if _room(box, frame, taken, spots):
                taken.append(box)
                placed += 1
                break
            text.remove()
    return placed


def _room(box: Box, frame: Box, taken: list[Box], spots: NDArray[np.float64]) -> bool:
    if box[0] < frame[0] or box[2] > frame[2] or box[1] < frame[1] or box[3] > frame[3]:
        return False
    if any(cover(box, other) for other in taken):
        return False
    x, y = spots[:, 0], spots[:, 1]
    on = (x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3])
    return int(on.sum()) == 0
