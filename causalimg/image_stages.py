"""The commands that read images: features, and how each image was acquired."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from causalimg.options import (
    AsJson,
    CohortFile,
    Context,
    Covariate,
    Jobs,
    Outcome,
    Quiet,
    complete_engine,
    example,
    roles_of,
    screen_of,
)

app = typer.Typer()


@app.command(
    epilog=example(
        "causalimg extract cohort.csv --context scanner --covariate age",
        "causalimg extract cohort.csv --spacing 1 1 1 --image-type original \\",
        "    --image-type wavelet --store cases -o features.parquet",
    )
)
def extract(
    cohort: CohortFile,
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
        typer.Option(help="Resample to z y x [mm]; 0 keeps an axis.", metavar="Z Y X"),
    ] = None,
    image_type: Annotated[
        list[str] | None,
        typer.Option(help="original, wavelet, square ...; repeat for more.", metavar="NAME"),
    ] = None,
    mode: Annotated[
        str, typer.Option(help="Whose features and preparation: pyradiomics or ibsi.")
    ] = "pyradiomics",
    engine: Annotated[
        str, typer.Option(help="Extraction engine.", autocompletion=complete_engine)
    ] = "auto",
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

    screen = screen_of(quiet, as_json)
    read = Cohort.read(cohort, roles=roles_of(context, covariate, outcome))
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
        title = f"{len(table.failures)} failed cases (the others went on; all are in the table)"
        screen.table(table.failures, title=title, n=20)
    screen.result(
        {
            "table": str(out),
            "cases": len(table.frame),
            "features": len(table.features),
            "failures": table.failures.to_dict(orient="records"),
        }
    )
    raise typer.Exit(1 if len(table.failures) else 0)


@app.command(
    short_help="Add columns of how each image was acquired.",
    epilog=example(
        "causalimg acquisition cohort.csv -o cohort2.csv",
        "causalimg acquisition cohort.csv -o cohort2.csv --keyword Manufacturer \\",
        "    --keyword MagneticFieldStrength",
    ),
)
def acquisition(
    cohort: CohortFile,
    out: Annotated[Path, typer.Option("--out", "-o", help="A cohort file with the columns.")],
    keyword: Annotated[
        list[str] | None,
        typer.Option(
            help="DICOM keyword (Manufacturer, KVP ...); repeat. Default: all stated.",
            metavar="KEYWORD",
        ),
    ] = None,
    jobs: Jobs = -1,
    quiet: Quiet = False,
) -> None:
    """Add columns of how each image was acquired, from DICOM headers or BIDS sidecars."""
    import pandas as pd

    from causalimg.column_roles import values_of
    from causalimg.imaging.acquisition import with_acquisition
    from causalimg.tables.cohort import Cohort

    screen = screen_of(quiet, False)
    before = Cohort.read(cohort)
    found = with_acquisition(before, keyword or None, n_jobs=jobs)
    found.save(out)
    added = [name for name in found.frame.columns if name not in before.frame.columns]
    rows = [
        (name, f"{found.frame[name].notna().sum()} of {len(found)}", values_of(found.frame[name]))
        for name in added
    ]
    screen.table(pd.DataFrame(rows, columns=["column", "cases", "values"]))
    screen.say(f"{len(added)} columns added -> {out}")
