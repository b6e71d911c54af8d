"""The clauses on whether an effect estimator finds the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from causalimg.testing.clauses import LeftOut, need
from causalimg.testing.tables import EFFECTS, feature_names, trial_table

if TYPE_CHECKING:
    from causalimg.testing.effect_clauses import Subject

_DOUBT = 1e-4  # probability that an estimator with nominal intervals fails by chance


def unbiased(s: Subject) -> None:
    truth, rows = EFFECTS[s.contrast], s.trials
    error = rows["estimate"] - truth
    by_table = error.groupby(np.arange(len(error)) // 40).mean()
    spread = max(float(by_table.std(ddof=1)) / np.sqrt(len(by_table)), 1e-9)
    spread = max(spread, float(error.std()) / np.sqrt(len(error)))
    need(
        abs(float(error.mean())) < 5 * spread,
        f"mean error {error.mean():+.3f} (standard error {spread:.3f}) where the truth is {truth}",
        "the treatment was assigned by chance here: any estimator should be right on average;"
        " check the sign (level minus reference) and the target population",
    )


def coverage(s: Subject) -> None:
    from scipy.stats import binom

    truth, rows = EFFECTS[s.contrast], s.trials
    level = 1 - float(getattr(s.estimator, "alpha", 0.05))
    inside = int(rows["ci_low"].le(truth).mul(rows["ci_high"].ge(truth)).sum())
    low, high = binom.ppf([_DOUBT / 2, 1 - _DOUBT / 2], len(rows), [level - 0.02, level + 0.02])
    need(
        low <= inside,
        f"{inside} of {len(rows)} intervals hold the truth; at least {low:.0f} should",
        "the standard errors are too small: check what is taken as known, and small samples",
    )
    if level + 0.02 < 1:
        need(
            inside <= high,
            f"{inside} of {len(rows)} intervals hold the truth; at most {high:.0f} should",
            "the standard errors are too large",
        )


def confounded(s: Subject) -> None:
    if "age" not in (getattr(s.estimator, "adjustment", None) or ()):
        raise LeftOut("it does not adjust for age")
    if s.treatment != "scanner" or getattr(s.estimator, "instruments", None):
        raise LeftOut("it does not compare the levels of a confounded treatment")
    errors, naive = [], []
    for k in range(4):
        table = trial_table(2 * s.n, outcomes=10, random_state=[23, k])
        rng = np.random.default_rng([29, k])
        old = (table["age"].to_numpy() - 60) / 10
        b = rng.random(len(old)) < 1 / (1 + np.exp(-old))
        outcomes = feature_names(table)
        moved = EFFECTS["B - A"] * (b.astype(float) - (table["scanner"] == "B")) + old
        table[outcomes] = table[outcomes].add(moved, axis=0)
        table["scanner"] = np.where(b, "B", "A")
        errors.append(s.effects(table, outcomes)["estimate"] - EFFECTS["B - A"])
        raw = table.groupby("scanner")[outcomes].mean()
        naive.append(raw.loc["B"] - raw.loc["A"] - EFFECTS["B - A"])
    bias, unadjusted = (abs(float(np.concatenate(e).mean())) for e in (errors, naive))
    need(
        bias < 0.25 * unadjusted,
        f"age drives scanner and outcomes: mean error {bias:.2f}, without adjustment"
        f" {unadjusted:.2f}",
        "the adjustment columns do not enter, or not fully",
    )
