"""Discretisation in the `ibsi` mode: grey levels, and bins of the intensity-volume histogram."""

from __future__ import annotations

import math

import numpy as np

from causalimg.errors import InvalidInputError
from causalimg.radiomics.ibsi_settings import IbsiSettings
from causalimg.radiomics.ivh import IntensityGrid

_MOST_LEVELS = 2048


def grey_levels(
    values: np.ndarray, settings: IbsiSettings, *, case_id: str = ""
) -> tuple[np.ndarray, int]:
    r"""Discretise intensities.

    Parameters
    ----------
    values : ndarray, shape (n_voxels,) [intensity]
    settings : IbsiSettings
    case_id : str
        For the message.

    Returns
    -------
    levels : ndarray of int, shape (n_voxels,)
        Fixed bin size: :math:`\lfloor(X-X_0)/w\rfloor+1` with :math:`X_0` the lower end of the
        re-segmentation range, or the minimum where there is none. Fixed bin number:
        :math:`\lfloor N_g(X-X_{min})/(X_{max}-X_{min})\rfloor+1`, at most :math:`N_g`.
    n_levels : int
        The highest level (fixed bin size) or the number of bins.

    Raises
    ------
    InvalidInputError
        If there are more than 2048 levels.

    Examples
    --------
    >>> grey_levels(np.array([0.0, 30.0, 60.0]), IbsiSettings(bin_width=25.0, range=(-25.0, 99.0)))
    (array([2, 3, 4]), 4)
    >>> grey_levels(np.array([0.0, 30.0, 60.0]), IbsiSettings(bin_count=4))
    (array([1, 3, 4]), 4)
    """
    lowest, highest = float(values.min()), float(values.max())
    if settings.bin_count is not None:
        number = int(settings.bin_count)
        if lowest == highest:
            return np.ones(values.shape, dtype=np.intp), 1
        share = number * (values - lowest) / (highest - lowest)
        return np.minimum(share.astype(np.intp), number - 1) + 1, number
    width = float(settings.bin_width or 0)
    start = lowest
    if settings.range is not None and math.isfinite(settings.range[0]):
        start = settings.range[0]
    if not (highest - start) / width < _MOST_LEVELS:
        raise InvalidInputError(
            f"case {case_id!r}, column 'image': intensities from {start:g} to {highest:g} make "
            f"{(highest - start) / width:.3g} grey levels with bin_width={width:g}, of at most "
            f"{_MOST_LEVELS}; choose wider bins, or bin_count"
        )
    levels = np.floor((values - start) / width).astype(np.intp) + 1
    return levels, int(levels.max())


def intensity_grid(values: np.ndarray, settings: IbsiSettings) -> IntensityGrid:
    """Bin the intensities for the intensity-volume histogram."""
    if settings.ivh == "fixed_bin_number":
        return IntensityGrid.of_number(values, int(settings.ivh_bins))
    low, high = float(values.min()), float(values.max())
    if settings.range is not None:
        low = settings.range[0] if math.isfinite(settings.range[0]) else low
        high = settings.range[1] if math.isfinite(settings.range[1]) else high
    if settings.ivh == "discrete":
        return IntensityGrid.discrete(values, low, high)
    return IntensityGrid.of_width(values, low, high, width=settings.ivh_bins)
