"""Losses, acyclicity and their gradients in NumPy, with a leading batch axis.

Every function takes arrays of shape (n_batch, d, d) with ``X = X W + E``, so row = cause, and
returns one value per problem and one gradient array. They are written for any array module that
follows NumPy's names; `causalimg.kernels.cuda` has the same names for CuPy arrays.

References
----------
Zheng X, Aragam B, Ravikumar P, Xing EP. DAGs with NO TEARS: continuous optimization for structure
learning. NeurIPS 2018. doi:10.48550/arXiv.1803.01422
Bello K, Aragam B, Ravikumar P. DAGMA: learning DAGs via M-matrices and a log-determinant
acyclicity characterization. NeurIPS 2022. doi:10.48550/arXiv.2209.08037
Ng I, Ghassami A, Zhang K. On the role of sparsity and DAG constraints for learning linear DAGs.
NeurIPS 2020. doi:10.48550/arXiv.2006.10201
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

Array = Any  # numpy.ndarray or cupy.ndarray: the array decides
_TAYLOR = 16


def array_module(array: Array) -> Any:
    """Return the module of an array: cupy for CuPy arrays, else numpy."""
    return sys.modules["cupy"] if type(array).__module__.partition(".")[0] == "cupy" else np


def _eye(like: Array) -> Array:
    xp = array_module(like)
    return xp.eye(like.shape[-1], dtype=like.dtype)


def least_squares(weights: Array, cov: Array) -> tuple[Array, Array]:
    """Half the mean squared residual, summed over nodes, from the covariance.

    Parameters
    ----------
    weights, cov : array, shape (n_batch, d, d)

    Returns
    -------
    value : array, shape (n_batch,)
    gradient : array, shape (n_batch, d, d)
    """
    rest = _eye(weights) - weights
    slope = -(cov @ rest)
    return -0.5 * (rest * slope).sum(axis=(-2, -1)), slope


def logistic(weights: Array, data: Array, rows: Array | None = None) -> tuple[Array, Array]:
    """Mean logistic loss of 0/1 columns, summed over nodes; it needs the rows.

    Parameters
    ----------
    weights : array, shape (n_batch, d, d)
    data : array, shape (n_samples, d)
        Zeros and ones.
    rows : array, shape (n_batch, n_samples), optional
        Row weights of each problem that sum to one (bootstrap counts over n).
    """
    xp = array_module(weights)
    logits = data @ weights
    share = xp.full((1, len(data)), 1.0 / len(data)) if rows is None else rows
    loss = xp.logaddexp(0.0, logits) - data * logits
    value = (loss.sum(axis=-1) * share).sum(axis=-1)
    excess = 0.5 * (1.0 + xp.tanh(0.5 * logits)) - data
    return value, data.T @ (excess * share[..., None])


def golem(weights: Array, cov: Array, *, equal_variance: bool) -> tuple[Array, Array]:
    """Negative Gaussian log likelihood per row, profiled over the noise variances (GOLEM).

    Parameters
    ----------
    weights, cov : array, shape (n_batch, d, d)
    equal_variance : bool
        One noise variance for all nodes, or one each.
    """
    xp = array_module(weights)
    d = weights.shape[-1]
    rest = _eye(weights) - weights
    slope = -(cov @ rest)
    residual = -(rest * slope).sum(axis=-2)
    sign, logdet = xp.linalg.slogdet(rest)
    singular = (sign == 0)[:, None, None]
    inverse = xp.linalg.inv(xp.where(singular, _eye(weights), rest))
    inverse = xp.swapaxes(xp.where(singular, xp.nan, inverse), -1, -2)
    if equal_variance:
        total = residual.sum(axis=-1)
        return (
            0.5 * d * xp.log(total) - logdet,
            d * slope / total[:, None, None] + inverse,
        )
    return (
        0.5 * xp.log(residual).sum(axis=-1) - logdet,
        slope / residual[:, None, :] + inverse,
    )


def exponential(weights: Array) -> tuple[Array, Array]:
    """``trace(exp(W * W)) - d``: zero if and only if there is no cycle (NOTEARS)."""
    value, slope = exponential_trace(weights * weights)
    return value, 2.0 * weights * slope


def exponential_trace(square: Array) -> tuple[Array, Array]:
    """``trace(exp(A)) - d`` of matrices without negative entries, and its gradient in A.

    The exponential is a Taylor sum after scaling, squared back; with entries that are not
    negative nothing cancels. Where it overflows, the value is infinite and the gradient zero.
    """
    xp = array_module(square)
    norm = float(square.sum(axis=-2).max()) if square.size else 0.0
    halvings = max(0, int(np.ceil(np.log2(max(norm, 1e-300) / 0.5)))) if np.isfinite(norm) else 0
    scaled = square / 2.0**halvings
    eye = _eye(square)
    power = eye + scaled / _TAYLOR
    for k in range(_TAYLOR - 1, 0, -1):
        power = eye + scaled @ power / k
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(halvings):
            power = power @ power
        finite = xp.isfinite(power.sum(axis=(-2, -1)))
    power = xp.where(finite[:, None, None], power, 0.0)
    value = xp.trace(power, axis1=-2, axis2=-1) - square.shape[-1]
    return xp.where(finite, value, xp.inf), xp.swapaxes(power, -1, -2)


def squaring(weights: Array) -> tuple[Array, Array]:
    """``trace((I + W * W / m)^m) - d`` with m the power of two from d on, by squaring.

    Zero if and only if there is no cycle; about ``2 log2(d)`` products.
    """
    xp = array_module(weights)
    d = weights.shape[-1]
    steps = max(1, int(np.ceil(np.log2(d))))
    m = 2**steps
    base = _eye(weights) + weights * weights / m
    below = base  # base ** (2**k - 1)
    power = base @ base
    for k in range(1, steps):
        below = below @ power
        if k < steps - 1:
            power = power @ power
    value = (xp.swapaxes(below, -1, -2) * base).sum(axis=(-2, -1)) - d
    return value, 2.0 * weights * xp.swapaxes(below, -1, -2)


def logdet(weights: Array, s: float = 1.0) -> tuple[Array, Array]:
    """``d log(s) - log det(s I - W * W)`` inside the M-matrices, infinite outside (DAGMA).

    Zero if and only if there is no cycle. The inverse of an M-matrix has no negative entry,
    which is how the domain is recognised.
    """
    xp = array_module(weights)
    d = weights.shape[-1]
    matrix = s * _eye(weights) - weights * weights
    sign, size = xp.linalg.slogdet(matrix)
    usable = (sign > 0) & xp.isfinite(size)
    inverse = xp.linalg.inv(xp.where(usable[:, None, None], matrix, _eye(weights)))
    inside = usable & (inverse.min(axis=(-2, -1)) >= -1e-12)
    value = xp.where(inside, d * np.log(s) - size, xp.inf)
    return value, 2.0 * weights * xp.swapaxes(inverse, -1, -2)


def soft_threshold(values: Array, by: Array) -> Array:
    """Return the proximal step of ``by * abs(values)``."""
    xp = array_module(values)
    return xp.sign(values) * xp.maximum(xp.abs(values) - by, 0.0)


def pseudo_gradient(weights: Array, gradient: Array, penalty: Array) -> Array:
    """Return the subgradient of the penalised objective of least size.

    Minus it is the direction of steepest descent; zero everywhere is the optimality condition.
    """
    xp = array_module(weights)
    at_zero = xp.sign(gradient) * xp.maximum(xp.abs(gradient) - penalty, 0.0)
    return xp.where(weights != 0, gradient + penalty * xp.sign(weights), at_zero)


def orthant_step(weights: Array, steepest: Array, direction: Array, length: Array) -> Array:
    """Return ``weights + length * direction``, stopped where a coefficient would change sign."""
    xp = array_module(weights)
    orthant = xp.where(weights != 0, xp.sign(weights), -xp.sign(steepest))
    trial = weights + length * direction
    return xp.where(trial * orthant > 0, trial, 0.0)


def weighted_covariances(data: Array, counts: Array) -> tuple[Array, Array]:
    """Return the means and covariances of many reweightings of the same rows as one Gram product.

    Parameters
    ----------
    data : array, shape (n_samples, p)
    counts : array, shape (n_batch, n_samples)
        Row weights, not negative.

    Returns
    -------
    mean : array, shape (n_batch, p)
    cov : array, shape (n_batch, p, p)
        With the sum of the weights as divisor.
    """
    xp = array_module(data)
    centre = data.mean(axis=0)
    rows = data - centre
    share = counts / counts.sum(axis=-1, keepdims=True)
    mean = share @ rows
    n_batch, p = mean.shape
    cov = xp.empty((n_batch, p, p), dtype=rows.dtype)
    for i in range(p):
        part = share @ (rows[:, i : i + 1] * rows[:, i:])
        part -= mean[:, i : i + 1] * mean[:, i:]
        cov[:, i, i:] = part
        cov[:, i:, i] = part
    return mean + centre, cov
