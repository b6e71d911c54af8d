"""Options that several commands share, how they complete, and the screen that commands write to."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from causalimg.console import Screen
    from causalimg.tables.features import FeatureTable


def example(*lines: str) -> str:
    """Return the end of a command's help: worked examples, kept line by line.

    Examples
    --------
    >>> print(example("causalimg doctor").replace(chr(8), "").strip())
    Example:
      causalimg doctor
    """
    word = "Example" if len(lines) == 1 else "Examples"
    return "\b\n" + "\n".join([f"{word}:", *(f"  {line}" for line in lines)])


def complete_column(incomplete: str) -> list[str]:
    """Complete a column's name from the table or cohort that stands on the command line."""
    for word in _words():
        path = Path(word).expanduser()
        if path.suffix in (".csv", ".parquet") and path.is_file():
            return [name for name in _columns(path) if name.startswith(incomplete)]
    return []


def _words() -> list[str]:
    """Return the command line as the shell hands it over for completion.

    The option that is being completed has no value yet, so what was parsed before it is lost.
    """
    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or ""
    try:
        return shlex.split(line)
    except ValueError:  # a quote that is still open
        return line.split()


def complete_method(incomplete: str) -> list[str]:
    """Complete the name of a discovery method."""
    return _registered("causalimg.discovery", incomplete)


def complete_engine(incomplete: str) -> list[str]:
    """Complete the name of an extraction engine."""
    return ["auto", *_registered("causalimg.extractors", incomplete)]


def complete_estimator(incomplete: str) -> list[str]:
    """Complete the name of an effect estimator."""
    return _registered("causalimg.effects", incomplete)


def _registered(group: str, incomplete: str) -> list[str]:
    from causalimg.registry import names

    return [name for name in names(group) if name.startswith(incomplete)]


def _columns(path: Path) -> list[str]:
    """Read the names of the columns alone; a file that cannot be read completes nothing."""
    import csv

    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            return list(pq.read_schema(path).names)
        with open(path, encoding="utf-8-sig", newline="") as handle:
            return next(csv.reader(handle), [])
    except (OSError, ValueError):
        return []


def column(*flags: str, text: str) -> Any:
    """Return an option that names a column of the table."""
    return typer.Option(*flags, help=text, metavar="COLUMN", autocompletion=complete_column)


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", help="Workers; -1 for every core.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
Adjust = Annotated[
    list[str], column("--adjust", "-a", text="Column to adjust for; repeat for more.")
]
Table = Annotated[
    Path,
    typer.Argument(help="Feature table (.parquet, or any .csv).", metavar="TABLE"),
]
CohortFile = Annotated[
    Path, typer.Argument(help="Cohort file (.csv or .parquet).", metavar="COHORT")
]
Context = Annotated[
    list[str] | None, column("--context", text="Column that is site, scanner, protocol ...")
]
Covariate = Annotated[list[str] | None, column("--covariate", text="Column like age, sex.")]
Outcome = Annotated[list[str] | None, column("--outcome", text="Column like disease.")]


def screen_of(quiet: bool, as_json: bool) -> Screen:
    """Return what a command prints with."""
    from causalimg.console import Screen

    return Screen(quiet=quiet, as_json=as_json)


def roles_of(
    context: list[str] | None, covariate: list[str] | None, outcome: list[str] | None
) -> dict[str, str]:
    """Return column -> role of the columns named on the command line."""
    given = {"context": context, "covariate": covariate, "outcome": outcome}
    return {name: role for role, names in given.items() for name in names or []}


def with_name(names: list[str] | None, name: str) -> list[str]:
    """Return the names and one more, each once."""
    return list(dict.fromkeys([*(names or []), name]))


def table_of(path: Path, roles: dict[str, str], *, beside: Iterable[str] = ()) -> FeatureTable:
    """Read a feature table we wrote, or a plain CSV with the roles given as options.

    Parameters
    ----------
    path : pathlib.Path
    roles : dict of str to str
    beside : iterable of str
        Columns that the command uses beside the features: no features themselves.
    """
    from causalimg.study_features import feature_table, looks_radiomic, with_roles
    from causalimg.tables.encode import numbers_in_text

    table = feature_table(path, roles)
    plain = {column.name for column in table.columns if column.role in ("feature", "other")}
    more = {name: "covariate" for name in beside if name in plain}
    table = with_roles(table, more) if more else table
    odd = [name for name in table.features if not looks_radiomic(name)]
    if table.provenance is None and 0 < len(odd) < len(table.features):
        typer.echo(
            f"note: taken as features, though not called like radiomics: {', '.join(odd[:8])}"
            f"{', ...' if len(odd) > 8 else ''} (give --context, --covariate or --outcome)",
            err=True,
        )
    for name in table.names("other"):
        if why := numbers_in_text(table.frame[name]):
            typer.echo(f"note: {name} is no feature, being text: {why}", err=True)
    return table
