"""Empirical false-positive rates of every test of conditional independence under the null.

Each row draws tables in which x and y are independent given z, tests them, and reports the share
of p-values below .01, .05 and .1 beside the Monte Carlo error of two standard errors, and the CPU
time of a test. The level of a test is right if the share is at alpha within that error.

    python benchmarks/calibration.py                        # some ten minutes
    python benchmarks/calibration.py --runs 2000 --slow-runs 500 --tests fisher_z mixed_lrt
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
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd

from causalimg.stats.g_square import GSquare
from causalimg.stats.independence import FisherZ
from causalimg.stats.kci import KCI
from causalimg.stats.mixed_lrt import MixedLRT
from causalimg.stats.rcit import RCIT
from causalimg.stats.transforms import nonparanormal, skeptic_moments
from causalimg.tables.moments import Moments

ALPHAS = (0.01, 0.05, 0.1)
TESTS = ("fisher_z", "fisher_z_nonparanormal", "fisher_z_skeptic", "g_square", "mixed_lrt")
SLOW = ("rcit", "rcot", "kci")


def linear(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Numbers: x and y depend on z linearly."""
    z = rng.normal(size=n)
    return pd.DataFrame({"x": z + rng.normal(size=n), "y": rng.normal(size=n) - z, "z": z})


def skewed(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Increasing functions of linear normal columns."""
    return linear(n, rng).assign(x=lambda t: np.exp(t["x"]), y=lambda t: t["y"] ** 3)


def bent(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Numbers: x and y depend on z, not linearly."""
    z, e, f = rng.normal(size=(3, n))
    return pd.DataFrame({"x": 2 * np.sin(z) + e / 2, "y": z**2 + f / 2, "z": z})


def mixed(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """A number and a two-level category that depend on a number."""
    z = rng.normal(size=n)
    two = rng.random(n) < 1 / (1 + np.exp(-z))
    return pd.DataFrame({"x": z + rng.normal(size=n), "y": np.where(two, "p", "q"), "z": z})


def sites(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """A number and a three-level category that depend on a third, three-level category."""
    z = rng.integers(0, 3, n)
    y = np.where(rng.random(n) < 0.5, z, rng.integers(0, 3, n))
    shift = np.array([-0.7, 0.0, 0.9])[z]
    return pd.DataFrame({"x": shift + rng.normal(size=n), "y": y.astype(str), "z": z.astype(str)})


def categories(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Three three-level categories."""
    z = rng.integers(0, 3, n)
    x, y = (np.where(rng.random(n) < 0.5, z, rng.integers(0, 3, n)) for _ in range(2))
    return pd.DataFrame({"x": x.astype(str), "y": y.astype(str), "z": z.astype(str)})


DATA: dict[str, Callable[[int, np.random.Generator], pd.DataFrame]] = {
    "linear": linear,
    "skewed": skewed,
    "bent": bent,
    "mixed": mixed,
    "sites": sites,
    "categories": categories,
}
FITS = {
    "fisher_z": ("linear", "mixed", "sites", "categories"),
    "fisher_z_nonparanormal": ("skewed",),
    "fisher_z_skeptic": ("skewed",),
    "g_square": ("categories",),
    "mixed_lrt": ("linear", "mixed", "sites", "categories"),
    "rcit": ("linear", "bent", "mixed"),
    "rcot": ("linear", "bent", "mixed"),
    "kci": ("linear", "bent", "mixed"),
}
SIZES = {"kci": (100,), "rcit": (200, 500), "rcot": (200, 500)}


def p_value(name: str, table: pd.DataFrame) -> float:
    """One test of x and y given z."""
    if name.startswith("fisher_z"):
        if name.endswith("nonparanormal"):
            moments = Moments.from_frame(nonparanormal(table))
        else:
            skeptic = name.endswith("skeptic")
            moments = skeptic_moments(table) if skeptic else Moments.from_frame(table)
        return FisherZ(moments)("x", "y", ["z"]).p_value
    test = {
        "g_square": GSquare(),
        "mixed_lrt": MixedLRT(),
        "rcit": RCIT(),
        "rcot": RCIT(joint=False),
        "kci": KCI(),
    }[name]
    return float(test.fit(table)("x", "y", ["z"]).p_value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--slow-runs", type=int, default=500, help="for the kernel tests")
    parser.add_argument("--tests", nargs="+", default=[*TESTS, *SLOW], choices=[*TESTS, *SLOW])
    parser.add_argument("--data", nargs="+", default=list(DATA), choices=list(DATA))
    parser.add_argument("--sizes", nargs="+", type=int, default=[100, 500])
    chosen = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in chosen.tests:
        runs = chosen.slow_runs if name in SLOW else chosen.runs
        for data in [one for one in FITS[name] if one in chosen.data]:
            for n in SIZES.get(name, tuple(chosen.sizes)):
                start = time.process_time()
                p = np.array(
                    [
                        p_value(name, DATA[data](n, np.random.default_rng([n, k])))
                        for k in range(runs)
                    ]
                )
                row: dict[str, Any] = {"test": name, "data": data, "n": n, "runs": runs}
                for alpha in ALPHAS:
                    row[f"at {alpha}"] = round(float((p < alpha).mean()), 4)
                row["2 se at 0.01"] = round(2 * float(np.sqrt(0.01 * 0.99 / runs)), 4)
                row["2 se at 0.05"] = round(2 * float(np.sqrt(0.05 * 0.95 / runs)), 4)
                row["ms"] = round((time.process_time() - start) / runs * 1e3, 2)
                rows.append(row)
                print(" ".join(f"{key}={value}" for key, value in row.items()), flush=True)
    print(pd.DataFrame(rows).to_string(index=False))
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    place = folder / "calibration.json"
    old = json.loads(place.read_text()) if place.exists() else []
    new = {(row["test"], row["data"], row["n"]) for row in rows}
    rows = [row for row in old if (row["test"], row["data"], row["n"]) not in new] + rows
    place.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
