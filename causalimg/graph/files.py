"""One way in and out for graph files: the format is the suffix, or is stated."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from causalimg.atomic import replacing, write_text
from causalimg.errors import FileReadError, InvalidInputError, nearest
from causalimg.graph.core import CausalGraph, GraphKind
from causalimg.graph.io import from_dot, from_graphml, to_dot, to_graphml
from causalimg.graph.io_dagitty import from_dagitty, to_dagitty
from causalimg.graph.io_pcalg import from_pcalg, to_pcalg
from causalimg.graph.io_tetrad import from_tetrad, to_tetrad

FORMATS = ("json", "graphml", "dot", "dagitty", "tetrad", "amat.cpdag", "amat.pag")
_SUFFIX = {
    ".json": "json",
    ".graphml": "graphml",
    ".dot": "dot",
    ".gv": "dot",
    ".dagitty": "dagitty",
    ".tetrad": "tetrad",
}


def write_graph(graph: CausalGraph, path: str | Path, *, format: str | None = None) -> None:
    """Write a graph to a file, atomically.

    Parameters
    ----------
    graph : CausalGraph
    path : str or Path
    format : {"json", "graphml", "dot", "dagitty", "tetrad", "amat.cpdag", "amat.pag"}, optional
        Default: by the suffix (``.json``, ``.graphml``, ``.dot``, ``.gv``, ``.dagitty``,
        ``.tetrad``). JSON alone keeps everything. The two matrices of pcalg are written as CSV
        with names (`causalimg.graph.io_pcalg.to_pcalg` says how they are coded).

    Raises
    ------
    InvalidInputError
        If the format is not known, or has no notation for the graph or its names.

    Examples
    --------
    >>> import tempfile
    >>> graph = CausalGraph.from_directed(("age", "size"), [[0, 1], [0, 0]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_graph(graph, f"{folder}/graph.dagitty")
    ...     read_graph(f"{folder}/graph.dagitty").parents("size")
    ('age',)
    """
    chosen = _format(path, format)
    if chosen == "json":
        graph.save(path)
    elif chosen == "graphml":
        to_graphml(graph, path)
    elif chosen.startswith("amat"):
        matrix = to_pcalg(graph, coding=chosen)
        with replacing(path) as temporary:
            matrix.to_csv(temporary)
    else:
        texts = {"dot": to_dot, "dagitty": to_dagitty, "tetrad": to_tetrad}
        write_text(path, texts[chosen](graph))


def read_graph(
    path: str | Path, *, format: str | None = None, kind: GraphKind | str | None = None
) -> CausalGraph:
    """Read a graph from a file.

    Parameters
    ----------
    path : str or Path
    format : str, optional
        As in `write_graph`; must be stated for the matrices of pcalg, and for ``.txt``.
    kind : GraphKind or str, optional
        What the edges mean, for the formats that do not say: tetrad, amat.cpdag, amat.pag.

    Raises
    ------
    FileReadError
        If the file is missing or not text.
    InvalidInputError
        Naming the file, and the line that is not understood.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "drawn.dagitty"
    ...     _ = path.write_text("dag { age -> scanner; age -> size }")
    ...     read_graph(path).children("age")
    ('scanner', 'size')
    """
    chosen = _format(path, format)
    if kind is not None and chosen in ("json", "graphml", "dot", "dagitty"):
        raise InvalidInputError(f"{chosen} files say of what kind the graph is; leave out kind=")
    if chosen == "json":
        return CausalGraph.load(path)
    if not Path(path).is_file():
        raise FileReadError(f"there is no file {path}")
    if chosen == "graphml":
        return from_graphml(path)
    try:
        if chosen.startswith("amat"):
            matrix = pd.read_csv(path, index_col=0)
            return from_pcalg(matrix, coding=chosen, kind=kind)
        text = Path(path).read_text(encoding="utf-8")
        if chosen == "tetrad":
            return from_tetrad(text, kind=kind)
        return from_dot(text) if chosen == "dot" else from_dagitty(text)
    except UnicodeDecodeError as error:
        raise FileReadError(f"{path} is not UTF-8 text: {error}") from error
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}: {error}") from error


def _format(path: str | Path, stated: str | None) -> str:
    if stated is not None:
        if stated not in FORMATS:
            raise InvalidInputError(
                f"format={stated!r} is not one of {', '.join(FORMATS)}{nearest(stated, FORMATS)}"
            )
        return stated
    suffix = Path(path).suffix.lower()
    if suffix not in _SUFFIX:
        raise InvalidInputError(
            f"{Path(path).name}: no graph format has the suffix {suffix!r}; use one of"
            f" {', '.join(_SUFFIX)}, or state format= ({', '.join(FORMATS)})"
        )
    return _SUFFIX[suffix]
