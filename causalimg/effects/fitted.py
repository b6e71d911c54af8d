"""A fitted effect estimator: its table, influence functions and refits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.blocks import Block, ContrastArrays, contrast_arrays
from causalimg.effects.multiplicity import fdr_adjust
from causalimg.effects.outcomes import Outcomes
from causalimg.effects.parameters import Parametrised
from causalimg.effects.plans import Plan
from causalimg.effects.resample import Refitter, bootstrap_block, percentile_limits
from causalimg.effects.treatment_model import TreatmentModel
from causalimg.errors import InvalidInputError, UnknownNameError, nearest
from causalimg.parallel import spawn_seeds
from causalimg.provenance import Provenance
from causalimg.tables.effect_table import COLUMNS, EffectTable

Influence = Callable[[slice], NDArray[np.float64]]


class FittedEffects(Parametrised):
    """What can be asked of an effect estimator after ``fit``."""

    treatment: str
    alpha: float
    fdr: str

    effects_: EffectTable
    levels_: tuple[str, ...]
    outcomes_: tuple[str, ...]
    covariates_: tuple[str, ...]
    codes_: NDArray[np.intp]
    clusters_: NDArray[np.intp] | None
    n_samples_: int
    propensity_: pd.DataFrame
    balance_: pd.DataFrame | None
    notes_: tuple[str, ...]

    _estimator: str
    _blocks: list[Block]
    _read: Outcomes
    _whole: TreatmentModel
    _keep: NDArray[np.bool_]
    _index: pd.Index
    _known: dict[tuple[tuple[int, int], ...], ContrastArrays]
    _rows: dict[tuple[bool, float, str], pd.DataFrame]
    _provenance: Provenance

    def require_fit(self) -> Self:
        """Return the estimator, or raise `InvalidInputError` if it is not fitted."""
        if not hasattr(self, "effects_"):
            raise InvalidInputError("the estimator is not fitted; call its fit() first")
        return self

    def effects(self, *, pairs: bool = False) -> EffectTable:
        """Return the effect table.

        Parameters
        ----------
        pairs : bool, default=False
            Every pair of levels instead of every level against the reference. The false discovery
            rate is controlled over the rows of the table.

        Returns
        -------
        EffectTable
        """
        return EffectTable(
            frame=self.contrast_frame(pairs=pairs)[list(COLUMNS)],
            balance=self.balance_,
            provenance=self._provenance,
            notes=self.notes_,
        )

    def contrast_pairs(self, *, pairs: bool = False) -> list[tuple[int, int]]:
        """Return (level, base) codes of the contrasts, into ``levels_``."""
        count = len(self.levels_)
        bases = range(count - 1) if pairs else range(1)
        return [(level, base) for base in bases for level in range(base + 1, count)]

    def contrast_frame(self, *, pairs: bool = False) -> pd.DataFrame:
        """Return the rows of the effect table with one more column, ``df``.

        ``df`` are the degrees of freedom of the t distribution behind the interval and p.
        """
        key = (pairs, self.alpha, self.fdr)
        if key not in self._rows:
            self._rows[key] = self._contrast_frame(pairs)
        return self._rows[key].copy()

    def _contrast_frame(self, pairs: bool) -> pd.DataFrame:
        from scipy.special import stdtr, stdtrit

        chosen = self.contrast_pairs(pairs=pairs)
        found = self.contrasts(tuple(chosen))
        half = stdtrit(found.df, 1 - self.alpha / 2) * found.se
        p = (2 * stdtr(found.df, -np.abs(found.estimate / found.se))).ravel()
        low, high = found.estimate - half, found.estimate + half
        count = getattr(self, "bootstrap", None)
        if count:
            draws = self.bootstrap_estimates(pairs=pairs)
            low, high = percentile_limits(draws, self.alpha)
            se = np.where(np.isnan(found.se), np.nan, draws.std(axis=0, ddof=1))
            p = (2 * stdtr(found.df, -np.abs(found.estimate / se))).ravel()
            found = replace(found, se=se)
            low, high = (np.where(np.isnan(se), np.nan, limit) for limit in (low, high))
        names = [f"{self.levels_[level]} - {self.levels_[base]}" for level, base in chosen]
        refused = found.reason.ravel() != ""
        columns = {
            "outcome": np.repeat(np.array(self.outcomes_, dtype=object), len(chosen)),
            "contrast": names * len(self.outcomes_),
            "estimand": self._estimand(),
            "estimator": self._estimator,
            "estimate": found.estimate.ravel(),
            "se": found.se.ravel(),
            "ci_low": low.ravel(),
            "ci_high": high.ravel(),
            "p": p,
            "q": fdr_adjust(p, self.fdr),
            "effect_sd": (found.estimate / found.outcome_sd).ravel(),
            "outcome_sd": found.outcome_sd.ravel(),
            "n": found.n.ravel(),
            "ess": found.ess.ravel(),
            "max_smd": found.max_smd.ravel(),
            "status": np.where(refused, "not_estimable", "ok"),
            "reason": np.where(refused, found.reason.ravel(), found.caution.ravel()).astype(str),
            "df": found.df.ravel(),
        }
        return pd.DataFrame(columns)

    def influence(self, level: str, base: str | None = None) -> pd.DataFrame:
        """Return the influence of every case on every effect of one contrast.

        Parameters
        ----------
        level : str
        base : str, optional
            The reference level by default.

        Returns
        -------
        pandas.DataFrame of shape (n_samples, n_outcomes)
            Without clusters, the standard error is the root of the sum of squares, divided by
            n_samples. 0 for a case without the outcome; NaN columns for outcomes that could not
            be fitted.
        """
        first, second = self._level(level), self._level(self.levels_[0] if base is None else base)
        found = self.influence_arrays([(first, second)])[0]
        return pd.DataFrame(found, index=self._index, columns=list(self.outcomes_))

    def influence_arrays(self, chosen: Sequence[tuple[int, int]]) -> list[NDArray[np.float64]]:
        """Return `influence` of several contrasts, (level, base) codes, as arrays; solved once."""
        out = [np.full((self.n_samples_, len(self.outcomes_)), np.nan) for _ in chosen]
        for rows, columns, influences in self.influence_parts(chosen):
            whole, scale = bool(rows.all()), self.n_samples_ / rows.sum()
            for values, influence in zip(out, influences, strict=True):
                part = influence(slice(None))
                if whole:
                    values[:, columns] = part
                else:
                    values[:, columns] = 0.0
                    values[np.ix_(rows, columns)] = scale * part
        return out

    def influence_parts(
        self, chosen: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.intp], list[Influence]]]:
        """Yield the influence functions of contrasts, as many outcomes at a time as fit.

        Parameters
        ----------
        chosen : sequence of (level, base)
            Codes into ``levels_``.

        Yields
        ------
        rows : ndarray of bool, shape (n_samples,)
            The cases that were analysed.
        columns : ndarray of int
            Positions of the outcomes.
        influences : list of callable
            One per contrast; ``influence(part)`` returns that of a slice of the columns, shape
            (n_rows, n_part): per case that was analysed; scaled to their number.
        """
        for block in self._blocks:
            model = block.model
            if model is None:
                continue
            for columns, found in block.solved(self._read):
                yield (
                    block.rows,
                    columns,
                    [partial(found[model.key(a, b)].difference, a, b) for a, b in chosen],
                )

    def balancing_weights(self, level: str | None = None, base: str | None = None) -> pd.Series:
        """Return stabilised weights: they have mean one within every level.

        Parameters
        ----------
        level, base : str, optional
            The contrast, which matters for ``att`` and ``atc`` with more than two levels; the
            first one by default.

        Returns
        -------
        pandas.Series of shape (n_samples,)
            0 for a case that was left out.
        """
        first = 1 if level is None else self._level(level)
        second = 0 if base is None else self._level(base)
        model = self._whole
        codes = model.design.codes
        direct = model.targets[model.key(first, second)].direct
        out = pd.Series(0.0, index=self._index, name="weight")
        out[self._keep] = direct * model.design.counts[codes]
        return out

    def blocks(self) -> tuple[Block, ...]:
        """Return the groups of outcomes that were observed in the same cases."""
        return tuple(self._blocks)

    def outcome_table(self) -> pd.DataFrame:
        """Return the outcomes as they were read, shape (n_samples, n_outcomes)."""
        return pd.DataFrame(self._read.values, index=self._index, columns=list(self.outcomes_))

    def outcome_values(self, block: Block) -> NDArray[np.float64]:
        """Return the outcomes of a block, shape (n_rows, n_columns)."""
        return self._read.values[np.ix_(block.rows, block.columns)]

    def bootstrap_estimates(self, *, pairs: bool = False) -> NDArray[np.float64]:
        """Return estimates from resampled cases, or clusters, with everything fitted anew.

        Returns
        -------
        ndarray of shape (n_bootstrap, n_outcomes, n_contrasts)
            ``bootstrap`` many.
        """
        count = int(getattr(self, "bootstrap", None) or 0)
        return self.refits(bootstrap_block, count, pairs=pairs, seed=self._seed())

    def refits(
        self, refit: Refitter, count: int, *, pairs: bool = False, seed: int | None = 0
    ) -> NDArray[np.float64]:
        """Fit everything anew ``count`` times, in a way that a function of `resample` says.

        Returns
        -------
        ndarray of shape (count, n_outcomes, n_contrasts)
            NaN for outcomes that could not be fitted.
        """
        chosen = self.contrast_pairs(pairs=pairs)
        out = np.full((count, len(self.outcomes_), len(chosen)), np.nan)
        for block, own in zip(self._blocks, spawn_seeds(seed, len(self._blocks)), strict=True):
            if block.model is not None and count:
                out[:, block.columns] = refit(block, self._read, self._plans, chosen, count, own)
        return out

    @property
    def influence_(self) -> dict[str, pd.DataFrame]:
        """Influence functions per contrast with the reference, ``"B - A"`` -> table."""
        base = self.levels_[0]
        return {f"{level} - {base}": self.influence(level) for level in self.levels_[1:]}

    def contrasts(self, chosen: tuple[tuple[int, int], ...]) -> ContrastArrays:
        """Return arrays of all outcomes and the chosen contrasts; computed once."""
        if chosen not in self._known:
            self._known[chosen] = contrast_arrays(self._blocks, self._read, chosen)
        return self._known[chosen]

    def _level(self, name: str) -> int:
        if str(name) not in self.levels_:
            raise UnknownNameError(
                f"{self.treatment!r} has no level {name!r}{nearest(str(name), self.levels_)}"
                f" (levels: {', '.join(self.levels_)})"
            )
        return self.levels_.index(str(name))

    def _plans(self, model: TreatmentModel) -> dict[int, Plan]:
        raise NotImplementedError

    def _estimand(self) -> str:
        return str(getattr(self, "estimand", "ate"))

    def _seed(self) -> int | None:
        seed: int | None = getattr(self, "random_state", 0)
        return seed
