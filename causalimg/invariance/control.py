"""Control over many features: which are certified, and which are shown to have moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.base import EffectEstimator
from causalimg.effects.multiplicity import Multipliers, fdr_adjust, step_down

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
        found = Influences.of(effects, names)
        for k, (a, b) in enumerate(effects.contrast_pairs(pairs=True)):
            columns = np.flatnonzero((worst == k) & tested)
            if len(columns):
                influence[:, columns] = found.pair(a, b, columns)
        draws = self._multipliers(effects).studentised(
            lambda columns: influence[:, columns] * direction[columns], len(p)
        )
        # the t statistics as normal scores, so that they compare with normal draws
        score = np.full(len(p), np.nan)
        score[tested] = -ndtri(np.clip(p[tested], 1e-300, 1.0))
        q = step_down(score, draws)
        left = tested & ~(np.nan_to_num(q, nan=1.0) <= self.alpha)
        if not left.any():
            return q, self.alpha
        bound = np.quantile(draws[left].max(axis=0), 1 - self.alpha)
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

    def _largest_draws(
        self, names: Sequence[str], effects: EffectEstimator
    ) -> NDArray[np.floating]:
        """Draw the largest absolute studentised contrast of each feature, (n_features, n_draws)."""
        found, multipliers = Influences.of(effects, names), self._multipliers(effects)
        out = np.zeros((len(names), self.n_draws), dtype=np.float32)
        for start in range(0, len(names), _BLOCK):
            columns = slice(start, start + _BLOCK)
            largest = out[columns]
            parts = [multipliers.summed(part[:, columns]) for part in found.parts]
            products = [multipliers.products(part) for part in parts]
            work = np.empty_like(largest)
            for a, b in effects.contrast_pairs(pairs=True):
                one, other = found.where[a, b]
                gap, drawn = parts[one], products[one]
                if other is not None:
                    gap = gap - parts[other]
                    drawn = np.subtract(drawn, products[other], out=work)
                square = np.einsum("ij,ij->j", gap, gap)
                known = square > 0  # not where it is not estimable (NaN), either
                scale = np.where(known, 1.0 / np.sqrt(np.where(known, square, 1.0)), 0.0)
                np.multiply(drawn, scale[:, None].astype(np.float32), out=work)
                np.fmax(largest, np.abs(work, out=work), out=largest)
        return out

    def _multipliers(self, effects: EffectEstimator) -> Multipliers:
        return Multipliers.drawn(
            effects.n_samples_,
            n_draws=self.n_draws,
            seed=self.seed,
            cluster=effects.clusters_,
            single=True,
        )


@dataclass(frozen=True)
class Influences:
    """Influence functions of every pair of levels.

    With one target population for all levels, a contrast of two is the difference of their
    contrasts with the first, and is not kept.

    Parameters
    ----------
    parts : list of ndarray of shape (n_samples, n_features)
        NaN columns where not estimable.
    where : dict of (level, base) to (int, int or None)
        The part of a pair, and the one that is taken from it.
    """

    parts: list[Array]
    where: dict[tuple[int, int], tuple[int, int | None]]

    @classmethod
    def of(cls, effects: EffectEstimator, names: Sequence[str]) -> Influences:
        """Read them from a fitted estimator."""
        pairs = effects.contrast_pairs(pairs=True)
        if getattr(effects, "estimand", "ate") in ("att", "atc"):
            kept = pairs
            where: dict[tuple[int, int], tuple[int, int | None]]
            where = {pair: (k, None) for k, pair in enumerate(pairs)}
        else:
            kept = [pair for pair in pairs if pair[1] == 0]
            where = {(a, b): (a - 1, b - 1 if b else None) for a, b in pairs}
        columns = pd.Index(effects.outcomes_).get_indexer(pd.Index(list(names)))
        return cls([part[:, columns] for part in effects.influence_arrays(kept)], where)

    def pair(self, level: int, base: int, columns: NDArray[np.intp]) -> Array:
        """Return the influence on some features' contrast, shape (n_samples, n_columns)."""
        one, other = self.where[level, base]
        found = self.parts[one][:, columns]
        return found if other is None else found - self.parts[other][:, columns]
