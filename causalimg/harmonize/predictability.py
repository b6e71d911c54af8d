"""How well the batch can be told from the features: cross-validated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from causalimg.errors import NotEstimableError
from causalimg.harmonize.location_scale import least_squares

Array = NDArray[np.float64]
Codes = NDArray[np.intp]


def batch_predictability(
    values: Array,
    codes: Codes,
    covariates: Array,
    *,
    n_folds: int = 5,
    random_state: int | None = 0,
) -> dict[str, float]:
    """Tell the batch from what the covariates leave of the features, by logistic regression.

    Parameters
    ----------
    values : ndarray of shape (n_cases, n_features)
    codes : ndarray of int, shape (n_cases,)
    covariates : ndarray of shape (n_cases, n_covariates)
        Their linear effect, learnt within batches, is taken out first: batches of older patients
        are not told by their age.
    n_folds : int
    random_state : int or None

    Returns
    -------
    dict
        ``balanced_accuracy``, ``auc`` (one against the rest, mean over batches), ``chance``.

    Raises
    ------
    NotEstimableError
        If a batch has fewer cases than folds.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score, roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    count = int(codes.max()) + 1
    fewest = int(np.bincount(codes).min())
    if fewest < n_folds:
        raise NotEstimableError(
            f"the smallest batch has {fewest} cases, fewer than n_folds={n_folds}: use fewer folds"
        )
    batches = np.eye(count)[codes]
    slopes = least_squares(np.hstack([batches, covariates]), values)[count:]
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000)
    )
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=random_state)
    told = cross_val_predict(
        model, values - covariates @ slopes, codes, cv=folds, method="predict_proba"
    )
    areas = [roc_auc_score(codes == k, told[:, k]) for k in range(count)]
    return {
        "balanced_accuracy": float(balanced_accuracy_score(codes, told.argmax(axis=1))),
        "auc": float(np.mean(areas)),
        "chance": 1.0 / count,
    }
