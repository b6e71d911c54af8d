"""The contract of a test of conditional independence, and the check of it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError
from causalimg.stats.ci_test import RowTest
from causalimg.tables.moments import Moments
from causalimg.testing.clauses import (
    Broken,
    Clause,
    LeftOut,
    check_parameters,
    global_state,
    must_refuse,
    need,
)
from causalimg.testing.tables import independence_table

_DOUBT = 1e-4  # probability that a test at its level fails a clause by chance


class Subject:
    """A test, the kinds of table that it takes, and how often it is tried."""

    def __init__(self, test: Any, kinds: tuple[str, ...], n: int, runs: int) -> None:
        self.test = test
        self.kinds = kinds
        self.n = n
        self.runs = runs

    def bind(self, table: pd.DataFrame) -> Any:
        made: Any = self.test
        if isinstance(self.test, type) and not issubclass(self.test, RowTest):
            return made(Moments.from_frame(table))
        if isinstance(self.test, type):
            return self.test().fit(table)
        from sklearn.base import clone

        return clone(self.test).fit(table)

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        return {kind: independence_table(kind, self.n) for kind in self.kinds}

    def p(self, kind: str, k: int, given: list[str], *, dependent: bool = False) -> float:
        table = independence_table(kind, self.n, dependent=dependent, random_state=[3, k])
        return float(self.bind(table)("x", "y", given).p_value)


def _parameters(s: Subject) -> None:
    if isinstance(s.test, type) and not issubclass(s.test, RowTest):
        raise LeftOut("a test made from moments has no settings")
    check_parameters(s.test() if isinstance(s.test, type) else s.test)


def _each(s: Subject, check: Callable[[Any, pd.DataFrame, str], None]) -> None:
    for kind, table in s.tables.items():
        check(s.bind(table), table, kind)


def _nodes(s: Subject) -> None:
    def check(bound: Any, table: pd.DataFrame, kind: str) -> None:
        need(
            tuple(bound.nodes) == tuple(table.columns),
            f"nodes {bound.nodes} for columns {tuple(table.columns)} ({kind})",
            "one node a column, in the order of the table",
        )
        largest = bound.largest_condition()
        need(
            isinstance(largest, int | np.integer) and largest >= 1,
            f"largest_condition() is {largest!r} with {len(table)} rows ({kind})",
            "return the size of the largest conditioning set that the rows can carry",
        )
        again = pickle.loads(pickle.dumps(bound))
        need(
            again("x", "y", ["z"]).p_value == bound("x", "y", ["z"]).p_value,
            f"another answer after pickling ({kind})",
            "keep only what can be pickled: searches run in worker processes",
        )

    _each(s, check)


def _answer(s: Subject) -> None:
    def check(bound: Any, table: pd.DataFrame, kind: str) -> None:
        for given in ([], ["z"], ["z", "w"]):
            found = bound("x", "y", given)
            need(
                0.0 <= found.p_value <= 1.0 and np.isfinite(found.statistic),
                f"p={found.p_value}, statistic={found.statistic} given {given} ({kind})",
                "return a p-value between 0 and 1 and a finite statistic",
            )

    _each(s, check)


def _symmetric(s: Subject) -> None:
    def check(bound: Any, table: pd.DataFrame, kind: str) -> None:
        one, other = bound("x", "y", ["z", "w"]), s.bind(table)("y", "x", ["w", "z"])
        need(
            abs(one.p_value - other.p_value) < 1e-9,
            f"p {one.p_value:.6g} and {other.p_value:.6g} ({kind})",
            "x and y, and the order of the conditioning set, must not matter",
        )

    _each(s, check)


def _column_order(s: Subject) -> None:
    def check(bound: Any, table: pd.DataFrame, kind: str) -> None:
        turned = s.bind(table[list(table)[::-1]])
        one, other = (t("x", "y", ["z"]).p_value for t in (bound, turned))
        need(
            abs(one - other) < 1e-9,
            f"p {one:.6g} and {other:.6g} with the columns reversed ({kind})",
            "let nothing depend on positions; seed random features by name or sort the columns",
        )

    _each(s, check)


def _batch(s: Subject) -> None:
    def check(bound: Any, table: pd.DataFrame, kind: str) -> None:
        at = {name: k for k, name in enumerate(bound.nodes)}
        x, y = np.array([at["x"], at["x"]]), np.array([at["y"], at["w"]])
        z = np.array([[at["z"]], [at["z"]]])
        batch = bound.batch(x, y, z)
        need(len(batch) == 4, f"batch returns {len(batch)} arrays", "return four arrays")
        single = [bound("x", "y", ["z"]).p_value, bound("x", "w", ["z"]).p_value]
        need(
            np.allclose(batch[1], single, atol=1e-9),
            f"batch {np.asarray(batch[1])}, one by one {single} ({kind})",
            "both must give the same p-values",
        )

    _each(s, check)


def _repeatable(s: Subject) -> None:
    def check(bound: Any, table: pd.DataFrame, kind: str) -> None:
        copy = table.copy()
        state = global_state()
        again = s.bind(copy)("x", "y", ["z"]).p_value
        need(copy.equals(table), f"the table was changed ({kind})", "work on a copy")
        need(
            again == bound("x", "y", ["z"]).p_value and state == global_state(),
            f"another p-value, or the global random state moved ({kind})",
            "draw from np.random.default_rng(self.random_state) only",
        )

    _each(s, check)


def _names(s: Subject) -> None:
    def check(bound: Any, table: pd.DataFrame, kind: str) -> None:
        must_refuse(
            lambda: bound("x", "yy"), UnknownNameError, named=["yy"],
            advice="raise UnknownNameError, with nearest() for a hint",
        )  # fmt: skip
        must_refuse(
            lambda: bound("x", "y", ["x"]), InvalidInputError, named=["x"],
            advice="refuse a node that is named twice",
        )  # fmt: skip

    _each(s, check)


def _constant(s: Subject) -> None:
    def check(bound: Any, table: pd.DataFrame, kind: str) -> None:
        flat: Any = 1.0 if kind == "numbers" else "only"
        must_refuse(
            lambda: s.bind(table.assign(y=flat))("x", "y"),
            (InvalidInputError, NotEstimableError),
            named=["y"],
            advice="refuse a column that does not vary, by name",
        )

    _each(s, check)


def _few_rows(s: Subject) -> None:
    def check(bound: Any, table: pd.DataFrame, kind: str) -> None:
        try:
            found = s.bind(table.head(4))("x", "y", ["z", "w"]).p_value
        except (NotEstimableError, InvalidInputError):
            return
        if not found <= 1.0:
            raise Broken(
                f"p={found} from four rows ({kind})",
                "raise NotEstimableError when the rows cannot carry the test",
            )

    _each(s, check)


def _level(s: Subject) -> None:
    from scipy.stats import binom

    for kind in s.kinds:
        p = np.array([s.p(kind, k, ["z"]) for k in range(s.runs)])
        for alpha in (0.05, 0.2):
            most = int(binom.ppf(1 - _DOUBT, s.runs, alpha))
            below = int((p < alpha).sum())
            need(
                below <= most,
                f"p < {alpha} in {below} of {s.runs} tables in which x and y are independent given"
                f" z; at most {most} are expected ({kind})",
                "too many small p-values: check degrees of freedom and the null distribution",
            )


def _power(s: Subject) -> None:
    for kind in s.kinds:
        runs = max(20, s.runs // 5)
        p = np.array([s.p(kind, k, ["z"], dependent=True) for k in range(runs)])
        share = float((p < 0.05).mean())
        need(
            share > 0.5,
            f"p < 0.05 in {share:.0%} of {runs} tables with a strong dependence ({kind})",
            "the test hardly sees what it is for; check the statistic, or raise n",
        )


CLAUSES: tuple[Clause[Subject], ...] = (
    Clause("parameters", "Settings are keyword-only, stored as given, and cloned.", _parameters),
    Clause("nodes", "It knows its columns and how much they carry, and can be pickled.", _nodes),
    Clause("answer", "p-values lie between 0 and 1, statistics are finite.", _answer),
    Clause("symmetric", "x and y change places, the conditioning set its order: the same answer.",
           _symmetric),
    Clause("column_order", "The answer does not depend on the order of the columns.",
           _column_order),
    Clause("batch", "batch gives the answers of single calls.", _batch),
    Clause("repeatable", "The same table gives the same answer, and is not changed.", _repeatable),
    Clause("names", "An unknown name, or one given twice, is refused by name.", _names),
    Clause("constant_column", "A column that does not vary is refused by name.", _constant),
    Clause("few_rows", "Four rows give no verdict.", _few_rows),
    Clause("level", "Under independence small p-values are as rare as they say.", _level),
    Clause("power", "A strong dependence is seen in most tables.", _power),
)  # fmt: skip
