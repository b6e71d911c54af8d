"""Least squares on moments with categorical blocks, and the adaptive lasso."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalimg.errors import NotEstimableError
from causalimg.tables.moments import Moments

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """Slopes of each predictor (one per encoded column) and the p-value of each predictor."""

    slopes: dict[int, Float]
    p_values: dict[int, float]


class BlockRegression:
    """Regressions among nodes from their moments; a block is tested as a whole (F test)."""

    def __init__(self, moments: Moments, blocks: Sequence[NDArray[np.intp]]) -> None:
        self.n = moments.n
        self.blocks = blocks
        self.cov = moments.cov
        self.scale = np.sqrt(np.diag(moments.cov))
        self.correlation = moments.correlation()

    def fit(self, target: int, predictors: Sequence[int]) -> Fit:
        """Regress one scalar node on others.

        Raises
        ------
        NotEstimableError
            If the predictors are linearly dependent or there are too few rows.
        """
        from scipy.special import fdtrc

        y = int(self.blocks[target][0])
        columns = np.concatenate([self.blocks[k] for k in predictors])
        dof = self.n - 1 - len(columns)
        if dof <= 0:
            raise NotEstimableError(f"{self.n:g} rows are too few for {len(columns)} predictors")
        inner = self.correlation[np.ix_(columns, columns)]
        try:
            inverse = np.linalg.inv(inner)
        except np.linalg.LinAlgError as error:
            raise NotEstimableError("the predictors are linearly dependent") from error
        beta = inverse @ self.correlation[columns, y]
        rest = max(float(1.0 - self.correlation[columns, y] @ beta), 1e-300)
        slopes, p_values, start = {}, {}, 0
        for node in predictors:
            part = slice(start, start := start + len(self.blocks[node]))
            width = len(self.blocks[node])
            explained = beta[part] @ np.linalg.solve(inverse[part, part], beta[part])
            ratio = float(explained) / width / (rest / dof)
            p_values[node] = float(fdtrc(width, dof, max(ratio, 0.0)))
            slopes[node] = beta[part] * self.scale[y] / self.scale[columns[part]]
        return Fit(slopes, p_values)

    def spread(self, node: int, slopes: Float) -> float:
        """Return the effect of a block as one number.

        One column: its slope. More: the standard deviation over the rows of what it adds.
        """
        if len(slopes) == 1:
            return float(slopes[0])
        block = self.blocks[node]
        return float(np.sqrt(slopes @ self.cov[np.ix_(block, block)] @ slopes))


def adaptive_lasso(x: Float, y: Float) -> Float:
    """Return adaptive lasso coefficients: least squares weights, LARS path, BIC.

    Parameters
    ----------
    x : ndarray, shape (n_samples, k)
    y : ndarray, shape (n_samples,)

    References
    ----------
    Zou H. The adaptive lasso and its oracle properties. JASA 2006;101:1418-1429.
    doi:10.1198/016214506000000735
    """
    if x.shape[1] == 0:
        return np.zeros(0)
    from sklearn.linear_model import LassoLarsIC

    centred = x - x.mean(axis=0)
    weight = np.abs(np.linalg.lstsq(centred, y - y.mean(), rcond=None)[0])
    model = LassoLarsIC(criterion="bic").fit(centred * weight, y)
    return np.asarray(model.coef_ * weight)
