"""The check of a discovery method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from causalimg.errors import InvalidInputError
from causalimg.testing.clauses import Conformance, class_name, run_clauses
from causalimg.testing.discovery_clauses import CLAUSES, Subject


def check_discovery(
    estimator: Any,
    *,
    columns: int = 4,
    n: int = 600,
    except_for: Mapping[str, str] | None = None,
) -> Conformance:
    """Hold a discovery method to what this package promises of its own.

    Parameters
    ----------
    estimator : BaseDiscovery
        An instance, with the settings to be checked; it is cloned, never fitted itself. Settings
        that name columns refer to `discovery_table`.
    columns : {4, 2}
        Columns of the table; 2 for a method of pairs.
    n : int
        Rows of the table.
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
    >>> from causalimg.discovery.lingam import DirectLiNGAM
    >>> report = check_discovery(DirectLiNGAM())
    >>> "knowledge" in report.passed, "column_order" in report.passed
    (True, True)
    """
    if isinstance(estimator, type):
        raise InvalidInputError(
            f"give an instance, not the class {estimator.__name__}: check_discovery(PC(alpha=0.01))"
        )
    subject = Subject(estimator, columns, n)
    return run_clauses(class_name(estimator), CLAUSES, subject, except_for)
