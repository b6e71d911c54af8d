"""What a plan hands to a trainer: a sampler, a loss, Lightning and MONAI hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from causalimg.errors import MissingDependencyError
from causalimg.training.offers import NO_TORCH, PlanOffers

if TYPE_CHECKING:
    from torch.utils.data import WeightedRandomSampler

    from causalimg.training.objective import ConstrainedLoss
    from causalimg.training.penalty import Penalty


class PlanHooks(PlanOffers):
    """The methods of a plan that reach into training; torch is imported when one is called."""

    def sampler(
        self,
        frame: pd.DataFrame,
        attribute: str,
        *,
        max_weight: float | None = None,
        random_state: int | None = None,
    ) -> WeightedRandomSampler:
        """Return a sampler that draws cases by `weights`, for a torch ``DataLoader``.

        Raises
        ------
        MissingDependencyError
            Without torch.
        """
        try:
            return self.weighting(attribute).sampler(
                frame, max_weight=max_weight, random_state=random_state
            )
        except ImportError as error:
            raise MissingDependencyError(NO_TORCH) from error

    def loss(
        self,
        task: Callable[..., Any] | None = None,
        *,
        weights: float | Mapping[str, float] = 1.0,
        on: str = "features",
        families: Mapping[str, Penalty] | None = None,
    ) -> ConstrainedLoss:
        """Return the training loss: the task's plus one term for each licensed statement.

        See `causalimg.training.objective.plan_loss`.

        Raises
        ------
        MissingDependencyError
            Without torch.
        IdentificationError
            If a weight is asked for that the plan refuses.
        """
        try:
            from causalimg.training.objective import plan_loss
            from causalimg.training.risk import sample_losses
        except ImportError as error:
            raise MissingDependencyError(NO_TORCH) from error
        return plan_loss(self, task or sample_losses, weights=weights, on=on, families=families)

    def lightning(
        self,
        *,
        features: str,
        logits: str,
        read: Callable[[Any], Any],
        weights: float | Mapping[str, float] = 1.0,
        on: str = "features",
        families: Mapping[str, Penalty] | None = None,
        inputs: str | None = None,
        ramp: int = 0,
    ) -> Any:
        """Return a Lightning callback with the plan's penalties.

        ``weights``, ``on`` and ``families`` as in `loss`; the others, and penalties that the plan
        does not know, see `causalimg.training.lightning.lightning_callback`.
        """
        loss = self.loss(weights=weights, on=on, families=families)
        from causalimg.training.lightning import lightning_callback

        return lightning_callback(
            loss, features=features, logits=logits, read=read, inputs=inputs, ramp=ramp
        )

    def monai(
        self,
        network: Any,
        *,
        features: str,
        logits: str,
        read: Callable[[Any], Any],
        weights: float | Mapping[str, float] = 1.0,
        on: str = "features",
        families: Mapping[str, Penalty] | None = None,
        inputs: str | None = None,
        ramp: int = 0,
    ) -> Any:
        """Return a handler for MONAI's trainers with the plan's penalties.

        ``weights``, ``on`` and ``families`` as in `loss`; the others, and penalties that the plan
        does not know, see `causalimg.training.monai.PlanHandler`.
        """
        loss = self.loss(weights=weights, on=on, families=families)
        from causalimg.training.monai import PlanHandler

        return PlanHandler(
            loss, network, features=features, logits=logits, read=read, inputs=inputs, ramp=ramp
        )
