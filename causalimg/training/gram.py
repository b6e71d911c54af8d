"""Gram matrices of features and variables, with bandwidths that follow the batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from causalimg.errors import InvalidInputError

BANDWIDTHS = (0.25, 1.0, 4.0)
FEW = 4
MOST = 512


def squared_distances(x: Tensor, y: Tensor | None = None) -> Tensor:
    """Return squared Euclidean distances of the rows, shape (n, m); exactly zero on the diagonal.

    In few dimensions the differences are formed. In more, the square is expanded around the mean
    row, which costs one matrix product and keeps the digits of float32.
    """
    other = x if y is None else y
    if x.shape[1] <= FEW:
        return ((x[:, None, :] - other[None, :, :]) ** 2).sum(dim=-1)
    middle = x.detach().mean(dim=0)
    first, second = x - middle, other - middle
    norms = (first**2).sum(dim=1)[:, None] + (second**2).sum(dim=1)[None, :]
    distances = norms - 2 * first @ second.T
    with torch.no_grad():  # what rounding alone makes of equal rows
        eps = torch.finfo(x.dtype).eps
        size = torch.maximum(x.abs().amax(), other.abs().amax())
        floor = 8 * eps * norms + x.shape[1] * (4 * eps * size) ** 2
        apart = distances > floor
        if y is None:
            apart.fill_diagonal_(False)
    return torch.where(apart, distances, torch.zeros_like(distances))


def median_scale(distances: Tensor) -> Tensor:
    """Return the median positive squared distance as a constant; 1 where all rows are equal.

    Of more than `MOST` rows, every k-th is taken.
    """
    with torch.no_grad():
        rows, columns = (-(-size // MOST) for size in distances.shape)
        positive = distances[::rows, ::columns]
        positive = positive[positive > 0]
        if len(positive) == 0:
            return torch.ones((), dtype=distances.dtype, device=distances.device)
        return positive.median()


def rbf(
    x: Tensor,
    y: Tensor | None = None,
    bandwidths: Sequence[float] = BANDWIDTHS,
    scale: float | None = None,
) -> Tensor:
    """Return the mean of Gaussian kernels ``exp(-d² / (2 b m))``, shape (n, m).

    Parameters
    ----------
    x, y : Tensor, shape (n, k) and (m, k)
    bandwidths : sequence of float
        Factors b of m.
    scale : float, optional
        m; by default the median squared distance of the batch, held constant in the gradient.
    """
    distances = squared_distances(x, y)
    unit = median_scale(distances) if scale is None else scale
    total = torch.zeros_like(distances)
    for factor in bandwidths:
        total = total + torch.exp(-distances / (2 * factor * unit))
    return total / len(bandwidths)


def variable_gram(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the Gram matrix of a variable: equality for categories, Gaussian for numbers."""
    if not values.is_floating_point():
        same = values[:, None] == values[None, :]
        while same.ndim > 2:
            same = same.all(dim=-1)
        return same.to(dtype)
    return rbf(values.to(dtype).reshape(len(values), -1), bandwidths=(1.0,))


def numbers_of(values: Tensor, dtype: torch.dtype, levels: Tensor | None = None) -> Tensor:
    """Return a variable as a matrix of numbers: categories as one indicator column a level."""
    if values.is_floating_point():
        return values.to(dtype).reshape(len(values), -1)
    if values.ndim != 1:
        raise InvalidInputError(f"categories must have shape (n,), not {tuple(values.shape)}")
    known = torch.unique(values) if levels is None else levels.to(values.device)
    strange = sorted(set(values.tolist()) - set(known.tolist()))
    if strange:
        raise InvalidInputError(
            f"the batch holds categories {strange} that the held-out rows of CIRCE.fit lack"
            f" (they hold {known.tolist()}): hold out rows of every category"
        )
    return (values[:, None] == known[None, :]).to(dtype)


def centred(gram: Tensor) -> Tensor:
    """Return ``H K H``, with H the centring matrix."""
    rows = gram.mean(dim=0, keepdim=True)
    return gram - rows - rows.T + gram.mean()
