"""Longitudinal ComBat: patients scanned more than once keep their own level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.columns import refuse_missing
from causalimg.errors import InvalidInputError, NotEstimableError, check_columns
from causalimg.harmonize.base import Harmonizer
from causalimg.harmonize.bayes import parametric
from causalimg.harmonize.location_scale import LocationScale, batch_columns
from causalimg.harmonize.random_intercept import RandomIntercepts, fit_random_intercepts

Array = NDArray[np.float64]
Codes = NDArray[np.intp]


class LongitudinalComBat(Harmonizer):
    """ComBat for repeated scans: a random intercept for each patient is kept.

    Time goes into ``covariates``. Other settings and attributes as in `ComBat`.

    Parameters
    ----------
    batch : str
    patient : str
        Column that says whose scan it is.
    covariates : sequence of str
        Time since the first scan, age at it ... : what is kept, beside the patient's own level.
    on_unseen, new_covariates
        As in `ComBat`.

    Attributes
    ----------
    model_ : LocationScale
        Without the patients' intercepts.
    intercepts_ : RandomIntercepts
        Variance ratio and noise of every feature that is adjusted.

    Notes
    -----
    Assumptions: those of `ComBat`, and normal intercepts that do not depend on the batch. Fixed
    effects and variances are estimated by REML, feature by feature; a patient's intercept is
    predicted from the rows of that patient in the table that is transformed, so a patient that
    training did not see is harmonised like any other, and one row is drawn more to the mean than
    several. Shifts and scales of batches are then shrunk as in `ComBat`.

    References
    ----------
    Beer et al. (2020). doi:10.1016/j.neuroimage.2020.117129

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> patient = np.repeat(np.arange(60), 2)
    >>> table = pd.DataFrame(rng.normal(size=(60, 4))[patient] + 0.3 * rng.normal(size=(120, 4)))
    >>> table = table.add_prefix("f").assign(patient=patient, scanner=np.tile(["A", "B"], 60))
    >>> late = (table["scanner"] == "B").to_numpy()
    >>> table.loc[late, "f0"] += 1.0
    >>> even = LongitudinalComBat(batch="scanner", patient="patient").fit_transform(table)
    >>> bool(abs(even["f0"][late].mean() - even["f0"][~late].mean()) < 0.1)
    True
    """

    mean_only = False
    reference_batch = None

    def __init__(
        self,
        *,
        batch: str,
        patient: str,
        covariates: Sequence[str] = (),
        on_unseen: str = "refuse",
        new_covariates: str = "own",
    ) -> None:
        self.batch = batch
        self.patient = patient
        self.covariates = covariates
        self.on_unseen = on_unseen
        self.new_covariates = new_covariates

    def _check_settings(self) -> None:
        super()._check_settings()
        if self.patient in (self.batch, *self.covariates):
            raise InvalidInputError(
                f"patient {self.patient!r} is the batch or a covariate; its level is kept anyway"
            )

    def _not_features(self) -> tuple[str, ...]:
        return (*super()._not_features(), self.patient)

    def _patients(self, frame: pd.DataFrame) -> Codes:
        check_columns(frame, [self.patient], "patient")
        refuse_missing(frame, [self.patient], "patient")
        return np.asarray(pd.factorize(frame[self.patient])[0], dtype=np.intp)

    def _fit_arrays(
        self, values: Array, codes: Codes, covariates: Array, frame: pd.DataFrame
    ) -> None:
        patient = self._patients(frame)
        if patient.max() + 1 == len(patient):
            raise NotEstimableError(
                f"every {self.patient!r} has one row only, so a patient's level cannot be told"
                " from noise: use ComBat"
            )
        count = len(self.batches_.levels)
        batches = batch_columns(codes, count, None)
        # the features' own scale, so that sums of squares keep their digits
        centre, scale = values.mean(axis=0), values.std(axis=0)
        fitted = fit_random_intercepts(
            np.hstack([batches, covariates]), (values - centre) / scale, patient
        )
        coefficient = fitted.coefficient * scale
        coefficient[:count] += centre
        self.intercepts_ = RandomIntercepts(coefficient, fitted.ratio, fitted.spread * scale)
        shares = np.bincount(codes, minlength=count) / len(codes)
        mean = shares @ coefficient[:count]
        spread = self.intercepts_.spread
        fixed = coefficient[codes] + covariates @ coefficient[count:]
        own = self.intercepts_.intercepts(values - fixed, patient)[patient]
        scaled = (values - mean - covariates @ coefficient[count:] - own) / spread
        raw = (coefficient[:count] - mean) / spread
        shift, variance = np.empty_like(raw), np.empty_like(raw)
        for k in range(count):
            mine = scaled[codes == k]
            found = mine.var(axis=0, ddof=1)
            one = values.shape[1] == 1
            shift[k], variance[k] = (raw[k], found) if one else parametric(mine, raw[k], found)
        self.model_ = LocationScale(mean, coefficient[count:], spread, shift, variance, None)

    def _adjust(self, values: Array, codes: Codes, covariates: Array, frame: pd.DataFrame) -> Array:
        patient = self._patients(frame)
        fixed = self.intercepts_.coefficient[codes] + covariates @ self.model_.coefficient
        own = self.intercepts_.intercepts(values - fixed, patient)[patient]
        return self.model_.adjust(values - own, codes, covariates) + own
