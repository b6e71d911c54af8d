"""A handler for MONAI's trainers (Ignite engines) that adds a plan's penalties to the loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from causalimg.errors import InvalidInputError, MissingDependencyError
from causalimg.training.objective import ConstrainedLoss
from causalimg.training.penalty import Batch
from causalimg.training.tap import FeatureTap, InputTap

Reader = Callable[[Any], tuple[Tensor, Mapping[str, Tensor]]]


class PlanHandler:
    """Add the penalties to ``engine.state.output["loss"]`` once the task's loss is there.

    Parameters
    ----------
    loss : ConstrainedLoss
        From ``plan.loss``; its task loss is left to the trainer.
    network : nn.Module
    features, logits : str
        Dotted names of the layers whose outputs they are.
    read : callable (batch) -> (outcome, variables)
        Takes them out of ``engine.state.batch``.
    inputs : str, optional
        Dotted name of the layer whose input is what `InputGradient` is about; empty for the
        network itself.
    ramp : int
        Iterations over which the penalties' weights grow to their values.

    Notes
    -----
    MONAI's `SupervisedTrainer` fires ``IterationEvents.LOSS_COMPLETED`` before the backward pass
    and then reads the loss from its output, so a handler may replace it; this holds under mixed
    precision too. A penalty with parameters of its own (a discriminator) learns only if they are
    among the optimiser's: hand it ``[*network.parameters(), *loss.parameters()]``; without,
    training is refused.
    """

    def __init__(
        self,
        loss: ConstrainedLoss,
        network: nn.Module,
        *,
        features: str,
        logits: str,
        read: Reader,
        inputs: str | None = None,
        ramp: int = 0,
    ) -> None:
        self.loss = loss
        self.read = read
        self.ramp = ramp
        self.taps = (FeatureTap(network, features), FeatureTap(network, logits))
        self.entry = None if inputs is None else InputTap(network, inputs)
        self.terms: dict[str, float] = {}

    def attach(self, engine: Any) -> None:
        """Register with a trainer.

        Raises
        ------
        MissingDependencyError
            Without MONAI.
        """
        try:
            from monai.engines import IterationEvents
        except ImportError as error:
            raise MissingDependencyError(
                "the handler needs MONAI and Ignite: pip install 'monai[ignite]'; or call plan.loss"
                " in your own training loop"
            ) from error
        engine.add_event_handler(IterationEvents.LOSS_COMPLETED, self)

    def __call__(self, engine: Any) -> None:
        """Replace the loss of this iteration by the sum.

        Raises
        ------
        InvalidInputError
            If a penalty has parameters that the engine's optimiser does not hold.
        """
        if engine.state.iteration == 1:
            self._check(engine)
        outcome, variables = self.read(engine.state.batch)
        entered = None if self.entry is None else self.entry.take()
        seen = Batch(self.taps[0].take(), self.taps[1].take(), outcome, variables, entered)
        self.loss.to(seen.logits.device)
        if self.ramp:
            self.loss.ramp = min(1.0, (engine.state.iteration - 1) / self.ramp)
        added, terms = self.loss.penalty(seen)
        self.terms = {name: float(value.detach()) for name, value in terms.items()}
        if terms:
            engine.state.output["loss"] = engine.state.output["loss"] + added

    def _check(self, engine: Any) -> None:
        groups = engine.optimizer.param_groups
        held = {id(p) for group in groups for p in group["params"]}
        idle = {id(p) for p in self.loss.parameters() if p.requires_grad} - held
        if idle:
            raise InvalidInputError(
                f"{len(idle)} parameters of the penalties are not the optimiser's: hand it"
                " [*network.parameters(), *loss.parameters()]"
            )
