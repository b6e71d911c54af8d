"""Links found behind near-copies: the nodes themselves, and what the redundancy step leaves.

12 latent nodes with exponential noise and 18 links, 5 near-copies of each (r = 0.97), 500 rows.
Clusters at 0.85, with and without `take_apart`; their representatives, their means, and
`cluster_moments`, which takes the noise of the copies out. Found and false links, by method.

    python benchmarks/redundancy.py                     # 10 data sets, about half a minute
    python benchmarks/redundancy.py --seeds 3 --out results.json
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd

from causalimg.atomic import write_text
from causalimg.datasets.near_copies import near_copies
from causalimg.discovery.boss import BOSS
from causalimg.discovery.cluster_moments import cluster_moments
from causalimg.discovery.cluster_stability import take_apart
from causalimg.discovery.ges import GES
from causalimg.discovery.lingam import DirectLiNGAM
from causalimg.discovery.pc import PC
from causalimg.discovery.redundancy import RedundancyFilter
from causalimg.graph.core import CausalGraph

LINKS = 18
METHODS: dict[str, Any] = {
    "PC, alpha 0.01": PC(alpha=0.01),
    "PC, alpha 0.3": PC(alpha=0.3),
    "GES, penalty discount 2": GES(penalty_discount=2),
    "BOSS, penalty discount 2": BOSS(penalty_discount=2, random_state=0),
    "DirectLiNGAM, alpha 0.001": DirectLiNGAM(alpha=0.001),
}
Links = set[frozenset[str]]


def links(graph: CausalGraph) -> Links:
    frame = graph.to_frame()
    pairs = zip(frame["source"].str[:3], frame["target"].str[:3], strict=True)
    return {frozenset(pair) for pair in pairs if pair[0] != pair[1]}


def inputs(seed: int) -> tuple[dict[str, Any], Links, dict[str, int]]:
    simulated = near_copies(n_links=LINKS, random_state=seed)
    copies, true = simulated.table, links(simulated.graph)
    tables: dict[str, Any] = {"latent nodes": simulated.latent, "all columns": copies}
    plain = RedundancyFilter(threshold=0.85, method="pearson", linkage="average").fit(copies)
    apart, _ = take_apart(plain, copies, n_bootstrap=30)
    for label, summary in (("representatives", "member"), ("means", "mean")):
        for found, how in ((plain, ", as clustered"), (apart, "")):
            tables[label + how] = found.set_params(summary=summary).transform(copies)
    tables["cluster moments"] = cluster_moments(apart, copies)
    mixed = sum(len({m[:3] for m in group}) > 1 for group in apart.clusters_.values())
    sizes = {"clusters": len(plain.kept_), "taken apart": len(apart.kept_), "mixed": mixed}
    return tables, true, sizes


def main() -> None:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n")[0],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/redundancy.json"))
    args = parser.parse_args()
    rows = []
    for seed in range(args.seeds):
        tables, true, sizes = inputs(seed)
        print(f"data set {seed}: {sizes}", flush=True)
        for table, data in tables.items():
            for method, model in METHODS.items():
                if table == "cluster moments" and isinstance(model, DirectLiNGAM):
                    continue  # needs rows
                if table == "all columns" and not isinstance(model, PC):
                    continue
                found = links(model.fit(data).graph_)
                rows.append(
                    {"seed": seed, "table": table, "method": method, **sizes,
                     "found": len(found & true), "false": len(found - true)}
                )  # fmt: skip
    frame = pd.DataFrame(rows)
    shown = frame.groupby(["table", "method"], sort=False).agg(
        least=("found", "min"), most=("found", "max"), false=("false", "mean")
    )
    print(f"links found of {LINKS}, {args.seeds} data sets")
    print(shown.round(1).to_string())
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_text(args.out, json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
