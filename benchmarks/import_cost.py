"""CPU time of ``import causalimg`` over that of numpy and pandas, each in a fresh process.

python benchmarks/import_cost.py --repeats 9
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

CASES = {
    "numpy + pandas": "import numpy, pandas",
    "and causalimg": "import numpy, pandas, causalimg",
    "and its Cohort": "import numpy, pandas, causalimg; causalimg.Cohort",
    "and its Study": "import numpy, pandas, causalimg; causalimg.Study",
}


def cpu_seconds(code: str) -> float:
    """Return the CPU seconds (user and system) of a fresh process that runs the code."""
    whole = f"{code}\nimport resource as r; u = r.getrusage(r.RUSAGE_SELF)"
    whole += "\nprint(u.ru_utime + u.ru_stime)"
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Run in turn, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/import_cost.json"))
    options = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(options.repeats + 1):
        for name, code in CASES.items():
            times[name].append(cpu_seconds(code))
    base = statistics.median(times["numpy + pandas"][1:])
    found = {}
    for name, values in times.items():
        median = statistics.median(values[1:])
        found[name] = {"median_cpu_s": median, "min_cpu_s": min(values[1:]), "over": median - base}
        print(f"{name:<16}{median:7.3f} s CPU   +{median - base:.3f}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
