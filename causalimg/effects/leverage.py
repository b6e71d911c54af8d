"""Residuals are smaller than errors where a model follows its cases: corrections and their df.

An estimate ``w' y`` with residuals ``r = (I - H) y`` has the variance ``sum_g (a_g' r_g)^2`` over
clusters g (single cases, without clusters), where ``a_g = B_gg^(-1/2) w_g`` and
``B = (I - H)(I - H)'``: unbiased if errors have equal variance and no correlation, and consistent
if not (HC2, CR2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_NOTHING_LEFT = 1e-8


def cluster_sums(values: Array, cluster: NDArray[np.intp], count: int | None = None) -> Array:
    """Add rows up within clusters.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
    cluster : ndarray of int, shape (n_samples,)
        0 to n_clusters - 1.
    count : int, optional
        Number of clusters, ``max + 1`` by default.

    Returns
    -------
    ndarray of shape (n_clusters, n_columns)
    """
    from scipy.sparse import csr_array

    n = len(cluster)
    size = int(cluster.max()) + 1 if count is None else count
    member = csr_array((np.ones(n), (cluster, np.arange(n))), shape=(size, n))
    return np.asarray(member @ values)


def corrected_weights(
    matrix: Array, hat: Array, weights: Array, cluster: NDArray[np.intp] | None = None
) -> tuple[Array, NDArray[np.bool_]]:
    """Correct the weights that a variance puts on residuals for the residuals' leverage.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_parameters)
    hat : ndarray of shape (n_parameters, n_samples)
        ``matrix @ hat @ y`` are the fitted values.
    weights : ndarray of shape (n_samples,)
        The estimate is their product with y.
    cluster : ndarray of int, shape (n_samples,), optional

    Returns
    -------
    corrected : ndarray of shape (n_samples,)
    full : ndarray of bool, shape (n_samples,)
        Cases whose residual is 0 whatever the outcome; their weight is not corrected.

    References
    ----------
    Bell, McCaffrey (2002). Bias reduction in standard errors for linear regression with multi-stage
    samples. Survey Methodology 28.
    Pustejovsky, Tipton (2018). doi:10.1080/07350015.2016.1247004

    Examples
    --------
    >>> ones = np.ones((4, 1))
    >>> corrected, full = corrected_weights(ones, ones.T / 4, np.full(4, 0.25))
    >>> corrected.round(4).tolist(), full.any().item()
    ([0.2887, 0.2887, 0.2887, 0.2887], False)
    """
    inner = hat @ hat.T
    left = 1.0 - 2.0 * np.einsum("ij,ji->i", matrix, hat)
    left += np.einsum("ij,jk,ik->i", matrix, inner, matrix, optimize=True)
    full = left <= _NOTHING_LEFT
    if cluster is None:
        return weights / np.sqrt(np.where(full, 1.0, left)), full
    out = weights.copy()
    both = np.hstack([matrix, hat.T])
    core = _core(inner)
    order = np.argsort(cluster, kind="stable")
    _, start, size = np.unique(cluster[order], return_index=True, return_counts=True)
    for m in np.unique(size):
        rows = order[start[size == m][:, None] + np.arange(m)]
        basis, triangle = np.linalg.qr(both[rows])
        value, vector = np.linalg.eigh(triangle @ core @ triangle.swapaxes(1, 2))
        value = value + 1.0
        root = np.where(value > _NOTHING_LEFT, 1 / np.sqrt(np.maximum(value, _NOTHING_LEFT)), 0.0)
        along = basis @ vector
        part = np.einsum("gik,gi->gk", along, weights[rows])
        out[rows] += np.einsum("gik,gk->gi", along, (root - 1.0) * part)
    return out, full


def residual_df(
    matrix: Array, hat: Array, corrected: Array, cluster: NDArray[np.intp] | None = None
) -> float:
    """Return Satterthwaite's degrees of freedom of the variance that `corrected_weights` gives.

    The variance is a quadratic form in the errors; these are the degrees of freedom of the
    chi-squared variable with its mean and variance, for errors of equal variance.
    """
    both = np.hstack([matrix, hat.T]) * corrected[:, None]
    own = corrected**2
    if cluster is not None:
        both, own = cluster_sums(both, cluster), cluster_sums(own[:, None], cluster)[:, 0]
    core = _core(hat @ hat.T)
    diagonal = np.einsum("ij,ij->i", both @ core, both)
    product = both.T @ both @ core
    square = float((own**2).sum() + 2 * (own * diagonal).sum() + np.trace(product @ product))
    trace = float(own.sum() + diagonal.sum())
    return max(trace**2 / square, 1.0) if square > 0 and trace > 0 else 1.0


def _core(inner: Array) -> Array:
    # with Z = [matrix, hat'], (I - H)(I - H)' = I + Z core Z'
    p = len(inner)
    return np.block([[inner, -np.eye(p)], [-np.eye(p), np.zeros((p, p))]])
