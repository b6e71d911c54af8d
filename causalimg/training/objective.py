"""The training loss of a plan: the task's loss and one named term for each licensed statement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from causalimg.errors import InvalidInputError
from causalimg.training.offers import PlanOffers
from causalimg.training.penalty import Batch, Penalty
from causalimg.training.risk import sample_losses

Task = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class LossOutput:
    """A training loss and what it is made of.

    Parameters
    ----------
    total : Tensor
        What to differentiate.
    task : Tensor
        The task's loss.
    terms : mapping of str to Tensor
        Each penalty before its weight, by its statement.

    Examples
    --------
    >>> LossOutput(torch.tensor(1.5), torch.tensor(1.0), {"y ⊥ site": torch.tensor(0.5)}).to_dict()
    {'total': 1.5, 'task': 1.0, 'y ⊥ site': 0.5}
    """

    total: Tensor
    task: Tensor
    terms: Mapping[str, Tensor] = field(default_factory=dict)

    def to_dict(self) -> dict[str, float]:
        """Return the numbers, for a log."""
        named = {"total": self.total, "task": self.task, **self.terms}
        return {name: float(value.detach()) for name, value in named.items()}


class ConstrainedLoss(nn.Module):
    """The task's loss plus weighted penalties.

    Parameters
    ----------
    task : callable (logits, outcome) -> Tensor
        Loss of each row, shape (n,), or a scalar; sample weights need the former.
    penalties : sequence of (weight, Penalty)
        A penalty of weight 0 is not computed, so training is then exactly the task's.
    outcome : str
        Name that the outcome goes by in the variables.

    Examples
    --------
    >>> from causalimg.training.risk import VREx
    >>> loss = ConstrainedLoss(sample_losses, [(2.0, VREx("site"))])
    >>> y, site = torch.tensor([0.0, 2.0, 0.0, 4.0]), torch.tensor([0, 0, 1, 1])
    >>> loss(0 * y, y, variables={"site": site}).to_dict()
    {'total': 7.0, 'task': 2.5, 'outcome ⊥ site | features': 2.25}
    """

    def __init__(
        self,
        task: Task,
        penalties: Sequence[tuple[float, Penalty]] = (),
        *,
        outcome: str = "outcome",
    ) -> None:
        super().__init__()
        for weight, penalty in penalties:
            if not weight >= 0:
                raise InvalidInputError(
                    f"the weight {weight!r} of '{penalty.statement}' must be 0 or more"
                )
        self.task = task
        self.outcome = outcome
        self.penalties = nn.ModuleList(penalty for _, penalty in penalties)
        self.weights = [float(weight) for weight, _ in penalties]
        self.ramp = 1.0

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns that ``variables`` must hold beside the outcome."""
        named: dict[str, None] = {}
        for penalty in self.penalties:
            needs: Iterable[str] = getattr(penalty, "needs", ())
            named |= dict.fromkeys(needs)
        return tuple(name for name in named if name != self.outcome)

    def penalty(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum of the penalties, and each before its weight."""
        total = torch.zeros((), dtype=batch.logits.dtype, device=batch.logits.device)
        terms: dict[str, Tensor] = {}
        for weight, penalty in zip(self.weights, self.penalties, strict=True):
            if weight == 0 or self.ramp == 0:
                continue
            value: Tensor = penalty(batch)
            name = str(penalty.statement)
            if name in terms:  # two penalties for one statement
                name = f"{name} [{type(penalty).__name__}]"
            terms[name] = value
            total = total + self.ramp * weight * value
        return total, terms

    def forward(
        self,
        logits: Tensor,
        outcome: Tensor,
        *,
        features: Tensor | None = None,
        variables: Mapping[str, Tensor] | None = None,
        inputs: Tensor | None = None,
        weights: Tensor | None = None,
    ) -> LossOutput:
        """Return the loss of one batch.

        Parameters
        ----------
        logits, outcome : Tensor
            As the task's loss takes them.
        features : Tensor, optional
            What the statements are about; by default the logits.
        variables : mapping of str to Tensor
            Environment, attributes and covariates by name.
        inputs : Tensor, optional
        weights : Tensor, shape (n,), optional
            Sample weights, of the task's loss and the penalties.
        """
        losses = self.task(logits, outcome)
        if losses.ndim and weights is not None:
            losses = losses * weights.to(losses.dtype)
        elif weights is not None:
            raise InvalidInputError(
                "sample weights need a task loss of each row: use reduction='none'"
            )
        task = losses.mean()
        batch = Batch(
            logits if features is None else features,
            logits,
            outcome,
            {} if variables is None else variables,
            inputs,
            weights,
        )
        added, terms = self.penalty(batch)
        return LossOutput(task + added if terms else task, task, terms)


def plan_loss(
    plan: PlanOffers,
    task: Task = sample_losses,
    *,
    weights: float | Mapping[str, float] = 1.0,
    on: str = "features",
    families: Mapping[str, Penalty] | None = None,
) -> ConstrainedLoss:
    """Return the training loss that a plan licenses.

    Every licensed attribute gets a conditional MMD given its set (the MMD where the set is empty),
    multiplied by the verdict's probability where the plan has one.

    Parameters
    ----------
    plan : ConstraintPlan
    task : callable
        Loss of each row, or a scalar.
    weights : float or mapping of str to float
        For every licensed attribute; or by attribute and family (``risk_invariance`` ...), and
        those not named get no penalty.
    on : {"features", "logits"}
    families : mapping of str to Penalty, optional
        Penalties of your own by family or attribute, in place of the plan's; their weights in
        ``weights``, by default 1. Each must be licensed.

    Raises
    ------
    IdentificationError
        If a weight is asked for that the plan refuses, with the plan's reason.
    UnknownNameError
        If a weight names no attribute or family of the plan.
    """
    asked = (
        {name: float(weights) for name in plan.licensed()}
        if isinstance(weights, int | float)
        else dict(weights)
    )
    given = dict(families or {})
    penalties: list[tuple[float, Penalty]] = []
    for name in [*asked, *(family for family in given if family not in asked)]:
        verdict = plan.licensed_verdict(name)
        sure = 1.0 if verdict.probability is None else verdict.probability
        term = given[name] if name in given else _default(plan, name, on)
        penalties.append((asked.get(name, 1.0) * sure, term))
    return ConstrainedLoss(task, penalties, outcome=plan.roles.outcome)


def _default(plan: PlanOffers, subject: str, on: str) -> Penalty:
    """Return the penalty of an attribute or family that works on batches of categories."""
    names = plan.licensed_verdict(subject).constraints
    name = "conditional_mmd" if "conditional_mmd" in names else None
    return plan.penalty(subject, name, on=on)
