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
_FIRST_STEP = 0.1


@dataclass(frozen=True, eq=False)
class Certified:
    """Adjusted p-values, and the levels that the features left over would have to meet.

    Parameters
    ----------
    q : ndarray of shape (n_features,)
        NaN where not tested.
    alpha : float
    draws : ndarray of shape (n_features, n_draws) or None
        Draws of the statistics under the null hypotheses; None for ``bh``.
    """

    q: Array
    alpha: float
    draws: NDArray[np.floating] | None

    def levels(self, order: NDArray[np.intp]) -> Array:
        """Return the one-sided level of each feature left, were they certified in this order.

        Parameters
        ----------
        order : ndarray of int
            Features, the one certified next first.

        Returns
        -------
        ndarray of shape (len(order),)
        """
        from scipy.special import ndtr

        tested = np.isfinite(self.q)
        done = tested & (np.nan_to_num(self.q, nan=1.0) <= self.alpha)
        if self.draws is None:
            rank = done.sum() + 1 + np.arange(len(order))
            return np.asarray(self.alpha * np.minimum(rank, tested.sum()) / tested.sum())
        rest = tested & ~done
        rest[order] = False
        largest = np.full(self.draws.shape[1], -np.inf, dtype=self.draws.dtype)
        if rest.any():
            largest = self.draws[rest].max(axis=0)
        out = np.empty(len(order))
        for k in range(len(order) - 1, -1, -1):
            largest = np.maximum(largest, self.draws[order[k]])
            bound = np.quantile(largest, 1 - (1 - _FIRST_STEP) * self.alpha)
            out[k] = ndtr(-bound)
        return out


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
        largest: NDArray[np.floating] | None,
    ) -> Certified:
        """Adjust the equivalence p-values of the features.

        ``maxt`` takes two steps: features that lie beyond the margin for sure (simultaneously, with
        probability ``1 - alpha / 10``) cannot pass by chance as easily as one at the margin, and
        step-down over all of them uses the rest of ``alpha``.

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
        largest : ndarray of shape (n_features, n_draws) or None
            From `largest_draws`.

        Returns
        -------
        Certified

        References
        ----------
        Romano, Shaikh, Wolf (2014), on the two steps. doi:10.3982/ECTA9011
        """
        from scipy.special import ndtri

        tested = np.isfinite(p)
        if largest is None or not tested.any():
            return Certified(fdr_adjust(p, "bh"), self.alpha, None)
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
        score[tested] = -ndtri(np.clip(p[tested], 1e-300, 1 - 1e-16))
        first = _FIRST_STEP * self.alpha
        reach = np.quantile(largest[tested].max(axis=0), 1 - first)
        beyond = np.maximum(np.nan_to_num(-score, nan=0.0) - reach, 0.0)
        far = np.flatnonzero(beyond)
        draws[far] -= beyond[far, None].astype(draws.dtype)
        return Certified(np.minimum(step_down(score, draws) + first, 1.0), self.alpha, draws)

    def moved(self, p: Array, largest: NDArray[np.floating] | None) -> NDArray[np.bool_]:
        """Mark features with an effect that is not zero, controlled over features and pairs.

        Parameters
        ----------
        p : ndarray of shape (n_features, n_pairs)
            Two-sided p-values of no effect; NaN where not estimable.
        largest : ndarray of shape (n_features, n_draws) or None
            From `largest_draws`.

        Returns
        -------
        ndarray of bool, shape (n_features,)
        """
        from scipy.special import ndtri

        if largest is None:
            q = fdr_adjust(p.ravel(), "bh")
            found = np.nan_to_num(q, nan=1.0).reshape(p.shape) <= self.alpha
            return np.asarray(found.any(axis=1))
        done = np.isfinite(p)
        some = done.any(axis=1)
        score = np.full(len(p), np.nan)
        smallest = np.where(done, p, 1.0).min(axis=1)[some]
        score[some] = -ndtri(np.clip(smallest / 2, 1e-300, 0.5))
        q = step_down(score, largest)
        return np.asarray(np.nan_to_num(q, nan=1.0) <= self.alpha)

    def largest_draws(
        self, names: Sequence[str], effects: EffectEstimator
    ) -> NDArray[np.floating] | None:
        """Draw the largest absolute studentised contrast of each feature, (n_features, n_draws).

        None for ``bh``, which needs no draws.
        """
        if self.method == "bh":
            return None
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
