"""Control over many features: which are certified, and which are shown to have moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.base import EffectEstimator
from causalimg.effects.multiplicity import fdr_adjust, multiplier_draws, step_down

Array = NDArray[np.float64]

CONTROLS = ("bh", "maxt")


@dataclass(frozen=True)
class Control:
    """How the error over many features is held.

    Parameters
    ----------
    method : {"bh", "maxt"}
        False discovery rate, or any error at all.
    alpha : float
    n_draws : int
        Multiplier draws for ``maxt``.
    seed : numpy.random.SeedSequence
    """

    method: str
    alpha: float
    n_draws: int
    seed: np.random.SeedSequence

    def _draws(self, influence: Array, effects: EffectEstimator) -> Array:
        return multiplier_draws(
            lambda columns: influence[:, columns],
            influence.shape[1],
            len(influence),
            n_draws=self.n_draws,
            seed=self.seed,
            cluster=effects.clusters_,
        )

    def certify(
        self,
        p: Array,
        worst: NDArray[np.intp],
        direction: Array,
        names: Sequence[str],
        effects: EffectEstimator,
    ) -> tuple[Array, float]:
        """Adjust the equivalence p-values of the features.

        Parameters
        ----------
        p : ndarray of shape (n_features,)
            NaN where not tested.
        worst : ndarray of int, shape (n_features,)
            The pair of levels that each p comes from.
        direction : ndarray of shape (n_features,)
            Sign that turns the pair's influence into that of the test statistic.
        names : sequence of str
        effects : EffectEstimator

        Returns
        -------
        q : ndarray of shape (n_features,)
        level : float
            The one-sided level that the next feature would have to meet.
        """
        from scipy.special import ndtr, ndtri

        tested = np.isfinite(p)
        count = int(tested.sum())
        if not count:
            return np.full(len(p), np.nan), self.alpha
        if self.method == "bh":
            q = fdr_adjust(p, "bh")
            certified = int((q[tested] <= self.alpha).sum())
            return q, self.alpha * min(certified + 1, count) / count
        influence = np.zeros((effects.n_samples_, len(names)))
        for k, (a, b) in enumerate(effects.contrast_pairs(pairs=True)):
            columns = np.flatnonzero((worst == k) & tested)
            if len(columns):
                part = effects.influence(effects.levels_[a], effects.levels_[b])
                wanted = [names[int(c)] for c in columns]
                influence[:, columns] = part[wanted].to_numpy()
        draws = self._draws(influence * direction, effects)
        # the t statistics as normal scores, so that they compare with normal draws
        score = np.full(len(p), np.nan)
        score[tested] = -ndtri(np.clip(p[tested], 1e-300, 1.0))
        q = step_down(score, draws)
        left = tested & ~(np.nan_to_num(q, nan=1.0) <= self.alpha)
        if not left.any():
            return q, self.alpha
        bound = np.quantile(draws[:, left].max(axis=1), 1 - self.alpha)
        return q, float(ndtr(-bound))

    def moved(self, p: Array, names: Sequence[str], effects: EffectEstimator) -> NDArray[np.bool_]:
        """Mark features with an effect that is not zero, controlled over features and pairs.

        Parameters
        ----------
        p : ndarray of shape (n_features, n_pairs)
            Two-sided p-values of no effect; NaN where not estimable.
        names : sequence of str
        effects : EffectEstimator

        Returns
        -------
        ndarray of bool, shape (n_features,)
        """
        from scipy.special import ndtri

        if self.method == "bh":
            q = fdr_adjust(p.ravel(), "bh")
        else:
            parts = [
                effects.influence(effects.levels_[a], effects.levels_[b])[list(names)].to_numpy()
                for a, b in effects.contrast_pairs(pairs=True)
            ]
            influence = np.nan_to_num(np.stack(parts, axis=2)).reshape(len(parts[0]), -1)
            draws = np.abs(self._draws(influence, effects))
            score = np.full(p.size, np.nan)
            done = np.isfinite(p.ravel())
            score[done] = -ndtri(np.clip(p.ravel()[done] / 2, 1e-300, 0.5))
            q = step_down(score, draws)
        found = np.nan_to_num(q, nan=1.0).reshape(p.shape) <= self.alpha
        return np.asarray(found.any(axis=1))
