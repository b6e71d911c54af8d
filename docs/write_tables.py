"""Write the tables under docs/tables from benchmark results: ``python docs/write_tables.py``.

The benchmarks write JSON under benchmarks/results (not kept); the tables are kept. A table whose
results are not there is left as it is.

    python benchmarks/effects_truth.py
    python benchmarks/invariance_phantom.py --pool 800 --patients 500
    python benchmarks/invariance_icp.py --runs 100
    python benchmarks/accuracy.py --markdown docs/tables/discovery_accuracy.md
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS, TABLES = ROOT / "benchmarks" / "results", ROOT / "docs" / "tables"

EFFECTS_HEAD = """# Effect estimators on data with a known effect

Written by `docs/write_tables.py` from `benchmarks/effects_truth.py`, whose first lines say how the
data are drawn. {replications} tables of {n} cases, {outcomes} outcomes each; errors in standard
deviations of the outcome. The truth of rows that end in *ato* and of DML is the effect in the
overlap population. Coverage is that of 95 % intervals; its Monte Carlo standard errors are at most
{worst:.3f}.
"""
INVARIANT_HEAD = """# Invariant sets: what is let in, and what should have been

Written by `docs/write_tables.py`.

## Stable measurements on simulated scans

From `benchmarks/invariance_phantom.py`: {patients} patients, drawn {cohorts} times from a pool of
{pool} that were rendered on both scanners, so that the true effect on each of {features} features
is known. *Precision*: share of the features let in that are truly within the margin. *Recall*:
share of those within the margin that are let in. *A wrong one*: share of the cohorts in which any
feature beyond the margin is let in. The conventional rules know no margin: ICC from {repeats}
patients scanned on both, and "the difference is not significant".
"""
ICP_HEAD = """## Predictors that are invariant across sites

From `benchmarks/invariance_icp.py`, {runs} tables each. *Within causes*: share of the tables in
which every feature that is reported is a direct cause (at least 0.95 is promised). *Recall*: share
of the direct causes that are reported. *Rejected*: share of the tables whose model was rejected,
though it holds.
"""


def rows(head: list[str], body: list[list[str]]) -> list[str]:
    """Return a Markdown table; the first column is text, the others numbers."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return [*lines, *("| " + " | ".join(row) + " |" for row in body), ""]


def effects(result: dict[str, Any]) -> str:
    """Return the page on effect estimators."""
    kinds = {name: part for name, part in result.items() if isinstance(part, dict)}
    every = [one for part in kinds.values() for one in part.values()]
    worst = max(one.get("coverage_se", 0.0) for one in every)
    lines = [EFFECTS_HEAD.format(**result, worst=worst)]
    for kind, part in kinds.items():
        body = [
            [name, f"{one['bias']:+.3f}", f"{one['rmse']:.3f}",
             f"{one['coverage']:.3f}" if "coverage" in one else "", f"{1000 * one['cpu_s']:.0f}"]
            for name, one in part.items() if "bias" in one
        ]  # fmt: skip
        lines += [f"## {kind.replace('_', ' ')}", ""]
        lines += rows(["estimator", "bias", "RMSE", "coverage", "CPU ms"], body)
        refused = [name for name, one in part.items() if "bias" not in one]
        if refused:
            lines += [f"Refused, as they should be here: {', '.join(refused)}.", ""]
    return "\n".join(lines)


def invariant(phantom: dict[str, Any], icp: dict[str, Any] | None) -> str:
    """Return the page on invariant sets."""
    lines = [INVARIANT_HEAD.format(**phantom["options"], features=phantom.get("features", 107))]
    for margin in dict.fromkeys(row["margin"] for row in phantom["rules"]):
        lines += [f"### Margin {margin} SD", ""]
        body = [
            [row["rule"].replace(f", {margin} SD", ""), f"{row['size']:.0f}",
             f"{row['precision']:.2f}", f"{row['recall']:.2f}", f"{row['any_wrong']:.2f}"]
            for row in phantom["rules"] if row["margin"] == margin
        ]  # fmt: skip
        lines += rows(["rule", "features let in", "precision", "recall", "a wrong one"], body)
    if icp is not None:
        lines += [ICP_HEAD.format(**icp)]
        body = [
            [name, f"{one['subset_of_causes']:.2f}", f"{one['recall']:.2f}",
             f"{one['model_rejected']:.2f}", f"{1000 * one['cpu_s'] / icp['runs']:.0f}"]
            for name, one in icp.items() if isinstance(one, dict) and "recall" in one
        ]  # fmt: skip
        head = ["method", "within causes", "recall", "rejected", "CPU ms a table"]
        lines += rows(head, body)
    return "\n".join(lines)


def read(name: str) -> Any:
    """Return one benchmark's results, or None."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def main() -> None:
    """Write what there are results for."""
    TABLES.mkdir(exist_ok=True)
    found, phantom = read("effects_truth"), read("invariance_phantom")
    pages = {
        "effects_truth": effects(found) if found else None,
        "invariant_sets": invariant(phantom, read("invariance_icp")) if phantom else None,
    }
    for name, page in pages.items():
        if page is None:
            print(f"{name}: no results, left as it is")
            continue
        (TABLES / f"{name}.md").write_text(page.rstrip() + "\n", encoding="utf-8")
        print(f"wrote docs/tables/{name}.md")


if __name__ == "__main__":
    main()
