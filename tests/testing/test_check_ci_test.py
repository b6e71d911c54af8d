"""The contract of independence tests: ours keep it, and each broken plug-in is found out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from causalimg import registry
from causalimg.errors import InvalidInputError
from causalimg.stats.ci_test import Part, RowTest
from causalimg.stats.independence import FisherZ, TestResult
from causalimg.stats.mixed_lrt import MixedLRT
from causalimg.tables.moments import Moments
from causalimg.testing import ConformanceError, check_ci_test, independence_table


@pytest.mark.parametrize("name", registry.names("causalimg.ci_tests"))
def test_every_registered_test_keeps_the_contract(name: str) -> None:
    report = check_ci_test(registry.load("causalimg.ci_tests", name), runs=100)
    assert {"level", "power", "symmetric", "batch"} <= set(report.passed)
    assert set(report.left_out) <= {"parameters"}


class Broken(FisherZ):
    """Change one answer of Fisher's z."""

    def batch(self, x: Any, y: Any, z: Any) -> Any:
        return self.change(x, y, z, *super().batch(x, y, z))

    def change(self, x: Any, y: Any, z: Any, s: Any, p: Any, dof: Any, r: Any) -> Any:
        return s, p, dof, r


class Doubles(Broken):
    def change(self, x: Any, y: Any, z: Any, s: Any, p: Any, dof: Any, r: Any) -> Any:
        return s, 2 * p, dof, r


class TooSure(Broken):
    def change(self, x: Any, y: Any, z: Any, s: Any, p: Any, dof: Any, r: Any) -> Any:
        return s, p**2, dof, r


class SeesNothing(Broken):
    def change(self, x: Any, y: Any, z: Any, s: Any, p: Any, dof: Any, r: Any) -> Any:
        return s, np.full(len(x), 0.5), dof, r


class Sided(Broken):
    def change(self, x: Any, y: Any, z: Any, s: Any, p: Any, dof: Any, r: Any) -> Any:
        return s, np.where(np.asarray(x) < np.asarray(y), p, 0.9 * p), dof, r


class Positions(Broken):
    def change(self, x: Any, y: Any, z: Any, s: Any, p: Any, dof: Any, r: Any) -> Any:
        return s, p * (0.9 + 0.01 * np.minimum(x, y)), dof, r


class Uneven(Broken):
    def change(self, x: Any, y: Any, z: Any, s: Any, p: Any, dof: Any, r: Any) -> Any:
        return s, p / len(x), dof, r


class Rolls(Broken):
    def change(self, x: Any, y: Any, z: Any, s: Any, p: Any, dof: Any, r: Any) -> Any:
        return s, p * np.random.uniform(0.9, 1.0, len(x)), dof, r  # noqa: NPY002


class AnyName(FisherZ):
    def _index(self, name: str) -> int:
        return super()._index(name) if name in self.nodes else 0


class NoLimit(FisherZ):
    def largest_condition(self) -> int:
        return 0


class Decides(FisherZ):
    """Answers without rows."""

    def __call__(self, x: str, y: str, given: Sequence[str] = ()) -> TestResult:
        if self.n < 10:
            return TestResult(0.0, float("nan"), 0.0, 0.0)
        return super().__call__(x, y, given)


class FlatIsFine(MixedLRT):
    def _one(self, x: int, y: int, given: Sequence[int]) -> TestResult:
        for k in (x, y):
            if not np.ptp(self._rows[self.nodes[k]], axis=0).any():
                return TestResult(0.0, 1.0, 1.0, 0.0)
        return super()._one(x, y, given)


class Loose(MixedLRT):
    def __init__(self, *args: Any) -> None:
        super().__init__()

    def _test(self, x: Part, y: Part, given: Sequence[Part]) -> TestResult:
        return replace(super()._test(x, y, given))


BROKEN = [
    ("parameters", Loose, "keyword-only"),
    ("nodes", NoLimit, "largest_condition"),
    ("answer", Doubles, "between 0 and 1"),
    ("symmetric", Sided, "must not matter"),
    ("column_order", Positions, "columns reversed"),
    ("batch", Uneven, "same p-values"),
    ("repeatable", Rolls, "random state"),
    ("names", AnyName, "UnknownNameError"),
    ("constant_column", FlatIsFine, "no error"),
    ("few_rows", Decides, "four rows"),
    ("level", TooSure, "independent given z"),
    ("power", SeesNothing, "strong dependence"),
]


@pytest.mark.parametrize(
    ("clause", "broken", "said"), BROKEN, ids=lambda v: getattr(v, "__name__", v)
)
def test_a_broken_test_is_found_out(clause: str, broken: type, said: str) -> None:
    kinds = ("numbers",)
    with pytest.raises(ConformanceError) as caught:
        check_ci_test(broken, kinds=kinds, runs=60)
    failed = {failure.clause: str(failure) for failure in caught.value.failures}
    assert clause in failed
    assert said in failed[clause]


class NumbersOnly(MixedLRT):
    def _check(self) -> None:
        if self._levels:
            raise InvalidInputError("numbers only")


class Nothing(RowTest):
    def _check(self) -> None:
        raise InvalidInputError("nothing at all")

    def _test(self, x: Part, y: Part, given: Sequence[Part]) -> TestResult:
        raise NotImplementedError


def test_the_kinds_are_found_by_what_is_refused() -> None:
    assert "level" in check_ci_test(NumbersOnly, runs=30).passed
    with pytest.raises(InvalidInputError, match="refuses numbers, categories and mixed"):
        check_ci_test(Nothing)


def test_the_table_holds_what_it_says() -> None:
    for kind in ("numbers", "categories", "mixed"):
        bound = FisherZ(Moments.from_frame(independence_table(kind, 4000)))
        assert bound("x", "y").p_value < 1e-4
        assert bound("x", "y", ["z"]).p_value > 1e-3
        strong = FisherZ(Moments.from_frame(independence_table(kind, 4000, dependent=True)))
        assert strong("x", "y", ["z"]).p_value < 1e-6
    with pytest.raises(InvalidInputError, match="kind='text'"):
        independence_table("text")
