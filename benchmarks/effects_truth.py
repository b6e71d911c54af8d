"""Bias, RMSE and coverage of every effect estimator on simulated tables with known effects.

The truth is the population's: the mean effect (ate), or that of the overlap population (ato), each
from a million simulated cases. Errors are in standard deviations of the outcome within levels.
Monte Carlo standard errors are over tables, since the outcomes of one table share its weights.

    python benchmarks/effects_truth.py                        # 60 replications, 50 outcomes
    python benchmarks/effects_truth.py --replications 300 --outcomes 500
    python benchmarks/effects_truth.py --peers                # other libraries, too (effects_peers)

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
from effects_peers import COVARIATES, PEERS

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


def judge(values: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Compare estimates and intervals, shape (n_tables, n_outcomes, 3), with the truth."""
    known = np.isfinite(values[..., 0]).all(axis=1)
    values = values[known]
    if len(values) < 2:
        return {"estimable": float(known.mean())}
    error = values[..., 0] - truth
    per_table = error.mean(axis=1)
    root = np.sqrt(len(values))
    rmse = np.sqrt((error**2).mean())
    found = {
        "replications": len(known),
        "outcomes": len(truth),
        "estimable": float(known.mean()),
        "bias": float(error.mean()),
        "bias_se": float(per_table.std(ddof=1) / root),
        "rmse": float(rmse),
        "rmse_se": float((error**2).mean(axis=1).std(ddof=1) / root / (2 * rmse)),
    }
    if np.isfinite(values).all():
        inside = ((values[..., 1] < truth) & (values[..., 2] > truth)).mean(axis=1)
        found["coverage"] = float(inside.mean())
        found["coverage_se"] = float(inside.std(ddof=1) / root)
        found["width"] = float((values[..., 2] - values[..., 1]).mean())
    return found


def row(name: str, one: dict[str, float]) -> str:
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
        f"{name:<24}{one['estimable']:<10.2f}{bias:<18}{rmse:<18}{covered:<16}"
        f"{one.get('width', np.nan):<8.3f}{size:<11}{one['cpu_s']:.4f}"
    )


def main() -> None:
    """Run, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=60)
    parser.add_argument("--outcomes", type=int, default=50)
    parser.add_argument("--n", type=int, default=500)
    parser.add_argument("--scenarios", nargs="*", default=list(SCENARIOS))
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--only", default="", help="estimators whose name contains this")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/effects_truth.json"))
    options = parser.parse_args()
    result: dict[str, Any] = {
        key: value for key, value in vars(options).items() if key not in ("out", "peers")
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    for kind in options.scenarios:
        beta, truths = world(kind, options.outcomes)
        most = (options.replications, options.outcomes)
        methods: dict[str, tuple[Fit, str, tuple[int, int]]] = {
            name: (ours(estimator, settings, kind), target, most)
            for name, (estimator, settings, target) in ESTIMATORS.items()
        }
        methods["AIPW, kernel ridge"] = (kernel_aipw(kind), "ate", (60, 50))
        if options.peers:
            methods |= PEERS
        methods = {name: one for name, one in methods.items() if options.only in name}
        collected: dict[str, list[np.ndarray]] = {name: [] for name in methods}
        seconds = dict.fromkeys(methods, 0.0)
        for seed in range(options.replications):
            frame, names = draw(kind, seed, options.n, beta)
            for name, (fit, _, (tables, outcomes)) in methods.items():
                if seed >= tables:
                    continue
                start = time.process_time()
                found = fit(frame, names[:outcomes])
                seconds[name] += time.process_time() - start
                collected[name].append(found[["estimate", "ci_low", "ci_high"]].to_numpy(float))
        print(f"\n{kind}: n={options.n}, {options.outcomes} outcomes,"
              f" {options.replications} replications; true ate {truths['ate'][0]:.3f},"
              f" ato {truths['ato'][0]:.3f}")  # fmt: skip
        print(f"{'estimator':<24}{'estimable':<10}{'bias (se)':<18}{'RMSE (se)':<18}"
              f"{'coverage (se)':<16}{'width':<8}{'tables x':<11}CPU s/fit")  # fmt: skip
        result[kind] = {}
        for name, (_, target, _) in methods.items():
            values = np.array(collected[name])
            one = judge(values, truths[target][: values.shape[1]])
            one["cpu_s"] = seconds[name] / len(values)
            result[kind][name] = {"estimand": target, **one}
            print(row(name, one), flush=True)
        options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
