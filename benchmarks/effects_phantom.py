"""Bias, RMSE and coverage of every effect estimator on features of simulated scans.

A pool of patients is rendered under both scanners, so that every patient's effect on every feature
is known. A cohort draws patients from the pool with replacement and gives each a scanner anew, with
the probability that the simulated world has for the patient's site and age; the features are those
of the scan on that scanner. The truth is the mean effect over the pool (ate), or over the pool
weighted by the overlap of the true probabilities (ato). Errors are in standard deviations of the
feature under scanner A.

    python benchmarks/effects_phantom.py --pool 1000 --cohorts 200
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from effects_truth import ESTIMATORS
from invariance_phantom import ADJUSTMENT, LEVELS, pool

from causalimg.effects.estimators import DifferenceInMeans
from causalimg.imaging.phantom import OBSERVED, PhantomModel


def estimates(name: str, frame: pd.DataFrame, features: list[str]) -> np.ndarray:
    """Return estimate, lower and upper limit of every feature's effect, (n_features, 3)."""
    estimator, settings, _ = ESTIMATORS[name]
    chosen: dict[str, Any] = {"treatment": "scanner", "reference": LEVELS[0], **settings}
    if estimator is not DifferenceInMeans:
        chosen["adjustment"] = ADJUSTMENT
    found = estimator(**chosen).fit(frame, features).effects_.frame
    values: np.ndarray = found[["estimate", "ci_low", "ci_high"]].to_numpy(float)
    return values


def judge(values: np.ndarray, truth: np.ndarray, sd: np.ndarray) -> dict[str, float]:
    """Compare estimates and intervals, shape (n_cohorts, n_features, 3), with the truth."""
    known = np.isfinite(values).all(axis=(1, 2))
    values = values[known]
    error = (values[..., 0] - truth) / sd
    inside = (values[..., 1] <= truth) & (truth <= values[..., 2])
    return {
        "cohorts": int(known.sum()),
        "mean_abs_bias_sd": float(np.abs(error.mean(axis=0)).mean()),
        "largest_bias_sd": float(np.abs(error.mean(axis=0)).max()),
        "rmse_sd": float(np.sqrt((error**2).mean())),
        "coverage": float(inside.mean()),
        "coverage_se": float(inside.mean(axis=1).std(ddof=1) / np.sqrt(len(values))),
        "worst_feature": float(inside.mean(axis=0).min()),
        "width_sd": float(((values[..., 2] - values[..., 1]) / sd).mean()),
    }


def main() -> None:
    """Run, print a table, write JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pool", type=int, default=1000)
    parser.add_argument("--patients", type=int, default=500)
    parser.add_argument("--cohorts", type=int, default=200)
    parser.add_argument("--size", type=int, default=20, help="edge of the volume, voxels")
    parser.add_argument("--seed", type=int, default=4000)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--markdown", type=Path, help="write the table here, too")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/effects_phantom.json"))
    options = parser.parse_args()
    patients, values, names = pool(options)
    share = PhantomModel.of(LEVELS, size=options.size).probabilities(
        "scanner", patients["site"].tolist(), patients["age"].to_numpy()
    )[:, 1]
    overlap = share * (1 - share)
    gap = values[:, 1] - values[:, 0]
    truths = {"ate": gap.mean(axis=0), "ato": overlap @ gap / overlap.sum()}
    sd = values[:, 0].std(axis=0, ddof=1)
    used = np.flatnonzero(sd > 0)
    features = [names[k] for k in used]
    collected: dict[str, list[np.ndarray]] = {name: [] for name in ESTIMATORS}
    seconds = dict.fromkeys(ESTIMATORS, 0.0)
    for k in range(options.cohorts):
        rng = np.random.default_rng([options.seed, 1, k])
        rows = rng.integers(0, options.pool, options.patients)
        has_b = rng.random(options.patients) < share[rows]
        shown = np.where(has_b[:, None], values[rows, 1], values[rows, 0])[:, used]
        frame = patients[list(OBSERVED)].iloc[rows].reset_index(drop=True)
        frame["scanner"] = np.where(has_b, LEVELS[1], LEVELS[0])
        frame = pd.concat([frame, pd.DataFrame(shown, columns=features)], axis=1)
        for name in ESTIMATORS:
            start = time.process_time()
            collected[name].append(estimates(name, frame, features))
            seconds[name] += time.process_time() - start
    moved = int((np.abs(gap).max(axis=0) > 0)[used].sum())
    lines = [
        f"{options.cohorts} cohorts of {options.patients} patients from {options.pool};"
        f" {len(features)} features, of which the scanner moves {moved}",
        "",
        "| estimator | target | mean bias | largest bias | RMSE | coverage (MC error)"
        " | worst feature | width | CPU s |",
        "|" + " --- |" * 9,
    ]
    result: dict[str, Any] = {"options": {k: str(v) for k, v in vars(options).items()}}
    for name, (_, _, target) in ESTIMATORS.items():
        one = judge(np.array(collected[name]), truths[target][used], sd[used])
        result[name] = {"estimand": target, **one, "cpu_s": seconds[name] / options.cohorts}
        lines.append(
            f"| {name} | {target} | {one['mean_abs_bias_sd']:.4f} | {one['largest_bias_sd']:.3f}"
            f" | {one['rmse_sd']:.4f} | {one['coverage']:.3f} ({one['coverage_se']:.3f})"
            f" | {one['worst_feature']:.2f} | {one['width_sd']:.3f}"
            f" | {seconds[name] / options.cohorts:.3f} |"
        )
    print("\n".join(lines))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    if options.markdown is not None:
        title = "# Effect estimators on simulated scans, against counterfactual re-rendering\n\n"
        tail = "\n\nBias and RMSE in standard deviations of the feature under scanner A.\n"
        options.markdown.parent.mkdir(parents=True, exist_ok=True)
        options.markdown.write_text(title + "\n".join(lines) + tail)


if __name__ == "__main__":
    main()
