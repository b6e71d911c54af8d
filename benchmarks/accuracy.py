"""Which method finds the graph on which data: errors of every method and of three baselines.

Random graphs with two edges a node, 1,000 rows, the same rows for every method:

- graph ``er``: every pair is equally likely to be joined (exactly 2 d edges); ``sf``: scale-free,
  each new node joins two others with a chance proportional to their edges so far. Edges point
  along a random order of the nodes.
- data ``equal``: linear, weights uniform in +-[0.5, 2], Gaussian noise of variance 1; ``unequal``:
  the same with standard deviations uniform in [0.5, 2]; ``exponential``: those with centred
  exponential noise; ``nonlinear``: the sum of a random smooth function of each parent (a Gaussian
  process of unit variance and length scale, by 100 random Fourier features) and Gaussian noise of
  standard deviation 0.4 to 0.8.
- scale ``raw``: as simulated; ``std``: every column divided by its standard deviation.

How graphs are compared. ``shd``: pairs of nodes whose edge differs between the equivalence class of
the estimate and that of the truth; a DAG is turned into its CPDAG first, so a method that
orients everything and one that orients what the independences tell are held to the same thing.
``skeleton_precision/recall``: joined pairs, whatever their direction. ``arrow_precision``: share of
the arrows in the output, as it is, that are arrows of the true DAG; ``arrow_recall``: share of
the arrows of the true DAG that are in the output, so that leaving edges open costs recall and
guessing costs precision. ``sid_low/high``: structural intervention distance, bounds over the DAGs
of a CPDAG (20 nodes only). A PAG (FCI) has no CPDAG: its distance is left out. All methods take
the columns as they come (``standardize=False``), with their default settings otherwise.

    python benchmarks/accuracy.py --sizes 20 --graphs er      # what is in the JSON is not run again
    python benchmarks/accuracy.py --sizes 20 --graphs sf
    python benchmarks/accuracy.py --sizes 50
    python benchmarks/accuracy.py --sizes 100
    python benchmarks/accuracy.py --sizes 20 --methods notears_mlp --seeds 1
    python benchmarks/accuracy.py --markdown docs/tables/discovery_accuracy.md   # runs nothing
"""

from __future__ import annotations

import argparse
import json
import os
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
from accuracy_table import markdown

from causalimg.discovery.baselines import MinPivot, SortnRegress
from causalimg.discovery.boss import BOSS
from causalimg.discovery.fci import FCI
from causalimg.discovery.ges import GES
from causalimg.discovery.golem import GOLEM
from causalimg.discovery.ica_lingam import ICALiNGAM
from causalimg.discovery.lingam import DirectLiNGAM
from causalimg.discovery.notears import NOTEARS
from causalimg.discovery.notears_mlp import NOTEARSMLP
from causalimg.discovery.pc import PC
from causalimg.errors import CausalImgError
from causalimg.graph.core import CausalGraph, GraphKind
from causalimg.graph.metrics import compare, dag_to_cpdag, shd, sid_bounds

Float = np.ndarray[Any, np.dtype[np.float64]]
ROWS = 1000
KEYS = ("d", "graph", "data", "scale", "method", "seed")
METHODS: dict[str, Callable[[], Any]] = {
    "pc": PC,
    "ges": GES,
    "boss": lambda: BOSS(random_state=0),
    "ges_2": lambda: GES(penalty_discount=2.0),
    "boss_2": lambda: BOSS(penalty_discount=2.0, random_state=0),
    "fci": FCI,
    "direct_lingam": DirectLiNGAM,
    "ica_lingam": ICALiNGAM,
    "notears": lambda: NOTEARS(solver="order", standardize=False),
    "notears_bic": lambda: NOTEARS(solver="order", lambda1="bic", standardize=False),
    "notears_alm": lambda: NOTEARS(solver="alm", standardize=False),
    "golem": GOLEM,
    "notears_mlp": lambda: NOTEARSMLP(device="cpu"),
    "empty": lambda: None,
    "sort_variance": SortnRegress,
    "sort_r2": lambda: SortnRegress(criterion="r2"),
    "min_pivot": MinPivot,
}
LARGEST = {"fci": 20, "notears_alm": 20, "golem": 20, "notears_mlp": 20}
CELLS = [
    (data, scale)
    for data in ("equal", "unequal", "exponential", "nonlinear")
    for scale in ("raw", "std")
]
SEEDS = {20: 5, 50: 2, 100: 2}


def edges_of(graph: str, d: int, rng: np.random.Generator) -> Float:
    """Draw the edges of a DAG, shape (d, d); node k comes before node k + 1."""
    edges = np.zeros((d, d), dtype=bool)
    if graph == "er":
        pairs = np.argwhere(np.triu(np.ones((d, d), dtype=bool), 1))
        drawn = pairs[rng.choice(len(pairs), size=2 * d, replace=False)]
        edges[drawn[:, 0], drawn[:, 1]] = True
        return edges
    joined = np.zeros((d, d), dtype=bool)
    joined[0, 1] = joined[1, 0] = True
    for new in range(2, d):
        degree = joined[:new, :new].sum(axis=0).astype(float)
        old = rng.choice(new, size=2, replace=False, p=degree / degree.sum())
        joined[new, old] = joined[old, new] = True
    order = rng.permutation(d)
    return np.triu(joined[np.ix_(order, order)], 1)


def smooth(x: Float, rng: np.random.Generator) -> Float:
    """Return a random smooth function of x, about a draw of a Gaussian process."""
    frequency, phase = rng.normal(size=100), rng.uniform(0, 2 * np.pi, 100)
    return np.cos(np.outer(x, frequency) + phase) @ rng.normal(size=100) * np.sqrt(2 / 100)


def simulate(
    d: int, graph: str, data: str, scale: str, seed: int
) -> tuple[pd.DataFrame, CausalGraph]:
    """Rows and the true DAG; ``scale`` changes nothing but the scale."""
    rng = np.random.default_rng([d, ["er", "sf"].index(graph), len(data), seed])
    edges = edges_of(graph, d, rng)
    weights = edges * rng.uniform(0.5, 2.0, (d, d)) * rng.choice([-1.0, 1.0], (d, d))
    spread = {"equal": (1.0, 1.0), "nonlinear": (0.4, 0.8)}.get(data, (0.5, 2.0))
    noise = rng.standard_normal((ROWS, d))
    if data == "exponential":
        noise = rng.exponential(size=(ROWS, d)) - 1
    rows = noise * rng.uniform(*spread, d)
    for k in range(d):
        for j in np.flatnonzero(edges[:, k]):
            curve = smooth(rows[:, j], rng) if data == "nonlinear" else weights[j, k] * rows[:, j]
            rows[:, k] += curve
    if scale == "std":
        rows = rows / rows.std(axis=0)
    place = rng.permutation(d)
    names = [f"v{k:03d}" for k in range(d)]
    truth = CausalGraph.from_directed(names, edges[np.ix_(place, place)])
    return pd.DataFrame(rows[:, place], columns=names), truth


def measure(method: str, d: int, graph: str, data: str, scale: str, seed: int) -> dict[str, Any]:
    """Run one method on one table."""
    frame, truth = simulate(d, graph, data, scale, seed)
    estimator = METHODS[method]()
    start = time.process_time()
    if estimator is None:
        found = CausalGraph.from_directed(list(frame.columns), np.zeros((d, d), dtype=bool))
    else:
        found = estimator.fit(frame).graph_
    cpu = time.process_time() - start
    scores = compare(found, truth)
    out: dict[str, Any] = {
        "cpu_s": cpu,
        "edges": scores.n_edges,
        "skeleton_precision": scores.skeleton_precision,
        "skeleton_recall": scores.skeleton_recall,
        "arrow_precision": scores.orientation_precision,
        "arrow_recall": scores.orientation_recall,
    }
    if found.kind is not GraphKind.PAG:
        class_ = dag_to_cpdag(found) if found.kind is GraphKind.DAG else found
        out["shd"] = shd(class_, dag_to_cpdag(truth))
        if d <= 20:
            try:
                out["sid_low"], out["sid_high"] = sid_bounds(found, truth)
            except CausalImgError:  # no DAG, or too many, in what PC returned
                out["sid_low"] = out["sid_high"] = None
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[], choices=sorted(SEEDS))
    parser.add_argument("--graphs", nargs="+", default=["er", "sf"], choices=["er", "sf"])
    usual = [name for name in METHODS if name != "notears_mlp"]
    parser.add_argument("--methods", nargs="+", default=usual, choices=list(METHODS))
    parser.add_argument("--data", nargs="+", default=[], help="only these kinds of data")
    parser.add_argument("--scales", nargs="+", default=["raw", "std"], choices=["raw", "std"])
    parser.add_argument("--seeds", type=int, default=0, help="default 5, 2, 2 by size")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/accuracy.json"))
    parser.add_argument("--again", action="store_true", help="run what the JSON has already, too")
    parser.add_argument("--markdown", type=Path, help="write the tables of all runs so far")
    chosen = parser.parse_args()
    kept: dict[tuple[Any, ...], dict[str, Any]] = {}
    if chosen.out.exists():
        for row in json.loads(chosen.out.read_text()):
            if "error" not in row:
                kept[tuple(row[key] for key in KEYS)] = row
    if chosen.sizes:
        small, _ = simulate(20, "er", "equal", "raw", 99)  # compiles; not counted
        for name in chosen.methods:
            if (estimator := METHODS[name]()) is not None and name != "notears_mlp":
                estimator.fit(small.iloc[:, :5])
    for d in chosen.sizes:
        for graph in chosen.graphs:
            for data, scale in CELLS:
                if (chosen.data and data not in chosen.data) or scale not in chosen.scales:
                    continue
                for seed in range(chosen.seeds or SEEDS[d]):
                    for name in chosen.methods:
                        if d > LARGEST.get(name, d):
                            continue
                        case = dict(zip(KEYS, (d, graph, data, scale, name, seed), strict=True))
                        if tuple(case.values()) in kept and not chosen.again:
                            continue
                        try:
                            got = measure(name, d, graph, data, scale, seed)
                        except CausalImgError as error:
                            got = {"error": str(error)[:200]}
                        kept[tuple(case.values())] = {**case, **got}
                    chosen.out.parent.mkdir(parents=True, exist_ok=True)
                    chosen.out.write_text(json.dumps(list(kept.values())) + "\n")
    runs = pd.DataFrame(list(kept.values()))
    keys = [key for key in KEYS if key != "seed"]
    table = runs.groupby(keys, sort=False).mean(numeric_only=True).drop(columns="seed")
    table.insert(0, "seeds", runs.groupby(keys, sort=False)["seed"].nunique())
    print(table.round(2).to_string())
    if chosen.markdown:
        chosen.markdown.parent.mkdir(parents=True, exist_ok=True)
        chosen.markdown.write_text(markdown(runs))


if __name__ == "__main__":
    main()
