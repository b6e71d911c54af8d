"""CovBat: after ComBat, the covariance between features is harmonised too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError
from causalimg.harmonize.combat import ComBat

Array = NDArray[np.float64]
Codes = NDArray[np.intp]


class CovBat(ComBat):
    """ComBat, then the same for the principal component scores of what it leaves.

    ComBat makes means and variances of every feature alike between batches; how features vary
    together can still tell the batch. The harmonised residuals are turned into principal
    components, and mean and variance of the leading scores are brought together in turn. Other
    settings and attributes as in `ComBat`.

    Parameters
    ----------
    batch, covariates, parametric, reference_batch, on_unseen, new_covariates
        As in `ComBat`.
    variance : float, default=0.95
        Share of the residual variance whose components are harmonised.

    Attributes
    ----------
    n_components_ : int
    components_ : ndarray of shape (n_components, n_features)

    Notes
    -----
    Assumptions: those of `ComBat`, and batches turn no component: they change the variance along
    common directions. With a reference batch the scores are brought to its mean and variance.

    References
    ----------
    Chen et al. (2022). doi:10.1002/hbm.25688

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> common = rng.normal(size=(400, 1)) * np.repeat([0.2, 2.0], 200)[:, None]
    >>> table = pd.DataFrame(common + rng.normal(size=(400, 6))).add_prefix("f")
    >>> table["scanner"] = np.repeat(["A", "B"], 200)
    >>> even = CovBat(batch="scanner").fit_transform(table)
    >>> a, b = even[:200].corr().iloc[0, 1], even[200:].corr().iloc[0, 1]
    >>> bool(abs(a - b) < 0.2)
    True
    """

    def __init__(
        self,
        *,
        batch: str,
        covariates: Sequence[str] = (),
        variance: float = 0.95,
        parametric: bool = True,
        reference_batch: str | None = None,
        on_unseen: str = "refuse",
        new_covariates: str = "own",
    ) -> None:
        super().__init__(
            batch=batch,
            covariates=covariates,
            parametric=parametric,
            reference_batch=reference_batch,
            on_unseen=on_unseen,
            new_covariates=new_covariates,
        )
        self.variance = variance

    def _check_settings(self) -> None:
        super()._check_settings()
        if not 0 < self.variance <= 1:
            raise InvalidInputError(f"variance must be above 0, at most 1, got {self.variance!r}")

    def _fit_arrays(
        self, values: Array, codes: Codes, covariates: Array, frame: pd.DataFrame
    ) -> None:
        super()._fit_arrays(values, codes, covariates, frame)
        residual = self.model_.residual(values, codes, covariates)
        self._middle = residual.mean(axis=0)
        self._spread = residual.std(axis=0, ddof=1)
        scaled = (residual - self._middle) / self._spread
        _, size, rows = np.linalg.svd(scaled, full_matrices=False)
        share = np.cumsum(size**2) / (size**2).sum()
        count = int(np.searchsorted(share, self.variance - 1e-12)) + 1
        self.n_components_ = min(count, int((size > 1e-10 * size[0]).sum()))
        self.components_ = rows[: self.n_components_]
        scores = scaled @ self.components_.T
        inside = [codes == k for k in range(len(self.batches_.levels))]
        self._score_mean = np.stack([scores[rows].mean(axis=0) for rows in inside])
        self._score_sd = np.stack([scores[rows].std(axis=0, ddof=1) for rows in inside])
        reference = self.batches_.reference
        if reference is None:
            within = np.concatenate([scores[rows] - scores[rows].mean(axis=0) for rows in inside])
            self._to_mean = scores.mean(axis=0)
            self._to_sd = np.sqrt((within**2).sum(axis=0) / (len(scores) - len(inside)))
        else:
            self._to_mean, self._to_sd = self._score_mean[reference], self._score_sd[reference]

    def _adjust(self, values: Array, codes: Codes, covariates: Array, frame: pd.DataFrame) -> Array:
        residual = self.model_.residual(values, codes, covariates)
        scaled = (residual - self._middle) / self._spread
        scores = scaled @ self.components_.T
        even = (scores - self._score_mean[codes]) / self._score_sd[codes]
        moved = even * self._to_sd + self._to_mean - scores
        residual = (scaled + moved @ self.components_) * self._spread + self._middle
        return self.model_.restore(residual, values, codes, covariates)
