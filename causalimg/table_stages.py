"""The commands that compare levels of a column of a feature table, one stage each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from causalimg.options import (
    Adjust,
    AsJson,
    Context,
    Covariate,
    Outcome,
    Quiet,
    Table,
    column,
    complete_estimator,
    example,
    roles_of,
    screen_of,
    table_of,
    with_name,
)

app = typer.Typer()


@app.command(
    short_help="Estimate the effect of a scanner on every feature.",
    epilog=example(
        "causalimg effects features.csv --treatment scanner --adjust age \\",
        "    --adjust site --context site --covariate age",
        "causalimg effects features.parquet -t scanner -a age -a site \\",
        "    --estimator aipw --estimand ato",
    ),
)
def effects(
    table: Table,
    treatment: Annotated[str, column("--treatment", "-t", text="scanner, site ...")],
    adjust: Adjust,
    estimator: Annotated[
        str,
        typer.Option(
            help="A registered estimator: aipw, tmle, dml, entropy_balance ...",
            autocompletion=complete_estimator,
        ),
    ] = "aipw",
    estimand: Annotated[
        str | None, typer.Option(help="ate, att, atc or ato; default: the estimator's own.")
    ] = None,
    reference: Annotated[str | None, typer.Option(help="Level to compare with.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help=".parquet or .csv")] = Path(
        "effects.parquet"
    ),
    context: Context = None,
    covariate: Covariate = None,
    outcome: Outcome = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Estimate the effect of a scanner or protocol on every feature."""
    from rich.markup import escape

    from causalimg.config import EffectsSection
    from causalimg.study_methods import make_effects

    screen = screen_of(quiet, as_json)
    roles = roles_of(with_name(context, treatment), covariate, outcome)
    read = table_of(table, roles, beside=adjust)
    section = EffectsSection(
        treatment=treatment,
        adjustment=tuple(adjust),
        reference=reference,
        estimator=estimator,
        estimand=estimand,
    )
    fitted = make_effects(section, random_state=0)
    found = fitted.fit(read.frame, outcomes=read.features).effects_
    found.save(out)
    screen.say(f"{found!r} -> {out}")
    if len(found.estimable):
        screen.effects(found, n=15)
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


@app.command(
    short_help="Export the features that a scanner does not move.",
    epilog=example(
        "causalimg invariant features.parquet --environment scanner \\",
        "    --adjust age --adjust site --margin 0.3 -o invariant_set.json",
    ),
)
def invariant(
    table: Table,
    environment: Annotated[str, column("--environment", "-e", text="scanner, site ...")],
    adjust: Adjust,
    precision: Annotated[
        list[str] | None,
        column("--precision", text="Moves the features, not the scanner; repeat for more."),
    ] = None,
    margin: Annotated[float, typer.Option(help="Largest harmless effect, in SD.")] = 0.2,
    control: Annotated[
        str, typer.Option(help="bh: few wrong ones in the set; maxt: none at all.")
    ] = "bh",
    reference: Annotated[str | None, typer.Option(help="Level to compare with.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The set.")] = Path("invariant_set.json"),
    context: Context = None,
    covariate: Covariate = None,
    outcome: Outcome = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Export the features that a scanner does not move by more than a margin."""
    from causalimg.invariance.stable import StableFeatures

    screen = screen_of(quiet, as_json)
    roles = roles_of(with_name(context, environment), covariate, outcome)
    read = table_of(table, roles, beside=[*adjust, *(precision or ())])
    fitted = StableFeatures(
        environment=environment,
        adjustment=adjust,
        precision=precision or (),
        margin=margin,
        control=control,
        reference=reference,
    ).fit(read.frame, features=read.features)
    found = fitted.invariant_set_.with_source(read)
    found.save(out)
    screen.say(f"{found!r} -> {out}")
    columns = ["feature", "verdict", "effect_sd", "ci_low_sd", "ci_high_sd", "q_equivalence"]
    evidence = found.evidence.sort_values("q_equivalence")[[*columns, "n_needed"]]
    screen.shown(evidence.rename(columns={"q_equivalence": "q"}), n=15, where=out)
    if not found.features:
        undecided = found.evidence["n_needed"].dropna()
        more = f"; half of them with {undecided.median():.0f} cases" if len(undecided) else ""
        screen.say(
            f"note: the set is empty. With {len(read.frame)} cases nothing can be certified within"
            f" {margin} SD: n_needed says how many cases would decide about a feature{more}."
        )
    screen.result({"invariant_set": str(out), "features": list(found.features), **found.counts()})


@app.command(
    short_help="Take a batch effect out of every feature.",
    epilog=example(
        "causalimg harmonize features.parquet --batch scanner --preserve age \\",
        "    --preserve sex -o harmonized.parquet",
    ),
)
def harmonize(
    table: Table,
    batch: Annotated[str, column("--batch", "-b", text="scanner, site ...")],
    preserve: Annotated[
        list[str] | None,
        column("--preserve", text="Covariate to keep in; repeat for more. Not the outcome."),
    ] = None,
    on_no_overlap: Annotated[
        str, typer.Option(help="refuse, or match comparable cases, without overlap.")
    ] = "refuse",
    out: Annotated[Path, typer.Option("--out", "-o", help=".parquet or .csv")] = Path(
        "harmonized.parquet"
    ),
    context: Context = None,
    covariate: Covariate = None,
    outcome: Outcome = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Take a batch effect out of every feature, where the batches are comparable at all."""
    from dataclasses import replace

    from causalimg.harmonize import CausalComBat, ComBat, harmonization_report

    screen = screen_of(quiet, as_json)
    kept = list(preserve or [])
    read = table_of(table, roles_of(with_name(context, batch), covariate, outcome), beside=kept)
    fitted: CausalComBat | ComBat
    if kept:
        fitted = CausalComBat(batch=batch, covariates=kept, on_no_overlap=on_no_overlap)
    else:
        fitted = ComBat(batch=batch)
    after = read.frame.assign(**fitted.fit_transform(read.frame, features=read.features))
    result = replace(read, frame=after)
    result.save(out)
    found = harmonization_report(
        read.frame, after, batch=batch, features=read.features, covariates=kept
    )
    summary = found.summary()
    screen.say(f"{result!r} -> {out}")
    screen.table(summary.set_index("stage").T.rename_axis("measure").reset_index())
    records = summary.reset_index().to_dict(orient="records")
    screen.result({"table": str(out), "features": len(read.features), "summary": records})
