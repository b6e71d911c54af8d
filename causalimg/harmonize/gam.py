"""ComBat with curves: covariates that act on the features by penalised splines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError
from causalimg.harmonize.columns import CovariateCodes
from causalimg.harmonize.combat import ComBat
from causalimg.harmonize.location_scale import least_squares

Array = NDArray[np.float64]

_STRENGTHS = np.concatenate([[0.0], np.logspace(-3, 7, 40)])


class ComBatGAM(ComBat):
    """ComBat whose ``smooth`` covariates act by a curve instead of a line.

    A cubic B-spline with knots at quantiles stands for each smooth covariate. Its roughness (the
    second differences of its coefficients) is penalised, each feature with the strength that
    minimises its own generalised cross-validation score. Other settings and attributes as in
    `ComBat`.

    Parameters
    ----------
    batch, covariates, parametric, mean_only, reference_batch, on_unseen, new_covariates
        As in `ComBat`.
    smooth : sequence of str
        Number columns among ``covariates``.
    n_knots : int, default=6
    penalise : bool, default=True
        False fits the splines by least squares.

    Attributes
    ----------
    strength_ : ndarray of shape (n_features,)
        Of the penalty, features that pass through left out.

    Notes
    -----
    Assumptions as in `ComBat`, with curves for lines. Beyond the ages (doses ...) of training the
    curve goes on as a straight line. The model is in the spirit of ComBat-GAM, and is not the same
    fit: that one chooses its penalty by other means.

    References
    ----------
    Pomponio et al. (2020). doi:10.1016/j.neuroimage.2019.116450
    Eilers, Marx (1996). doi:10.1214/ss/1038425655
    Wahba (1990). Spline Models for Observational Data. doi:10.1137/1.9781611970128

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> age, scanner = rng.uniform(20, 80, 200), np.repeat(["A", "B"], 100)
    >>> curve = ((age - 50) / 15) ** 2
    >>> table = pd.DataFrame({f"f{k}": curve + rng.normal(size=200) for k in range(4)})
    >>> table = table.assign(age=age, scanner=scanner)
    >>> fitted = ComBatGAM(batch="scanner", covariates=["age"], smooth=["age"]).fit(table)
    >>> fitted.transform(table).shape
    (200, 4)
    """

    def __init__(
        self,
        *,
        batch: str,
        covariates: Sequence[str],
        smooth: Sequence[str],
        n_knots: int = 6,
        penalise: bool = True,
        parametric: bool = True,
        mean_only: bool = False,
        reference_batch: str | None = None,
        on_unseen: str = "refuse",
        new_covariates: str = "own",
    ) -> None:
        super().__init__(
            batch=batch,
            covariates=covariates,
            parametric=parametric,
            mean_only=mean_only,
            reference_batch=reference_batch,
            on_unseen=on_unseen,
            new_covariates=new_covariates,
        )
        self.smooth = smooth
        self.n_knots = n_knots
        self.penalise = penalise

    def _check_settings(self) -> None:
        super()._check_settings()
        if isinstance(self.smooth, str) or not len(self.smooth):
            raise InvalidInputError(
                f"smooth must be a list of covariates, got {self.smooth!r}; without one, ComBat"
                " is the same model"
            )
        if self.n_knots < 3:
            raise InvalidInputError(f"n_knots must be at least 3, got {self.n_knots!r}")

    def _encoder(self, frame: pd.DataFrame) -> CovariateCodes:
        return CovariateCodes.of(frame, self.covariates, smooth=self.smooth, n_knots=self.n_knots)

    def _solve(self, design: Array, values: Array) -> Array:
        if not self.penalise:
            self.strength_ = np.zeros(values.shape[1])
            return least_squares(design, values)
        width = design.shape[1]
        first = width - len(self.covariates_.centre)
        penalty = np.zeros((width, width))
        for name in self.covariates_.smooth:
            block = self.covariates_.blocks[name]
            at = slice(first + block.start, first + block.stop)
            penalty[at, at] = roughness(block.stop - block.start)
        coefficient, self.strength_ = penalised(design, values, penalty)
        return coefficient


def roughness(size: int) -> Array:
    """Return the penalty matrix of second differences of B-spline coefficients.

    The last coefficient of the full basis is left out and held at 0: the intercept takes its part.

    Examples
    --------
    >>> roughness(2).tolist()
    [[1.0, -2.0], [-2.0, 4.0]]
    """
    second = np.diff(np.eye(size + 1), n=2, axis=0)[:, :-1]
    return np.asarray(second.T @ second)


def penalised(design: Array, values: Array, penalty: Array) -> tuple[Array, Array]:
    """Fit ridge-type regressions of many features, each with its own penalty strength.

    The strength minimises the generalised cross-validation score over a grid; design and penalty
    are made diagonal together, so that the whole grid costs little more than one fit.

    Parameters
    ----------
    design : ndarray of shape (n_cases, n_parameters)
    values : ndarray of shape (n_cases, n_features)
    penalty : ndarray of shape (n_parameters, n_parameters)

    Returns
    -------
    coefficient : ndarray of shape (n_parameters, n_features)
    strength : ndarray of shape (n_features,)
    """
    n = len(design)
    gram = design.T @ design
    # spline columns without cases make the Gram matrix singular; this moves nothing else
    gram[np.diag_indices_from(gram)] += 1e-9 * np.trace(gram) / len(gram)
    root = np.linalg.cholesky(gram)
    inverse = np.linalg.inv(root)
    bends, basis = np.linalg.eigh(inverse @ penalty @ inverse.T)
    bends = np.maximum(bends, 0.0)
    turn = inverse.T @ basis
    loads = turn.T @ (design.T @ values)
    total = (values**2).sum(axis=0)
    best = np.full(values.shape[1], np.inf)
    strength = np.zeros(values.shape[1])
    for candidate in _STRENGTHS:
        kept = 1 / (1 + candidate * bends)
        left = total - ((2 * kept - kept**2)[:, None] * loads**2).sum(axis=0)
        score = n * np.maximum(left, 0.0) / (n - kept.sum()) ** 2
        better = score < best
        best[better], strength[better] = score[better], candidate
    return turn @ (loads / (1 + strength * bends[:, None])), strength
