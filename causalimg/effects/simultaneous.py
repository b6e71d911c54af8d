"""Simultaneous bands: intervals that hold for all outcomes and contrasts together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from causalimg.effects.fitted import FittedEffects
from causalimg.effects.multiplicity import Multipliers, step_down
from causalimg.errors import InvalidInputError
from causalimg.parallel import spawn_seeds

COLUMNS = (
    "outcome",
    "contrast",
    "estimate",
    "se",
    "band_low",
    "band_high",
    "p",
    "p_family",
    "status",
)


@dataclass(frozen=True, eq=False)
class SimultaneousEffects:
    """Bands and family-wise p-values over all rows of an effect table.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``outcome, contrast, estimate, se, band_low, band_high, p, p_family, status``: all true
        effects lie inside their bands together with probability ``1 - alpha``; rejecting where
        ``p_family`` is at most alpha makes any false rejection with probability at most alpha.
    critical : float
        How many standard errors wide the bands are on each side (normal scale).
    alpha : float
    n_bootstrap : int

    Examples
    --------
    >>> from causalimg.effects.estimators import AIPW
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"age": rng.normal(size=300)})
    >>> table["scanner"] = np.where(rng.random(300) < 0.5, "A", "B")
    >>> table["contrast"] = (table["scanner"] == "B") + table["age"] + rng.normal(size=300)
    >>> fitted = AIPW(treatment="scanner", adjustment=["age"]).fit(table, ["contrast"])
    >>> found = simultaneous(fitted, n_bootstrap=200)
    >>> row = found.to_frame().iloc[0]
    >>> bool(row["band_low"] > 0), bool(row["p_family"] < 0.05)
    (True, True)
    """

    frame: pd.DataFrame
    critical: float
    alpha: float
    n_bootstrap: int

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table."""
        return self.frame.copy()

    def __repr__(self) -> str:
        below = int((self.frame["p_family"] <= self.alpha).sum())
        return (
            f"SimultaneousEffects({len(self.frame)} effects, {below} with p_family <="
            f" {self.alpha:g}; critical value {self.critical:.2f})"
        )


def simultaneous(
    fitted: FittedEffects,
    *,
    pairs: bool = False,
    alpha: float | None = None,
    n_bootstrap: int = 1000,
    random_state: int | None = 0,
) -> SimultaneousEffects:
    """Compute max-t bands and step-down p-values by the Gaussian multiplier bootstrap.

    The influence functions of all effects are multiplied by the same random numbers, case by case
    (cluster by cluster), so that the bands are as narrow as the dependence between outcomes allows.

    Parameters
    ----------
    fitted : FittedEffects
        After ``fit``.
    pairs : bool
        Every pair of levels instead of every level against the reference.
    alpha : float, optional
        The estimator's by default.
    n_bootstrap : int, default=1000
    random_state : int or None, default=0

    Returns
    -------
    SimultaneousEffects

    Raises
    ------
    InvalidInputError
        If the estimator is not fitted.

    Notes
    -----
    Assumptions: those of the estimator, and a number of cases (clusters) for which the joint
    normal approximation holds. Bands use each effect's own t distribution at the common level.

    References
    ----------
    Chernozhukov, Chetverikov, Kato (2013). doi:10.1214/13-AOS1161
    Romano, Wolf (2005). doi:10.1198/016214504000000539

    Examples
    --------
    >>> from causalimg.effects.estimators import DifferenceInMeans
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    >>> table["scanner"] = np.where(rng.random(200) < 0.5, "A", "B")
    >>> fitted = DifferenceInMeans(treatment="scanner").fit(table, ["a", "b", "c"])
    >>> bands = simultaneous(fitted)
    >>> 1.96 < bands.critical < 2.8
    True
    """
    from scipy.special import ndtr, ndtri, stdtr, stdtrit

    fitted.require_fit()
    level = fitted.alpha if alpha is None else alpha
    if not 0 < level < 1:
        raise InvalidInputError(f"alpha must be between 0 and 1, got {level!r}")
    if n_bootstrap < 100:
        raise InvalidInputError(f"n_bootstrap must be at least 100, got {n_bootstrap!r}")
    rows = fitted.contrast_frame(pairs=pairs)
    chosen = fitted.contrast_pairs(pairs=pairs)
    multipliers = Multipliers.drawn(
        fitted.n_samples_,
        n_draws=n_bootstrap,
        seed=spawn_seeds(random_state, 1)[0],
        cluster=fitted.clusters_,
        single=True,
    )
    draws = np.zeros((len(rows), n_bootstrap), dtype=np.float32)
    for used, columns, influences in fitted.influence_parts(chosen):
        for j, influence in enumerate(influences):
            part = multipliers.studentised(influence, len(columns), rows=used)
            draws[columns * len(chosen) + j] = np.abs(part, out=part)
    estimate, se, df = (rows[name].to_numpy() for name in ("estimate", "se", "df"))
    known = np.isfinite(estimate)
    critical = float("nan")
    half = np.full(len(rows), np.nan)
    p = np.full(len(rows), np.nan)
    score = np.full(len(rows), np.nan)
    if known.any():
        largest = draws.max(axis=0) if known.all() else draws[known].max(axis=0)
        critical = float(np.quantile(largest, 1 - level))
        half[known] = -stdtrit(df[known], ndtr(-critical)) * se[known]
        p[known] = 2 * stdtr(df[known], -np.abs(estimate[known] / se[known]))
        # the t statistics as normal scores, so that they compare with normal draws
        score[known] = -ndtri(np.clip(p[known] / 2, 1e-300, 0.5))
    frame = pd.DataFrame(
        {
            "outcome": rows["outcome"],
            "contrast": rows["contrast"],
            "estimate": estimate,
            "se": se,
            "band_low": estimate - half,
            "band_high": estimate + half,
            "p": p,
            "p_family": step_down(score, draws),
            "status": rows["status"],
        }
    )
    return SimultaneousEffects(frame, critical, float(level), n_bootstrap)
