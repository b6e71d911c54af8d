"""Where propensities come from: the built-in logistic model or any classifier, cross-fitted."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.design import Design
from causalimg.effects.propensity import fit_multinomial, fit_propensity, information
from causalimg.errors import CausalImgWarning, InvalidInputError, NotEstimableError

Array = NDArray[np.float64]

_WEAK_PENALTY = 1e4


@dataclass(frozen=True)
class PropensitySource:
    """How propensities are estimated.

    Parameters
    ----------
    model : classifier or None
        Anything with scikit-learn's ``fit`` and ``predict_proba``; None for the built-in
        multinomial logistic regression.
    n_folds : int, default=1
        Above 1, each case's propensity comes from a model fitted to the other folds.
    seed : int or None
        Of the folds.
    """

    model: Any = None
    n_folds: int = 1
    seed: int | None = 0

    def check(self) -> None:
        """Raise `InvalidInputError` for a model without the methods, or too few folds."""
        for name in ("fit", "predict_proba"):
            if self.model is not None and not hasattr(self.model, name):
                raise InvalidInputError(
                    f"propensity_model must be a classifier with fit and predict_proba, got"
                    f" {type(self.model).__name__}, which has no {name}"
                )
        if self.n_folds < 1:
            raise InvalidInputError(f"n_folds must be at least 1, got {self.n_folds!r}")
        if self.n_folds > 1 and not self._regularised():
            warnings.warn(
                "propensities are cross-fitted (n_folds) with an unregularised model: fitted to"
                " parts of a small table it predicts probabilities near 0 and 1, and weights"
                " explode. Leave n_folds at 1, or use a regularised propensity_model.",
                CausalImgWarning,
                stacklevel=4,
            )

    def _regularised(self) -> bool:
        if self.model is None:
            return False
        if type(self.model).__name__ != "LogisticRegression":
            return True
        penalty = getattr(self.model, "penalty", "l2")
        strength = getattr(self.model, "C", 1.0)
        return penalty is not None and penalty != "none" and float(strength) < _WEAK_PENALTY

    def probability(
        self, design: Design, cluster: NDArray[np.intp] | None = None
    ) -> tuple[Array, Array | None]:
        """Estimate the propensities of a design.

        Parameters
        ----------
        design : Design
        cluster : ndarray of int, shape (n_samples,), optional
            Clusters are not split between folds.

        Returns
        -------
        probability : ndarray of shape (n_samples, n_levels)
        information : ndarray or None
            Of the likelihood; None unless the built-in model was fitted to all cases.

        Raises
        ------
        NotEstimableError
            If the covariates determine the treatment, or a fold lacks a level.
        """
        if self.model is None and self.n_folds == 1:
            found = fit_propensity(design).probability
            return found, information(design.matrix, found)
        count = len(design.levels)
        if self.n_folds == 1:
            return self._fit(design, np.ones(len(design.codes), dtype=bool), count), None
        folds = fold_codes(design.codes, self.n_folds, self.seed, cluster)
        out = np.empty((len(design.codes), count))
        for fold in range(self.n_folds):
            inside = folds != fold
            lacking = np.flatnonzero(np.bincount(design.codes[inside], minlength=count) == 0)
            if len(lacking):
                raise NotEstimableError(
                    f"with n_folds={self.n_folds}, a fold has all cases with"
                    f" {design.treatment}={design.levels[lacking[0]]}: use fewer folds"
                )
            out[~inside] = self._fit(design, inside, count)[~inside]
        return out, None

    def _fit(self, design: Design, rows: NDArray[np.bool_], count: int) -> Array:
        if self.model is None:
            beta = fit_multinomial(design.matrix[rows], design.codes[rows], count).coefficient
            eta = np.column_stack([np.zeros(len(rows)), design.matrix @ beta])
            full = np.exp(eta - eta.max(axis=1, keepdims=True))
            return np.asarray(full / full.sum(axis=1, keepdims=True))
        from sklearn.base import clone

        features = design.matrix[:, 1:]
        if not features.shape[1]:
            features = np.zeros((len(features), 1))
        fitted = clone(self.model).fit(features[rows], design.codes[rows])
        return np.asarray(fitted.predict_proba(features), dtype=np.float64)


def fold_codes(
    codes: NDArray[np.intp],
    n_folds: int,
    seed: int | None,
    cluster: NDArray[np.intp] | None = None,
) -> NDArray[np.intp]:
    """Deal cases into folds at random, evenly within levels; clusters are kept together.

    Returns
    -------
    ndarray of int, shape (n_samples,)

    Examples
    --------
    >>> np.bincount(fold_codes(np.array([0, 1] * 6), 3, 0)).tolist()
    [4, 4, 4]
    """
    unit = np.arange(len(codes)) if cluster is None else cluster
    _, first, place = np.unique(unit, return_index=True, return_inverse=True)
    if len(first) < n_folds:
        raise InvalidInputError(
            f"n_folds={n_folds} is more than the {len(first)} cases or clusters"
        )
    shuffled = np.random.default_rng(seed).permutation(len(first))
    ordered = shuffled[np.argsort(codes[first][shuffled], kind="stable")]
    dealt = np.empty(len(first), dtype=np.intp)
    dealt[ordered] = np.arange(len(first)) % n_folds
    return dealt[place]
