"""Outcome models from any scikit-learn regressor, cross-fitted."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.design import Design
from causalimg.effects.propensity_model import fold_codes
from causalimg.errors import CausalImgWarning, InvalidInputError, NotEstimableError

Array = NDArray[np.float64]

_UNREGULARISED = ("LinearRegression", "TransformedTargetRegressor")


@dataclass(frozen=True)
class OutcomeSource:
    """Which regressor predicts the outcomes, and how it is cross-fitted.

    Parameters
    ----------
    model : regressor
        Anything with scikit-learn's ``fit`` and ``predict``.
    n_folds : int
        Above 1, each case is predicted by a model fitted to the other folds.
    seed : int or None
        Of the folds.
    """

    model: Any
    n_folds: int
    seed: int | None = 0

    def check(self) -> None:
        """Raise `InvalidInputError` for a model without the methods; warn of what does harm."""
        for name in ("fit", "predict"):
            if not hasattr(self.model, name):
                raise InvalidInputError(
                    f"outcome_model must be a regressor with fit and predict, got"
                    f" {type(self.model).__name__}, which has no {name}"
                )
        if self.n_folds == 1:
            warnings.warn(
                "outcome_model is fitted to the cases that it predicts (n_folds=1): a flexible"
                " model follows their noise, and intervals become too short. Set n_folds to 5.",
                CausalImgWarning,
                stacklevel=4,
            )
        elif self._last_step() in _UNREGULARISED:
            warnings.warn(
                "outcome_model is cross-fitted and not regularised: fitted to parts of a small"
                " table it predicts far outside the data. Leave outcome_model out for least"
                " squares on all cases, or use a regularised one (RidgeCV).",
                CausalImgWarning,
                stacklevel=4,
            )

    def _last_step(self) -> str:
        steps = getattr(self.model, "steps", None)
        return type(steps[-1][1] if steps else self.model).__name__

    def learner(self, design: Design, cluster: NDArray[np.intp] | None = None) -> OutcomeLearner:
        """Deal the cases of a design into folds; clusters are kept together."""
        features = design.outcome_matrix[:, 1:]
        if not features.shape[1]:
            features = np.zeros((len(features), 1))
        folds = np.zeros(len(features), dtype=np.intp)
        if self.n_folds > 1:
            folds = fold_codes(design.codes, self.n_folds, self.seed, cluster)
        return OutcomeLearner(self.model, features, folds)


@dataclass(frozen=True)
class OutcomeLearner:
    """A regressor, features and folds: everything but the outcomes.

    Parameters
    ----------
    model : regressor
    features : ndarray of shape (n_samples, n_features)
    folds : ndarray of int, shape (n_samples,)
        All 0: no cross-fitting.
    """

    model: Any
    features: Array
    folds: NDArray[np.intp]

    def predict(self, outcomes: Array, rows: NDArray[np.intp]) -> Array:
        """Predict every outcome for all cases by models fitted to some of them.

        A regressor that takes several outcomes is fitted to all in one go, others one by one.

        Parameters
        ----------
        outcomes : ndarray of shape (n_samples, n_outcomes)
        rows : ndarray of int
            The cases that models are fitted to; of these, those of other folds.

        Returns
        -------
        ndarray of shape (n_samples, n_outcomes)

        Raises
        ------
        NotEstimableError
            If all of these cases are in one fold.
        """
        from sklearn.base import clone
        from sklearn.utils import get_tags

        alone = outcomes.shape[1] == 1 or not get_tags(self.model).target_tags.multi_output
        out = np.empty_like(outcomes)
        count = int(self.folds.max()) + 1
        for fold in range(count):
            wanted = self.folds == fold
            inside = rows if count == 1 else rows[~wanted[rows]]
            if len(inside) < 2:
                raise NotEstimableError(
                    "outcome_model: a fold has nearly all cases of a level: use fewer folds"
                )
            seen = outcomes[inside]
            # regressors may depend on the scale of what they predict
            mean, scale = seen.mean(axis=0), seen.std(axis=0)
            scale = np.where(scale > 0, scale, 1.0)
            seen = (seen - mean) / scale
            features, asked = self.features[inside], self.features[wanted]
            if alone:
                predicted = [clone(self.model).fit(features, y).predict(asked) for y in seen.T]
                out[wanted] = np.column_stack(predicted)
            else:
                out[wanted] = clone(self.model).fit(features, seen).predict(asked)
            out[wanted] = out[wanted] * scale + mean
        return out
