"""Weights that make the cases of one table look like those of another (covariate shift)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.diagnostics import effective_size
from causalimg.effects.multiplicity import check_choice
from causalimg.errors import InvalidInputError
from causalimg.shift.matrices import two_matrices

Array = NDArray[np.float64]

METHODS = ("classifier", "ulsif")
_WIDTHS = (0.3, 0.6, 1.0, 1.7, 3.0)
_RIDGES = (1e-3, 1e-2, 1e-1, 1.0)
_CENTRES = 100


@dataclass(frozen=True, eq=False)
class DensityRatio:
    """Weights of the source cases.

    Parameters
    ----------
    weights : ndarray of shape (n_source,)
        Target density over source density, mean 1.
    ess : float
        Effective number of source cases under the weights.
    method : str
    gaps : pandas.DataFrame
        ``column, gap_raw, gap_weighted``: difference of the means, target minus source, in pooled
        standard deviations.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> here = pd.DataFrame({"age": rng.normal(50, 10, 300)})
    >>> there = pd.DataFrame({"age": rng.normal(55, 10, 300)})
    >>> found = density_ratio(here, there)
    >>> bool(found.ess < 300), found.to_frame()["column"].tolist()
    (True, ['age'])
    """

    weights: Array
    ess: float
    method: str
    gaps: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return the difference of the means of every column, before and after weighting."""
        return self.gaps.copy()

    def __repr__(self) -> str:
        worst = float(self.gaps["gap_weighted"].abs().max())
        return (
            f"DensityRatio({self.method}: {self.ess:.0f} effective of {len(self.weights)} cases,"
            f" largest gap left {worst:.2f} SD)"
        )


def density_ratio(
    source: pd.DataFrame,
    target: pd.DataFrame,
    *,
    columns: Sequence[str] | None = None,
    method: str = "classifier",
    squares: bool = False,
    n_folds: int = 5,
    random_state: int | None = 0,
) -> DensityRatio:
    """Estimate how much likelier each source case is among the target cases.

    Parameters
    ----------
    source, target : pandas.DataFrame
        Cases with labels, and cases that a model is meant for.
    columns : sequence of str, optional
        None: every column of ``source``.
    method : {"classifier", "ulsif"}
        Odds of a cross-fitted logistic regression that tells the tables apart; or least-squares
        fitting of the ratio by Gaussian kernels, for few columns.
    squares : bool, default=False
        Give the classifier squares too: for variances that differ.
    n_folds : int, default=5
    random_state : int or None
        Of folds and kernel centres.

    Returns
    -------
    DensityRatio

    Raises
    ------
    InvalidInputError, NotEstimableError, UnknownNameError
        For missing values, settings, or too small tables.

    Notes
    -----
    Assumptions: covariate shift, that is, outcomes given these columns are distributed alike in
    both tables (`mechanism_changes` can contradict it); and every target case is possible among
    the source cases. A small ``ess`` says that it hardly is.

    References
    ----------
    Shimodaira (2000). doi:10.1016/S0378-3758(00)00115-4
    Kanamori, Hido, Sugiyama (2009), uLSIF. Journal of Machine Learning Research 10:1391-1445.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> young = pd.DataFrame({"age": rng.normal(50, 10, 500)})
    >>> old = pd.DataFrame({"age": rng.normal(58, 10, 500)})
    >>> found = density_ratio(young, old)
    >>> bool(abs(found.weights @ young["age"] / 500 - 58) < 1.5)
    True
    """
    check_choice(method, METHODS, "method")
    first, second, names = two_matrices(source, target, columns)
    if n_folds < 2 or min(len(first), len(second)) < n_folds:
        raise InvalidInputError(
            f"n_folds={n_folds}: at least 2, and no more than the {min(len(first), len(second))}"
            " cases of the smaller table"
        )
    if method == "classifier":
        weights = _by_classifier(first, second, squares, n_folds, random_state)
    else:
        weights = _by_kernels(first, second, n_folds, random_state)
    weights = weights / weights.mean()
    raw = second.mean(axis=0) - first.mean(axis=0)
    left = second.mean(axis=0) - weights @ first / len(first)
    gaps = pd.DataFrame({"column": list(names), "gap_raw": raw, "gap_weighted": left})
    return DensityRatio(weights, effective_size(weights), method, gaps)


def _by_classifier(
    first: Array, second: Array, squares: bool, n_folds: int, seed: int | None
) -> Array:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    both = np.vstack([first, second])
    if squares:
        both = np.hstack([both, both**2])
    label = np.repeat([0, 1], [len(first), len(second)])
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    score = cross_val_predict(
        LogisticRegression(max_iter=2000), both, label, cv=folds, method="decision_function"
    )[: len(first)]
    return np.asarray(np.exp(np.clip(score, -20, 20)))


def _by_kernels(first: Array, second: Array, n_folds: int, seed: int | None) -> Array:
    """Fit the ratio as a sum of Gaussian bumps at target cases, widths by cross-validation."""
    from scipy.spatial.distance import cdist, pdist

    rng = np.random.default_rng(seed)
    centres = second[rng.permutation(len(second))[:_CENTRES]]
    scale = float(np.median(pdist(centres))) if len(centres) > 1 else 1.0
    from_first, from_second = cdist(first, centres) ** 2, cdist(second, centres) ** 2
    fold_first = rng.permutation(len(first)) % n_folds
    fold_second = rng.permutation(len(second)) % n_folds
    scores = np.zeros((len(_WIDTHS), len(_RIDGES)))
    for place, width in enumerate(_WIDTHS):
        bumps_first = np.exp(-from_first / (2 * (width * scale) ** 2))
        bumps_second = np.exp(-from_second / (2 * (width * scale) ** 2))
        for fold in range(n_folds):
            a, b = fold_first != fold, fold_second != fold
            heights = _heights(bumps_first[a], bumps_second[b], _RIDGES)
            scores[place] += 0.5 * ((bumps_first[~a] @ heights) ** 2).mean(axis=0)
            scores[place] -= (bumps_second[~b] @ heights).mean(axis=0)
    at, ridge = np.unravel_index(int(scores.argmin()), scores.shape)
    width = _WIDTHS[int(at)]
    bumps_first = np.exp(-from_first / (2 * (width * scale) ** 2))
    bumps_second = np.exp(-from_second / (2 * (width * scale) ** 2))
    height = _heights(bumps_first, bumps_second, (_RIDGES[int(ridge)],))[:, 0]
    return np.asarray(bumps_first @ height + 1e-12)


def _heights(bumps_first: Array, bumps_second: Array, ridges: Sequence[float]) -> Array:
    """Solve for the heights of the bumps, one column for each ridge."""
    size, turn = np.linalg.eigh(bumps_first.T @ bumps_first / len(bumps_first))
    wanted = turn.T @ bumps_second.mean(axis=0)
    heights = turn @ (wanted[:, None] / (np.maximum(size, 0.0)[:, None] + np.array(ridges)))
    return np.asarray(np.maximum(heights, 0.0))
