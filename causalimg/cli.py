"""The command line: the whole study, or one stage of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from causalimg import image_stages, table_stages
from causalimg.errors import CausalImgError, InvalidInputError
from causalimg.options import AsJson, Jobs, Quiet, Seed, screen_of

app = typer.Typer(
    name="causalimg",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Causal discovery and inference for imaging features.\n\n"
    "Exit status: 0 all went well; 1 a case failed or a stage was refused (everything else is"
    " there); 2 the command could not run.",
)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where everything goes.")] = Path("demo"),
    patients: Annotated[int, typer.Option(help="Simulated patients.")] = 600,
    seed: Seed = 0,
    jobs: Jobs = -1,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Simulate a cohort of scans with a known answer, run the study, compare with the truth."""
    from causalimg.demo import run_demo

    screen = screen_of(quiet, as_json)
    with screen.progress() as progress:
        result, recovered = run_demo(
            folder, n_patients=patients, random_state=seed, n_jobs=jobs, progress=progress
        )
    screen.study(result)
    screen.say("")
    rows = recovered.frame.copy()
    order = rows["true_effect_sd"].abs().sort_values(ascending=False).index
    wanted = ["feature", "true_effect_sd", "estimate_sd", "ci_low_sd", "ci_high_sd", "naive_sd"]
    screen.table(
        rows.loc[order, wanted],
        title="Estimated against true scanner effect, in SD (largest; all are in the report)",
        n=10,
    )
    screen.say(f"\n{recovered.in_words()}")
    screen.say(f"\nreport: {folder / 'results' / 'report.html'}")
    screen.result({**result.summary(), "recovery": recovered.summary()})
    raise typer.Exit(0 if result.complete else 1)


@app.command()
def run(
    study: Annotated[Path, typer.Argument(help="The study file (.toml).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of results.")] = Path("results"),
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Run a whole study; a second run redoes only what has changed."""
    from causalimg.study import Study

    screen = screen_of(quiet, as_json)
    with screen.progress() as progress:
        result = Study.read(study).run(out, progress=progress)
    screen.study(result)
    screen.say(f"\nreport: {out / 'report.html'}")
    screen.result(result.summary())
    raise typer.Exit(0 if result.complete else 1)


@app.command()
def init(
    cohort: Annotated[Path, typer.Argument(help="Cohort file: case_id, image, mask, ...")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Default: beside it.")] = None,
    quiet: Quiet = False,
) -> None:
    """Write a commented study file from the columns of a cohort."""
    from causalimg.study_file import draft

    where = out or cohort.with_name("study.toml")
    if where.exists():
        raise InvalidInputError(f"{where} is there already; give another name with --out")
    from causalimg.atomic import write_text

    write_text(where, draft(cohort, where.parent))
    screen_of(quiet, False).say(f"wrote {where}; read it, then: causalimg run {where}")


@app.command()
def validate(
    path: Annotated[Path, typer.Argument(help="A study file (.toml), or anything we wrote.")],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """List everything that is wrong, before any image is read."""
    from causalimg.study_file import problems

    screen = screen_of(quiet, as_json)
    found = problems(path)
    if len(found):
        screen.table(found, title=f"{path.name}: {len(found)} problem(s)")
    else:
        screen.say(f"{path.name}: nothing wrong")
    screen.result({"file": path.name, "problems": found.to_dict(orient="records")})
    raise typer.Exit(1 if len(found) else 0)


app.add_typer(image_stages.app)
app.add_typer(table_stages.app)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A folder of results.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Default: in it.")] = None,
    quiet: Quiet = False,
) -> None:
    """Write the report again from a folder of results."""
    from causalimg.report.page import write_report
    from causalimg.study_result import StudyResult

    where = out or folder / "report.html"
    write_report(StudyResult.load(folder), where)
    screen_of(quiet, False).say(f"report: {where}")


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is installed, which engines work, and what to do about the rest."""
    from causalimg.doctor import examine

    screen = screen_of(False, as_json)
    found = examine()
    screen.table(found)
    screen.result({"checks": found.to_dict(orient="records")})
    raise typer.Exit(0 if (found["state"] != "broken").all() else 1)


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; an expected error is one message, without a traceback."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    try:
        return app([word for word in given if word != "--debug"])
    except CausalImgError as error:
        if debug:
            raise
        sys.stderr.write(f"error: {error}\n(run again with --debug for the traceback)\n")
        sys.exit(2)
