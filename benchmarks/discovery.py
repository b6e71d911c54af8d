"""Causal discovery against causal-learn: CPU seconds, errors and memory, one thread.

Linear Gaussian data of random graphs with ``degree`` edges a node: every pair of nodes is equally
likely to be joined, weights are uniform in +-[0.5, 2], noise has variance 1, 1,000 rows (seed
``1000 * s + 10 * d + degree``); DirectLiNGAM gets the same with exponential noise. Every method
gets the same rows. ``errors`` is the structural Hamming distance between equivalence classes (DAGs
for DirectLiNGAM), ``bic`` the score of the class, the truth's less ours, where it was searched for.
Compiling is not counted: each method runs on a small table first. Peak memory is that of a child
process that runs one method on one table, less that of one that only imports and simulates.

    python benchmarks/discovery.py                       # d = 20, 50; causal-learn's GES at 20 only
    python benchmarks/discovery.py --sizes 100 --slow    # all of causal-learn, many minutes
    python benchmarks/discovery.py --sizes 100 200 500 --methods ges boss pc --memory
    python benchmarks/discovery.py --agreement 50               # BIC beside causal-learn's GES
    python benchmarks/discovery.py --sizes 50 100 --methods ges boss --discount 2 --xges ./xges
    python benchmarks/discovery.py --sizes 20 --rows 1000 10000 100000 --seeds 1 --memory

``--xges`` takes the C++ program of XGES, built from its authors' repository. Its penalty is that of
``--discount 2`` by default, so compare at that; its CPU seconds include reading the table.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd

from causalimg.discovery.boss import BOSS
from causalimg.discovery.ges import GES
from causalimg.discovery.lingam import DirectLiNGAM
from causalimg.discovery.pc import PC
from causalimg.graph.core import CausalGraph
from causalimg.graph.metrics import dag_to_cpdag, shd
from causalimg.stats.scores import GaussianBIC
from causalimg.tables.moments import Moments

GOALS = {"pc": 20.0, "boss": 10.0, "lingam": 15.0}
PEERS = {
    "pc": "pc_causal_learn",
    "ges": "ges_causal_learn",
    "boss": "boss_causal_learn",
    "lingam": "lingam_causal_learn",
}
LIMITS = {
    "pc_causal_learn": 100,
    "ges_causal_learn": 20,
    "boss_causal_learn": 50,
    "lingam_causal_learn": 50,
}


def simulate(d: int, degree: int, seed: int, n: int, noise: str) -> tuple[pd.DataFrame, Any]:
    """Rows and weights of a random linear model."""
    rng = np.random.default_rng(1000 * seed + 10 * d + degree)
    pairs = np.argwhere(np.triu(np.ones((d, d), dtype=bool), 1))
    drawn = pairs[rng.choice(len(pairs), size=min(degree * d, len(pairs)), replace=False)]
    weights = np.zeros((d, d))
    size = rng.uniform(0.5, 2.0, len(drawn)) * rng.choice([-1.0, 1.0], len(drawn))
    weights[drawn[:, 0], drawn[:, 1]] = size
    order = rng.permutation(d)
    weights = weights[np.ix_(order, order)]
    draw = rng.exponential if noise == "exponential" else rng.standard_normal
    rows = draw(size=(n, d)) @ np.linalg.inv(np.eye(d) - weights)
    return pd.DataFrame(rows, columns=[f"v{k:05d}" for k in range(d)]), weights


def methods(seed: int, discount: float) -> dict[str, Callable[[], Any]]:
    """Every method under its name."""
    shared: dict[str, Any] = {"penalty_discount": discount}
    cl: dict[str, Any] = {"engine": "causal-learn"}
    return {
        "pc": lambda: PC(alpha=0.01, collider_rule="standard"),
        "pc_causal_learn": lambda: PC(alpha=0.01, collider_rule="standard", **cl),
        "ges": lambda: GES(**shared),
        "ges_plain": lambda: GES(extended=False, **shared),
        "ges_causal_learn": lambda: GES(**shared, **cl),
        "boss": lambda: BOSS(random_state=seed, **shared),
        "boss_causal_learn": lambda: BOSS(**shared, **cl),
        "lingam": lambda: DirectLiNGAM(),
        "lingam_causal_learn": lambda: DirectLiNGAM(**cl),
    }


def noise_of(method: str) -> str:
    """The noise a method is tested on."""
    return "exponential" if method.startswith("lingam") else "normal"


def measure(method: str, d: int, degree: int, seed: int, n: int, discount: float) -> dict[str, Any]:
    """Run one method on one table."""
    frame, weights = simulate(d, degree, seed, n, noise_of(method))
    estimator = methods(seed, discount)[method]()
    start = time.process_time()
    estimator.fit(frame)
    cpu = time.process_time() - start
    truth = CausalGraph.from_directed(list(frame.columns), weights != 0)
    if not method.startswith("lingam"):
        truth = dag_to_cpdag(truth)
    out: dict[str, Any] = {"cpu_s": cpu, "errors": shd(estimator.graph_, truth)}
    if "score" in estimator.stats_:
        score = GaussianBIC(Moments.from_frame(frame), penalty_discount=discount)
        real = CausalGraph.from_directed(list(frame.columns), weights != 0)
        out["bic_below_truth"] = score.total(real) - estimator.stats_["score"]
    return out


def run_xges(program: Path, d: int, degree: int, seed: int, n: int) -> dict[str, Any]:
    """Run the authors' program on one table; CPU seconds of the child."""
    frame, weights = simulate(d, degree, seed, n, "normal")
    with tempfile.TemporaryDirectory() as folder:
        table, out = Path(folder) / "table.npy", Path(folder) / "graph.csv"
        np.save(table, np.ascontiguousarray(frame.to_numpy()))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [program.resolve(), "--input", table, "--output", out, "--stats", f"{out}.stats"],
            check=True, capture_output=True, cwd=folder,
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        follows = np.genfromtxt(out, delimiter=",")[-d:, -d:] != 0
    names = list(frame.columns)
    found = CausalGraph.from_directed(names, follows, kind="cpdag")
    truth = dag_to_cpdag(CausalGraph.from_directed(names, weights != 0))
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_s": cpu, "errors": shd(found, truth)}


def peak_mb(method: str, d: int, degree: int, n: int, discount: float) -> float:
    """Peak resident memory of a child process [MB], on Linux."""
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import discovery as b\n"
        f"frame, _ = b.simulate({d}, {degree}, 0, {n}, b.noise_of({method!r}))\n"
        f"found = b.methods(0, {discount}).get({method!r})\n"
        "found().fit(frame) if found else None\n"
        # VmHWM, since ru_maxrss of a child starts at that of its parent
        "print(*[s.split()[1] for s in open('/proc/self/status') if s.startswith('VmHWM')])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(out.stdout.split()[-1]) / 1024


def agreement(problems: int) -> None:
    """Print how the BIC of GES compares with causal-learn's on small problems."""
    rng = np.random.default_rng(0)
    worse, better = 0, 0
    for k in range(problems):
        d, degree = int(rng.integers(8, 13)), int(rng.integers(1, 3))
        frame, _ = simulate(d, degree, k, 1000, "normal")
        ours = GES().fit(frame).stats_["score"]
        theirs = GES(engine="causal-learn").fit(frame).stats_["score"]
        worse += ours < theirs - 1e-6
        better += ours > theirs + 1e-6
    print(f"{problems} problems: BIC higher on {better}, lower on {worse}, else equal")


def main() -> None:
    """Run the grid, print one line per run and a summary, write JSON."""
    names = list(methods(0, 1.0))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[20, 50])
    parser.add_argument("--degrees", type=int, nargs="+", default=[2])
    parser.add_argument("--rows", type=int, nargs="+", default=[1000])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", nargs="+", default=names, choices=names)
    parser.add_argument("--discount", type=float, default=1.0, help="penalty discount of the BIC")
    parser.add_argument("--slow", action="store_true", help="causal-learn at every size")
    parser.add_argument("--memory", action="store_true", help="peak memory of each method too")
    parser.add_argument("--agreement", type=int, default=0, metavar="PROBLEMS")
    parser.add_argument("--xges", type=Path, metavar="PROGRAM", help="run XGES in C++ beside")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/discovery.json"))
    options = parser.parse_args()
    if options.agreement:
        agreement(options.agreement)
        return
    for name in options.methods:
        methods(0, 1.0)[name]().fit(simulate(6, 1, 0, 100, noise_of(name))[0])
    print(
        f"memory after imports: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"
    )
    print("degree    d      n  seed method                 CPU s  errors   BIC below truth")
    records = []
    for degree in options.degrees:
        for d in options.sizes:
            for n in options.rows:
                for seed in range(options.seeds):
                    for name in [*options.methods, *(["xges"] if options.xges else [])]:
                        if not options.slow and d > LIMITS.get(name, d):
                            continue
                        if name == "xges":
                            got = run_xges(options.xges, d, degree, seed, n)
                        else:
                            got = measure(name, d, degree, seed, n, options.discount)
                        case = {"degree": degree, "d": d, "n": n, "seed": seed, "method": name}
                        records.append({**case, **got})
                        print(
                            f"{degree:>6}{d:>5}{n:>7}{seed:>6} {name:<20}{got['cpu_s']:>8.3f}"
                            f"{got['errors']:>8}{got.get('bic_below_truth', np.nan):>12.2f}",
                            flush=True,
                        )
    frame = pd.DataFrame(records)
    keys = ["degree", "d", "n"]
    table = frame.groupby([*keys, "method"], sort=False).agg(
        cpu_s=("cpu_s", "median"), errors=("errors", "mean")
    )
    for at in table.index:
        peer = (*at[:-1], PEERS.get(at[-1], ""))
        if peer in table.index:
            table.loc[at, "times_faster"] = table.loc[peer, "cpu_s"] / table.loc[at, "cpu_s"]
            table.loc[at, "goal"] = GOALS.get(at[-1], np.nan)
    if options.memory:
        base = {
            key: peak_mb("none", key[1], key[0], key[2], options.discount)
            for key in {a[:-1] for a in table.index}
        }
        for at in [key for key in table.index if key[-1] != "xges"]:
            peak = peak_mb(at[-1], at[1], at[0], at[2], options.discount)
            table.loc[at, "memory_mb"] = peak - base[at[:-1]]
    print(table.round({"cpu_s": 3, "errors": 1, "times_faster": 1, "memory_mb": 0}).to_string())
    options.out.parent.mkdir(parents=True, exist_ok=True)
    summary = json.loads(table.reset_index().to_json(orient="records"))
    options.out.write_text(json.dumps({"runs": records, "summary": summary}, indent=1) + "\n")


if __name__ == "__main__":
    main()
