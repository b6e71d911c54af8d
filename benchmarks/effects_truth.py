"""Bias, RMSE and coverage of every effect estimator on simulated tables with known effects.

The truth is the population's: the mean effect (ate), or that of the overlap population (ato), each
from a million simulated cases. Errors are in standard deviations of the outcome within levels.
Monte Carlo standard errors are over tables, since the outcomes of one table share its weights.

    python benchmarks/effects_truth.py                        # 60 replications, 50 outcomes
    python benchmarks/effects_truth.py --replications 300 --outcomes 500
    python benchmarks/effects_truth.py --peers                # other libraries, too (effects_peers)

What is in ``--out`` already is kept and gone on from, so that a long run can be made in pieces;
`effects_truth_table` makes a Markdown table of such files.

Scenarios: ``linear``; ``heterogeneous`` effects; ``nonlinear`` outcomes (and effects that vary);
``heavy_tailed`` noise (t with 3 degrees of freedom); ``weak_overlap`` (propensities below 1 %
for 4 % of the cases); ``clustered`` (four lesions each of 125 patients, treatment of patients);
``few_clusters`` (20 sites of 25 cases, treatment of sites by their mean covariate).
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from effects_peers import COVARIATES, FEW, PEERS

from causalimg.atomic import write_text
from causalimg.effects.dml import DML
from causalimg.effects.entropy import EntropyBalance
from causalimg.effects.estimators import AIPW, IPW, DifferenceInMeans
from causalimg.effects.gcomputation import GComputation
from causalimg.effects.matching import Matching
from causalimg.effects.stratification import Stratification
from causalimg.effects.tmle import TMLE

SCENARIOS = (
    "linear", "heterogeneous", "nonlinear", "heavy_tailed", "weak_overlap", "clustered",
    "few_clusters",
)  # fmt: skip
CLUSTERS = {"clustered": 125, "few_clusters": 20}
BESIDE = ("regression, parallel", "IPW", "AIPW", "AIPW, ato", "DML")
Fit = Callable[[pd.DataFrame, list[str]], pd.DataFrame]

ESTIMATORS: dict[str, tuple[type, dict[str, Any], str]] = {
    "difference in means": (DifferenceInMeans, {}, "ate"),
    "g-computation": (GComputation, {}, "ate"),
    "regression, parallel": (GComputation, {"interactions": ()}, "ato"),
    "IPW": (IPW, {}, "ate"),
    "AIPW": (AIPW, {}, "ate"),
    "AIPW, splines": (AIPW, {"splines": 3}, "ate"),
    "TMLE": (TMLE, {}, "ate"),
    "entropy balance": (EntropyBalance, {}, "ate"),
    "matching": (Matching, {}, "ate"),
    "stratification": (Stratification, {}, "ate"),
    "IPW, ato": (IPW, {"estimand": "ato"}, "ato"),
    "AIPW, ato": (AIPW, {"estimand": "ato"}, "ato"),
    "TMLE, ato": (TMLE, {"estimand": "ato"}, "ato"),
    "DML": (DML, {}, "ato"),
}


def world(kind: str, outcomes: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the outcomes' slopes and the true effects, shape (n_outcomes,)."""
    rng = np.random.default_rng(7)
    beta = rng.normal(size=(5, outcomes)) * 0.5
    x = rng.normal(size=(1_000_000, 5))
    share = propensity(kind, x)
    effect = effects(kind, x)
    h = share * (1 - share)
    return beta, {
        "ate": np.full(outcomes, effect.mean()),
        "ato": np.full(outcomes, (h * effect).sum() / h.sum()),
    }


def propensity(kind: str, x: np.ndarray) -> np.ndarray:
    """Return the probability of treatment."""
    strength = 2.2 if kind == "weak_overlap" else 0.8
    return 1 / (1 + np.exp(-(strength * x[:, 0] + 0.4 * x[:, 1])))


def effects(kind: str, x: np.ndarray) -> np.ndarray:
    """Return every case's effect."""
    varies = kind in ("heterogeneous", "nonlinear", "weak_overlap")
    return 0.5 + (0.5 * x[:, 0] if varies else 0.0 * x[:, 0])


def draw(kind: str, seed: int, n: int, beta: np.ndarray) -> tuple[pd.DataFrame, list[str]]:
    """Simulate one table."""
    rng = np.random.default_rng([seed, SCENARIOS.index(kind)])
    count = beta.shape[1]
    units = CLUSTERS.get(kind, n)
    unit = np.arange(n) % units
    x = rng.normal(size=(units, 5))[unit]
    if kind == "few_clusters":
        # a third of the covariates' variance lies between sites; the site's mean decides
        site = x
        x = np.sqrt(1 / 3) * site + np.sqrt(2 / 3) * rng.normal(size=(n, 5))
        treated = np.zeros(units, dtype=bool)
        while not 5 <= treated.sum() <= units - 5:
            treated = rng.random(units) < propensity(kind, site[:units])
    else:
        treated = rng.random(units) < propensity(kind, x[:units])
    treated = treated[unit]
    mean = x @ beta
    if kind == "nonlinear":
        mean = mean + 0.4 * (x[:, [0]] ** 2 - 1) + 0.3 * np.sin(2 * x[:, [1]])
    if kind == "heavy_tailed":
        noise = rng.standard_t(3, size=(n, count)) / np.sqrt(3)
    else:
        noise = rng.normal(size=(n, count))
    if kind in CLUSTERS:
        within = 0.6 if kind == "clustered" else np.sqrt(0.9)
        between = np.sqrt(1 - within**2) * rng.normal(size=(units, count))
        noise = within * noise + between[unit]
    y = mean + effects(kind, x)[:, None] * treated[:, None] + noise
    names = [f"f{k}" for k in range(count)]
    frame = pd.DataFrame(np.hstack([x, y]), columns=[*COVARIATES, *names])
    frame["scanner"] = np.where(treated, "B", "A")
    frame["patient"] = unit
    return frame, names


def ours(estimator: type, settings: dict[str, Any], kind: str) -> Fit:
    """Return a function that fits one estimator and gives the effect table's rows."""

    def fit(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
        chosen = {"treatment": "scanner", **settings}
        if estimator is not DifferenceInMeans:
            chosen["adjustment"] = COVARIATES
        if kind in CLUSTERS:
            chosen["cluster"] = "patient"
        found: pd.DataFrame = estimator(**chosen).fit(frame, names).effects_.frame
        return found

    return fit


def kernel_aipw(kind: str) -> Fit:
    """Return a fit of AIPW with a cross-fitted kernel ridge regression of the outcomes."""
    from sklearn.kernel_ridge import KernelRidge

    model = KernelRidge(alpha=1.0, kernel="rbf", gamma=0.1)
    return ours(AIPW, {"outcome_model": model, "n_folds": 5}, kind)


def measured(found: pd.DataFrame, truth: float) -> dict[str, float]:
    """Return how far one table's estimates and intervals are from the truth, over its outcomes."""
    estimate, low, high = found[["estimate", "ci_low", "ci_high"]].to_numpy(float).T
    error = estimate - truth
    inside = np.where(np.isnan(low), np.nan, (low < truth) & (high > truth))
    weak = np.nan
    if "reason" in found:
        weak = float(((found["status"] == "ok") & (found["reason"] != "")).mean())
    return {
        "warned": weak,
        "error": float(error.mean()),
        "square": float((error**2).mean()),
        "inside": float(inside.mean()),
        "width": float((high - low).mean()),
    }


def judge(one: dict[str, Any]) -> dict[str, float]:
    """Summarise the measures of many tables."""
    tables = one["tables"]
    error, square, inside, width = (
        np.array(tables[name], dtype=float) for name in ("error", "square", "inside", "width")
    )
    known = np.isfinite(error)
    found = {
        "replications": len(error),
        "estimable": float(known.mean()),
        "cpu_s": one["seconds"] / len(error),
    }
    if known.sum() < 2:
        return found
    root, rmse = np.sqrt(known.sum()), np.sqrt(square[known].mean())
    warned = np.array(tables.get("warned", []), dtype=float)
    if np.isfinite(warned).any():
        found["warned"] = float(warned[known].mean())
    found["bias"] = float(error[known].mean())
    found["bias_se"] = float(error[known].std(ddof=1) / root)
    found["rmse"] = float(rmse)
    found["rmse_se"] = float(square[known].std(ddof=1) / root / (2 * rmse))
    if np.isfinite(inside[known]).all():
        found["coverage"] = float(inside[known].mean())
        found["coverage_se"] = float(inside[known].std(ddof=1) / root)
        found["width"] = float(width[known].mean())
    return found


def row(name: str, one: dict[str, Any]) -> str:
    """Return one line of the table."""
    if "bias" not in one:
        return f"{name:<24}{one['estimable']:<10.2f}"
    covered = "none"
    if "coverage" in one:
        covered = f"{one['coverage']:.3f} ({one['coverage_se']:.3f})"
    bias = f"{one['bias']:.4f} ({one['bias_se']:.4f})"
    rmse = f"{one['rmse']:.4f} ({one['rmse_se']:.4f})"
    size = f"{one['replications']} x {one['outcomes']}"
    return (
        f"{name:<24} {one['estimable']:<10.2f}{bias:<18}{rmse:<18}{covered:<16}"
        f"{one.get('width', np.nan):<8.3f}{size:<11}{one['cpu_s']:.4f}"
    )


def chosen_methods(
    kind: str, options: argparse.Namespace
) -> dict[str, tuple[Fit, str, tuple[int, int]]]:
    """Return what is asked for: name -> fit, estimand, (most tables, outcomes)."""
    most = (options.replications, options.outcomes)
    methods: dict[str, tuple[Fit, str, tuple[int, int]]] = {}
    if not options.peers_only:
        for name, (estimator, settings, target) in ESTIMATORS.items():
            methods[name] = (ours(estimator, settings, kind), target, most)
        methods["AIPW, kernel ridge"] = (kernel_aipw(kind), "ate", (60, min(50, most[1])))
    if options.peers or options.peers_only:
        for name, (fit, target, (tables, outcomes)) in PEERS.items():
            methods[name] = (fit, target, (tables, min(outcomes, most[1])))
        for name in BESIDE:
            estimator, settings, target = ESTIMATORS[name]
            again = (ours(estimator, settings, kind), target, (FEW[0], min(FEW[1], most[1])))
            methods[f"{name}, same outcomes"] = again
    return {
        name: one for name, one in methods.items() if any(part in name for part in options.only)
    }


def main() -> None:
    """Run, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=60)
    parser.add_argument("--outcomes", type=int, default=50)
    parser.add_argument("--n", type=int, default=500)
    parser.add_argument("--scenarios", nargs="*", default=list(SCENARIOS))
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--peers-only", action="store_true", help="none of ours")
    parser.add_argument("--only", nargs="*", default=[""], help="names that contain one of these")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/effects_truth.json"))
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {}
    if options.out.is_file():
        result = json.loads(options.out.read_text())
    if result.setdefault("n", options.n) != options.n:
        parser.error(f"{options.out} was made with --n {result['n']}")
    result |= {"replications": options.replications, "outcomes": options.outcomes}
    for kind in options.scenarios:
        beta, truths = world(kind, options.outcomes)
        methods = chosen_methods(kind, options)
        kept = result.setdefault(kind, {})
        for name, (_, target, (_, outcomes)) in methods.items():
            first = {key: [] for key in ("error", "square", "inside", "width", "warned")}
            kept.setdefault(
                name, {"estimand": target, "outcomes": outcomes, "seconds": 0.0, "tables": first}
            )
        for seed in range(options.replications):
            due = [
                name
                for name, (_, _, (tables, _)) in methods.items()
                if len(kept[name]["tables"]["error"]) == seed < tables
            ]
            frame, names = draw(kind, seed, options.n, beta) if due else (pd.DataFrame(), [])
            for name in due:
                fit, target, (_, outcomes) = methods[name]
                start = time.process_time()
                found = fit(frame, names[:outcomes])
                kept[name]["seconds"] += time.process_time() - start
                for key, value in measured(found, float(truths[target][0])).items():
                    if key in kept[name]["tables"]:
                        value = value if np.isfinite(value) else None
                        kept[name]["tables"][key].append(value)
            if due and (seed % 20 == 19 or seed == options.replications - 1):
                for name in due:
                    kept[name].update(judge(kept[name]))
                write_text(options.out, json.dumps(result) + "\n")
        print(f"\n{kind}: n={options.n}; true ate {truths['ate'][0]:.3f},"
              f" ato {truths['ato'][0]:.3f}")  # fmt: skip
        print(f"{'estimator':<24}{'estimable':<10}{'bias (se)':<18}{'RMSE (se)':<18}"
              f"{'coverage (se)':<16}{'width':<8}{'tables x':<11}CPU s/fit")  # fmt: skip
        for name in methods:
            print(row(name, {**kept[name], **judge(kept[name])}), flush=True)


if __name__ == "__main__":
    main()
