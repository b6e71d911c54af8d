"""The contract of an effect estimator, and the check of it."""

from __future__ import annotations

import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError
from causalimg.tables.effect_table import EffectTable
from causalimg.testing import effect_truth as truth
from causalimg.testing.clauses import (
    Broken,
    Clause,
    check_parameters,
    global_state,
    must_refuse,
    need,
)
from causalimg.testing.tables import feature_names, trial_table


class Subject:
    """An estimator, its table, and the fit that several clauses look at."""

    def __init__(self, estimator: Any, n: int, runs: int) -> None:
        self.estimator = estimator
        self.n = n
        self.runs = runs
        self._table = trial_table(n, outcomes=6)
        self.outcomes = feature_names(self._table)

    @property
    def treatment(self) -> str:
        return str(self.estimator.treatment)

    @property
    def contrast(self) -> str:
        return "B - A" if self.treatment == "scanner" else f"+1 {self.treatment}"

    @property
    def table(self) -> pd.DataFrame:
        """A copy: a plug-in may write into what it is given."""
        return self._table.copy()

    def fresh(self, **settings: Any) -> Any:
        from sklearn.base import clone

        copied = clone(self.estimator)
        return copied.set_params(**settings) if settings else copied

    def effects(self, table: pd.DataFrame, outcomes: list[str], **settings: Any) -> pd.DataFrame:
        """Fit anew and return the rows of the contrast, by outcome."""
        found = self.fresh(**settings).fit(table, outcomes).effects_
        if not isinstance(found, EffectTable):
            raise Broken(
                f"effects_ is {type(found).__name__}", "set effects_ to an EffectTable in fit"
            )
        frame = found.frame[found.frame["contrast"] == self.contrast]
        if list(frame["outcome"]) != outcomes:
            raise Broken(
                f"contrasts {list(found.contrasts)} and outcomes {list(frame['outcome'])[:4]} ...",
                f"give one row for each outcome with contrast {self.contrast!r} (level minus"
                " reference, the first in sorted order), in the order asked for",
            )
        return frame.set_index("outcome")

    @cached_property
    def fitted(self) -> Any:
        return self.fresh().fit(self.table, self.outcomes)

    @cached_property
    def rows(self) -> pd.DataFrame:
        return self.effects(self.table, self.outcomes)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """Estimates in many randomised tables; the noise of the outcomes is independent."""
        parts = []
        each = 40
        for k in range(-(-self.runs // each)):
            table = trial_table(self.n, outcomes=each, random_state=[17, k])
            parts.append(self.effects(table, feature_names(table)))
        return pd.concat(parts)


def _parameters(s: Subject) -> None:
    check_parameters(s.estimator)


def _result(s: Subject) -> None:
    rows = s.rows
    made = s.fresh()
    need(made.fit(s.table, s.outcomes) is made, "fit does not return self", "return self")
    need((rows["status"] == "ok").all(), f"status {set(rows['status'])}", "look at the reasons")
    ordered = (rows["ci_low"] < rows["estimate"]) & (rows["estimate"] < rows["ci_high"])
    need(
        ordered.all() and (rows["se"] > 0).all() and rows["p"].between(0, 1).all(),
        "an interval that does not hold its estimate, or a p outside 0 to 1",
        "fill estimate, se, ci_low, ci_high, p in the unit of the outcome",
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "effects.parquet"
        s.fitted.effects_.save(path)
        need(
            EffectTable.load(path).digest() == s.fitted.effects_.digest(),
            "the table is another one after save and load",
            "use the column types of EffectTable.COLUMNS",
        )
    need(s.fitted.effects_.provenance is not None, "no provenance", "hand Provenance.of(...) over")


def _input_unchanged(s: Subject) -> None:
    table = s.table.copy()
    made = s.fresh()
    before = {name: repr(value) for name, value in made.get_params().items()}
    made.fit(table, s.outcomes)
    need(
        list(table) == list(s.table) and table.equals(s.table),
        f"the caller's table is another one after fit (new columns: {set(table) - set(s.table)})",
        "work on a copy",
    )
    after = {name: repr(value) for name, value in made.get_params().items()}
    need(before == after, "fit changes the settings", "keep what is learned in attributes_")


def _number(rows: pd.DataFrame, outcome: str, column: str) -> float:
    return float(rows[column].to_numpy(dtype=float)[list(rows.index).index(outcome)])


def _close(s: Subject, other: pd.DataFrame, what: str, advice: str, scale: float = 1.0) -> None:
    for name in ("estimate", "se"):
        gap = float((scale * s.rows[name] - other.loc[s.rows.index, name]).abs().max())
        need(gap < 1e-6 * scale, f"{what}: {name} differs by up to {gap:.2g}", advice)


def _column_order(s: Subject) -> None:
    turned = s.effects(s.table[list(s.table)[::-1]], s.outcomes)
    _close(s, turned, "columns reversed", "take columns by name")
    other = s.effects(s.table, s.outcomes[::-1])
    _close(s, other, "outcomes reversed", "no outcome's answer may depend on the others")


def _alone(s: Subject) -> None:
    one = s.effects(s.table, s.outcomes[:1])
    name = s.outcomes[0]
    gap = abs(_number(one, name, "estimate") - _number(s.rows, name, "estimate"))
    need(
        gap < 1e-6,
        f"alone the estimate of {name!r} differs by {gap:.2g}",
        "no outcome's answer may depend on the others",
    )


def _units(s: Subject) -> None:
    table = s.table.copy()
    table[s.outcomes] = 1000.0 * table[s.outcomes] + 5.0
    _close(
        s, s.effects(table, s.outcomes), "outcomes in units a thousand times smaller",
        "an effect must change with the unit of its outcome, and not with its zero", 1000.0,
    )  # fmt: skip


def _index(s: Subject) -> None:
    table = s.table.set_axis([f"row{k}" for k in range(len(s.table))[::-1]])
    _close(s, s.effects(table, s.outcomes), "another index", "go by position, not by index")


def _repeatable(s: Subject) -> None:
    state = global_state()
    made = s.fresh().fit(s.table.head(200), s.outcomes)
    again = made.fit(s.table, s.outcomes).effects_.frame
    again = again[again["contrast"] == s.contrast].set_index("outcome")
    advice = "keep nothing between fits; draw from np.random.default_rng(self.random_state) only"
    _close(s, again, "fitted again after another table", advice)
    same = state == global_state()
    need(same, "the global random state moved", advice)


def _unknown_column(s: Subject) -> None:
    must_refuse(
        lambda: s.effects(s.table.drop(columns=s.treatment), s.outcomes),
        UnknownNameError, named=[s.treatment], advice="call errors.check_columns(...)",
    )  # fmt: skip
    must_refuse(
        lambda: s.effects(s.table, ["featur_000"]),
        UnknownNameError, named=["featur_000"], advice="call errors.check_columns(...)",
    )  # fmt: skip


def _missing(s: Subject) -> None:
    columns = [s.treatment, *(getattr(s.estimator, "adjustment", None) or ())]
    for column in columns:
        table = s.table.copy()
        table[column] = table[column].astype(object)
        table.loc[4, column] = None
        if column in ("dose", "age"):
            table[column] = table[column].astype(float)
        must_refuse(
            lambda table=table: s.effects(table, s.outcomes),  # type: ignore[misc]
            InvalidInputError, named=[column],
            advice="refuse missing treatments and covariates, naming column and cases",
        )  # fmt: skip


def _one_level(s: Subject) -> None:
    flat: Any = "A" if s.treatment == "scanner" else 1.0
    must_refuse(
        lambda: s.effects(s.table.assign(**{s.treatment: flat}), s.outcomes),
        (NotEstimableError, InvalidInputError), named=[s.treatment],
        advice="raise NotEstimableError: there is nothing to compare",
    )  # fmt: skip


def _bad_outcome(s: Subject) -> None:
    table = s.table.copy()
    flat, others = s.outcomes[0], s.outcomes[1:]
    table[flat] = 3.0
    try:
        rows = s.effects(table, s.outcomes)
    except (InvalidInputError, NotEstimableError, np.linalg.LinAlgError) as error:
        raise Broken(
            f"{type(error).__name__}: {error}",
            "one outcome that cannot be used must not stop the others",
        ) from error
    need(
        rows.loc[flat, "status"] == "not_estimable" and str(rows.loc[flat, "reason"]).strip(),
        f"a constant outcome has status {rows.loc[flat, 'status']!r}",
        "give it the status 'not_estimable', with the reason",
    )
    gap = float((rows.loc[others, "estimate"] - s.rows.loc[others, "estimate"]).abs().max())
    need(gap < 1e-6, f"the others change by up to {gap:.2g}", "treat outcomes one by one")


def _missing_outcome(s: Subject) -> None:
    table = s.table.copy()
    name = s.outcomes[0]
    table.loc[:19, name] = np.nan
    rows = s.effects(table, s.outcomes)
    if rows.loc[name, "status"] == "not_estimable":
        need(str(rows.loc[name, "reason"]).strip(), "no reason", "give the reason")
        return
    kept = s.effects(table.iloc[20:].reset_index(drop=True), [name])
    gap = abs(_number(rows, name, "estimate") - _number(kept, name, "estimate"))
    need(
        gap < 0.1 * _number(kept, name, "se"),
        f"with 20 values missing the estimate is {_number(rows, name, 'estimate'):.3f}, on the"
        f" complete cases {_number(kept, name, 'estimate'):.3f}",
        "fit each outcome on its complete cases, weights included, or refuse it with the reason",
    )


CLAUSES: tuple[Clause[Subject], ...] = (
    Clause("parameters", "Settings are keyword-only, stored as given, and cloned.", _parameters),
    Clause("result", "fit gives an EffectTable with intervals, which can be saved.", _result),
    Clause("input_unchanged", "fit changes neither the table nor the settings.", _input_unchanged),
    Clause("column_order", "Nothing depends on the order of columns or outcomes.", _column_order),
    Clause("alone", "An outcome has the same answer alone and among others.", _alone),
    Clause("units", "An effect follows the unit of its outcome.", _units),
    Clause("index", "The index of the table does not matter.", _index),
    Clause("repeatable", "The same table gives the same answer, and nothing is remembered.",
           _repeatable),
    Clause("unknown_column", "A column that does not exist is refused by name.", _unknown_column),
    Clause("missing_cells", "Missing treatments and covariates are refused by name.", _missing),
    Clause("one_level", "A treatment that does not vary is refused.", _one_level),
    Clause("bad_outcome", "A constant outcome is marked, and the others go on.", _bad_outcome),
    Clause("missing_outcome", "Missing outcomes are left out, with weights to match, or refused.",
           _missing_outcome),
    Clause("unbiased", "In a randomised table the mean error is 0.", truth.unbiased),
    Clause("coverage", "In a randomised table intervals hold the truth as often as they say.",
           truth.coverage),
    Clause("confounded", "Adjustment removes the confounding by what is adjusted for.",
           truth.confounded),
)  # fmt: skip
