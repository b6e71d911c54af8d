"""Background knowledge: tiers, forbidden and required edges, exogenous context."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError, UnknownNameError, nearest
from causalimg.graph.core import CausalGraph, Mark
from causalimg.graph.orientation import reachable

Edge = tuple[str, str]


def _names(value: Iterable[str], what: str) -> tuple[str, ...]:
    if isinstance(value, str):
        raise InvalidInputError(f"{what} must be a list of names, not the single text {value!r}")
    return tuple(str(name) for name in value)


def _edges(value: Iterable[Sequence[str]], what: str) -> tuple[Edge, ...]:
    out: dict[Edge, None] = {}
    if isinstance(value, str):
        raise InvalidInputError(f"{what} must be a list of (cause, effect) pairs, not {value!r}")
    for pair in value:
        names = _names(pair, f"an edge in {what}")
        if len(names) != 2 or names[0] == names[1]:
            raise InvalidInputError(
                f"{what}: an edge is a pair (cause, effect) of two different names, not {pair!r}"
            )
        out[(names[0], names[1])] = None
    return tuple(out)


def _show(edges: Iterable[Edge]) -> str:
    return ", ".join(f"{a} -> {b}" for a, b in edges)


@dataclass(frozen=True)
class Knowledge:
    """What is known of the graph before the data are seen.

    Parameters
    ----------
    tiers : sequence of sequence of str
        Groups in temporal order: no node is a cause of a node in an earlier tier. A node in no
        tier is unconstrained.
    forbidden : sequence of (cause, effect)
        Edges that do not exist. Forbid both directions to exclude any edge between two nodes.
    required : sequence of (cause, effect)
        Edges that do exist.
    exogenous : sequence of str
        Context nodes that nothing but another context node causes (site, scanner, sex).
    forbid_within : sequence of int
        Positions in ``tiers`` of the tiers without edges inside.

    Raises
    ------
    InvalidInputError
        If the parts contradict each other; the message names the edges: a node in two tiers, a
        required edge that is forbidden or runs against the tiers, a cycle of required edges, a
        chain of required edges from a later tier to an earlier one.

    Examples
    --------
    >>> known = Knowledge(tiers=[["site"], ["scanner"], ["contrast"]], exogenous=["site"])
    >>> known.forbidden_matrix(["site", "scanner", "contrast"]).astype(int).tolist()
    [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    """

    tiers: Sequence[Sequence[str]] = ()
    forbidden: Sequence[Edge] = ()
    required: Sequence[Edge] = ()
    exogenous: Sequence[str] = ()
    forbid_within: Sequence[int] = ()

    def __post_init__(self) -> None:
        if isinstance(self.tiers, str):
            raise InvalidInputError(f"tiers must be a list of lists of names, not {self.tiers!r}")
        tiers = tuple(_names(tier, f"tier {k}") for k, tier in enumerate(self.tiers))
        object.__setattr__(self, "tiers", tiers)
        object.__setattr__(self, "forbidden", _edges(self.forbidden, "forbidden"))
        object.__setattr__(self, "required", _edges(self.required, "required"))
        exogenous = tuple(dict.fromkeys(_names(self.exogenous, "exogenous")))
        object.__setattr__(self, "exogenous", exogenous)
        object.__setattr__(self, "forbid_within", tuple(int(k) for k in self.forbid_within))
        self._check()

    # ---- contradictions ------------------------------------------------------------------

    def _check(self) -> None:
        where: dict[str, list[int]] = {}
        for k, tier in enumerate(self.tiers):
            for name in tier:
                where.setdefault(name, []).append(k)
        twice = {name: at for name, at in where.items() if len(at) > 1}
        if twice:
            shown = "; ".join(f"{name!r} in tiers {at}" for name, at in twice.items())
            raise InvalidInputError(f"a node belongs to one tier only: {shown}")
        outside = [k for k in self.forbid_within if not 0 <= k < len(self.tiers)]
        if outside:
            raise InvalidInputError(
                f"forbid_within={outside}: there are {len(self.tiers)} tiers, counted from 0"
            )
        nodes = self.nodes
        place = {name: k for k, name in enumerate(nodes)}
        banned = set(self.forbidden)
        structural = self.structural_matrix(nodes)
        reasons = []
        for a, b in self.required:
            if (a, b) in banned:
                reasons.append(f"{a} -> {b} is both required and forbidden")
            elif structural[place[a], place[b]]:
                reasons.append(f"{a} -> {b} is required but {self._why(a, b)}")
        if reasons:
            raise InvalidInputError("the knowledge contradicts itself: " + "; ".join(reasons))
        required = self.required_matrix(nodes)
        looped = self._on_cycle(required, required)
        if looped:
            raise InvalidInputError(
                f"the required edges form a cycle, which no causal graph has: {_show(looped)}"
            )
        looped = self._on_cycle(required, required | self.precedence_matrix(nodes))
        if looped:
            raise InvalidInputError(
                "the required edges form a chain against the tiers or into an exogenous node: "
                + _show(looped)
            )

    def _on_cycle(self, required: NDArray[np.bool_], before: NDArray[np.bool_]) -> list[Edge]:
        nodes = self.nodes
        edges = np.argwhere(required & reachable(before).T)
        return [(nodes[i], nodes[j]) for i, j in edges]

    def _why(self, a: str, b: str) -> str:
        tier = {name: k for k, members in enumerate(self.tiers) for name in members}
        if a in tier and b in tier and tier[a] > tier[b]:
            return f"{a!r} is in tier {tier[a]}, after {b!r} in tier {tier[b]}"
        if a in tier and b in tier and tier[a] == tier[b] and tier[a] in self.forbid_within:
            return f"edges inside tier {tier[a]} are forbidden"
        if b in self.exogenous and a not in self.exogenous:
            return f"{b!r} is exogenous and {a!r} is not"
        return "that edge is forbidden"

    # ---- reading -------------------------------------------------------------------------

    @property
    def nodes(self) -> tuple[str, ...]:
        """Every node that the knowledge names, in order of appearance."""
        named = [name for tier in self.tiers for name in tier] + list(self.exogenous)
        named += [name for edge in (*self.required, *self.forbidden) for name in edge]
        return tuple(dict.fromkeys(named))

    def structural_matrix(self, nodes: Sequence[str]) -> NDArray[np.bool_]:
        """Return the edges excluded by tiers and exogenous nodes alone, shape (d, d)."""
        tier = {name: k for k, members in enumerate(self.tiers) for name in members}
        outside = set(self.exogenous)
        closed = set(self.forbid_within)
        at = np.array([tier.get(name, -1) for name in nodes], dtype=int)
        known = at >= 0
        both = known[:, None] & known[None, :]
        out = both & (at[:, None] > at[None, :])
        inside = np.array([k in closed for k in at], dtype=bool)
        out |= both & (at[:, None] == at[None, :]) & inside[:, None]
        context = np.array([name in outside for name in nodes], dtype=bool)
        out |= ~context[:, None] & context[None, :]
        np.fill_diagonal(out, False)
        return np.asarray(out, dtype=bool)

    def precedence_matrix(self, nodes: Sequence[str]) -> NDArray[np.bool_]:
        """Return which node comes before which by tiers and exogeneity, shape (d, d)."""
        banned = self.structural_matrix(nodes)
        return np.asarray(banned.T & ~banned, dtype=bool)

    def forbidden_matrix(self, nodes: Sequence[str]) -> NDArray[np.bool_]:
        """Return which edges are not allowed, shape (d, d): ``[i, j]`` is i -> j.

        A required edge excludes its reverse. Names that are not among ``nodes`` are left out.
        """
        out = self.structural_matrix(nodes)
        place = {name: k for k, name in enumerate(nodes)}
        for a, b in self.forbidden:
            if a in place and b in place:
                out[place[a], place[b]] = True
        return np.asarray(out | self.required_matrix(nodes).T, dtype=bool)

    def required_matrix(self, nodes: Sequence[str]) -> NDArray[np.bool_]:
        """Return which edges must be there, shape (d, d): ``[i, j]`` is i -> j."""
        out = np.zeros((len(nodes), len(nodes)), dtype=bool)
        place = {name: k for k, name in enumerate(nodes)}
        for a, b in self.required:
            if a in place and b in place:
                out[place[a], place[b]] = True
        return out

    def check_nodes(self, nodes: Sequence[str]) -> None:
        """Raise `UnknownNameError` if the knowledge names a node that is not there.

        A misspelt name would leave a node unconstrained without a word.
        """
        missing = [name for name in self.nodes if name not in set(nodes)]
        if missing:
            shown = ", ".join(f"{name!r}{nearest(name, nodes)}" for name in missing[:8])
            more = f" and {len(missing) - 8} more" if len(missing) > 8 else ""
            raise UnknownNameError(
                f"the knowledge names nodes that are not in the data: {shown}{more}."
                " Correct the names, or use knowledge.restrict(columns) to drop them"
            )

    def restrict(self, nodes: Sequence[str]) -> Knowledge:
        """Return the knowledge about ``nodes`` only; tiers keep their positions."""
        keep = set(nodes)
        return Knowledge(
            tiers=tuple(tuple(n for n in tier if n in keep) for tier in self.tiers),
            forbidden=tuple(e for e in self.forbidden if keep.issuperset(e)),
            required=tuple(e for e in self.required if keep.issuperset(e)),
            exogenous=tuple(n for n in self.exogenous if n in keep),
            forbid_within=tuple(self.forbid_within),
        )

    def violations(self, graph: CausalGraph) -> list[str]:
        """Say in words where a graph goes against the knowledge; empty if nowhere.

        An unoriented edge with one forbidden direction counts: it should have been oriented.
        """
        nodes = graph.nodes
        banned = self.forbidden_matrix(nodes)
        out = []
        for i, j in np.argwhere(graph.directed() & banned):
            out.append(f"{nodes[i]} -> {nodes[j]} is in the graph and is forbidden")
        for i, j in np.argwhere(np.triu(graph.undirected()) & (banned | banned.T)):
            out.append(f"{nodes[i]} --- {nodes[j]} leaves a forbidden direction open")
        needed = self.required_matrix(nodes)
        for i, j in np.argwhere(needed & ~graph.directed()):
            state = "missing" if graph.marks[i, j] == Mark.NONE else "not oriented that way"
            out.append(f"{nodes[i]} -> {nodes[j]} is required and is {state}")
        return out

    def to_dict(self) -> dict[str, Any]:
        """Return the knowledge as JSON types."""
        return {
            "tiers": [list(tier) for tier in self.tiers],
            "forbidden": [list(edge) for edge in self.forbidden],
            "required": [list(edge) for edge in self.required],
            "exogenous": list(self.exogenous),
            "forbid_within": list(self.forbid_within),
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Knowledge:
        """Rebuild the knowledge from `to_dict`."""
        return cls(**{key: document.get(key, ()) for key in cls.__dataclass_fields__})
