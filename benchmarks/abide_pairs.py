"""Estimators on brains that went through two pipelines: the true effect is known.

Every subject shows one of the two FreeSurfer versions, with a probability that depends on age, sex
and diagnosis; the truth is the paired mean difference over all subjects. Two kinds of draws:

- ``sample``: the same subjects every time, treatments drawn anew. The truth is the mean effect in
  just these subjects. Intervals are for the population that subjects come from, so that their
  coverage of the sample's effect lies above 95 % by what effects vary between subjects; those of
  ``scope="sample"`` (marked *sample's*) are for these subjects.
- ``population``: subjects are drawn with replacement too.

    python benchmarks/abide_pairs.py --draws 100
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

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "abide_pairs"
COVARIATES = ["z", "z2", "sex", "diagnosis"]
SMOOTH = ["z", "sex", "diagnosis"]

Fit = Callable[[pd.DataFrame, list[str]], pd.DataFrame]


def fitted(estimator: type, **settings: Any) -> Fit:
    """Return a function that fits and gives the effect table's rows."""

    def fit(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
        chosen = {"treatment": "pipeline", "reference": "5.1", **settings}
        if estimator is not DifferenceInMeans:
            chosen.setdefault("adjustment", COVARIATES)
        found: pd.DataFrame = estimator(**chosen).fit(frame, names).effects_.frame
        return found

    return fit


METHODS: dict[str, Fit] = {
    "difference in means": fitted(DifferenceInMeans),
    "IPW, ATE": fitted(IPW),
    "AIPW, ATE": fitted(AIPW),
    "AIPW, ATE, splines": fitted(AIPW, adjustment=SMOOTH, splines=4),
    "AIPW, dropped below 0.1": fitted(AIPW, trim=0.1, trim_method="drop"),
    "TMLE, ATE": fitted(TMLE),
    "entropy balance, ATE": fitted(EntropyBalance),
    "matching, ATE": fitted(Matching),
    "stratification, ATE": fitted(Stratification),
    "g-computation, ATE": fitted(GComputation),
    "g-computation, ATO": fitted(GComputation, estimand="ato"),
    "IPW, ATO": fitted(IPW, estimand="ato"),
    "AIPW, ATO": fitted(AIPW, estimand="ato"),
    "AIPW, ATO, splines": fitted(AIPW, estimand="ato", adjustment=SMOOTH, splines=4),
    "TMLE, ATO": fitted(TMLE, estimand="ato"),
    "regression, parallel slopes": fitted(GComputation, interactions=()),
    "g-computation, ATO, site": fitted(GComputation, estimand="ato", precision=["site"]),
    "AIPW, ATE, site": fitted(AIPW, precision=["site"]),
    "AIPW, ATO, site": fitted(AIPW, estimand="ato", precision=["site"]),
    "TMLE, ATO, site": fitted(TMLE, estimand="ato", precision=["site"]),
    "AIPW, ATO, sample's": fitted(AIPW, estimand="ato", scope="sample"),
    "AIPW, ATO, site, sample's": fitted(AIPW, estimand="ato", precision=["site"], scope="sample"),
    "TMLE, ATO, site, sample's": fitted(TMLE, estimand="ato", precision=["site"], scope="sample"),
    "regression, parallel, site": fitted(GComputation, interactions=(), precision=["site"]),
    "DML": fitted(DML),
    "DML, splines": fitted(DML, adjustment=SMOOTH, splines=4),
    "DML, site": fitted(DML, precision=["site"]),
    "DML, splines, site": fitted(DML, adjustment=SMOOTH, splines=4, precision=["site"]),
}


def read() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return covariates and the thickness under both pipelines."""
    raw = pd.read_csv(DATA / "freesurfer_5.1_vs_6.0.csv")
    regions = [name[:-2] for name in raw.columns if name.endswith("_0")]
    z = (raw["AGE_AT_SCAN"] - raw["AGE_AT_SCAN"].mean()) / raw["AGE_AT_SCAN"].std()
    covariates = pd.DataFrame(
        {
            "z": z,
            "z2": z**2,
            "sex": raw["SEX"].astype(float),
            "diagnosis": raw["DX_GROUP"].astype(float),
            "site": raw["SITE_ID"].astype(str),
        }
    )
    before = raw[[f"{name}_0" for name in regions]].set_axis(regions, axis=1)
    after = raw[[f"{name}_1" for name in regions]].set_axis(regions, axis=1)
    return covariates, before, after


def draw(
    seed: int, covariates: pd.DataFrame, before: pd.DataFrame, after: pd.DataFrame, resample: bool
) -> pd.DataFrame:
    """Show one pipeline per subject."""
    rng = np.random.default_rng(seed)
    rows = np.arange(len(covariates))
    eta = 1.5 * covariates["z"] + 0.5 * (covariates["sex"] - covariates["sex"].mean())
    eta = eta - 0.5 * (covariates["diagnosis"] - covariates["diagnosis"].mean())
    share = np.clip(1 / (1 + np.exp(-eta.to_numpy())), 0.02, 0.98)
    if resample:
        rows = np.random.default_rng([seed, 1]).integers(0, len(rows), len(rows))
    new = rng.random(len(rows)) < share[rows]
    frame = covariates.iloc[rows].reset_index(drop=True)
    frame["pipeline"] = np.where(new, "6.0", "5.1")
    shown = np.where(new[:, None], after.to_numpy()[rows], before.to_numpy()[rows])
    return frame.join(pd.DataFrame(shown, columns=before.columns))


def judge(
    fit: Fit, tables: list[pd.DataFrame], names: list[str], truth: np.ndarray, sd: np.ndarray
) -> dict[str, Any]:
    """Fit every table and compare with the truth, in standard deviations."""
    start = time.process_time()
    found = [fit(table, names) for table in tables]
    seconds = time.process_time() - start
    error = np.array([(one["estimate"].to_numpy() - truth) / sd for one in found])
    inside = np.array(
        [(one["ci_low"] < truth).to_numpy() & (one["ci_high"] > truth).to_numpy() for one in found]
    )
    known = np.isfinite(error).all(axis=1)
    error, inside = error[known], inside[known]
    per_draw = inside.mean(axis=1)
    return {
        "draws": int(known.sum()),
        "rmse_sd": float(np.sqrt((error**2).mean())),
        "mean_abs_bias_sd": float(np.abs(error.mean(axis=0)).mean()),
        "coverage": float(inside.mean()),
        "coverage_se": float(per_draw.std(ddof=1) / np.sqrt(len(per_draw))),
        "worst_region": float(inside.mean(axis=0).min()),
        "mean_se_sd": float(np.mean([(one["se"] / sd).mean() for one in found])),
        "cpu_s": seconds,
    }


def main() -> None:
    """Run, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="seed of the first draw")
    parser.add_argument("--only", default="", help="methods whose name contains this")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/abide_pairs.json"))
    options = parser.parse_args()
    covariates, before, after = read()
    names = list(before.columns)
    truth = (after - before).mean().to_numpy()
    sd = before.std(ddof=1).to_numpy()
    result: dict[str, Any] = {"draws": options.draws, "regions": len(names)}
    result["spread_of_effects_sd"] = float(((after - before).std() / sd).mean())
    for kind in ("sample", "population"):
        tables = [
            draw(seed, covariates, before, after, kind == "population")
            for seed in range(options.seed, options.seed + options.draws)
        ]
        print(f"\n{kind}: {options.draws} draws, {len(names)} regions, {len(covariates)} subjects")
        print(f"{'method':<30}{'RMSE':<8}{'|bias|':<8}{'coverage (se)':<17}{'worst':<7}CPU s")
        result[kind] = {}
        for name, fit in METHODS.items():
            if options.only not in name:
                continue
            one = judge(fit, tables, names, truth, sd)
            result[kind][name] = one
            covered = f"{one['coverage']:.3f} ({one['coverage_se']:.3f})"
            print(
                f"{name:<30}{one['rmse_sd']:<8.4f}{one['mean_abs_bias_sd']:<8.4f}{covered:<17}"
                f"{one['worst_region']:<7.2f}{one['cpu_s']:.1f}"
            )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
