"""Estimators that are weighted sums of outcomes: weights first, then all outcomes at once.

Averaging outcome models, weighting, both together, stratifying and matching all estimate the mean
outcome under a level by a weighted sum of the outcomes seen there, with weights that depend on
treatment and covariates alone. A `LinearPlan` holds these weights; solving it for a block of
outcomes is a few matrix products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.influence import LevelMeans
from causalimg.effects.targets import Target

Array = NDArray[np.float64]

_FULL_LEVERAGE = 1.0 - 1e-8


class Plan(Protocol):
    """Everything about an estimate that does not need the outcomes."""

    def solve(self, outcomes: Array) -> LevelMeans:
        """Estimate the mean of every outcome under every level."""
        ...

    def weights(self, level: int) -> Array | None:
        """Return the weights (n_samples,) whose product with an outcome is the level's mean.

        None if the estimate is not a weighted sum of outcomes.
        """
        ...

    def alone(self) -> tuple[tuple[int, int], ...]:
        """Return (level, case) of the cases that a parameter rests on alone."""
        ...


@dataclass(frozen=True)
class Arm:
    """The plan of one treatment level.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_parameters)
        Of the outcome model, for all cases.
    rows : ndarray of int, shape (n_level,)
    weights : ndarray of shape (n_level,)
        Add up to 1; the level's mean is their product with the outcomes.
    hat : ndarray of shape (n_parameters, n_level)
        Coefficients of the outcome model are its product with the outcomes.
    scale : ndarray of shape (n_level,)
        What residuals are multiplied by because the model was fitted to them.
    full : ndarray of bool, shape (n_level,)
        Cases that a parameter rests on alone.
    spare : int
        Cases less parameters.
    """

    matrix: Array
    rows: NDArray[np.intp]
    weights: Array
    hat: Array
    scale: Array
    full: NDArray[np.bool_]
    spare: int

    @property
    def effective(self) -> float:
        """Kish's effective number of cases."""
        return float(self.weights.sum() ** 2 / (self.weights**2).sum())


@dataclass(frozen=True)
class Nuisance:
    """How estimates move with the coefficients of a logistic propensity model.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_parameters)
    score : ndarray of shape (n_samples, n_parameters * (n_levels - 1))
        Each case's part of the gradient of the likelihood, times the inverse information.
    """

    matrix: Array
    score: Array


@dataclass(frozen=True)
class LinearPlan:
    """Weights and outcome models of every level, for one target population.

    Parameters
    ----------
    codes : ndarray of int, shape (n_samples,)
    target : Target
    arms : tuple of Arm
    modelled : bool
        False: no outcome model; residuals are taken from the weighted mean.
    nuisance : Nuisance or None
        Given, standard errors account for the estimation of the propensities.
    """

    codes: NDArray[np.intp]
    target: Target
    arms: tuple[Arm, ...]
    modelled: bool = True
    nuisance: Nuisance | None = None

    def weights(self, level: int) -> Array:
        """Return the weights of one level's cases, shape (n_samples,)."""
        out = np.zeros(len(self.codes))
        out[self.arms[level].rows] = self.arms[level].weights
        return out

    def alone(self) -> tuple[tuple[int, int], ...]:
        """Return (level, case) of cases with leverage 1."""
        return tuple(
            (level, int(arm.rows[k]))
            for level, arm in enumerate(self.arms)
            for k in np.flatnonzero(arm.full)
        )

    def solve(self, outcomes: Array) -> LevelMeans:
        """Estimate the mean of every outcome under every level, with influence functions.

        Parameters
        ----------
        outcomes : ndarray of shape (n_samples, n_outcomes)
            Finite.

        Returns
        -------
        LevelMeans
        """
        n, q = outcomes.shape
        count = len(self.arms)
        centre = outcomes.mean(axis=0)
        centred = outcomes - centre
        means = np.empty((count, q))
        influence = np.empty((count, n, q))
        variance = np.empty((count, q))
        df = np.empty(count)
        average = self.target.average
        everyone = bool((average == average[0]).all())
        for level, arm in enumerate(self.arms):
            seen = centred[arm.rows]
            means[level] = arm.weights @ seen
            if self.modelled:
                predicted = np.matmul(arm.matrix, arm.hat @ seen, out=influence[level])
                residual = seen - predicted[arm.rows]
                predicted -= average @ predicted
                if not everyone:
                    predicted *= (n * average)[:, None]
            else:
                influence[level] = 0.0
                residual = seen - means[level]
            if self.nuisance is not None:
                influence[level] += self.of_propensities(level, residual, influence[level])
            corrected = residual * arm.scale[:, None]
            if arm.full.any():
                # nothing is left of such a residual: the level's residual spread stands in for it
                corrected[arm.full] = np.sqrt((residual**2).sum(axis=0) / arm.spare)
            corrected *= arm.weights[:, None]
            variance[level] = np.einsum("ij,ij->j", corrected, corrected)
            corrected *= n
            influence[level][arm.rows] += corrected
            df[level] = max(arm.effective * arm.spare / len(arm.rows), 1.0)
        spread = 1.0 / float((average**2).sum()) - 1.0
        return LevelMeans(means + centre, influence, variance, df, self.codes, max(spread, 1.0))

    def of_propensities(self, level: int, residual: Array, averaged: Array) -> Array:
        """Return the part of the influence that comes from estimating the propensities."""
        nuisance, target, arm = self.nuisance, self.target, self.arms[level]
        if nuisance is None or target.direct_slope is None or target.average_slope is None:
            return np.zeros_like(averaged)
        slope = target.direct_slope[arm.rows] * target.direct[arm.rows][:, None]
        basis = nuisance.matrix[arm.rows]
        if self.modelled:
            residual = residual - target.direct[arm.rows] @ residual
        moved = [(basis * slope[:, [j]]).T @ residual for j in range(slope.shape[1])]
        if self.modelled:
            n = len(averaged)
            moved = [
                part + (nuisance.matrix * target.average_slope[:, [j]]).T @ averaged / n
                for j, part in enumerate(moved)
            ]
        return np.asarray(len(averaged) * (nuisance.score @ np.vstack(moved)))


def linear_plan(
    matrix: Array | Sequence[Array],
    codes: NDArray[np.intp],
    target: Target,
    n_levels: int,
    *,
    modelled: bool = True,
    weighted: bool = True,
    calibrated: bool = False,
    nuisance: Nuisance | None = None,
) -> LinearPlan:
    """Plan an estimate.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_parameters), or one for every level
        Ones among its columns' sums; full rank within the level.
    codes : ndarray of int, shape (n_samples,)
    target : Target
    n_levels : int
    modelled : bool
        Fit an outcome model per level and average it over the target population.
    weighted : bool
        Add the weighted mean residual (or, without model, take the weighted mean).
    calibrated : bool
        Fit the outcome model with the target's weights. For weights that balance the covariates
        exactly this does not change the estimate, and gives its standard error.
    nuisance : Nuisance, optional

    Returns
    -------
    LinearPlan

    Notes
    -----
    Residuals are divided by the root of one minus their leverage (HC2), with the weights that
    every level's mean really puts on its cases.
    """
    arms: list[Arm] = []
    own = [matrix] * n_levels if isinstance(matrix, np.ndarray) else list(matrix)
    for level in range(n_levels):
        rows = np.flatnonzero(codes == level)
        inside = own[level][rows]
        p = inside.shape[1]
        direct = target.direct[rows] if weighted else np.zeros(len(rows))
        if not modelled:
            leverage = 2.0 * direct - (direct**2).sum()
            spare = max(len(rows) - 1, 1)
            arms.append(_arm(own[level], rows, direct, np.zeros((p, 0)), leverage, spare))
            continue
        root = np.sqrt(direct * len(rows)) if calibrated else np.ones(len(rows))
        orthogonal, triangle = np.linalg.qr(inside * root[:, None])
        hat = np.linalg.solve(triangle, (orthogonal * root[:, None]).T)
        weights = (target.average @ own[level] - direct @ inside) @ hat + direct
        leverage = (orthogonal**2).sum(axis=1)
        arms.append(_arm(own[level], rows, weights, hat, leverage, max(len(rows) - p, 1)))
    return LinearPlan(codes, target, tuple(arms), modelled, nuisance)


def _arm(
    matrix: Array,
    rows: NDArray[np.intp],
    weights: Array,
    hat: Array,
    leverage: Array,
    spare: int,
) -> Arm:
    full = leverage >= _FULL_LEVERAGE
    scale = 1.0 / np.sqrt(np.where(full, 1.0, 1.0 - leverage))
    return Arm(matrix, rows, weights, hat, scale, full, spare)


def logistic_nuisance(
    matrix: Array, codes: NDArray[np.intp], probability: Array, information: Array
) -> Nuisance:
    """Prepare the correction for propensities estimated by multinomial logistic regression.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_parameters)
    codes : ndarray of int, shape (n_samples,)
    probability : ndarray of shape (n_samples, n_levels)
        Before clipping.
    information : ndarray of shape (n_parameters * (n_levels - 1),) * 2

    Returns
    -------
    Nuisance

    References
    ----------
    Lunceford, Davidian (2004). doi:10.1002/sim.1903
    """
    levels = np.arange(1, probability.shape[1])
    gap = (codes[:, None] == levels) - probability[:, 1:]
    score = np.hstack([matrix * gap[:, [j]] for j in range(len(levels))])
    return Nuisance(matrix, np.linalg.solve(information, score.T).T)


def contrast_weights(plan: Plan, level: int, base: int) -> Array | None:
    """Return the weights whose product with an outcome is the effect; None if there are none."""
    first, second = plan.weights(level), plan.weights(base)
    return None if first is None or second is None else first - second
