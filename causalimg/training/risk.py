"""Penalties on risks and gradients across environments: IRM, V-REx, Fishr and the bottleneck."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from causalimg.errors import InvalidInputError
from causalimg.training.penalty import Batch, Penalty, groups_of, zero_of

Loss = Callable[[Tensor, Tensor], Tensor]


def sample_losses(logits: Tensor, outcome: Tensor) -> Tensor:
    """Return the loss of each row, shape (n,): by the shapes, which loss.

    ``logits`` (n, K) with whole-number outcomes: cross-entropy; (n,) or (n, 1) with outcomes all 0
    or 1: binary cross-entropy; otherwise half the squared error.
    """
    if logits.ndim == 2 and logits.shape[1] > 1:
        if outcome.is_floating_point():
            raise InvalidInputError("classes must be whole numbers (torch.long) for logits (n, K)")
        return functional.cross_entropy(logits, outcome, reduction="none")
    flat = logits.reshape(len(logits))
    target = outcome.to(flat.dtype).reshape(len(flat))
    if bool(((target == 0) | (target == 1)).all()):
        return functional.binary_cross_entropy_with_logits(flat, target, reduction="none")
    return 0.5 * (flat - target) ** 2


class EnvironmentPenalty(Penalty):
    """Base of the penalties that compare environments.

    Parameters
    ----------
    environment : str
        A categorical variable of the batch.
    loss : callable (logits, outcome) -> Tensor of shape (n,)
        Loss of each row; by default read from the shapes, see `sample_losses`.
    statement, reason : str
    """

    def __init__(
        self,
        environment: str,
        *,
        loss: Loss = sample_losses,
        statement: str = "",
        reason: str = "",
    ) -> None:
        super().__init__(statement or f"outcome ⊥ {environment} | features", reason)
        self.environment = environment
        self.needs = (environment,)
        self.loss = loss

    def coded(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the number of each row's environment, and how many rows each has."""
        groups = groups_of(batch.variable(self.environment))
        _, code, counts = torch.unique(groups, return_inverse=True, return_counts=True)
        return code, counts

    def environments(self, batch: Batch) -> list[Tensor]:
        """Return the rows of each environment of the batch."""
        groups = groups_of(batch.variable(self.environment))
        return [torch.nonzero(groups == value)[:, 0] for value in torch.unique(groups)]


class IRM(EnvironmentPenalty):
    """Invariant risk minimisation: the gradient of each environment's risk for a scale of 1.

    ``mean over environments of g₁·g₂``, the gradients for the multiplier w = 1 of two random
    halves of the environment's rows, an unbiased estimate of the squared norm (which may fall
    below 0); with one row, ``g²``.

    Parameters
    ----------
    environment : str
    loss : callable
    split : bool
        False: the square of the gradient over all rows, biased upwards but never negative.
    statement, reason : str

    Notes
    -----
    Assumptions: outcome and environment are independent given the content (``risk_invariance`` of
    a plan), and the environments differ enough to tell.

    Usual practice: a weight of 1 for the first steps, then a large weight λ (1000 and more) and a
    fresh optimiser state. Dividing the whole loss by λ > 1 matters for plain gradient descent; Adam
    undoes it. Stop soon after the switch: a network that goes on until it knows its cases by heart
    has the same risk everywhere, and nothing binds it any more.

    References
    ----------
    Arjovsky M, Bottou L, Gulrajani I, Lopez-Paz D. Invariant risk minimization. 2019.
    doi:10.48550/arXiv.1907.02893

    Examples
    --------
    >>> predicted, y = torch.ones(2), torch.tensor([3.0, 2.0])
    >>> batch = Batch(predicted[:, None], predicted, y, {"site": torch.tensor([0, 1])})
    >>> IRM("site")(batch).item()  # gradients -2 and -1
    2.5
    """

    def __init__(
        self,
        environment: str,
        *,
        loss: Loss = sample_losses,
        split: bool = True,
        statement: str = "",
        reason: str = "",
    ) -> None:
        super().__init__(environment, loss=loss, statement=statement, reason=reason)
        self.split = split

    def forward(self, batch: Batch) -> Tensor:
        """Return the mean over environments."""
        code, counts = self.coded(batch)
        scales = torch.ones(len(counts), dtype=batch.logits.dtype, device=batch.logits.device)
        scales.requires_grad_(True)
        factor = scales[code].reshape(-1, *([1] * (batch.logits.ndim - 1)))
        losses = self.loss(batch.logits * factor, batch.outcome)
        slopes = [
            torch.autograd.grad((losses * share).sum(), scales, create_graph=True)[0]
            for share in self._shares(code, counts, losses)
        ]
        return (slopes[0] * slopes[-1]).mean()

    def _shares(self, code: Tensor, counts: Tensor, losses: Tensor) -> list[Tensor]:
        """Return what each row counts in the mean over its environment, or over each half of it."""
        if not self.split:
            return [(1.0 / counts[code]).to(losses.dtype)]
        order = torch.argsort(code, stable=True)
        starts = counts.cumsum(0) - counts
        place = torch.empty_like(code)
        place[order] = torch.arange(len(code), device=code.device) - starts[code[order]]
        alone = counts[code] == 1
        halves = []
        for half in (0, 1):
            inside = (place % 2 == half) | alone
            size = torch.bincount(code[inside], minlength=len(counts))
            halves.append(inside.to(losses.dtype) / size[code].clamp_min(1).to(losses.dtype))
        return halves


class VREx(EnvironmentPenalty):
    """Variance of the environments' risks.

    Parameters
    ----------
    environment : str
    loss : callable
    statement, reason : str

    Notes
    -----
    Assumptions: outcome and environment are independent given the content (``risk_invariance`` of
    a plan), and the environments differ enough to tell. The noise of the outcome is the
    same everywhere. In practice, as `IRM`: a large weight after some steps without, and few steps.

    References
    ----------
    Krueger D, et al. Out-of-distribution generalization via risk extrapolation. ICML 2021.
    doi:10.48550/arXiv.2003.00688

    Examples
    --------
    >>> y = torch.tensor([0.0, 2.0, 0.0, 4.0])
    >>> batch = Batch(y[:, None], 0 * y, y, {"site": torch.tensor([0, 0, 1, 1])})
    >>> float(VREx("site")(batch))  # the risks are 1 and 4
    2.25
    """

    def forward(self, batch: Batch) -> Tensor:
        """Return the variance (divisor: number of environments); zero with one environment."""
        losses = self.loss(batch.logits, batch.outcome)
        code, counts = self.coded(batch)
        if len(counts) < 2:
            return zero_of(batch)
        totals = torch.zeros(len(counts), dtype=losses.dtype, device=losses.device)
        return (totals.index_add(0, code, losses) / counts).var(unbiased=False)


class Fishr(EnvironmentPenalty):
    """Distance of the environments' gradient variances in the last, linear layer.

    With a linear head, the gradient of a row's loss is the derivative for the logits times the
    features, so nothing but one backward pass to the logits is needed. Running means smooth the
    variances over batches.

    Parameters
    ----------
    environment : str
    loss : callable
    momentum : float
        Of the running variances; 0 for none.
    statement, reason : str

    Notes
    -----
    Assumptions: outcome and environment are independent given the content (``risk_invariance`` of
    a plan), and the environments differ enough to tell. The logits are a linear function of the
    features.

    References
    ----------
    Rame A, Dancette C, Cord M. Fishr: invariant gradient variances for out-of-distribution
    generalization. ICML 2022. doi:10.48550/arXiv.2109.02934

    Examples
    --------
    >>> from causalimg.training.check import example_batch
    >>> penalty = Fishr("site", momentum=0.0)
    >>> bool(penalty(example_batch(1.5)) > 20 * penalty(example_batch(0.0)))
    True
    """

    def __init__(
        self,
        environment: str,
        *,
        loss: Loss = sample_losses,
        momentum: float = 0.95,
        statement: str = "",
        reason: str = "",
    ) -> None:
        super().__init__(environment, loss=loss, statement=statement, reason=reason)
        if not 0 <= momentum < 1:
            raise InvalidInputError(f"momentum={momentum!r} must lie in [0, 1)")
        self.momentum = momentum
        self._running: dict[float, Tensor] = {}

    def forward(self, batch: Batch) -> Tensor:
        """Return the mean squared distance from the average variance."""
        total = self.loss(batch.logits, batch.outcome).sum()
        slope = torch.autograd.grad(total, batch.logits, create_graph=True)[0]
        slope = slope.reshape(len(slope), -1)
        gradients = (slope[:, :, None] * batch.flat()[:, None, :]).reshape(len(slope), -1)
        names = batch.variable(self.environment)
        variances = []
        for rows in self.environments(batch):
            if len(rows) < 2:
                continue
            now = gradients[rows].var(dim=0, unbiased=True)
            key = float(names[rows[0]])
            if self.momentum and key in self._running:
                now = self.momentum * self._running[key] + (1 - self.momentum) * now
            if self.momentum:
                self._running[key] = now.detach()
            variances.append(now)
        if len(variances) < 2:
            return zero_of(batch)
        stacked = torch.stack(variances)
        return ((stacked - stacked.mean(dim=0)) ** 2).mean(dim=0).sum()


class Bottleneck(Penalty):
    """Information bottleneck: the mean variance of the features.

    Parameters
    ----------
    statement, reason : str

    Notes
    -----
    Assumptions: those of `IRM`, beside which it is used, and that the content says all that the
    image says of the outcome.

    References
    ----------
    Ahuja K, et al. Invariance principle meets information bottleneck for out-of-distribution
    generalization. NeurIPS 2021. doi:10.48550/arXiv.2106.06607

    Examples
    --------
    >>> x = torch.tensor([[0.0, 1.0], [2.0, 1.0]])
    >>> float(Bottleneck()(Batch(x, x[:, 0], x[:, 0])))
    0.5
    """

    def __init__(self, *, statement: str = "", reason: str = "") -> None:
        super().__init__(statement or "the features carry no more than the outcome needs", reason)

    def forward(self, batch: Batch) -> Tensor:
        """Return the mean over features of their variance in the batch."""
        return batch.flat().var(dim=0, unbiased=False).mean()
