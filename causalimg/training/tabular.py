"""A classifier of tables that trains under constraints: linear or a small network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from itertools import pairwise
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from torch import Tensor, nn

from causalimg.errors import InvalidInputError, check_columns
from causalimg.training.group_dro import GroupDRO
from causalimg.training.objective import ConstrainedLoss
from causalimg.training.penalty import Penalty
from causalimg.training.plan import ConstraintPlan
from causalimg.training.risk import sample_losses

Float = NDArray[np.float64]


class ConstrainedClassifier(ClassifierMixin, BaseEstimator):
    """A linear model or small network of a table, trained under a plan or under penalties.

    Parameters
    ----------
    plan : ConstraintPlan, optional
        Its licensed statements become penalties on the logits.
    weights : float or mapping of str to float
        Of the plan's penalties, see ``plan.loss``.
    penalties : sequence of (weight, Penalty)
        Further penalties, copied before training.
    group_dro : str, optional
        A variable: the worst of its groups is trained for, in place of the mean.
    hidden : sequence of int
        Units of the hidden layers; empty for a linear model.
    n_steps, batch_size : int
        ``batch_size=0`` for all rows in every step.
    learning_rate, weight_decay : float
        Of Adam.
    ramp : int
        Steps until the penalties' weights have their value.
    schedule : {"linear", "switch"}
        They grow there from 0; or the largest is 1 until then and jumps, as IRM and V-REx want it.
    reset : bool
        A fresh optimiser state once the weights are reached, as IRM and V-REx want it.
    standardize : bool
        Scale every column to mean 0 and SD 1; False for inputs on one scale, such as pixels.
    random_state : int, optional

    Attributes
    ----------
    classes_ : ndarray
    model_ : nn.Module
    history_ : pandas.DataFrame
        Loss and unweighted terms every tenth of the steps.

    Notes
    -----
    Assumptions: those of the plan, which holds as far as its graph does. A penalty stands for an
    independence only as far as its weight and the number of rows enforce it.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2)); y = (X[:, 0] > 0).astype(int)
    >>> model = ConstrainedClassifier(hidden=(), n_steps=100, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.95)
    True
    """

    def __init__(
        self,
        *,
        plan: ConstraintPlan | None = None,
        weights: float | Mapping[str, float] = 10.0,
        penalties: Sequence[tuple[float, Penalty]] = (),
        group_dro: str | None = None,
        hidden: Sequence[int] = (32,),
        n_steps: int = 600,
        batch_size: int = 256,
        learning_rate: float = 0.01,
        weight_decay: float = 1e-4,
        ramp: int = 200,
        schedule: str = "linear",
        reset: bool = False,
        standardize: bool = True,
        random_state: int | None = None,
    ) -> None:
        self.plan = plan
        self.weights = weights
        self.penalties = penalties
        self.group_dro = group_dro
        self.hidden = hidden
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.ramp = ramp
        self.schedule = schedule
        self.reset = reset
        self.standardize = standardize
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: ArrayLike,
        *,
        variables: pd.DataFrame | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
        y : array_like, shape (n_samples,)
            Two classes or more.
        variables : pandas.DataFrame, optional
            Environment and attributes that the penalties name, one row per sample; text and
            categories become codes.
        sample_weight : array_like, shape (n_samples,), optional

        Raises
        ------
        InvalidInputError
            For missing values, or variables that a penalty names and that are not there.
        """
        data = self._checked(X)
        labels = np.asarray(y)
        if len(labels) != len(data):
            raise InvalidInputError(f"{len(data)} rows in X, but {len(labels)} outcomes")
        if self.schedule not in ("linear", "switch"):
            raise InvalidInputError(f"schedule={self.schedule!r} must be 'linear' or 'switch'")
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise InvalidInputError(f"the outcome has one class only: {self.classes_.tolist()}")
        self.n_features_in_ = data.shape[1]
        spread = data.std(axis=0) * self.standardize
        self.mean_ = data.mean(axis=0) * self.standardize
        self.scale_ = np.where(spread > 0, spread, 1.0)
        named = _codes(variables, len(data))
        loss = self._loss()
        for penalty in loss.penalties:
            wanted: tuple[str, ...] = getattr(penalty, "needs", ())
            missing = [name for name in wanted if name not in (*named, loss.outcome)]
            if missing:
                raise InvalidInputError(
                    f"'{penalty.statement}' needs {missing}: hand them over in variables="
                )
        if self.group_dro is not None and self.group_dro not in named:
            raise InvalidInputError(f"group_dro={self.group_dro!r} is not among the variables")
        x = torch.tensor((data - self.mean_) / self.scale_, dtype=torch.float32)
        outcome = torch.tensor(codes)
        extra = None if sample_weight is None else torch.tensor(np.asarray(sample_weight)).to(x)
        self._train(x, outcome, named, extra, loss)
        return self

    def _loss(self) -> ConstrainedLoss:
        outcome, found = "outcome", [(w, deepcopy(p)) for w, p in self.penalties]
        if self.plan is not None:
            from_plan = self.plan.loss(weights=self.weights, on="logits")
            outcome = from_plan.outcome
            pairs = zip(from_plan.weights, from_plan.penalties, strict=True)
            found = [(w, p) for w, p in pairs if isinstance(p, Penalty)] + found
        return ConstrainedLoss(sample_losses, found, outcome=outcome)

    def _train(
        self,
        x: Tensor,
        outcome: Tensor,
        named: Mapping[str, Tensor],
        weight: Tensor | None,
        loss: ConstrainedLoss,
    ) -> None:
        seeds = np.random.SeedSequence(self.random_state).generate_state(2)
        draw = torch.Generator().manual_seed(int(seeds[0]))
        n_classes = len(self.classes_)
        model = _network(x.shape[1], self.hidden, 1 if n_classes == 2 else n_classes, int(seeds[1]))
        parameters = [*model.parameters(), *loss.parameters()]

        def optimiser() -> torch.optim.Adam:
            return torch.optim.Adam(
                parameters, lr=self.learning_rate, weight_decay=self.weight_decay
            )

        step_by, history = optimiser(), []
        dro = None if self.group_dro is None else GroupDRO(int(named[self.group_dro].max()) + 1)
        size = min(self.batch_size or len(x), len(x))
        for step in range(self.n_steps):
            rows = torch.arange(len(x))
            if size < len(x):
                rows = torch.randperm(len(x), generator=draw)[:size]
            loss.ramp = self._share_of_weight(step, loss)
            if self.reset and step == self.ramp:
                step_by = optimiser()
            logits = model(x[rows])
            out = loss(
                logits[:, 0] if n_classes == 2 else logits,
                outcome[rows],
                features=logits,
                variables={name: value[rows] for name, value in named.items()},
                inputs=x[rows],
                weights=None if weight is None else weight[rows],
            )
            total = out.total
            if dro is not None and self.group_dro is not None:
                flat = logits[:, 0] if n_classes == 2 else logits
                losses = sample_losses(flat, outcome[rows])
                total = total - out.task + dro(losses, named[self.group_dro][rows])
            step_by.zero_grad()
            total.backward()
            step_by.step()
            if step % max(1, self.n_steps // 10) == 0 or step + 1 == self.n_steps:
                history.append({"step": step, **out.to_dict()})
        self.model_ = model.eval()
        self.history_ = pd.DataFrame(history)

    def _share_of_weight(self, step: int, loss: ConstrainedLoss) -> float:
        """Return what the penalties' weights are multiplied with at one step."""
        if step >= self.ramp:
            return 1.0
        return step / self.ramp if self.schedule == "linear" else 1 / max(1.0, 0.0, *loss.weights)

    @staticmethod
    def _checked(X: Any) -> Float:
        data = np.asarray(X, dtype=float)
        if data.ndim != 2 or not np.isfinite(data).all():
            raise InvalidInputError(
                f"X must be a table of finite numbers, not of shape {data.shape} with"
                f" {int((~np.isfinite(data)).sum())} missing or infinite cells; impute or drop them"
            )
        return data

    def decision_function(self, X: Any) -> Float:
        """Return the logits: shape (n,) for two classes, (n, n_classes) for more."""
        data = self._checked(X)
        if data.shape[1] != self.n_features_in_:
            raise InvalidInputError(
                f"X has {data.shape[1]} columns, the model was trained on {self.n_features_in_}"
            )
        x = torch.tensor((data - self.mean_) / self.scale_, dtype=torch.float32)
        with torch.no_grad():
            logits = self.model_(x).numpy().astype(float)
        return np.asarray(logits[:, 0] if len(self.classes_) == 2 else logits)

    def predict_proba(self, X: Any) -> Float:
        """Return class probabilities, shape (n, n_classes)."""
        logits = self.decision_function(X)
        if logits.ndim == 1:
            logits = np.column_stack([np.zeros_like(logits), logits])
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of each row."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


def _network(n_inputs: int, hidden: Sequence[int], n_outputs: int, seed: int) -> nn.Sequential:
    """Return a network with its starting weights drawn from a seed, not from global state."""
    draw = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    sizes = [n_inputs, *hidden, n_outputs]
    for k, (before, after) in enumerate(pairwise(sizes)):
        layer = nn.Linear(before, after)
        with torch.no_grad():
            bound = 1 / np.sqrt(before)
            layer.weight.copy_((torch.rand(after, before, generator=draw) * 2 - 1) * bound)
            layer.bias.zero_()
        layers.append(layer)
        if k + 2 < len(sizes):
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def _codes(variables: pd.DataFrame | None, n: int) -> dict[str, Tensor]:
    """Return the variables as tensors: numbers with decimals as they are, the rest as codes."""
    if variables is None:
        return {}
    check_columns(variables, list(variables.columns), "variables")
    if len(variables) != n or variables.isna().to_numpy().any():
        raise InvalidInputError(
            f"variables needs one complete row for each of the {n} samples: it has {len(variables)}"
            f" rows and {int(variables.isna().to_numpy().sum())} missing cells"
        )
    found = {}
    for name in variables.columns:
        column = variables[name]
        if pd.api.types.is_float_dtype(column.dtype):
            found[str(name)] = torch.tensor(column.to_numpy(), dtype=torch.float32)
        else:
            found[str(name)] = torch.tensor(pd.factorize(column, sort=True)[0].astype(np.int64))
    return found
