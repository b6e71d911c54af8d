"""Worst-environment accuracy without a constraint, with each wrong one, and with the derived one.

Four transfer problems (shortcut, confounded, anti-causal, label shift), each with the graph that
made it. The derived constraint is what `ConstraintPlan.from_graph` licenses; the wrong ones are the
other statements, enforced all the same. One network, one setting of every hyper-parameter, no
search; mean and spread over seeds of the accuracy in the worst test environment.

    python benchmarks/constraints.py [--seeds 10] [--problems shortcut confounded]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from causalimg.datasets.transfer import INPUTS, PROBLEMS, TransferProblem, transfer_problem
from causalimg.training.alignment import MMD, ConditionalMMD
from causalimg.training.plan import ConstraintPlan
from causalimg.training.risk import IRM, VREx
from causalimg.training.tabular import ConstrainedClassifier

WEIGHT = 10.0
MARGINAL, GIVEN_Y, BY_SITE, BY_SITE_Y = (
    "marker marginal",
    "marker given y",
    "site marginal",
    "site given y",
)


def arms(problem: TransferProblem, plan: ConstraintPlan) -> dict[str, tuple[str, dict]]:
    """Return every way to train: name -> (none, derived, licensed or wrong; settings)."""
    verdict = plan.verdicts["marker"]
    holding = [set(s) for s in (verdict.given, *verdict.alternatives) if s is not None]
    families = plan.licensed_families()
    out: dict[str, tuple[str, dict]] = {
        "none": ("none", {}),
        f"derived: {verdict.statement}": ("derived", {"plan": plan, "weights": WEIGHT}),
    }
    marginal_holds = set() in holding
    given_y_holds = {"y"} in holding
    if not marginal_holds:
        out[MARGINAL] = ("wrong", {"penalties": [(WEIGHT, MMD("marker", on="logits"))]})
    if not given_y_holds:
        penalty = ConditionalMMD("marker", given=["y"], on="logits")
        out[GIVEN_Y] = ("wrong", {"penalties": [(WEIGHT, penalty)]})
    kind = "licensed" if "marginal_alignment" in families else "wrong"
    out[BY_SITE] = (kind, {"penalties": [(WEIGHT, MMD("site", on="logits"))]})
    kind = "licensed" if "conditional_alignment" in families else "wrong"
    by_site = ConditionalMMD("site", given=["y"], on="logits")
    out[BY_SITE_Y] = (kind, {"penalties": [(WEIGHT, by_site)]})
    kind = "licensed" if "risk_invariance" in families else "wrong"
    out["IRM over sites"] = (kind, {"penalties": [(100.0, IRM("site"))], "reset": True})
    out["V-REx over sites"] = (kind, {"penalties": [(100.0, VREx("site"))], "reset": True})
    if given_y_holds:
        out["derived, as weights"] = ("derived", {})
    return out


def run(name: str, seed: int) -> list[dict]:
    """Train every arm on one draw of a problem."""
    problem = transfer_problem(name, random_state=seed)
    plan = ConstraintPlan.from_graph(problem.graph, **problem.roles())
    X, y = problem.train[list(INPUTS)], problem.train["y"]
    variables = problem.train[["site", "marker", "y"]]
    rows = []
    for arm, (kind, settings) in arms(problem, plan).items():
        weights = plan.weights(problem.train, "marker") if arm.endswith("as weights") else None
        start = time.process_time()
        model = ConstrainedClassifier(random_state=seed, **settings)
        model.fit(X, y, variables=variables, sample_weight=weights)
        seconds = time.process_time() - start
        scores = {k: model.score(t[list(INPUTS)], t["y"]) for k, t in problem.tests.items()}
        rows.append(
            {
                "problem": name,
                "seed": seed,
                "arm": arm,
                "kind": kind,
                "worst": min(scores.values()),
                "scores": scores,
                "cpu_s": seconds,
            }
        )
    return rows


def main() -> None:
    """Print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/constraints.json"))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    rows = [row for p in chosen.problems for s in range(chosen.seeds) for row in run(p, s)]
    table = pd.DataFrame(rows)
    for problem, part in table.groupby("problem", sort=False):
        print(f"\n{problem} ({chosen.seeds} seeds; worst of the test environments)")
        for (arm, kind), group in part.groupby(["arm", "kind"], sort=False):
            each = pd.DataFrame(group["scores"].tolist()).mean()
            shown = " / ".join(f"{k}: {v:.3f}" for k, v in each.items())
            worst = group["worst"]
            print(
                f"  {arm:34s} {kind:9s} worst {worst.mean():.3f} ± {worst.std():.3f}"
                f" (lowest {worst.min():.3f})   {shown}   {group['cpu_s'].mean():.1f} s"
            )
        best_wrong = part[part["kind"].isin(["none", "wrong"])].groupby("arm")["worst"]
        derived = part[part["arm"].str.startswith("derived:")].set_index("seed")["worst"]
        rival = best_wrong.mean().idxmax()
        other = part[part["arm"] == rival].set_index("seed")["worst"]
        gap = derived - other
        print(
            f"  derived - best of none and wrong ({rival}): {gap.mean():+.3f}, spread over seeds"
            f" {gap.std():.3f}, smallest {gap.min():+.3f}"
        )
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(
        rows, indent=1, default=lambda v: v.item() if isinstance(v, np.generic) else v
    )
    chosen.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
