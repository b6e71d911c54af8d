"""CPU seconds and peak memory of feature extraction: native against PyRadiomics.

Each measurement is a fresh process with one thread. It reads the files and extracts once ("first",
what a single case costs after the imports), then again ("warm", the median of a few). PyRadiomics
runs by its own front door on the whole image. The scans are those of PyRadiomics' repository
(``data/``), in ``../shared/data/pyradiomics`` or in the folder that is given.

    python benchmarks/extraction.py [--data FOLDER] [--cases brain1 lung1] [--repeats 3]
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "shared" / "data" / "pyradiomics"
TYPES = {
    "original": {"original": {}},
    "wavelet+LoG": {"original": {}, "wavelet": {}, "log": {"sigma": [1.0, 2.0, 3.0]}},
}
SPELLING = {"original": "Original", "wavelet": "Wavelet", "log": "LoG"}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def native(image: str, mask: str, types: dict):
    """Return a function that reads and extracts, and one that only extracts."""
    import SimpleITK  # noqa: F401  (loaded with the first file otherwise)

    from causalimg.imaging.read import read_image_mask
    from causalimg.radiomics.native_engine import NativeEngine
    from causalimg.radiomics.reach import reach_of
    from causalimg.radiomics.settings import ExtractionSettings

    settings = ExtractionSettings.of(image_types=types)
    engine, reach = NativeEngine(settings), reach_of(settings)
    scan = []

    def all_of_it() -> dict:
        scan.clear()
        scan.append(read_image_mask(image, mask, reach=reach))
        return engine.compute(scan[0])

    return all_of_it, lambda: engine.compute(scan[0])


def pyradiomics(image: str, mask: str, types: dict):
    """Return a function that reads and extracts, and one that only extracts."""
    import logging

    import SimpleITK
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    engine = RadiomicsFeatureExtractor(additionalInfo=False)
    engine.enabledImagetypes = {SPELLING[name]: options for name, options in types.items()}
    read = []

    def all_of_it() -> dict:
        read.clear()
        read.extend((SimpleITK.ReadImage(image), SimpleITK.ReadImage(mask)))
        return engine.execute(*read)

    return all_of_it, lambda: engine.execute(*read)


def pictologics(image: str, mask: str, types: dict):
    """Return twice a function that reads and extracts, with the same image types.

    It has no bins that start at the region's minimum, so it gets 32 bins: of the order of what 25
    units give here. Its feature set is its own (intensity, texture, and morphology once).
    """
    import pictologics as peer

    pipeline = peer.RadiomicsPipeline()
    bands = ["".join(band) for band in itertools.product("LH", repeat=3)]
    filters: dict[str, dict] = {"original": {}}
    if "wavelet" in types:
        filters |= {f"wavelet_{b}": {"type": "wavelet", "wavelet": "coif1", "decomposition": b}
                    for b in bands}  # fmt: skip
    filters |= {
        f"log_{sigma:g}": {"type": "log", "sigma_mm": sigma}
        for sigma in types.get("log", {}).get("sigma", ())
    }
    for name, options in filters.items():
        families = ["intensity", "texture"] + (["morphology"] if name == "original" else [])
        steps = [{"step": "filter", "params": options}] if options else []
        steps += [
            {"step": "discretise", "params": {"method": "FBN", "n_bins": 32}},
            {"step": "extract_features", "params": {"families": families}},
        ]
        pipeline.add_config(name, steps)

    def all_of_it() -> dict:
        found = pipeline.run(image=image, mask=mask, config_names=list(filters))
        return {
            f"{name}_{key}": value
            for name, values in found.items()
            for key, value in values.items()
            if isinstance(value, float)
        }

    return all_of_it, all_of_it


TOOLS = {"native": native, "pyradiomics": pyradiomics, "pictologics": pictologics}


def measure(tool: str, image: str, mask: str, kind: str, repeats: int) -> dict:
    """Measure one tool in this process."""
    import resource
    import time
    import warnings

    warnings.simplefilter("ignore")
    started = time.process_time()
    all_of_it, extract = TOOLS[tool](image, mask, TYPES[kind])
    ready = time.process_time()
    found = all_of_it()
    first = time.process_time() - ready
    both, alone = [], []
    for _ in range(repeats):
        before = time.process_time()
        all_of_it()
        both.append(time.process_time() - before)
        before = time.process_time()
        extract()
        alone.append(time.process_time() - before)
    return {
        "tool": tool,
        "image_types": kind,
        "n_features": len(found),
        "import_s": ready - started,
        "first_s": first,
        "warm_s": statistics.median(both),
        "without_reading_s": statistics.median(alone),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "values": {str(name): float(value) for name, value in found.items()},
    }


def fresh(
    tool: str, case: str, kind: str, data: Path, repeats: int, python: str = sys.executable
) -> dict:
    """Measure one tool in a process of its own."""
    paths = [str(data / f"{case}_{name}.nrrd") for name in ("image", "label")]
    call = [python, __file__, "--measure", tool, *paths, kind, str(repeats)]
    environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
    done = subprocess.run(call, env=environment, stdout=subprocess.PIPE, check=True)
    return {"case": case, **json.loads(done.stdout.splitlines()[-1])}


def write_filling(folder: Path, n: int) -> str:
    """Write a smooth random image of n^3 voxels whose region is all of it but one corner voxel.

    (PyRadiomics refuses a mask that covers the whole image.)
    """
    import numpy as np
    import SimpleITK
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(np.random.default_rng(0).normal(size=(n, n, n)), 2)
    mask = np.ones(noise.shape, dtype=np.uint8)
    mask[0, 0, 0] = 0
    for name, array in (("image", (noise * 4000).astype(np.int16)), ("label", mask)):
        image = SimpleITK.GetImageFromArray(array)
        SimpleITK.WriteImage(image, str(folder / f"filling_{name}.nrrd"), useCompression=True)
    return "filling"


def worst_difference(ours: dict[str, float], theirs: dict[str, float]) -> float:
    """Return the largest relative difference of two sets of features."""
    return max(abs(ours[name] - value) / max(abs(value), 1e-9) for name, value in theirs.items())


def show(row: dict) -> None:
    """Print one measurement."""
    print(
        f"{row['case']:7} {row['image_types']:12} {row['n_features']:8} {row['tool']:12} "
        f"{row['import_s']:7.2f} {row['first_s']:7.3f} {row['warm_s']:7.3f} "
        f"{row['without_reading_s']:7.3f} {row['peak_mb']:6.0f}"
    )


def scaling(cohort: Path) -> list[dict]:
    """Time the extraction of a whole cohort by one process and by two, on the wall clock."""
    import time

    from causalimg import Cohort, RadiomicsExtractor

    read = Cohort.read(cohort)
    rows = []
    for n_jobs in (1, 2):
        started = time.perf_counter()
        table = RadiomicsExtractor(bin_count=32).extract(read, n_jobs=n_jobs)
        seconds = time.perf_counter() - started
        print(
            f"{cohort.parent.name}: {len(table.frame)} cases, {n_jobs} process(es),"
            f" {seconds:.1f} s wall"
        )
        rows.append({"cohort": cohort.parent.name, "n_jobs": n_jobs, "wall_s": seconds})
    return rows


def main() -> None:
    """Run each tool in turn, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--cases", nargs="*", default=["brain1", "lung1"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--pictologics", help="a Python that has pictologics, to compare with")
    parser.add_argument("--cohort", type=Path, help="a cohort file, for 1 and 2 processes")
    parser.add_argument("--filling", type=int, metavar="N", help="a region that fills N^3 voxels")
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        tool, image, mask, kind, repeats = options.measure
        print(json.dumps(measure(tool, image, mask, kind, int(repeats))))
        return
    rows = []
    head = ("case", "images", "features", "tool", "import", "first", "warm", "no read", "MB")
    print("{:7} {:12} {:>8} {:12} {:>7} {:>7} {:>7} {:>7} {:>6}".format(*head))
    made = Path(tempfile.mkdtemp())
    places = dict.fromkeys(options.cases, options.data)
    if options.filling:
        places[write_filling(made, options.filling)] = made
    for case, data in places.items():
        for kind in TYPES:
            pair = [
                fresh(tool, case, kind, data, options.repeats) for tool in ("native", "pyradiomics")
            ]
            ours, theirs = pair
            for one in pair:
                show(one)
            keys = ("first_s", "warm_s", "without_reading_s")
            ratio = {key: theirs[key] / ours[key] for key in keys}
            worst = worst_difference(ours.pop("values"), theirs.pop("values"))
            print(
                f"{'':29} times faster {'':6} {ratio['first_s']:7.1f} {ratio['warm_s']:7.1f} "
                f"{ratio['without_reading_s']:7.1f}   worst relative difference {worst:.0e}"
            )
            rows += [{**one, "worst_relative_difference": worst} for one in pair]
            if options.pictologics:
                peer = fresh("pictologics", case, kind, data, options.repeats, options.pictologics)
                del peer["values"]
                show(peer)
                rows.append(peer)
    shutil.rmtree(made)
    if options.cohort:
        rows += scaling(options.cohort)
    target = HERE / "results" / "extraction.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    print(f"CPU seconds, one thread; written to {target.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
