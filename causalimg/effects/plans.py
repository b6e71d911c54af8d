"""Estimators that are weighted sums of outcomes: weights first, then all outcomes at once.

Averaging outcome models, weighting, both together, stratifying and matching all estimate the mean
outcome under a level by a weighted sum of the outcomes seen there, with weights that depend on
treatment and covariates alone. A `LinearPlan` holds these weights; solving it for a block of
outcomes is a few matrix products.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.arms import Arm
from causalimg.effects.influence import LevelMeans
from causalimg.effects.leverage import cluster_sums
from causalimg.effects.nuisance import Nuisance
from causalimg.effects.outcome_model import OutcomeLearner
from causalimg.effects.targets import Target

Array = NDArray[np.float64]


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
class LinearPlan:
    """Weights and outcome models of every level, for one target population.

    Parameters
    ----------
    codes : ndarray of int, shape (n_samples,)
    target : Target
    arms : tuple of Arm
    modelled : bool
        False: no outcome model; residuals are taken from the weighted mean.
    weighted : bool
        False: the estimate has no weighted residuals.
    nuisance : Nuisance or None
        Given, standard errors account for the estimation of the propensities.
    learner : OutcomeLearner or None
        Given, it predicts the outcomes instead of the least squares model.
    cluster : ndarray of int, shape (n_samples,), or None
    sample : bool
        Standard errors are for the effect in just these cases.
    """

    codes: NDArray[np.intp]
    target: Target
    arms: tuple[Arm, ...]
    modelled: bool = True
    weighted: bool = True
    nuisance: Nuisance | None = None
    learner: OutcomeLearner | None = None
    cluster: NDArray[np.intp] | None = None
    sample: bool = False

    def weights(self, level: int) -> Array | None:
        """Return the weights of one level's cases, shape (n_samples,); None with a learner."""
        if self.learner is not None:
            return None
        out = np.zeros(len(self.codes))
        out[self.arms[level].rows] = self.arms[level].weights
        return out

    def alone(self) -> tuple[tuple[int, int], ...]:
        """Return (level, case) of cases with leverage 1."""
        return tuple(
            (level, int(arm.rows[k]))
            for level, arm in enumerate(self.arms)
            for k in np.flatnonzero(arm.corrected[1])
        )

    @property
    def spread_df(self) -> float:
        """Degrees of freedom of how individual effects vary in the target population."""
        share = self.target.average[:, None]
        if self.cluster is not None:
            share = cluster_sums(share, self.cluster)
        return max(1.0 / float((share**2).sum()) - 1.0, 1.0)

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
        variance, spread = np.empty((count, q)), np.empty((count, q))
        average = self.target.average
        everyone = bool((average == average[0]).all())
        raised = None
        if self.nuisance is not None and not self.modelled:
            raised = self.nuisance.raised(self.cluster)
        for level, arm in enumerate(self.arms):
            seen = centred[arm.rows]
            means[level] = arm.weights @ seen
            if self.modelled:
                predicted = self.predict(level, centred, influence[level])
                residual = seen - predicted[arm.rows]
                mean = average @ predicted
                if self.learner is not None:
                    means[level] = mean + arm.weights @ residual
                predicted -= mean
                if not everyone:
                    predicted *= (n * average)[:, None]
            else:
                influence[level] = 0.0
                residual = seen - means[level]
            moved = None
            if self.nuisance is not None:
                moved = self.of_propensities(level, residual, influence[level])
                if raised is not None:
                    moved *= raised[:, None]
            if self.sample:
                influence[level] = 0.0
            if moved is not None:
                influence[level] += moved
            corrected, variance[level] = self.of_residuals(level, residual, raised)
            if self.sample:
                spread[level] = np.sqrt(self.target.direct[arm.rows] @ residual**2)
            corrected *= n
            influence[level][arm.rows] += corrected
        df = np.array([arm.df for arm in self.arms])
        excess = self.excess(spread) if self.sample else None
        return LevelMeans(
            means + centre, influence, variance, df, self.codes, self.spread_df, excess=excess
        )

    def excess(self, spread: Array) -> Callable[[int, int], Array]:
        """Return by how much residual variances overstate the error of the sample's effect.

        It is how individual effects vary about the models. That cannot be seen, but is at least the
        square of the difference between the residuals' standard deviations under two levels.

        Parameters
        ----------
        spread : ndarray of shape (n_levels, n_outcomes)
            Standard deviation of the residuals under each level.
        """
        size = float((self.target.average**2).sum())
        return lambda level, base: np.asarray(size * (spread[level] - spread[base]) ** 2)

    def predict(self, level: int, outcomes: Array, out: Array) -> Array:
        """Write what the model of a level predicts for all cases into ``out``, and return it."""
        arm = self.arms[level]
        if self.learner is None:
            return np.matmul(arm.matrix, arm.hat @ outcomes[arm.rows], out=out)
        out[:] = self.learner.predict(outcomes, arm.rows)
        return out

    def of_residuals(
        self, level: int, residual: Array, raised: Array | None = None
    ) -> tuple[Array, Array]:
        """Return the leverage-corrected part of each residual in a mean, and its variance."""
        arm = self.arms[level]
        pull, full = arm.corrected
        if raised is not None:
            pull = pull * raised[arm.rows]
        corrected = residual * pull[:, None]
        if full.any():
            # nothing is left of such a residual: the level's residual spread stands in for it
            spread = np.sqrt((residual**2).sum(axis=0) / arm.spare)
            corrected[full] = pull[full][:, None] * spread
        summed = corrected
        if self.cluster is not None:
            summed = cluster_sums(corrected, self.cluster[arm.rows])
        return corrected, np.einsum("ij,ij->j", summed, summed)

    def of_propensities(self, level: int, residual: Array, averaged: Array) -> Array:
        """Return the part of the influence that comes from estimating the propensities."""
        nuisance, target, arm = self.nuisance, self.target, self.arms[level]
        if nuisance is None or target.direct_slope is None or target.average_slope is None:
            return np.zeros_like(averaged)
        n, p = nuisance.matrix.shape
        moved = np.zeros((p * target.direct_slope.shape[1], residual.shape[1]))
        if self.weighted:
            direct = target.direct[arm.rows]
            slope = target.direct_slope[arm.rows] * direct[:, None]
            basis = nuisance.matrix[arm.rows]
            gradient = np.hstack([basis * part[:, None] for part in slope.T])
            moved += gradient.T @ residual
            if self.modelled:
                # residuals are about their weighted mean
                moved -= np.outer(gradient.sum(axis=0), direct @ residual)
        if self.modelled and target.average_slope.any():
            slope = target.average_slope / n
            moved += np.hstack([nuisance.matrix * part[:, None] for part in slope.T]).T @ averaged
        return np.asarray(nuisance.score @ (n * moved))


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
    learner: OutcomeLearner | None = None,
    cluster: NDArray[np.intp] | None = None,
    sample: bool = False,
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
    learner : OutcomeLearner, optional
        Its predictions are for other folds, so that residuals need no correction for leverage.
    cluster : ndarray of int, shape (n_samples,), optional
    sample : bool
        Standard errors are for the effect in just these cases.

    Returns
    -------
    LinearPlan

    Notes
    -----
    Standard errors take residuals corrected for leverage, with the weights that every level's mean
    really puts on its cases (HC2; CR2 with clusters).
    """
    arms: list[Arm] = []
    own = [matrix] * n_levels if isinstance(matrix, np.ndarray) else list(matrix)
    for level in range(n_levels):
        rows = np.flatnonzero(codes == level)
        inside = own[level][rows]
        p = inside.shape[1]
        direct = target.direct[rows] if weighted else np.zeros(len(rows))
        group = None if cluster is None else cluster[rows]
        if learner is not None:
            arms.append(Arm(own[level], rows, direct, np.zeros((p, 0)), None, group))
        elif modelled:
            root = np.sqrt(direct * len(rows)) if calibrated else np.ones(len(rows))
            orthogonal, triangle = np.linalg.qr(inside * root[:, None])
            hat = np.linalg.solve(triangle, (orthogonal * root[:, None]).T)
            weights = (target.average @ own[level] - direct @ inside) @ hat + direct
            arms.append(Arm(own[level], rows, weights, hat, (inside, hat), group))
        else:
            follow = (np.ones((len(rows), 1)), direct[None, :])
            arms.append(Arm(own[level], rows, direct, np.zeros((p, 0)), follow, group))
    return LinearPlan(
        codes, target, tuple(arms), modelled, weighted, nuisance, learner, cluster, sample
    )


def contrast_weights(plan: Plan, level: int, base: int) -> Array | None:
    """Return the weights whose product with an outcome is the effect; None if there are none."""
    first, second = plan.weights(level), plan.weights(base)
    return None if first is None or second is None else first - second
