"""From the ``test`` and ``missing`` settings of a constraint-based search to a test of its data."""

from __future__ import annotations

from typing import Any

from sklearn.base import clone

from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.imputation import MultipleImputation
from causalimg.errors import InvalidInputError
from causalimg.registry import load
from causalimg.stats.ci_test import CITest, RowTest
from causalimg.stats.independence import FisherZ
from causalimg.stats.pooled import PooledFisherZ
from causalimg.stats.testwise import TestwiseFisherZ

GROUP = "causalimg.ci_tests"
MISSING = ("error", "testwise", "impute")
_SAID = {
    "testwise": (
        "Each test uses the rows that are complete in its columns, which is right if cells are"
        " missing completely at random (MCAR)."
    ),
    "impute": (
        "Missing cells are imputed from the other columns by linear Gaussian regressions, which is"
        " right if missingness depends on observed cells only (MAR)."
    ),
}


def bind_test(test: Any, data: DiscoveryData, missing: Any) -> CITest:
    """Return the test that the settings ask for, made for the data.

    Parameters
    ----------
    test : str, RowTest, type or CITest
        A registered name; a `RowTest` with its settings; a class made from `Moments`; or a test
        of the same columns that is ready (an oracle).
    data : DiscoveryData
    missing : str or MultipleImputation

    Raises
    ------
    UnknownNameError
        If no test has that name.
    InvalidInputError
        If the object is no test, the test needs rows and there are only moments, or it has no
        way to deal with missing cells as asked.
    """
    found = test
    if isinstance(test, str):
        found = FisherZ if test == "fisher_z" else load(GROUP, test)
    if isinstance(found, type) and issubclass(found, RowTest):
        found = found()
    incomplete = bool(data.missing)
    if isinstance(found, RowTest):
        if incomplete and missing != "testwise":
            raise InvalidInputError(
                f'missing="impute" pools Fisher\'s z only; with {type(found).__name__} use'
                ' missing="testwise", or ImputedDiscovery around this method'
            )
        bound: CITest = clone(found).fit(data.encoded())
        return bound
    if isinstance(found, type):
        if not incomplete:
            made: CITest = found(data.moments)
            return made
        if found is not FisherZ:
            raise InvalidInputError(
                f"{found.__name__} has no way to deal with missing cells; drop or impute the cases"
            )
        if missing == "testwise":
            return TestwiseFisherZ(data.encoded())
        imputation = missing
        if not isinstance(missing, MultipleImputation):
            imputation = MultipleImputation(random_state=0)
        return PooledFisherZ(imputation.draw_moments(data.encoded()))
    if not callable(getattr(found, "batch", None)):
        raise InvalidInputError(
            f"test={test!r} is no test of independence; give a registered name"
            ' ("fisher_z", "g_square", "mixed_lrt", "rcit", "kci"), or an object such as RCIT()'
        )
    ready: CITest = found
    if tuple(ready.nodes) != data.columns:
        raise InvalidInputError(
            f"the test was made for {list(ready.nodes)} and the data have {list(data.columns)}"
            " (sorted by name)"
        )
    return ready


def missing_kind(missing: Any) -> str:
    """Return ``"error"``, ``"testwise"`` or ``"impute"``.

    Raises
    ------
    InvalidInputError
        If the setting is none of these and no `MultipleImputation`.
    """
    if isinstance(missing, MultipleImputation):
        return "impute"
    if missing not in MISSING:
        raise InvalidInputError(
            f"missing={missing!r} is not one of {', '.join(map(repr, MISSING))} or a"
            " MultipleImputation"
        )
    return str(missing)


def said_of(test: CITest, data: DiscoveryData, missing: Any) -> tuple[str, ...]:
    """Return what the test and the missing cells add to the assumptions."""
    said: tuple[str, ...]
    if isinstance(test, FisherZ | TestwiseFisherZ | PooledFisherZ):
        said = ("Relations are linear with residuals of one normal distribution (Fisher z).",)
        if data.categorical:
            said += (
                "Categorical nodes act through group means; dependence that shows only in the"
                " variances is not seen.",
            )
    else:
        said = tuple(getattr(test, "assumptions", ()))
    if data.missing:
        said += (_SAID[missing_kind(missing)],)
    return said
