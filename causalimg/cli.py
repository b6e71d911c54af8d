"""The command line: the whole study, or one stage of it."""

from __future__ import annotations

import sys
import traceback
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from causalimg import graph_stages, image_stages, result_stages, table_stages
from causalimg.errors import CausalImgError, FileReadError, InvalidInputError
from causalimg.options import AsJson, Jobs, Quiet, Seed, example, screen_of

_INTERRUPTED = 130  # Ctrl-C
_RESUMED = {"demo", "run", "--store"}

app = typer.Typer(
    name="causalimg",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog=example(
        "causalimg demo                                  # a cohort with a known answer",
        "causalimg init cohort.csv                       # writes study.toml",
        "causalimg validate study.toml",
        "causalimg run study.toml --out results",
        "causalimg --install-completion                  # completes names and columns",
    ),
)


def _version(wanted: bool) -> None:
    if wanted:
        from causalimg import __version__

        typer.echo(f"causalimg {__version__}")
        raise typer.Exit


@app.callback()
def everything(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; goes anywhere.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Causal discovery and inference for imaging features.

    Exit status: 0 all went well; 1 a case failed, a stage was refused or a check found something
    (everything else is there); 2 the command could not run, and says why; 3 a defect of the
    program.
    """


@app.command(
    short_help="Simulate scans with a known answer, study them, compare.",
    epilog=example("causalimg demo --folder demo --patients 600"),
)
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


@app.command(epilog=example("causalimg run study.toml --out results"))
def run(
    study: Annotated[Path, typer.Argument(help="The study file (.toml).", metavar="STUDY")],
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


@app.command(
    short_help="Write a commented study file from a table's columns.",
    epilog=example(
        "causalimg init cohort.csv          # images and masks",
        "causalimg init features.csv        # features extracted elsewhere",
    ),
)
def init(
    cohort: Annotated[
        Path,
        typer.Argument(
            help="Cohort file (case_id, image, mask, ...) or a table of features.",
            metavar="COHORT",
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Default: beside it.")] = None,
    quiet: Quiet = False,
) -> None:
    """Write a commented study file from the columns of a cohort or of a table of features."""
    from causalimg.atomic import write_text
    from causalimg.study_draft import draft

    where = out or cohort.with_name("study.toml")
    if where.exists():
        raise InvalidInputError(f"{where} is there already; give another name with --out")
    write_text(where, draft(cohort, where.parent, name=where.name))
    screen_of(quiet, False).say(f"wrote {where}; read it, then: causalimg validate {where}")


@app.command(
    epilog=example("causalimg validate study.toml", "causalimg validate results/graph.json")
)
def validate(
    path: Annotated[
        Path,
        typer.Argument(help="A study file (.toml), or anything we wrote.", metavar="PATH"),
    ],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """List everything that is wrong, before any image is read."""
    from causalimg.study_file import problems

    if not path.is_file():
        raise FileReadError(f"no such file: {path.name} (looked in {path.parent})")
    screen = screen_of(quiet, as_json)
    found = problems(path)
    if len(found):
        screen.table(found, title=f"{path.name}: {len(found)} problem(s)", n=20)
        if len(found) > 20:
            screen.say(f"... and {len(found) - 20} more; --json lists all")
    else:
        screen.say(f"{path.name}: nothing wrong")
    screen.result({"file": path.name, "problems": found.to_dict(orient="records")})
    raise typer.Exit(1 if len(found) else 0)


app.add_typer(image_stages.app)
app.add_typer(graph_stages.app)
app.add_typer(table_stages.app)
app.add_typer(result_stages.app)


@app.command(
    short_help="Say what is installed, what works and what to do.",
    epilog=example("causalimg doctor", "causalimg doctor --json > doctor.json"),
)
def doctor(
    quick: Annotated[bool, typer.Option("--quick", help="Do not try the engines.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is installed, which engines work, and what to do about the rest."""
    from causalimg.doctor import examine

    screen = screen_of(False, as_json)
    found = examine(tried=not quick)
    screen.table(found)
    screen.result({"checks": found.to_dict(orient="records")})
    raise typer.Exit(0 if (found["state"] != "broken").all() else 1)


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; an error is one message, and with ``--debug`` a traceback."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _say_warning
            return app([word for word in given if word != "--debug"])
    except SystemExit as stop:
        if stop.code == _INTERRUPTED:
            kept = "; what is finished is kept, and the same command goes on from there"
            sys.stderr.write(f"\nstopped{kept if _RESUMED.intersection(given) else ''}\n")
        raise
    except (CausalImgError, OSError) as error:
        if debug:
            traceback.print_exc()
        _stop(f"error: {error}", 2, debug)
    except Exception as error:
        if debug:
            traceback.print_exc()
        _stop(
            f"defect: {type(error).__name__}: {error}\nThis is a fault of causalimg; please report"
            " it with the traceback and the output of 'causalimg doctor'",
            3,
            debug,
        )


def _stop(message: str, status: int, debug: bool) -> None:
    hint = "" if debug else "\n(run again with --debug for the traceback)"
    sys.stderr.write(f"{message}{hint}\n")
    sys.exit(status)


def _say_warning(message: Warning | str, *_: object, **__: object) -> None:
    sys.stderr.write(f"note: {message}\n")
