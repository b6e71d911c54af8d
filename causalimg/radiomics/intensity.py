"""IBSI intensity statistics: what the distribution of the intensities of a region looks like.

The intensity histogram (`histogram`) takes the same numbers of the discretised intensities.

References
----------
Zwanenburg A et al. Image biomarker standardisation initiative, reference manual, section 3.3.
https://doi.org/10.48550/arXiv.1612.07003
"""

from __future__ import annotations

import numpy as np


def distribution(values: np.ndarray) -> dict[str, float]:
    r"""Describe a set of numbers by the 16 features that statistics and histogram share.

    Parameters
    ----------
    values : ndarray, shape (n_voxels,)

    Returns
    -------
    dict of str to float
        With X the values and N their number; percentiles are interpolated linearly.

        - ``mean`` :math:`\mu`; ``variance`` :math:`\sigma^2=\frac1N\sum(X-\mu)^2`
        - ``skewness`` :math:`\frac1N\sum(X-\mu)^3/\sigma^3`;
          ``kurtosis`` :math:`\frac1N\sum(X-\mu)^4/\sigma^4-3`; both 0 if all values are equal
        - ``median``, ``minimum``, ``percentile_10``, ``percentile_90``, ``maximum``, ``range``
        - ``interquartile_range`` :math:`P_{75}-P_{25}`
        - ``mean_absolute_deviation`` :math:`\frac1N\sum|X-\mu|`
        - ``robust_mean_absolute_deviation``: the same of the values within
          :math:`[P_{10},P_{90}]` around their own mean
        - ``median_absolute_deviation`` :math:`\frac1N\sum|X-P_{50}|`
        - ``coefficient_of_variation`` :math:`\sigma/\mu`
        - ``quartile_coefficient_of_dispersion`` :math:`(P_{75}-P_{25})/(P_{75}+P_{25})`

        The last two are NaN where the denominator is 0, and the robust deviation where no value
        lies between the percentiles (two values).

    Examples
    --------
    >>> found = distribution(np.array([1.0, 1.0, 2.0, 4.0]))
    >>> found["mean"], found["variance"], found["median"], found["median_absolute_deviation"]
    (2.0, 1.5, 1.5, 1.0)
    """
    numbers = np.asarray(values, dtype=np.float64)
    p10, p25, median, p75, p90 = np.percentile(numbers, (10, 25, 50, 75, 90))
    mean = numbers.mean()
    around = numbers - mean
    square = around * around
    variance = square.mean()
    robust = numbers[(numbers >= p10) & (numbers <= p90)]
    flat = variance == 0
    return {
        "mean": float(mean),
        "variance": float(variance),
        "skewness": 0.0 if flat else float((square * around).mean() / variance**1.5),
        "kurtosis": 0.0 if flat else float((square * square).mean() / variance**2 - 3.0),
        "median": float(median),
        "minimum": float(numbers.min()),
        "percentile_10": float(p10),
        "percentile_90": float(p90),
        "maximum": float(numbers.max()),
        "interquartile_range": float(p75 - p25),
        "range": float(np.ptp(numbers)),
        "mean_absolute_deviation": float(np.abs(around).mean()),
        "robust_mean_absolute_deviation": _deviation(robust),
        "median_absolute_deviation": float(np.abs(numbers - median).mean()),
        "coefficient_of_variation": _ratio(float(np.sqrt(variance)), float(mean)),
        "quartile_coefficient_of_dispersion": _ratio(float(p75 - p25), float(p75 + p25)),
    }


def statistics(values: np.ndarray) -> dict[str, float]:
    r"""Return the 18 IBSI intensity statistics.

    Those of `distribution`, then ``energy`` :math:`\sum X^2` and ``root_mean_square``
    :math:`\sqrt{\sum X^2/N}`.

    Parameters
    ----------
    values : ndarray, shape (n_voxels,) [intensity]
        Inside the intensity mask.

    Examples
    --------
    >>> statistics(np.array([3.0, 4.0]))["energy"]
    25.0
    """
    numbers = np.asarray(values, dtype=np.float64)
    energy = float(numbers @ numbers)
    return {
        **distribution(numbers),
        "energy": energy,
        "root_mean_square": float(np.sqrt(energy / numbers.size)),
    }


def _deviation(numbers: np.ndarray) -> float:
    return float(np.abs(numbers - numbers.mean()).mean()) if numbers.size else float("nan")


def _ratio(above: float, below: float) -> float:
    return above / below if below else float("nan")
