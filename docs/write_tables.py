"""Write the tables under docs/tables from benchmark results: ``python docs/write_tables.py``.

The benchmarks write JSON under benchmarks/results (not kept); the tables are kept. A table whose
results are not there is left as it is.

    python benchmarks/effects_truth.py --replications 300 --outcomes 500 --peers
    python benchmarks/abide_pairs.py --draws 100 --seed 2000
    python benchmarks/invariance_phantom.py --seed 9000
    python benchmarks/invariance_phantom.py --out benchmarks/results/invariance_phantom_2.json
    python benchmarks/invariance_abide.py
    python benchmarks/invariance_tost.py --figure docs/figures/tost_power.png
    python benchmarks/leave_one_scanner_out.py
    python benchmarks/invariance_icp.py --runs 500
    python benchmarks/accuracy.py --markdown docs/tables/discovery_accuracy.md
    python benchmarks/redundancy.py
    python benchmarks/constraints.py
    python benchmarks/image_shortcuts.py
    python benchmarks/linear_unit_tests.py
"""

from __future__ import annotations

import json
import statistics
import sys
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS, TABLES = ROOT / "benchmarks" / "results", ROOT / "docs" / "tables"

BLOCKS_HEAD = """# Links found behind near-copies

Written by `docs/write_tables.py` from `benchmarks/redundancy.py`. 12 latent nodes with exponential
noise and 18 links, 5 near-copies of each (r = 0.97, `datasets.near_copies`), 500 rows, {seeds} data
sets. Links found, fewest to most, and in brackets the mean number of false ones. Clusters at 0.85
({clusters} of them); "taken apart" is `take_apart` with 30 resamples ({apart} clusters, {mixed} of
which hold copies of two nodes); "cluster moments" takes the noise of the copies out, too
(`cluster_moments`; DirectLiNGAM needs rows).
"""
BLOCKS_COLUMNS = {
    "latent nodes": "latent nodes themselves",
    "all columns": "all 60 columns",
    "representatives, as clustered": "representatives",
    "representatives": "representatives, taken apart",
    "means": "means, taken apart",
    "cluster moments": "cluster moments",
}
PAIRS_HEAD = """# Effect estimators on brains that went through two pipelines

Written by `docs/write_tables.py` from `benchmarks/abide_pairs.py`. Cortical thickness of {regions}
regions of the same subjects (ABIDE-I) by FreeSurfer 5.1 and 6.0, so that the true effect is known;
in each of {draws} draws a subject shows one version, with a probability that depends on age, sex
and diagnosis. Errors in standard deviations of the region under 5.1; coverage of 95 % intervals
with its Monte Carlo error, and that of the worst region. The truth is the mean over all subjects
for ATO and DML, too, whose target is another one where effects vary.
"""
PAIRS_KINDS = {
    "sample": """## The same subjects every time

Treatments are drawn anew, and the truth is the mean effect in just these subjects. The intervals
are for the population that they come from, but where it says *sample's* (`scope="sample"`).
""",
    "population": """## Subjects drawn with replacement

The truth is the mean effect in the population that the subjects stand for.
""",
}
PAGE_HEAD = """# Invariant sets: what is let in, and what should have been

Written by `docs/write_tables.py`.
"""
INVARIANT_HEAD = """## Stable measurements on simulated scans

From `benchmarks/invariance_phantom.py`: {patients} patients, drawn {cohorts} times from a pool of
{pool} that were rendered on both scanners, so that the true effect on each of 107 features is
known. *Precision*: share of the features let in that are truly within the margin. *Recall*: share
of those within the margin that are let in. *A wrong one*: share of the cohorts in which any
feature beyond the margin is let in. Ours see every patient on one scanner, *bh* with the share of
wrong features that is allowed, *maxt* with the chance of any. The conventional rules know neither
margin nor level: ICC from {repeats} patients scanned on both, and "the difference is not
significant". *As many as*: the same number of features as that rule, in the order of our p-values.
"""
SECOND_HEAD = """## The same with other patients

A second pool of {pool}: what depends on the pool and what does not.
"""
ABIDE_HEAD = """## Stable measurements on brains that went through two pipelines

From `benchmarks/invariance_abide.py`: cortical thickness of 68 regions of the same subjects by two
versions of FreeSurfer (ABIDE-I), {draws} draws in which each subject shows one version, with a
probability that depends on age, sex and diagnosis. *FDP*: share of the regions let in that are
beyond the margin, on average.
"""
TOST_HEAD = """## Level and power of the equivalence tests

From `benchmarks/invariance_tost.py`: margin {margin} SD, {n} patients, {runs} tables of 40
correlated features, half of them at the effect in question and half without any. At the margin and
beyond, a feature let in is a wrong one.

![Share certified over the true effect](../figures/tost_power.png)
"""
SCANNER_HEAD = """## Prediction on a scanner that training never saw

From `benchmarks/leave_one_scanner_out.py`: {cohorts} simulated cohorts of {patients} patients,
three scanners, each left out in turn. The AUC of the worst scanner, its mean over cohorts and 95 %
interval (bootstrap over cohorts). *Reversed*: a shortcut by slice thickness points the other way
on the scanner left out. *Empty*: share of the choices that keep nothing and predict at random.
IRM, V-REx and group DRO compare the scanners of the training data, on all of which the shortcut
points the same way: nothing there tells it from a cause, so they follow it. What helps is knowledge
of what the protocol does to the features: `stable`, and ComBat over scanner and protocol
(`combat_both`).
"""
ICP_HEAD = """## Predictors that are invariant across sites

From `benchmarks/invariance_icp.py`, {runs} tables each. *Within causes*: share of the tables in
which every feature that is reported is a direct cause (at least 0.95 is promised). *Recall*: share
of the direct causes that are reported. *Rejected*: share of the tables whose model was rejected,
though it holds.
"""

TRAINING_HEAD = """# Training under constraints: accuracy where a cue breaks

Written by `docs/write_tables.py` from the benchmarks named; the first lines of each say how the
data are drawn and how settings were chosen. *Worst*: the smallest accuracy over the test
environments, its mean and standard deviation over the draws, and the lowest draw. What a graph
licenses is on the page [which constraint does a graph license](../constraints.md).
"""
TRAINING_KINDS = {
    "none": "no constraint",
    "derived": "derived from the graph",
    "licensed": "licensed too",
    "wrong": "not licensed",
}


def rows(head: list[str], body: list[list[str]]) -> list[str]:
    """Return a Markdown table; the first column is text, the others numbers."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return [*lines, *("| " + " | ".join(row) + " |" for row in body), ""]


def effects(paths: list[Path]) -> str | None:
    """Return the page on effect estimators, None without results."""
    if not paths:
        return None
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from effects_truth_table import markdown, merged

    return markdown(merged(paths))


def stable_on_scans(phantom: dict[str, Any], head: str = INVARIANT_HEAD) -> list[str]:
    """Return the section on simulated scans."""
    lines = [head.format(**phantom["options"])]
    for margin in dict.fromkeys(row["margin"] for row in phantom["rules"]):
        body = [
            [row["rule"].replace(f", {margin} SD", ""), f"{row['size']:.0f}",
             f"{row['precision']:.3f}", f"{row['recall']:.3f}", f"{row['any_wrong']:.2f}"]
            for row in phantom["rules"] if row["margin"] == margin
        ]  # fmt: skip
        lines += [f"### Margin {margin} SD", ""]
        lines += rows(["rule", "features let in", "precision", "recall", "a wrong one"], body)
    return lines


def stable_on_brains(found: dict[str, Any]) -> list[str]:
    """Return the section on the paired pipelines."""
    lines = [ABIDE_HEAD.format(**found["options"])]
    settings = dict.fromkeys((row["n"], row["margin"]) for row in found["rules"])
    for n, margin in settings:
        body = [
            [f"{row['estimator']}: {row['rule']}", f"{row['size']:.1f}", f"{row['any_wrong']:.2f}",
             f"{row['fdp']:.4f}", f"{row['recall']:.3f}"]
            for row in found["rules"] if (row["n"], row["margin"]) == (n, margin)
        ]  # fmt: skip
        lines += [f"### {n} subjects, margin {margin} SD", ""]
        lines += rows(["rule", "regions let in", "a wrong one", "FDP", "recall"], body)
    return lines


def power(found: dict[str, Any]) -> list[str]:
    """Return the section on level and power."""
    keys = ("single_test", "bh_at_effect", "maxt_at_effect", "bh_fdp", "maxt_any_wrong")
    body = [
        [effect, *(f"{one[key]:.3f}" if key in one else "" for key in keys)]
        for effect, one in found["power"].items()
    ]
    head = ["true effect, SD", "one test", "BH", "max-t", "BH: FDP", "max-t: a wrong one"]
    asked = [
        f"With {one['n']} patients, the undecided features without effect ask for"
        f" {one['n_asked']:.0f} under {control} (for a chance of 80 % each); with these,"
        f" {one['decided']:.0%} are certified."
        for control, one in found["asked"].items()
    ]
    return [TOST_HEAD.format(**found), *rows(head, body), *asked, ""]


def unseen_scanner(found: dict[str, Any]) -> list[str]:
    """Return the section on prediction on a scanner left out."""
    body = [
        [f"{one['world']}: {one['method']}", f"{one['worst_auc']:.3f}",
         f"{one['low']:.3f} to {one['high']:.3f}", f"{one['mean_auc']:.3f}",
         f"{one['features']:.0f}", f"{one['empty']:.2f}"]
        for one in found["summary"]
    ]  # fmt: skip
    head = ["way", "worst AUC", "interval", "mean AUC", "features", "empty"]
    return [SCANNER_HEAD.format(**found["options"]), *rows(head, body)]


def predictors(icp: dict[str, Any]) -> list[str]:
    """Return the section on invariant predictors."""
    body = [
        [name, f"{one['subset_of_causes']:.3f}", f"{one['recall']:.2f}",
         f"{one['model_rejected']:.3f}", f"{1000 * one['cpu_s'] / icp['runs']:.0f}"]
        for name, one in icp.items() if isinstance(one, dict) and "recall" in one
    ]  # fmt: skip
    head = ["method", "within causes", "recall", "rejected", "CPU ms a table"]
    lines = [ICP_HEAD.format(**icp), *rows(head, body)]
    lines += ["1,500 features of 2,000 patients from ten sites, CPU seconds:", ""]
    body = [[name, f"{seconds:.1f}"] for name, seconds in icp["large"].items()]
    return [*lines, *rows(["step", "seconds"], body)]


def pairs(result: dict[str, Any]) -> str:
    """Return the page on the paired brains."""
    lines = [PAIRS_HEAD.format(**result)]
    for kind, head in PAIRS_KINDS.items():
        body = [
            [name, f"{one['rmse_sd']:.4f}", f"{one['mean_abs_bias_sd']:.4f}",
             f"{one['coverage']:.3f} ({one['coverage_se']:.3f})", f"{one['worst_region']:.2f}",
             f"{one['cpu_s'] / one['draws']:.3f}"]
            for name, one in result[kind].items()
        ]  # fmt: skip
        columns = ["estimator", "RMSE", "mean bias", "coverage", "worst region", "CPU s a draw"]
        lines += [head, *rows(columns, body)]
    return "\n".join(lines)


def invariant() -> str | None:
    """Return the page on invariant sets: a section for each benchmark that has results."""
    sections = {
        "invariance_phantom": stable_on_scans,
        "invariance_phantom_2": partial(stable_on_scans, head=SECOND_HEAD),
        "invariance_abide": stable_on_brains,
        "invariance_tost": power,
        "leave_one_scanner_out": unseen_scanner,
        "invariance_icp": predictors,
    }
    found = {name: read(name) for name in sections}
    known = {name: one for name, one in found.items() if one is not None}
    if not known:
        return None
    for name in sorted(set(found) - set(known)):
        print(f"invariant_sets: no results {name}.json, so without that section")
    lines = [line for name, one in known.items() for line in sections[name](one)]
    return "\n".join([PAGE_HEAD, *lines])


def over_draws(found: list[dict[str, Any]]) -> list[str]:
    """Return mean and SD of the worst environment, the lowest draw, and the mean of each."""
    worst = [one["worst"] for one in found]
    spread = statistics.stdev(worst) if len(worst) > 1 else 0.0
    each = {k: statistics.mean(one["scores"][k] for one in found) for k in found[0]["scores"]}
    shown = " / ".join(f"{value:.3f}" for value in each.values())
    return [f"{statistics.mean(worst):.3f} ± {spread:.3f}", f"{min(worst):.3f}", shown]


def blocks(found: list[dict[str, Any]]) -> str:
    """Return the page on near-copies."""
    sets = list({one["seed"]: one for one in found}.values())

    def spread(name: str) -> str:
        values = [one[name] for one in sets]
        low, high = min(values), max(values)
        return str(low) if low == high else f"{low} to {high}"

    lines = [
        BLOCKS_HEAD.format(
            seeds=len(sets),
            clusters=spread("clusters"),
            apart=spread("taken apart"),
            mixed=spread("mixed"),
        )
    ]
    body = []
    for method in dict.fromkeys(one["method"] for one in found):
        cells = []
        for table in BLOCKS_COLUMNS:
            part = [one for one in found if one["method"] == method and one["table"] == table]
            links, false = [one["found"] for one in part], [one["false"] for one in part]
            cells.append(
                f"{min(links)} to {max(links)} ({statistics.mean(false):.1f})" if part else ""
            )
        body.append([method, *cells])
    return "\n".join([*lines, *rows(["method", *BLOCKS_COLUMNS.values()], body)])


def training(
    problems: list[dict[str, Any]] | None,
    images: list[dict[str, Any]] | None,
    units: list[dict[str, Any]] | None,
) -> str:
    """Return the page on training under constraints."""
    lines = [TRAINING_HEAD]
    for source, found, name in (
        ("constraints.py", problems, "arm"),
        ("image_shortcuts.py", images, "way"),
    ):
        if not found:
            continue
        for problem in dict.fromkeys(row["problem"] for row in found):
            part = [row for row in found if row["problem"] == problem]
            seeds, tests = len({row["seed"] for row in part}), " / ".join(part[0]["scores"])
            lines += [f"## {problem.replace('_', ' ').capitalize()}", ""]
            lines += [f"From `benchmarks/{source}`, {seeds} draws.", ""]
            body = []
            for way in dict.fromkeys(row[name] for row in part):
                those = [row for row in part if row[name] == way]
                kind = those[0].get("kind")
                label = way if kind is None else f"{way} ({TRAINING_KINDS[kind]})"
                body.append([label.replace("|", "\\|"), *over_draws(those)])
            lines += rows(["training", "worst", "lowest draw", f"at {tests}"], body)
    if units:
        seeds = units[0].get("seeds", 50)
        lines += ["## Linear unit tests for invariance", ""]
        lines += [
            f"From `benchmarks/linear_unit_tests.py`, {seeds} draws: test error, mean ± SD, and in"
            " brackets the published mean (Aubin et al. 2021, doi:10.48550/arXiv.2102.10867). Plain"
            " Example2 separates no methods with our step sizes: ERM solves it, too.",
            "",
        ]
        methods = list(dict.fromkeys(row["method"] for row in units))
        cells = {(row["problem"], row["method"]): row for row in units}
        body = [
            [problem, *(_unit(cells.get((problem, method))) for method in methods)]
            for problem in dict.fromkeys(row["problem"] for row in units)
        ]
        lines += rows(["problem", *methods], body)
    return "\n".join(lines)


def _unit(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    digits = 2 if row["problem"].startswith("Example1") else 3
    published = row["published"]
    beside = "" if published is None else f" ({published:.{digits}f})"
    return f"{row['ours']:.{digits}f} ± {row['sd']:.{digits}f}{beside}"


def read(name: str) -> Any:
    """Return one benchmark's results, or None."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def main() -> None:
    """Write what there are results for."""
    TABLES.mkdir(exist_ok=True)
    brains, copies = read("abide_pairs"), read("redundancy")
    pages = {
        "effects_truth": effects(sorted(RESULTS.glob("effects_truth*.json"))),
        "effects_abide": pairs(brains) if brains else None,
        "invariant_sets": invariant(),
        "discovery_near_copies": blocks(copies) if copies else None,
        "training": None,
    }
    parts = [read(name) for name in ("constraints", "image_shortcuts", "linear_unit_tests")]
    if any(parts):
        pages["training"] = training(*parts)
    for name, page in pages.items():
        if page is None:
            print(f"{name}: no results, left as it is")
            continue
        (TABLES / f"{name}.md").write_text(page.rstrip() + "\n", encoding="utf-8")
        print(f"wrote docs/tables/{name}.md")


if __name__ == "__main__":
    main()
