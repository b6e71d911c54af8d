"""Training for the worst group instead of the mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from causalimg.errors import InvalidInputError
from causalimg.training.constraint import ConstraintKind


class GroupDRO(nn.Module):
    """Weigh groups by how badly they do: ``q_g ∝ q_g exp(η R_g)``, loss ``Σ q_g R_g``.

    Parameters
    ----------
    n_groups : int
    step : float
        η.
    needs : sequence of str
        The variables whose combinations, with those of the outcome, are the groups.
    statement, reason : str
        From the plan.

    Notes
    -----
    Assumptions: where the model is used the groups are those of training in other shares, each
    looking as it did.

    References
    ----------
    Sagawa S, Koh PW, Hashimoto TB, Liang P. Distributionally robust neural networks for group
    shifts. ICLR 2020. doi:10.48550/arXiv.1911.08731

    Examples
    --------
    >>> dro = GroupDRO(2, step=1.0)
    >>> _ = dro(torch.tensor([0.0, 1.0]), torch.tensor([0, 1]))
    >>> dro.shares.tolist()[1] > 0.7
    True
    """

    kind: ClassVar[ConstraintKind] = ConstraintKind.WEIGHTS
    shares: Tensor

    def __init__(
        self,
        n_groups: int,
        *,
        step: float = 0.01,
        needs: Sequence[str] = (),
        statement: str = "",
        reason: str = "",
    ) -> None:
        super().__init__()
        if not step > 0:
            raise InvalidInputError(f"step={step!r} must be above 0")
        self.step = step
        self.needs = tuple(needs)
        self.statement = statement or "the risk is the same in every group"
        self.reason = reason
        self.register_buffer("shares", torch.full((n_groups,), 1.0 / n_groups))

    def forward(self, losses: Tensor, groups: Tensor) -> Tensor:
        """Return the weighted risk; groups absent from the batch keep their share."""
        present = torch.unique(groups)
        risks = torch.stack([losses[groups == g].mean() for g in present])
        with torch.no_grad():
            self.shares[present] *= torch.exp(self.step * risks.detach().to(self.shares.dtype))
            self.shares /= self.shares.sum()
        return (self.shares[present].to(risks.dtype) * risks).sum()
