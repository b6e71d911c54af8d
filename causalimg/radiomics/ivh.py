"""IBSI intensity-volume histogram: how much of the region is at least so bright.

Which grid of intensities the histogram lives on depends on what the intensities mean:

- *discrete* (calibrated whole numbers such as HU): every value between the limits is a bin;
- *continuous* (calibrated real numbers such as SUV): bins of a fixed width from the lower limit,
  each standing for its centre;
- *arbitrary* (MR): a fixed number of bins (1000) over the range of the region, in bin numbers.

Limits are those of the range re-segmentation where there is one, else those of the region.

References
----------
Zwanenburg A et al. Image biomarker standardisation initiative, reference manual, section 3.5.
https://doi.org/10.48550/arXiv.1612.07003
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from causalimg.errors import InvalidInputError

_SLACK = 1e-9
_MOST_BINS = 10_000_000


@dataclass(frozen=True)
class IntensityGrid:
    """Bins of the intensity axis and which one each voxel is in.

    Parameters
    ----------
    bins : ndarray of int, shape (n_voxels,)
        From 0.
    count : int
        Number of bins between the limits.
    first, step : float [intensity]
        Intensity that the first bin stands for, and from one to the next.
    """

    bins: np.ndarray
    count: int
    first: float
    step: float

    @classmethod
    def discrete(cls, values: np.ndarray, low: float, high: float) -> IntensityGrid:
        """Make one bin of every whole number of intensity from ``low`` to ``high``."""
        return cls.of_width(values, low, high, width=1.0, centres=False)

    @classmethod
    def of_width(
        cls, values: np.ndarray, low: float, high: float, *, width: float, centres: bool = True
    ) -> IntensityGrid:
        """Make bins of a fixed width from ``low`` on; each stands for its centre."""
        count = (high - low) / width
        if not count < _MOST_BINS:
            raise InvalidInputError(
                f"the intensity-volume histogram from {low:g} to {high:g} with bins of {width:g} "
                f"has {count:.3g} bins; choose wider ones, or a fixed number of them"
            )
        bins = np.floor((np.asarray(values, dtype=np.float64) - low) / width).astype(np.intp)
        if centres:
            whole = max(1, int(np.ceil(count - _SLACK)))
            bins = np.minimum(bins, whole - 1)
        else:
            whole = int(np.floor(count + _SLACK)) + 1
        return cls(bins, whole, low + width / 2 if centres else low, width)

    @classmethod
    def of_number(cls, values: np.ndarray, number: int) -> IntensityGrid:
        """Make so many bins over the range of the values; intensities are bin numbers from 1."""
        if not number < _MOST_BINS:
            raise InvalidInputError(f"{number} bins; at most {_MOST_BINS - 1}")
        numbers = np.asarray(values, dtype=np.float64)
        low, extent = numbers.min(), np.ptp(numbers)
        share = (numbers - low) / extent if extent else np.zeros_like(numbers)
        bins = np.minimum((share * number).astype(np.intp), number - 1)
        return cls(bins, number, 1.0, 1.0)


def ivh_features(grid: IntensityGrid) -> dict[str, float]:
    r"""Return six features of the intensity-volume histogram.

    Parameters
    ----------
    grid : IntensityGrid

    Returns
    -------
    dict of str to float
        With :math:`\nu_i` the share of voxels in bin i or above and
        :math:`\gamma_i=(i-i_{min})/(i_{max}-i_{min})`:

        - ``volume_fraction_10``, ``volume_fraction_90``: the largest :math:`\nu_i` with
          :math:`\gamma_i\ge x`
        - ``intensity_10``, ``intensity_90`` [intensity]: the lowest intensity with
          :math:`\nu_i\le x`; one step above the highest where there is none
        - ``volume_fraction_difference`` and ``intensity_difference`` between 10 % and 90 %

        The area under the curve has no consensus value and is not computed.

    Examples
    --------
    >>> found = ivh_features(IntensityGrid.discrete(np.array([1, 1, 4, 6]), 1, 6))
    >>> found["volume_fraction_10"], found["intensity_90"]
    (0.5, 2.0)
    """
    counts = np.bincount(grid.bins, minlength=grid.count)
    at_least = counts[::-1].cumsum()[::-1] / grid.bins.size
    found = {}
    for percent in (10, 90):
        first = int(np.ceil(percent / 100 * (grid.count - 1) - _SLACK))
        found[f"volume_fraction_{percent}"] = float(at_least[first])
    for percent in (10, 90):
        few = int((at_least > percent / 100 + _SLACK).sum())
        found[f"intensity_{percent}"] = grid.first + grid.step * few
    return {
        **found,
        "volume_fraction_difference": found["volume_fraction_10"] - found["volume_fraction_90"],
        "intensity_difference": found["intensity_10"] - found["intensity_90"],
    }
