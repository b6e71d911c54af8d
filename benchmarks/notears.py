"""NOTEARS against the published algorithm and the baselines: CPU seconds, errors, objective.

The peer ``original`` is a reference implementation of the published algorithm, written here from
the paper (Zheng et al. 2018, doi:10.48550/arXiv.1803.01422): least squares on the rows, the
matrix-exponential constraint, L1 by splitting into positive and negative parts, scipy's
L-BFGS-B inside an augmented Lagrangian with rho raised tenfold until h <= 1e-8, and the fixed
threshold. ``dagma`` is run if that package can be imported. Every method gets the same rows, one
thread, and process time. The objective is that of exactly acyclic weights for every method: the
weights are cut to the first acyclic graph, and each node's lasso is solved exactly for its order.

The baselines ``min_pivot`` and ``sortnregress`` belong in every row: data of equal noise variances
are easy for the right rule, and on standardised columns no least-squares method beats the empty
graph (``edges`` says how many errors that makes).

    python benchmarks/notears.py                                  # a few minutes
    python benchmarks/notears.py --sizes 20 50 100 --seeds 10 --peers-to 100     # hours
    python benchmarks/notears.py --sizes 200 1000 --methods order min_pivot --seeds 3
"""

from __future__ import annotations

import argparse
import contextlib
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

from causalimg.discovery.baselines import MinPivot, SortnRegress
from causalimg.discovery.notears import NOTEARS
from causalimg.discovery.orders import OrderProblem, order_of, polish

SCENARIOS = ("equal", "unequal", "standardised", "exponential")
PEERS = ("original", "dagma")
METHODS = (
    *PEERS, "alm", "best", "order", "order_plain", "order_bic", "min_pivot", "sortnregress",
)  # fmt: skip
LAMBDA1, THRESHOLD = 0.1, 0.3


def simulate(d: int, degree: int, seed: int, n: int, scenario: str) -> tuple[Any, Any]:
    """Rows and weights of a random linear model with ``degree`` edges a node."""
    rng = np.random.default_rng([seed, d, degree])
    edges = np.triu(rng.random((d, d)) < min(1.0, 2 * degree / (d - 1)), 1)
    weights = edges * rng.uniform(0.5, 2.0, (d, d)) * rng.choice([-1.0, 1.0], (d, d))
    order = rng.permutation(d)
    weights = weights[np.ix_(order, order)]
    unequal = scenario in ("unequal", "exponential")
    sd = np.sqrt(rng.uniform(0.5, 2.0, d)) if unequal else np.ones(d)
    draw = rng.exponential if scenario == "exponential" else rng.standard_normal
    rows = (draw(size=(n, d)) * sd) @ np.linalg.inv(np.eye(d) - weights)
    rows = rows - rows.mean(axis=0)
    if scenario in ("standardised", "exponential"):
        rows = rows / rows.std(axis=0)
    return rows, weights


def original(rows: Any) -> Any:
    """The published algorithm; weights before the threshold."""
    from scipy.linalg import expm
    from scipy.optimize import minimize

    n, d = rows.shape

    def unsplit(x: Any) -> Any:
        return (x[: d * d] - x[d * d :]).reshape(d, d)

    def constraint(weights: Any) -> tuple[float, Any]:
        power = expm(weights * weights)
        return float(np.trace(power)) - d, power.T * weights * 2

    def value(x: Any, rho: float, alpha: float) -> tuple[float, Any]:
        weights = unsplit(x)
        residual = rows - rows @ weights
        h, slope_h = constraint(weights)
        smooth = -rows.T @ residual / n + (rho * h + alpha) * slope_h
        objective = 0.5 / n * (residual**2).sum() + 0.5 * rho * h * h + alpha * h
        slope = np.concatenate([smooth + LAMBDA1, -smooth + LAMBDA1], axis=None)
        return objective + LAMBDA1 * x.sum(), slope

    bounds = [(0, 0) if i == j else (0, None) for _ in range(2) for i in range(d) for j in range(d)]
    x, rho, alpha, h = np.zeros(2 * d * d), 1.0, 0.0, np.inf
    for _ in range(100):
        while rho < 1e16:
            new = minimize(value, x, args=(rho, alpha), method="L-BFGS-B", jac=True, bounds=bounds)
            h_new = constraint(unsplit(new.x))[0]
            if h_new <= 0.25 * h:
                break
            rho *= 10
        x, h = new.x, h_new
        alpha += rho * h
        if h <= 1e-8 or rho >= 1e16:
            break
    return unsplit(x)


def dagma(rows: Any) -> Any:
    """The package dagma, its settings otherwise as given; lambda1 of 0.05 as in its paper."""
    from dagma.linear import DagmaLinear

    model = DagmaLinear(loss_type="l2")
    with open(os.devnull, "w") as quiet, contextlib.redirect_stderr(quiet):
        return model.fit(rows.copy(), lambda1=LAMBDA1 / 2, w_threshold=0.0)


def ours(make: Callable[[], Any], *, polished_anew: bool = False) -> Callable[[Any], Any]:
    """Fit one of our estimators; ``polished_anew``: its objective has another penalty."""

    def run(rows: Any) -> Any:
        names = [f"v{k:05d}" for k in range(rows.shape[1])]
        model = make().fit(pd.DataFrame(rows, columns=names))
        weights = model.graph_.weights
        return weights if polished_anew else (weights, model.stats_.get("objective"))

    return run


def methods(seed: int) -> dict[str, Callable[[Any], Any]]:
    """Every method under its name."""
    shared = {"lambda1": LAMBDA1, "threshold": THRESHOLD, "standardize": False}
    own = {**shared, "random_state": seed, "device": "cpu"}
    return {
        "original": original,
        "dagma": dagma,
        "alm": ours(lambda: NOTEARS(solver="alm", **own)),
        "best": ours(lambda: NOTEARS(solver="best", **own)),
        "order": ours(lambda: NOTEARS(solver="order", **own)),
        "order_plain": ours(lambda: NOTEARS(solver="order", n_starts=1, refine=False, **own)),
        "order_bic": ours(
            lambda: NOTEARS(solver="order", **{**own, "lambda1": "bic"}), polished_anew=True
        ),
        "min_pivot": ours(lambda: MinPivot(**shared)),
        "sortnregress": ours(SortnRegress),
    }


def errors(weights: Any, truth: Any) -> int:
    """Structural Hamming distance of the thresholded weights."""
    differs = (np.abs(weights) > THRESHOLD) != (truth != 0)
    return int(np.triu(differs | differs.T, 1).sum())


def polished(rows: Any, weights: Any) -> float:
    """Objective of the exact lassos in the order of the weights."""
    none = np.zeros((rows.shape[1],) * 2, dtype=bool)
    problem = OrderProblem.of(rows.T @ rows / len(rows), LAMBDA1, none, none, none)
    return polish(problem, order_of(weights, none)[0], refine=False).objective


def measure(run: Callable[[Any], Any], rows: Any, truth: Any) -> dict[str, Any]:
    """Run one method once."""
    start = time.process_time()
    found = run(rows)
    cpu = time.process_time() - start
    weights, objective = found if isinstance(found, tuple) else (found, None)
    if objective is None:
        objective = polished(rows, weights)
    return {"cpu_s": cpu, "shd": errors(weights, truth), "objective": objective}


def above(frame: pd.DataFrame, keys: list[str]) -> None:
    """Say how often our objective is above a peer's, and by how much at worst."""
    wide = frame.pivot_table(
        index=[*keys, "seed"], columns="method", values="objective", sort=False
    )
    rows = []
    for peer in PEERS:
        for name in ("order", "best", "alm"):
            if peer not in wide or name not in wide:
                continue
            share = ((wide[name] - wide[peer]) / wide[peer]).dropna()
            for at, part in share.groupby(level=keys, sort=False):
                rows.append(
                    {
                        **dict(zip(keys, at, strict=True)), "peer": peer, "ours": name,
                        "seeds": len(part), "above": int((part > 1e-9).sum()),
                        "largest_share": part.max(), "mean_share": part.mean(),
                    }
                )  # fmt: skip
    if rows:
        print("objective against the peers, (ours - peer) / peer")
        print(pd.DataFrame(rows).to_string(index=False))


def main() -> None:
    """Run the grid, print one line per run and a summary, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[20, 50])
    parser.add_argument("--degrees", type=int, nargs="+", default=[2])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--scenarios", nargs="+", default=list(SCENARIOS), choices=SCENARIOS)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--rows", type=int, default=0, help="default 1000, or 4 a column from 250")
    parser.add_argument("--peers-to", type=int, default=20, help="largest size for the peers")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/notears.json"))
    options = parser.parse_args()
    chosen = list(options.methods)
    try:
        import dagma as _  # noqa: F401
    except ImportError:
        chosen = [m for m in chosen if m != "dagma"]
    warm = simulate(6, 1, 0, 100, "equal")[0]
    start = time.process_time()
    for name in chosen:
        if name not in PEERS:
            methods(0)[name](warm)
    print(f"compiling or loading the kernels: {time.process_time() - start:.1f} s CPU, not counted")
    print("scenario      degree    d  seed edges method          CPU s    SHD   objective")
    records = []
    for scenario in options.scenarios:
        for degree in options.degrees:
            for d in options.sizes:
                for seed in range(options.seeds):
                    n = options.rows or max(1000, 4 * d)
                    rows, truth = simulate(d, degree, seed, n, scenario)
                    for name in chosen:
                        if name in PEERS and d > options.peers_to:
                            continue
                        edges = int((truth != 0).sum())
                        case = {"scenario": scenario, "degree": degree, "d": d, "seed": seed}
                        got = measure(methods(seed)[name], rows, truth)
                        records.append({**case, "n": n, "edges": edges, "method": name, **got})
                        print(
                            f"{scenario:<13}{degree:>6}{d:>6}{seed:>5}{edges:>6} {name:<13}"
                            f"{got['cpu_s']:>8.3f}{got['shd']:>7}{got['objective']:>12.5f}",
                            flush=True,
                        )
    frame = pd.DataFrame(records)
    keys = ["scenario", "degree", "d"]
    above(frame, keys)
    table = frame.groupby([*keys, "method"], sort=False)[["cpu_s", "shd", "objective"]].mean()
    table["times_faster"] = np.nan
    if "original" in chosen:
        base = table["cpu_s"].xs("original", level="method")
        for at in table.index:
            if at[:-1] in base.index:
                table.loc[at, "times_faster"] = base[at[:-1]] / table.loc[at, "cpu_s"]
    print(table.round({"cpu_s": 4, "shd": 1, "objective": 4, "times_faster": 1}).to_string())
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(records, indent=1) + "\n")


if __name__ == "__main__":
    main()
