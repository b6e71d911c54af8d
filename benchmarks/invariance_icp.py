"""Coverage of the methods for invariant predictors, and time at the size of a real study.

python benchmarks/invariance_icp.py --runs 500
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

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "invariance"))

from invariance_tables import hidden_arrays, linear_arrays, outcome_arrays

from causalimg.invariance.hidden_icp import HiddenICP
from causalimg.invariance.icp import ICP
from causalimg.invariance.nonlinear_icp import NonlinearICP
from causalimg.invariance.stable import StableFeatures

Sampled = tuple[np.ndarray, np.ndarray, np.ndarray, list[int]]


def linear(environments: int, noise: str = "normal") -> Callable[[int], Sampled]:
    """Return a sampler of random linear models with 100 rows per environment."""
    return lambda seed: linear_arrays(seed, n=100, environments=environments, noise=noise)


def outcome(family: str) -> Callable[[int], Sampled]:
    """Return a sampler of a model with two direct causes and an effect of the outcome."""
    return lambda seed: (*outcome_arrays(seed, family, n=200), [0, 1])


def hidden(environments: int) -> Callable[[int], Sampled]:
    """Return a sampler of a model with a hidden confounder of everything."""
    return lambda seed: (*hidden_arrays(seed, environments=environments)[:3], [0, 1])


def cases() -> dict[str, tuple[Callable[[int], Sampled], Any]]:
    """Return what is simulated and what is fitted to it."""
    icp: dict[str, Any] = {"environment": "site"}
    return {
        "ICP chow, 2 environments": (linear(2), ICP(**icp)),
        "ICP chow, 3 environments": (linear(3), ICP(**icp)),
        "ICP residuals, 3 environments": (linear(3), ICP(**icp, test="residuals")),
        "ICP levene, 3 environments": (linear(3), ICP(**icp, test="levene")),
        "ICP chow, t noise, 3": (linear(3, "t"), ICP(**icp)),
        "ICP levene, t noise, 3": (linear(3, "t"), ICP(**icp, test="levene")),
        "ICP binary": (outcome("binomial"), ICP(**icp)),
        "ICP count": (outcome("poisson"), ICP(**icp, family="poisson")),
        "nonlinear ICP": (outcome("smooth"), NonlinearICP(**icp)),
        "nonlinear ICP, ks": (outcome("smooth"), NonlinearICP(**icp, comparison="ks")),
        "hidden ICP, 2 environments": (hidden(2), HiddenICP(**icp)),
        "hidden ICP, 3 environments": (hidden(3), HiddenICP(**icp)),
    }


def coverage(sample: Callable[[int], Sampled], method: Any, runs: int) -> dict[str, float]:
    """Fit many simulated tables and compare with the direct causes."""
    wrong = rejected = found = causes = 0
    start = time.process_time()
    for seed in range(runs):
        x, y, codes, parents = sample(seed)
        names = [f"x{k}" for k in range(x.shape[1])]
        frame = pd.DataFrame(x, columns=names).assign(y=y, site=[f"s{c}" for c in codes])
        made = method.fit(frame, outcome="y", features=names)
        chosen, truth = set(made.predictors_.features), {names[k] for k in parents}
        wrong += not chosen <= truth
        rejected += made.model_rejected_
        found += len(chosen & truth)
        causes += len(truth)
    return {
        "subset_of_causes": 1 - wrong / runs,
        "recall": found / max(causes, 1),
        "model_rejected": rejected / runs,
        "cpu_s": time.process_time() - start,
    }


def large(n: int = 2000, p: int = 1500, sites: int = 10) -> dict[str, float]:
    """Time a stable set and the searches on 1,500 features of 2,000 patients from ten sites."""
    rng = np.random.default_rng(0)
    age = rng.normal(60, 10, n)
    code = (rng.integers(0, sites, n) + (rng.random(n) < 0.3) * (age > 60)) % sites
    x = rng.normal(size=(n, p)) + rng.normal(size=(n, 1))
    x[:, : p // 2] += 0.5 * rng.normal(size=(sites, p // 2))[code]
    y = x[:, 0] - x[:, 1] + 0.8 * x[:, 2] + rng.normal(size=n)
    x[:, 3] = y + rng.normal(size=n) + rng.normal(size=sites)[code]
    names = [f"f{k}" for k in range(p)]
    frame = pd.DataFrame(x, columns=names)
    frame = pd.concat([frame, pd.DataFrame({"age": age, "y": y})], axis=1)
    frame["site"] = [f"s{c}" for c in code]
    frame["ill"] = (y > 0).astype(float)
    stable = StableFeatures(environment="site", adjustment=["age"], margin=0.5)
    steps: dict[str, Callable[[], Any]] = {
        "stable set, bh": lambda: stable.fit(frame, features=names),
        "stable set, maxt": lambda: stable.set_params(control="maxt").fit(frame, features=names),
        "ICP, 12 of 1,500": lambda: ICP(environment="site").fit(frame, outcome="y", features=names),
        "ICP, lasso, 15 of 1,500": lambda: ICP(
            environment="site", screening="lasso", max_features=15
        ).fit(frame, outcome="y", features=names),
        "ICP, binary, 10 of 1,500": lambda: ICP(environment="site", max_features=10).fit(
            frame, outcome="ill", features=names
        ),
        "hidden ICP, 12 of 1,500": lambda: HiddenICP(environment="site").fit(
            frame, outcome="y", features=names
        ),
    }
    seconds = {}
    for name, step in steps.items():
        start = time.process_time()
        step()
        seconds[name] = time.process_time() - start
        print(f"{name:<32}{seconds[name]:.1f} CPU s", flush=True)
    return seconds


def main() -> None:
    """Run, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/invariance_icp.json"))
    options = parser.parse_args()
    result: dict[str, Any] = {"runs": options.runs}
    if options.runs:
        print(f"{'method':<32}{'within causes':<15}{'recall':<8}{'rejected':<10}CPU s")
    for name, (sample, method) in cases().items():
        if not options.runs or options.only not in name:
            continue
        one = coverage(sample, method, options.runs)
        result[name] = one
        print(
            f"{name:<32}{one['subset_of_causes']:<15.3f}{one['recall']:<8.2f}"
            f"{one['model_rejected']:<10.3f}{one['cpu_s']:.1f}",
            flush=True,
        )
    result["large"] = large()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
