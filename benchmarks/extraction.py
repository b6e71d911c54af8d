"""CPU seconds and peak memory of feature extraction: native against PyRadiomics.

Each measurement is a fresh process with one thread. It reads the files and extracts once ("first",
what a single case costs after the imports), then again ("warm", the median of a few). PyRadiomics
runs by its own front door on the whole image. The scans are those of PyRadiomics' repository
(``data/``), in ``../shared/data/pyradiomics`` or in the folder that is given.

    python benchmarks/extraction.py [--data FOLDER] [--cases brain1 lung1] [--repeats 3]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
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
    from causalimg.imaging.read import read_image_mask
    from causalimg.radiomics.native_engine import NativeEngine
    from causalimg.radiomics.settings import ExtractionSettings

    engine = NativeEngine(ExtractionSettings.of(image_types=types))
    scan = []

    def all_of_it() -> dict:
        scan.clear()
        scan.append(read_image_mask(image, mask))
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


def measure(tool: str, image: str, mask: str, kind: str, repeats: int) -> dict:
    """Measure one tool in this process."""
    import resource
    import time
    import warnings

    warnings.simplefilter("ignore")
    started = time.process_time()
    all_of_it, extract = {"native": native, "pyradiomics": pyradiomics}[tool](
        image, mask, TYPES[kind]
    )
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


def fresh(tool: str, case: str, kind: str, data: Path, repeats: int) -> dict:
    """Measure one tool in a process of its own."""
    paths = [str(data / f"{case}_{name}.nrrd") for name in ("image", "label")]
    call = [sys.executable, __file__, "--measure", tool, *paths, kind, str(repeats)]
    environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
    done = subprocess.run(call, env=environment, stdout=subprocess.PIPE, check=True)
    return {"case": case, **json.loads(done.stdout.splitlines()[-1])}


def worst_difference(ours: dict[str, float], theirs: dict[str, float]) -> float:
    """Return the largest relative difference of two sets of features."""
    return max(abs(ours[name] - value) / max(abs(value), 1e-9) for name, value in theirs.items())


def main() -> None:
    """Run each tool in turn, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--cases", nargs="+", default=["brain1", "lung1"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        tool, image, mask, kind, repeats = options.measure
        print(json.dumps(measure(tool, image, mask, kind, int(repeats))))
        return
    rows = []
    head = ("case", "images", "features", "tool", "import", "first", "warm", "no read", "MB")
    print("{:7} {:12} {:>8} {:12} {:>7} {:>7} {:>7} {:>7} {:>6}".format(*head))
    for case in options.cases:
        for kind in TYPES:
            pair = [
                fresh(tool, case, kind, options.data, options.repeats)
                for tool in ("native", "pyradiomics")
            ]
            ours, theirs = pair
            for one in pair:
                print(
                    f"{case:7} {kind:12} {one['n_features']:8} {one['tool']:12} "
                    f"{one['import_s']:7.2f} {one['first_s']:7.3f} {one['warm_s']:7.3f} "
                    f"{one['without_reading_s']:7.3f} {one['peak_mb']:6.0f}"
                )
            keys = ("first_s", "warm_s", "without_reading_s")
            ratio = {key: theirs[key] / ours[key] for key in keys}
            worst = worst_difference(ours.pop("values"), theirs.pop("values"))
            print(
                f"{'':29} times faster {'':6} {ratio['first_s']:7.1f} {ratio['warm_s']:7.1f} "
                f"{ratio['without_reading_s']:7.1f}   worst relative difference {worst:.0e}"
            )
            rows += [{**one, "worst_relative_difference": worst} for one in pair]
    target = HERE / "results" / "extraction.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    print(f"CPU seconds, one thread; written to {target.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
