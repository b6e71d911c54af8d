"""What the effect estimators share: settings and the steps of a fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Self

import pandas as pd

from causalimg.effects.balance import balance_columns, balance_rows
from causalimg.effects.blocks import fit_block, part_model
from causalimg.effects.columns import cluster_codes
from causalimg.effects.design import build_design
from causalimg.effects.diagnostics import OverlapLimits
from causalimg.effects.fitted import FittedEffects
from causalimg.effects.multiplicity import FDR_METHODS, check_choice
from causalimg.effects.notes import fit_notes, leverage_notes
from causalimg.effects.outcome_model import OutcomeLearner, OutcomeSource
from causalimg.effects.outcomes import digest_of_arrays, read_outcomes
from causalimg.effects.plans import Plan, linear_plan
from causalimg.effects.propensity import check_separation
from causalimg.effects.propensity_model import PropensitySource
from causalimg.effects.targets import ESTIMANDS
from causalimg.effects.treatment_model import TreatmentModel, Weighting, fit_treatment_model
from causalimg.errors import InvalidInputError
from causalimg.provenance import Provenance, sha256_frame

TRIM_METHODS = ("clip", "drop")
MIN_BOOTSTRAP = 50


class EffectEstimator(FittedEffects):
    """Base of the estimators that compare treatment levels by their mean outcomes."""

    _estimator: str
    _weighted: bool
    _adjusted: bool
    _assumptions: tuple[str, ...]
    _estimands: tuple[str, ...] = ESTIMANDS

    treatment: str
    reference: str | None
    alpha: float
    fdr: str
    cluster: str | None

    def fit(self, frame: pd.DataFrame, outcomes: Sequence[str]) -> Self:
        """Estimate the effect on every outcome.

        Parameters
        ----------
        frame : pandas.DataFrame
            One row per case. Not modified.
        outcomes : sequence of str
            Number columns. One that is constant, empty or infinite gets the status
            ``not_estimable`` and the others go on; where values are missing, the cases that have
            one are used, with propensities fitted anew on them.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            For missing treatment or covariate values (naming column and cases), or a column with
            two roles.
        NotEstimableError
            If the treatment has one level, a level has fewer cases than parameters, or a
            covariate determines the treatment.
        UnknownNameError
            If a column does not exist.
        """
        self._check_settings()
        if not isinstance(frame, pd.DataFrame):
            raise InvalidInputError(
                f"fit needs a pandas.DataFrame, got {type(frame).__name__}; a FeatureTable has it"
                " as .frame"
            )
        design = build_design(
            frame,
            treatment=self.treatment,
            adjustment=self._adjustment(),
            reference=self.reference,
            splines=getattr(self, "splines", None),
            precision=self._precision(),
        )
        adjustment = [str(name) for name in self._adjustment()]
        cluster = None
        if self.cluster is not None:
            cluster = cluster_codes(
                frame, self.cluster, self.treatment, design.codes, design.levels
            )
        roles = dict.fromkeys([*adjustment, *map(str, self._precision())], "a covariate")
        if self.cluster is not None:
            roles[self.cluster] = "the cluster"
        roles[self.treatment] = "the treatment"
        read = read_outcomes(frame, outcomes, reserved=roles)
        covariates = frame[adjustment]
        values, columns = balance_columns(frame, adjustment)
        check_separation(covariates, design)
        whole = fit_treatment_model(covariates, design, values, self._weighting(), cluster)
        self.propensity_ = pd.DataFrame(
            whole.probability, columns=list(design.levels), index=frame.index
        )
        keep = whole.weighting.keep(whole.probability)
        if not keep.all():
            whole = part_model(covariates, whole, values, keep)
            covariates, values = covariates.loc[keep], values[keep]
        self._blocks = []
        for rows, part in read.blocks():
            block = fit_block(covariates, whole, values, rows[keep], part, self._plans)
            inside = keep.copy()
            inside[keep] = block.rows
            self._blocks.append(replace(block, rows=inside))
        self._known, self._rows = {}, {}
        self._read = read
        self._whole = whole
        self._keep = keep
        self._index = frame.index
        self.covariates_ = tuple(adjustment)
        self.levels_ = design.levels
        self.outcomes_ = read.names
        self.codes_ = design.codes
        self.n_samples_ = len(frame)
        self.clusters_ = cluster
        self.overlap_ = whole.report()
        self.balance_ = None
        if columns:
            self.balance_ = balance_rows(
                values, columns, whole.design.codes, design.levels, whole.weights
            )
        self.notes_ = (
            *fit_notes(whole, read, int((~keep).sum()), cluster, self.cluster, values, columns),
            *leverage_notes(frame, design, self._blocks),
            *self._more_notes(),
        )
        used = list(dict.fromkeys([self.treatment, *roles]))
        self._provenance = Provenance.of(
            "effects",
            settings={"estimator": self._estimator, **self.settings()},
            inputs={
                "treatment_and_covariates": sha256_frame(frame[used]),
                "outcomes": digest_of_arrays(read.names, read.values),
            },
            assumptions=self._assumptions,
            seed=self._seed(),
        )
        self.effects_ = self.effects()
        return self

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What must hold for the estimates to be effects, one sentence each."""
        return self._assumptions

    # ---- steps ---------------------------------------------------------------------------

    def _adjustment(self) -> Sequence[str]:
        return ()

    def _more_notes(self) -> tuple[str, ...]:
        return ()

    def _precision(self) -> Sequence[str]:
        return ()

    def _weighting(self) -> Weighting:
        return Weighting(
            adjusted=self._adjusted,
            weighted=self._weighted,
            trim=getattr(self, "trim", 0.0),
            limits=getattr(self, "limits", None) or OverlapLimits(),
            estimand=self._estimand(),
            drop=getattr(self, "trim_method", "clip") == "drop",
            source=PropensitySource(
                getattr(self, "propensity_model", None),
                self._propensity_folds(),
                self._seed(),
            ),
        )

    def _propensity_folds(self) -> int:
        # the built-in propensities of an estimator with an outcome_model are not cross-fitted
        own = getattr(self, "propensity_model", None)
        if own is None and getattr(self, "outcome_model", None) is not None:
            return 1
        return int(getattr(self, "n_folds", 1))

    def _outcome_source(self) -> OutcomeSource | None:
        model = getattr(self, "outcome_model", None)
        if model is None:
            return None
        return OutcomeSource(model, int(getattr(self, "n_folds", 1)), self._seed())

    def _learner(self, model: TreatmentModel) -> OutcomeLearner | None:
        source = self._outcome_source()
        return None if source is None else source.learner(model.design, model.cluster)

    def _plans(self, model: TreatmentModel) -> dict[int, Plan]:
        """Turn a treatment model into one plan per target population."""
        design = model.design
        return {
            key: linear_plan(
                design.matrix,
                design.codes,
                target,
                len(design.levels),
                modelled=False,
                cluster=model.cluster,
            )
            for key, target in model.targets.items()
        }

    def _check_settings(self) -> None:
        if not 0 < self.alpha < 1:
            raise InvalidInputError(f"alpha must be between 0 and 1, got {self.alpha!r}")
        check_choice(self.fdr, FDR_METHODS, "fdr")
        check_choice(self._estimand(), self._estimands, "estimand")
        check_choice(getattr(self, "trim_method", "clip"), TRIM_METHODS, "trim_method")
        weighting = self._weighting()
        if not 0 <= weighting.trim < 0.5:
            raise InvalidInputError(
                f"trim must be at least 0 and below 0.5, got {weighting.trim!r}"
            )
        weighting.source.check()
        source = self._outcome_source()
        if source is not None:
            source.check()
        count = getattr(self, "bootstrap", None)
        if count is not None and count < MIN_BOOTSTRAP:
            raise InvalidInputError(
                f"bootstrap must be at least {MIN_BOOTSTRAP} resamples, or None, got {count!r}"
            )
