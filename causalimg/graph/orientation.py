"""Orientation rules on adjacency matrices: Meek's rules, v-structures, reachability."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
from numpy.typing import NDArray

Bool = NDArray[np.bool_]
Triple = tuple[int, int, int]


def reachable(directed: Bool) -> Bool:
    """Return ``[i, j]``: a directed path of one edge or more leads from i to j, shape (d, d).

    Examples
    --------
    >>> reachable(np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]], dtype=bool)).astype(int).tolist()
    [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
    """
    paths = np.array(directed, dtype=bool)
    while True:
        longer = paths | (paths.astype(np.float32) @ paths.astype(np.float32) > 0)
        if (longer == paths).all():
            return paths
        paths = longer


def has_path(directed: Bool, start: int, end: int) -> bool:
    """Tell whether a directed path leads from ``start`` to ``end``."""
    seen = np.zeros(len(directed), dtype=bool)
    front = np.array(directed[start], dtype=bool)
    while front.any():
        if front[end]:
            return True
        seen |= front
        front = directed[front].any(axis=0) & ~seen
    return False


def v_structures(directed: Bool) -> Bool:
    """Return the arrows of a DAG that are part of an unshielded collider, shape (d, d)."""
    adjacent = directed | directed.T
    out = np.zeros_like(directed)
    for node in range(len(directed)):
        parents = np.flatnonzero(directed[:, node])
        apart = ~adjacent[np.ix_(parents, parents)]
        np.fill_diagonal(apart, False)
        out[parents[apart.any(axis=1)], node] = True
    return out


def _meek_proposals(
    directed: Bool, undirected: Bool, ambiguous: Collection[Triple]
) -> dict[tuple[int, int], None]:
    """Return the arrows that Meek's rules R1 to R4 ask for, in index order."""
    adjacent = directed | directed.T | undirected
    paths = reachable(directed)
    found: dict[tuple[int, int], None] = {}
    for b, c in np.argwhere(undirected):
        b, c = int(b), int(c)
        if paths[b, c]:  # R2 with paths of any length: c -> b would close a cycle
            found[(b, c)] = None
            continue
        heads = np.flatnonzero(directed[:, b] & ~adjacent[:, c])
        if any(int(a) != c and (min(a, c), b, max(a, c)) not in ambiguous for a in heads):
            found[(b, c)] = None  # R1: a -> b --- c with a, c apart
            continue
        sides = np.flatnonzero(undirected[b] & directed[:, c])
        apart = ~adjacent[np.ix_(sides, sides)]
        np.fill_diagonal(apart, False)
        if any(
            (min(sides[p], sides[q]), b, max(sides[p], sides[q])) not in ambiguous
            for p, q in np.argwhere(apart)
        ):
            found[(b, c)] = None  # R3: b --- s -> c and b --- t -> c with s, t apart
            continue
        # R4: b --- k -> l -> c with k, c apart, and l adjacent to b
        for last in np.flatnonzero(directed[:, c] & adjacent[b]):
            firsts = np.flatnonzero(undirected[b] & directed[:, last] & ~adjacent[:, c])
            if any((min(k, c), b, max(k, c)) not in ambiguous for k in firsts if k != c):
                found[(b, c)] = None
                break
    return found


def meek_closure(
    directed: Bool,
    undirected: Bool,
    *,
    allowed: Callable[[int, int], bool] | None = None,
    ambiguous: Collection[Triple] = (),
) -> tuple[Bool, Bool, list[tuple[int, int]]]:
    """Orient what follows from the arrows that are there, without a new collider or a cycle.

    All proposals of a round are collected before any is applied; an edge that is asked for in
    both directions is left unoriented and reported, and so is an arrow that would close a
    directed cycle or that ``allowed`` refuses. On a graph without conflicts these are Meek's
    rules, complete also with background knowledge.

    Parameters
    ----------
    directed : ndarray of bool, shape (d, d)
    undirected : ndarray of bool, shape (d, d)
        Symmetric.
    allowed : callable (cause, effect) -> bool, optional
    ambiguous : collection of (a, b, c) with a < c
        Unshielded triples of which it is not known whether b is a collider: no arrow is drawn
        from them.

    Returns
    -------
    directed, undirected : ndarray of bool
    conflicts : list of (cause, effect)
        Arrows that were asked for and not drawn.

    References
    ----------
    Meek C. Causal inference and causal explanation with background knowledge. UAI 1995.
    doi:10.48550/arXiv.1302.4972
    """
    directed, undirected = directed.copy(), undirected.copy()
    conflicts: dict[tuple[int, int], None] = {}
    while True:
        proposals = _meek_proposals(directed, undirected, ambiguous)
        changed = False
        for a, b in proposals:
            if (a, b) in conflicts:
                continue
            if (b, a) in proposals or (allowed is not None and not allowed(a, b)):
                conflicts[(a, b)] = None
                continue
            if not undirected[a, b]:
                continue
            if has_path(directed, b, a):
                conflicts[(a, b)] = None
                continue
            directed[a, b] = True
            undirected[a, b] = undirected[b, a] = False
            changed = True
        if not changed:
            return directed, undirected, list(conflicts)
