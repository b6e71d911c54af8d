"""Why two nodes are joined or not: the tests behind a skeleton, and what resamples drew."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.discovery.skeleton import Skeleton
from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.graph.marks import edge_text

Pair = tuple[str, str]
Positions = tuple[int, int]

COLUMNS = ("a", "b", "adjacent", "reason", "test", "p_value", "given", "support")
NO_EDGE = "none"
"""How `resample_counts` writes that a resample did not join the pair."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a constraint-based search found for every pair of nodes.

    Parameters
    ----------
    nodes : tuple of str
    adjacent : ndarray of bool, shape (d, d)
    p_value : ndarray, shape (d, d)
        Largest p-value of the tests of the pair; NaN where none was made or none is known.
    separating, closest : mapping of (i, j), i < j, to tuple of int
        By position: of a pair that is not joined, the set that separates it; of any pair, the
        set with the largest p-value, where that is not the empty set.
    test : str
    alpha : float
        A pair is separated by a p-value above it.
    required, forbidden : ndarray of bool, shape (d, d)
        Pairs that knowledge joins, or keeps apart; they are not tested.

    Examples
    --------
    >>> from causalimg.discovery.pc import PC
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=400)
    >>> b = a + rng.normal(size=400)
    >>> table = pd.DataFrame({"a": a, "b": b, "c": b + rng.normal(size=400)})
    >>> frame = PC().fit(table).evidence_.to_frame()
    >>> frame[["a", "b", "adjacent", "given"]].values.tolist()
    [['a', 'b', True, ('c',)], ['a', 'c', False, ('b',)], ['b', 'c', True, ('a',)]]
    """

    nodes: tuple[str, ...]
    adjacent: NDArray[np.bool_]
    p_value: NDArray[np.float64]
    separating: Mapping[Positions, tuple[int, ...]]
    closest: Mapping[Positions, tuple[int, ...]]
    test: str
    alpha: float
    required: NDArray[np.bool_]
    forbidden: NDArray[np.bool_]

    def __post_init__(self) -> None:
        shape = (len(self.nodes), len(self.nodes))
        for name in ("adjacent", "p_value", "required", "forbidden"):
            array = np.array(getattr(self, name))
            if array.shape != shape:
                raise InvalidInputError(
                    f"{name} has shape {array.shape}; {len(self.nodes)} nodes need {shape}"
                )
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @cached_property
    def given(self) -> dict[Pair, tuple[str, ...]]:
        """Pair (a before b in ``nodes``) to the names in the set of its largest p-value.

        Of a pair that is not joined, that is the set that separates it; of a joined pair, the
        test that came nearest to separating it. A pair that was not tested has none.
        """
        found: dict[Pair, tuple[str, ...]] = {}
        for i, j in itertools.combinations(range(len(self.nodes)), 2):
            if self.reason(i, j) == "separated":
                chosen = self.separating[i, j]
            elif self.adjacent[i, j] and np.isfinite(self.p_value[i, j]):
                chosen = self.closest.get((i, j), ())
            else:
                continue
            found[self.nodes[i], self.nodes[j]] = tuple(self.nodes[k] for k in chosen)
        return found

    def reason(self, i: int, j: int) -> str:
        """Return why the nodes at two positions are joined or not.

        ``required`` and ``forbidden`` are knowledge's; ``separated``: a set separates them;
        ``dependent``: none does; ``cycle``: the edge was taken out, because knowledge would have
        closed a directed cycle with it.
        """
        if self.required[i, j]:
            return "required"
        if self.forbidden[i, j]:
            return "forbidden"
        if self.adjacent[i, j]:
            return "dependent"
        return "separated" if (min(i, j), max(i, j)) in self.separating else "cycle"

    def to_frame(self, *, support: NDArray[np.float64] | None = None) -> pd.DataFrame:
        """Return one row a pair.

        Columns: ``a, b, adjacent, reason, test, p_value, given`` (a tuple of names, or None) and
        ``support``.

        Parameters
        ----------
        support : ndarray, shape (d, d), optional
            As in `CausalGraph`, in the order of ``nodes``: gives the share of resamples that
            joined the pair.
        """
        rows = []
        for i, j in itertools.combinations(range(len(self.nodes)), 2):
            a, b = self.nodes[i], self.nodes[j]
            p = float(self.p_value[i, j])
            rows.append(
                (a, b, bool(self.adjacent[i, j]), self.reason(i, j),
                 None if np.isnan(p) else self.test, p, self.given.get((a, b)),
                 np.nan if support is None else float(support[i, j] + support[j, i]))
            )  # fmt: skip
        return pd.DataFrame(rows, columns=list(COLUMNS))


def of_skeleton(
    names: tuple[str, ...],
    skeleton: Skeleton,
    *,
    test: Any,
    alpha: float,
    forbidden: NDArray[np.bool_],
    required: NDArray[np.bool_],
) -> Evidence:
    """Name what a skeleton search found; ``test`` is its setting: a name, a class or an object."""
    return Evidence(
        nodes=names,
        adjacent=skeleton.adjacent,
        p_value=skeleton.p_max,
        separating=skeleton.separating,
        closest=skeleton.closest,
        test=test if isinstance(test, str) else getattr(test, "__name__", type(test).__name__),
        alpha=alpha,
        required=required | required.T,
        forbidden=forbidden & forbidden.T,
    )


def evidence_of(fitted: Any) -> Evidence | None:
    """Return the evidence of a fitted search, of the search inside a bootstrap, or None.

    Examples
    --------
    >>> from causalimg.discovery.pc import PC
    >>> evidence_of(PC()) is None
    True
    """
    if isinstance(fitted, Evidence):
        return fitted
    for owner in (fitted, getattr(fitted, "estimator_", None)):
        found = getattr(owner, "evidence_", None)
        if isinstance(found, Evidence):
            return found
    return None


def resample_counts(
    graphs: Iterable[CausalGraph], nodes: Sequence[str]
) -> dict[Pair, dict[str, int]]:
    """Count what each of many graphs draws between two nodes.

    Parameters
    ----------
    graphs : iterable of CausalGraph
        With the nodes ``nodes`` in any order.
    nodes : sequence of str

    Returns
    -------
    dict of (a, b) to dict of str to int
        For the pairs that some graph joins, a before b in ``nodes``: ``-->``, ``<--``, ``---``,
        ``<->``, ``o->`` ... as read from a to b, and ``none``; the most frequent first.

    Examples
    --------
    >>> one = CausalGraph.from_directed(("a", "b"), [[0, 1], [0, 0]])
    >>> two = CausalGraph.from_directed(("b", "a"), [[0, 1], [0, 0]])
    >>> resample_counts([one, one, two], ("a", "b"))
    {('a', 'b'): {'-->': 2, '<--': 1}}
    """
    codes = []
    for graph in graphs:
        at = [graph.index(name) for name in nodes]
        marks = graph.marks[np.ix_(at, at)].astype(np.int8)
        codes.append(np.triu(4 * marks.T + marks, 1))  # near mark first
    if not codes:
        return {}
    stack = np.stack(codes)
    out: dict[Pair, dict[str, int]] = {}
    for i, j in np.argwhere(stack.any(axis=0)):
        counts = np.bincount(stack[:, i, j], minlength=16)
        drawn = {
            (edge_text(code // 4, code % 4) if code else NO_EDGE): int(count)
            for code, count in enumerate(counts)
            if count
        }
        out[nodes[i], nodes[j]] = dict(sorted(drawn.items(), key=lambda item: -item[1]))
    return out
