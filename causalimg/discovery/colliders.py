"""From a skeleton to arrows: colliders, background knowledge, Meek's rules."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalimg.discovery.skeleton import Skeleton, conditional_tests
from causalimg.graph.orientation import has_path, meek_closure, reachable
from causalimg.stats.ci_test import CITest

Bool = NDArray[np.bool_]
Float = NDArray[np.float64]
Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Colliders:
    """Verdicts on the unshielded triples x - z - y (x < y), the strongest collider first."""

    colliders: tuple[Triple, ...]
    ambiguous: tuple[Triple, ...]
    n_tests: int


@dataclass(frozen=True)
class Oriented:
    """Arrows and unoriented edges, and what stood in the way of more.

    Parameters
    ----------
    directed, undirected : ndarray of bool, shape (d, d)
    disputed : tuple of (x, z, y)
        Colliders that were not drawn, because they contradict knowledge or a stronger collider.
    refused : tuple of (cause, effect)
        Arrows that Meek's rules ask for and that would contradict others.
    """

    directed: Bool
    undirected: Bool
    disputed: tuple[Triple, ...]
    refused: tuple[tuple[int, int], ...]


def unshielded(adjacent: Bool) -> list[Triple]:
    """Return the triples x - z - y with x < y not adjacent, sorted."""
    out = []
    for z in range(len(adjacent)):
        around = np.flatnonzero(adjacent[z])
        apart = np.triu(~adjacent[np.ix_(around, around)], 1)
        out += [(int(around[i]), z, int(around[j])) for i, j in np.argwhere(apart)]
    return sorted(out)


def find_colliders(
    test: CITest,
    alpha: float,
    skeleton: Skeleton,
    *,
    forbidden: Bool,
    rule: str,
    settled: Collection[tuple[int, int]] = (),
) -> Colliders:
    """Decide which unshielded triples are colliders.

    ``standard``: z is not in the separating set of x and y. ``majority`` and ``conservative``:
    x and y are tested given every subset of their possible parents, up to the size that the
    skeleton search used; z is a collider if it is in fewer than half (majority) or none
    (conservative) of the sets that separate, no collider if in more than half (all), and
    ambiguous otherwise or if no set separates. A pair that knowledge forbids has no separating
    set of its own, and is voted on under every rule: its absence says nothing about z. For the
    pairs in ``settled``, which no subset of neighbours separates, the set that did decides.

    References
    ----------
    Ramsey J, Zhang J, Spirtes P. Adjacency-faithfulness and conservative causal inference. UAI
    2006. doi:10.48550/arXiv.1206.6843
    Colombo D, Maathuis MH. J Mach Learn Res 2014;15:3741-3782.
    """
    triples = unshielded(skeleton.adjacent)
    strength: dict[Triple, tuple[float, float]] = {}
    ambiguous, to_vote = [], []
    for triple in triples:
        x, z, y = triple
        if (rule == "standard" or (x, y) in settled) and (x, y) in skeleton.separating:
            if z not in skeleton.separating[(x, y)]:
                strength[triple] = (0.0, -float(skeleton.p_max[x, y]))
        else:
            to_vote.append(triple)
    pairs = sorted({(x, y) for x, _, y in to_vote})
    with_z, total, p_best, n_tests = _votes(test, alpha, skeleton, forbidden, pairs)
    at = {pair: k for k, pair in enumerate(pairs)}
    for triple in to_vote:
        x, z, y = triple
        k = at[(x, y)]
        share = with_z[k, z] / total[k] if total[k] else 0.5
        collider = share == 0.0 if rule == "conservative" else share < 0.5
        chain = share == 1.0 if rule == "conservative" else share > 0.5
        if collider:
            strength[triple] = (float(share), -float(p_best[k]))
        elif not chain:
            ambiguous.append(triple)
    ranked = sorted(strength, key=lambda triple: (*strength[triple], triple))
    return Colliders(tuple(ranked), tuple(ambiguous), n_tests)


def _votes(
    test: CITest,
    alpha: float,
    skeleton: Skeleton,
    forbidden: Bool,
    pairs: Sequence[tuple[int, int]],
) -> tuple[Float, Float, Float, int]:
    """Count, for each pair, the separating sets and those that hold each node."""
    d = len(skeleton.adjacent)
    with_z, total = np.zeros((len(pairs), d)), np.zeros(len(pairs))
    p_best = np.zeros(len(pairs))
    n_tests = 0
    if not pairs:
        return with_z, total, p_best, n_tests
    both = np.array(pairs, dtype=np.intp)
    may_be = (skeleton.adjacent & ~forbidden).T
    for side in (0, 1):
        x, y = both[:, side], both[:, 1 - side]
        pool, other = may_be[x], may_be[y]
        for size in range(skeleton.largest + 1):
            if size > int(pool.sum(axis=1).max()):
                break
            for rows, sets, p in conditional_tests(test, x, y, pool, size):
                n_tests += p.size
                separates = p > alpha
                if side:  # sets inside both pools were counted from the first side
                    separates &= ~other[rows[:, None, None], sets].all(axis=2)
                total[rows] += separates.sum(axis=1)
                np.maximum.at(p_best, rows, np.where(separates, p, 0.0).max(axis=1))
                if size:
                    k, c = np.nonzero(separates)
                    np.add.at(with_z, (rows[k][:, None], sets[k, c]), 1.0)
    return with_z, total, p_best, n_tests


def break_cycles(
    adjacent: Bool, *, forbidden: Bool, required: Bool, p_max: Float
) -> tuple[Bool, list[tuple[int, int]]]:
    """Take out the least certain edge of each cycle into which knowledge orients the skeleton.

    Forbidden edges leave one direction to each of three joined nodes, and these may form a
    cycle: then one of the edges is an error of the tests.

    Returns
    -------
    adjacent : ndarray of bool, shape (d, d)
    removed : list of (cause, effect)
    """
    adjacent = adjacent | required | required.T
    removed: list[tuple[int, int]] = []
    while True:
        directed = adjacent & ~forbidden & forbidden.T
        inside = directed & reachable(directed).T & ~required
        if not inside.any():
            return adjacent, removed
        edges = [(int(i), int(j)) for i, j in np.argwhere(inside)]
        i, j = max(edges, key=lambda edge: (np.nan_to_num(p_max[edge]), -edge[0], -edge[1]))
        adjacent[i, j] = adjacent[j, i] = False
        removed.append((i, j))


def orient(adjacent: Bool, found: Colliders, *, forbidden: Bool) -> Oriented:
    """Orient a skeleton so that knowledge holds and no directed cycle exists.

    Knowledge first; then the colliders from the strongest (fewest separating sets with z, then
    the largest p-value of the separation) to the weakest, each in whole or not at all; then
    Meek's rules, which draw nothing from ambiguous or disputed triples.
    """
    directed = adjacent & ~forbidden & forbidden.T
    undirected = adjacent & ~directed & ~directed.T
    disputed = []
    for x, z, y in found.colliders:
        drawn = []
        for tail in (x, y):
            if directed[tail, z]:
                continue
            if not undirected[tail, z] or forbidden[tail, z] or has_path(directed, z, tail):
                break
            directed[tail, z] = True
            undirected[tail, z] = undirected[z, tail] = False
            drawn.append(tail)
        else:
            continue
        for tail in drawn:
            directed[tail, z] = False
            undirected[tail, z] = undirected[z, tail] = True
        disputed.append((x, z, y))
    directed, undirected, refused = meek_closure(
        directed,
        undirected,
        allowed=lambda a, b: not forbidden[a, b],
        ambiguous=frozenset(found.ambiguous) | frozenset(disputed),
    )
    return Oriented(directed, undirected, tuple(disputed), tuple(refused))
