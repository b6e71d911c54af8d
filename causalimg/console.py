"""What the command line shows: progress bars, tables, and JSON when it is asked for."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from causalimg.study_result import StudyResult
from causalimg.study_stage import StageProgress
from causalimg.tables.effect_table import EffectTable

_SAYS = {
    "simulate": "simulate scans",
    "truth": "re-render for the truth",
    "extract": "extract features",
    "discover": "bootstrap the graph",
    "report": "write the report",
}


@dataclass(frozen=True)
class Screen:
    """Where output goes.

    Parameters
    ----------
    quiet : bool
        Nothing but errors (and JSON, if asked for).
    as_json : bool
        One JSON document on standard output in place of text.
    """

    quiet: bool = False
    as_json: bool = False

    @property
    def out(self) -> Console:
        """The console for text; silent with ``quiet`` or ``as_json``."""
        console = Console(quiet=self.quiet or self.as_json, highlight=False)
        if not console.is_terminal and "COLUMNS" not in os.environ:
            console.width = 140  # a pipe or a file has no width, and names should stay whole
        return console

    @contextmanager
    def progress(self) -> Iterator[StageProgress]:
        """Give a ``progress(stage, done, total)`` that draws bars on a terminal, else nothing."""
        console = Console(stderr=True)
        if self.quiet or self.as_json or not console.is_terminal:
            yield lambda stage, done, total: None
            return
        columns = (
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console) as bars:
            tasks: dict[str, Any] = {}

            def show(stage: str, done: int, total: int) -> None:
                if stage not in tasks:
                    tasks[stage] = bars.add_task(_SAYS.get(stage, stage), total=total)
                bars.update(tasks[stage], completed=done, total=total)

            yield show

    def say(self, text: str) -> None:
        """Print a line; markup in it is rich's, so escape what comes from data."""
        self.out.print(text, soft_wrap=True)

    def table(self, frame: pd.DataFrame, *, title: str = "", n: int | None = None) -> None:
        """Print a table; numbers with three significant digits, text as it is."""
        shown = Table(title=escape(title) or None, title_justify="left", box=None, pad_edge=False)
        for name in frame.columns:
            numeric = pd.api.types.is_numeric_dtype(frame[name].dtype)
            shown.add_column(
                escape(str(name)), justify="right" if numeric else "left", overflow="fold"
            )
        for row in frame.head(n if n is not None else len(frame)).itertuples(index=False):
            shown.add_row(*[_cell(value) for value in row])
        self.out.print(shown)

    def shown(self, frame: pd.DataFrame, *, n: int, where: object) -> None:
        """Print the first ``n`` rows of a table, and where the others are."""
        self.table(frame, n=n)
        if len(frame) > n:
            self.say(f"... and {len(frame) - n} more in {escape(str(where))}")

    def result(self, document: dict[str, Any]) -> None:
        """Print the JSON document, if JSON was asked for."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, indent=1) + "\n")

    def effects(self, table: EffectTable, *, n: int) -> None:
        """Print the largest estimable effects; the contrast is a column where there are several."""
        good = table.estimable
        order = good["effect_sd"].abs().sort_values(ascending=False).index
        wanted = ["outcome", "contrast", "estimate", "ci_low", "ci_high", "effect_sd", "q"]
        single = len(table.contrasts) == 1
        if single:
            wanted.remove("contrast")
        title = f"Largest effects ({table.contrasts[0]})" if single else "Largest effects"
        self.table(good.loc[order, wanted], title=title, n=n)

    def study(self, result: StudyResult) -> None:
        """Print what a study gave, in the order of the questions a reader has."""
        self.out.print(
            f"[bold]{escape(result.config.study.name)}[/]: {len(result.table.frame)} cases,"
            f" {len(result.table.features)} features"
        )
        if len(result.table.failures):
            failed = result.table.failures
            title = f"{len(failed)} failed cases (the others went on; all are in the report)"
            self.table(failed, title=title, n=20)
        for refusal in result.refusals:
            self.out.print(f"[yellow]refused[/] {refusal.stage}: {escape(refusal.reason)}")
        if result.effects is not None:
            section = result.config.effects
            treatment = "treatment" if section is None else section.treatment
            good = result.effects.estimable
            found = int((good["q"] < 0.05).sum())
            self.out.print(
                f"{escape(treatment)} shifts {found} of {len(good)} estimable effects (q < 0.05;"
                f" {escape(', '.join(result.effects.contrasts))})"
            )
            if len(good):
                self.effects(result.effects, n=8)
            for note in result.effects.notes:
                self.out.print(f"  note: {escape(note)}")
        if result.graph is not None:
            edges = len(result.graph.to_frame())
            self.out.print(f"graph: {len(result.graph.nodes)} nodes, {edges} edges")
        if result.invariant is not None:
            counts = result.invariant.counts()
            self.out.print(
                f"stable within {result.invariant.margin} SD: {counts['stable']};"
                f" shifted: {counts['shifted']}; not certifiable: {counts['not_certifiable']}"
            )
        for note in result.notes:
            self.out.print(f"note: {escape(note)}")
        done = ", ".join(f"{stage} {what}" for stage, what in result.stages.items())
        self.out.print(f"[dim]{escape(done)}[/]")


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.3g}"
    return escape(str(value))
