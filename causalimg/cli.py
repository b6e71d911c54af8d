"""The command line: the whole study, or one stage of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from causalimg.errors import CausalImgError, InvalidInputError

if TYPE_CHECKING:
    from causalimg.console import Screen
    from causalimg.tables.features import FeatureTable

app = typer.Typer(
    name="causalimg",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Causal discovery and inference for imaging features.\n\n"
    "Exit status: 0 all went well; 1 a case failed or a stage was refused (everything else is"
    " there); 2 the command could not run.",
)

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


def _screen(quiet: bool, as_json: bool) -> Screen:
    from causalimg.console import Screen

    return Screen(quiet=quiet, as_json=as_json)


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

    screen = _screen(quiet, as_json)
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

    screen = _screen(quiet, as_json)
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
    _screen(quiet, False).say(f"wrote {where}; read it, then: causalimg run {where}")


@app.command()
def validate(
    path: Annotated[Path, typer.Argument(help="A study file (.toml), or anything we wrote.")],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """List everything that is wrong, before any image is read."""
    from causalimg.study_file import problems

    screen = _screen(quiet, as_json)
    found = problems(path)
    if len(found):
        screen.table(found, title=f"{path.name}: {len(found)} problem(s)")
    else:
        screen.say(f"{path.name}: nothing wrong")
    screen.result({"file": path.name, "problems": found.to_dict(orient="records")})
    raise typer.Exit(1 if len(found) else 0)


@app.command()
def extract(
    cohort: Annotated[Path, typer.Argument(help="Cohort file (.csv or .parquet).")],
    out: Annotated[Path, typer.Option("--out", "-o", help=".parquet or .csv")] = Path(
        "features.parquet"
    ),
    context: Context = None,
    covariate: Covariate = None,
    outcome: Outcome = None,
    bin_width: Annotated[float, typer.Option(help="Width of a grey-level bin.")] = 25.0,
    bin_count: Annotated[
        int | None, typer.Option(help="Number of bins, in place of their width.")
    ] = None,
    spacing: Annotated[
        tuple[float, float, float] | None,
        typer.Option(help="Resample to z y x [mm]; 0 keeps an axis."),
    ] = None,
    image_type: Annotated[
        list[str] | None, typer.Option(help="original, wavelet, square ...; repeat for more.")
    ] = None,
    mode: Annotated[
        str, typer.Option(help="Whose features and preparation: pyradiomics or ibsi.")
    ] = "pyradiomics",
    engine: Annotated[str, typer.Option(help="Extraction engine.")] = "auto",
    max_memory: Annotated[
        float | None, typer.Option(help="Memory of all workers [GB]; 0: most of what is free.")
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="Keep each case here, so that a stopped run goes on.")
    ] = None,
    jobs: Jobs = -1,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Extract radiomics features of every case of a cohort."""
    from causalimg.radiomics.extractor import RadiomicsExtractor
    from causalimg.radiomics.ibsi_settings import IbsiSettings
    from causalimg.tables.cohort import Cohort

    screen = _screen(quiet, as_json)
    read = Cohort.read(cohort, roles=_roles(context, covariate, outcome))
    bound: int | str | None = "auto" if max_memory == 0 else None
    if max_memory:
        bound = int(max_memory * 2**30)
    ibsi = None
    if mode == "ibsi":
        width = bin_width if bin_count is None else None
        ibsi = IbsiSettings(spacing=spacing, bin_width=width, bin_count=bin_count)
    extractor = RadiomicsExtractor(
        engine=engine,
        image_types=image_type or ["original"],
        bin_width=bin_width,
        bin_count=bin_count if ibsi is None else None,
        resample=spacing if ibsi is None else None,
        mode=mode,
        ibsi=ibsi,
        store=store,
        max_memory=bound,
    )
    with screen.progress() as progress:
        table = extractor.extract(
            read, n_jobs=jobs, progress=lambda done, total: progress("extract", done, total)
        )
    table.save(out)
    screen.say(f"{table!r} -> {out}")
    if len(table.failures):
        screen.table(table.failures, title="Failed cases (the others went on)")
    screen.result(
        {
            "table": str(out),
            "cases": len(table.frame),
            "features": len(table.features),
            "failures": table.failures.to_dict(orient="records"),
        }
    )
    raise typer.Exit(1 if len(table.failures) else 0)


@app.command()
def acquisition(
    cohort: Annotated[Path, typer.Argument(help="Cohort file (.csv or .parquet).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A cohort file with the columns.")],
    keyword: Annotated[
        list[str] | None,
        typer.Option(help="DICOM keyword (Manufacturer, KVP ...); repeat. Default: all stated."),
    ] = None,
    jobs: Jobs = -1,
    quiet: Quiet = False,
) -> None:
    """Add columns of how each image was acquired, from DICOM headers or BIDS sidecars."""
    from causalimg.imaging.acquisition import with_acquisition
    from causalimg.tables.cohort import Cohort

    screen = _screen(quiet, False)
    before = Cohort.read(cohort)
    found = with_acquisition(before, keyword or None, n_jobs=jobs)
    found.save(out)
    added = [name for name in found.frame.columns if name not in before.frame.columns]
    screen.table(found.frame[["case_id", *added]], n=20)
    screen.say(f"{len(added)} columns added -> {out}")


@app.command()
def discover(
    table: Table,
    out: Annotated[Path, typer.Option("--out", "-o")] = Path("graph.json"),
    method: Annotated[
        str, typer.Option(help="A registered method: pc, direct_lingam, notears.")
    ] = "pc",
    alpha: Annotated[float, typer.Option(help="Level of the independence tests.")] = 0.01,
    tier: Annotated[
        list[str] | None,
        typer.Option(help='"age,sex,site": one tier, causes first; "@features" for all features.'),
    ] = None,
    threshold: Annotated[float, typer.Option(help="Near-copies correlate above this.")] = 0.95,
    bootstrap: Annotated[int, typer.Option(help="Resamples; 0 for none.")] = 100,
    context: Context = None,
    covariate: Covariate = None,
    outcome: Outcome = None,
    seed: Seed = 0,
    jobs: Jobs = -1,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Learn a causal graph from a feature table, with bootstrap support for each edge."""
    from causalimg.config import FEATURES
    from causalimg.discovery.bootstrap import BootstrapDiscovery
    from causalimg.discovery.redundancy import RedundancyFilter
    from causalimg.graph.knowledge import Knowledge
    from causalimg.registry import load

    screen = _screen(quiet, as_json)
    read = _table(table, _roles(context, covariate, outcome))
    reduced = RedundancyFilter(threshold=threshold).fit(read.frame[read.features])
    kept = list(reduced.kept_)
    roles = [read.names("covariate"), read.names("context"), read.names("outcome")]
    tiers = [[*roles[0], *roles[1]], kept, roles[2]]
    if tier:
        parts = [[name.strip() for name in text.split(",") if name.strip()] for text in tier]
        tiers = [[n for item in t for n in (kept if item == FEATURES else [item])] for t in parts]
    frame = read.frame[[*roles[0], *roles[1], *roles[2], *kept]]
    knowledge = Knowledge(tiers=[part for part in tiers if part])
    estimator = load("causalimg.discovery", method)(alpha=alpha, knowledge=knowledge)
    if bootstrap:
        with screen.progress() as progress:
            estimator = BootstrapDiscovery(
                estimator,
                n_bootstrap=bootstrap,
                random_state=seed,
                n_jobs=jobs,
                progress=lambda done, total: progress("discover", done, total),
            ).fit(frame)
    else:
        estimator = estimator.fit(frame)
    graph = estimator.graph_
    graph.save(out)
    edges = graph.to_frame()
    screen.say(f"{graph!r} -> {out}")
    screen.table(edges.sort_values("support", ascending=False), n=30)
    screen.result({"graph": str(out), "nodes": len(graph.nodes), "edges": len(edges)})


@app.command()
def effects(
    table: Table,
    treatment: Annotated[str, typer.Option("--treatment", "-t", help="scanner, site ...")],
    adjust: Adjust,
    reference: Annotated[str | None, typer.Option(help="Level to compare with.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o")] = Path("effects.parquet"),
    context: Context = None,
    covariate: Covariate = None,
    outcome: Outcome = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Estimate the effect of a scanner or protocol on every feature (AIPW)."""
    from rich.markup import escape

    from causalimg.effects.estimators import AIPW

    screen = _screen(quiet, as_json)
    read = _table(table, _roles(_with(context, treatment), covariate, outcome))
    fitted = AIPW(treatment=treatment, adjustment=adjust, reference=reference)
    found = fitted.fit(read.frame, outcomes=read.features).effects_
    found.save(out)
    screen.say(f"{found!r} -> {out}")
    good = found.estimable
    order = good["effect_sd"].abs().sort_values(ascending=False).index
    wanted = ["outcome", "contrast", "estimate", "ci_low", "ci_high", "effect_sd", "q"]
    screen.table(good.loc[order, wanted], title="Largest effects", n=15)
    refused = found.frame[found.frame["status"] != "ok"]
    for reason, rows in refused.groupby("reason", sort=False):
        screen.say(f"not estimable ({len(rows)}): {escape(str(reason))}")
    for note in found.notes:
        screen.say(f"note: {escape(note)}")
    screen.result(
        {
            "effects": str(out),
            "rows": len(found.frame),
            "estimable": len(found.estimable),
            "notes": list(found.notes),
        }
    )
    raise typer.Exit(0 if len(found.estimable) == len(found.frame) else 1)


@app.command()
def invariant(
    table: Table,
    environment: Annotated[str, typer.Option("--environment", "-e", help="scanner, site ...")],
    adjust: Adjust,
    margin: Annotated[float, typer.Option(help="Largest harmless effect, in SD.")] = 0.2,
    reference: Annotated[str | None, typer.Option(help="Level to compare with.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o")] = Path("invariant_set.json"),
    context: Context = None,
    covariate: Covariate = None,
    outcome: Outcome = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Export the features that a scanner does not move by more than a margin."""
    from causalimg.invariance.stable import StableFeatures

    screen = _screen(quiet, as_json)
    read = _table(table, _roles(_with(context, environment), covariate, outcome))
    fitted = StableFeatures(
        environment=environment, adjustment=adjust, margin=margin, reference=reference
    ).fit(read.frame, features=read.features)
    found = fitted.invariant_set_
    found.save(out)
    screen.say(f"{found!r} -> {out}")
    screen.table(found.evidence.sort_values("q_equivalence"), n=15)
    screen.result({"invariant_set": str(out), "features": list(found.features), **found.counts()})


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
    _screen(quiet, False).say(f"report: {where}")


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is installed, which engines work, and what to do about the rest."""
    from causalimg.doctor import examine

    screen = _screen(False, as_json)
    found = examine()
    screen.table(found)
    screen.result({"checks": found.to_dict(orient="records")})
    raise typer.Exit(0 if (found["state"] != "broken").all() else 1)


def _roles(
    context: list[str] | None, covariate: list[str] | None, outcome: list[str] | None
) -> dict[str, str]:
    given = {"context": context, "covariate": covariate, "outcome": outcome}
    return {name: role for role, names in given.items() for name in names or []}


def _with(names: list[str] | None, name: str) -> list[str]:
    return list(dict.fromkeys([*(names or []), name]))


def _table(path: Path, roles: dict[str, str]) -> FeatureTable:
    """Read a feature table we wrote, or a plain CSV with the roles given as options."""
    from causalimg.tables.features import FeatureTable
    from causalimg.tables.io import header_path, read_frame

    if path.suffix == ".parquet" or header_path(path).is_file():
        return FeatureTable.load(path)
    frame = read_frame(path)
    if "case_id" in frame.columns:
        roles = {"case_id": "id", **roles}
    return FeatureTable.from_frame(frame, roles=roles)


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
