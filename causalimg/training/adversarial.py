"""Domain-adversarial penalties: a discriminator behind a gradient reversal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from causalimg.errors import InvalidInputError
from causalimg.training.licence import statement as statement_of
from causalimg.training.penalty import Batch, Penalty, groups_of, needs_of

MAPS = ("concatenate", "multilinear")


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradients[0], None


def reverse_gradient(x: Tensor, strength: float = 1.0) -> Tensor:
    """Return ``x``; its gradient comes back with the sign turned."""
    reversed_: Tensor = _Reversal.apply(x, strength)
    return reversed_


class DomainAdversarial(Penalty):
    """Cross-entropy of a discriminator that names the group, against features that hide it.

    The discriminator learns by the loss, the features by its reversed gradient; its parameters
    belong to the penalty, so hand ``penalty.parameters()`` to an optimiser. Plain, it aligns the
    features marginally. With ``given`` it is told those variables and the rows are weighted so
    that within each of their levels all groups count alike: conditional alignment.

    Parameters
    ----------
    attribute : str
        Environment or attribute to hide.
    n_features, n_groups : int
    given : sequence of str
        Categorical variables to condition on.
    n_given : int
        Number of combinations of their levels.
    map : {"concatenate", "multilinear"}
        How the discriminator is told: beside the features, or multiplied with them.
    hidden : int
    strength : float
        Of the reversal.
    outcome : str
        Name that the outcome goes by in ``given``.
    statement, reason : str

    Notes
    -----
    Assumptions: content and attribute are independent given ``given`` in the graph.

    References
    ----------
    Ganin Y, et al. Domain-adversarial training of neural networks. JMLR 2016;17:1-35.
    Li Y, et al. Deep domain generalization via conditional invariant adversarial networks. ECCV
    2018. doi:10.1007/978-3-030-01267-0_38. Long M, Cao Z, Wang J, Jordan MI. Conditional
    adversarial domain adaptation. NeurIPS 2018. doi:10.48550/arXiv.1705.10667

    Examples
    --------
    >>> _ = torch.manual_seed(0)
    >>> penalty = DomainAdversarial("site", n_features=3, n_groups=2)
    >>> batch = Batch(torch.zeros(4, 3), torch.zeros(4), torch.zeros(4),
    ...               {"site": torch.tensor([0, 1, 0, 1])})
    >>> penalty(batch).shape, penalty.statement
    (torch.Size([]), 'features ⊥ site')
    """

    def __init__(
        self,
        attribute: str,
        *,
        n_features: int,
        n_groups: int,
        given: Sequence[str] = (),
        n_given: int = 1,
        map: str = "concatenate",
        hidden: int = 64,
        strength: float = 1.0,
        outcome: str = "outcome",
        statement: str = "",
        reason: str = "",
    ) -> None:
        super().__init__(statement or statement_of("features", attribute, given), reason)
        if map not in MAPS:
            raise InvalidInputError(f"map={map!r} must be one of {MAPS}")
        if bool(given) != (n_given > 1):
            raise InvalidInputError(
                "n_given is the number of levels of given: give both or neither"
            )
        self.attribute, self.given, self.outcome = attribute, tuple(given), outcome
        self.needs = needs_of(attribute, given, outcome)
        self.n_groups, self.n_given, self.map, self.strength = n_groups, n_given, map, strength
        width = n_features
        if given:
            width = n_features * n_given if map == "multilinear" else n_features + n_given
        self.discriminator = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, n_groups)
        )

    def _strata(self, batch: Batch) -> Tensor:
        columns = [batch.variable(name, self.outcome).long() for name in self.given]
        code = torch.zeros_like(columns[0])
        for column in columns:
            code = code * (int(column.max()) + 1) + column
        if int(code.max()) >= self.n_given:
            raise InvalidInputError(
                f"given {self.given} has level {int(code.max())}, but n_given={self.n_given}"
            )
        return code

    def forward(self, batch: Batch) -> Tensor:
        """Return the discriminator's loss."""
        groups = batch.variable(self.attribute, self.outcome)
        groups_of(groups)
        x = reverse_gradient(batch.flat(), self.strength)
        weights = torch.ones(len(x), dtype=x.dtype, device=x.device)
        if self.given:
            strata = self._strata(batch)
            told = functional.one_hot(strata, self.n_given).to(x.dtype)
            if self.map == "multilinear":
                x = torch.einsum("ni,nj->nij", told, x).reshape(len(x), -1)
            else:
                x = torch.cat([x, told], dim=1)
            cell = strata * self.n_groups + groups.long()
            count = torch.bincount(cell, minlength=self.n_given * self.n_groups)
            weights = 1.0 / count[cell].to(x.dtype)
            weights = weights / weights.mean()
        losses = functional.cross_entropy(self.discriminator(x), groups.long(), reduction="none")
        return (weights * losses).mean()
