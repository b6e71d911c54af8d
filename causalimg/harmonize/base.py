"""What the harmonisers share: tables to arrays, checks, features that are passed through."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.columns import refuse_missing
from causalimg.effects.multiplicity import check_choice
from causalimg.effects.parameters import Parametrised
from causalimg.errors import (
    CausalImgWarning,
    InvalidInputError,
    NotEstimableError,
    check_columns,
)
from causalimg.harmonize.columns import BatchCodes, CovariateCodes, refuse_confounded
from causalimg.harmonize.location_scale import batch_columns
from causalimg.tables.encode import is_categorical
from causalimg.transformer import PipelineStep

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

ON_UNSEEN = ("refuse", "reference")
NEW_COVARIATES = ("own", "training_mean")


class Harmonizer(PipelineStep, Parametrised):
    """Fit batch effects on training cases, take them out of any cases.

    Subclasses set ``batch``, ``covariates``, ``reference_batch``, ``mean_only``, ``on_unseen``,
    ``new_covariates`` in ``__init__``.
    """

    batch: str
    covariates: Sequence[str]
    reference_batch: str | None
    mean_only: bool
    on_unseen: str
    new_covariates: str

    def fit(
        self, frame: pd.DataFrame, y: Any = None, *, features: Sequence[str] | None = None
    ) -> Self:
        """Estimate the batch effects.

        Parameters
        ----------
        frame : pandas.DataFrame
            One row per training case, with batch, covariates and features. Not modified.
        y : ignored
            The outcome plays no part.
        features : sequence of str, optional
            None: every number column that is not the batch or a covariate.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            For missing values, constant covariates, or settings outside their range.
        NotEstimableError
            If a batch has too few cases, or batch and covariates cannot be told apart.
        UnknownNameError
            If a column does not exist.
        """
        self._check_settings()
        names = self._feature_names(frame, features)
        batches = BatchCodes.of(
            frame, self.batch, reference=self.reference_batch, least=1 if self.mean_only else 2
        )
        codes = batches.codes(frame)
        encoder = self._encoder(frame)
        covariates = encoder.matrix(frame)
        columns = batch_columns(codes, len(batches.levels), None)
        refuse_confounded(columns, encoder, covariates, self.batch)
        values = self._values(frame, names)
        flat = self._flat(values, codes, len(batches.levels))
        if flat.all():
            raise NotEstimableError(
                f"every feature is constant in some level of batch {self.batch!r}: nothing to"
                " harmonise"
            )
        self.batches_ = batches
        self.covariates_ = encoder
        self.features_ = tuple(names)
        self.passed_through_ = tuple(n for n, stays in zip(names, flat, strict=True) if stays)
        self._moves = ~flat
        if self.passed_through_:
            warnings.warn(
                f"{len(self.passed_through_)} features are constant in a level of batch"
                f" {self.batch!r} and pass through as they are:"
                f" {', '.join(self.passed_through_[:5])}"
                f"{', ...' if len(self.passed_through_) > 5 else ''}",
                CausalImgWarning,
                stacklevel=2,
            )
        self._fit_arrays(values[:, self._moves], codes, covariates, frame)
        return self

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the harmonised features of new or of the training cases.

        Returns
        -------
        pandas.DataFrame
            The features alone, in the order of ``features_``, with the table's index;
            ``frame.assign(**fitted.transform(frame))`` puts them back into the table.

        Raises
        ------
        NotEstimableError
            For a batch that training did not see (see ``on_unseen``).
        InvalidInputError, UnknownNameError
            For missing values or columns.
        """
        self._require_fit()
        values = self._values(frame, self.features_)
        codes = self.batches_.codes(frame, on_unseen=self.on_unseen)
        if self.new_covariates == "own":
            covariates = self.covariates_.matrix(frame)
        else:
            covariates = np.zeros((len(frame), len(self.covariates_.centre)))
        out = values.copy()
        out[:, self._moves] = self._adjust(values[:, self._moves], codes, covariates, frame)
        return pd.DataFrame(out, columns=list(self.features_), index=frame.index)

    def fit_transform(
        self, frame: pd.DataFrame, y: Any = None, *, features: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Fit, and return the harmonised features of the same cases."""
        return self.fit(frame, y, features=features).transform(frame)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the columns that `transform` gives."""
        self._require_fit()
        return np.array(self.features_, dtype=object)

    # ---- for subclasses ------------------------------------------------------------------

    def _fit_arrays(
        self, values: Array, codes: Codes, covariates: Array, frame: pd.DataFrame
    ) -> None:
        raise NotImplementedError

    def _adjust(self, values: Array, codes: Codes, covariates: Array, frame: pd.DataFrame) -> Array:
        raise NotImplementedError

    def _encoder(self, frame: pd.DataFrame) -> CovariateCodes:
        return CovariateCodes.of(frame, self.covariates)

    def _not_features(self) -> tuple[str, ...]:
        """Columns that are no feature unless they are named as one."""
        return (self.batch, *self.covariates)

    # ---- steps ---------------------------------------------------------------------------

    def _check_settings(self) -> None:
        if isinstance(self.covariates, str):
            raise InvalidInputError(
                f"covariates must be a list of columns, got the text {self.covariates!r}; write"
                f" [{self.covariates!r}]"
            )
        if self.batch in self.covariates:
            raise InvalidInputError(f"the batch {self.batch!r} is among its own covariates")
        check_choice(self.on_unseen, ON_UNSEEN, "on_unseen")
        check_choice(self.new_covariates, NEW_COVARIATES, "new_covariates")
        if self.on_unseen == "reference" and self.reference_batch is None:
            raise InvalidInputError(
                "on_unseen='reference' takes an unseen batch for the reference; set"
                " reference_batch= too"
            )

    def _feature_names(self, frame: pd.DataFrame, features: Sequence[str] | None) -> list[str]:
        if features is None:
            aside = set(self._not_features())
            names = [c for c in frame.columns if c not in aside and not is_categorical(frame[c])]
        else:
            names = [features] if isinstance(features, str) else [str(name) for name in features]
            wrong = sorted(set(names) & {self.batch, *self.covariates})
            if wrong:
                raise InvalidInputError(f"{wrong[0]!r} is a feature and a batch or covariate")
        if not names:
            raise InvalidInputError("there are no features to harmonise")
        check_columns(frame, names, "features")
        return names

    @staticmethod
    def _values(frame: pd.DataFrame, names: Sequence[str]) -> Array:
        check_columns(frame, names, "features")
        part = frame[list(names)]
        texts = part.select_dtypes(exclude="number").columns
        if len(texts):
            raise InvalidInputError(f"feature {texts[0]!r} holds text or categories, not numbers")
        values = part.to_numpy(dtype=np.float64, na_value=np.nan)
        if not np.isfinite(values).all():
            refuse_missing(frame, list(names), "feature")
        return values

    def _flat(self, values: Array, codes: Codes, count: int) -> NDArray[np.bool_]:
        """Mark features without spread, in all cases or (scales are adjusted) in one batch."""
        size = np.maximum(np.abs(values).max(axis=0), np.finfo(float).tiny)
        flat = np.ptp(values, axis=0) <= 1e-12 * size
        if not self.mean_only:
            for k in range(count):
                flat |= np.ptp(values[codes == k], axis=0) <= 1e-12 * size
        return np.asarray(flat)

    def _require_fit(self) -> None:
        if not hasattr(self, "features_"):
            raise InvalidInputError(f"{type(self).__name__} is not fitted; call fit() first")
