"""Attempts to refute effects, for all outcomes in one pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.fitted import FittedEffects
from causalimg.effects.resample import noise_block, permuted_block, subset_block
from causalimg.errors import InvalidInputError


@dataclass(frozen=True, eq=False)
class Refutation:
    """What a refuter found.

    Parameters
    ----------
    method : str
    frame : pandas.DataFrame
        ``outcome, contrast, estimate``, what the refuter estimated, ``verdict`` (``passes``,
        ``fails`` or ``not_estimable``) and ``words``.
    summary : str
        One sentence over all rows.

    Examples
    --------
    >>> from causalimg.effects.estimators import AIPW
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"age": rng.normal(size=300)})
    >>> table["scanner"] = np.where(rng.random(300) < 0.5, "A", "B")
    >>> table["contrast"] = (table["scanner"] == "B") + table["age"] + rng.normal(size=300)
    >>> fitted = AIPW(treatment="scanner", adjustment=["age"]).fit(table, ["contrast"])
    >>> placebo_treatment(fitted, n_refits=10).to_frame()["verdict"].tolist()
    ['passes']
    """

    method: str
    frame: pd.DataFrame
    summary: str

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table."""
        return self.frame.copy()

    def __repr__(self) -> str:
        return f"Refutation({self.method}: {self.summary})"


def placebo_treatment(
    fitted: FittedEffects,
    *,
    n_refits: int = 100,
    alpha: float = 0.05,
    random_state: int | None = 0,
) -> Refutation:
    """Deal the treatment out at random and estimate again: the effects should vanish.

    Everything is fitted anew in every refit. ``p_placebo`` is the share of placebo effects, each
    in its own standard deviation, that are as large as the estimate.

    Parameters
    ----------
    fitted : FittedEffects
        After ``fit``.
    n_refits : int, default=100
    alpha : float, default=0.05
        An outcome fails if its mean placebo effect differs from zero by more than the noise of
        the refits allows, at this level over all outcomes (Bonferroni).
    random_state : int or None, default=0

    Returns
    -------
    Refutation
        ``placebo_mean, placebo_sd, p_placebo``.

    Notes
    -----
    Assumptions: none on confounding; a pass says that the machinery finds nothing where there is
    nothing, not that there is no confounding.

    Examples
    --------
    >>> from causalimg.effects.estimators import AIPW
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"age": rng.normal(size=300), "y": rng.normal(size=300)})
    >>> table["scanner"] = np.where(rng.random(300) < 0.5, "A", "B")
    >>> fitted = AIPW(treatment="scanner", adjustment=["age"]).fit(table, ["y"])
    >>> placebo_treatment(fitted, n_refits=20).frame["verdict"].tolist()
    ['passes']
    """
    from scipy.special import ndtri

    fitted.require_fit()
    if n_refits < 2:
        raise InvalidInputError(f"n_refits must be at least 2, got {n_refits!r}")
    draws = fitted.refits(permuted_block, n_refits, seed=random_state).reshape(n_refits, -1)
    rows = fitted.effects_.frame
    estimate = rows["estimate"].to_numpy()
    mean, sd = draws.mean(axis=0), draws.std(axis=0, ddof=1)
    known = np.isfinite(estimate) & np.isfinite(mean)
    p = (1 + (np.abs(draws) >= np.abs(estimate)).sum(axis=0)) / (1 + n_refits)
    bound = -ndtri(alpha / 2 / max(int(known.sum()), 1))
    score = np.abs(mean) / np.where(sd > 0, sd / np.sqrt(n_refits), np.inf)
    frame = judged_frame(fitted, known, score <= bound).assign(
        placebo_mean=mean, placebo_sd=sd, p_placebo=np.where(known, p, np.nan)
    )
    frame["words"] = np.where(
        frame["verdict"] == "fails",
        "effects of a random treatment do not centre on zero: the estimate is biased by design",
        "effects of a random treatment centre on zero",
    )
    below = int((frame["p_placebo"] <= alpha).sum())
    return refutation(
        "placebo_treatment",
        frame,
        f"{below} of {int(known.sum())} estimates stand out from {n_refits} random treatments",
    )


def random_common_cause(
    fitted: FittedEffects,
    *,
    n_refits: int = 20,
    tolerance: float = 0.5,
    random_state: int | None = 0,
) -> Refutation:
    """Add a covariate of pure noise to the adjustment set: the effects should not move.

    Parameters
    ----------
    fitted : FittedEffects
    n_refits : int, default=20
    tolerance : float, default=0.5
        An outcome fails if its effect moves by more than this many standard errors in a typical
        refit (root mean square).
    random_state : int or None, default=0

    Returns
    -------
    Refutation
        ``new_estimate`` (mean over refits), ``moved_se``.

    Examples
    --------
    >>> from causalimg.effects.estimators import AIPW
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"age": rng.normal(size=300)})
    >>> table["scanner"] = np.where(rng.random(300) < 0.5, "A", "B")
    >>> table["contrast"] = (table["scanner"] == "B") + table["age"] + rng.normal(size=300)
    >>> fitted = AIPW(treatment="scanner", adjustment=["age"]).fit(table, ["contrast"])
    >>> random_common_cause(fitted, n_refits=5).frame["verdict"].tolist()
    ['passes']
    """
    fitted.require_fit()
    draws = fitted.refits(noise_block, n_refits, seed=random_state).reshape(n_refits, -1)
    rows = fitted.effects_.frame
    estimate, se = rows["estimate"].to_numpy(), rows["se"].to_numpy()
    moved = np.sqrt(((draws - estimate) ** 2).mean(axis=0)) / se
    known = np.isfinite(moved)
    frame = judged_frame(fitted, known, moved <= tolerance).assign(
        new_estimate=draws.mean(axis=0), moved_se=moved
    )
    frame["words"] = [
        f"a random covariate moves the effect by {value:.2f} standard errors"
        for value in np.nan_to_num(moved)
    ]
    return refutation("random_common_cause", frame, f"tolerance {tolerance:g} standard errors")


def random_subset(
    fitted: FittedEffects,
    *,
    share: float = 0.8,
    n_refits: int = 50,
    alpha: float = 0.05,
    random_state: int | None = 0,
) -> Refutation:
    """Estimate in random parts of the cases (of the clusters): the effects should agree.

    Parameters
    ----------
    fitted : FittedEffects
    share : float, default=0.8
    n_refits : int, default=50
    alpha : float, default=0.05
        An outcome fails if the mean over the parts differs from the estimate by more than chance
        allows, at this level over all outcomes (Bonferroni); an estimate that hangs on few cases
        does.
    random_state : int or None, default=0

    Returns
    -------
    Refutation
        ``subset_mean, subset_sd``, and ``expected_sd``: the standard error times the root of
        (1 - share) / share.

    Examples
    --------
    >>> from causalimg.effects.estimators import AIPW
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"age": rng.normal(size=300)})
    >>> table["scanner"] = np.where(rng.random(300) < 0.5, "A", "B")
    >>> table["contrast"] = (table["scanner"] == "B") + table["age"] + rng.normal(size=300)
    >>> fitted = AIPW(treatment="scanner", adjustment=["age"]).fit(table, ["contrast"])
    >>> random_subset(fitted, n_refits=10).frame["verdict"].tolist()
    ['passes']
    """
    from scipy.special import ndtri

    fitted.require_fit()
    if not 0 < share < 1:
        raise InvalidInputError(f"share must be between 0 and 1, got {share!r}")
    draws = fitted.refits(subset_block(share), n_refits, seed=random_state).reshape(n_refits, -1)
    rows = fitted.effects_.frame
    estimate, se = rows["estimate"].to_numpy(), rows["se"].to_numpy()
    mean, sd = draws.mean(axis=0), draws.std(axis=0, ddof=1)
    known = np.isfinite(estimate) & np.isfinite(mean)
    expected = se * np.sqrt((1 - share) / share)
    bound = -ndtri(alpha / 2 / max(int(known.sum()), 1)) / np.sqrt(n_refits)
    # refits share most of their cases: their mean may move with the whole table's error
    good = np.abs(mean - estimate) <= bound * np.maximum(sd, expected) + 0.1 * se
    frame = judged_frame(fitted, known, good).assign(
        subset_mean=mean, subset_sd=sd, expected_sd=expected
    )
    frame["words"] = np.where(
        frame["verdict"] == "fails",
        "parts of the cases give another effect: the estimate hangs on few of them",
        "parts of the cases give the same effect",
    )
    return refutation("random_subset", frame, f"{n_refits} parts of {share:.0%} of the cases")


def judged_frame(
    fitted: FittedEffects, known: NDArray[np.bool_], good: NDArray[np.bool_]
) -> pd.DataFrame:
    """Return outcome, contrast, estimate and verdict of every row."""
    rows = fitted.effects_.frame[["outcome", "contrast", "estimate"]].copy()
    rows["verdict"] = np.where(known, np.where(good, "passes", "fails"), "not_estimable")
    return rows


def refutation(method: str, frame: pd.DataFrame, said: str) -> Refutation:
    """Put the columns in order and count the verdicts."""
    frame.loc[frame["verdict"] == "not_estimable", "words"] = "there is no estimate"
    last = ["verdict", "words"]
    frame = frame[[name for name in frame.columns if name not in last] + last]
    counts = frame["verdict"].value_counts()
    summary = ", ".join(f"{count} {str(name).replace('_', ' ')}" for name, count in counts.items())
    return Refutation(method, frame.reset_index(drop=True), f"{summary}; {said}")
