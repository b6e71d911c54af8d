"""CPU seconds for the effects of one treatment on a thousand outcomes, beside other libraries.

Every figure is the best of a few runs in one process, user and system time, one BLAS thread. Other
libraries are run on what they can do and the time is scaled to all outcomes where it says so.

    python benchmarks/effects.py                # ours
    python benchmarks/effects.py --peers        # econml's matrix call and dowhy, too
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from causalimg.effects import AIPW, DML, IPW, TMLE, EntropyBalance, GComputation, Matching
from causalimg.effects.evalue import e_values
from causalimg.effects.refute import placebo_treatment, random_common_cause, random_subset
from causalimg.effects.sensitivity import robustness
from causalimg.effects.simultaneous import simultaneous

COVARIATES = [f"x{k}" for k in range(10)]


def table(n: int, outcomes: int, seed: int = 0) -> tuple[pd.DataFrame, list[str]]:
    """Simulate one table."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 10))
    b = rng.random(n) < 1 / (1 + np.exp(-0.8 * x[:, 0]))
    y = x @ rng.normal(size=(10, outcomes)) + 0.5 * b[:, None] + rng.normal(size=(n, outcomes))
    names = [f"f{k}" for k in range(outcomes)]
    frame = pd.DataFrame(np.hstack([x, y]), columns=[*COVARIATES, *names])
    frame["scanner"] = np.where(b, "B", "A")
    return frame, names


def best(run: Callable[[], Any], repeats: int) -> float:
    """Return the least CPU time of a few runs."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
    return min(taken)


def ours(frame: pd.DataFrame, names: list[str], repeats: int) -> dict[str, float]:
    """Time our estimators and what belongs to them."""

    def fit(estimator: type = AIPW, **more: Any) -> Any:
        return estimator(treatment="scanner", adjustment=COVARIATES, **more).fit(frame, names)

    def everything() -> None:
        fitted = fit()
        simultaneous(fitted)

    one = fit()
    found = {
        "AIPW, intervals, FDR, diagnostics": best(fit, repeats),
        "the same and simultaneous bands": best(everything, repeats),
        "g-computation": best(lambda: fit(GComputation), repeats),
        "IPW": best(lambda: fit(IPW), repeats),
        "AIPW, ato": best(lambda: fit(AIPW, estimand="ato"), repeats),
        "DML": best(lambda: fit(DML), repeats),
        "TMLE": best(lambda: fit(TMLE), repeats),
        "entropy balance": best(lambda: fit(EntropyBalance), repeats),
        "matching": best(lambda: fit(Matching), repeats),
        "100 placebo refits": best(lambda: placebo_treatment(one, n_refits=100), 1),
        "20 random common causes": best(lambda: random_common_cause(one), 1),
        "50 subsets": best(lambda: random_subset(one), 1),
        "200 bootstrap refits, with the fit": best(lambda: fit(bootstrap=200), 1),
        "E-values": best(lambda: e_values(one), repeats),
        "robustness values, 10 benchmarks": best(
            lambda: robustness(one, benchmark=COVARIATES), repeats
        ),
    }
    return found


def econml_matrix(frame: pd.DataFrame, names: list[str], repeats: int) -> float:
    """Time econml's LinearDML on all outcomes in one call, linear nuisances, with intervals."""
    from econml.dml import LinearDML
    from sklearn.linear_model import LinearRegression, LogisticRegression

    y = frame[names].to_numpy()
    t = (frame["scanner"] == "B").astype(int).to_numpy()
    w = frame[COVARIATES].to_numpy()

    def run() -> None:
        model = LinearDML(
            model_y=LinearRegression(),
            model_t=LogisticRegression(C=1e3),
            discrete_treatment=True,
            random_state=0,
        )
        model.fit(y, t, W=w)
        model.effect_interval(alpha=0.05)

    return best(run, repeats)


def dowhy_weighting(frame: pd.DataFrame, names: list[str]) -> float:
    """Time dowhy's propensity weighting, point estimates only, per outcome."""
    from dowhy import CausalModel

    data = frame[[*COVARIATES, *names[:5]]].assign(t=(frame["scanner"] == "B"))

    def run() -> None:
        for name in names[:5]:
            model = CausalModel(data, "t", name, common_causes=COVARIATES)
            estimand = model.identify_effect(proceed_when_unidentifiable=True)
            model.estimate_effect(estimand, method_name="backdoor.propensity_score_weighting")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run()
        return best(run, 1) / 5


def main() -> None:
    """Run, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--outcomes", type=int, default=1000)
    parser.add_argument("--large", type=int, default=20_000, help="cases of the chunked run")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/effects.json"))
    options = parser.parse_args()
    frame, names = table(options.n, options.outcomes)
    result: dict[str, Any] = {"n": options.n, "outcomes": options.outcomes, "covariates": 10}
    result["cpu_s"] = ours(frame, names, options.repeats)
    if options.peers:
        matrix = econml_matrix(frame, names, options.repeats)
        each = dowhy_weighting(frame, names)
        main_time = result["cpu_s"]["AIPW, intervals, FDR, diagnostics"]
        result["peers_cpu_s"] = {
            "econml LinearDML, one matrix call, with intervals": matrix,
            "dowhy weighting, point only, 5 outcomes scaled to all": each * options.outcomes,
        }
        result["ratio_to_ours"] = {
            name: value / main_time for name, value in result["peers_cpu_s"].items()
        }
    if options.large:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        big, big_names = table(options.large, options.outcomes, 1)
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        fit = AIPW(treatment="scanner", adjustment=COVARIATES)
        start = time.process_time()
        fit.fit(big, big_names)
        seconds = time.process_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        result["large"] = {
            "n": options.large,
            "table_mb": big.memory_usage().sum() / 2**20,
            "aipw_cpu_s": seconds,
            "bands_cpu_s": best(lambda: simultaneous(fit), 1),
            "peak_mb_before": before,
            "peak_mb_with_table": held,
            "peak_mb_after_fit": peak,
        }
    print(f"n={options.n}, 10 covariates, {options.outcomes} outcomes; CPU seconds")
    for part in ("cpu_s", "peers_cpu_s", "ratio_to_ours", "large"):
        for name, value in result.get(part, {}).items():
            print(f"{part:<16}{name:<58}{value:10.3f}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
