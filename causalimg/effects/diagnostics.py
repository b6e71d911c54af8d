"""Is a comparison believable: overlap of the levels and effective sample sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.targets import EVERYONE, propensity_target
from causalimg.errors import InvalidInputError

HISTOGRAM_EDGES = tuple(np.linspace(0.0, 1.0, 21).round(2).tolist())
VERDICTS = ("good", "limited", "poor: not estimable")


@dataclass(frozen=True)
class OverlapLimits:
    """Below these a comparison is reported as not estimable instead of as a number.

    Parameters
    ----------
    min_ess : float, default=10
        Effective cases in each of the two levels.
    min_ess_share : float, default=0.10
        Effective cases as a share of the level's cases.
    max_unmatched : float, default=0.10
        Share of all cases whose probability of a level is below the clipping bound: cases that
        the level has no counterpart for.

    Examples
    --------
    >>> OverlapLimits(min_ess=30).min_ess
    30
    """

    min_ess: float = 10.0
    min_ess_share: float = 0.10
    max_unmatched: float = 0.10

    def __post_init__(self) -> None:
        for name in ("min_ess", "min_ess_share", "max_unmatched"):
            value = getattr(self, name)
            if not value >= 0 or (name != "min_ess" and value > 1):
                allowed = "0 or more" if name == "min_ess" else "between 0 and 1"
                raise InvalidInputError(f"{name} must be {allowed}, got {value!r}")


@dataclass(frozen=True)
class LevelOverlap:
    """Overlap of one treatment level.

    Parameters
    ----------
    level : str
    n : int
        Cases in the level.
    ess, ess_share : float
        Effective sample size under inverse probability weights; as a share of ``n``.
    propensity_min, propensity_max : float
        Probability of having this level, over all cases.
    outside : float
        Share of all cases whose probability is outside 0.05 to 0.95.
    unmatched : float
        Share of all cases whose probability is below the clipping bound.
    verdict : str
        ``good``, ``limited`` or ``poor: not estimable``.
    reason : str
        Empty when good.
    """

    level: str
    n: int
    ess: float
    ess_share: float
    propensity_min: float
    propensity_max: float
    outside: float
    unmatched: float
    verdict: str
    reason: str


@dataclass(frozen=True)
class OverlapReport:
    """How far the treatment levels were given to comparable cases.

    Parameters
    ----------
    treatment : str
    levels : tuple of LevelOverlap
    histogram : pandas.DataFrame
        ``level, observed_level, left, right, count``: probability of ``level`` among the cases
        that have ``observed_level``.
    max_smd : float
        Largest absolute standardised mean difference after weighting, any covariate and pair.
    trim : float
        The clipping bound.
    weighted : bool
        False for an estimator without weights: then ``max_smd`` is before weighting.

    Examples
    --------
    >>> from causalimg.effects.estimators import AIPW
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"age": rng.normal(size=300)})
    >>> table["scanner"] = np.where(rng.random(300) < 0.5, "A", "B")
    >>> table["contrast"] = (table["scanner"] == "B") + table["age"] + rng.normal(size=300)
    >>> fitted = AIPW(treatment="scanner", adjustment=["age"]).fit(table, ["contrast"])
    >>> fitted.overlap_.verdict, fitted.overlap_.to_frame()["level"].tolist()
    ('good', ['A', 'B'])
    """

    treatment: str
    levels: tuple[LevelOverlap, ...]
    histogram: pd.DataFrame = field(repr=False)
    max_smd: float
    trim: float
    weighted: bool = True

    @property
    def verdict(self) -> str:
        """The worst level's verdict: ``good``, ``limited`` or ``poor: not estimable``."""
        return max((item.verdict for item in self.levels), key=VERDICTS.index)

    def notes(self) -> tuple[str, ...]:
        """Return the verdict in words, one sentence per level that is not good."""
        said = [
            f"overlap {item.verdict} for {self.treatment}={item.level}: {item.reason}"
            for item in self.levels
            if item.verdict != "good"
        ]
        if self.max_smd > 0.1:
            said.append(
                f"{'after weighting' if self.weighted else 'without weights'}, a covariate differs"
                f" by {self.max_smd:.2f} standard deviations between levels; the outcome model has"
                " to make up for it"
            )
        return tuple(said)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per level, with the columns of `LevelOverlap`."""
        return pd.DataFrame([vars(item) for item in self.levels])

    def _repr_html_(self) -> str:
        shown: str = self.to_frame().round(3).to_html(index=False, border=0)
        return shown


def effective_size(weights: NDArray[np.float64]) -> float:
    """Return Kish's effective sample size, (sum w)^2 / sum w^2.

    Examples
    --------
    >>> effective_size(np.array([1.0, 1.0, 0.0]))
    2.0
    """
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def judge_levels(
    probability: NDArray[np.float64],
    codes: NDArray[np.intp],
    names: Sequence[str],
    *,
    treatment: str,
    trim: float,
    limits: OverlapLimits | None = None,
    estimand: str = "ate",
    key: int = EVERYONE,
) -> tuple[LevelOverlap, ...]:
    """Judge the overlap of every level from fitted propensities.

    Parameters
    ----------
    probability : ndarray of shape (n_samples, n_levels)
        Before clipping.
    codes : ndarray of int, shape (n_samples,)
    names : sequence of str
        Level names.
    treatment : str
    trim : float
        Probabilities are clipped from below at this bound before they are inverted.
    limits : OverlapLimits, optional
    estimand : {"ate", "att", "atc", "ato"}
        The population that every level has to resemble. With ``ato`` no case needs a counterpart
        and only ``min_ess`` holds; with ``att`` and ``atc`` the share of effective cases is of the
        level or of the population, whichever is smaller.
    key : int
        From `target_key`.

    Returns
    -------
    tuple of LevelOverlap
    """
    bounds = limits or OverlapLimits()
    target = propensity_target(probability, codes, estimand, key, floor=trim)
    inside = np.ones(len(codes), dtype=bool) if key == EVERYONE else codes == key
    out = []
    for k, name in enumerate(names):
        n = int((codes == k).sum())
        ess = effective_size(target.direct[codes == k])
        unmatched = float((probability[inside, k] < trim).mean())
        share_of = min(n, int(inside.sum()))
        needed = bounds.min_ess_share * share_of
        if estimand == "ato":
            unmatched = needed = 0.0
        elif k == key:
            unmatched = 0.0
        reason = []
        if ess < bounds.min_ess:
            reason.append(f"only {ess:.1f} effective of {n} cases (limit {bounds.min_ess:g})")
        elif ess < needed:
            reason.append(
                f"{ess:.0f} effective of {share_of} cases, {ess / share_of:.0%}"
                f" (limit {bounds.min_ess_share:.0%})"
            )
        if unmatched > bounds.max_unmatched:
            reason.append(
                f"{unmatched:.0%} of the{'' if key == EVERYONE else ' compared'} cases have a"
                f" probability below {trim:g} of {treatment}={name}"
                f" (limit {bounds.max_unmatched:.0%})"
            )
        verdict = VERDICTS[2] if reason else VERDICTS[0]
        if not reason and (ess < 0.5 * share_of or unmatched > 0.01):
            verdict = VERDICTS[1]
            reason.append(
                f"{ess:.0f} effective of {n} cases, {unmatched:.1%} of the cases below {trim:g}"
            )
        out.append(
            LevelOverlap(
                level=name,
                n=n,
                ess=ess,
                ess_share=ess / n if n else 0.0,
                propensity_min=float(probability[:, k].min()),
                propensity_max=float(probability[:, k].max()),
                outside=float(((probability[:, k] < 0.05) | (probability[:, k] > 0.95)).mean()),
                unmatched=unmatched,
                verdict=verdict,
                reason="; ".join(reason),
            )
        )
    return tuple(out)


def propensity_histogram(
    probability: NDArray[np.float64], codes: NDArray[np.intp], names: Sequence[str]
) -> pd.DataFrame:
    """Count cases by probability of each level (20 bins) and by the level they have.

    Returns
    -------
    pandas.DataFrame
        ``level, observed_level, left, right, count``.
    """
    edges = np.asarray(HISTOGRAM_EDGES)
    bins = len(edges) - 1
    count = len(names)
    counts = [
        np.histogram(probability[codes == j, k], bins=edges)[0]
        for k in range(count)
        for j in range(count)
    ]
    return pd.DataFrame(
        {
            "level": np.repeat(np.array(names, dtype=object), count * bins),
            "observed_level": np.tile(np.repeat(np.array(names, dtype=object), bins), count),
            "left": np.tile(edges[:-1], count * count),
            "right": np.tile(edges[1:], count * count),
            "count": np.concatenate(counts),
        }
    )
