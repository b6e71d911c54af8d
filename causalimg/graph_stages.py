"""The commands of the graph: learn it from a feature table, read training constraints off it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from causalimg.options import (
    AsJson,
    Context,
    Covariate,
    Jobs,
    Outcome,
    Quiet,
    Seed,
    Table,
    complete_method,
    example,
    roles_of,
    screen_of,
    table_of,
)

app = typer.Typer()


@app.command(
    short_help="Learn a causal graph from a feature table.",
    epilog=example(
        "causalimg discover features.parquet --bootstrap 50",
        "causalimg discover features.csv --context scanner --covariate age \\",
        "    --outcome malignant --method ges --tier age --tier scanner \\",
        "    --tier @features --tier malignant",
    ),
)
def discover(
    table: Table,
    out: Annotated[Path, typer.Option("--out", "-o", help="The graph.")] = Path("graph.json"),
    method: Annotated[
        str,
        typer.Option(
            help="A registered method: pc, ges, boss, fci, direct_lingam ...",
            autocompletion=complete_method,
        ),
    ] = "pc",
    alpha: Annotated[
        float | None,
        typer.Option(help="Level of the tests, of methods that test; default: the method's own."),
    ] = None,
    tier: Annotated[
        list[str] | None,
        typer.Option(
            help='"age,sex,site": one tier, causes first; repeat. "@features": all features.',
            metavar="COLUMNS",
        ),
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
    from causalimg.config import FEATURES, StudyConfig
    from causalimg.discovery.bootstrap import BootstrapDiscovery
    from causalimg.discovery.redundancy import RedundancyFilter
    from causalimg.graph.knowledge import Knowledge
    from causalimg.study_methods import make_discovery

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
    asked = StudyConfig.parse({"discover": {"method": method, "alpha": alpha}}, where="options")
    estimator: Any = make_discovery(asked.discover, knowledge, random_state=seed)
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
    copies = len(read.features) - len(kept)
    if copies:
        screen.say(
            f"{copies} of {len(read.features)} features correlate above {threshold:g} with one in"
            " the graph, which stands for them (--threshold)"
        )
    others = read.names("other")
    if others:
        screen.say(f"not in the graph, having no role: {', '.join(others)}")
    ordered = edges.sort_values("support", ascending=False).dropna(axis=1, how="all")
    screen.shown(ordered, n=30, where=out)
    screen.result({"graph": str(out), "nodes": len(graph.nodes), "edges": len(edges)})


@app.command(
    short_help="Say which training constraints a graph licenses.",
    epilog=example(
        "causalimg constraints graph.json --outcome malignant \\",
        "    --attribute scanner --environment site -o plan.json",
    ),
)
def constraints(
    graph: Annotated[
        Path,
        typer.Argument(help="Graph (.json, or another program's format).", metavar="GRAPH"),
    ],
    outcome: Annotated[
        str, typer.Option("--outcome", help="What a model predicts.", metavar="NODE")
    ],
    attribute: Annotated[
        list[str],
        typer.Option(
            "--attribute", "-a", help="Leaves a trace in the image; repeat.", metavar="NODE"
        ),
    ],
    environment: Annotated[
        str | None,
        typer.Option("--environment", "-e", help="Where data come from: site.", metavar="NODE"),
    ] = None,
    image: Annotated[
        list[str] | None,
        typer.Option(
            "--image",
            help="The image's node, or the features measured from it; repeat.",
            metavar="NODE",
        ),
    ] = None,
    content: Annotated[
        str | None,
        typer.Option(help="Node that is what the image shows of the outcome.", metavar="NODE"),
    ] = None,
    direction: Annotated[
        str | None,
        typer.Option(
            help="anticausal (the outcome makes the look) or causal.", metavar="DIRECTION"
        ),
    ] = None,
    observed: Annotated[
        list[str] | None,
        typer.Option("--observed", help="Measured variable, such as age; repeat.", metavar="NODE"),
    ] = None,
    selection: Annotated[
        list[str] | None,
        typer.Option("--selection", help="Node that decided who is in the data.", metavar="NODE"),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The plan.")] = Path("plan.json"),
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
