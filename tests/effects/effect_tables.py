"""Simulated tables with known effects, shared by the tests of this folder."""

from __future__ import annotations

import numpy as np
import pandas as pd


def confounded_table(
    seed: int = 0, *, n: int = 400, n_outcomes: int = 6, levels: str = "AB", effect: float = 0.5
) -> tuple[pd.DataFrame, list[str]]:
    """Scanner depends on age and site; outcomes on age, site and, by ``effect``, on scanner.

    The effect of the k-th level against the first is ``k * effect`` on every outcome.
    """
    rng = np.random.default_rng(seed)
    age = rng.normal(60, 10, n)
    site = rng.choice(["S1", "S2", "S3"], n, p=[0.4, 0.35, 0.25])
    sex = rng.choice(["F", "M"], n)
    z = (age - 60) / 10
    eta = np.stack([k * 0.6 * z + 0.5 * k * (site == "S2") - 0.2 * k for k in range(len(levels))])
    share = np.exp(eta) / np.exp(eta).sum(axis=0)
    code = (rng.random(n) > share.cumsum(axis=0)).sum(axis=0)
    frame = pd.DataFrame(
        {
            "case_id": [f"p{k:04d}" for k in range(n)],
            "age": age,
            "sex": sex,
            "site": site,
            "scanner": np.array(list(levels))[code],
        }
    )
    names = [f"f{k}" for k in range(n_outcomes)]
    base = 0.8 * z[:, None] + 0.4 * (site == "S2")[:, None] - 0.3 * (sex == "M")[:, None]
    values = base + effect * code[:, None] + rng.normal(size=(n, n_outcomes))
    return pd.concat([frame, pd.DataFrame(values, columns=names)], axis=1), names


ADJUSTMENT = ["age", "sex", "site"]
