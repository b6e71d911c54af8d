"""The `ibsi` mode against the IBSI's consensus values: feature, ours, theirs, tolerance, status.

python benchmarks/ibsi.py --data ../shared/data/ibsi --show missed

The folder holds ``digital_phantom`` and ``ct_phantom`` (``phantom.nii.gz``, ``mask.nii.gz``) and
``reference_values`` (CSV files with the columns ``reference value;tolerance;tag``).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import pandas as pd

from causalimg.imaging import read_image_mask
from causalimg.radiomics.ibsi import compute
from causalimg.radiomics.ibsi_diagnostics import diagnostics
from causalimg.radiomics.ibsi_reference import compare, read_reference_values
from causalimg.radiomics.ibsi_settings import IbsiSettings

STATUSES = ("met", "missed", "not claimed", "no consensus")
CONFIGURATIONS = {
    "digital phantom": ("digital_phantom", "ibsi_1_dig_phantom.csv"),
    **{
        f"configuration {name}": ("ct_phantom", f"ibsi_1_chest_config_{name.lower()}.csv")
        for name in "ABCDE"
    },
}


def run(data: Path, name: str) -> tuple[pd.DataFrame, float]:
    """Return the comparison of one configuration, and the CPU seconds of its features."""
    folder, table = CONFIGURATIONS[name]
    scan = read_image_mask(data / folder / "phantom.nii.gz", data / folder / "mask.nii.gz")
    if name == "digital phantom":
        settings = IbsiSettings.digital_phantom()
    else:
        settings = IbsiSettings.configuration(name[-1])
    start = time.process_time()
    found = compute(scan, settings)
    seconds = time.process_time() - start
    reference = read_reference_values(data / "reference_values" / table)
    return compare({**found, **diagnostics(scan, settings)}, reference), seconds


def main() -> None:
    """Print the features and the counts of each configuration, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/ibsi"))
    parser.add_argument("--show", choices=("all", *STATUSES, "nothing"), default="all")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/ibsi.json"))
    options = parser.parse_args()
    results, summary = {}, []
    for name in CONFIGURATIONS:
        rows, seconds = run(options.data, name)
        counts = rows["status"].value_counts().to_dict()
        summary.append(
            {
                "configuration": name,
                **{status: int(counts.get(status, 0)) for status in STATUSES},
                "in the table": len(rows),
                "cpu_s": round(seconds, 3),
            }
        )
        results[name] = {**summary[-1], "columns": list(rows), "rows": _plain(rows)}
        shown = rows if options.show == "all" else rows[rows["status"] == options.show]
        if len(shown):
            print(f"\n{name}\n{shown.to_string(index=False, float_format='{:.5g}'.format)}")
    print(f"\n{pd.DataFrame(summary).to_string(index=False)}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(_lines(results), encoding="utf-8")


def _plain(rows: pd.DataFrame) -> list[list[str | float | None]]:
    """Return the rows as JSON types, numbers with six digits."""
    return [
        [
            float(f"{v:.6g}") if isinstance(v, float) and v == v else (v if v == v else None)
            for v in r
        ]
        for r in rows.itertuples(index=False)
    ]


def _lines(results: dict[str, dict[str, object]]) -> str:
    """Return JSON with one row a line."""
    text = json.dumps(results)
    return text.replace("[[", "[\n [").replace("], [", "],\n [").replace("]]", "]\n]") + "\n"


if __name__ == "__main__":
    main()
