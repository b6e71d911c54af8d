"""The interactive graph as a piece of a page: a style sheet, a script, and one element a graph."""

from __future__ import annotations

import json
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from causalimg.report.graph_view_data import graph_view_data

__all__ = ["graph_view_assets", "graph_view_data", "graph_view_fragment"]

_ASSETS = Path(__file__).parent / "assets"
_SCRIPTS = ("words", "marks", "geometry", "canvas", "panel", "view")


def graph_view_assets() -> tuple[str, str]:
    """Return the style sheet and the script, to be put into a page once.

    Examples
    --------
    >>> css, js = graph_view_assets()
    >>> css.startswith(".cgv"), "fetch(" in js
    (True, False)
    """
    return _read("graph_view.css"), _script()


def graph_view_fragment(data: dict[str, Any], *, name: str) -> str:
    """Return the HTML of one interactive graph; the script mounts it when the page has loaded.

    Parameters
    ----------
    data : dict
        From `graph_view_data`; ``height`` [px] may be added.
    name : str
        Names the graph to a screen reader, and makes its ``id``; one of its own in a page.

    Examples
    --------
    >>> from causalimg.graph.core import CausalGraph
    >>> graph = CausalGraph.from_directed(("a", "</script>"), [[0, 1], [0, 0]])
    >>> graph_view_fragment(graph_view_data(graph), name="graph").count("</script>")
    1
    """
    label = escape(name, quote=True)
    slug = escape("graph-" + "-".join(name.split()), quote=True)
    return (
        f'<div class="cgv" id="{slug}" data-causal-graph="{label}">'
        f'<p class="cgv-static">{escape(str(data["summary"]))}. The picture needs JavaScript.</p>'
        f'<script type="application/json">{safe_json(data)}</script></div>'
    )


def safe_json(data: Any) -> str:
    """Return JSON in plain ASCII that can stand inside a script element of any page."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _read(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


@cache
def _script() -> str:
    parts = [_read(f"graph_{name}.js") for name in _SCRIPTS]
    return '(() => {\n"use strict";\n' + "\n".join(parts) + "})();\n"
