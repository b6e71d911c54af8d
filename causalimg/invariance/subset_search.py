"""Which feature sets are accepted as invariant: all subsets, or only the smallest that are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalimg.invariance.gram import Sets, subsets
from causalimg.invariance.set_tests import SetTest

Array = NDArray[np.float64]

SEARCHES = ("all", "minimal")


@dataclass(frozen=True, eq=False)
class Accepted:
    """The outcome of a search.

    Parameters
    ----------
    sets : list of tuple of int
        Accepted sets, small ones first.
    p : ndarray of shape (n_accepted,)
    p_without : ndarray of shape (d,)
        Largest p-value of a tested set without the feature.
    p_model : float
        Largest p-value of all tested sets.
    n_tested : int
    """

    sets: list[tuple[int, ...]]
    p: Array
    p_without: Array
    p_model: float
    n_tested: int

    def intersection(self) -> tuple[int, ...]:
        """Return the features in every accepted set; none if no set was accepted."""
        if not self.sets:
            return ()
        common = set(self.sets[0]).intersection(*self.sets[1:])
        return tuple(sorted(common))


def search_sets(test: SetTest, d: int, *, alpha: float, most: int, kind: str) -> Accepted:
    """Test subsets of ``d`` features for invariance.

    Parameters
    ----------
    test : SetTest
    d : int
    alpha : float
        A set is accepted if its p-value is above it.
    most : int
        Largest size of a set.
    kind : {"all", "minimal"}
        ``minimal`` does not test a set that contains an accepted one: it changes neither the
        intersection of the accepted sets nor the smallest overlap of one with any set of features.

    Returns
    -------
    Accepted
    """
    sets: list[tuple[int, ...]] = []
    p_sets: list[float] = []
    masks = np.zeros(0, dtype=np.int64)
    without, largest, tested = np.zeros(d), 0.0, 0
    for size in range(min(most, d) + 1):
        batch: Sets = subsets(d, size)
        codes = (np.int64(1) << batch).sum(axis=1) if size else np.zeros(1, dtype=np.int64)
        if kind == "minimal" and len(masks):
            inside = ((codes[:, None] & masks[None, :]) == masks[None, :]).any(axis=1)
            batch, codes = batch[~inside], codes[~inside]
        if not len(batch):
            if kind == "minimal":
                break
            continue
        p = test.p_values(batch)
        tested += len(batch)
        largest = max(largest, float(p.max()))
        for j in range(d):
            out = p[~(batch == j).any(axis=1)]
            if len(out):
                without[j] = max(without[j], float(out.max()))
        good = np.flatnonzero(p > alpha)
        sets += [tuple(int(k) for k in batch[g]) for g in good]
        p_sets += [float(p[g]) for g in good]
        masks = np.concatenate([masks, codes[good]])
    return Accepted(sets, np.array(p_sets), without, largest, tested)
