"""One outcome model for all levels, in which only chosen slopes differ between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.design import Design
from causalimg.effects.influence import LevelMeans
from causalimg.effects.leverage import cluster_sums, corrected_weights, residual_df
from causalimg.effects.outcome_model import OutcomeLearner
from causalimg.effects.targets import Target
from causalimg.errors import NotEstimableError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PooledPlan:
    """Averages of one regression over a target population, for every level.

    Parameters
    ----------
    codes : ndarray of int, shape (n_samples,)
    target : Target
    full : ndarray of shape (n_samples, n_parameters)
        The regression matrix.
    under : tuple of ndarray of shape (n_samples, n_parameters)
        What it would be under every level.
    hat : ndarray of shape (n_parameters, n_samples)
    cluster : ndarray of int, shape (n_samples,), or None
    learner : OutcomeLearner or None
        Given, the regression is of what it leaves of the outcomes.
    """

    codes: NDArray[np.intp]
    target: Target
    full: Array
    under: tuple[Array, ...]
    hat: Array
    cluster: NDArray[np.intp] | None = None
    learner: OutcomeLearner | None = None

    def weights(self, level: int) -> Array | None:
        """Return the weights (n_samples,) whose product with an outcome is the level's mean."""
        return None if self.learner is not None else self._own(level)

    def alone(self) -> tuple[tuple[int, int], ...]:
        """Return (level, case) of cases with leverage 1."""
        leverage = np.einsum("ij,ji->i", self.full, self.hat)
        return tuple((int(self.codes[k]), int(k)) for k in np.flatnonzero(leverage >= 1.0 - 1e-8))

    def solve(self, outcomes: Array) -> LevelMeans:
        """Estimate the mean of every outcome under every level, with influence functions."""
        n, q = outcomes.shape
        centre = outcomes.mean(axis=0)
        centred = outcomes - centre
        if self.learner is not None:
            centred -= self.learner.predict(centred, np.arange(n))
        beta = self.hat @ centred
        noise = centred - self.full @ beta
        average = self.target.average
        count = len(self.under)
        means = np.empty((count, q))
        influence = np.empty((count, n, q))
        pull = [
            corrected_weights(self.full, self.hat, self._own(level), self.cluster)[0]
            for level in range(count)
        ]
        for level, rows in enumerate(self.under):
            predicted = np.matmul(rows, beta, out=influence[level])
            means[level] = average @ predicted
            predicted -= means[level]
            predicted *= (n * average)[:, None]
            predicted += (n * pull[level])[:, None] * noise
            predicted += self.of_nuisance(level, beta, noise)

        def shared(level: int, base: int) -> tuple[Array, float]:
            own = pull[level] - pull[base]
            part = own[:, None] * noise
            if self.cluster is not None:
                part = cluster_sums(part, self.cluster)
            df = residual_df(self.full, self.hat, own, self.cluster)
            return np.einsum("ij,ij->j", part, part), df

        zero = np.zeros((count, q))
        return LevelMeans(
            means + centre, influence, zero, np.ones(count), self.codes, shared=shared
        )

    def of_nuisance(self, level: int, beta: Array, noise: Array) -> Array | float:
        """Return the part of a level's influence that comes from other models; here none."""
        return 0.0

    def _own(self, level: int) -> Array:
        return np.asarray((self.target.average @ self.under[level]) @ self.hat)


def pooled_plan(
    design: Design,
    target: Target,
    varying: NDArray[np.bool_],
    cluster: NDArray[np.intp] | None = None,
) -> PooledPlan:
    """Plan a regression on covariates, levels, and products of the two.

    Parameters
    ----------
    design : Design
    target : Target
    varying : ndarray of bool, shape (n_parameters - 1,)
        The covariate columns whose slopes differ between levels.
    cluster : ndarray of int, shape (n_samples,), optional

    Raises
    ------
    NotEstimableError
        If the columns are not independent.
    """
    slopes = design.matrix[:, 1:][:, varying]
    count = len(design.levels)

    def under(codes: NDArray[np.intp]) -> Array:
        parts = [design.outcome_matrix]
        for level in range(1, count):
            has = (codes == level).astype(np.float64)[:, None]
            parts += [has, has * slopes]
        return np.hstack(parts)

    full = under(design.codes)
    orthogonal, triangle = np.linalg.qr(full)
    if (np.abs(np.diag(triangle)) <= 1e-9 * np.linalg.norm(full, axis=0)).any():
        raise NotEstimableError(
            "levels and covariates cannot be told apart in the outcome model: use fewer"
            " interactions or covariates"
        )
    return PooledPlan(
        design.codes,
        target,
        full,
        tuple(under(np.full(len(full), level)) for level in range(count)),
        np.linalg.solve(triangle, orthogonal.T),
        cluster,
    )
