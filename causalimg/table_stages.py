"""The commands that start from a feature table or a graph, one stage each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from causalimg.options import (
    Adjust,
    AsJson,
    Context,
    Covariate,
    Jobs,
    Outcome,
    Quiet,
    Seed,
    Table,
    roles_of,
    screen_of,
    table_of,
    with_name,
)

app = typer.Typer()


@app.command()
def discover(
    table: Table,
    out: Annotated[Path, typer.Option("--out", "-o")] = Path("graph.json"),
    method: Annotated[
        str, typer.Option(help="A registered method: pc, ges, boss, fci, direct_lingam ...")
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

    screen = screen_of(quiet, as_json)
    read = table_of(table, roles_of(context, covariate, outcome))
    reduced = RedundancyFilter(threshold=threshold).fit(read.frame[read.features])
    kept = list(reduced.kept_)
    roles = [read.names("covariate"), read.names("context"), read.names("outcome")]
    tiers = [[*roles[0], *roles[1]], kept, roles[2]]
    if tier:
        parts = [[name.strip() for name in text.split(",") if name.strip()] for text in tier]
        tiers = [[n for item in t for n in (kept if item == FEATURES else [item])] for t in parts]
    frame = read.frame[[*roles[0], *roles[1], *roles[2], *kept]]
    knowledge = Knowledge(tiers=[part for part in tiers if part])
    chosen = load("causalimg.discovery", method)
    level = {"alpha": alpha} if "alpha" in chosen().get_params() else {}
    estimator = chosen(knowledge=knowledge, **level)
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

    screen = screen_of(quiet, as_json)
    read = table_of(table, roles_of(with_name(context, treatment), covariate, outcome))
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

    screen = screen_of(quiet, as_json)
    read = table_of(table, roles_of(with_name(context, environment), covariate, outcome))
    fitted = StableFeatures(
        environment=environment, adjustment=adjust, margin=margin, reference=reference
    ).fit(read.frame, features=read.features)
    found = fitted.invariant_set_.with_source(read)
    found.save(out)
    screen.say(f"{found!r} -> {out}")
    screen.table(found.evidence.sort_values("q_equivalence"), n=15)
    screen.result({"invariant_set": str(out), "features": list(found.features), **found.counts()})


@app.command()
def harmonize(
    table: Table,
    batch: Annotated[str, typer.Option("--batch", "-b", help="scanner, site ...")],
    preserve: Annotated[
        list[str] | None,
        typer.Option("--preserve", help="Covariate to keep in; repeat for more. Not the outcome."),
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
    read = table_of(table, roles_of(with_name(context, batch), covariate, outcome))
    kept = list(preserve or [])
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
    screen.table(summary)
    records = summary.reset_index().to_dict(orient="records")
    screen.result({"table": str(out), "features": len(read.features), "summary": records})


@app.command()
def constraints(
    graph: Annotated[Path, typer.Argument(help="Graph (.json, or another program's format).")],
    outcome: Annotated[str, typer.Option("--outcome", help="What a model predicts.")],
    attribute: Annotated[
        list[str], typer.Option("--attribute", "-a", help="Leaves a trace in the image; repeat.")
    ],
    environment: Annotated[str | None, typer.Option("--environment", "-e")] = None,
    image: Annotated[
        list[str] | None,
        typer.Option("--image", help="The image's node, or the features measured from it; repeat."),
    ] = None,
    content: Annotated[str | None, typer.Option(help="Node that is the content.")] = None,
    direction: Annotated[str | None, typer.Option(help="anticausal or causal")] = None,
    observed: Annotated[
        list[str] | None, typer.Option("--observed", help="Measured variable, such as age; repeat.")
    ] = None,
    selection: Annotated[
        list[str] | None, typer.Option("--selection", help="Node that decided who is in the data.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o")] = Path("plan.json"),
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Say which training constraints a graph licenses and which it refuses, and why."""
    from causalimg.graph.files import read_graph
    from causalimg.training.plan import ConstraintPlan

    screen = screen_of(quiet, as_json)
    named = list(image or [])
    plan = ConstraintPlan.from_graph(
        read_graph(graph),
        outcome=outcome,
        environment=environment,
        attributes=attribute,
        image=named[0] if len(named) == 1 else named or None,
        content=content,
        direction=direction,
        observed=list(observed or []),
        selection=list(selection or []),
    )
    plan.save(out)
    screen.say(str(plan))
    screen.say(f"plan -> {out}")
    screen.result({"plan": str(out), "verdicts": plan.to_frame().to_dict(orient="records")})
