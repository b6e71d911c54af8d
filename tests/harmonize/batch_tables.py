"""Simulated tables with known batch effects, shared by the tests of this folder."""

from __future__ import annotations

import numpy as np
import pandas as pd


def batch_table(
    seed: int, *, n: int = 300, n_features: int = 12, levels: str = "ABC"
) -> tuple[pd.DataFrame, list[str], pd.DataFrame]:
    """Features of age and sex, with a shift and a scale of the scanner on top.

    Returns the table, the names of the features, and the features as they would be without
    scanner effects. Scanner depends on age, so the age effect is confounded with it.
    """
    rng = np.random.default_rng(seed)
    age = rng.normal(60, 10, n)
    z = (age - 60) / 10
    eta = np.stack([0.6 * k * z for k in range(len(levels))])
    share = np.exp(eta) / np.exp(eta).sum(axis=0)
    code = (rng.random(n) > share.cumsum(axis=0)).sum(axis=0)
    sex = rng.choice(["F", "M"], n)
    slope = rng.normal(size=n_features)
    noise = rng.normal(size=(n, n_features))
    clean = 10 + z[:, None] * slope + 0.5 * (sex == "M")[:, None]
    shift = rng.normal(0, 1.5, (len(levels), n_features))
    scale = np.exp(rng.normal(0, 0.3, (len(levels), n_features)))
    names = [f"f{k}" for k in range(n_features)]
    values = clean + shift[code] + scale[code] * noise
    frame = pd.DataFrame(values, columns=names)
    frame = frame.assign(age=age, sex=sex, scanner=np.array(list(levels))[code])
    return frame, names, pd.DataFrame(clean + noise, columns=names)
