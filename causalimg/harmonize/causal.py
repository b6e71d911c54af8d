"""Harmonisation that asks first whether the batches hold comparable cases."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.diagnostics import VERDICTS, OverlapLimits, OverlapReport
from causalimg.effects.multiplicity import check_choice
from causalimg.errors import CausalImgWarning, InvalidInputError, NotEstimableError
from causalimg.harmonize.columns import BatchCodes, CovariateCodes
from causalimg.harmonize.combat import ComBat
from causalimg.harmonize.comparable import CommonSupport, check_overlap, match_batches

ON_NO_OVERLAP = ("refuse", "match")
OUTSIDE = ("missing", "adjust")


class CausalComBat(ComBat):
    """ComBat, once the batches are known to hold comparable cases; else no answer, or matching.

    Where covariates do not overlap between batches, nothing tells a batch effect from the effect
    of the covariates, and ComBat answers by extrapolation. Here overlap is judged first, from the
    propensities of the batches. Other settings and attributes as in `ComBat`.

    Parameters
    ----------
    batch, covariates, parametric, mean_only, reference_batch, on_unseen
        As in `ComBat`; at least one covariate.
    on_no_overlap : {"refuse", "match"}
        ``match``: estimate from the cases inside the common support that have a counterpart in
        every batch.
    outside : {"missing", "adjust"}
        What `transform` gives, after matching, for cases outside the common support: NaN, or the
        value that the model extrapolates.
    outcome : str, optional
        What the features are to predict; it is refused among the covariates.
    allow_outcome : bool, default=False
        Warn instead.
    limits : OverlapLimits, optional
    caliper : float, default=0.2
        Largest distance of a match, in standard deviations of the propensities' log odds.
    min_matched : int, default=10
        Fewest matched cases of every batch.

    Attributes
    ----------
    overlap_ : OverlapReport or None
        None where covariates determine the batch of so many cases that no model of it exists.
    used_ : ndarray of bool, shape (n_cases,)
        The training cases that the estimates come from.
    support_ : CommonSupport

    Notes
    -----
    Assumptions: those of `ComBat`, and the covariates are all that makes cases of different batches
    differ (`covariates_from_graph`). After matching the batch effects are those on the matched
    cases, and hold for others as far as they do not depend on the covariates.

    References
    ----------
    Bridgeford et al. (2025), causal ComBat. doi:10.1162/imag_a_00458
    Lopez, Gutman (2017), common support of several groups. doi:10.1214/17-STS612

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> age = np.r_[rng.uniform(20, 40, 50), rng.uniform(60, 80, 50)]
    >>> table = pd.DataFrame({"age": age, "scanner": np.repeat(["A", "B"], 50)})
    >>> table["volume"], table["texture"] = rng.normal(size=100) + 0.1 * age, rng.normal(size=100)
    >>> try:
    ...     CausalComBat(batch="scanner", covariates=["age"]).fit(table)
    ... except NotEstimableError as error:
    ...     print(str(error)[:60])
    no answer: covariate 'age' separates batch 'scanner': with s
    """

    def __init__(
        self,
        *,
        batch: str,
        covariates: Sequence[str],
        on_no_overlap: str = "refuse",
        outside: str = "missing",
        outcome: str | None = None,
        allow_outcome: bool = False,
        limits: OverlapLimits | None = None,
        caliper: float = 0.2,
        min_matched: int = 10,
        parametric: bool = True,
        mean_only: bool = False,
        reference_batch: str | None = None,
        on_unseen: str = "refuse",
    ) -> None:
        super().__init__(
            batch=batch,
            covariates=covariates,
            parametric=parametric,
            mean_only=mean_only,
            reference_batch=reference_batch,
            on_unseen=on_unseen,
        )
        self.on_no_overlap = on_no_overlap
        self.outside = outside
        self.outcome = outcome
        self.allow_outcome = allow_outcome
        self.limits = limits
        self.caliper = caliper
        self.min_matched = min_matched

    def fit(
        self, frame: pd.DataFrame, y: Any = None, *, features: Sequence[str] | None = None
    ) -> Self:
        """Judge overlap, match if that is asked for and needed, and estimate.

        Parameters and further errors as `ComBat.fit`.

        Raises
        ------
        NotEstimableError
            If overlap is poor and is not to be matched, or too few cases can be matched.
        """
        self._check_settings()
        names = self._feature_names(frame, features)
        batches = BatchCodes.of(
            frame, self.batch, reference=self.reference_batch, least=1 if self.mean_only else 2
        )
        reason = self._judge(frame)
        encoder = CovariateCodes.of(frame, self.covariates)
        codes = batches.codes(frame)
        self.support_ = CommonSupport.of(encoder, frame, codes, len(batches.levels))
        self.used_: NDArray[np.bool_] = np.ones(len(frame), dtype=bool)
        self.matched_ = bool(reason)
        if reason and self.on_no_overlap == "refuse":
            raise NotEstimableError(
                f"no answer: {reason} Harmonising all the same would take what these cases are for"
                " what the batch does. Leave out the cases without a counterpart, set"
                " on_no_overlap='match' to use comparable cases alone, or use features that are"
                " stable across batches (StableFeatures)."
            )
        if reason:
            self.used_ = match_batches(
                self.support_, frame, codes, batches.levels, self.caliper, self.min_matched
            )
        super().fit(frame.loc[self.used_], features=names)
        return self

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the harmonised features; see ``outside`` for cases that nothing compares with."""
        out = super().transform(frame)
        if self.matched_ and self.outside == "missing":
            strange = ~self.comparable(frame)
            if strange.any():
                warnings.warn(
                    f"{int(strange.sum())} of {len(frame)} cases have covariates that not every"
                    f" batch has, and are missing in the result (outside='missing')",
                    CausalImgWarning,
                    stacklevel=2,
                )
                out.loc[strange] = np.nan
        return out

    def comparable(self, frame: pd.DataFrame) -> NDArray[np.bool_]:
        """Mark the cases whose covariates every batch has, shape (n_cases,)."""
        self._require_fit()
        return self.support_.inside(frame)

    def _judge(self, frame: pd.DataFrame) -> str:
        """Return why batches cannot be compared; empty if they can."""
        self.overlap_: OverlapReport | None
        try:
            self.overlap_ = check_overlap(
                frame, batch=self.batch, covariates=self.covariates, limits=self.limits
            )
        except NotEstimableError as error:
            self.overlap_ = None
            return str(error)
        if self.overlap_.verdict != VERDICTS[2]:
            return ""
        return "; ".join(self.overlap_.notes()) + "."

    def _check_settings(self) -> None:
        super()._check_settings()
        check_choice(self.on_no_overlap, ON_NO_OVERLAP, "on_no_overlap")
        check_choice(self.outside, OUTSIDE, "outside")
        if not len(self.covariates):
            raise InvalidInputError(
                "CausalComBat compares cases by covariates, and there are none; find them with"
                " covariates_from_graph(graph, batch=...), or use ComBat"
            )
        if not self.caliper > 0:
            raise InvalidInputError(f"caliper must be above 0, got {self.caliper!r}")
        if self.outcome is not None and self.outcome in self.covariates:
            said = (
                f"the outcome {self.outcome!r} is among the covariates: features harmonised with it"
                " carry the labels of the cases"
            )
            if not self.allow_outcome:
                raise InvalidInputError(
                    f"{said}. Take it out; to describe only, set allow_outcome=True."
                )
            warnings.warn(f"{said}; train and test no model on them", CausalImgWarning, 3)
