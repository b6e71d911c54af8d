"""The continuous structure learners on a CUDA device: time, errors, ratio to CPU and to the floor.

Runs from a bare source tree with NumPy, SciPy, pandas, scikit-learn, networkx, joblib, numba and
CuPy; without a device it says so and ends. Each section prints a table and is kept in the JSON:

- ceilings: measured double-precision matrix product [TFLOP/s] and copy bandwidth [TB/s];
- kernels: agreement with NumPy (largest relative difference), and time of one evaluation of a
  batch beside its floor (operations over the first ceiling, bytes over the second);
- single: one problem of d columns by ``solver="order"`` on device and CPU;
- bootstrap: resamples a second, with the host's part;
- relaxed: the continuous search of a batch, fused in one launch and as arrays, beside the CPU;
- float32: error of single precision in the losses, measured.

    python benchmarks/notears_gpu.py --out gpu.json
    python benchmarks/notears_gpu.py --sections kernels bootstrap --bootstraps 1000
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

from causalimg.discovery.bootstrap import BootstrapDiscovery
from causalimg.discovery.data import DiscoveryData
from causalimg.discovery.lagrangian import CENTRAL_PATH, relax
from causalimg.discovery.notears import NOTEARS
from causalimg.kernels import cuda, fused, reference

SECTIONS = ("ceilings", "kernels", "single", "bootstrap", "relaxed", "float32")


def simulate(d: int, n: int, seed: int = 0) -> tuple[pd.DataFrame, Any]:
    """Rows and weights of a random linear model with two edges a node and unit noise."""
    rng = np.random.default_rng([seed, d])
    edges = np.triu(rng.random((d, d)) < min(1.0, 4 / (d - 1)), 1)
    weights = edges * rng.uniform(0.5, 2.0, (d, d)) * rng.choice([-1.0, 1.0], (d, d))
    order = rng.permutation(d)
    weights = weights[np.ix_(order, order)]
    rows = rng.normal(size=(n, d)) @ np.linalg.inv(np.eye(d) - weights)
    return pd.DataFrame(rows, columns=[f"v{k:05d}" for k in range(d)]), weights


def errors(graph: Any, truth: Any) -> int:
    """Structural Hamming distance."""
    differs = graph.directed() != (truth != 0)
    return int(np.triu(differs | differs.T, 1).sum())


def seconds(run: Callable[[], Any], repeats: int = 5) -> float:
    """Median wall time on the device, after one run that compiles."""
    import cupy

    run()
    times = []
    for _ in range(repeats):
        cupy.cuda.Device().synchronize()
        start = time.perf_counter()
        run()
        cupy.cuda.Device().synchronize()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def ceilings() -> dict[str, float]:
    """Measure what the machine can do."""
    import cupy

    side = 8192
    a = cupy.random.random((side, side))
    product = seconds(lambda: a @ a)
    copy = seconds(lambda: a.copy())
    return {"tflops": 2 * side**3 / product / 1e12, "tb_per_s": 2 * a.nbytes / copy / 1e12}


def kernels(top: dict[str, float]) -> list[dict[str, Any]]:
    """Time one evaluation of each kernel for a batch."""
    out = []
    for n_batch, d in ((1000, 20), (1000, 100), (100, 500), (8, 1000)):
        rng = np.random.default_rng(d)
        weights = rng.normal(size=(n_batch, d, d)) * 0.3 / d
        rows = rng.normal(size=(2 * d, d))
        cov = np.broadcast_to(rows.T @ rows / (2 * d), weights.shape)
        there, cov_there = cuda.to_device(weights), cuda.to_device(np.ascontiguousarray(cov))
        log2 = int(np.ceil(np.log2(d)))
        for name, products, arrays in (
            ("least_squares", 1.0, 4),
            ("logdet", 1.33, 6),
            ("squaring", 2.0 * log2 - 2.0, 4 * log2),
            ("exponential", 16.0, 48),
        ):
            given = (there, cov_there) if name == "least_squares" else (there,)
            here = (weights[:2], cov[:2]) if name == "least_squares" else (weights[:2],)
            function = getattr(cuda, name)
            taken = seconds(lambda function=function, given=given: function(*given))
            exact = getattr(reference, name)(*here)[1]
            got = function(*given)[1][:2].get()
            flops = 2 * products * d**3 * n_batch / (top["tflops"] * 1e12)
            moved = arrays * 8 * d * d * n_batch / (top["tb_per_s"] * 1e12)
            out.append(
                {
                    "kernel": name, "d": d, "n_batch": n_batch, "ms": 1e3 * taken,
                    "floor_ms": 1e3 * max(flops, moved), "bound": max(flops, moved) / taken,
                    "difference": float(np.abs(got - exact).max() / np.abs(exact).max()),
                }
            )  # fmt: skip
    return out


def single(sizes: list[int]) -> list[dict[str, Any]]:
    """Fit one problem on the device and on the CPU."""
    out = []
    for d in sizes:
        table, truth = simulate(d, max(1000, 4 * d))
        for device in ("cuda", "cpu"):
            model = NOTEARS(
                standardize=False, solver="order", n_starts=1, refine=False, device=device
            )
            model.fit(table.iloc[:, :5])
            start = time.perf_counter()
            found = model.fit(table)
            taken = time.perf_counter() - start
            out.append(
                {
                    "d": d, "device": device, "s": taken, "shd": errors(found.graph_, truth),
                    "objective": found.stats_["objective"],
                }
            )  # fmt: skip
    return out


def bootstrap(sizes: list[int], n_bootstrap: int) -> list[dict[str, Any]]:
    """Resample on the device and, fewer times, on the CPU; say what each part costs."""
    out = []
    for d in sizes:
        table, truth = simulate(d, max(1000, 4 * d))
        for device, count in (("cuda", n_bootstrap), ("cpu", max(10, n_bootstrap // 50))):
            model = NOTEARS(
                standardize=False, solver="order", n_starts=1, refine=False, device=device
            )
            BootstrapDiscovery(model, n_bootstrap=2, random_state=0).fit(table.iloc[:, :5])
            start = time.perf_counter()
            boot = BootstrapDiscovery(model, n_bootstrap=count, random_state=0).fit(table)
            taken = time.perf_counter() - start
            row = {
                "d": d, "device": device, "n_bootstrap": count, "s": taken,
                "ms_each": 1e3 * taken / count, "shd": errors(boot.consensus_, truth),
            }  # fmt: skip
            if device == "cuda":
                row.update(parts_of(table, count))
            out.append(row)
    return out


def parts_of(table: pd.DataFrame, count: int) -> dict[str, float]:
    """Time the device's parts of a bootstrap alone: Gram, search, lassos."""
    matrix = DiscoveryData.of(table).matrix
    if matrix is None:
        raise RuntimeError("a table always has rows")
    n, d = matrix.shape
    count = max(1, min(count, (16 << 30) // (8 * 4 * d * d)))
    rng = np.random.default_rng(0)
    counts = rng.multinomial(n, np.full(n, 1 / n), size=count).astype(float)
    rows, there = cuda.to_device(matrix), cuda.to_device(counts)
    cov = cuda.weighted_covariances(rows, there)[1]
    starts = np.tile(np.argsort(matrix.var(axis=0)), (count, 1))
    visits = rng.permuted(np.tile(np.arange(d), (100, 1)), axis=1)
    none, allowed = np.zeros((d, d), dtype=bool), ~np.eye(d, dtype=bool)
    penalty = np.full((d, d), 0.1)
    scale = 1e3 / count

    def search() -> Any:
        return cuda.search_orders(cov, starts, none, visits, 1e-9)[0]

    order = search()
    return {
        "gram_ms": scale * seconds(lambda: cuda.weighted_covariances(rows, there), 2),
        "search_ms": scale
        * seconds(lambda: cuda.search_orders(cov, starts, none, visits, 1e-9), 2),
        "lasso_ms": scale * seconds(lambda: cuda.solve_lassos(cov, order, allowed, penalty), 2),
    }


def relaxed(cases: list[tuple[int, int]], device: bool) -> list[dict[str, Any]]:
    """Time the continuous search of a batch of resamples; the CPU solves its first problems."""
    out = []
    for n_batch, d in cases:
        rows = simulate(d, 1000)[0].to_numpy()
        rng = np.random.default_rng(0)
        counts = rng.multinomial(1000, np.full(1000, 1e-3), size=n_batch).astype(float)
        cov = reference.weighted_covariances(rows, counts)[1]
        penalty, free = np.full((d, d), 0.1), 1.0 - np.eye(d)

        def by_arrays(cov: Any, penalty: Any, free: Any, kernels: Any) -> Any:
            xp = reference.array_module(cov)
            return relax(
                lambda weights: kernels.least_squares(weights, cov), penalty, free,
                xp.zeros_like(cov), constraint="logdet", h_tolerance=1e-3, tolerance=1e-3,
                max_iter=2000, kernels=kernels,
            )  # fmt: skip

        few = min(n_batch, 4)
        start = time.process_time()
        here = [by_arrays(cov[k : k + 1], penalty, free, reference) for k in range(few)]
        cpu = (time.process_time() - start) / few
        row = {"n_batch": n_batch, "d": d, "cpu_ms_each": 1e3 * cpu}
        if device:
            there = [cuda.to_device(a) for a in (cov, penalty, free)]
            arrays = seconds(lambda there=there: by_arrays(*there, cuda), 2)
            row["arrays_ms_each"] = 1e3 * arrays / n_batch
            if fused.fits_fused(d, "logdet"):

                def launch(there: Any = there) -> Any:
                    zero = reference.array_module(there[0]).zeros_like(there[0])
                    return fused.relax_fused(
                        *there, zero, CENTRAL_PATH, tolerance=1e-3, max_ticks=2000
                    )

                row["fused_ms_each"] = 1e3 * seconds(launch, 2) / n_batch
                end = launch()[1][:few, -1].get()
                exact = np.array([one.stages[-1]["objective"][0] for one in here])
                row["difference"] = float(np.abs(end / exact - 1).max())
        out.append(row)
    return out


def float32() -> list[dict[str, Any]]:
    """Error of single precision, relative but for values below 1; it needs no device."""
    out = []
    for d in (20, 100, 300):
        table, truth = simulate(d, 1000)
        cov = np.cov(table.to_numpy().T, bias=True)[None]
        weights = truth[None] * 0.9 + 1e-3
        for name, given in (
            ("least_squares", (weights, cov)),
            ("exponential", (weights / 4,)),
            ("squaring", (weights / 4,)),
            ("logdet", (weights / 4,)),
        ):
            exact = getattr(reference, name)(*given)
            short = getattr(reference, name)(*[a.astype(np.float32) for a in given])
            out.append(
                {
                    "kernel": name, "d": d,
                    "value": float(abs(short[0][0] - exact[0][0]) / max(abs(exact[0][0]), 1.0)),
                    "gradient": float(np.abs(short[1] - exact[1]).max() / np.abs(exact[1]).max()),
                }
            )  # fmt: skip
    return out


def show(title: str, found: Any) -> None:
    """Print one section."""
    print(f"\n{title}")
    frame = pd.DataFrame(found if isinstance(found, list) else [found])
    print(frame.to_string(index=False, float_format=lambda x: f"{x:.4g}"), flush=True)


def main() -> None:
    """Run the sections asked for and write JSON after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sections", nargs="+", default=list(SECTIONS), choices=SECTIONS)
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 500, 1000, 2000])
    parser.add_argument("--bootstrap-sizes", type=int, nargs="+", default=[20, 100, 500])
    parser.add_argument("--bootstraps", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/notears_gpu.json"))
    options = parser.parse_args()
    fault = cuda.fault()
    results: dict[str, Any] = {"fault": fault}
    if fault is not None:
        print(f"no device: {fault}; only float32 and the CPU's part of relaxed are measured here")
    for section in SECTIONS:
        if section not in options.sections or (
            fault is not None and section not in ("relaxed", "float32")
        ):
            continue
        if section == "ceilings":
            results[section] = ceilings()
        elif section == "kernels":
            results[section] = kernels(results.get("ceilings") or ceilings())
        elif section == "single":
            results[section] = single(options.sizes)
        elif section == "bootstrap":
            results[section] = bootstrap(options.bootstrap_sizes, options.bootstraps)
        elif section == "relaxed":
            cases = [(1000, 20), (1000, 50), (264, 98)] if fault is None else [(4, 20), (2, 50)]
            results[section] = relaxed(cases, fault is None)
        else:
            results[section] = float32()
        show(section, results[section])
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
