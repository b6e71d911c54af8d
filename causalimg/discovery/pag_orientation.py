"""Zhang's orientation rules R1 to R10: from colliders to a partial ancestral graph."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from causalimg.graph.core import Mark

Int8 = NDArray[np.int8]
Triple = tuple[int, int, int]
NONE, CIRCLE, ARROW, TAIL = (int(mark) for mark in Mark)


def orient_pag(
    marks: Int8,
    *,
    separating: Mapping[tuple[int, int], Collection[int]],
    ambiguous: Collection[Triple] = (),
    selection_bias: bool = True,
) -> Int8:
    """Return the marks that follow from those that are there.

    Only circles are replaced: arrows and tails that were put in (colliders, knowledge) stay.

    Parameters
    ----------
    marks : ndarray of int8, shape (d, d)
        ``[i, j]``: mark at j's end (`Mark`).
    separating : mapping of (i, j) with i < j to nodes
        Separating sets; rule R4 leaves open what is not in it.
    ambiguous : collection of (x, z, y) with x < y
        Unshielded triples of which it is not known whether z is a collider: no rule uses them.
    selection_bias : bool
        Whether to apply R5 to R7, which find edges that only selection explains.

    Returns
    -------
    ndarray of int8, shape (d, d)

    References
    ----------
    Zhang J. On the completeness of orientation rules for causal discovery in the presence of
    latent confounders and selection bias. Artif Intell 2008;172:1873-1896.
    doi:10.1016/j.artint.2008.08.001

    Examples
    --------
    >>> marks = np.array([[0, 2, 0, 0], [1, 0, 1, 1], [0, 2, 0, 0], [0, 1, 0, 0]], dtype=np.int8)
    >>> marks[1] = [1, 0, 1, 1]  # a o-> b <-o c and b o-o d
    >>> orient_pag(marks, separating={})[1, 3], orient_pag(marks, separating={})[3, 1]
    (np.int8(2), np.int8(3))
    """
    rules = _Rules(np.array(marks, dtype=np.int8), separating, frozenset(ambiguous))
    order: list[Callable[[], bool]] = [rules.r1, rules.r2, rules.r3, rules.r4]
    if selection_bias:
        order += [rules.r5, rules.r6, rules.r7]
    order += [rules.r8, rules.r9, rules.r10]
    k = 0
    while k < len(order):  # back to the first rule after each change
        k = 0 if order[k]() else k + 1
    return rules.marks


class _Rules:
    """Marks, and one method a rule that tells whether it changed any."""

    def __init__(
        self,
        marks: Int8,
        separating: Mapping[tuple[int, int], Collection[int]],
        ambiguous: frozenset[Triple],
    ) -> None:
        self.marks = marks
        self.joined = marks != NONE
        self.around = [[int(k) for k in np.flatnonzero(row)] for row in self.joined]
        self.separating = separating
        self.ambiguous = ambiguous

    def _apart(self, a: int, b: int, c: int) -> bool:
        """Tell whether a - b - c is unshielded and known to be a collider or not."""
        return a != c and not self.joined[a, c] and (min(a, c), b, max(a, c)) not in self.ambiguous

    def _set(self, a: int, b: int, mark: int) -> bool:
        """Put a mark at b's end of a - b in place of a circle."""
        if self.marks[a, b] != CIRCLE:
            return False
        self.marks[a, b] = mark
        return True

    def _pairs(self, far: int, near: int) -> list[tuple[int, int]]:
        """Return (a, b) with these marks at b's and at a's end."""
        found = np.argwhere((far == self.marks) & (near == self.marks.T))
        return [(int(a), int(b)) for a, b in found]

    def _circles(self) -> list[tuple[int, int]]:
        """Return (c, b) with a circle at b's end."""
        return [(int(c), int(b)) for c, b in np.argwhere(self.marks == CIRCLE)]

    # ---- arrowheads and the tails that go with them ----------------------------------------

    def r1(self) -> bool:
        """a *-> b o-* c, a and c apart: b -> c."""
        m, changed = self.marks, False
        for c, b in self._circles():
            if m[c, b] != CIRCLE or m[b, c] == TAIL:
                continue
            if any(m[a, b] == ARROW and self._apart(a, b, c) for a in self.around[b]):
                self._set(c, b, TAIL)
                self._set(b, c, ARROW)
                changed = True
        return changed

    def r2(self) -> bool:
        """a -> b *-> c or a *-> b -> c, and a *-o c: a *-> c."""
        m, changed = self.marks, False
        for a, c in self._circles():
            changed |= any(
                m[a, b] == ARROW and m[b, c] == ARROW and (m[b, a] == TAIL or m[c, b] == TAIL)
                for b in self.around[a]
            ) and self._set(a, c, ARROW)
        return changed

    def r3(self) -> bool:
        """a *-> b <-* c, a *-o d o-* c, a and c apart, d *-o b: d *-> b."""
        m, changed = self.marks, False
        for d, b in self._circles():
            sides = [a for a in self.around[b] if m[a, b] == ARROW and m[a, d] == CIRCLE]
            changed |= any(
                self._apart(a, d, c) for k, a in enumerate(sides) for c in sides[k + 1 :]
            ) and self._set(d, b, ARROW)
        return changed

    def r4(self) -> bool:
        """b o-* c at the end of a discriminating path d ... a b c: b -> c or a <-> b <-> c."""
        m, changed = self.marks, False
        for c, b in self._circles():
            for a in self.around[b]:
                if m[c, b] != CIRCLE or a == c or m[b, a] != ARROW:
                    continue
                if m[a, c] != ARROW or m[c, a] != TAIL:
                    continue
                start = self._discriminating(a, b, c)
                if start is None:
                    continue
                if b in self.separating[(min(start, c), max(start, c))]:
                    if m[b, c] != TAIL:
                        self._set(c, b, TAIL)
                        self._set(b, c, ARROW)
                        changed = True
                elif m[a, b] != TAIL and m[b, c] != TAIL:
                    self._set(c, b, ARROW)
                    self._set(a, b, ARROW)
                    self._set(b, c, ARROW)
                    changed = True
        return changed

    def _discriminating(self, a: int, b: int, c: int) -> int | None:
        """Return the first node of a shortest discriminating path that ends in a, b, c.

        Between that node and b every node is a collider and a parent of c.
        """
        m = self.marks
        seen, front = {a, b, c}, [a]
        while front:
            wider = []
            for t in front:
                for d in self.around[t]:
                    if d in seen or m[d, t] != ARROW:
                        continue
                    if not self.joined[d, c]:
                        if (min(d, c), max(d, c)) in self.separating:
                            return d
                    elif m[t, d] == ARROW and m[d, c] == ARROW and m[c, d] == TAIL:
                        seen.add(d)
                        wider.append(d)
            front = wider
        return None

    # ---- selection -------------------------------------------------------------------------

    def r5(self) -> bool:
        """a o-o b on an uncovered cycle of circle edges longer than a triangle: tails all round."""
        m = self.marks

        def plain(u: int, v: int) -> bool:
            return bool(m[u, v] == CIRCLE and m[v, u] == CIRCLE)

        for a, b in self._pairs(CIRCLE, CIRCLE):
            for path in self._uncovered(a, plain, avoid={b}, end=b):
                if len(path) < 4 or self.joined[path[1], b] or self.joined[path[-2], a]:
                    continue
                for u, v in zip(path, [*path[1:], a], strict=True):
                    self._set(u, v, TAIL)
                    self._set(v, u, TAIL)
                return True
        return False

    def r6(self) -> bool:
        """a --- b o-* c: tail at b."""
        m, changed = self.marks, False
        for c, b in self._circles():
            changed |= any(
                m[a, b] == TAIL and m[b, a] == TAIL for a in self.around[b]
            ) and self._set(c, b, TAIL)
        return changed

    def r7(self) -> bool:
        """a --o b o-* c, a and c apart: tail at b."""
        m, changed = self.marks, False
        for c, b in self._circles():
            changed |= any(
                m[a, b] == CIRCLE and m[b, a] == TAIL and self._apart(a, b, c)
                for a in self.around[b]
            ) and self._set(c, b, TAIL)
        return changed

    # ---- tails of arrows -------------------------------------------------------------------

    def r8(self) -> bool:
        """a -> b -> c or a --o b -> c, and a o-> c: a -> c."""
        m, changed = self.marks, False
        for a, c in self._pairs(ARROW, CIRCLE):
            changed |= any(
                m[b, a] == TAIL and m[a, b] != TAIL and m[b, c] == ARROW and m[c, b] == TAIL
                for b in self.around[a]
            ) and self._set(c, a, TAIL)
        return changed

    def r9(self) -> bool:
        """a o-> c and an uncovered path a, b, ..., c that may be directed, b and c apart."""
        changed = False
        for a, c in self._pairs(ARROW, CIRCLE):
            found = any(
                len(path) > 3 and self._apart(path[1], a, c)
                for path in self._uncovered(a, self._may_lead, avoid={c}, end=c)
            )
            changed |= found and self._set(c, a, TAIL)
        return changed

    def r10(self) -> bool:
        """a o-> c, b -> c <- d, and uncovered paths from a to b and to d that part at a."""
        m, changed = self.marks, False
        for a, c in self._pairs(ARROW, CIRCLE):
            parents = {p for p in self.around[c] if m[p, c] == ARROW and m[c, p] == TAIL}
            reach: dict[int, set[int]] = {}
            for path in self._uncovered(a, self._may_lead, avoid={c}):
                if path[-1] in parents:
                    reach.setdefault(path[1], set()).add(path[-1])
            changed |= any(
                self._apart(u, a, w) and len(reach[u] | reach[w]) > 1
                for u in reach
                for w in reach
                if u < w
            ) and self._set(c, a, TAIL)
        return changed

    def _may_lead(self, u: int, v: int) -> bool:
        """Tell whether u - v may be u -> v: no arrow at u, no tail at v."""
        return bool(self.marks[v, u] != ARROW and self.marks[u, v] != TAIL)

    def _uncovered(
        self,
        start: int,
        step: Callable[[int, int], bool],
        *,
        avoid: Collection[int],
        end: int | None = None,
    ) -> Iterator[list[int]]:
        """Yield the uncovered paths of such steps from a node, or those that reach ``end``.

        ``avoid`` (``end`` among them) is not passed through, and no path is start - end itself.
        """
        stack = [[start, v] for v in self.around[start] if v not in avoid and step(start, v)]
        while stack:
            path = stack.pop()
            if end is None:
                yield path
            last, inner = path[-1], path[-2]
            for v in self.around[last]:
                if v in path or not step(last, v) or not self._apart(inner, last, v):
                    continue
                if v == end:
                    yield [*path, v]
                elif v not in avoid:
                    stack.append([*path, v])
