"""IBSI intensity histogram: the distribution of the grey levels after discretisation.

References
----------
Zwanenburg A et al. Image biomarker standardisation initiative, reference manual, section 3.4.
https://doi.org/10.48550/arXiv.1612.07003
"""

from __future__ import annotations

import numpy as np

from causalimg.radiomics.intensity import distribution


def histogram_features(levels: np.ndarray, *, n_levels: int | None = None) -> dict[str, float]:
    r"""Return the 23 features of the intensity histogram.

    Parameters
    ----------
    levels : ndarray of int, shape (n_voxels,)
        Grey levels 1 to ``n_levels`` of the voxels of the region.
    n_levels : int, optional
        Number of bins; None: the highest level.

    Returns
    -------
    dict of str to float
        With :math:`n_i` the voxels of level i and :math:`p_i=n_i/N`:

        - those of `intensity.distribution`, of the levels
        - ``mode``: the commonest level; of several, the one next to the mean (then the lower)
        - ``entropy`` :math:`-\sum p_i\log_2 p_i`; ``uniformity`` :math:`\sum p_i^2`
        - ``maximum_gradient`` and ``minimum_gradient`` of the counts, with
          :math:`n'_i=(n_{i+1}-n_{i-1})/2`, one-sided at the ends, and the levels at which they
          are reached, ``maximum_gradient_level`` and ``minimum_gradient_level``

    Examples
    --------
    >>> found = histogram_features(np.array([1, 1, 1, 2, 4, 4]))
    >>> found["mode"], found["maximum_gradient"], found["maximum_gradient_level"]
    (1.0, 2.0, 4.0)
    """
    highest = int(levels.max()) if n_levels is None else n_levels
    counts = np.bincount(levels, minlength=highest + 1)[1:].astype(np.float64)
    found = distribution(levels)
    commonest = np.flatnonzero(counts == counts.max()) + 1
    share = counts[counts > 0] / levels.size
    slope = np.gradient(counts) if len(counts) > 1 else np.zeros(1)
    return {
        **found,
        "mode": float(commonest[np.argmin(np.abs(commonest - found["mean"]))]),
        "entropy": float(-(share * np.log2(share)).sum()) + 0.0,
        "uniformity": float((share * share).sum()),
        "maximum_gradient": float(slope.max()),
        "maximum_gradient_level": float(slope.argmax() + 1),
        "minimum_gradient": float(slope.min()),
        "minimum_gradient_level": float(slope.argmin() + 1),
    }
