"""What identification answers: adjustment sets, and whether one is valid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Verdict:
    """Whether an adjustment set is valid, and the reason if it is not.

    Parameters
    ----------
    ok : bool
    reason : str
        Empty when ``ok``; else one sentence, such as ``"'z' is a descendant of the treatment"``.

    Examples
    --------
    >>> from causalimg.effects.identify import is_backdoor_set
    >>> from causalimg.graph.core import CausalGraph
    >>> graph = CausalGraph.from_directed(
    ...     ("age", "scanner", "contrast"), [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
    ... )
    >>> bool(is_backdoor_set(graph, treatment="scanner", outcome="contrast", adjustment=["age"]))
    True
    >>> is_backdoor_set(graph, treatment="scanner", outcome="contrast", adjustment=[]).reason
    'the path scanner <- age -> contrast stays open'
    """

    ok: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.ok


@dataclass(frozen=True)
class BackdoorSets:
    """Adjustment sets for one treatment and outcome; behaves like a sequence of the minimal ones.

    Parameters
    ----------
    treatment, outcome : str
    minimal : tuple of tuple of str
        Back-door sets none of whose members can be left out, the smallest first.
    efficient : tuple of str or None
        The set with the smallest asymptotic variance; None if part of it is not observed.
    complete : bool
        False if there are more minimal sets than were asked for.

    Examples
    --------
    >>> from causalimg.effects.identify import backdoor_sets
    >>> from causalimg.graph.core import CausalGraph
    >>> graph = CausalGraph.from_directed(
    ...     ("age", "scanner", "contrast"), [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
    ... )
    >>> sets = backdoor_sets(graph, treatment="scanner", outcome="contrast")
    >>> sets[0], sets.efficient, len(sets)
    (('age',), ('age',), 1)
    """

    treatment: str
    outcome: str
    minimal: tuple[tuple[str, ...], ...]
    efficient: tuple[str, ...] | None
    complete: bool = True

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        return iter(self.minimal)

    def __len__(self) -> int:
        return len(self.minimal)

    def __getitem__(self, index: int) -> tuple[str, ...]:
        return self.minimal[index]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per set: ``kind`` (minimal, efficient), ``size``, ``adjustment``."""
        rows = [("minimal", len(item), ", ".join(item)) for item in self.minimal]
        if self.efficient is not None:
            rows.append(("efficient", len(self.efficient), ", ".join(self.efficient)))
        return pd.DataFrame(rows, columns=["kind", "size", "adjustment"])
