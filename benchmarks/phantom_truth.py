"""Coverage of the scanner-effect intervals, and quality of the invariant set, over many cohorts.

Each cohort is simulated as scans, every patient is rendered under every scanner, and features are
extracted from the images; so the true effects are known. Two truths are reported: the *sample's*
mean effect (the same patients under both scanners) and the *population's*, taken as the mean of
the sample effects over all the other cohorts. The intervals are intervals for the population's.

    python benchmarks/phantom_truth.py --cohorts 100 --patients 200
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
from joblib import Parallel, delayed

from causalimg import AIPW, DifferenceInMeans, RadiomicsExtractor, StableFeatures
from causalimg.datasets import PhantomWorld
from causalimg.imaging.phantom import OBSERVED, PhantomModel, simulate_patients

ADJUSTMENT = ["age", "sex", "site", "protocol"]


def cohort(seed: int, n_patients: int, size: int, margin: float) -> dict[str, Any]:
    """Simulate one cohort in memory and estimate; return estimates beside the sample's truth."""
    model = PhantomModel.of(("A", "B"), size=size)
    patients = simulate_patients(n_patients, model=model, random_state=seed)
    patients.insert(1, "index", np.arange(n_patients))
    world = PhantomWorld(model, seed, {}, patients)
    extractor = RadiomicsExtractor()
    under = {}
    for level in ("A", "B"):
        other = world.under({"scanner": level})
        rows = [extractor.extract_arrays(other.render(k)) for k in range(n_patients)]
        under[level] = pd.DataFrame(rows)
    features = list(under["A"].columns)
    is_b = (patients["scanner"] == "B").to_numpy()
    factual = under["A"].copy()
    factual[is_b] = under["B"][is_b]
    frame = pd.concat([patients[list(OBSERVED)].reset_index(drop=True), factual], axis=1)
    aipw = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, outcomes=features)
    naive = DifferenceInMeans(treatment="scanner").fit(frame, outcomes=features)
    stable = StableFeatures(environment="scanner", adjustment=ADJUSTMENT, margin=margin).fit(
        frame, features=features, effects=aipw
    )
    columns = ["estimate", "ci_low", "ci_high"]
    return {
        "seed": seed,
        "features": features,
        "true": (under["B"] - under["A"]).mean().to_numpy(),
        "sd": under["A"].std(ddof=1).to_numpy(),
        "aipw": aipw.effects_.frame.set_index("outcome").loc[features, columns].to_numpy(),
        "naive": naive.effects_.frame.set_index("outcome").loc[features, columns].to_numpy(),
        "stable": np.isin(features, stable.invariant_set_.features),
    }


def judge(found: list[dict[str, Any]], margin: float) -> tuple[dict[str, Any], pd.DataFrame]:
    """Compare the estimates of all cohorts with both truths."""
    features = found[0]["features"]
    true = np.array([one["true"] for one in found])
    sd = np.array([one["sd"] for one in found]).mean(axis=0)
    others = (true.sum(axis=0) - true) / (len(found) - 1)
    rows, summary = {}, {}
    moved = np.abs(true).max(axis=0) > 0
    for method in ("aipw", "naive"):
        value = np.array([one[method] for one in found])
        for name, truth in (("population", others), ("sample", true)):
            inside = (value[..., 1] <= truth) & (truth <= value[..., 2])
            error = (value[..., 0] - truth) / sd
            per_cohort = inside.mean(axis=1)
            summary[f"{method}_{name}"] = {
                "coverage": float(inside.mean()),
                "coverage_se": float(per_cohort.std(ddof=1) / np.sqrt(len(found))),
                "coverage_moved_features": float(inside[:, moved].mean()),
                "coverage_of_cohorts_5_50_95": np.quantile(per_cohort, [0.05, 0.5, 0.95]).tolist(),
                "rmse_sd": float(np.sqrt((error**2).mean())),
                "mean_abs_bias_sd": float(np.abs(error.mean(axis=0)).mean()),
            }
            rows[f"{method}_{name}"] = inside.mean(axis=0)
    certified = np.array([one["stable"] for one in found])
    harmless = np.abs(others.mean(axis=0) / sd) < margin
    summary["invariant_set"] = {
        "margin_sd": margin,
        "truly_inside": int(harmless.sum()),
        "features": len(features),
        "mean_size": float(certified.sum(axis=1).mean()),
        "precision": float(certified[:, harmless].sum() / max(certified.sum(), 1)),
        "recall": float(certified[:, harmless].mean()),
        "cohorts_with_a_wrong_feature": float(certified[:, ~harmless].any(axis=1).mean()),
    }
    table = pd.DataFrame({"feature": features, "true_sd": others.mean(axis=0) / sd, **rows})
    return summary, table


def main() -> None:
    """Run, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cohorts", type=int, default=100)
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--size", type=int, default=20, help="edge of the volume, voxels")
    parser.add_argument("--margin", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=1000, help="seed of the first cohort")
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/phantom_truth.json"))
    options = parser.parse_args()
    start = time.perf_counter()
    found = Parallel(n_jobs=options.jobs, verbose=1)(
        delayed(cohort)(options.seed + k, options.patients, options.size, options.margin)
        for k in range(options.cohorts)
    )
    summary, table = judge(found, options.margin)
    summary["seconds"] = time.perf_counter() - start
    summary["options"] = {key: str(value) for key, value in vars(options).items()}
    print(f"\n{options.cohorts} cohorts of {options.patients} patients, {len(table)} features")
    print(f"{'estimator':<10}{'truth':<12}{'coverage (se)':<18}{'moved only':<12}{'RMSE':<8}|bias|")
    for method in ("aipw", "naive"):
        for truth in ("population", "sample"):
            one = summary[f"{method}_{truth}"]
            covered = f"{one['coverage']:.3f} ({one['coverage_se']:.3f})"
            print(
                f"{method:<10}{truth:<12}{covered:<18}{one['coverage_moved_features']:<12.3f}"
                f"{one['rmse_sd']:<8.3f}{one['mean_abs_bias_sd']:.3f}"
            )
    print("invariant set:", json.dumps(summary["invariant_set"]))
    print(f"{summary['seconds']:.0f} s")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    document = {**summary, "features": table.to_dict(orient="records")}
    options.out.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
