"""Bias, RMSE and coverage of every effect estimator on simulated tables with known effects.

The truth is the population's: the mean effect (ate), or that of the overlap population (ato), each
from a million simulated cases. Errors are in standard deviations of the outcome within levels.

    python benchmarks/effects_truth.py                        # 60 replications, 50 outcomes
    python benchmarks/effects_truth.py --replications 300 --outcomes 500
    python benchmarks/effects_truth.py --peers                # econml beside ours
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

from causalimg.effects.dml import DML
from causalimg.effects.entropy import EntropyBalance
from causalimg.effects.estimators import AIPW, IPW, DifferenceInMeans
from causalimg.effects.gcomputation import GComputation
from causalimg.effects.matching import Matching
from causalimg.effects.stratification import Stratification
from causalimg.effects.tmle import TMLE

SCENARIOS = (
    "linear", "heterogeneous", "nonlinear", "heavy_tailed", "weak_overlap", "clustered",
)  # fmt: skip
COVARIATES = [f"x{k}" for k in range(5)]

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
    rng = np.random.default_rng([seed, len(kind)])
    count = beta.shape[1]
    units = n // 4 if kind == "clustered" else n
    unit = np.arange(n) % units
    x = rng.normal(size=(units, 5))[unit]
    treated = (rng.random(units) < propensity(kind, x[:units]))[unit]
    mean = x @ beta
    if kind == "nonlinear":
        mean = mean + 0.4 * (x[:, [0]] ** 2 - 1) + 0.3 * np.sin(2 * x[:, [1]])
    if kind == "heavy_tailed":
        noise = rng.standard_t(3, size=(n, count)) / np.sqrt(3)
    else:
        noise = rng.normal(size=(n, count))
    if kind == "clustered":
        noise = 0.6 * noise + 0.8 * rng.normal(size=(units, count))[unit]
    y = mean + effects(kind, x)[:, None] * treated[:, None] + noise
    names = [f"f{k}" for k in range(count)]
    frame = pd.DataFrame(np.hstack([x, y]), columns=[*COVARIATES, *names])
    frame["scanner"] = np.where(treated, "B", "A")
    frame["patient"] = unit
    return frame, names


def ours(estimator: type, settings: dict[str, Any], kind: str) -> Callable[..., pd.DataFrame]:
    """Return a function that fits one estimator and gives the effect table's rows."""

    def fit(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
        chosen = {"treatment": "scanner", **settings}
        if estimator is not DifferenceInMeans:
            chosen["adjustment"] = COVARIATES
        if kind == "clustered":
            chosen["cluster"] = "patient"
        found: pd.DataFrame = estimator(**chosen).fit(frame, names).effects_.frame
        return found

    return fit


def econml_dml(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Fit econml's LinearDML with linear nuisances to all outcomes in one call."""
    from econml.dml import LinearDML
    from sklearn.linear_model import LinearRegression, LogisticRegression

    model = LinearDML(
        model_y=LinearRegression(),
        model_t=LogisticRegression(C=1e3),
        discrete_treatment=True,
        random_state=0,
    )
    x = frame[COVARIATES].to_numpy()
    model.fit(frame[names].to_numpy(), (frame["scanner"] == "B").astype(int).to_numpy(), W=x)
    low, high = model.effect_interval(alpha=0.05)
    return pd.DataFrame(
        {
            "estimate": np.ravel(model.effect()),
            "ci_low": np.ravel(low),
            "ci_high": np.ravel(high),
        }
    )


def main() -> None:
    """Run, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=60)
    parser.add_argument("--outcomes", type=int, default=50)
    parser.add_argument("--n", type=int, default=500)
    parser.add_argument("--scenarios", nargs="*", default=list(SCENARIOS))
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/effects_truth.json"))
    options = parser.parse_args()
    result: dict[str, Any] = {
        key: value for key, value in vars(options).items() if key not in ("out", "peers")
    }
    for kind in options.scenarios:
        beta, truths = world(kind, options.outcomes)
        methods = {
            name: (ours(estimator, settings, kind), target)
            for name, (estimator, settings, target) in ESTIMATORS.items()
        }
        if options.peers:
            methods["econml LinearDML"] = (econml_dml, "ato")
        collected: dict[str, list[np.ndarray]] = {name: [] for name in methods}
        seconds = dict.fromkeys(methods, 0.0)
        for seed in range(options.replications):
            frame, names = draw(kind, seed, options.n, beta)
            for name, (fit, _) in methods.items():
                start = time.process_time()
                found = fit(frame, names)
                seconds[name] += time.process_time() - start
                collected[name].append(found[["estimate", "ci_low", "ci_high"]].to_numpy())
        print(f"\n{kind}: n={options.n}, {options.outcomes} outcomes,"
              f" {options.replications} replications; true ate {truths['ate'][0]:.3f},"
              f" ato {truths['ato'][0]:.3f}")  # fmt: skip
        print(f"{'estimator':<22}{'estimable':<11}{'bias':<9}{'RMSE':<9}{'coverage (se)':<17}"
              f"{'width':<8}CPU s/fit")  # fmt: skip
        result[kind] = {}
        for name, (_, target) in methods.items():
            values = np.array(collected[name])
            truth = truths[target]
            known = np.isfinite(values).all(axis=(1, 2))
            values = values[known]
            if not len(values):
                print(f"{name:<22}0")
                continue
            error = values[..., 0] - truth
            inside = (values[..., 1] < truth) & (values[..., 2] > truth)
            per_table = inside.mean(axis=1)
            one = {
                "estimand": target,
                "estimable": float(known.mean()),
                "bias": float(error.mean()),
                "bias_se": float(error.mean(axis=1).std(ddof=1) / np.sqrt(len(values))),
                "rmse": float(np.sqrt((error**2).mean())),
                "coverage": float(inside.mean()),
                "coverage_se": float(per_table.std(ddof=1) / np.sqrt(len(values))),
                "width": float((values[..., 2] - values[..., 1]).mean()),
                "cpu_s": seconds[name] / options.replications,
            }
            result[kind][name] = one
            covered = f"{one['coverage']:.3f} ({one['coverage_se']:.3f})"
            print(
                f"{name:<22}{one['estimable']:<11.2f}{one['bias']:<9.4f}{one['rmse']:<9.4f}"
                f"{covered:<17}{one['width']:<8.3f}{one['cpu_s']:.4f}"
            )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
