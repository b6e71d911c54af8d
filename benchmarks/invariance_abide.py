"""Stable sets on brains that went through two pipelines, where the true effect is known.

Every subject shows one of two FreeSurfer versions, with a probability that depends on age, sex and
diagnosis (`abide_pairs.py`). A region is truly stable if its paired mean difference is within the
margin, in units of its standard deviation under 5.1. Beside the
equivalence tests: calling stable what is not significant. *sample's*: intervals for the effect in
just these subjects, which is what the truth here is; the others are for the population.

    python benchmarks/invariance_abide.py --draws 100
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
from abide_pairs import COVARIATES, draw, read

from causalimg.effects.base import EffectEstimator
from causalimg.effects.dml import DML
from causalimg.effects.estimators import AIPW, DifferenceInMeans
from causalimg.effects.multiplicity import fdr_adjust
from causalimg.invariance.stable import StableFeatures

SETTINGS = ((1047, 0.5), (1047, 0.2), (150, 0.3), (150, 0.5))


def estimators() -> dict[str, EffectEstimator | None]:
    """Return the estimators; None is what `StableFeatures` does when it is told of the site."""
    common = {"treatment": "pipeline", "reference": "5.1"}
    return {
        "default, precision site": None,
        "AIPW, ATE": AIPW(**common, adjustment=COVARIATES),
        "AIPW, ATO": AIPW(**common, adjustment=COVARIATES, estimand="ato"),
        "DML": DML(**common, adjustment=COVARIATES),
        "DML, precision site": DML(**common, adjustment=COVARIATES, precision=["site"]),
        "sample's, precision site": AIPW(
            **common, adjustment=COVARIATES, precision=["site"], estimand="ato", scope="sample"
        ),
    }


def chosen_sets(
    table: pd.DataFrame, names: list[str], margin: float, estimator: EffectEstimator | None
) -> dict[str, np.ndarray]:
    """Return which regions each control certifies, shape (n_regions,) each."""
    effects = None if estimator is None else estimator.fit(table, names)
    found = {}
    for control in ("maxt", "bh"):
        search = StableFeatures(
            environment="pipeline",
            adjustment=COVARIATES,
            precision=["site"],
            margin=margin,
            control=control,
            reference="5.1",
            spread="reference",
        ).fit(table, features=names, effects=effects)
        effects = search.estimator_
        found[control] = np.isin(names, search.invariant_set_.features)
    return found


def not_significant(table: pd.DataFrame, names: list[str]) -> dict[str, np.ndarray]:
    """Return the regions without a significant difference (BH), adjusted and not."""
    adjusted = AIPW(treatment="pipeline", reference="5.1", adjustment=COVARIATES)
    plain = DifferenceInMeans(treatment="pipeline", reference="5.1")
    out = {}
    for name, one in (("adjusted", adjusted), ("raw means", plain)):
        p = one.fit(table, names).effects_.frame["p"].to_numpy()
        out[f"not significant, {name}"] = ~(fdr_adjust(p) <= 0.05)
    return out


def judge(sets: list[np.ndarray], inside: np.ndarray) -> dict[str, float]:
    """Compare the sets of all draws with the regions that are truly within the margin."""
    made = np.array(sets)
    wrong, size = (made & ~inside).sum(axis=1), made.sum(axis=1)
    return {
        "size": float(size.mean()),
        "any_wrong": float((wrong > 0).mean()),
        "fdp": float((wrong / np.maximum(size, 1)).mean()),
        "recall": float((made & inside).sum(axis=1).mean() / inside.sum()),
    }


def main() -> None:
    """Run, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="seed of the first draw")
    parser.add_argument("--only", default="", help="estimators whose name contains this")
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/results/invariance_abide.json")
    )
    options = parser.parse_args()
    covariates, before, after = read()
    names = list(before.columns)
    effect = ((after - before).mean() / before.std(ddof=1)).to_numpy()
    result: list[dict[str, Any]] = []
    for n, margin in SETTINGS:
        inside = np.abs(effect) < margin
        tables = []
        for seed in range(options.seed, options.seed + options.draws):
            table = draw(seed, covariates, before, after, False)
            if n < len(table):
                rows = np.random.default_rng([seed, 2]).permutation(len(table))[:n]
                table = table.iloc[rows].reset_index(drop=True)
            tables.append(table)
        print(f"\nn = {n}, margin {margin} SD: {inside.sum()} of {len(names)} regions are inside")
        print(f"{'estimator':<26}{'rule':<30}{'size':<7}{'wrong':<7}{'FDP':<8}{'recall':<8}CPU s")
        for name, estimator in estimators().items():
            if options.only not in name:
                continue
            start = time.process_time()
            found = [chosen_sets(table, names, margin, estimator) for table in tables]
            seconds = time.process_time() - start
            if estimator is None:
                found = [
                    {**one, **not_significant(table, names)}
                    for one, table in zip(found, tables, strict=True)
                ]
            for rule in found[0]:
                row = judge([one[rule] for one in found], inside)
                result.append({"n": n, "margin": margin, "estimator": name, "rule": rule, **row})
                print(
                    f"{name:<26}{rule:<30}{row['size']:<7.1f}{row['any_wrong']:<7.2f}"
                    f"{row['fdp']:<8.4f}{row['recall']:<8.3f}{seconds:.1f}",
                    flush=True,
                )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    document = {"options": {k: str(v) for k, v in vars(options).items()}, "rules": result}
    options.out.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
