"""Environments whose gradients agree: a penalty on their distance, and a mask of their signs."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from causalimg.errors import InvalidInputError
from causalimg.training.constraint import ConstraintKind
from causalimg.training.penalty import Batch, groups_of, zero_of
from causalimg.training.risk import EnvironmentPenalty, Loss, sample_losses


class GradientAgreement(EnvironmentPenalty):
    """Squared distance of the environments' gradients for the model's parameters.

    Parameters
    ----------
    environment : str
    parameters : iterable of Tensor
        The model's; the penalty needs a second backward pass through it.
    loss : callable
    statement, reason : str

    Notes
    -----
    Assumptions: outcome and environment are independent given the content (``risk_invariance`` of
    a plan), and the environments differ enough to tell.

    References
    ----------
    Koyama M, Yamaguchi S. When is invariance useful in an out-of-distribution generalization
    problem? 2020. doi:10.48550/arXiv.2008.01883

    Examples
    --------
    >>> w = torch.zeros(2, requires_grad=True)
    >>> x = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    >>> batch = Batch(x, x @ w, torch.tensor([1, 1]), {"site": torch.tensor([0, 1])})
    >>> float(GradientAgreement("site", [w])(batch).detach())
    0.25
    """

    def __init__(
        self,
        environment: str,
        parameters: Iterable[Tensor],
        *,
        loss: Loss = sample_losses,
        statement: str = "",
        reason: str = "",
    ) -> None:
        super().__init__(environment, loss=loss, statement=statement, reason=reason)
        self._parameters_of_model = [p for p in parameters if p.requires_grad]
        if not self._parameters_of_model:
            raise InvalidInputError("GradientAgreement needs the parameters of a model to train")

    def forward(self, batch: Batch) -> Tensor:
        """Return the sum over parameters of the mean squared distance from the average."""
        losses = self.loss(batch.logits, batch.outcome)
        gradients = []
        for rows in self.environments(batch):
            found = torch.autograd.grad(
                losses[rows].mean(),
                self._parameters_of_model,
                create_graph=True,
                allow_unused=True,
                materialize_grads=True,
            )
            gradients.append(torch.cat([g.reshape(-1) for g in found]))
        if len(gradients) < 2:
            return zero_of(batch)
        stacked = torch.stack(gradients)
        return ((stacked - stacked.mean(dim=0)) ** 2).mean(dim=0).sum()


class AndMask:
    """The AND-mask: a parameter's gradient counts where the environments agree on its sign.

    In place of ``loss.backward()``. The gradient of each environment's mean loss is taken; the
    step is their mean, set to zero for every parameter whose signs agree less than the threshold:
    ``|mean over environments of sign(g)| < threshold``.

    Parameters
    ----------
    environment : str
        A categorical variable of the batch.
    parameters : iterable of Tensor
        Of the model.
    threshold : float
        In (0, 1]; 1 asks for all environments.
    loss : callable (logits, outcome) -> Tensor of shape (n,)
    statement, reason : str

    Notes
    -----
    Assumptions: those of `IRM`: outcome and environment are independent given the content.
    The mask depends on the coordinates that the parameters are in; weight decay, if any, belongs
    into the optimiser (it acts on masked parameters too).

    References
    ----------
    Parascandolo G, Neitz A, Orvieto A, Gresele L, Schölkopf B. Learning explanations that are hard
    to vary. ICLR 2021. doi:10.48550/arXiv.2009.00329

    Examples
    --------
    >>> w = torch.zeros(2, requires_grad=True)
    >>> x = torch.tensor([[1.0, 1.0], [1.0, -1.0]])  # the second input changes its mind
    >>> batch = Batch(x, x @ w, torch.tensor([1, 1]), {"site": torch.tensor([0, 1])})
    >>> _ = AndMask("site", [w]).backward(batch)
    >>> w.grad.tolist()
    [-0.5, 0.0]
    """

    kind = ConstraintKind.PENALTY

    def __init__(
        self,
        environment: str,
        parameters: Iterable[Tensor],
        *,
        threshold: float = 1.0,
        loss: Loss = sample_losses,
        statement: str = "",
        reason: str = "",
    ) -> None:
        if not 0 < threshold <= 1:
            raise InvalidInputError(f"threshold={threshold!r} must lie in (0, 1]")
        self.parameters = [p for p in parameters if p.requires_grad]
        if not self.parameters:
            raise InvalidInputError("AndMask needs the parameters of a model to train")
        self.environment, self.threshold, self.loss = environment, threshold, loss
        self.statement = statement or f"outcome ⊥ {environment} | features"
        self.reason = reason
        self.needs = (environment,)

    def backward(self, batch: Batch) -> Tensor:
        """Set the gradient of every parameter; return the mean loss over the environments."""
        losses = self.loss(batch.logits, batch.outcome)
        groups = groups_of(batch.variable(self.environment))
        risks = [losses[groups == value].mean() for value in torch.unique(groups)]
        each = [
            torch.autograd.grad(
                risk, self.parameters, retain_graph=True, allow_unused=True, materialize_grads=True
            )
            for risk in risks
        ]
        for parameter, *gradients in zip(self.parameters, *each, strict=True):
            stacked = torch.stack(gradients)
            agreed = stacked.sign().mean(dim=0).abs() >= self.threshold - 1e-6
            parameter.grad = stacked.mean(dim=0) * agreed
        return torch.stack(risks).mean().detach()
