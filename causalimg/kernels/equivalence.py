"""Equivalence classes of DAGs as matrices: extension, completion, cliques, paths.

``open[i, j]`` is 1 if the edge between i and j can be followed from i to j: one way for an arrow,
both ways for an unoriented edge.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def neighbours(open_: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the adjacent nodes of each node: ``nodes[start[k]:start[k + 1]]``."""
    d = open_.shape[0]
    start = np.zeros(d + 1, dtype=np.int64)
    for i in range(d):
        count = 0
        for j in range(d):
            if open_[i, j] | open_[j, i]:
                count += 1
        start[i + 1] = start[i] + count
    nodes = np.empty(start[d], dtype=np.int64)
    at = 0
    for i in range(d):
        for j in range(d):
            if open_[i, j] | open_[j, i]:
                nodes[at] = j
                at += 1
    return start, nodes


@njit(cache=True, nogil=True)
def _is_sink(
    open_: np.ndarray, start: np.ndarray, nodes: np.ndarray, gone: np.ndarray, x: int
) -> bool:
    for p in range(start[x], start[x + 1]):
        z = nodes[p]
        if gone[z]:
            continue
        if not open_[z, x]:
            return False  # x -> z
        if open_[x, z]:  # x --- z: z must know every other neighbour of x
            for q in range(start[x], start[x + 1]):
                w = nodes[q]
                if w != z and not gone[w] and not (open_[z, w] | open_[w, z]):
                    return False
    return True


@njit(cache=True, nogil=True)
def extend(open_: np.ndarray, start: np.ndarray, nodes: np.ndarray) -> tuple[bool, np.ndarray]:
    """Find a DAG with the same arrows and no further collider.

    Returns
    -------
    found : bool
    place : ndarray of int, shape (d,)
        Position of each node in an order of that DAG.

    References
    ----------
    Dor D, Tarsi M. A simple algorithm to construct a consistent extension of a partially
    oriented graph. Technical report R-185, UCLA 1992.
    """
    d = open_.shape[0]
    gone = np.zeros(d, dtype=np.bool_)
    place = np.zeros(d, dtype=np.int64)
    waiting = np.ones(d, dtype=np.bool_)
    stack = np.empty(d, dtype=np.int64)
    for k in range(d):
        stack[k] = d - 1 - k
    size = d
    left = d
    while size:
        size -= 1
        x = int(stack[size])
        waiting[x] = False
        if gone[x] or not _is_sink(open_, start, nodes, gone, x):
            continue
        gone[x] = True
        left -= 1
        place[x] = left
        for p in range(start[x], start[x + 1]):
            z = nodes[p]
            if not gone[z] and not waiting[z]:
                waiting[z] = True
                stack[size] = z
                size += 1
    return left == 0, place


@njit(cache=True, nogil=True)
def complete(open_: np.ndarray) -> tuple[bool, np.ndarray]:
    """Return the CPDAG of the class that a partially directed graph stands for (d, d).

    Before it: whether a DAG extends the graph.

    References
    ----------
    Chickering DM. A transformational characterization of equivalent Bayesian network structures.
    UAI 1995. doi:10.48550/arXiv.1302.4938
    """
    d = open_.shape[0]
    start, nodes = neighbours(open_)
    found, place = extend(open_, start, nodes)
    out = np.zeros((d, d), dtype=np.uint8)
    if not found:
        return False, out
    order = np.empty(d, dtype=np.int64)
    for k in range(d):
        order[place[k]] = k
    # label[x, y]: 0 unknown, 1 compelled, 2 reversible, for x -> y of the DAG
    label = np.zeros((d, d), dtype=np.uint8)
    parents = np.empty(d, dtype=np.int64)
    for y in order:
        count = 0
        for p in range(start[y], start[y + 1]):
            x = nodes[p]
            if place[x] < place[y]:
                at = count
                while at > 0 and place[parents[at - 1]] < place[x]:
                    parents[at] = parents[at - 1]
                    at -= 1
                parents[at] = x
                count += 1
        for k in range(count):
            x = parents[k]
            if label[x, y]:
                continue
            shielded = True
            for p in range(start[x], start[x + 1]):
                w = nodes[p]
                if place[w] < place[x] and label[w, x] == 1:
                    if open_[w, y] | open_[y, w]:
                        label[w, y] = 1
                    else:
                        shielded = False
                        break
            if shielded:
                for j in range(count):
                    z = parents[j]
                    if z != x and not ((open_[z, x] | open_[x, z]) and place[z] < place[x]):
                        shielded = False
                        break
                mark = 2 if shielded else 1
                for j in range(count):
                    if not label[parents[j], y]:
                        label[parents[j], y] = mark
            else:
                for j in range(count):
                    label[parents[j], y] = 1
        for k in range(count):
            x = parents[k]
            out[x, y] = 1
            if label[x, y] == 2:
                out[y, x] = 1
    return True, out


@njit(cache=True, nogil=True)
def agrees(open_: np.ndarray, forbidden: np.ndarray) -> bool:
    """Tell whether some DAG of the class has no forbidden edge."""
    d = open_.shape[0]
    known = open_.copy()
    changed = False
    for i in range(d):
        for j in range(d):
            if open_[i, j] and forbidden[i, j]:
                if not open_[j, i] or forbidden[j, i]:
                    return False
                known[i, j] = 0
                changed = True
    if not changed:
        return True
    # the knowledge itself must not make a collider
    start, nodes = neighbours(open_)
    for y in range(d):
        for p in range(start[y], start[y + 1]):
            a = nodes[p]
            if not known[a, y] or known[y, a]:
                continue
            for q in range(p + 1, start[y + 1]):
                b = nodes[q]
                if not known[b, y] or known[y, b] or (open_[a, b] | open_[b, a]):
                    continue
                if open_[y, a] | open_[y, b]:
                    return False
    return extend(known, start, nodes)[0]


@njit(cache=True, nogil=True)
def cliques(open_: np.ndarray, y: int, limit: int) -> tuple[np.ndarray, bool]:
    """Return the cliques among the unoriented neighbours of ``y`` (k, d), the empty one first.

    Also returned: False if there are more than ``limit``, which ends the enumeration.
    """
    d = open_.shape[0]
    around = np.empty(d, dtype=np.int64)
    size = 0
    for x in range(d):
        if open_[x, y] and open_[y, x]:
            around[size] = x
            size += 1
    capacity = 1 + size
    member = np.zeros((capacity, d), dtype=np.bool_)
    last = np.zeros(capacity, dtype=np.int64)
    last[0] = -1
    count = 1
    at = 0
    while at < count:
        for k in range(last[at] + 1, size):
            x = around[k]
            joined = True
            for j in range(k):
                z = around[j]
                if member[at, z] and not (open_[x, z] | open_[z, x]):
                    joined = False
                    break
            if not joined:
                continue
            if count == limit:
                return member[:count], False
            if count == capacity:
                capacity *= 2
                wider = np.zeros((capacity, d), dtype=np.bool_)
                for i in range(count):
                    for u in range(d):
                        wider[i, u] = member[i, u]
                longer = np.zeros(capacity, dtype=np.int64)
                for i in range(count):
                    longer[i] = last[i]
                member, last = wider, longer
            for u in range(d):
                member[count, u] = member[at, u]
            member[count, x] = True
            last[count] = k
            count += 1
        at += 1
    return member[:count], True


@njit(cache=True, nogil=True)
def path_avoids(
    follow: np.ndarray,
    count: np.ndarray,
    blocked: np.ndarray,
    source: int,
    target: int,
    step: bool,
) -> np.ndarray:
    """Return a shortest semi-directed path from source to target that avoids the blocked nodes.

    ``follow[u, : count[u]]`` are the nodes that an edge leads to from ``u``. The edge between
    the two counts as a path only if ``step``. Empty if there is none.
    """
    d = follow.shape[0]
    came = np.full(d, -1, dtype=np.int64)
    came[source] = source
    queue = np.empty(d, dtype=np.int64)
    queue[0] = source
    first, size = 0, 1
    while first < size:
        u = queue[first]
        first += 1
        for k in range(count[u]):
            v = follow[u, k]
            if blocked[v] or came[v] >= 0 or (v == target and u == source and not step):
                continue
            if v == target:
                length = 2
                while u != source:
                    u = came[u]
                    length += 1
                path = np.empty(length, dtype=np.int64)
                path[length - 1] = target
                u = queue[first - 1]
                for j in range(length - 2, -1, -1):
                    path[j] = u
                    u = came[u]
                return path
            came[v] = u
            queue[size] = v
            size += 1
    return np.empty(0, dtype=np.int64)


@njit(cache=True, nogil=True)
def list_row(open_: np.ndarray, u: int, follow: np.ndarray, count: np.ndarray) -> None:
    """Write the nodes that an edge leads to from ``u`` into ``follow``, their number into count."""
    size = 0
    for v in range(len(open_)):
        if open_[u, v]:
            follow[size] = v
            size += 1
    count[0] = size
