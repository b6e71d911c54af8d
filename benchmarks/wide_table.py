"""A wide table from end to end: redundancy, PC with tiers, bootstrap, and what stays undecided.

Simulated radiomics: latent nodes with exponential noise and a sparse graph, each with near-copies
(some of them monotone transforms), shifted by scanner and site. The stages run as a user would
run them, with a progress bar; at the end stands what could not be decided: clusters, edges,
directions. Recall and precision are those of links between blocks.

    python benchmarks/wide_table.py                     # 1,500 columns, 300 rows, 100 resamples
    python benchmarks/wide_table.py --columns 300 --resamples 20
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd
from joblib.externals.loky import get_reusable_executor

from causalimg.discovery.bootstrap import BootstrapDiscovery
from causalimg.discovery.cluster_stability import cluster_stability
from causalimg.discovery.identities import find_identities
from causalimg.discovery.pc import PC
from causalimg.discovery.redundancy import RedundancyFilter
from causalimg.graph.knowledge import Knowledge

CONTEXT = ("site", "age", "scanner")


def simulate(n_columns: int, n_rows: int, seed: int) -> tuple[pd.DataFrame, Any]:
    """The table and the links between blocks, ten columns a block."""
    rng = np.random.default_rng(seed)
    n_blocks = max(n_columns // 10, 2)
    edges = np.triu(rng.random((n_blocks, n_blocks)) < 2.5 / n_blocks, 1)
    weights = edges * rng.uniform(0.4, 0.9, edges.shape) * rng.choice([-1, 1], edges.shape)
    site = rng.choice(["north", "south", "west"], n_rows)
    age = rng.normal(60, 10, n_rows)
    odds = pd.Series(site).map({"north": 0.2, "south": 0.5, "west": 0.8}).to_numpy()
    scanner = np.where(rng.random(n_rows) < odds, "B", "A")
    noise = rng.exponential(size=(n_rows, n_blocks))
    noise += 0.8 * (rng.random(n_blocks) < 0.3) * (scanner == "B")[:, None]
    noise += 0.03 * (rng.random(n_blocks) < 0.2) * age[:, None]
    latent = noise @ np.linalg.inv(np.eye(n_blocks) - weights)
    latent = (latent - latent.mean(axis=0)) / latent.std(axis=0)
    columns = {}
    for k in range(n_columns):
        block = k % n_blocks
        copy = latent[:, block] + rng.uniform(0.1, 0.25) * rng.normal(size=n_rows)
        columns[f"b{block:03d}_{k // n_blocks:02d}"] = np.exp(0.4 * copy) if k % 3 == 0 else copy
    frame = pd.DataFrame(columns)
    frame = frame[list(rng.permutation(frame.columns))]
    return frame.assign(site=site, age=age, scanner=scanner), edges


def bar(label: str) -> Callable[[int, int], None]:
    """A progress bar on standard error."""

    def show(done: int, total: int) -> None:
        if done == total or done % max(total // 50, 1) == 0:
            filled = "#" * (30 * done // total)
            end = "\n" if done == total else ""
            sys.stderr.write(f"\r{label:24s} [{filled:30s}] {done}/{total}{end}")
            sys.stderr.flush()

    return show


def cpu() -> float:
    """CPU seconds of this process and of its finished children."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usage)


def timed(rows: list[dict[str, Any]], stage: str, work: Callable[[], Any]) -> Any:
    wall, start = time.perf_counter(), cpu()
    out = work()
    get_reusable_executor().shutdown(wait=True)  # only then do the workers' seconds count
    rows.append({"stage": stage, "wall_s": time.perf_counter() - wall, "cpu_s": cpu() - start})
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--columns", type=int, default=1500)
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--resamples", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--threshold", type=float, default=0.85)
    parser.add_argument("--alpha", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    table, edges = simulate(args.columns, args.rows, args.seed)
    features = table.drop(columns=list(CONTEXT))
    stages: list[dict[str, Any]] = []
    whole = time.perf_counter()

    identities = timed(
        stages, "identities", lambda: find_identities(features, progress=bar("identities"))
    )
    redundancy = RedundancyFilter(threshold=args.threshold, linkage="average", summary="mean")
    timed(stages, "redundancy", lambda: redundancy.fit(features))
    clusters = timed(
        stages,
        "cluster stability",
        lambda: cluster_stability(
            redundancy,
            features,
            n_bootstrap=args.resamples,
            n_jobs=args.jobs,
            progress=bar("cluster stability"),
        ),
    )
    reduced = redundancy.transform(features).assign(**table[list(CONTEXT)])
    known = Knowledge(tiers=[["site", "age"], ["scanner"], redundancy.kept_])
    boot = BootstrapDiscovery(
        PC(alpha=args.alpha, knowledge=known),
        n_bootstrap=args.resamples,
        n_jobs=args.jobs,
        random_state=0,
        progress=bar("PC, resamples"),
    )
    timed(stages, "PC and its bootstrap", lambda: boot.fit(reduced))
    total = time.perf_counter() - whole

    graph = boot.graph_
    support = boot.support_ + boot.support_.T
    inside = np.triu(np.ones(support.shape, dtype=bool), 1)
    open_edges = int((inside & (support > 0.2) & (support < 0.8)).sum())
    firm = int((inside & (support >= 0.8)).sum())
    found = {
        frozenset((a[:4], b[:4]))
        for a, b in graph.to_frame()[["source", "target"]].itertuples(index=False)
        if a not in CONTEXT and b not in CONTEXT and a[:4] != b[:4]
    }
    true = {frozenset((f"b{i:03d}", f"b{j:03d}")) for i, j in np.argwhere(edges)}
    mixed = sum(len({m[:4] for m in group}) > 1 for group in redundancy.clusters_.values())
    violations = known.violations(graph) + known.violations(boot.consensus_)
    result = {
        "columns": args.columns,
        "rows": args.rows,
        "resamples": args.resamples,
        "jobs": args.jobs,
        "wall_s": total,
        "identities": len(identities),
        "clusters": len(redundancy.kept_),
        "clusters of more than one block": mixed,
        "links found": len(found & true),
        "links true": len(true),
        "links false": len(found - true),
        "knowledge violated": len(violations),
        "undecided": {
            "clusters over-merged (reported)": len(clusters.over_merged),
            "clusters whose members come and go": len(clusters.unsure),
            "edges in every fifth to four fifths of the resamples": open_edges,
            "edges in more": firm,
            "edges of the graph without direction": int(np.triu(graph.undirected()).sum()),
            "resamples that failed": boot.stats_["n_failed"],
        },
        "stages": stages,
    }
    print(pd.DataFrame(stages).round(1).to_string(index=False))
    for name, value in result.items():
        if name == "undecided":
            print("not decided:")
            for what, count in result["undecided"].items():
                print(f"  {what}: {count}")
        elif name != "stages":
            print(f"{name}: {value:.1f}" if isinstance(value, float) else f"{name}: {value}")
    out = Path(__file__).parent / "results"
    out.mkdir(exist_ok=True)
    (out / "wide_table.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
