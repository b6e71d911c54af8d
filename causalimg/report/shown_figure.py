"""A figure that notebooks show, although pyplot does not know of it."""

from __future__ import annotations

from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_DPI = 110


class ShownFigure(Figure):
    """A figure outside pyplot's memory that draws itself where it is a cell's last line.

    Examples
    --------
    >>> figure, ax = ShownFigure.with_axes((3.0, 2.0))
    >>> figure._repr_png_()[:4], ax._repr_png_()[:4]
    (b'\\x89PNG', b'\\x89PNG')
    """

    @classmethod
    def with_axes(cls, size: tuple[float, float]) -> tuple[ShownFigure, Axes]:
        """Return a new figure of ``size`` [inch] and its axes, which show the same picture."""
        figure = cls(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        ax = figure.add_subplot()
        ax._repr_png_ = figure._repr_png_  # type: ignore[attr-defined]  # what IPython looks for
        return figure, ax

    def _repr_png_(self) -> bytes:
        target = BytesIO()
        self.savefig(target, format="png", dpi=_DPI, facecolor="white")  # dark themes
        return target.getvalue()
