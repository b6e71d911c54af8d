"""Weights by the generalised propensity score, and the regression on the dose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.columns import refuse_missing
from causalimg.effects.diagnostics import effective_size
from causalimg.effects.splines import natural_knots, natural_spline
from causalimg.errors import InvalidInputError, NotEstimableError, check_columns
from causalimg.tables.encode import is_categorical

Array = NDArray[np.float64]

_FEWEST_VALUES = 5
ASSUMPTIONS = (
    "No unmeasured confounding: given the adjustment set, the dose is independent of what each"
    " case's outcome would be at each dose.",
    "Overlap: every case could have had every dose in the range that is compared.",
    "No interference: a case's outcome does not depend on other cases' doses.",
    "Given the adjustment set, the dose is normal with constant spread around a linear mean, or"
    " outcomes are linear in the covariates (and follow the chosen curve in the dose).",
)


@dataclass(frozen=True)
class DoseFit:
    """The fit of the outcomes seen in the same cases.

    Parameters
    ----------
    rows : ndarray of bool, shape (n_samples,)
    columns : ndarray of int
        Positions of the outcomes.
    coefficient : ndarray of shape (n_parameters, n_columns)
        Dose columns first, then the covariates.
    bread : ndarray of shape (n_parameters, n_parameters)
    weighted : ndarray of shape (n_rows, n_parameters)
        The regression matrix, times the weights.
    residual : ndarray of shape (n_rows, n_columns)
        Divided by the root of one minus the leverage.
    df : float
    """

    rows: NDArray[np.bool_]
    columns: NDArray[np.intp]
    coefficient: Array
    bread: Array
    weighted: Array
    residual: Array
    df: float

    @property
    def n_parameters(self) -> int:
        """Number of columns of the regression."""
        return len(self.coefficient)


@dataclass(frozen=True)
class DoseModel:
    """Dose, covariates and how they are used.

    Parameters
    ----------
    name : str
    dose : ndarray of shape (n_samples,)
    matrix : ndarray of shape (n_samples, n_covariates)
        First column ones.
    knots : ndarray
        Of the curve in the dose; empty for a line.
    weighted : bool
    max_weight, min_ess : float
    cluster : ndarray of int, shape (n_samples,), or None
    """

    name: str
    dose: Array
    matrix: Array
    knots: Array
    weighted: bool
    max_weight: float
    min_ess: float
    cluster: NDArray[np.intp] | None

    @classmethod
    def of(
        cls,
        name: str,
        dose: Array,
        matrix: Array,
        *,
        curve: int,
        weighted: bool,
        max_weight: float,
        min_ess: float,
        cluster: NDArray[np.intp] | None,
    ) -> DoseModel:
        """Place the knots of the curve."""
        knots = natural_knots(dose, curve) if curve > 1 else np.empty(0)
        return cls(name, dose, matrix, knots, weighted, max_weight, min_ess, cluster)

    def basis(self, dose: Array) -> Array:
        """Return the dose columns of the regression."""
        return natural_spline(dose, self.knots) if len(self.knots) else dose[:, None]

    def mean_slope(self) -> Array:
        """Return the mean slope of every dose column between the 5 % and 95 % quantiles."""
        low, high = np.quantile(self.dose, [0.05, 0.95])
        ends = self.basis(np.array([low, high]))
        return np.asarray((ends[1] - ends[0]) / (high - low))

    def weights(self, rows: NDArray[np.bool_] | None = None) -> tuple[Array, Array]:
        """Return the expected dose and stabilised inverse density weights, with mean 1.

        Raises
        ------
        NotEstimableError
            If the covariates (almost) determine the dose.
        """
        dose = self.dose if rows is None else self.dose[rows]
        matrix = self.matrix if rows is None else self.matrix[rows]
        beta, *_ = np.linalg.lstsq(matrix, dose, rcond=None)
        mean = matrix @ beta
        inner, outer = (dose - mean).std(), dose.std()
        if inner <= 1e-8 * outer:
            raise NotEstimableError(
                f"the covariates determine treatment {self.name!r}: no case shows what another"
                " dose would have given"
            )
        if not self.weighted:
            return mean, np.ones(len(dose))
        log = 0.5 * (((dose - mean) / inner) ** 2 - ((dose - dose.mean()) / outer) ** 2)
        weights = np.exp(log - log.max())
        weights = np.minimum(weights, np.quantile(weights, self.max_weight))
        weights /= weights.mean()
        ess = effective_size(weights)
        if ess < self.min_ess:
            raise NotEstimableError(
                f"poor overlap: the weights leave {ess:.1f} effective of {len(dose)} cases (limit"
                f" {self.min_ess:g}): treatment {self.name!r} is almost a function of the"
                " covariates"
            )
        return mean, weights

    def solve(self, rows: NDArray[np.bool_], columns: NDArray[np.intp], seen: Array) -> DoseFit:
        """Regress outcomes on dose and covariates in weighted cases.

        Parameters
        ----------
        rows : ndarray of bool, shape (n_samples,)
        columns : ndarray of int
        seen : ndarray of shape (n_rows, n_columns)

        Raises
        ------
        NotEstimableError
            For too few cases, or columns that are combinations of others.
        """
        _, weights = self.weights(rows)
        full = np.column_stack([self.basis(self.dose[rows]), self.matrix[rows]])
        if len(full) <= full.shape[1] + 1:
            raise NotEstimableError(
                f"{len(full)} cases and {full.shape[1]} parameters: use a smaller adjustment set"
            )
        root = np.sqrt(weights)[:, None]
        orthogonal, triangle = np.linalg.qr(full * root)
        size = np.linalg.norm(full * root, axis=0)
        if (np.abs(np.diag(triangle)) < 1e-9 * size).any():
            raise NotEstimableError("a covariate or curve column is a combination of the others")
        beta = np.linalg.solve(triangle, orthogonal.T @ (seen * root))
        leverage = np.minimum((orthogonal**2).sum(axis=1), 1 - 1e-8)
        residual = (seen - full @ beta) / np.sqrt(1 - leverage)[:, None]
        inverse = np.linalg.inv(triangle)
        df = float(max(len(full) - full.shape[1], 1))
        if self.cluster is not None:
            df = min(df, float(max(len(np.unique(self.cluster[rows])) - 1, 1)))
        return DoseFit(rows, columns, beta, inverse @ inverse.T, full * root**2, residual, df)

    def errors(self, fit: DoseFit, row: Array) -> Array:
        """Return the standard errors of one linear function of the coefficients."""
        own = fit.weighted @ (fit.bread @ row)
        influence = own[:, None] * fit.residual
        if self.cluster is None:
            return np.asarray(np.sqrt((influence**2).sum(axis=0)))
        place = np.unique(self.cluster[fit.rows], return_inverse=True)[1]
        summed = np.zeros((int(place.max()) + 1, influence.shape[1]))
        np.add.at(summed, place, influence)
        count = len(summed)
        return np.asarray(np.sqrt((summed**2).sum(axis=0) * count / max(count - 1, 1)))


def read_dose(frame: pd.DataFrame, treatment: str) -> Array:
    """Read the treatment column, refusing what is not an amount.

    Raises
    ------
    InvalidInputError
        If it is not a number column, or has missing values.
    NotEstimableError
        If it has fewer than 5 different values.
    """
    if not isinstance(frame, pd.DataFrame):
        raise InvalidInputError(f"fit needs a pandas.DataFrame, got {type(frame).__name__}")
    check_columns(frame, [treatment], "treatment")
    if is_categorical(frame[treatment]):
        raise InvalidInputError(
            f"treatment {treatment!r} is not a number column; AIPW compares its levels"
        )
    refuse_missing(frame, [treatment], "treatment")
    dose = frame[treatment].to_numpy(dtype=np.float64)
    if len(np.unique(dose)) < _FEWEST_VALUES:
        raise NotEstimableError(
            f"treatment {treatment!r} has {len(np.unique(dose))} different values; a dose needs at"
            f" least {_FEWEST_VALUES}. AIPW compares them as levels."
        )
    return dose


def weighted_correlations(matrix: Array, dose: Array, weights: Array | None = None) -> Array:
    """Return the correlation of every covariate column with the dose."""
    own = np.ones(len(dose)) if weights is None else weights
    share = own / own.sum()
    columns = matrix[:, 1:] - share @ matrix[:, 1:]
    gap = dose - share @ dose
    spread = np.sqrt((share @ columns**2) * (share @ gap**2))
    return np.asarray((share * gap) @ columns / np.where(spread > 0, spread, 1.0))
