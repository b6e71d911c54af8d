"""Real data with a known graph: a physical optics experiment, and the Sachs proteins.

Directed precision and recall of each registered method at its defaults, with and without
knowledge. The chamber (doi:10.1038/s42256-024-00964-x, data CC BY 4.0) has 20 variables that vary
and 39 edges; its knowledge is two tiers, actuators before sensors. ``closed`` adds that sensors
do not cause each other. Least-squares methods are run on standardised columns, which is their
default. Sachs (853 rows, the 20 edges of the file) separates no methods: all rows lie
within what one edge more or less makes.

    python benchmarks/chamber.py --data ../shared/data
    python benchmarks/chamber.py --data ../shared/data --methods pc tier_regression
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd

from causalimg.errors import CausalImgError
from causalimg.graph.core import CausalGraph, GraphKind
from causalimg.graph.files import read_graph
from causalimg.graph.knowledge import Knowledge
from causalimg.graph.metrics import compare, shd_cpdag

METHODS = {
    "tier_regression": "tier_regression:TierRegression",
    "pc": "pc:PC",
    "fci": "fci:FCI",
    "ges": "ges:GES",
    "boss": "boss:BOSS",
    "direct_lingam": "lingam:DirectLiNGAM",
    "ica_lingam": "ica_lingam:ICALiNGAM",
    "notears": "notears:NOTEARS",
    "golem": "golem:GOLEM",
    "min_pivot": "baselines:MinPivot",
    "sortnregress": "baselines:SortnRegress",
}
HELD = r"(?:osr_|v_|diode_|t_)"  # settings of the chamber that are constant in this file


def chamber(folder: Path) -> tuple[pd.DataFrame, CausalGraph, dict[str, Knowledge | None]]:
    edges = pd.read_csv(folder / "dag.csv")
    edges = edges[~edges["source"].str.match(HELD) & ~edges["target"].str.match(HELD)]
    nodes = sorted({*edges["source"], *edges["target"]})
    matrix = np.zeros((len(nodes), len(nodes)))
    for cause, effect in edges.itertuples(index=False):
        matrix[nodes.index(cause), nodes.index(effect)] = 1
    truth = CausalGraph.from_directed(nodes, matrix)
    tiers = [[n for n in nodes if not truth.parents(n)], [n for n in nodes if truth.parents(n)]]
    knowledge = {
        "none": None,
        "tiers": Knowledge(tiers=tiers),
        "closed": Knowledge(tiers=tiers, forbid_within=[0, 1]),
    }
    return pd.read_csv(folder / "uniform_reference.csv")[nodes], truth, knowledge


def sachs(folder: Path) -> tuple[pd.DataFrame, CausalGraph, dict[str, Knowledge | None]]:
    rows = pd.read_csv(folder / "sachs_continuous_all_conditions.txt", sep="\t").iloc[:853]
    truth = read_graph(folder / "sachs_ground_truth.txt", format="tetrad")
    return np.log(rows[list(truth.nodes)]), truth, {"none": None}


def load(name: str) -> Any:
    """The class of a method, or None if this version does not have it."""
    module, attribute = METHODS[name].split(":")
    try:
        return getattr(importlib.import_module(f"causalimg.discovery.{module}"), attribute)
    except (ImportError, AttributeError) as error:
        print(f"{name}: left out ({error})", file=sys.stderr)
        return None


def run(
    data: str, frame: pd.DataFrame, truth: CausalGraph, known: dict[str, Any], methods: list[str]
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    empty = CausalGraph.from_directed(truth.nodes, np.zeros((len(truth.nodes),) * 2))
    rows.append(_row(data, "empty graph", "none", empty, truth, 0.0))
    for name in methods:
        cls = load(name)
        if cls is None:
            continue
        for said, knowledge in known.items():
            start = time.process_time()
            try:
                graph = cls(knowledge=knowledge).fit(frame).graph_
            except CausalImgError as error:
                print(f"{data}, {name}, {said}: {str(error)[:110]}", file=sys.stderr)
                continue
            rows.append(_row(data, name, said, graph, truth, time.process_time() - start))
    return rows


def _row(
    data: str, method: str, said: str, graph: CausalGraph, truth: CausalGraph, seconds: float
) -> dict[str, Any]:
    scores = compare(graph, truth)
    plain = graph.kind in (GraphKind.DAG, GraphKind.CPDAG)
    return {
        "data": data,
        "method": method,
        "knowledge": said,
        "edges": scores.n_edges,
        "skeleton_precision": scores.skeleton_precision,
        "skeleton_recall": scores.skeleton_recall,
        "directed_precision": scores.orientation_precision,
        "directed_recall": scores.orientation_recall,
        "shd_cpdag": shd_cpdag(graph, truth) if plain else None,
        "cpu_s": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with chamber/ and tables/")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    args = parser.parse_args()
    rows = run("chamber", *chamber(args.data / "chamber"), args.methods)
    rows += run("sachs", *sachs(args.data / "tables"), args.methods)
    print(pd.DataFrame(rows).round(2).to_string(index=False))
    out = Path(__file__).parent / "results"
    out.mkdir(exist_ok=True)
    (out / "chamber.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
