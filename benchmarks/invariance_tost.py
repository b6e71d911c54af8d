"""Level and power of the stable set over the true effect, and of the number of patients asked for.

Forty features per table: one half at the effect in question, one half without any. Features share
a factor. A feature at or beyond the margin that is certified is a false inclusion.

    python benchmarks/invariance_tost.py --runs 100 --figure docs/figures/tost_power.png
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "invariance"))

from stable_tables import ADJUSTMENT, shifted_table

from causalimg.effects.estimators import AIPW
from causalimg.invariance.stable import StableFeatures

MARGIN = 0.3
EFFECTS = (0.0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)


def power(effect: float, n: int, runs: int) -> dict[str, float]:
    """Certify many tables of one effect and return the shares."""
    truth = np.repeat([0.0, effect], 20)
    out: dict[str, float] = {}
    shares: dict[str, list[float]] = {}
    for seed in range(runs):
        frame, names = shifted_table(seed, truth, n=n, common=0.3)
        effects = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
        for control in ("bh", "maxt"):
            found = StableFeatures(
                environment="scanner",
                adjustment=ADJUSTMENT,
                margin=MARGIN,
                control=control,
                n_bootstrap=500,
            ).fit(frame, features=names, effects=effects)
            made = np.isin(names, found.invariant_set_.features)
            single = (found.invariant_set_.evidence["p_equivalence"] <= 0.05).to_numpy()
            row = {"at_effect": made[20:].mean(), "at_zero": made[:20].mean()}
            if effect >= MARGIN:
                row["any_wrong"] = float(made[20:].any())
                row["fdp"] = made[20:].sum() / max(made.sum(), 1)
            for key, value in row.items():
                shares.setdefault(f"{control}_{key}", []).append(float(value))
            shares.setdefault("single_test", []).append(float(single[20:].mean()))
    for key, values in shares.items():
        out[key] = float(np.mean(values))
    return out


def asked(n: int, runs: int, control: str) -> dict[str, float]:
    """Certify again with the number of patients that the undecided features asked for."""
    decided, wanted = [], []
    for seed in range(runs):
        frame, names = shifted_table(seed, np.zeros(40), n=n, common=0.3)
        settings: dict[str, Any] = {
            "environment": "scanner",
            "adjustment": ADJUSTMENT,
            "margin": MARGIN,
            "control": control,
        }
        first = StableFeatures(**settings).fit(frame, features=names).invariant_set_.evidence
        open_ = first[first["verdict"] == "not_certifiable"]
        if not len(open_):
            continue
        more = int(open_["n_needed"].median())
        again, _ = shifted_table(seed + 10_000, np.zeros(40), n=more, common=0.3)
        second = StableFeatures(**settings).fit(again, features=names).invariant_set_
        wanted.append(more)
        decided.append(len(second) / 40)
    return {"n": n, "n_asked": float(np.mean(wanted)), "decided": float(np.mean(decided))}


def plot(result: dict[str, Any], path: Path) -> None:
    """Draw the share of features certified over their true effect."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from causalimg.report.style import PALETTE, legend_above, style

    effects = [float(key) for key in result["power"]]
    with style():
        fig, ax = plt.subplots(figsize=(5.2, 3.6), layout="constrained", facecolor="white")
        for key, label, colour, marker in (
            ("single_test", "one feature alone", "blue", "o"),
            ("bh_at_effect", "40 features, BH", "orange", "s"),
            ("maxt_at_effect", "40 features, max-t", "teal", "^"),
        ):
            share = [one[key] for one in result["power"].values()]
            ax.plot(effects, share, marker=marker, ms=5, color=PALETTE[colour], label=label)
        ax.axvline(result["margin"], color=PALETTE["muted"], lw=0.9, ls=(0, (4, 3)))
        ax.axhline(0.05, color=PALETTE["muted"], lw=0.9, ls=(0, (1, 2)))
        for text, at, shift in (("margin", (result["margin"], 0.94), (4, 0)),
                                ("level 0.05", (0.0, 0.05), (0, 4))):  # fmt: skip
            ax.annotate(text, at, xytext=shift, textcoords="offset points", fontsize=7.5,
                        color=PALETTE["muted"])  # fmt: skip
        ax.set_xlabel("true effect [SD between patients]")
        ax.set_ylabel("share certified as stable")
        ax.set_ylim(0, 1)
        legend_above(ax, own=True, columns=3)
        path.parent.mkdir(parents=True, exist_ok=True)
        fig.savefig(path, dpi=120, facecolor="white")
        plt.close(fig)


def main() -> None:
    """Run, print a table, write JSON and, if asked, a figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--n", type=int, default=600)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/invariance_tost.json"))
    parser.add_argument("--figure", type=Path, help="picture of the power curve")
    options = parser.parse_args()
    result: dict[str, Any] = {"margin": MARGIN, "n": options.n, "runs": options.runs, "power": {}}
    print(f"margin {MARGIN} SD, n = {options.n}: share of features certified")
    print(f"{'true effect':<13}{'single':<8}{'BH':<8}{'max-t':<8}{'BH: FDP':<10}max-t: any wrong")
    for effect in EFFECTS:
        one = power(effect, options.n, options.runs)
        result["power"][str(effect)] = one
        wrong = f"{one['bh_fdp']:<10.3f}{one['maxt_any_wrong']:.3f}" if "bh_fdp" in one else ""
        print(
            f"{effect:<13}{one['single_test']:<8.3f}{one['bh_at_effect']:<8.3f}"
            f"{one['maxt_at_effect']:<8.3f}{wrong}",
            flush=True,
        )
    result["asked"] = {}
    for control in ("bh", "maxt"):
        one = asked(options.n // 3, max(options.runs // 2, 10), control)
        result["asked"][control] = one
        print(
            f"{control}, n = {one['n']}: the undecided ask for {one['n_asked']:.0f} patients"
            f" (for 80 %), with which {one['decided']:.0%} are certified"
        )
    if options.figure:
        plot(result, options.figure)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
