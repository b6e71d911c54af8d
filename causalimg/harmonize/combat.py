"""ComBat: empirical Bayes shifts and scales of batches (scanner, site, protocol)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.harmonize.base import Harmonizer
from causalimg.harmonize.location_scale import LocationScale, fit_location_scale, least_squares

Array = NDArray[np.float64]
Codes = NDArray[np.intp]


class ComBat(Harmonizer):
    """Take the shift and scale that a batch gives to every feature out of it.

    Each feature is a mean, a linear function of the covariates, a shift and a scale of its batch;
    shifts and scales are drawn towards what the batch does to the other features.

    Parameters
    ----------
    batch : str
        Column of batches.
    covariates : sequence of str
        Columns whose effect on the features is kept: what differs between batches for reasons
        that are not the batch's. `covariates_from_graph` finds them. Never the outcome that the
        features are to predict: harmonised with it, they carry it.
    parametric : bool, default=True
        Normal and inverse gamma priors; False takes the features themselves as the prior.
    mean_only : bool, default=False
        Adjust shifts only; then a batch may have one case.
    reference_batch : str, optional
        Batch that stays as it is and that the others are brought to; None brings all to their
        common mean and spread.
    on_unseen : {"refuse", "reference"}
        What to do with a batch that training did not see; ``reference`` leaves its values as they
        are.
    new_covariates : {"own", "training_mean"}
        What `transform` takes for the covariates of the cases it is given. ``training_mean`` does
        without their columns (as ``neuroCombatFromTraining``).

    Attributes
    ----------
    model_ : LocationScale
    batches_ : BatchCodes
    features_, passed_through_ : tuple of str
        All features; those that were constant and stay as they are.

    Notes
    -----
    Assumptions: within a batch the covariates act linearly and alike, a batch only shifts and
    scales, and batches hold comparable cases at each value of the covariates. Where covariates do
    not overlap between batches the model extrapolates and can remove biology; `CausalComBat`
    checks that first.

    References
    ----------
    Johnson, Li, Rabinovic (2007). doi:10.1093/biostatistics/kxj037
    Fortin et al. (2017). doi:10.1016/j.neuroimage.2017.08.047
    Fortin et al. (2018). doi:10.1016/j.neuroimage.2017.11.024

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame(rng.normal(size=(60, 4)), columns=list("abcd"))
    >>> table["scanner"] = np.repeat(["A", "B"], 30)
    >>> table.loc[30:, list("abcd")] += 2.0
    >>> even = ComBat(batch="scanner").fit_transform(table)
    >>> bool((even[:30].mean() - even[30:].mean()).abs().max() < 0.2)
    True
    """

    def __init__(
        self,
        *,
        batch: str,
        covariates: Sequence[str] = (),
        parametric: bool = True,
        mean_only: bool = False,
        reference_batch: str | None = None,
        on_unseen: str = "refuse",
        new_covariates: str = "own",
    ) -> None:
        self.batch = batch
        self.covariates = covariates
        self.parametric = parametric
        self.mean_only = mean_only
        self.reference_batch = reference_batch
        self.on_unseen = on_unseen
        self.new_covariates = new_covariates

    def _fit_arrays(
        self, values: Array, codes: Codes, covariates: Array, frame: pd.DataFrame
    ) -> None:
        self.model_: LocationScale = fit_location_scale(
            values,
            codes,
            len(self.batches_.levels),
            covariates,
            reference=self.batches_.reference,
            is_parametric=self.parametric,
            mean_only=self.mean_only,
            solve=self._solve,
        )

    def _adjust(self, values: Array, codes: Codes, covariates: Array, frame: pd.DataFrame) -> Array:
        return self.model_.adjust(values, codes, covariates)

    def _solve(self, design: Array, values: Array) -> Array:
        """Regress the features on batches and covariates."""
        return least_squares(design, values)
