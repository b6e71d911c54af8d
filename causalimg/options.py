"""Options that several commands share, and the screen they write to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from causalimg.console import Screen
    from causalimg.tables.features import FeatureTable

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", help="Workers; -1 for every core.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
Adjust = Annotated[
    list[str], typer.Option("--adjust", "-a", help="Column to adjust for; repeat for more.")
]
Table = Annotated[Path, typer.Argument(help="Feature table (.parquet, or any .csv).")]
Context = Annotated[
    list[str] | None, typer.Option("--context", help="Column that is site, scanner, protocol ...")
]
Covariate = Annotated[list[str] | None, typer.Option("--covariate", help="Column like age, sex.")]
Outcome = Annotated[list[str] | None, typer.Option("--outcome", help="Column like disease.")]


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


def table_of(path: Path, roles: dict[str, str]) -> FeatureTable:
    """Read a feature table we wrote, or a plain CSV with the roles given as options."""
    from causalimg.tables.features import FeatureTable
    from causalimg.tables.io import header_path, read_frame

    if path.suffix == ".parquet" or header_path(path).is_file():
        return FeatureTable.load(path)
    frame = read_frame(path)
    if "case_id" in frame.columns:
        roles = {"case_id": "id", **roles}
    return FeatureTable.from_frame(frame, roles=roles)
