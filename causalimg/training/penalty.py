"""What every training penalty shares: the batch it sees and the statement it stands for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from causalimg.errors import InvalidInputError, UnknownNameError, nearest
from causalimg.training.constraint import ConstraintKind


@dataclass(frozen=True)
class Batch:
    """One batch, as a penalty sees it.

    Parameters
    ----------
    features : Tensor, shape (n, ...)
        The representation that a statement is about; flattened to (n, k).
    logits : Tensor, shape (n,) or (n, n_classes)
        Output of the model; a regression's prediction.
    outcome : Tensor, shape (n,)
    variables : mapping of str to Tensor, shape (n,) or (n, k)
        Environment, attributes and covariates by name; integers are categories.
    inputs : Tensor, optional
        What went into the model, with ``requires_grad`` where input gradients are penalised.
    weights : Tensor, shape (n,), optional
        Sample weights, as in the task's loss.

    Examples
    --------
    >>> x = torch.zeros(4, 2, 3)
    >>> batch = Batch(x, x[:, 0, 0], torch.zeros(4), {"site": torch.tensor([0, 0, 1, 1])})
    >>> batch.flat().shape, batch.variable("site").tolist()
    (torch.Size([4, 6]), [0, 0, 1, 1])
    """

    features: Tensor
    logits: Tensor
    outcome: Tensor
    variables: Mapping[str, Tensor] = field(default_factory=dict)
    inputs: Tensor | None = None
    weights: Tensor | None = None

    def __post_init__(self) -> None:
        n = len(self.outcome)
        sizes = {"features": self.features, "logits": self.logits, **self.variables}
        if self.weights is not None:
            sizes["weights"] = self.weights
        wrong = {name: len(value) for name, value in sizes.items() if len(value) != n}
        if wrong:
            raise InvalidInputError(f"the batch has {n} outcomes, but {wrong} rows")

    def flat(self) -> Tensor:
        """Return the features as a matrix, shape (n, k)."""
        return self.features.reshape(len(self.features), -1)

    def variable(self, name: str, outcome: str = "outcome") -> Tensor:
        """Return a variable by name; ``outcome`` is the name that the outcome goes by.

        Raises
        ------
        UnknownNameError
            If the batch does not carry it.
        """
        if name == outcome and name not in self.variables:
            return self.outcome
        if name not in self.variables:
            known = list(dict.fromkeys([*self.variables, outcome]))
            raise UnknownNameError(
                f"the batch carries no {name!r}{nearest(name, known)} (it has: {', '.join(known)});"
                " hand it over in variables="
            )
        return self.variables[name]


class Penalty(nn.Module):
    """A term of the training loss that stands for an independence statement.

    Parameters
    ----------
    statement : str
        ``"content ⊥ scanner | malignant"``: what a value of zero says.
    reason : str
        Why it is licensed.

    Notes
    -----
    A penalty of your own needs ``forward``, and ``needs`` if it reads variables; `check_penalty`
    then tries it on batches that keep and violate its statement.

    Examples
    --------
    >>> class MeanGap(Penalty):
    ...     needs = ("scanner",)
    ...
    ...     def forward(self, batch: Batch) -> Tensor:
    ...         first = batch.variable("scanner") == 0
    ...         x = batch.flat()
    ...         return ((x[first].mean(0) - x[~first].mean(0)) ** 2).mean()
    >>> x = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    >>> batch = Batch(x, x[:, 0], torch.zeros(4), {"scanner": torch.tensor([0, 0, 1, 1])})
    >>> float(MeanGap("features ⊥ scanner")(batch))
    4.0
    """

    kind: ClassVar[ConstraintKind] = ConstraintKind.PENALTY
    needs: tuple[str, ...] = ()

    def __init__(self, statement: str, reason: str = "") -> None:
        super().__init__()
        self.statement = statement
        self.reason = reason

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """Return the penalty, a scalar; zero where the batch cannot show a violation."""

    def extra_repr(self) -> str:
        """Return the statement, for ``print(model)``."""
        return self.statement


def needs_of(attribute: str, given: Sequence[str], outcome: str) -> tuple[str, ...]:
    """Return the variables that a conditional statement reads beside the outcome."""
    return (attribute, *(name for name in given if name != outcome))


def zero_of(batch: Batch) -> Tensor:
    """Return a zero that keeps the graph of the features, so that ``backward`` works."""
    return batch.features.sum() * 0.0


def groups_of(*columns: Tensor) -> Tensor:
    """Return the number of the combination of categories of each row, shape (n,).

    Raises
    ------
    InvalidInputError
        If a column holds numbers rather than categories.
    """
    n = len(columns[0]) if columns else 0
    code = torch.zeros(n, dtype=torch.long)
    for column in columns:
        if column.ndim != 1:
            raise InvalidInputError(
                f"categories must have shape (n,), not {tuple(column.shape)}; for a vector or a"
                " continuous variable use HSIC, HSCIC or CIRCE"
            )
        if column.is_floating_point() and not torch.equal(column, column.round()):
            raise InvalidInputError(
                "a continuous variable has no groups: bin it, or use HSIC, HSCIC or CIRCE"
            )
        values, index = torch.unique(column, return_inverse=True)
        code = code.to(index.device) * len(values) + index
    return code
