"""The training loss of a plan: the task's loss and one named term for each licensed statement."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from causalimg.errors import IdentificationError, InvalidInputError, UnknownNameError, nearest
from causalimg.training.alignment import ConditionalMMD
from causalimg.training.penalty import Batch, Penalty
from causalimg.training.plan import ConstraintPlan
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

    def penalty(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum of the penalties, and each before its weight."""
        total = torch.zeros((), dtype=batch.logits.dtype, device=batch.logits.device)
        terms: dict[str, Tensor] = {}
        for weight, penalty in zip(self.weights, self.penalties, strict=True):
            if weight == 0 or self.ramp == 0:
                continue
            value: Tensor = penalty(batch)
            terms[str(penalty.statement)] = value
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
    plan: ConstraintPlan,
    task: Task = sample_losses,
    *,
    weights: float | Mapping[str, float] = 1.0,
    on: str = "features",
    families: Mapping[str, Penalty] | None = None,
) -> ConstrainedLoss:
    """Return the training loss that a plan licenses.

    Every licensed attribute gets a conditional MMD given its set, multiplied by the verdict's
    probability where the plan has one.

    Parameters
    ----------
    plan : ConstraintPlan
    task : callable
        Loss of each row, or a scalar.
    weights : float or mapping of str to float
        For every licensed attribute, or by attribute; those not named get no penalty.
    on : {"features", "logits"}
    families : mapping of str to Penalty, optional
        Penalties across environments by family (``risk_invariance`` ...) and weight in
        ``weights`` under the same name; each must be licensed.

    Raises
    ------
    IdentificationError
        If a weight is asked for that the plan refuses, with the plan's reason.
    UnknownNameError
        If a weight names no attribute of the plan.
    """
    known = [*plan.verdicts, *(str(f) for f in plan.families)]
    asked = (
        {name: float(weights) for name in plan.licensed()}
        if isinstance(weights, int | float)
        else dict(weights)
    )
    penalties: list[tuple[float, Penalty]] = []
    for name, weight in asked.items():
        if name not in known:
            raise UnknownNameError(
                f"the plan has no attribute {name!r}{nearest(name, known)} (it has:"
                f" {', '.join(known)})"
            )
        if name in plan.verdicts:
            verdict = plan.verdicts[name]
            if verdict.refused:
                raise IdentificationError(f"the plan refuses a penalty: {verdict}")
            sure = 1.0 if verdict.probability is None else verdict.probability
            given = [n for n in verdict.given or () if n not in plan.roles.selection]
            term = ConditionalMMD(
                name,
                given=given,
                on=on,
                outcome=plan.roles.outcome,
                statement=verdict.statement,
                reason=verdict.reason,
            )
            penalties.append((weight * sure, term))
    for name, chosen in (families or {}).items():
        matching = [v for f, v in plan.families.items() if str(f) == name]
        if not matching:
            raise UnknownNameError(f"no family {name!r} in the plan{nearest(name, known)}")
        if not matching[0].holds:
            raise IdentificationError(f"the plan refuses a penalty: {matching[0]}")
        share = matching[0].probability
        strength = asked.get(name, 1.0) * (1.0 if share is None else share)
        penalties.append((strength, chosen))
    return ConstrainedLoss(task, penalties, outcome=plan.roles.outcome)
