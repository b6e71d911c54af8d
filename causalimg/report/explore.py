"""An interactive graph in a notebook or a file: look, compare, mark edges, search again."""

from __future__ import annotations

from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from causalimg.atomic import write_text
from causalimg.errors import CausalImgError, InvalidInputError, MissingDependencyError
from causalimg.graph.core import CausalGraph
from causalimg.graph.knowledge import Knowledge
from causalimg.report.graph_view import graph_view_assets, graph_view_data, graph_view_fragment

_LEAST_HEIGHT = 240
_AROUND = 112  # toolbar and status line [px]
_NAME = "Causal graph"
_RENDER = """
export default {
  render({ model, el }) {
    const waiting = new Map();
    let count = 0;
    const ask = (knowledge) => new Promise((resolve) => {
      const id = String(++count) + "-" + Math.random();
      waiting.set(id, resolve);
      setTimeout(() => {
        if (waiting.delete(id)) resolve({ error: "Python has not answered within 20 s; is the kernel free?" });
      }, 20000);
      model.set("proposal", { id, knowledge });
      model.save_changes();
    });
    const root = document.createElement("div");
    el.append(root);
    const shown = globalThis.causalimgGraph.mount(root, model.get("data"), { ask, current: model.get("knowledge") });
    const answered = () => {
      const reply = model.get("reply");
      const resolve = waiting.get(reply.id);
      if (resolve && waiting.delete(reply.id)) resolve(reply);
    };
    const changed = () => shown.load(model.get("knowledge"));
    model.on("change:reply", answered);
    model.on("change:knowledge", changed);
    return () => { model.off("change:reply", answered); model.off("change:knowledge", changed); };
  },
};
"""  # noqa: E501


class GraphView:
    """An interactive graph: the last line of a notebook cell shows it, `save` writes it as a page.

    In the picture nodes can be dragged, edges filtered by support, and an edge or a pair without
    one selected for its evidence. Edges can be marked as required or forbidden.

    Parameters
    ----------
    data : dict
        From `causalimg.report.graph_view.graph_view_data`, with ``height``.

    Notes
    -----
    With anywidget (``pip install "causalimg[notebooks]"``) marks come back to Python as
    `knowledge`. Without it the same picture is shown in a frame of its own, and its tab
    "Knowledge" has the Python call to copy. Neither needs a network.

    Examples
    --------
    >>> view = CausalGraph.from_directed(("age", "size"), [[0, 1], [0, 0]]).explore()
    >>> view, view.to_html().startswith("<!doctype html>")
    (GraphView(DAG with 2 nodes and 1 edge), True)
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self._widget: Any = None

    @property
    def live(self) -> bool:
        """Whether marks made in the picture come back to Python (anywidget is installed)."""
        return find_spec("anywidget") is not None

    @property
    def knowledge(self) -> Knowledge:
        """The knowledge that was given, plus the marks made in the picture.

        Raises
        ------
        MissingDependencyError
            If anywidget is not installed: then marks cannot come back.
        """
        if not self.live:
            raise MissingDependencyError(
                "marks made in the picture cannot come back to Python, because anywidget is not"
                ' installed: run pip install "causalimg[notebooks]", restart the notebook and make'
                " the view again; or copy the Knowledge from the picture's tab 'Knowledge'"
            )
        return Knowledge.from_dict(
            self.data["knowledge"] if self._widget is None else self._widget.knowledge
        )

    def save(self, path: str | Path) -> None:
        """Write the view as one HTML file that needs nothing but itself, atomically."""
        write_text(path, self.to_html())

    def to_html(self) -> str:
        """Return a self-contained page."""
        css, js = graph_view_assets()
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{_NAME}: {escape(self.data['summary'])}</title>\n<style>\n{css}</style></head>"
            f'\n<body class="cgv-page">\n{graph_view_fragment(self.data, name=_NAME)}\n'
            f"<script>\n{js}</script>\n</body></html>\n"
        )

    def _repr_html_(self) -> str:
        return (
            f'<iframe title="{_NAME}" sandbox="allow-scripts" style="width: 100%;'
            f' height: {self.data["height"] + _AROUND}px; border: 0; border-radius: 10px"'
            f' srcdoc="{escape(self.to_html(), quote=True)}"></iframe>'
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": repr(self), "text/html": self._repr_html_()}
        if self.live:
            found = self._shown()._repr_mimebundle_()
            shown = found[0] if isinstance(found, tuple) else found
            bundle |= {key: value for key, value in shown.items() if key != "text/plain"}
        return bundle

    def _shown(self) -> Any:
        if self._widget is None:
            self._widget = _widget(self.data)
        return self._widget

    def __repr__(self) -> str:
        return f"GraphView({self.data['summary']})"


def explore(
    graph: CausalGraph,
    *,
    fitted: Any = None,
    knowledge: Knowledge | None = None,
    compare: CausalGraph | None = None,
    height: int = 520,
) -> GraphView:
    """Show a causal graph that can be looked into, compared and marked.

    Parameters
    ----------
    graph : CausalGraph
    fitted : estimator or Evidence, optional
        What found the graph: gives the test, p-value and separating set of every pair (`PC`,
        `FCI`), and how often resamples drew each orientation (`BootstrapDiscovery`).
    knowledge : Knowledge, optional
        Its tiers become columns, and marks are added to it; by default that of ``fitted``.
    compare : CausalGraph, optional
        A second graph: edges are told apart as same, added, missing, reversed, or oriented
        differently.
    height : int
        Height of the picture [px].

    Returns
    -------
    GraphView

    Raises
    ------
    InvalidInputError
        If ``fitted`` was fitted on other columns, or an argument is not of its kind.

    Examples
    --------
    >>> graph = CausalGraph.from_directed(("age", "size"), [[0, 1], [0, 0]])
    >>> explore(graph, knowledge=Knowledge(tiers=[["age"], ["size"]]))
    GraphView(DAG with 2 nodes and 1 edge)
    """
    if not isinstance(height, int) or isinstance(height, bool) or height < _LEAST_HEIGHT:
        raise InvalidInputError(
            f"height={height!r} must be a whole number of pixels, at least {_LEAST_HEIGHT}"
        )
    data = graph_view_data(graph, fitted=fitted, knowledge=knowledge, compare=compare)
    return GraphView({**data, "height": height})


def answer(proposal: dict[str, Any]) -> dict[str, Any]:
    """Check an edited knowledge that the picture proposes.

    Returns
    -------
    dict
        ``id`` of the proposal, and ``knowledge``, or ``error``: why it contradicts itself.

    Examples
    --------
    >>> loop = Knowledge().to_dict() | {"required": [["a", "b"], ["b", "a"]]}
    >>> answer({"id": "1", "knowledge": loop})["error"]
    'the required edges form a cycle, which no causal graph has: a -> b, b -> a'
    """
    try:
        accepted = Knowledge.from_dict(proposal["knowledge"])
    except CausalImgError as error:
        return {"id": proposal["id"], "error": str(error)}
    return {"id": proposal["id"], "knowledge": accepted.to_dict()}


def _widget(data: dict[str, Any]) -> Any:
    """Return the anywidget of a view; it answers every proposal of the picture."""
    import anywidget
    import traitlets

    css, js = graph_view_assets()

    class GraphWidget(anywidget.AnyWidget):
        _esm = js + _RENDER
        _css = css
        data = traitlets.Dict().tag(sync=True)
        knowledge = traitlets.Dict().tag(sync=True)
        proposal = traitlets.Dict().tag(sync=True)
        reply = traitlets.Dict().tag(sync=True)

        @traitlets.observe("proposal")
        def _answer(self, change: Any) -> None:
            said = answer(change["new"])
            if "knowledge" in said:
                self.knowledge = said["knowledge"]
            self.reply = said

    return GraphWidget(data=data, knowledge=data["knowledge"])
