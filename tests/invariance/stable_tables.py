"""Simulated tables with known environment effects, shared by the tests of this folder."""

from __future__ import annotations

import numpy as np
import pandas as pd

ADJUSTMENT = ["age", "sex"]


def shifted_table(
    seed: int, effects_sd: np.ndarray, *, n: int = 600, levels: str = "AB", common: float = 0.0
) -> tuple[pd.DataFrame, list[str]]:
    """Features whose level effect is ``effects_sd`` in standard deviations within levels.

    The last level is moved by the whole effect, the ones between by a share of it. Scanner depends
    on age, which moves no feature but the effect's scale is exact: within levels every feature
    has standard deviation 1. ``common`` is the correlation between features.
    """
    rng = np.random.default_rng(seed)
    effects_sd = np.asarray(effects_sd, dtype=float)
    age = rng.normal(60, 10, n)
    z = (age - 60) / 10
    eta = np.stack([0.5 * k * z for k in range(len(levels))])
    share = np.exp(eta) / np.exp(eta).sum(axis=0)
    code = (rng.random(n) > share.cumsum(axis=0)).sum(axis=0)
    noise = np.sqrt(1 - common) * rng.normal(size=(n, len(effects_sd)))
    noise += np.sqrt(common) * rng.normal(size=(n, 1))
    values = noise + effects_sd * (code / (len(levels) - 1))[:, None]
    names = [f"f{k}" for k in range(len(effects_sd))]
    frame = pd.DataFrame(values, columns=names)
    frame["age"] = age
    frame["sex"] = rng.choice(["F", "M"], n)
    frame["scanner"] = np.array(list(levels))[code]
    return frame, names
