"""One look for every figure: palette, type, and a figure as SVG that can live inside a page."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

from causalimg.errors import InvalidInputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE: Mapping[str, str] = {
    "paper": "#ffffff",
    "ink": "#1b2430",
    "muted": "#5b6673",
    "grid": "#e4e8ed",
    "grey": "#87919d",
    "blue": "#1665a8",
    "orange": "#c24e12",
    "teal": "#0b7a6b",
    "gold": "#a87400",
    "violet": "#6a4fa0",
    "blue-soft": "#e3eef8",
    "orange-soft": "#fbe9df",
    "teal-soft": "#dff2ee",
    "gold-soft": "#f8efd9",
    "violet-soft": "#ece7f6",
    "grey-soft": "#eef0f3",
}
"""Name -> colour. Dark enough on white for text, and apart in luminance as well as in hue.

Inside a page each name is a CSS variable ``--fig-NAME``, so that a dark page can redefine it.
"""

VERDICT_COLOURS: Mapping[str, str] = {
    "stable": PALETTE["teal"],
    "shifted": PALETTE["orange"],
    "not_certifiable": PALETTE["grey"],
}
VERDICT_WORDS: Mapping[str, str] = {
    "stable": "stable",
    "shifted": "shifted",
    "not_certifiable": "not certifiable",
}

_RC: Mapping[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": PALETTE["grey"],
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": PALETTE["muted"],
    "axes.labelsize": 9.0,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": PALETTE["ink"],
    "axes.titlelocation": "left",
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.unicode_minus": True,
    "figure.facecolor": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "grid.color": PALETTE["grid"],
    "grid.linewidth": 0.8,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.labelcolor": PALETTE["ink"],
    "lines.linewidth": 1.4,
    "patch.linewidth": 0.8,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "causalimg",
    "text.color": PALETTE["ink"],
    "text.parse_math": False,
    "text.usetex": False,
    "xtick.color": PALETTE["grey"],
    "xtick.labelcolor": PALETTE["muted"],
    "xtick.labelsize": 8.5,
    "ytick.color": PALETTE["grey"],
    "ytick.labelcolor": PALETTE["muted"],
    "ytick.labelsize": 8.5,
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")

_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")


@contextmanager
def style() -> Iterator[None]:
    """Draw in the package's style; matplotlib's own settings are as before afterwards.

    Examples
    --------
    >>> import matplotlib
    >>> before = matplotlib.rcParams["axes.grid"]
    >>> with style():
    ...     matplotlib.rcParams["axes.grid"]
    True
    >>> matplotlib.rcParams["axes.grid"] == before
    True
    """
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(dict(_RC))  # type: ignore[arg-type]
        # a name in a script that the measuring font lacks is still drawn by the reader's browser
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        yield


def axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """Return ``ax``, or the axes of a new figure of ``size`` [inch] outside pyplot's memory."""
    if ax is not None:
        return ax
    from causalimg.report.shown_figure import ShownFigure

    return ShownFigure.with_axes(size)[1]


def legend_above(ax: Axes, *, own: bool, columns: int = 2) -> None:
    """Put the legend above the plot; names in it are taken as they are."""
    handles, _ = ax.get_legend_handles_labels()
    if not handles:
        return
    if own:
        figure = ax.get_figure(root=True)
        if figure is None:
            return
        legend = figure.legend(handles=handles, loc="outside upper left", ncols=columns,
                               columnspacing=1.4, handletextpad=0.4)  # fmt: skip
    else:
        legend = ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1),
                           ncols=columns, columnspacing=1.4, handletextpad=0.4)  # fmt: skip
    for text in legend.get_texts():
        text.set_parse_math(False)


def without_control(text: str) -> str:
    """Replace what neither XML nor a line of text can hold by spaces."""
    return _CONTROL.sub(" ", text)


def clean(name: object) -> str:
    """Return a name as one line of text that is not empty."""
    return without_control(str(name)).strip() or "(no name)"


def shorten(name: object, width: int) -> str:
    """Cut a long name in its middle, so that its beginning and its end stay.

    Examples
    --------
    >>> shorten("wavelet_hhl_glcm_inverse_difference_moment", 24)
    'wavelet_hhl_…ence_moment'
    """
    text = clean(name)
    if len(text) <= width:
        return text
    head = (width - 1 + 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def row_labels(ax: Axes, positions: list[float], names: list[str]) -> None:
    """Label the rows of a plot with names taken as they are (a dollar sign is no formula)."""
    ax.set_yticks(positions)
    for label in ax.set_yticklabels(names):
        label.set_parse_math(False)
        label.set_color(PALETTE["ink"])
    ax.tick_params(axis="y", length=0)
    ax.grid(False, axis="y")


def figure_to_svg(fig: Figure, *, title: str, name: str = "figure") -> str:
    """Return a figure as an SVG element that can be put into a page.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
    title : str
        What the figure shows; read out by screen readers.
    name : str
        Start of every id inside the element: figures of one page need different names.

    Returns
    -------
    str
        ``<svg ...>...</svg>``: no prolog, date, script or style sheet, text as text, colours of
        the palette as CSS variables with the colour as their fallback. Equal figures give equal
        text.
    """
    buffer = io.StringIO()
    with style():
        blank = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        fig.savefig(buffer, format="svg", metadata=blank)
    text = _NOT_XML.sub(" ", buffer.getvalue())
    opening = re.search(r"<svg\b[^>]*>", text)
    box = re.search(r'viewBox="([\d. ]+)"', text)
    if opening is None or box is None:
        raise InvalidInputError("the figure did not come out as SVG")
    body = text[opening.end() :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.S)
    body = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>\s*", "", body, flags=re.S)
    body = re.sub(r"<!--.*?-->\s*", "", body, flags=re.S)
    body = _rename_ids(body, name)
    body = _colours_as_variables(body)
    body = re.sub(r"\n\s*", "\n", body)
    width = float(box.group(1).split()[2]) * 96 / 72
    label = escape(clean(title), quote=True)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        f' class="figure" role="img" aria-label="{label}" viewBox="{box.group(1)}"'
        f' style="--width: {width:.0f}px; width: var(--width)" stroke-linejoin="round">'
        f"\n<title>{label}</title>{body}"
    ).strip()


def _rename_ids(body: str, name: str) -> str:
    """Keep only the ids that something refers to, and make them the page's own."""
    salt = hashlib.sha256(name.encode()).hexdigest()[:6]
    prefix = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") + f"-{salt}-"
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)[)"]', body))

    def rename(match: re.Match[str]) -> str:
        known = match.group(1)
        return f' id="{prefix}{known}"' if known in used else ""

    body = re.sub(r'(?<=[\w"]) id="([^"]+)"', rename, body)
    return re.sub(r'(url\(|href=")#([^)"]+)', rf"\g<1>#{prefix}\g<2>", body)


def _colours_as_variables(body: str) -> str:
    """Turn palette colours inside ``style`` attributes into CSS variables with a fallback."""
    names = {colour: name for name, colour in PALETTE.items()}

    def swap(match: re.Match[str]) -> str:
        colour = match.group(0)
        return f"var(--fig-{names[colour]}, {colour})" if colour in names else colour

    def inside(match: re.Match[str]) -> str:
        return re.sub(r"#[0-9a-f]{6}", swap, match.group(0))

    return re.sub(r' style="[^"]*"', inside, body)
