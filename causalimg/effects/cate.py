"""Effects that vary with covariates: the doubly robust learner, for all outcomes at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.adjusted import CAUSAL, AdjustedEstimator
from causalimg.effects.blocks import Block
from causalimg.effects.covariates import covariate_matrix
from causalimg.effects.econml_engine import linear_dr_coefficients
from causalimg.effects.leverage import cluster_sums
from causalimg.effects.multiplicity import check_choice, fdr_adjust
from causalimg.effects.plans import Plan, linear_plan
from causalimg.effects.treatment_model import TreatmentModel
from causalimg.errors import InvalidInputError, check_columns

Array = NDArray[np.float64]

ENGINES = ("native", "econml")
Part = tuple[NDArray[np.intp], int, Array, Array]
"""Outcomes, contrast, coefficients and standard errors, (1 + n_modifiers, n_outcomes)."""


@dataclass(kw_only=True, eq=False, repr=False)
class DRLearner(AdjustedEstimator):
    """Estimate how treatment effects vary with covariates.

    Every case gets a doubly robust pseudo-outcome, whose mean given the covariates is the effect
    in such cases; a linear model of it on the effect modifiers is fitted for all outcomes in one
    solve. Settings and attributes as in `AIPW` (estimand ``ate``), whose effect table it also
    gives.

    Parameters
    ----------
    treatment, adjustment
        As in `AIPW`.
    modifiers : sequence of str
        Covariates that the effect may vary with; part of the adjustment set.
    reference, alpha, fdr, trim, trim_method, cluster, limits, splines, propensity_model
        As in `AIPW`.
    outcome_model, n_folds, random_state
        As in `AIPW`.
    engine : {"native", "econml"}
        ``econml`` fits ``modification_`` by its LinearDRLearner, with ``outcome_model`` and
        ``propensity_model`` or else its own choice of models, cross-fitted in ``n_folds`` (at least
        2), one outcome at a time and without clusters. ``effects_`` is the native one either way.
        Its other learners: `econml_effects`.
    bootstrap : None
        Not for this estimator.

    Attributes
    ----------
    modification_ : pandas.DataFrame
        ``outcome, contrast, modifier, estimate, se, ci_low, ci_high, p, q, status``: change of the
        effect per standard deviation of a number covariate, or from the first level of a text
        covariate, with the other modifiers held.

    Notes
    -----
    Assumptions: those of `AIPW`; effects need not be linear in the modifiers, the coefficients are
    then those of the best linear approximation. Standard errors are leverage-corrected (HC2), and
    clustered on request.

    References
    ----------
    Kennedy (2023). doi:10.1214/23-EJS2157
    Semenova, Chernozhukov (2021). doi:10.1093/ectj/utaa027

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> age = rng.normal(size=2000)
    >>> b = rng.random(2000) < 1 / (1 + np.exp(-age))
    >>> table = pd.DataFrame({"age": age, "scanner": np.where(b, "B", "A")})
    >>> table["texture"] = age + (1 + 0.5 * age) * b + rng.normal(size=2000)
    >>> found = DRLearner(treatment="scanner", adjustment=["age"], modifiers=["age"])
    >>> row = found.fit(table, ["texture"]).modification_.iloc[0]
    >>> row["modifier"], bool(row["ci_low"] < 0.5 < row["ci_high"])
    ('age', True)
    """

    _estimator = "dr_learner"
    _estimands = ("ate",)
    _assumptions = CAUSAL

    modifiers: Sequence[str]
    outcome_model: Any = None
    engine: str = "native"

    def fit(self, frame: pd.DataFrame, outcomes: Sequence[str]) -> Self:
        """Estimate mean effects and their modification; refusals as in `AIPW.fit`."""
        chosen = [str(name) for name in self.modifiers]
        if not chosen or isinstance(self.modifiers, str):
            raise InvalidInputError("modifiers must be a list with at least one column")
        check_columns(frame, chosen, "modifiers")
        outside = [name for name in chosen if name not in list(self.adjustment)]
        if outside:
            raise InvalidInputError(
                f"modifier {outside[0]!r} is not in the adjustment set; add it there"
            )
        super().fit(frame, outcomes)
        basis = covariate_matrix(frame, chosen, treatment=self.treatment)
        self._modifiers = basis.matrix
        self._names = basis.names
        self.modification_ = self._modification()
        return self

    def _check_settings(self) -> None:
        super()._check_settings()
        check_choice(self.engine, ENGINES, "engine")
        if self.engine == "econml" and self.cluster is not None:
            raise InvalidInputError(
                "econml has no cluster-robust errors: use engine='native', or leave cluster out"
            )
        if self.bootstrap is not None:
            raise InvalidInputError(
                "DRLearner has no bootstrap: its intervals come from the pseudo-outcomes"
            )

    def _plans(self, model: TreatmentModel) -> dict[int, Plan]:
        design = model.design
        return {
            key: linear_plan(
                design.matrix,
                design.codes,
                target,
                len(design.levels),
                learner=self._learner(model),
                cluster=model.cluster,
            )
            for key, target in model.targets.items()
        }

    def predict(self, frame: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return the fitted effect of the first contrast for every case that was fitted.

        Returns
        -------
        pandas.DataFrame of shape (n_samples, n_outcomes)
        """
        if frame is not None and not frame.index.equals(self._index):
            raise InvalidInputError("predict gives the effects of the cases that were fitted")
        return pd.DataFrame(
            self._modifiers @ self._coefficients, index=self._index, columns=list(self.outcomes_)
        )

    def _modification(self) -> pd.DataFrame:
        from scipy.special import stdtr, stdtrit

        chosen = self.contrast_pairs()
        names, count = self._names, len(self.outcomes_)
        shape = (len(names), count, len(chosen))
        estimate, se, df = (np.full(shape, np.nan) for _ in range(3))
        self._coefficients = np.full((len(names) + 1, count), np.nan)
        means = self.effects_.frame["estimate"].to_numpy().reshape(count, len(chosen))
        for block in self._blocks:
            if block.model is None:
                continue
            basis = self._modifiers[block.rows]
            left = float(max(len(basis) - basis.shape[1], 1))
            if block.model.cluster is not None:
                left = min(left, float(max(int(block.model.cluster.max()), 1)))
            native = self.engine == "native"
            parts = self._native(block, means) if native else self._econml(block)
            for columns, j, beta, error in parts:
                if j == 0:
                    self._coefficients[:, columns] = beta
                estimate[:, columns, j] = beta[1:]
                se[:, columns, j] = error[1:]
                df[:, columns, j] = left if native else np.inf
        refused = ~np.isfinite(means)
        for values in (estimate, se, df):
            values[:, refused] = np.nan
        half = stdtrit(df, 1 - self.alpha / 2) * se
        p = (2 * stdtr(df, -np.abs(estimate / se))).transpose(1, 2, 0).ravel()
        contrasts = [f"{self.levels_[a]} - {self.levels_[b]}" for a, b in chosen]
        flat = {
            name: values.transpose(1, 2, 0).ravel()
            for name, values in (
                ("estimate", estimate),
                ("se", se),
                ("ci_low", estimate - half),
                ("ci_high", estimate + half),
            )
        }
        return pd.DataFrame(
            {
                "outcome": np.repeat(
                    np.array(self.outcomes_, dtype=object), len(chosen) * len(names)
                ),
                "contrast": np.tile(np.repeat(contrasts, len(names)), count),
                "modifier": list(names) * (count * len(chosen)),
                **flat,
                "p": p,
                "q": fdr_adjust(p, self.fdr),
                "status": np.where(np.isfinite(p), "ok", "not_estimable"),
            }
        )

    def _native(self, block: Block, means: Array) -> Iterator[Part]:
        model = block.model
        if model is None:
            return
        basis = self._modifiers[block.rows]
        orthogonal, triangle = np.linalg.qr(basis)
        leverage = np.minimum((orthogonal**2).sum(axis=1), 1 - 1e-8)
        own = orthogonal @ np.linalg.inv(triangle).T
        for columns, found in block.solved(self._read):
            for j, (level, base) in enumerate(self.contrast_pairs()):
                pseudo = found[-1].influence[level] - found[-1].influence[base]
                pseudo = pseudo + means[columns, j]
                beta = own.T @ pseudo
                rest = (pseudo - basis @ beta) / np.sqrt(1 - leverage)[:, None]
                error = np.empty_like(beta)
                for k in range(len(beta)):
                    part = own[:, [k]] * rest
                    if model.cluster is not None:
                        part = cluster_sums(part, model.cluster)
                        part = part * np.sqrt(len(part) / max(len(part) - 1, 1))
                    error[k] = np.sqrt((part**2).sum(axis=0))
                yield columns, j, beta, error

    def _econml(self, block: Block) -> Iterator[Part]:
        model = block.model
        if model is None:
            return
        own = np.isin(np.array(model.design.source), [str(name) for name in self.modifiers])
        found = linear_dr_coefficients(
            self.outcome_values(block),
            model.design.codes,
            self._modifiers[block.rows][:, 1:],
            model.design.matrix[:, 1:][:, ~own],
            outcome_model=self.outcome_model,
            propensity_model=self.propensity_model,
            n_folds=self.n_folds,
            random_state=self.random_state,
        )
        for j, (beta, error) in enumerate(found):
            yield block.columns, j, beta, error
