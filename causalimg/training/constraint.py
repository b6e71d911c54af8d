"""What every training constraint carries, and three kinds of it: weights, masks, transforms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError, UnknownNameError, check_columns, nearest
from causalimg.training.weights import balance

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.data import WeightedRandomSampler

    from causalimg.training.masks import AdditiveHead, MaskedMLP


class ConstraintKind(StrEnum):
    """Where a constraint enters training."""

    PENALTY = "penalty"
    MASK = "mask"
    WEIGHTS = "weights"
    TRANSFORM = "transform"
    FEATURE_SET = "feature_set"


@runtime_checkable
class Constraint(Protocol):
    """What penalties, masks, weights, transforms and feature sets have in common.

    Attributes
    ----------
    kind : ConstraintKind
        Where it enters training: the loss, the wiring, the sample weights, the images, the inputs.
    statement : str
        The independence that it enforces, such as ``"content ⊥ scanner | malignant"``.
    reason : str
        Why the graph licenses it; empty for one that was not derived from a graph.
    needs : tuple of str
        The variables that it reads beside inputs and outcome.

    Examples
    --------
    >>> found = Weights("malignant", "scanner", statement="content ⊥ scanner | malignant")
    >>> isinstance(found, Constraint), str(found.kind), found.needs
    (True, 'weights', ('scanner',))
    """

    @property
    def kind(self) -> ConstraintKind:
        """Where it enters training."""
        ...

    @property
    def statement(self) -> str:
        """The independence that it enforces."""
        ...

    @property
    def reason(self) -> str:
        """Why it is licensed."""
        ...

    @property
    def needs(self) -> tuple[str, ...]:
        """The variables that it reads beside inputs and outcome."""
        ...


@dataclass(frozen=True)
class Weights:
    """Sample weights under which outcome and attribute are independent.

    Parameters
    ----------
    outcome, attribute : str
    given : tuple of str
        Further categories to stratify by.
    statement, reason : str

    Examples
    --------
    >>> frame = pd.DataFrame({"y": [0, 0, 0, 1, 1, 1], "scanner": list("aababb")})
    >>> Weights("y", "scanner", statement="content ⊥ scanner | y").of(frame).round(2).tolist()
    [0.75, 0.75, 1.5, 1.5, 0.75, 0.75]
    """

    kind: ClassVar[ConstraintKind] = ConstraintKind.WEIGHTS
    outcome: str
    attribute: str
    given: tuple[str, ...] = ()
    statement: str = ""
    reason: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """The attribute and what its statement is given."""
        return (self.attribute, *self.given)

    def of(self, frame: pd.DataFrame, *, max_weight: float | None = None) -> NDArray[np.float64]:
        """Return the weight of each row of a table, mean 1; see `balance`."""
        check_columns(frame, [self.outcome, self.attribute, *self.given], "weights")
        return balance(
            frame[self.outcome],
            frame[self.attribute],
            given=[frame[name] for name in self.given],
            max_weight=max_weight,
        )

    def sampler(
        self,
        frame: pd.DataFrame,
        *,
        max_weight: float | None = None,
        random_state: int | None = None,
    ) -> WeightedRandomSampler:
        """Return a sampler that draws rows by their weights, for a torch ``DataLoader``."""
        import torch
        from torch.utils.data import WeightedRandomSampler

        weights = self.of(frame, max_weight=max_weight)
        generator = torch.Generator()
        if random_state is not None:
            generator.manual_seed(random_state)
        return WeightedRandomSampler(
            weights.tolist(), num_samples=len(weights), replacement=True, generator=generator
        )


@dataclass(frozen=True)
class Mask:
    """Which outputs of a network may depend on which of its inputs.

    Parameters
    ----------
    inputs, outputs : tuple of str
    support : tuple of tuple of bool, shape (n_outputs, n_inputs)
        True where the output may depend on the input.
    statement, reason : str

    Examples
    --------
    >>> mask = Mask(("age", "volume"), ("malignant",), ((False, True),))
    >>> mask.network(hidden=[4])
    MaskedMLP(
      (0): MaskedLinear(in_features=2, out_features=4, bias=True)
      (1): Tanh()
      (2): MaskedLinear(in_features=4, out_features=1, bias=True)
    )
    """

    kind: ClassVar[ConstraintKind] = ConstraintKind.MASK
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    support: tuple[tuple[bool, ...], ...]
    statement: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        table = np.array(self.support, dtype=bool).reshape(len(self.outputs), -1)
        if table.shape != (len(self.outputs), len(self.inputs)):
            raise InvalidInputError(
                f"support has shape {table.shape}; it needs one row for each of the"
                f" {len(self.outputs)} outputs and one column for each of the {len(self.inputs)}"
                " inputs"
            )
        object.__setattr__(self, "support", tuple(tuple(map(bool, row)) for row in table))

    @property
    def needs(self) -> tuple[str, ...]:
        """Nothing beside the inputs."""
        return ()

    def network(self, *, hidden: Sequence[int] = (64,)) -> MaskedMLP:
        """Return a network whose outputs depend on the inputs of the mask and on no other."""
        from causalimg.training.masks import MaskedMLP

        return MaskedMLP(self.support, hidden=hidden)

    def head(self, output: str | None = None, *, hidden: int = 16) -> AdditiveHead:
        """Return a sum of one function of each input that an output may depend on."""
        from causalimg.training.masks import AdditiveHead

        name = self.outputs[0] if output is None else output
        if name not in self.outputs:
            raise UnknownNameError(
                f"the mask has no output {name!r}{nearest(name, self.outputs)} (it has:"
                f" {', '.join(self.outputs)})"
            )
        row = self.support[self.outputs.index(name)]
        columns = [k for k, open_ in enumerate(row) if open_]
        return AdditiveHead(len(self.inputs), columns, hidden=hidden)


@dataclass(frozen=True)
class Transform:
    """An intervention on the look of images, which overrides what an attribute does to them.

    Parameters
    ----------
    attribute : str
    look : callable (images) -> images
        Such as `GIN`; any that leaves the content as it is.
    statement, reason : str

    Examples
    --------
    >>> import torch
    >>> from causalimg.training.transforms import GIN
    >>> blur = Transform("scanner", GIN(random_state=0), "image ⊥ scanner | content")
    >>> blur(torch.rand(2, 1, 8, 8)).shape, str(blur.kind)
    (torch.Size([2, 1, 8, 8]), 'transform')
    """

    kind: ClassVar[ConstraintKind] = ConstraintKind.TRANSFORM
    attribute: str
    look: Callable[[Tensor], Tensor]
    statement: str = ""
    reason: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """Nothing: the attribute need not be known."""
        return ()

    def __call__(self, images: Tensor) -> Tensor:
        """Return the images with another look."""
        return self.look(images)
