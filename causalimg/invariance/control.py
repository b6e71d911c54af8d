"""Control over many features: which are certified, and which are shown to have moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.base import EffectEstimator
from causalimg.effects.multiplicity import (
    Multipliers,
    fdr_adjust,
    multiplier_draws,
    step_down,
)

Array = NDArray[np.float64]

CONTROLS = ("bh", "maxt")
_BLOCK = 128


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

    @staticmethod
    def _summed(influence: Array, effects: EffectEstimator) -> Array:
        """Return the influence of every unit that is drawn together: case or cluster."""
        if effects.clusters_ is None:
            return influence
        out = np.zeros((int(effects.clusters_.max()) + 1, influence.shape[1]))
        np.add.at(out, effects.clusters_, influence)
        return out

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
            found = np.nan_to_num(q, nan=1.0).reshape(p.shape) <= self.alpha
            return np.asarray(found.any(axis=1))
        done = np.isfinite(p)
        some = done.any(axis=1)
        score = np.full(len(p), np.nan)
        smallest = np.where(done, p, 1.0).min(axis=1)[some]
        score[some] = -ndtri(np.clip(smallest / 2, 1e-300, 0.5))
        q = step_down(score, self._largest_draws(names, effects))
        return np.asarray(np.nan_to_num(q, nan=1.0) <= self.alpha)

    def _largest_draws(self, names: Sequence[str], effects: EffectEstimator) -> Array:
        """Draw the largest absolute studentised contrast of each feature, (n_draws, n_features).

        With one target population for all levels, a contrast of two is the difference of their
        contrasts with the first, and one product per level serves all pairs.
        """
        levels, chosen = effects.levels_, list(names)
        pairs = effects.contrast_pairs(pairs=True)
        shared = getattr(effects, "estimand", "ate") not in ("att", "atc")
        wanted = [(k, 0) for k in range(1, len(levels))] if shared else list(pairs)
        base = [effects.influence(levels[a], levels[b])[chosen].to_numpy() for a, b in wanted]
        multipliers = Multipliers.drawn(
            len(base[0]), n_draws=self.n_draws, seed=self.seed, cluster=effects.clusters_
        )
        out = np.zeros((self.n_draws, len(chosen)))
        for start in range(0, len(chosen), _BLOCK):
            columns = slice(start, start + _BLOCK)
            parts = [self._summed(part[:, columns], effects) for part in base]
            gone = [~np.isfinite(part).all(axis=0) for part in parts]
            drawn = [multipliers.values @ np.nan_to_num(part) for part in parts]
            if shared:
                parts.insert(0, np.zeros_like(parts[0]))
                drawn.insert(0, np.zeros_like(drawn[0]))
                gone.insert(0, np.zeros_like(gone[0]))
            largest = out[:, columns]
            work = np.empty_like(drawn[0])
            for k, (a, b) in enumerate(pairs):
                if shared:
                    square = ((parts[a] - parts[b]) ** 2).sum(axis=0)
                    np.subtract(drawn[a], drawn[b], out=work)
                    known = ~(gone[a] | gone[b]) & (square > 0)
                else:
                    square = (parts[k] ** 2).sum(axis=0)
                    known = ~gone[k] & (square > 0)
                    work[:] = drawn[k]
                work *= np.where(known, 1.0 / np.sqrt(np.where(known, square, 1.0)), 0.0)
                np.maximum(largest, np.abs(work, out=work), out=largest)
        return out
