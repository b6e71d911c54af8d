"""Networks whose wiring is the graph: factorised masks, masked layers, additive heads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from causalimg.errors import InvalidInputError

Bool = NDArray[np.bool_]


def factorize(support: ArrayLike, hidden: Sequence[int]) -> list[Bool]:
    """Return layer masks whose product has exactly the support asked for.

    Each hidden unit stands for one set of inputs that every output it feeds may see. The first
    hidden layer gets, in turn, the rows of ``support`` (the input sets of the outputs); a unit
    feeds another if its set is contained in the other's. So no output sees an input it may not,
    and each sees every one it may.

    Parameters
    ----------
    support : array_like of bool, shape (n_outputs, n_inputs)
        True where an output may depend on an input; for a DAG, its transposed adjacency.
    hidden : sequence of int
        Units of the hidden layers.

    Returns
    -------
    list of ndarray of bool
        From the input on, each of shape (units after, units before).

    Raises
    ------
    InvalidInputError
        If a hidden layer has fewer units than there are different rows, naming the number needed.

    References
    ----------
    Chen A, Shi RI, Gao X, Baptista R, Krishnan RG. Structured neural networks for density
    estimation and causal inference. NeurIPS 2023. doi:10.48550/arXiv.2311.02221

    Examples
    --------
    >>> first, second = factorize([[0, 0], [1, 0]], hidden=[3])
    >>> (second.astype(int) @ first.astype(int) > 0).astype(int).tolist()
    [[0, 0], [1, 0]]
    """
    wanted = np.asarray(support, dtype=bool)
    if wanted.ndim != 2:
        raise InvalidInputError(f"support must be a matrix, not of shape {wanted.shape}")
    rows = np.unique(wanted[wanted.any(axis=1)], axis=0)
    if len(rows) == 0:
        rows = np.zeros((1, wanted.shape[1]), dtype=bool)
    short = [width for width in hidden if width < len(rows)]
    if short:
        raise InvalidInputError(
            f"hidden={list(hidden)}: a layer of {short[0]} units cannot carry {len(rows)} different"
            f" sets of inputs; give each hidden layer at least {len(rows)}"
        )
    masks: list[Bool] = []
    before: Bool | None = None
    for width in hidden:
        sets = rows[np.arange(width) % len(rows)]
        masks.append(sets if before is None else _contained(before, sets))
        before = sets
    masks.append(wanted.copy() if before is None else _contained(before, wanted))
    return masks


def _contained(before: Bool, after: Bool) -> Bool:
    """Return ``[k, j]``: the set of unit j is not empty and lies within that of unit k."""
    outside = np.asarray((before[None, :, :] & ~after[:, None, :]).any(axis=2))
    return np.asarray(~outside & np.asarray(before.any(axis=1))[None, :])


class MaskedLinear(nn.Linear):
    """A linear layer of which only the masked-in weights exist.

    Parameters
    ----------
    mask : array_like of bool, shape (n_outputs, n_inputs)

    Examples
    --------
    >>> layer = MaskedLinear([[1, 0]])
    >>> bool(layer(torch.tensor([[1.0, 0.0]])) == layer(torch.tensor([[1.0, 5.0]])))
    True
    """

    mask: Tensor

    def __init__(self, mask: ArrayLike) -> None:
        allowed = torch.as_tensor(np.asarray(mask, dtype=bool))
        super().__init__(allowed.shape[1], allowed.shape[0])
        self.register_buffer("mask", allowed)

    def forward(self, input: Tensor) -> Tensor:
        """Return ``(W ∘ mask) x + b``."""
        return nn.functional.linear(input, self.weight * self.mask, self.bias)


class MaskedMLP(nn.Sequential):
    """A network whose outputs depend on exactly the inputs that a graph allows.

    Parameters
    ----------
    support : array_like of bool, shape (n_outputs, n_inputs)
        For the mechanisms of a DAG, ``graph.directed().T``: output k sees the parents of k.
    hidden : sequence of int
    activation : type of nn.Module

    Examples
    --------
    >>> net = MaskedMLP([[0, 0], [1, 0]], hidden=[8])
    >>> net(torch.ones(3, 2)).shape
    torch.Size([3, 2])
    """

    def __init__(
        self,
        support: ArrayLike,
        *,
        hidden: Sequence[int] = (64,),
        activation: type[nn.Module] = nn.Tanh,
    ) -> None:
        layers: list[nn.Module] = []
        masks = factorize(support, hidden)
        for k, mask in enumerate(masks):
            layers.append(MaskedLinear(mask))
            if k + 1 < len(masks):
                layers.append(activation())
        super().__init__(*layers)


class AdditiveHead(nn.Module):
    """A prediction that is a sum of one function of each parent: ``Σ g_j(x_j) + b``.

    Parameters
    ----------
    n_inputs : int
    parents : sequence of int
        Columns that enter; the others are not read.
    n_outputs : int
    hidden : int
        Units of each function.

    Examples
    --------
    >>> head = AdditiveHead(3, [0, 2])
    >>> head(torch.zeros(4, 3)).shape, head.contributions(torch.zeros(4, 3)).shape
    (torch.Size([4, 1]), torch.Size([4, 2, 1]))
    """

    def __init__(
        self, n_inputs: int, parents: Sequence[int], *, n_outputs: int = 1, hidden: int = 16
    ) -> None:
        super().__init__()
        wrong = [p for p in parents if not 0 <= p < n_inputs]
        if wrong or not parents:
            raise InvalidInputError(
                f"parents={list(parents)} must be columns from 0 to {n_inputs - 1}, at least one"
            )
        self.parents = tuple(parents)
        self.functions = nn.ModuleList(
            nn.Sequential(nn.Linear(1, hidden), nn.Tanh(), nn.Linear(hidden, n_outputs, bias=False))
            for _ in self.parents
        )
        self.bias = nn.Parameter(torch.zeros(n_outputs))

    def contributions(self, x: Tensor) -> Tensor:
        """Return each parent's share, shape (n, n_parents, n_outputs)."""
        each = [g(x[:, p : p + 1]) for g, p in zip(self.functions, self.parents, strict=True)]
        return torch.stack(each, dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the prediction, shape (n, n_outputs)."""
        return self.contributions(x).sum(dim=1) + self.bias
