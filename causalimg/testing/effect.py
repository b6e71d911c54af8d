"""The check of an effect estimator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from causalimg.errors import InvalidInputError
from causalimg.testing.clauses import Conformance, class_name, run_clauses
from causalimg.testing.effect_clauses import CLAUSES, Subject


def check_effect(
    estimator: Any,
    *,
    n: int = 400,
    runs: int = 400,
    except_for: Mapping[str, str] | None = None,
) -> Conformance:
    """Hold an effect estimator to what this package promises of its own.

    Parameters
    ----------
    estimator : object
        An instance for the columns of `trial_table`: ``treatment="scanner"`` (levels A and B) or
        ``treatment="dose"``, ``adjustment=["age", "sex"]`` where it adjusts,
        ``instruments=["protocol"]`` or ``mediators=["sharpness"]`` where it needs them. It is
        cloned, never fitted itself.
    n : int
        Cases of the table.
    runs : int
        Intervals that coverage and bias are counted in. An estimator with nominal coverage fails
        by chance in one of ten thousand checks.
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
    >>> from causalimg.effects.estimators import AIPW
    >>> report = check_effect(AIPW(treatment="scanner", adjustment=["age", "sex"]), runs=80)
    >>> "coverage" in report.passed
    True
    """
    if isinstance(estimator, type):
        raise InvalidInputError(
            f"give an instance, not the class {estimator.__name__}:"
            ' check_effect(AIPW(treatment="scanner", adjustment=["age", "sex"]))'
        )
    treatment = getattr(estimator, "treatment", None)
    if treatment not in ("scanner", "dose"):
        raise InvalidInputError(
            f"treatment={treatment!r}: make the estimator for the columns of trial_table(), with"
            " treatment='scanner' or 'dose', adjustment among age and sex"
        )
    return run_clauses(class_name(estimator), CLAUSES, Subject(estimator, n, runs), except_for)
