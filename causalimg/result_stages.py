"""The commands that read a folder of results: its report, and whether it can be trusted."""

from __future__ import annotations

from os.path import relpath
from pathlib import Path
from typing import Annotated

import typer

from causalimg.options import AsJson, Quiet, Seed, example, screen_of

app = typer.Typer()

Results = Annotated[Path, typer.Argument(help="A folder of results.", metavar="RESULTS")]


@app.command(epilog=example("causalimg report results", "causalimg report results -o page.html"))
def report(
    folder: Results,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Default: in it.")] = None,
    quiet: Quiet = False,
) -> None:
    """Write the report again from a folder of results."""
    from causalimg.report.page import write_report
    from causalimg.study_result import StudyResult

    where = out or folder / "report.html"
    write_report(StudyResult.load(folder), where)
    screen_of(quiet, False).say(f"report: {where}")


@app.command(
    short_help="Check results, and compute a sample of them again.",
    epilog=example(
        "causalimg verify results --sample 10",
        "causalimg verify features.parquet --input cohort.csv",
    ),
)
def verify(
    path: Annotated[
        Path, typer.Argument(help="A folder of results, or one record.", metavar="RESULT")
    ],
    sample: Annotated[
        int, typer.Option(help="Cases to extract and effects to estimate again; 0 for none.")
    ] = 5,
    seed: Seed = 0,
    source: Annotated[
        list[Path] | None,
        typer.Option(
            "--input", help="What a record that lies alone was made from; repeat.", metavar="FILE"
        ),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Say whether results are still what made them, and compute a sample of them again.

    Exit status 1 if anything differs. What was made with other software, or cannot be checked, is
    said and is no difference.
    """
    from causalimg.verification import verify as check

    screen = screen_of(quiet, as_json)
    found = check(path, sample=sample, random_state=seed, inputs=source or [])
    counts = {name: count for name, count in found.counts().items() if count}
    screen.table(found.to_frame())
    screen.say("\n" + ", ".join(f"{count} {name}" for name, count in counts.items()))
    rows = found.to_frame().to_dict(orient="records")
    screen.result({"result": found.name, "ok": found.ok, "counts": counts, "checks": rows})
    raise typer.Exit(0 if found.ok else 1)


@app.command(
    short_help="Export results as an RO-Crate.",
    epilog=example(
        "causalimg crate results -o study.crate",
        "causalimg crate results --zip --with-images -o study.crate.zip",
    ),
)
def crate(
    folder: Results,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Default: study.crate beside it.")
    ] = None,
    zipped: Annotated[
        bool, typer.Option("--zip", help="One zip file in place of a folder.")
    ] = False,
    with_images: Annotated[
        bool, typer.Option("--with-images", help="Copy images, masks and pictures too.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Export results as an RO-Crate: files with hashes, settings, software, inputs, authors.

    Without --with-images no voxel is in it. Authors and licence are those of [study].
    """
    from causalimg.crate import write_crate

    where = out or _beside(folder, "study.crate.zip" if zipped else "study.crate")
    if zipped and where.suffix != ".zip":
        where = where.with_name(f"{where.name}.zip")
    made = write_crate(folder, where, with_images=with_images)
    screen_of(quiet, False).say(f"RO-Crate: {made}")


@app.command(
    short_help="Fill a reporting checklist (CLEAR, METRICS).",
    epilog=example(
        "causalimg checklist results --kind clear -o clear.md",
        "causalimg checklist results --kind metrics -o metrics.csv",
    ),
)
def checklist(
    folder: Results,
    kind: Annotated[
        str,
        typer.Option(
            help="clear (58 items) or metrics (30 items).",
            autocompletion=lambda: ["clear", "metrics"],
        ),
    ] = "clear",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help=".md or .csv; default: KIND.md beside it.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Fill a reporting checklist that journals ask for, as far as the records can.

    Every item says what is recorded and where, or what is left for the authors to state.
    """
    from causalimg.checklist import fill_checklist

    screen = screen_of(quiet, False)
    found = fill_checklist(folder, kind=kind)
    where = out or _beside(folder, f"{kind}.md")
    found.save(where)
    counts = found.counts()
    screen.say(
        f"{found.form.name}: {counts['filled']} items filled, {counts['partly']} in part,"
        f" {counts['authors']} for the authors -> {where}"
    )


def _beside(folder: Path, name: str) -> Path:
    return Path(relpath(folder.resolve().parent / name))
