"""What the effect estimators share: settings, the steps of a fit, the effect table."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from causalimg.effects.balance import balance_columns, balance_rows
from causalimg.effects.blocks import Block, contrast_arrays, fit_block
from causalimg.effects.columns import cluster_codes
from causalimg.effects.design import build_design
from causalimg.effects.diagnostics import OverlapLimits
from causalimg.effects.multiplicity import FDR_METHODS, check_choice, fdr_adjust
from causalimg.effects.notes import fit_notes, leverage_notes
from causalimg.effects.outcomes import digest_of_arrays, read_outcomes
from causalimg.effects.propensity import check_separation
from causalimg.effects.treatment_model import Weighting, fit_treatment_model
from causalimg.errors import InvalidInputError, UnknownNameError, nearest
from causalimg.provenance import Provenance, sha256_frame
from causalimg.tables.effect_table import COLUMNS, EffectTable

ESTIMANDS = ("ate",)


class Parametrised:
    """`get_params` and `set_params` from the keyword-only arguments of ``__init__``."""

    @classmethod
    def _parameter_names(cls) -> tuple[str, ...]:
        return tuple(name for name in inspect.signature(cls.__init__).parameters if name != "self")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the settings, as scikit-learn's ``clone`` expects."""
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self, **params: Any) -> Self:
        """Change settings by name; an unknown name is an error with the nearest known one."""
        for name, value in params.items():
            if name not in self._parameter_names():
                raise UnknownNameError(
                    f"{type(self).__name__} has no setting {name!r}"
                    f"{nearest(name, self._parameter_names())}"
                    f" (settings: {', '.join(self._parameter_names())})"
                )
            setattr(self, name, value)
        return self

    def settings(self) -> dict[str, Any]:
        """Return the settings as plain values, for provenance."""
        return {
            name: vars(value) if isinstance(value, OverlapLimits) else value
            for name, value in self.get_params().items()
        }

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({shown})"


class EffectEstimator(Parametrised):
    """Base of the estimators that compare treatment levels by their mean outcomes."""

    _estimator: str
    _weighted: bool
    _adjusted: bool
    _assumptions: tuple[str, ...]

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
        )
        adjustment = [str(name) for name in self._adjustment()]
        cluster = None
        if self.cluster is not None:
            cluster = cluster_codes(
                frame, self.cluster, self.treatment, design.codes, design.levels
            )
        roles = dict.fromkeys(adjustment, "a covariate")
        if self.cluster is not None:
            roles[self.cluster] = "the cluster"
        roles[self.treatment] = "the treatment"
        read = read_outcomes(frame, outcomes, reserved=roles)
        covariates = frame[adjustment]
        values, columns = balance_columns(frame, adjustment)
        check_separation(covariates, design)
        weighting = self._weighting()
        whole = fit_treatment_model(covariates, design, values, weighting)
        self._blocks: list[Block] = [
            fit_block(
                covariates, whole, values, rows, part, read, weighting=weighting, cluster=cluster
            )
            for rows, part in read.blocks()
        ]
        self._read = read
        self._index = frame.index
        self.levels_ = design.levels
        self.outcomes_ = read.names
        self.n_samples_ = len(frame)
        self.clusters_ = cluster
        self.propensity_ = pd.DataFrame(
            whole.probability, columns=list(design.levels), index=frame.index
        )
        self.overlap_ = whole.report(weighting)
        self.balance_ = None
        if columns:
            self.balance_ = balance_rows(
                values, columns, design.codes, design.levels, whole.weights
            )
        self.notes_ = (
            *fit_notes(whole, read, weighting, cluster, self.cluster),
            *leverage_notes(frame, design, self._blocks),
        )
        used = list(dict.fromkeys([self.treatment, *adjustment, *filter(None, [self.cluster])]))
        self._provenance = Provenance.of(
            "effects",
            settings={"estimator": self._estimator, **self.settings()},
            inputs={
                "treatment_and_covariates": sha256_frame(frame[used]),
                "outcomes": digest_of_arrays(read.names, read.values),
            },
            assumptions=self._assumptions,
        )
        self.effects_ = self.effects()
        return self

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What must hold for the estimates to be effects, one sentence each."""
        return self._assumptions

    # ---- results -------------------------------------------------------------------------

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
        from scipy.special import stdtr, stdtrit

        chosen = self.contrast_pairs(pairs=pairs)
        found = contrast_arrays(self._blocks, self._read, chosen)
        half = stdtrit(found.df, 1 - self.alpha / 2) * found.se
        p = (2 * stdtr(found.df, -np.abs(found.estimate / found.se))).ravel()
        names = [f"{self.levels_[level]} - {self.levels_[base]}" for level, base in chosen]
        columns = {
            "outcome": np.repeat(np.array(self.outcomes_, dtype=object), len(chosen)),
            "contrast": names * len(self.outcomes_),
            "estimand": "ate",
            "estimator": self._estimator,
            "estimate": found.estimate.ravel(),
            "se": found.se.ravel(),
            "ci_low": (found.estimate - half).ravel(),
            "ci_high": (found.estimate + half).ravel(),
            "p": p,
            "q": fdr_adjust(p, self.fdr),
            "effect_sd": (found.estimate / found.outcome_sd).ravel(),
            "outcome_sd": found.outcome_sd.ravel(),
            "n": found.n.ravel(),
            "ess": found.ess.ravel(),
            "max_smd": found.max_smd.ravel(),
            "status": np.where(found.reason.ravel() == "", "ok", "not_estimable"),
            "reason": found.reason.ravel().astype(str),
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
        out = np.full((self.n_samples_, len(self.outcomes_)), np.nan)
        for block in self._blocks:
            if block.solution is None:
                continue
            part = block.solution.levels.influence
            out[:, block.columns] = 0.0
            scale = self.n_samples_ / block.rows.sum()
            out[np.ix_(block.rows, block.columns)] = scale * (part[first] - part[second])
        return pd.DataFrame(out, index=self._index, columns=list(self.outcomes_))

    @property
    def influence_(self) -> dict[str, pd.DataFrame]:
        """Influence functions per contrast with the reference, ``"B - A"`` -> table."""
        base = self.levels_[0]
        return {f"{level} - {base}": self.influence(level) for level in self.levels_[1:]}

    # ---- steps ---------------------------------------------------------------------------

    def _adjustment(self) -> Sequence[str]:
        return ()

    def _weighting(self) -> Weighting:
        return Weighting(
            adjusted=self._adjusted,
            weighted=self._weighted,
            trim=getattr(self, "trim", 0.0),
            limits=getattr(self, "limits", None) or OverlapLimits(),
        )

    def _check_settings(self) -> None:
        if not 0 < self.alpha < 1:
            raise InvalidInputError(f"alpha must be between 0 and 1, got {self.alpha!r}")
        check_choice(self.fdr, FDR_METHODS, "fdr")
        check_choice(getattr(self, "estimand", "ate"), ESTIMANDS, "estimand")
        trim = self._weighting().trim
        if not 0 <= trim < 0.5:
            raise InvalidInputError(f"trim must be at least 0 and below 0.5, got {trim!r}")

    def _level(self, name: str) -> int:
        if str(name) not in self.levels_:
            raise UnknownNameError(
                f"{self.treatment!r} has no level {name!r}{nearest(str(name), self.levels_)}"
                f" (levels: {', '.join(self.levels_)})"
            )
        return self.levels_.index(str(name))
