"""What a plan hands to a trainer: sample weights, a sampler, a loss, Lightning and MONAI hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.errors import (
    IdentificationError,
    MissingDependencyError,
    UnknownNameError,
    check_columns,
    nearest,
)
from causalimg.training.roles import Roles
from causalimg.training.verdicts import Verdict
from causalimg.training.weights import balance

if TYPE_CHECKING:
    from torch.utils.data import WeightedRandomSampler

    from causalimg.training.objective import ConstrainedLoss
    from causalimg.training.penalty import Penalty

NO_TORCH = (
    "this needs PyTorch: pip install 'causalimg[torch]'; without it use plan.weights, which any"
    " learner with sample_weight takes"
)


class PlanHooks:
    """The methods of a plan that reach into training; torch is imported when one is called."""

    roles: Roles
    verdicts: Mapping[str, Verdict]

    def _licensed(self, attribute: str) -> Verdict:
        if attribute not in self.verdicts:
            known = list(self.verdicts)
            raise UnknownNameError(
                f"the plan has no attribute {attribute!r}{nearest(attribute, known)} (it has:"
                f" {', '.join(known)})"
            )
        verdict = self.verdicts[attribute]
        if verdict.refused:
            raise IdentificationError(f"the plan refuses a constraint: {verdict}")
        return verdict

    def weights(
        self, frame: pd.DataFrame, attribute: str, *, max_weight: float | None = None
    ) -> NDArray[np.float64]:
        """Return sample weights that break the association of outcome and attribute.

        Parameters
        ----------
        frame : pandas.DataFrame
            One row per case, with the outcome, the attribute and what its statement is given.
        attribute : str
        max_weight : float, optional

        Returns
        -------
        ndarray, shape (n,)
            Mean 1; for ``sample_weight=`` of any learner.

        Raises
        ------
        IdentificationError
            If the plan refuses the attribute, or its statement holds without the outcome only:
            weights would then make content and attribute dependent.
        NotEstimableError
            If a combination of outcome and attribute is absent.
        """
        verdict = self._licensed(attribute)
        outcome = self.roles.outcome
        sets = [verdict.given or (), *verdict.alternatives]
        fitting = [s for s in sets if outcome in s]
        if not fitting:
            raise IdentificationError(
                f"weights make {outcome!r} and {attribute!r} independent, which removes its use"
                f" only where {attribute!r} says nothing of the content given {outcome!r}; the"
                f" graph licenses '{verdict.statement}' instead: use plan.loss"
            )
        others = [n for n in fitting[0] if n != outcome and n not in self.roles.selection]
        check_columns(frame, [outcome, attribute, *others], "weights")
        return balance(
            frame[outcome],
            frame[attribute],
            given=[frame[name] for name in others],
            max_weight=max_weight,
        )

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
            import torch
            from torch.utils.data import WeightedRandomSampler
        except ImportError as error:
            raise MissingDependencyError(NO_TORCH) from error
        weights = self.weights(frame, attribute, max_weight=max_weight)
        generator = torch.Generator()
        if random_state is not None:
            generator.manual_seed(random_state)
        return WeightedRandomSampler(
            weights.tolist(), num_samples=len(weights), replacement=True, generator=generator
        )

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
        return plan_loss(self, task or sample_losses, weights=weights, on=on, families=families)  # type: ignore[arg-type]

    def lightning(
        self,
        *,
        features: str,
        logits: str,
        read: Callable[[Any], Any],
        weights: float | Mapping[str, float] = 1.0,
    ) -> Any:
        """Return a Lightning callback with the plan's penalties.

        See `causalimg.training.lightning.lightning_callback`.
        """
        loss = self.loss(weights=weights)
        from causalimg.training.lightning import lightning_callback

        return lightning_callback(loss, features=features, logits=logits, read=read)

    def monai(
        self,
        network: Any,
        *,
        features: str,
        logits: str,
        read: Callable[[Any], Any],
        weights: float | Mapping[str, float] = 1.0,
    ) -> Any:
        """Return a MONAI handler with the plan's penalties.

        See `causalimg.training.monai.PlanHandler`.
        """
        loss = self.loss(weights=weights)
        from causalimg.training.monai import PlanHandler

        return PlanHandler(loss, network, features=features, logits=logits, read=read)
