"""The features that a trained model uses, in the form that others can load."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import nn

from causalimg.errors import InvalidInputError
from causalimg.tables.invariant_set import InvariantSet
from causalimg.training.tabular import ConstrainedClassifier


def used_features(
    model: ConstrainedClassifier,
    features: Sequence[str],
    *,
    outcome: str,
    environment: str,
    environments: Sequence[str] = (),
    floor: float = 0.05,
) -> InvariantSet:
    """Return the features that a trained model uses, in the exchange form.

    Parameters
    ----------
    model : ConstrainedClassifier
        Fitted; its penalties or group DRO compared environments.
    features : sequence of str
        Names of its inputs, in order.
    outcome, environment : str
    environments : sequence of str
        The levels that it was trained on.
    floor : float
        A feature is used if the norm of its first-layer weights is at least this share of the
        largest.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2)); y = (X[:, 0] > 0).astype(int)
    >>> model = ConstrainedClassifier(hidden=(), n_steps=200, random_state=0).fit(X, y)
    >>> used_features(
    ...     model, ["energy", "noise"], outcome="y", environment="site", floor=0.3
    ... ).features
    ('energy',)
    """
    if len(features) != model.n_features_in_:
        raise InvalidInputError(
            f"{len(features)} names for a model of {model.n_features_in_} inputs"
        )
    first = next(layer for layer in model.model_ if isinstance(layer, nn.Linear))
    sizes: NDArray[np.float64] = np.linalg.norm(first.weight.detach().numpy(), axis=0)
    used = sizes >= floor * sizes.max()
    evidence = pd.DataFrame(
        {
            "feature": list(features),
            "verdict": np.where(used, "used", "not_used"),
            "weight": sizes.astype(float),
        }
    )
    return InvariantSet(
        features=tuple(name for name, on in zip(features, used, strict=True) if on),
        meaning="invariant_model",
        environment=environment,
        margin=float("nan"),
        evidence=evidence,
        outcome=outcome,
        environments=tuple(str(level) for level in environments),
    )
