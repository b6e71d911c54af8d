"""One-hidden-layer networks, one for each node: loss, group norms, slopes and their gradients.

Node j is predicted by ``second[j] . sigmoid(first[j] x + shift[j]) + offset[j]``. The parameters
of a batch are one array of shape (n_batch, d, m * d + 2 * m + 1), one row for each node: ``first``
(m, d) row by row, ``shift`` (m,), ``second`` (m,), ``offset``. The functions are written for any
array module that follows NumPy's names.

References
----------
Zheng X, Dan C, Aragam B, Ravikumar P, Xing EP. Learning sparse nonparametric DAGs. AISTATS 2020.
doi:10.48550/arXiv.1909.13189
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from causalimg.kernels.reference import array_module, exponential_trace

Array = Any  # numpy.ndarray or cupy.ndarray: the array decides


@dataclass(frozen=True)
class Layout:
    """Where the parameters of a node are in its row.

    Parameters
    ----------
    d : int
        Nodes.
    m : int
        Hidden units of each node.
    """

    d: int
    m: int

    @property
    def width(self) -> int:
        """Parameters of a node."""
        return self.m * (self.d + 2) + 1

    def first(self, theta: Array) -> Array:
        """Return the first layers, shape (n_batch, d, m, d); ``[b, j, h, i]`` takes i to j."""
        return theta[..., : self.m * self.d].reshape(*theta.shape[:-1], self.m, self.d)

    def rest(self, theta: Array) -> tuple[Array, Array, Array]:
        """Return shift (n_batch, d, m), second layer (n_batch, d, m) and offset (n_batch, d)."""
        at, m = self.m * self.d, self.m
        return theta[..., at : at + m], theta[..., at + m : at + 2 * m], theta[..., -1]


def _hidden(theta: Array, data: Array, layout: Layout) -> Array:
    """Activations, shape (n_batch, n_samples, nodes, m)."""
    xp = array_module(theta)
    shift, _, _ = layout.rest(theta)
    n_batch, nodes = theta.shape[:2]
    flat = layout.first(theta).reshape(n_batch, nodes * layout.m, layout.d)
    inner = data @ xp.swapaxes(flat, -1, -2)
    inner = inner.reshape(n_batch, len(data), nodes, layout.m) + shift[:, None]
    return 0.5 + 0.5 * xp.tanh(0.5 * inner)


def mlp_predict(theta: Array, data: Array, layout: Layout) -> Array:
    """Return the prediction of every node, shape (n_batch, n_samples, d)."""
    _, second, offset = layout.rest(theta)
    return (_hidden(theta, data, layout) * second[:, None]).sum(axis=-1) + offset[:, None]


def mlp_loss(
    theta: Array,
    data: Array,
    layout: Layout,
    *,
    ridge: float,
    equal_variance: bool,
    targets: Array | None = None,
) -> tuple[Array, Array]:
    """Loss of the residuals and a ridge on all parameters but the offsets.

    Parameters
    ----------
    theta : array, shape (n_batch, nodes, width)
    data : array, shape (n_samples, d)
    ridge : float
        ``ridge / 2 * sum(theta ** 2)`` is added.
    equal_variance : bool
        Half the mean squared residual, summed over nodes; else half the logarithm of each node's
        mean squared residual, which is the Gaussian likelihood with a variance for each node and
        does not depend on the scale of the columns.
    targets : array, shape (n_batch, n_samples, nodes), optional
        What the networks are to predict; by default every column of ``data``.

    Returns
    -------
    value : array, shape (n_batch,)
    gradient : array, shape (n_batch, nodes, width)
    """
    xp = array_module(theta)
    n_batch, nodes = theta.shape[:2]
    n = len(data)
    _, second, offset = layout.rest(theta)
    hidden = _hidden(theta, data, layout)
    residual = (hidden * second[:, None]).sum(axis=-1) + offset[:, None]
    residual = residual - (data if targets is None else targets)
    mean = (residual * residual).mean(axis=1)
    if equal_variance:
        value, share = 0.5 * mean.sum(axis=-1), 1.0 / n
    else:
        mean = xp.maximum(mean, 1e-300)
        value, share = 0.5 * xp.log(mean).sum(axis=-1), (1.0 / n) / mean[:, None, :]
    bend = residual * share
    gradient = xp.empty_like(theta)
    at, m = layout.m * layout.d, layout.m
    gradient[..., -1] = bend.sum(axis=1)
    gradient[..., at + m : at + 2 * m] = (hidden * bend[..., None]).sum(axis=1)
    inner = bend[..., None] * second[:, None] * hidden * (1.0 - hidden)
    gradient[..., at : at + m] = inner.sum(axis=1)
    flat = xp.swapaxes(inner.reshape(n_batch, n, nodes * m), -1, -2) @ data
    gradient[..., :at] = flat.reshape(n_batch, nodes, at)
    body = theta[..., :-1]
    value = value + 0.5 * ridge * (body * body).sum(axis=(-2, -1))
    gradient[..., :-1] += ridge * body
    return value, gradient


def mlp_strength(theta: Array, layout: Layout) -> Array:
    """Return the norms of the first layers, shape (n_batch, d, d), row = cause."""
    xp = array_module(theta)
    first = layout.first(theta)
    return xp.swapaxes(xp.sqrt((first * first).sum(axis=-2)), -1, -2)


def mlp_acyclicity(theta: Array, layout: Layout) -> tuple[Array, Array]:
    """``trace(exp(W * W)) - d`` for W of `mlp_strength`, and its gradient."""
    xp = array_module(theta)
    first = layout.first(theta)
    value, slope = exponential_trace(xp.swapaxes((first * first).sum(axis=-2), -1, -2))
    gradient = xp.zeros_like(theta)
    bend = 2.0 * first * xp.swapaxes(slope, -1, -2)[:, :, None, :]
    gradient[..., : layout.m * layout.d] = bend.reshape(*theta.shape[:-1], layout.m * layout.d)
    return value, gradient


def mlp_slopes(theta: Array, data: Array, layout: Layout) -> Array:
    """Return the mean derivative of each node in each other, (n_batch, d, d), row = cause."""
    xp = array_module(theta)
    _, second, _ = layout.rest(theta)
    hidden = _hidden(theta, data, layout)
    mean = (hidden * (1.0 - hidden)).mean(axis=1) * second
    return xp.swapaxes((mean[..., None] * layout.first(theta)).sum(axis=-2), -1, -2)
