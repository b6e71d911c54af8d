"""A Lightning callback that adds a plan's penalties without a change to the training step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from torch import Tensor

from causalimg.errors import InvalidInputError, MissingDependencyError
from causalimg.training.objective import ConstrainedLoss
from causalimg.training.penalty import Batch
from causalimg.training.tap import FeatureTap, InputTap

Reader = Callable[[Any], tuple[Tensor, Mapping[str, Tensor]]]


def _callback_class() -> Any:
    """Return Lightning's callback class, of whichever of its two packages is there."""
    for package in ("lightning.pytorch", "pytorch_lightning"):
        try:
            return import_module(package).Callback
        except ImportError:
            continue
    raise MissingDependencyError(
        "the Lightning callback needs Lightning: pip install lightning; or call plan.loss in your"
        " own training step"
    )


def lightning_callback(
    loss: ConstrainedLoss,
    *,
    features: str,
    logits: str,
    read: Reader,
    inputs: str | None = None,
    ramp: int = 0,
) -> Any:
    """Return a Lightning callback that adds the penalties' gradient before the backward pass.

    Parameters
    ----------
    loss : ConstrainedLoss
        From ``plan.loss``; its task loss is left to the training step.
    features, logits : str
        Dotted names of the layers whose outputs they are.
    read : callable (batch) -> (outcome, variables)
        Takes them out of a batch of the data loader.
    inputs : str, optional
        Dotted name of the layer whose input is what `InputGradient` is about.
    ramp : int
        Optimiser steps over which the penalties' weights grow to their values.

    Returns
    -------
    lightning.pytorch.Callback

    Raises
    ------
    MissingDependencyError
        Without Lightning.

    Notes
    -----
    The gradient of the penalty is added to the parameters before that of the task, which gives
    the same sum; so it needs automatic optimisation, and under mixed precision with a gradient
    scaler the sum would be wrong: there call ``plan.loss`` in ``training_step``. The terms are
    logged by their statements. A penalty with parameters of its own (a discriminator) learns only
    if the module's ``configure_optimizers`` hands ``loss.parameters()`` over too; without, training
    is refused.
    """
    base = _callback_class()

    class PlanCallback(base):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            super().__init__()
            self.taps: tuple[FeatureTap, ...] = ()
            self.entry: InputTap | None = None
            self.batch: Any = None

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            if not pl_module.automatic_optimization:
                raise InvalidInputError(
                    "the callback needs automatic optimisation; with manual optimisation call"
                    " plan.loss in training_step"
                )
            if getattr(trainer.precision_plugin, "scaler", None) is not None:
                raise InvalidInputError(
                    "the callback cannot scale its gradient with the trainer's scaler: call"
                    " plan.loss in training_step, or train without mixed precision"
                )
            held = {id(p) for o in trainer.optimizers for g in o.param_groups for p in g["params"]}
            idle = {id(p) for p in loss.parameters() if p.requires_grad} - held
            if idle:
                raise InvalidInputError(
                    f"{len(idle)} parameters of the penalties are in no optimiser: return"
                    " [*self.parameters(), *loss.parameters()] in configure_optimizers"
                )
            loss.to(pl_module.device)
            self.taps = (FeatureTap(pl_module, features), FeatureTap(pl_module, logits))
            self.entry = None if inputs is None else InputTap(pl_module, inputs)

        def on_train_batch_start(
            self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
        ) -> None:
            self.batch = batch

        def on_before_backward(self, trainer: Any, pl_module: Any, task: Tensor) -> None:
            outcome, variables = read(self.batch)
            entered = None if self.entry is None else self.entry.take()
            seen = Batch(self.taps[0].take(), self.taps[1].take(), outcome, variables, entered)
            if ramp:
                loss.ramp = min(1.0, trainer.global_step / ramp)
            added, terms = loss.penalty(seen)
            if terms:
                share = 1.0 / trainer.accumulate_grad_batches
                (added * share).backward(retain_graph=True)
                pl_module.log_dict({name: value.detach() for name, value in terms.items()})

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            for tap in self.taps:
                tap.close()
            if self.entry is not None:
                self.entry.close()

    return PlanCallback()
