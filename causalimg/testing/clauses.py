"""A contract as a list of clauses: run them all, and say of each that failed what was seen."""

from __future__ import annotations

import inspect
import pickle
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
import pandas as pd

from causalimg.errors import CausalImgError, CausalImgWarning, UnknownNameError, nearest

S = TypeVar("S")


@dataclass(frozen=True)
class FailedClause:
    """A clause that does not hold.

    Parameters
    ----------
    clause : str
        Its name, as ``except_for`` takes it.
    promise : str
        What every plug-in of the kind promises.
    seen : str
        What happened instead.
    advice : str
        What to do.

    Examples
    --------
    >>> failed = FailedClause("seed", "A seed repeats the result.", "two graphs", "Use the seed.")
    >>> print(failed)
    [seed] A seed repeats the result.
        seen: two graphs
        do:   Use the seed.
    """

    clause: str
    promise: str
    seen: str
    advice: str

    def __str__(self) -> str:
        return f"[{self.clause}] {self.promise}\n    seen: {self.seen}\n    do:   {self.advice}"


class ConformanceError(CausalImgError, AssertionError):
    """A plug-in breaks its contract; the message lists every clause that failed.

    Attributes
    ----------
    failures : tuple of FailedClause

    Examples
    --------
    >>> failed = FailedClause("seed", "A seed repeats the result.", "two graphs", "Use the seed.")
    >>> ConformanceError("MyMethod", [failed], n_clauses=12).failures[0].clause
    'seed'
    """

    def __init__(self, subject: str, failures: Sequence[FailedClause], n_clauses: int) -> None:
        self.subject = subject
        self.failures = tuple(failures)
        listed = "\n".join(str(failure) for failure in failures)
        super().__init__(f"{subject} breaks {len(failures)} of {n_clauses} clauses:\n{listed}")


@dataclass(frozen=True)
class Conformance:
    """What a plug-in was held to.

    Parameters
    ----------
    subject : str
    passed : tuple of str
        Names of the clauses that hold.
    left_out : dict of str to str
        Clause -> why it was not run.

    Examples
    --------
    >>> found = Conformance("MyMethod", ("seed", "column order"))
    >>> found.to_frame()["outcome"].tolist()
    ['passed', 'passed']
    """

    subject: str
    passed: tuple[str, ...]
    left_out: dict[str, str] = field(default_factory=dict)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a clause: ``clause, outcome, reason``."""
        rows = [(name, "passed", "") for name in self.passed]
        rows += [(name, "left out", reason) for name, reason in self.left_out.items()]
        return pd.DataFrame(rows, columns=["clause", "outcome", "reason"])

    def __repr__(self) -> str:
        said = "".join(f"\n  left out: {name} ({why})" for name, why in self.left_out.items())
        return f"{self.subject}: {len(self.passed)} clauses hold" + said


class Broken(Exception):
    """Raised by a clause: what was seen, and what to do."""

    def __init__(self, seen: str, advice: str) -> None:
        super().__init__(seen)
        self.advice = advice


class LeftOut(Exception):
    """Raised by a clause that does not apply, with the reason."""


@dataclass(frozen=True)
class Clause(Generic[S]):
    """One promise and its check."""

    name: str
    promise: str
    check: Callable[[S], None]


def run_clauses(
    subject: str, clauses: Sequence[Clause[S]], made: S, except_for: Mapping[str, str] | None
) -> Conformance:
    """Run every clause and raise one error for all that fail.

    Raises
    ------
    ConformanceError
    UnknownNameError
        If ``except_for`` names no clause.
    """
    names = [clause.name for clause in clauses]
    excepted = dict(except_for or {})
    for name in excepted:
        if name not in names:
            raise UnknownNameError(
                f"except_for: no clause is called {name!r}{nearest(name, names)}"
                f" (clauses: {', '.join(names)})"
            )
    passed: list[str] = []
    failures: list[FailedClause] = []
    left_out: dict[str, str] = {}
    for clause in clauses:
        if clause.name in excepted:
            left_out[clause.name] = excepted[clause.name]
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", CausalImgWarning)
                clause.check(made)
            passed.append(clause.name)
        except LeftOut as reason:
            left_out[clause.name] = str(reason)
        except Broken as broken:
            failures.append(FailedClause(clause.name, clause.promise, str(broken), broken.advice))
        except Exception as error:  # whatever a plug-in raises is a finding about it
            seen = f"{type(error).__name__}: {error}"
            advice = "see the traceback by calling the plug-in on the same table yourself"
            failures.append(FailedClause(clause.name, clause.promise, seen, advice))
    if failures:
        raise ConformanceError(subject, failures, len(clauses))
    return Conformance(subject, tuple(passed), left_out)


def need(holds: object, seen: str, advice: str) -> None:
    """Raise `Broken` unless something holds."""
    if not holds:
        raise Broken(seen, advice)


def must_refuse(
    call: Callable[[], object],
    kinds: type[Exception] | tuple[type[Exception], ...],
    *,
    named: Sequence[str],
    advice: str,
) -> None:
    """Raise `Broken` unless ``call`` raises one of the errors, with every name in its message."""
    wanted = kinds if isinstance(kinds, tuple) else (kinds,)
    shown = " or ".join(kind.__name__ for kind in wanted)
    try:
        call()
    except wanted as error:
        missing = [name for name in named if name not in str(error)]
        need(
            not missing,
            f"the message of the {type(error).__name__} does not name {missing}: {error}",
            "name the columns in the message, so that a user finds them",
        )
    except Exception as error:
        raise Broken(f"{type(error).__name__} instead of {shown}: {error}", advice) from error
    else:
        raise Broken(f"no error; expected {shown}", advice)


def check_parameters(made: Any) -> None:
    """Check a constructor by scikit-learn's rules: keyword-only, stored as given, cloneable."""
    from sklearn.base import clone

    signature = inspect.signature(type(made).__init__)
    given = [p for name, p in signature.parameters.items() if name != "self"]
    loose = [p.name for p in given if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    need(
        not loose,
        f"parameters that are not keyword-only: {loose}",
        "write def __init__(self, *, name=default): settings by position are misread, and"
        " **kwargs lets a misspelt one pass",
    )
    need(
        hasattr(made, "get_params"),
        "no get_params",
        "derive from sklearn.base.BaseEstimator, or from this package's base class",
    )
    before = made.get_params(deep=False)
    absent = [p.name for p in given if p.name not in before]
    need(not absent, f"get_params leaves out {absent}", "store every argument under its own name")
    try:
        copied = clone(made)
    except (RuntimeError, TypeError) as error:
        raise Broken(
            f"clone fails: {error}",
            "store each argument as it was given in __init__; check and convert in fit",
        ) from error
    changed = [
        name for name, value in copied.get_params(deep=False).items()
        if repr(value) != repr(before[name])
    ]  # fmt: skip
    need(not changed, f"clone changes {changed}", "store each argument as it was given")
    try:
        copied.set_params(no_such_setting_at_all=1)
    except (ValueError, KeyError):
        return
    raise Broken(
        "set_params takes an unknown name without a word", "refuse names that are no settings"
    )


def class_name(made: object) -> str:
    """Return the name of a class or of an instance's class."""
    return made.__name__ if isinstance(made, type) else type(made).__name__


def global_state() -> bytes:
    """Return NumPy's global random state, which no plug-in may touch."""
    return pickle.dumps(np.random.get_state())  # noqa: NPY002
