"""Prediction of disease on a scanner that training never saw, by five ways to choose features.

Cohorts are simulated as scans; features are extracted from the images. Three scanners: a model is
trained on two and judged on the third, each in turn; the worst of the three AUCs counts. Two
worlds:

``plain``
    The simulator as it is: scanner and protocol depend on site and age.
``reversed``
    A shortcut. On the training scanners malignant cases mostly get thin slices and benign ones
    thick, on the held-out scanner it is the other way round. (The shortcut has to vary within the
    held-out scanner to matter for its AUC, so the protocol carries it.)

The ways: all features; LASSO; the conventional stable features (ICC of 30 travelling patients
above 0.75 and p > 0.05 between raw means); ComBat on all features, fitted with the unlabelled cases
of the held-out scanner, age and sex preserved, with the scanner as batch or (``combat_both``) each
combination of scanner and protocol; and the equivalence-tested stable features of
`StableFeatures` across scanner and protocol. In the world ``plain`` the protocol counts too, for
the conventional choice as for ours. With ``--models``, invariant models of the training package on
all features as well. A choice that keeps nothing predicts at random (0.5).

    python benchmarks/leave_one_scanner_out.py --cohorts 10 --patients 600
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from causalimg import RadiomicsExtractor, StableFeatures
from causalimg.datasets import PhantomWorld
from causalimg.errors import CausalImgWarning, NotEstimableError
from causalimg.harmonize import ComBat
from causalimg.imaging.phantom import OBSERVED, PhantomModel, simulate_patients
from causalimg.invariance.reliability import reliability

SCANNERS = ("A", "B", "C")
PROTOCOLS = ("thin", "thick")
METHODS = ("all", "lasso", "conventional", "combat", "combat_both", "stable")
TRAVELLERS = 30
SHORTCUT = 0.85


def features_of(seed: int, n_patients: int, size: int, cache: Path) -> dict[str, pd.DataFrame]:
    """Render and extract every patient under its own scanner and both protocols, and travellers."""
    path = cache / f"cohort_{seed}_{n_patients}_{size}.pkl"
    if path.is_file():
        found: dict[str, pd.DataFrame] = pd.read_pickle(path)
        return found
    model = PhantomModel.of(SCANNERS, size=size)
    patients = simulate_patients(n_patients + TRAVELLERS, model=model, random_state=seed)
    patients.insert(1, "index", np.arange(len(patients)))
    world = PhantomWorld(model, seed, {}, patients)
    extractor = RadiomicsExtractor()
    tables = {"patients": patients[list(OBSERVED)][:n_patients]}
    for protocol in PROTOCOLS:
        under = world.under({"protocol": protocol})
        rows = [extractor.extract_arrays(under.render(k)) for k in range(n_patients)]
        tables[protocol] = pd.DataFrame(rows)
    for scanner in SCANNERS:
        under = world.under({"scanner": scanner, "protocol": "thin"})
        tables[f"travellers {scanner}"] = pd.DataFrame(
            extractor.extract_arrays(under.render(k))
            for k in range(n_patients, n_patients + TRAVELLERS)
        )
    cache.mkdir(parents=True, exist_ok=True)
    pd.to_pickle(tables, path)
    return tables


def icc(tables: dict[str, pd.DataFrame], scanners: list[str], names: list[str]) -> np.ndarray:
    """Return ICC(2,1) of the travellers between scanners, of every feature."""
    parts = [tables[f"travellers {scanner}"][names] for scanner in scanners]
    long = pd.concat(parts, keys=scanners, names=["scanner", "patient"]).reset_index()
    found = reliability(long, subject="patient", repeat="scanner", features=names)
    return found["icc_2_1"].to_numpy()


def chosen(
    method: str, train: pd.DataFrame, names: list[str], tables: dict[str, pd.DataFrame], world: str
) -> list[str]:
    """Return the features that a way keeps, seen from the training scanners alone."""
    from scipy.stats import f_oneway

    if method not in ("conventional", "stable"):
        return names
    if method == "conventional":
        keep = icc(tables, sorted(set(train["scanner"])), names) > 0.75
        for column in ("scanner", "protocol"):
            groups = [part[names].to_numpy() for _, part in train.groupby(column)]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                keep &= f_oneway(*groups).pvalue > 0.05
        return [name for name, kept in zip(names, keep, strict=True) if kept]
    kept = set(names)
    about = {
        "scanner": ["age", "sex", "site", "protocol"],
        "protocol": ["age", "sex", "site"] + (["malignant"] if world == "reversed" else []),
    }
    for environment, adjustment in about.items():
        try:
            found = StableFeatures(environment=environment, adjustment=adjustment, margin=0.5)
            kept &= set(found.fit(train, features=names).invariant_set_.features)
        except NotEstimableError:
            kept = set()
    return [name for name in names if name in kept]


def auc(method: str, train: pd.DataFrame, test: pd.DataFrame, names: list[str]) -> float:
    """Fit a logistic regression on the training scanners, judge it on the held-out one."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if not names:
        return 0.5
    if method.startswith("combat"):
        whole = pd.concat([train, test], ignore_index=True)
        if method == "combat_both":
            whole["scanner"] = whole["scanner"].astype(str) + " " + whole["protocol"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CausalImgWarning)
            even = ComBat(batch="scanner", covariates=["age", "sex"]).fit_transform(
                whole, features=names
            )
        first, second = even[: len(train)], even[len(train) :]
    else:
        first, second = train[names], test[names]
    if method == "lasso":
        model: Any = GridSearchCV(
            LogisticRegression(penalty="l1", solver="liblinear"),
            {"C": [0.02, 0.05, 0.1, 0.3, 1.0]}, scoring="roc_auc", cv=5,
        )  # fmt: skip
    else:
        model = LogisticRegression(C=0.1, max_iter=5000)
    with warnings.catch_warnings():
        # scikit-learn renames the penalty's argument from version to version
        warnings.simplefilter("ignore")
        fitted = make_pipeline(StandardScaler(), model).fit(first, train["malignant"])
    return float(roc_auc_score(test["malignant"], fitted.predict_proba(second)[:, 1]))


def invariant_aucs(
    train: pd.DataFrame, test: pd.DataFrame, names: list[str], models: list[str]
) -> dict[str, float]:
    """Fit invariant models with the scanner as environment, judge them on the held-out one."""
    from sklearn.metrics import roc_auc_score
    from sklearn.preprocessing import StandardScaler

    from causalimg.training.leave_out import invariant_models

    known = invariant_models("scanner")
    scaler = StandardScaler().fit(train[names].to_numpy())
    first, second = (scaler.transform(part[names].to_numpy()) for part in (train, test))
    variables = train[["scanner"]].reset_index(drop=True)
    found = {}
    for name in models:
        fitted = known[name].fit(first, train["malignant"].to_numpy(), variables=variables)
        said = fitted.predict_proba(second)[:, 1]
        found[name] = float(roc_auc_score(test["malignant"], said))
    return found


def cohort(
    seed: int, n_patients: int, size: int, cache: Path, models: list[str]
) -> list[dict[str, Any]]:
    """Run every way, world and held-out scanner on one cohort."""
    tables = features_of(seed, n_patients, size, cache)
    patients = tables["patients"].reset_index(drop=True)
    names = [n for n in tables["thin"] if np.ptp(tables["thin"][n]) > 0]
    rng = np.random.default_rng(seed)
    luck = rng.random(n_patients)
    found = []
    for world in ("plain", "reversed"):
        for held_out in SCANNERS:
            outside = (patients["scanner"] == held_out).to_numpy()
            if world == "plain":
                thin = (patients["protocol"] == "thin").to_numpy()
            else:
                ill = (patients["malignant"] == 1).to_numpy()
                thin = luck < np.where(ill != outside, SHORTCUT, 1 - SHORTCUT)
            values = tables["thick"].copy()
            values[thin] = tables["thin"][thin]
            about = patients.assign(protocol=np.where(thin, "thin", "thick"))
            frame = pd.concat([about, values], axis=1)
            train, test = frame[~outside], frame[outside]
            for method in METHODS:
                kept = chosen(method, train, names, tables, world)
                found.append(
                    {
                        "seed": seed, "world": world, "held_out": held_out, "method": method,
                        "features": len(kept), "auc": auc(method, train, test, kept),
                    }
                )  # fmt: skip
            found += [
                {
                    "seed": seed, "world": world, "held_out": held_out, "method": name,
                    "features": len(names), "auc": value,
                }
                for name, value in invariant_aucs(train, test, names, models).items()
            ]  # fmt: skip
    return found


def summary(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Mean over cohorts of the worst scanner's AUC, with a bootstrap interval over cohorts."""
    rng = np.random.default_rng(seed)
    out = []
    for (world, method), part in rows.groupby(["world", "method"], sort=False):
        by_cohort = part.groupby("seed")["auc"]
        worst, mean = by_cohort.min().to_numpy(), by_cohort.mean().to_numpy()
        draws = worst[rng.integers(0, len(worst), (5000, len(worst)))].mean(axis=1)
        low, high = np.quantile(draws, [0.025, 0.975])
        out.append(
            {
                "world": world, "method": method, "worst_auc": worst.mean(), "low": low,
                "high": high, "mean_auc": mean.mean(), "features": part["features"].mean(),
                "empty": float((part["features"] == 0).mean()),
            }
        )  # fmt: skip
    return pd.DataFrame(out)


def main() -> None:
    """Run, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cohorts", type=int, default=10)
    parser.add_argument("--patients", type=int, default=600)
    parser.add_argument("--size", type=int, default=20, help="edge of the volume, voxels")
    parser.add_argument("--seed", type=int, default=5000, help="seed of the first cohort")
    parser.add_argument("--jobs", type=int, default=-1)
    parser.add_argument(
        "--models", nargs="*", default=[], metavar="NAME",
        help="invariant models beside these, such as 'linear, V-REx' (see invariant_models)",
    )  # fmt: skip
    parser.add_argument("--cache", type=Path, default=Path("benchmarks/results/scanner_cache"))
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/results/leave_one_scanner_out.json")
    )
    options = parser.parse_args()
    start = time.perf_counter()
    found = Parallel(n_jobs=options.jobs, verbose=1)(
        delayed(cohort)(
            options.seed + k, options.patients, options.size, options.cache, options.models
        )
        for k in range(options.cohorts)
    )
    rows = pd.DataFrame([row for part in found for row in part])
    table = summary(rows, options.seed)
    print(
        f"\n{options.cohorts} cohorts of {options.patients} patients; AUC on the held-out scanner"
    )
    print(table.round(3).to_string(index=False))
    print(f"{time.perf_counter() - start:.0f} s")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "summary": table.to_dict(orient="records"),
        "rows": rows.to_dict(orient="records"),
        "seconds": time.perf_counter() - start,
        "options": {key: str(value) for key, value in vars(options).items()},
    }
    options.out.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
