"""Instrumental variables: two-stage least squares, strength of instruments, robust intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.anderson_rubin import anderson_rubin_sets, first_stage
from causalimg.effects.base import EffectEstimator
from causalimg.effects.covariates import independent_columns
from causalimg.effects.design import Design
from causalimg.effects.plans import Plan
from causalimg.effects.pooled import PooledPlan
from causalimg.effects.treatment_model import TreatmentModel
from causalimg.errors import InvalidInputError, NotEstimableError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Stages:
    """Treatment and instruments freed of the covariates.

    Parameters
    ----------
    treatment : ndarray of shape (n_samples, n_levels - 1)
    instruments : ndarray of shape (n_samples, n_instruments)
        Orthonormal.
    covariates : ndarray of shape (n_samples, n_parameters)
        Orthonormal basis.
    strength : pandas.DataFrame
        From `first_stage`.
    """

    treatment: Array
    instruments: Array
    covariates: Array
    strength: pd.DataFrame = field(repr=False)


def stages(design: Design, cluster: NDArray[np.intp] | None = None) -> Stages:
    """Free treatment and instruments (the design's ``precision`` columns) of the covariates.

    Raises
    ------
    NotEstimableError
        If the instruments left are fewer than the contrasts.
    """
    basis = np.linalg.qr(design.matrix)[0]
    count = len(design.levels) - 1
    raw = np.zeros((len(basis), 0)) if design.precision is None else design.precision
    both = np.hstack([design.matrix, raw])
    raw = both[:, independent_columns(both)][:, design.matrix.shape[1] :]
    if raw.shape[1] < count:
        raise NotEstimableError(
            f"{raw.shape[1]} instruments that vary apart from the covariates cannot tell"
            f" {count} contrasts of {design.treatment!r}: at least as many are needed"
        )
    free = np.linalg.qr(raw - basis @ (basis.T @ raw))[0]
    has = (design.codes[:, None] == np.arange(1, count + 1)).astype(np.float64)
    has -= basis @ (basis.T @ has)
    strength = first_stage(has, free, basis.shape[1], design.levels, cluster)
    return Stages(has, free, basis, strength)


@dataclass(kw_only=True, eq=False, repr=False)
class IV(EffectEstimator):
    """Estimate effects with instruments (two-stage least squares), for all outcomes at once.

    An instrument moves the treatment and reaches the outcome through it alone; `instruments` finds
    them in a graph. Only the part of the treatment that they move is compared, so that unmeasured
    confounders do not matter.

    Parameters
    ----------
    treatment : str
        Column of levels.
    instruments : sequence of str
        At least as many columns (levels of text count) as there are contrasts.
    adjustment : sequence of str
        Covariates given which the instruments are instruments; often none.
    min_f : float, default=10
        Below this robust first-stage F nothing is estimated: the estimate is then biased towards
        the confounded one, and its interval too short. ``0`` estimates all the same; read
        `anderson_rubin` then.
    reference, alpha, fdr, cluster, bootstrap, random_state
        As in `AIPW`.

    Attributes
    ----------
    effects_ : EffectTable
        Estimand ``late``.
    first_stage_ : pandas.DataFrame
        ``level, f, df, partial_r2, n_instruments``: strength of the instruments, all cases.
    levels_ : tuple of str
    notes_ : tuple of str

    Notes
    -----
    Assumptions: given ``adjustment``, the instruments share no unmeasured cause with the outcome
    and reach it through the treatment alone; they move the treatment; effects are the same for all,
    or no case's treatment is moved the other way (the effect is then that of the cases moved).

    Standard errors are leverage-corrected sandwich ones (HC2; CR2 with ``cluster``).

    References
    ----------
    Imbens, Angrist (1994). doi:10.2307/2951620
    Anderson, Rubin (1949). doi:10.1214/aoms/1177730090
    Andrews, Stock, Sun (2019). doi:10.1146/annurev-economics-080218-025643

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> hidden, lottery = rng.normal(size=2000), rng.integers(0, 2, 2000)
    >>> b = hidden + 2 * lottery - 1 + rng.normal(size=2000) > 0
    >>> table = pd.DataFrame({"scanner": np.where(b, "B", "A"), "lottery": lottery})
    >>> table["texture"] = 0.5 * b + hidden + rng.normal(size=2000)
    >>> found = IV(treatment="scanner", instruments=["lottery"]).fit(table, ["texture"])
    >>> row = found.effects_.frame.iloc[0]
    >>> bool(row["ci_low"] < 0.5 < row["ci_high"]), bool(found.first_stage_["f"].iloc[0] > 100)
    (True, True)
    """

    _estimator = "iv"
    _weighted = False
    _adjusted = False
    _estimands = ("late",)
    _assumptions = (
        "Given the adjustment set, the instruments share no unmeasured cause with the outcome.",
        "The instruments reach the outcome through the treatment alone.",
        "The instruments move the treatment, and no case's the other way (or effects are equal).",
        "Outcomes are missing at random given treatment, instruments and adjustment set.",
    )

    treatment: str
    instruments: Sequence[str]
    adjustment: Sequence[str] = ()
    min_f: float = 10.0
    reference: str | None = None
    alpha: float = 0.05
    fdr: str = "bh"
    cluster: str | None = None
    bootstrap: int | None = None
    random_state: int | None = 0

    def anderson_rubin(self, alpha: float | None = None) -> pd.DataFrame:
        """Return intervals that hold however weak the instruments are, for two levels.

        Parameters
        ----------
        alpha : float, optional
            The estimator's by default.

        Returns
        -------
        pandas.DataFrame
            ``outcome, ci_low, ci_high, p, bounded``: the hull of the effects that are not
            rejected; infinite limits (``bounded`` false) where the instruments say nothing, NaN
            where every effect is rejected (the instruments contradict each other); ``p`` is for no
            effect.

        Raises
        ------
        InvalidInputError
            If the treatment has more than two levels.
        """
        self.require_fit()
        if len(self.levels_) != 2:
            raise InvalidInputError(
                f"Anderson-Rubin intervals are for two levels; {self.treatment!r} has"
                f" {len(self.levels_)} ({', '.join(self.levels_)})"
            )
        found = pd.DataFrame({"outcome": list(self.outcomes_)})
        numbers = np.full((len(found), 3), np.nan)
        for block in self._blocks:
            if block.model is None:
                continue
            own = stages(block.model.design, block.model.cluster)
            outcomes = self.outcome_values(block)
            outcomes = outcomes - own.covariates @ (own.covariates.T @ outcomes)
            numbers[block.columns] = anderson_rubin_sets(
                outcomes,
                own.treatment[:, 0],
                own.instruments,
                own.covariates.shape[1],
                self.alpha if alpha is None else alpha,
                block.model.cluster,
            )
        found[["ci_low", "ci_high", "p"]] = numbers
        found["bounded"] = np.isfinite(numbers[:, :2]).all(axis=1)
        return found

    @property
    def first_stage_(self) -> pd.DataFrame:
        """Strength of the instruments in all cases."""
        self.require_fit()
        return stages(self._whole.design, self._whole.cluster).strength

    def _adjustment(self) -> Sequence[str]:
        return self.adjustment

    def _precision(self) -> Sequence[str]:
        return self.instruments

    def _estimand(self) -> str:
        return "late"

    def _check_settings(self) -> None:
        super()._check_settings()
        if isinstance(self.instruments, str) or not len(self.instruments):
            raise InvalidInputError("instruments must be a list with at least one column")
        if not self.min_f >= 0:
            raise InvalidInputError(f"min_f must be 0 or more, got {self.min_f!r}")

    def _plans(self, model: TreatmentModel) -> dict[int, Plan]:
        design = model.design
        own = stages(design, model.cluster)
        weak = own.strength[own.strength["f"] < self.min_f]
        if len(weak):
            raise NotEstimableError(
                f"weak instruments: first-stage F of {design.treatment}={weak['level'].iloc[0]} is"
                f" {weak['f'].iloc[0]:.1f}, below min_f={self.min_f:g}. Find stronger ones, or set"
                " min_f=0 and read anderson_rubin(), whose intervals hold all the same."
            )
        count = len(design.levels)
        moved = own.instruments @ (own.instruments.T @ own.treatment)
        full = np.hstack([own.treatment, own.covariates])
        hat = np.vstack([np.linalg.solve(moved.T @ own.treatment, moved.T), own.covariates.T])
        under = tuple(np.eye(count, full.shape[1], -1)[[k] * len(full)] for k in range(count))
        return {
            key: PooledPlan(design.codes, target, full, under, hat, model.cluster)
            for key, target in model.targets.items()
        }
