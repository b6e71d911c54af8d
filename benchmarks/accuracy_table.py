"""The runs of the accuracy benchmark as Markdown tables."""

from __future__ import annotations

import pandas as pd

NAMES = {
    "pc": "PC",
    "ges": "GES",
    "boss": "BOSS",
    "ges_2": "GES (penalty discount 2)",
    "boss_2": "BOSS (penalty discount 2)",
    "fci": "FCI",
    "direct_lingam": "DirectLiNGAM",
    "ica_lingam": "ICALiNGAM",
    "notears": "NOTEARS (order, λ = 0.1)",
    "notears_bic": "NOTEARS (order, λ by BIC)",
    "notears_alm": "NOTEARS (continuous, λ = 0.1)",
    "golem": "GOLEM",
    "notears_mlp": "NOTEARSMLP",
    "empty": "*empty graph*",
    "sort_variance": "*sort by variance, regress*",
    "sort_r2": "*sort by R², regress*",
    "min_pivot": "*least conditional variance*",
}
GRAPHS = {"er": "Erdős–Rényi", "sf": "scale-free"}
HEAD = """# Which method finds the graph: errors on simulated data

Written by `benchmarks/accuracy.py`, whose first lines say how the data are drawn. Two edges a
node, n = 1,000 rows, the same rows for every method; means over random graphs. **raw**: as
simulated; **std**: every column divided by its standard deviation. *equal*, *unequal*: linear,
Gaussian noise of equal or unequal variance; *exponential*: linear, exponential noise of unequal
variance; *nonlinear*: sums of smooth functions of the parents, Gaussian noise. Methods use their
default settings (or those named) and the columns as they come. The last four rows are baselines: a
method that does not clearly beat them has learned nothing from the data but its scale or the
number of its edges.

**SHD** counts the pairs of columns whose edge differs from the truth. Both graphs are compared as
equivalence classes (a DAG is turned into its CPDAG first), so that neither a method that orients
every edge nor one that leaves open what the independences leave open is favoured. FCI returns a
PAG, which has no such distance. **Arrows** are held against the true DAG as they are returned:
precision is the share of the returned arrows that are right, recall the share of the true
ones that were returned.
"""


def _grid(runs: pd.DataFrame, cell: pd.Series) -> list[str]:
    """Return a table of one text per method, data and scale."""
    wide = cell.unstack(["data", "scale"])
    order = [
        (data, scale)
        for data in ("equal", "unequal", "exponential", "nonlinear")
        for scale in ("raw", "std")
        if (data, scale) in wide.columns
    ]
    lines = ["| method | " + " | ".join(f"{a}, {b}" for a, b in order) + " |"]
    lines.append("|---" + "|---:" * len(order) + "|")
    for name, label in NAMES.items():
        if name in wide.index:
            texts = [wide.loc[name, at] for at in order]
            if any(isinstance(text, str) for text in texts):
                shown = [text if isinstance(text, str) else "" for text in texts]
                lines.append(f"| {label} | " + " | ".join(shown) + " |")
    return lines


def _texts(runs: pd.DataFrame, value: str, form: str) -> pd.Series:
    mean = runs.groupby(["method", "data", "scale"])[value].mean().dropna()
    return mean.map(lambda v: form.format(v))


def _whole(runs: pd.DataFrame) -> pd.DataFrame:
    """Leave out tables that not every method of that size has run on yet."""
    usual = runs[runs["method"] != "notears_mlp"]
    table = ["d", "graph", "data", "scale", "seed"]
    done = usual.groupby(table)["method"].nunique().rename("done").reset_index()
    whole = done[done["done"] == done.groupby("d")["done"].transform("max")]
    return runs.merge(whole[table], on=table)


def markdown(runs: pd.DataFrame) -> str:
    """Return the tables of all runs."""
    runs = _whole(runs)
    lines = [HEAD]
    for d in sorted(runs["d"].unique()):
        for graph in GRAPHS:
            part = runs[(runs["d"] == d) & (runs["graph"] == graph)]
            if part.empty:
                continue
            true = 2 * d if graph == "er" else 2 * d - 3
            seeds = part.groupby(["data", "scale"])["seed"].nunique()
            count = (
                f"{seeds.min()}"
                if seeds.min() == seeds.max()
                else f"{seeds.min()} to {seeds.max()}"
            )
            lines += [
                f"## SHD, d = {d}, {GRAPHS[graph]}, {true} true edges, graphs a column: {count}",
                "",
            ]
            lines += [*_grid(part, _texts(part, "shd", "{:.0f}")), ""]
    part = runs[(runs["d"] == 20) & (runs["graph"] == "er")]
    lines += ["## Arrows, d = 20, Erdős–Rényi: precision / recall", ""]
    pair = _texts(part, "arrow_precision", "{:.2f}").str.cat(
        _texts(part, "arrow_recall", "{:.2f}"), sep=" / "
    )
    lines += [*_grid(part, pair.dropna()), ""]
    lines += ["## Skeleton, d = 20, Erdős–Rényi: precision / recall", ""]
    pair = _texts(part, "skeleton_precision", "{:.2f}").str.cat(
        _texts(part, "skeleton_recall", "{:.2f}"), sep=" / "
    )
    lines += [*_grid(part, pair.dropna()), ""]
    lines += [
        "## Structural intervention distance, d = 20, Erdős–Rényi: least / largest", "",
        "Of 380 ordered pairs, how many effects would be computed with a wrong adjustment set; the"
        " bounds go over the DAGs that a CPDAG leaves open. Empty where the output of a run stands"
        " for no DAG (conflicting colliders of PC) or for too many.", "",
    ]  # fmt: skip
    pair = _texts(part, "sid_low", "{:.0f}").str.cat(_texts(part, "sid_high", "{:.0f}"), sep=" / ")
    lines += [*_grid(part, pair.dropna()), ""]
    lines += ["## CPU seconds of a fit (median over all data, one thread)", ""]
    sizes = sorted(runs["d"].unique())
    lines.append("| method | " + " | ".join(f"d = {d}" for d in sizes) + " |")
    lines.append("|---" + "|---:" * len(sizes) + "|")
    cpu = runs.groupby(["method", "d"])["cpu_s"].median().unstack()
    for name, label in NAMES.items():
        if name in cpu.index and name != "empty":
            shown = ["" if pd.isna(v) else f"{v:.2f}" for v in cpu.loc[name]]
            lines.append(f"| {label} | " + " | ".join(shown) + " |")
    few = runs.groupby(["method", "d"])["seed"].nunique().unstack()
    if "notears_mlp" in few.index:
        lines += ["", f"NOTEARSMLP: {few.loc['notears_mlp', 20]:.0f} graph(s) a cell."]
    return "\n".join(lines) + "\n"
