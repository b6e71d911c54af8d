"""The kernel measure of DirectLiNGAM: mutual information as a kernel generalised variance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
_LARGE = 1000
_RANK_TOLERANCE = 1e-6
_MAX_RANK = 100


def bandwidth_and_ridge(n: int) -> tuple[float, float]:
    """Return the kernel width and the regularisation for ``n`` rows, as Shimizu et al. set them.

    Examples
    --------
    >>> bandwidth_and_ridge(500), bandwidth_and_ridge(5000)
    ((1.0, 0.02), (0.5, 0.002))
    """
    return (0.5, 2e-3) if n > _LARGE else (1.0, 2e-2)


def gram_factors(values: Float, width: float) -> Float:
    """Return low-rank factors G of Gaussian Gram matrices, G G' = K, one for each column.

    Pivoted incomplete Cholesky, the same number of pivots for every column, until what is left
    of each diagonal is negligible. In one dimension the spectrum falls so fast that some 20
    pivots do.

    Parameters
    ----------
    values : ndarray, shape (n_samples, k)
    width : float
        Of ``exp(-(x - y)^2 / (2 width^2))``.

    Returns
    -------
    ndarray, shape (k, n_samples, rank)
    """
    columns = np.ascontiguousarray(values.T)
    k, n = columns.shape
    left = np.ones((k, n))
    each = np.arange(k)
    factors = np.zeros((k, n, min(n, _MAX_RANK)))
    for step in range(factors.shape[2]):
        pivot = left.argmax(axis=1)
        largest = left[each, pivot]
        if largest.max() < _RANK_TOLERANCE:
            return factors[:, :, :step]
        gap = columns - columns[each, pivot][:, None]
        kernel = np.exp(gap * gap / (-2 * width**2))
        done = factors[:, :, :step]
        kernel -= np.einsum("knr,kr->kn", done, done[each, pivot])
        new = kernel / np.sqrt(np.maximum(largest, _RANK_TOLERANCE))[:, None]
        new[largest < _RANK_TOLERANCE] = 0.0
        factors[:, :, step] = new
        left = np.maximum(left - new * new, 0.0)
    return factors


def kernel_information(one: Float, others: Float) -> Float:
    """Estimate the mutual information of a column with each of several others.

    The kernel generalised variance: half the negative log determinant of I - A A', A being the
    regularised cross-product of the two Gram matrices.

    Parameters
    ----------
    one : ndarray, shape (n_samples,)
        About unit variance.
    others : ndarray, shape (n_samples, k)

    Returns
    -------
    ndarray, shape (k,)
        0 or more; larger is more dependent. The Gram matrices are not centred, as in the
        DirectLiNGAM paper, so that independent columns do not give 0.

    References
    ----------
    Bach FR, Jordan MI. Kernel independent component analysis. J Mach Learn Res 2002;3:1-48.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=300)
    >>> found = kernel_information(x, np.column_stack([x**2 - 1, rng.normal(size=300)]))
    >>> bool(found[0] > found[1])
    True
    """
    n = len(one)
    width, ridge = bandwidth_and_ridge(n)
    base = gram_factors(one[:, None], width)[0]
    rest = gram_factors(others, width)
    left = _whitener(base[None], n * ridge / 2)[0]
    right = _whitener(rest, n * ridge / 2)
    cross = left.T @ (base.T @ rest) @ right
    singular = np.linalg.svd(cross, compute_uv=False)
    return np.asarray(-0.5 * np.log1p(-np.minimum(singular**2, 1 - 1e-12)).sum(axis=-1))


def _whitener(factors: Float, ridge: float) -> Float:
    """Return E with E' G' U = S^2 / (S^2 + ridge) for the singular vectors U of each G."""
    square, vectors = np.linalg.eigh(factors.transpose(0, 2, 1) @ factors)
    square = np.maximum(square, 0.0)
    return np.asarray(vectors * (np.sqrt(square) / (square + ridge))[:, None, :])
