"""Penalties that bring the edges of a graph into a network: gradients, group lasso, CASTLE."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional

from causalimg.errors import InvalidInputError
from causalimg.training.penalty import Batch, Penalty


class InputGradient(Penalty):
    """Sensitivity of the prediction to inputs that it must not use.

    ``mean over rows of Σ (A ∘ ∂ Σ_k log p_k / ∂x)²``, A = 1 on the forbidden inputs: the columns
    that are no ancestors of the outcome, or a region of the image.

    Parameters
    ----------
    forbidden : array_like of bool
        Broadcast to the shape of one input.
    statement, reason : str

    Notes
    -----
    Assumptions: the forbidden inputs say nothing of the outcome wherever the model is used.

    ``batch.inputs`` must require gradients: ``x.requires_grad_(True)`` before the model.

    References
    ----------
    Ross AS, Hughes MC, Doshi-Velez F. Right for the right reasons. IJCAI 2017.
    doi:10.24963/ijcai.2017/371

    Examples
    --------
    >>> x = torch.ones(2, 2, requires_grad=True)
    >>> batch = Batch(x, 4 * x[:, 1] - 4, torch.tensor([0, 1]), inputs=x)
    >>> InputGradient([True, False])(batch).item()
    0.0
    """

    forbidden: Tensor

    def __init__(self, forbidden: ArrayLike, *, statement: str = "", reason: str = "") -> None:
        super().__init__(statement or "the prediction does not use the forbidden inputs", reason)
        self.register_buffer("forbidden", torch.as_tensor(forbidden, dtype=torch.bool))

    def forward(self, batch: Batch) -> Tensor:
        """Return the mean over rows.

        Raises
        ------
        InvalidInputError
            If the inputs are absent or do not require gradients.
        """
        if batch.inputs is None or not batch.inputs.requires_grad:
            raise InvalidInputError(
                "InputGradient needs batch.inputs with requires_grad: call x.requires_grad_(True)"
                " before the model and hand x over as inputs="
            )
        logits = batch.logits
        if logits.ndim == 2 and logits.shape[1] > 1:
            logs = functional.log_softmax(logits, dim=1)
        else:
            flat = logits.reshape(len(logits))
            logs = functional.logsigmoid(flat) + functional.logsigmoid(-flat)
        slope = torch.autograd.grad(logs.sum(), batch.inputs, create_graph=True)[0]
        return ((slope * self.forbidden.to(slope.dtype)) ** 2).reshape(len(slope), -1).sum(1).mean()


class EdgeWeightedLasso(Penalty):
    """Group lasso of the first layer, each input weighted by how unsure its edge is.

    ``Σ_j (1 - π_j) ‖W_·j‖₂`` with π_j the share of bootstrap graphs in which input j is a cause
    of the outcome (or has any edge to it): a sure parent is free, an absent one pays fully.

    Parameters
    ----------
    layer : nn.Linear
        The layer that reads the inputs.
    support : array_like, shape (n_inputs,)
        π, in [0, 1].
    statement, reason : str

    Notes
    -----
    Assumptions: inputs are on one scale; a bootstrap share says how likely the edge is.

    References
    ----------
    Bahadori MT, Chalupka K, Choi E, Chen R, Stewart WF, Sun J. Causal regularization. 2017.
    doi:10.48550/arXiv.1702.02604

    Examples
    --------
    >>> layer = nn.Linear(2, 1)
    >>> with torch.no_grad(): _ = layer.weight.copy_(torch.tensor([[3.0, 4.0]]))
    >>> batch = Batch(torch.zeros(1, 2), torch.zeros(1), torch.zeros(1))
    >>> EdgeWeightedLasso(layer, [1.0, 0.5])(batch).item()  # the first is a sure parent
    2.0
    """

    support: Tensor

    def __init__(
        self, layer: nn.Linear, support: ArrayLike, *, statement: str = "", reason: str = ""
    ) -> None:
        super().__init__(statement or "inputs without an edge to the outcome are not used", reason)
        values = torch.as_tensor(support, dtype=layer.weight.dtype)
        if values.shape != (layer.in_features,) or bool(((values < 0) | (values > 1)).any()):
            raise InvalidInputError(
                f"support must hold one share in [0, 1] for each of the {layer.in_features} inputs,"
                f" not shape {tuple(values.shape)}"
            )
        self.register_buffer("support", values)
        self._layer = (layer,)  # in a tuple, so that it is not registered a second time

    def forward(self, batch: Batch) -> Tensor:
        """Return the penalty; it reads the layer only."""
        squares = (self._layer[0].weight ** 2).sum(dim=0)
        positive = squares > 0
        norms = torch.where(positive, torch.where(positive, squares, 1.0).sqrt(), 0.0)
        return ((1 - self.support) * norms).sum()


class CastleNet(nn.Module):
    """A predictor that also reconstructs every input from the others, sharing hidden layers.

    Sub-network k reads all variables but variable k; sub-network 0 predicts the outcome. The
    norms of the first layers form a weighted graph over the variables.

    Parameters
    ----------
    n_inputs : int
    hidden : int

    References
    ----------
    Kyono T, Zhang Y, van der Schaar M. CASTLE: regularization via auxiliary causal graph
    discovery. NeurIPS 2020. doi:10.48550/arXiv.2009.13180

    Examples
    --------
    >>> prediction, rebuilt = CastleNet(3)(torch.zeros(5, 3), torch.zeros(5))
    >>> prediction.shape, rebuilt.shape
    (torch.Size([5]), torch.Size([5, 4]))
    """

    def __init__(self, n_inputs: int, *, hidden: int = 32) -> None:
        super().__init__()
        d = n_inputs + 1
        self.first = nn.Parameter(torch.randn(d, d, hidden) * 0.1)
        self.first_bias = nn.Parameter(torch.zeros(d, hidden))
        self.shared = nn.Linear(hidden, hidden)
        self.last = nn.Parameter(torch.randn(d, hidden) * 0.1)
        self.last_bias = nn.Parameter(torch.zeros(d))
        self.register_buffer("open", 1 - torch.eye(d))

    def weights(self) -> Tensor:
        """Return ``[j, k]``: the norm of what variable j gives to sub-network k; 0 the outcome."""
        allowed: Tensor = self.get_buffer("open")
        squares = (self.first**2).sum(dim=2).T * allowed
        return torch.sqrt(squares + 1e-12) * allowed

    def forward(self, x: Tensor, outcome: Tensor) -> tuple[Tensor, Tensor]:
        """Return the prediction, shape (n,), and the reconstruction of (outcome, x), (n, d).

        The outcome is read by the reconstructions only, never by its own prediction.
        """
        values = torch.cat([outcome.reshape(-1, 1).to(x.dtype), x], dim=1)
        allowed = self.get_buffer("open").T[:, :, None]
        hidden = torch.einsum("nj,kjh->nkh", values, self.first * allowed) + self.first_bias
        hidden = torch.relu(self.shared(torch.relu(hidden)))
        out = (hidden * self.last).sum(dim=2) + self.last_bias
        return out[:, 0], out


def acyclicity(weights: Tensor) -> Tensor:
    """Return ``tr(exp(W ∘ W)) - d``, zero if and only if the weighted graph has no cycle.

    References
    ----------
    Zheng X, Aragam B, Ravikumar P, Xing EP. DAGs with NO TEARS. NeurIPS 2018.
    doi:10.48550/arXiv.1803.01422
    """
    squares = weights * weights
    value: Tensor = torch.linalg.matrix_exp(squares).trace() - len(weights)
    return value


class CASTLE(Penalty):
    """Reconstruction, sparsity and acyclicity of a `CastleNet`.

    ``Σ_k mean (x_k - f_k)² + β Σ W + ρ/2 h² + α h``; with a known graph, the penalty on absent
    edges stands in place of h.

    Parameters
    ----------
    net : CastleNet
    absent : array_like of bool, shape (d, d), optional
        Edges that the graph does not have, [cause, effect] with the outcome first; given, the
        graph is not learned.
    sparsity, rho, alpha : float
        β, ρ and α, constant through training.
    statement, reason : str

    Notes
    -----
    Assumptions: inputs and outcome follow one acyclic graph without hidden common causes.

    References
    ----------
    Kyono T, Zhang Y, van der Schaar M. CASTLE: regularization via auxiliary causal graph
    discovery. NeurIPS 2020. doi:10.48550/arXiv.2009.13180

    Examples
    --------
    >>> _ = torch.manual_seed(0)
    >>> net, x, y = CastleNet(2), torch.randn(8, 2), torch.randn(8)
    >>> batch = Batch(x, net(x, y)[0], y, inputs=x)
    >>> bool(CASTLE(net)(batch) > 0)
    True
    """

    absent: Tensor | None

    def __init__(
        self,
        net: CastleNet,
        *,
        absent: ArrayLike | None = None,
        sparsity: float = 1.0,
        rho: float = 1.0,
        alpha: float = 1.0,
        statement: str = "",
        reason: str = "",
    ) -> None:
        super().__init__(statement or "inputs and outcome follow one acyclic graph", reason)
        self._net = (net,)
        self.sparsity, self.rho, self.alpha = sparsity, rho, alpha
        kept = None if absent is None else torch.as_tensor(absent, dtype=torch.bool)
        self.register_buffer("absent", kept)

    def forward(self, batch: Batch) -> Tensor:
        """Return the penalty; ``batch.inputs`` are the variables."""
        if batch.inputs is None:
            raise InvalidInputError("CASTLE needs the variables as inputs=")
        net = self._net[0]
        weights: Tensor = net.weights()
        rebuilt: Tensor = net(batch.inputs, batch.outcome)[1]
        values = torch.cat([batch.outcome.reshape(-1, 1).to(rebuilt.dtype), batch.inputs], dim=1)
        fit: Tensor = ((rebuilt[:, 1:] - values[:, 1:]) ** 2).mean(dim=0).sum()
        if self.absent is not None:
            return fit + self.sparsity * (weights * self.absent).sum()
        h = acyclicity(weights)
        return fit + self.sparsity * weights.sum() + 0.5 * self.rho * h**2 + self.alpha * h
