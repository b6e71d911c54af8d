"""Markdown table of what `effects_truth` measured, from one or more of its JSON files.

    python benchmarks/effects_truth_table.py results/*.json --markdown docs/tables/effects_truth.md
    python benchmarks/effects_truth_table.py results/*.json --merged benchmarks/results/all.json

Of several measures of one estimator the one over most tables counts, then that with most outcomes,
then the last. A coverage that is further than three Monte Carlo standard errors from 0.95 is
marked: ``-`` below, ``+`` above.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from effects_truth import ESTIMATORS, SCENARIOS

HEAD = """# Bias, error and coverage of the effect estimators

Simulated tables of {n} cases and five covariates with known effects; errors in standard deviations
of the outcome within levels. *ate*: mean effect over all cases; *ato*: over the overlap population.
Standard errors in brackets are Monte Carlo errors over tables. A coverage further than three of
them from 0.95 is marked: - below, + above. *Warned*: share of the fits whose effect table says
"limited overlap" in its rows; fits that are refused for poor overlap count as not estimable. Rows
that end in *same outcomes* are ours on the tables and outcomes that the slower libraries were
given, to be compared with these. No library but ours was told of the clusters. Written by
`docs/write_tables.py` from `benchmarks/effects_truth.py`, whose first lines say how the tables are
drawn.
"""
COLUMNS = (
    "| estimator | target | bias | RMSE | coverage | width | warned | tables x outcomes |"
    " CPU s a fit |"
)


def merged(paths: list[Path]) -> dict[str, Any]:
    """Return the measures of several files, by scenario and estimator."""
    out: dict[str, Any] = {}
    for path in paths:
        document = json.loads(path.read_text())
        out |= {name: document[name] for name in ("n", "replications", "outcomes")}
        for kind in set(document) & set(SCENARIOS):
            for name, one in document[kind].items():
                known = out.setdefault(kind, {}).get(name)
                if "replications" not in one:
                    continue  # asked for, and not one table done
                if known is None or _size(one) >= _size(known):
                    out[kind][name] = one
    return out


def _size(one: dict[str, Any]) -> tuple[int, int]:
    return int(one["replications"]), int(one["outcomes"])


def line(name: str, one: dict[str, Any]) -> str:
    """Return one row."""
    if "bias" not in one:
        return f"| {name} | {one['estimand']} | not estimable | | | | | | |"
    covered, mark = "none", ""
    if "coverage" in one:
        gap = (one["coverage"] - 0.95) / max(one["coverage_se"], 1e-9)
        mark = " -" if gap < -3 else " +" if gap > 3 else ""
        covered = f"{one['coverage']:.3f} ({one['coverage_se']:.3f}){mark}"
    share = "" if one["estimable"] == 1 else f", {one['estimable']:.0%} estimable"
    width = f"{one['width']:.3f}" if "width" in one else ""
    warned = f"{one['warned']:.0%}" if "warned" in one else ""
    return (
        f"| {name} | {one['estimand']} | {one['bias']:.4f} ({one['bias_se']:.4f})"
        f" | {one['rmse']:.4f} ({one['rmse_se']:.4f}) | {covered} | {width}"
        f" | {warned} | {one['replications']} x {one['outcomes']}{share} | {one['cpu_s']:.3f} |"
    )


def markdown(found: dict[str, Any]) -> str:
    """Return the document."""
    parts = [HEAD.format(n=found["n"])]
    for kind in SCENARIOS:
        if kind not in found:
            continue
        ours = [name for name in (*ESTIMATORS, "AIPW, kernel ridge") if name in found[kind]]
        others = [name for name in found[kind] if name not in ours]
        rows = [line(name, found[kind][name]) for name in (*ours, *others)]
        parts.append("\n".join([f"## {kind}\n", COLUMNS, "|" + " --- |" * 9, *rows]) + "\n")
    return "\n".join(parts)


def main() -> None:
    """Merge, print or write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--markdown", type=Path, help="write here; print by default")
    parser.add_argument("--merged", type=Path, help="write the merged measures here")
    options = parser.parse_args()
    found = merged(options.files)
    if options.merged is not None:
        options.merged.write_text(json.dumps(found) + "\n")
    text = markdown(found)
    if options.markdown is None:
        print(text)
    else:
        options.markdown.parent.mkdir(parents=True, exist_ok=True)
        options.markdown.write_text(text)


if __name__ == "__main__":
    main()
