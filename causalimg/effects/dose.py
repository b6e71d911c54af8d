"""Continuous treatment: how every outcome moves with a dose, a thickness, a tube voltage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.covariates import covariate_matrix
from causalimg.effects.diagnostics import effective_size
from causalimg.effects.dose_model import (
    ASSUMPTIONS,
    DoseFit,
    DoseModel,
    read_dose,
    weighted_correlations,
)
from causalimg.effects.multiplicity import FDR_METHODS, check_choice, fdr_adjust
from causalimg.effects.outcomes import digest_of_arrays, read_outcomes
from causalimg.effects.parameters import Parametrised
from causalimg.errors import InvalidInputError, NotEstimableError, check_columns
from causalimg.provenance import Provenance, sha256_frame
from causalimg.tables.effect_table import COLUMNS, EffectTable

Array = NDArray[np.float64]


@dataclass(kw_only=True, eq=False, repr=False)
class DoseResponse(Parametrised):
    """Estimate how outcomes move with a continuous treatment, for all outcomes at once.

    Outcomes are regressed on the dose (a line, or a natural cubic spline) and the covariates, in
    cases weighted by stabilised inverse densities of the dose given the covariates: the estimate
    is right if either the dose model or the outcome model is.

    Parameters
    ----------
    treatment : str
        A number column with at least 5 different values.
    adjustment : sequence of str
        Covariates, a back-door set.
    curve : int, default=1
        1 for a straight line; above, degrees of freedom of a natural cubic spline in the dose.
    weighted : bool, default=True
        False: outcome regression alone.
    max_weight : float, default=0.99
        Weights above this quantile are lowered to it.
    splines : int, optional
        Degrees of freedom of splines of the number covariates.
    cluster : str, optional
    alpha : float, default=0.05
    fdr : {"bh", "by"}
    min_ess : float, default=30
        Below this effective sample size nothing is estimated.

    Attributes
    ----------
    effects_ : EffectTable
        Effect per unit of the dose: the slope, or with a curve the mean slope between the 5 % and
        95 % quantiles of the dose. ``contrast`` reads ``"+1 <treatment>"``, ``effect_sd`` is per
        unit and residual standard deviation, ``max_smd`` the largest weighted correlation of a
        covariate with the dose.
    weights_ : pandas.Series
    dose_mean_ : pandas.Series
        Expected dose given the covariates (the generalised propensity score is the normal density
        around it).
    notes_ : tuple of str

    Notes
    -----
    Assumptions: no unmeasured confounding given ``adjustment``; every dose compared was possible
    for every case; the dose is normal around a linear mean, or outcomes follow the outcome model.

    Standard errors are sandwich ones with leverage-corrected residuals and take the weights for
    known.

    References
    ----------
    Hirano, Imbens (2004), continuous treatments. doi:10.1002/0470090456.ch7
    Robins, Hernan, Brumback (2000), stabilised weights. doi:10.1097/00001648-200009000-00011

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> age = rng.normal(60, 10, 500)
    >>> dose = 100 + 0.5 * age + rng.normal(0, 8, 500)
    >>> table = pd.DataFrame({"age": age, "dose": dose, "noise": 0.1 * age - 0.02 * dose})
    >>> table["noise"] += rng.normal(0, 0.5, 500)
    >>> found = DoseResponse(treatment="dose", adjustment=["age"]).fit(table, ["noise"])
    >>> row = found.effects_.frame.iloc[0]
    >>> row["contrast"], bool(row["ci_low"] < -0.02 < row["ci_high"])
    ('+1 dose', True)
    """

    treatment: str
    adjustment: Sequence[str]
    curve: int = 1
    weighted: bool = True
    max_weight: float = 0.99
    splines: int | None = None
    cluster: str | None = None
    alpha: float = 0.05
    fdr: str = "bh"
    min_ess: float = 30.0

    def fit(self, frame: pd.DataFrame, outcomes: Sequence[str]) -> Self:
        """Estimate for every outcome; what is refused and recorded is as in `AIPW.fit`."""
        self._check_settings()
        dose = read_dose(frame, self.treatment)
        covariates = covariate_matrix(
            frame, self.adjustment, treatment=self.treatment, splines=self.splines
        )
        matrix, names, notes = covariates.matrix, covariates.names, covariates.notes
        roles = {**dict.fromkeys(map(str, self.adjustment), "a covariate")}
        cluster: NDArray[np.intp] | None = None
        if self.cluster is not None:
            check_columns(frame, [self.cluster], "cluster")
            if frame[self.cluster].isna().any():
                raise InvalidInputError(f"cluster {self.cluster!r} has missing values")
            cluster = pd.factorize(frame[self.cluster])[0].astype(np.intp)
            roles[self.cluster] = "the cluster"
        roles[self.treatment] = "the treatment"
        read = read_outcomes(frame, outcomes, reserved=roles)
        self._model = DoseModel.of(
            self.treatment,
            dose,
            matrix,
            curve=self.curve,
            weighted=self.weighted,
            max_weight=self.max_weight,
            min_ess=self.min_ess,
            cluster=cluster,
        )
        self._read = read
        self._fits: list[DoseFit] = []
        failed: dict[int, str] = {}
        mean, weights = self._model.weights()
        for rows, columns in read.blocks():
            try:
                self._fits.append(
                    self._model.solve(rows, columns, read.values[np.ix_(rows, columns)])
                )
            except NotEstimableError as error:
                if rows.all():
                    raise
                failed |= {int(k): str(error) for k in columns}
        self.outcomes_ = read.names
        self.n_samples_ = len(frame)
        self.dose_mean_ = pd.Series(mean, index=frame.index)
        self.weights_ = pd.Series(weights, index=frame.index)
        raw = weighted_correlations(matrix, dose)
        left = weighted_correlations(matrix, dose, weights)
        balance = pd.DataFrame({"covariate": list(names), "level_contrast": f"+1 {self.treatment}"})
        balance["smd_raw"], balance["smd_weighted"] = raw, left
        capped = int((weights >= weights.max() * (1 - 1e-12)).sum()) if self.weighted else 0
        if capped > 1:
            notes = (*notes, f"{capped} weights were lowered to the {self.max_weight:.0%} quantile")
        if len(left) and np.abs(left).max() > 0.1:
            notes = (
                *notes,
                f"after weighting, a covariate still correlates by {np.abs(left).max():.2f} with"
                " the dose; the outcome model has to make up for it",
            )
        self.notes_ = tuple(notes)
        self.effects_ = EffectTable(
            frame=self._table(failed, weights, float(np.abs(left).max(initial=0.0))),
            balance=balance if len(names) else None,
            provenance=Provenance.of(
                "effects",
                settings={"estimator": "dose_response", **self.settings()},
                inputs={
                    "treatment_and_covariates": sha256_frame(
                        frame[list(dict.fromkeys([self.treatment, *self.adjustment]))]
                    ),
                    "outcomes": digest_of_arrays(read.names, read.values),
                },
                assumptions=ASSUMPTIONS,
            ),
            notes=self.notes_,
        )
        return self

    def response(self, doses: Sequence[float]) -> pd.DataFrame:
        """Return the mean outcome that all cases would have at given doses.

        Parameters
        ----------
        doses : sequence of float
            Inside the range that was seen.

        Returns
        -------
        pandas.DataFrame
            ``outcome, dose, estimate, se, ci_low, ci_high``.

        Raises
        ------
        InvalidInputError
            For a dose outside the range.
        """
        from scipy.special import stdtrit

        asked = np.asarray(doses, dtype=np.float64)
        seen = self._model.dose
        outside = asked[(asked < seen.min()) | (asked > seen.max())]
        if len(outside):
            raise InvalidInputError(
                f"dose {outside[0]:g} is outside the doses that were seen"
                f" ({seen.min():g} to {seen.max():g})"
            )
        parts = []
        for fit in self._fits:
            average = self._model.matrix[fit.rows].mean(axis=0)
            basis = self._model.basis(asked)
            rows = np.column_stack([basis, np.tile(average, (len(asked), 1))])
            estimate = rows @ fit.coefficient
            se = np.column_stack([self._model.errors(fit, row) for row in rows])
            half = stdtrit(fit.df, 1 - self.alpha / 2) * se
            for j, column in enumerate(fit.columns):
                parts.append(
                    pd.DataFrame(
                        {
                            "outcome": self.outcomes_[column],
                            "dose": asked,
                            "estimate": estimate[:, j],
                            "se": se[j],
                            "ci_low": estimate[:, j] - half[j],
                            "ci_high": estimate[:, j] + half[j],
                        }
                    )
                )
        return pd.concat(parts, ignore_index=True)

    # ---- steps ---------------------------------------------------------------------------

    def _check_settings(self) -> None:
        if not 0 < self.alpha < 1:
            raise InvalidInputError(f"alpha must be between 0 and 1, got {self.alpha!r}")
        if not 0.5 < self.max_weight <= 1:
            raise InvalidInputError(
                f"max_weight must be above 0.5 and at most 1, got {self.max_weight!r}"
            )
        if self.curve < 1:
            raise InvalidInputError(f"curve must be at least 1, got {self.curve!r}")
        check_choice(self.fdr, FDR_METHODS, "fdr")

    def _table(self, failed: dict[int, str], weights: Array, worst: float) -> pd.DataFrame:
        from scipy.special import stdtr, stdtrit

        count = len(self.outcomes_)
        estimate, se, df, sd = (np.full(count, np.nan) for _ in range(4))
        n = (~np.isnan(self._read.values)).sum(axis=0)
        reason = np.array(
            [
                self._read.problems.get(name, failed.get(k, ""))
                for k, name in enumerate(self.outcomes_)
            ],
            dtype=object,
        )
        slope = self._model.mean_slope()
        for fit in self._fits:
            row = np.concatenate([slope, np.zeros(fit.n_parameters - len(slope))])
            estimate[fit.columns] = row @ fit.coefficient
            se[fit.columns] = self._model.errors(fit, row)
            df[fit.columns] = fit.df
            sd[fit.columns] = np.sqrt((fit.residual**2).mean(axis=0))
        half = stdtrit(df, 1 - self.alpha / 2) * se
        p = 2 * stdtr(df, -np.abs(estimate / se))
        table = pd.DataFrame(
            {
                "outcome": np.array(self.outcomes_, dtype=object),
                "contrast": f"+1 {self.treatment}",
                "estimand": "slope",
                "estimator": "dose_response",
                "estimate": estimate,
                "se": se,
                "ci_low": estimate - half,
                "ci_high": estimate + half,
                "p": p,
                "q": fdr_adjust(p, self.fdr),
                "effect_sd": estimate / sd,
                "outcome_sd": sd,
                "n": n,
                "ess": effective_size(weights),
                "max_smd": worst,
                "status": np.where(reason == "", "ok", "not_estimable"),
                "reason": reason.astype(str),
            }
        )
        return table[list(COLUMNS)]
