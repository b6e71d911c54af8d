"""The evidence for stable measurements: one row per feature, with its verdict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.base import EffectEstimator
from causalimg.errors import check_columns
from causalimg.invariance.control import Control
from causalimg.invariance.equivalence import equivalence_p, n_to_certify, n_to_detect
from causalimg.tables.invariant_set import EVIDENCE_COLUMNS

Array = NDArray[np.float64]

_REPEATS = {
    "icc_2_1": "icc_2_1",
    "icc_3_1": "icc_3_1",
    "ccc": "ccc",
    "wcv": "coefficient_of_variation",
    "repeatability": "repeatability_coefficient",
}


def stable_evidence(
    effects: EffectEstimator,
    names: Sequence[str],
    spread: Array | None,
    *,
    margin: float,
    control: Control,
) -> pd.DataFrame:
    """Test every feature and give its verdict.

    Parameters
    ----------
    effects : fitted EffectEstimator
    names : sequence of str
        Features, among its outcomes.
    spread : ndarray of shape (n_features,) or None
        The unit of the margin; the standard deviation within environments by default.
    margin : float
    control : Control

    Returns
    -------
    pandas.DataFrame
        Columns `EVIDENCE_COLUMNS`.
    """
    rows = effects.contrast_frame(pairs=True)
    rows = rows[rows["outcome"].isin(names)]
    pairs = effects.contrast_pairs(pairs=True)
    shape = (len(names), len(pairs))
    order = pd.Index(names).get_indexer(pd.Index(rows["outcome"])[:: len(pairs)])
    back = np.argsort(order)

    def table(values: pd.Series) -> Array:
        return values.to_numpy(dtype=np.float64).reshape(shape)[back]

    sd = table(rows["outcome_sd"]) if spread is None else spread[:, None]
    effect, df, n = table(rows["estimate"]) / sd, table(rows["df"]), table(rows["n"])
    se = table(rows["se"]) / sd
    low, high = table(rows["ci_low"]) / sd, table(rows["ci_high"]) / sd
    contrasts = rows["contrast"].to_numpy()[: len(pairs)]
    p = equivalence_p(effect, se, df, margin)
    known = np.isfinite(p).all(axis=1)
    some = np.isfinite(p).any(axis=1)
    # the pair that speaks most against equivalence; an open pair where none is estimable
    worst = np.where(np.isfinite(p), p, -1.0).argmax(axis=1)
    at = (np.arange(len(names)), worst)
    p_worst = np.where(known, p[at], np.nan)
    direction = np.where(effect[at] < 0, 1.0, -1.0)
    largest = control.largest_draws(names, effects)
    certified = control.certify(p_worst, worst, direction, names, effects, largest)
    q = certified.q
    stable = known & (np.nan_to_num(q, nan=1.0) <= control.alpha)
    moved = control.moved(table(rows["p"]), largest) & ~stable & some
    still = np.flatnonzero(known & ~stable & ~moved)
    # the square of an estimate is too large by its variance
    size = np.sqrt(np.maximum(effect**2 - se**2, 0.0))[still]
    needed = np.full(len(names), np.nan)
    if len(still):
        # those that need fewer are certified by then, which raises the level of the others
        parts = (size, se[still], n[still])
        alone = n_to_certify(*parts, margin, control.alpha).max(axis=1)
        rank = np.argsort(alone, kind="stable")
        level = np.empty(len(still))
        level[rank] = certified.levels(still[rank])
        certify = n_to_certify(*parts, margin, level[:, None]).max(axis=1)
        certify[rank] = np.minimum.accumulate(certify[rank][::-1])[::-1]
        detect = n_to_detect(*parts, level[rank[0]]).min(axis=1)
        needed[still] = np.ceil(np.minimum(certify, detect))
    cases = n[at]
    needed = np.where(np.isfinite(needed), np.maximum(needed, cases + 1), np.nan)
    verdict = np.where(stable, "stable", np.where(moved, "shifted", "not_certifiable"))
    evidence = pd.DataFrame(
        {
            "feature": names,
            "verdict": verdict,
            "contrast": contrasts[worst],
            "effect_sd": effect[at],
            "ci_low_sd": low[at],
            "ci_high_sd": high[at],
            "p_equivalence": p_worst,
            "q_equivalence": q,
            "n": cases,
            "n_needed": needed,
        }
    )
    return evidence[list(EVIDENCE_COLUMNS)]


def with_repeats(evidence: pd.DataFrame, repeats: pd.DataFrame) -> pd.DataFrame:
    """Put what repeated scans say beside the evidence.

    Parameters
    ----------
    evidence : pandas.DataFrame
    repeats : pandas.DataFrame
        From `reliability`; features that it lacks get NaN.

    Returns
    -------
    pandas.DataFrame
        With ``icc_2_1, icc_3_1, ccc, coefficient_of_variation, repeatability_coefficient``.

    Raises
    ------
    UnknownNameError
        If ``repeats`` is not a table of `reliability`.
    """
    check_columns(repeats, ["feature", *_REPEATS], "repeats (a table of reliability())")
    found = repeats.set_index("feature")[list(_REPEATS)].rename(columns=_REPEATS)
    return evidence.join(found, on="feature")
