"""What an edge says, in words: an arrow of a PAG is not an arrow of a DAG."""

from __future__ import annotations

from collections.abc import Mapping

from causalimg.graph.core import CausalGraph, GraphKind, Mark
from causalimg.graph.marks import edge_text

STATUS_WORDS: Mapping[str, str] = {
    "same": "the same in both graphs",
    "added": "only in this graph",
    "missing": "only in the other graph",
    "reversed": "reversed",
    "differs": "joined in both, oriented differently",
}
"""How an edge of two graphs compares -> in words."""

_DIRECT = {
    GraphKind.DAG: "{a} is a direct cause of {b}, among the nodes of this graph.",
    GraphKind.ADMG: "{a} is a direct cause of {b}, among the nodes of this graph.",
    GraphKind.CPDAG: "{a} is a direct cause of {b} in every graph that fits these independences.",
    GraphKind.PAG: "{a} is a cause of {b}, directly or through others, in every graph that fits;"
    " a hidden common cause may act beside it.",
}
_PAG = {
    "o->": "{b} is no cause of {a}. Open: whether {a} causes {b}, a hidden common cause makes both,"
    " or both at once.",
    "<->": "Neither causes the other: a hidden common cause makes both.",
    "o-o": "Joined, and nothing else is told: either may cause the other, or a hidden common cause"
    " make both.",
    "o--": "{b} is a cause of {a} or of the selection of the cases; what {a} does is open.",
    "--o": "{a} is a cause of {b} or of the selection of the cases; what {b} does is open.",
    "---": "Each is a cause of the other or of the selection of the cases: selection joins them.",
}


def drawn(graph: CausalGraph, i: int, j: int) -> str:
    """Return how the edge between two positions is drawn, read from i to j; empty if none.

    Examples
    --------
    >>> graph = CausalGraph.from_directed(("a", "b"), [[0, 1], [0, 0]])
    >>> drawn(graph, 0, 1), drawn(graph, 1, 0)
    ('-->', '<--')
    """
    if graph.marks[i, j] == Mark.NONE:
        return ""
    return edge_text(graph.marks[j, i], graph.marks[i, j])


def meaning(kind: GraphKind, text: str, a: str, b: str) -> str:
    """Say what an edge means in a graph of a kind.

    Examples
    --------
    >>> meaning(GraphKind.CPDAG, "---", "age", "volume")
    'age and volume are joined directly; the data do not tell which is the cause.'
    """
    if text == "<--":
        return meaning(kind, "-->", b, a)
    if text == "<-o":
        return meaning(kind, "o->", b, a)
    if text == "-->":
        said = _DIRECT[kind]
    elif kind is GraphKind.PAG:
        said = _PAG[text]
    elif text == "<->":
        said = "A hidden common cause makes both {a} and {b}; neither arrow says more."
    else:
        said = "{a} and {b} are joined directly; the data do not tell which is the cause."
    return said.replace("{a}", "\0a").replace("{b}", "\0b").replace("\0a", a).replace("\0b", b)


def compared(text: str, other: str) -> str:
    """Return how an edge compares, both texts read the same way (a key of `STATUS_WORDS`).

    Examples
    --------
    >>> compared("-->", "<--"), compared("-->", "---"), compared("", "-->")
    ('reversed', 'differs', 'missing')
    """
    if text == other:
        return "same"
    if not other:
        return "added"
    if not text:
        return "missing"
    return "reversed" if {text, other} == {"-->", "<--"} else "differs"
