"""The check of a test of conditional independence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from causalimg.errors import InvalidInputError
from causalimg.testing.ci_clauses import CLAUSES, Subject
from causalimg.testing.clauses import Conformance, class_name, run_clauses
from causalimg.testing.tables import KINDS, independence_table


def check_ci_test(
    test: Any,
    *,
    kinds: tuple[str, ...] | None = None,
    n: int = 150,
    runs: int = 150,
    except_for: Mapping[str, str] | None = None,
) -> Conformance:
    """Hold a test of conditional independence to what this package promises of its own.

    Parameters
    ----------
    test : RowTest or class
        A `RowTest` with its settings, or a class that is made from `Moments`.
    kinds : tuple of str, optional
        The tables that it takes (`independence_table`); by default those that it does not refuse
        with InvalidInputError.
    n : int
        Rows of the tables.
    runs : int
        Tables drawn for the level and the power. A test at its level fails by chance in one of
        ten thousand checks.
    except_for : mapping of str to str, optional
        Clause -> the reason why it does not apply; such clauses are not run.

    Returns
    -------
    Conformance

    Raises
    ------
    ConformanceError
        Listing the clauses that do not hold, what was seen and what to do.

    Examples
    --------
    >>> from causalimg.stats.independence import FisherZ
    >>> "level" in check_ci_test(FisherZ, runs=60).passed
    True
    """
    subject = Subject(test, kinds or (), n, runs)
    if kinds is None:
        subject.kinds = tuple(kind for kind in KINDS if _takes(subject, kind))
    if not subject.kinds:
        raise InvalidInputError(
            f"{class_name(test)} refuses numbers, categories and mixed tables alike; name what it"
            " takes by kinds=(...) to see the errors"
        )
    for kind in subject.kinds:
        independence_table(kind, 10)
    return run_clauses(class_name(test), CLAUSES, subject, except_for)


def _takes(s: Subject, kind: str) -> bool:
    try:
        s.bind(independence_table(kind, s.n))
    except InvalidInputError:
        return False
    return True
