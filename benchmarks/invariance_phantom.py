"""Precision and recall of stable feature sets on simulated scans whose true effects are known.

A pool of patients is simulated and every one rendered under both scanners; each cohort draws
patients from the pool without replacement and sees each under the scanner that the patient was
given. A feature is truly stable if the mean effect of the scanner over the pool is within the
margin, in units of the feature's standard deviation under scanner A. The equivalence tests adjust
for age, sex, site and protocol, know the disease as a precision covariate (it foretells features
and the scanner does not act on it), and see every patient on one scanner only. Beside them:

- ``ICC > 0.75 (0.9)``: ICC(2,1) between the scanners, of some patients scanned on both;
- ``p > 0.05``: no significant difference of raw means.

The conventional rules have no margin and no level; they are judged by the same truth. Since they
let in more wrong features, rows ``as many as ICC > 0.75`` compare at the same size: that many
features, in the order of our equivalence p-values.

    python benchmarks/invariance_phantom.py --pool 2000 --patients 1000 --cohorts 20
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
from causalimg.effects.dml import DML
from causalimg.imaging.phantom import OBSERVED, PhantomModel, simulate_patients
from causalimg.invariance.reliability import reliability

ADJUSTMENT = ["age", "sex", "site", "protocol"]
PRECISION = ["malignant"]
CONTROLS = (("bh", 0.05), ("bh", 0.2), ("bh", 0.4), ("maxt", 0.05))
LEVELS = ("A", "B")


def rendered(n: int, size: int, seed: int, chosen: list[int]) -> list[list[dict[str, float]]]:
    """Return the features of some patients under every scanner."""
    model = PhantomModel.of(LEVELS, size=size)
    patients = simulate_patients(n, model=model, random_state=seed)
    patients.insert(1, "index", np.arange(n))
    world = PhantomWorld(model, seed, {}, patients)
    extractor = RadiomicsExtractor()
    under = [world.under({"scanner": level}) for level in LEVELS]
    return [[extractor.extract_arrays(one.render(k)) for one in under] for k in chosen]


def pool(options: argparse.Namespace) -> tuple[pd.DataFrame, np.ndarray, list[str]]:
    """Return the patients, and features of shape (patients, scanners, features)."""
    model = PhantomModel.of(LEVELS, size=options.size)
    patients = simulate_patients(options.pool, model=model, random_state=options.seed)
    store = Path(f"{options.out.with_suffix('')}_{options.pool}_{options.size}_{options.seed}.npz")
    if store.is_file():
        saved = np.load(store)
        return patients, saved["values"], [str(name) for name in saved["names"]]
    jobs = [
        list(range(start, min(start + 20, options.pool))) for start in range(0, options.pool, 20)
    ]
    parts = Parallel(n_jobs=options.jobs)(
        delayed(rendered)(options.pool, options.size, options.seed, job) for job in jobs
    )
    rows = [row for part in parts for row in part]
    names = list(rows[0][0])
    values = np.array([[[one[name] for name in names] for one in row] for row in rows])
    store.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(store, values=values, names=np.array(names))
    return patients, values, names


def rules(
    frame: pd.DataFrame, both: np.ndarray, names: list[str], margins: list[float], repeats: int
) -> dict[str, np.ndarray]:
    """Return which features each rule calls stable, shape (n_features,) each."""
    found: dict[str, np.ndarray] = {}
    icc = agreement(both[:repeats], names)
    for limit in (0.75, 0.9):
        found[f"ICC > {limit}"] = icc > limit
    raw = DifferenceInMeans(treatment="scanner").fit(frame, names).effects_.frame["p"]
    found["p > 0.05"] = ~(raw <= 0.05).to_numpy()
    common = {"treatment": "scanner", "reference": "A", "adjustment": ADJUSTMENT}
    fitted = {
        "AIPW": AIPW(**common, precision=PRECISION, estimand="ato").fit(frame, names),
        "AIPW, disease not known": AIPW(**common, estimand="ato").fit(frame, names),
        "DML": DML(**common, precision=PRECISION).fit(frame, names),
    }
    for margin in margins:
        for name, effects in fitted.items():
            for control, alpha in CONTROLS:
                search = StableFeatures(
                    environment="scanner",
                    adjustment=ADJUSTMENT,
                    margin=margin,
                    control=control,
                    alpha=alpha,
                    reference="A",
                    spread="reference",
                ).fit(frame, features=names, effects=effects)
                found[f"ours, {name}, {control} {alpha}, {margin} SD"] = np.isin(
                    names, search.invariant_set_.features
                )
                if name == "AIPW" and (control, alpha) == CONTROLS[0]:
                    p = search.invariant_set_.evidence["p_equivalence"].to_numpy()
        order = np.argsort(np.argsort(np.nan_to_num(p, nan=1.0), kind="stable"))
        for rule in ("ICC > 0.75", "ICC > 0.9"):
            found[f"ours, as many as {rule}, {margin} SD"] = order < found[rule].sum()
    return found


def agreement(both: np.ndarray, names: list[str]) -> np.ndarray:
    """Return ICC(2,1) between the scanners of patients that were scanned on both."""
    repeats = len(both)
    long = pd.DataFrame(both.reshape(-1, len(names)), columns=names)
    long["patient"], long["scanner"] = np.repeat(np.arange(repeats), 2), np.tile(LEVELS, repeats)
    found = reliability(long, subject="patient", repeat="scanner", features=names)
    return found["icc_2_1"].to_numpy()


def main() -> None:
    """Run, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pool", type=int, default=2000)
    parser.add_argument("--patients", type=int, default=1000)
    parser.add_argument("--cohorts", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=20, help="patients scanned on both")
    parser.add_argument("--size", type=int, default=20, help="edge of the volume, voxels")
    parser.add_argument("--margins", type=float, nargs="+", default=[0.3, 0.5])
    parser.add_argument("--seed", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/results/invariance_phantom.json")
    )
    options = parser.parse_args()
    start = time.process_time()
    patients, values, names = pool(options)
    print(f"{options.pool} patients under 2 scanners: {time.process_time() - start:.0f} CPU s")
    spread = values[:, 0].std(axis=0, ddof=1)
    effect = np.divide(
        (values[:, 1] - values[:, 0]).mean(axis=0),
        spread,
        out=np.full(len(names), np.inf),
        where=spread > 0,
    )
    is_b = (patients["scanner"] == "B").to_numpy()
    shown = np.where(is_b[:, None], values[:, 1], values[:, 0])
    table = patients[list(OBSERVED)].reset_index(drop=True)
    table = pd.concat([table, pd.DataFrame(shown, columns=names)], axis=1)
    start = time.process_time()
    sets = []
    for k in range(options.cohorts):
        rows = np.random.default_rng([options.seed, k]).permutation(options.pool)
        rows = rows[: options.patients]
        frame = table.iloc[rows].reset_index(drop=True)
        sets.append(rules(frame, values[rows], names, options.margins, options.repeats))
    seconds = time.process_time() - start
    result: list[dict[str, Any]] = []
    for margin in options.margins:
        inside = np.abs(effect) < margin
        print(
            f"\nmargin {margin} SD: {inside.sum()} of {len(names)} features are inside;"
            f" {options.cohorts} cohorts of {options.patients} patients, {seconds:.0f} CPU s"
        )
        print(f"{'rule':<50}{'size':<8}{'precision':<11}{'recall':<9}cohorts with a wrong one")
        for rule in sets[0]:
            if rule.startswith("ours") and f" {margin} SD" not in rule:
                continue
            made = np.array([one[rule] for one in sets])
            row = {
                "margin": margin,
                "rule": rule,
                "size": float(made.sum(axis=1).mean()),
                "precision": float((made & inside).sum() / max(made.sum(), 1)),
                "recall": float((made & inside).sum(axis=1).mean() / inside.sum()),
                "any_wrong": float((made & ~inside).any(axis=1).mean()),
            }
            result.append(row)
            print(
                f"{rule:<50}{row['size']:<8.1f}{row['precision']:<11.3f}{row['recall']:<9.3f}"
                f"{row['any_wrong']:.2f}"
            )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    document = {"options": {k: str(v) for k, v in vars(options).items()}, "rules": result}
    options.out.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
