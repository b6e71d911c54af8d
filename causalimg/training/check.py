"""Checks that any penalty has to pass, ours and those of other packages."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from causalimg.training.constraint import Constraint
from causalimg.training.objective import ConstrainedLoss
from causalimg.training.penalty import Batch, Penalty
from causalimg.training.risk import sample_losses

Maker = Callable[[float, torch.dtype, int], Batch]
WithModel = Callable[[float], tuple[Penalty, nn.Module]]
STRONG = 1.5


def example_batch(violation: float, dtype: torch.dtype = torch.float64, seed: int = 0) -> Batch:
    """Return a batch in which the usual statements hold, or are broken.

    Parameters
    ----------
    violation : float
        At 0, given the outcome the features know nothing of scanner, site and age, and the logits
        are those of Bayes' rule in every site; above, all of it is broken the more.
    dtype : torch.dtype
    seed : int

    Returns
    -------
    Batch
        120 rows, 3 features; variables ``scanner`` (2 levels, associated with the outcome),
        ``site`` (3 levels, not associated), ``age`` (a number, associated).

    Examples
    --------
    >>> batch = example_batch(0.0)
    >>> batch.features.shape, sorted(batch.variables)
    (torch.Size([120, 3]), ['age', 'scanner', 'site'])
    """
    rng = np.random.default_rng(seed)
    n = 120
    y, site = rng.integers(0, 2, n), rng.integers(0, 3, n)
    scanner = np.where(rng.random(n) < 0.8, y, 1 - y)
    x = rng.normal(size=(n, 3)) + 0.5 * y[:, None]
    age = rng.normal(size=n) + y
    slope = np.where(site == 0, 1.0 - violation, 1.0)
    logits = slope * (0.5 * x.sum(axis=1) - 0.375)
    x = x + violation * (scanner + (site == 0))[:, None]
    x[:, 0] += violation * (age - y)
    variables = {
        "scanner": torch.tensor(scanner),
        "site": torch.tensor(site),
        "age": torch.tensor(age, dtype=dtype),
    }
    features = torch.tensor(x, dtype=dtype, requires_grad=True)
    return Batch(
        features,
        torch.tensor(logits, dtype=dtype, requires_grad=True),
        torch.tensor(y),
        variables,
        features,
    )


def check_penalty(
    penalty: Penalty | WithModel, *, batch: Maker = example_batch, n_seeds: int = 10
) -> pd.DataFrame:
    """Check that a penalty behaves as the training loss and its readers expect.

    It carries a statement and what it needs; it is a finite scalar of the batch's precision, at or
    near zero where its statement holds and larger where it is broken; its gradient is that of
    finite differences, in the features and every parameter; float32 and float64 agree; a batch of
    one group and one of a single row give a finite value and gradient; with weight 0 training is
    exactly what it is without.

    Parameters
    ----------
    penalty : Penalty, or callable (violation) -> (Penalty, nn.Module)
        The latter for a penalty that reads a model: with the model, whose input is the batch's.
    batch : callable (violation, dtype, seed) -> Batch
        Rows that keep (``violation=0``) or break its statement; `example_batch` by default, with
        variables ``scanner``, ``site`` and ``age``.
    n_seeds : int
        Batches to average the level over.

    Returns
    -------
    pandas.DataFrame
        ``check``, ``value``: the figures that were compared.

    Raises
    ------
    AssertionError
        Naming the first property that fails, with the figures.

    Notes
    -----
    Quantities that a penalty holds constant in its gradient (a median bandwidth) make a finite
    difference disagree in the few directions that move them; most directions must agree.

    Examples
    --------
    >>> from causalimg.training.alignment import CORAL
    >>> check_penalty(CORAL("site"))["check"].tolist()[:3]
    ['null level', 'level when broken', 'gradient']
    """
    made = _setting(penalty, batch, STRONG)
    _described(made[0], made[1]())
    null = [_value(_setting(penalty, batch, 0.0, seed=s)) for s in range(n_seeds)]
    strong = [_value(_setting(penalty, batch, STRONG, seed=s)) for s in range(n_seeds)]
    level, broken = float(np.mean(null)), float(np.mean(strong))
    spread = 3 * float(np.std(null)) / np.sqrt(n_seeds)
    _require(
        broken > 2 * max(level, 0.0) and broken > level + spread and level > -spread - 1e-9,
        f"it is {level:.4g} on average where its statement holds and {broken:.4g} where it is"
        " broken: the first must be near zero, the second at least twice as large",
    )
    worst = _gradient_error(penalty, batch)
    single = _value(_setting(penalty, batch, 1.0, torch.float32))
    double = _value(_setting(penalty, batch, 1.0))
    _require(
        abs(single - double) <= 1e-4 + 1e-2 * abs(double),
        f"it is {single:.6g} in float32 and {double:.6g} in float64",
    )
    one = _few_rows(penalty, batch)
    _check_weight_zero(penalty, batch)
    rows = {
        "null level": level,
        "level when broken": broken,
        "gradient": worst,
        "float32 - float64": single - double,
        "one group": one,
        "weight 0": 0.0,
    }
    return pd.DataFrame({"check": list(rows), "value": list(rows.values())})


Setting = tuple[Penalty, Callable[[], Batch], list[Tensor], nn.Module | None]


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(f"check_penalty: {message}")


def _setting(
    penalty: Penalty | WithModel,
    batch: Maker,
    violation: float,
    dtype: torch.dtype = torch.float64,
    *,
    seed: int = 0,
    rows: Tensor | None = None,
) -> Setting:
    """Return a fresh penalty, the batch as a function, and the leaves that it depends on."""
    found = batch(violation, dtype, seed)
    keep = torch.arange(len(found.outcome)) if rows is None else rows
    cut = {name: value[keep] for name, value in found.variables.items()}
    outcome = found.outcome[keep]
    features = found.features.detach()[keep].requires_grad_(True)
    if isinstance(penalty, Penalty):
        own = deepcopy(penalty).to(dtype)
        logits = found.logits.detach()[keep].requires_grad_(True)
        leaves = [features, logits, *own.parameters()]
        return own, lambda: Batch(features, logits, outcome, cut, features), leaves, None
    own, model = penalty(violation)
    own, model = own.to(dtype), model.to(dtype)

    def run() -> Batch:
        out = model(features)
        logits = out[:, 0] if out.ndim == 2 and out.shape[1] == 1 else out
        return Batch(features, logits, outcome, cut, features)

    return own, run, [features, *model.parameters(), *own.parameters()], model


def _value(setting: Setting) -> float:
    return float(setting[0](setting[1]()).detach())


def _described(penalty: Penalty, batch: Batch) -> None:
    _require(isinstance(penalty, Constraint), "it lacks kind, statement, reason or needs")
    _require(bool(penalty.statement), "its statement is empty: say what a value of zero means")
    missing = [name for name in penalty.needs if name not in batch.variables]
    _require(not missing, f"it needs {missing}, which the batches lack: hand over batch=")
    value = penalty(batch)
    _require(value.ndim == 0, f"its value has shape {tuple(value.shape)}, not that of a scalar")
    _require(bool(torch.isfinite(value)), f"its value is {value.item()}")
    _require(
        value.dtype == batch.features.dtype,
        f"its value is {value.dtype} for features of {batch.features.dtype}",
    )


def _gradient_error(penalty: Penalty | WithModel, batch: Maker) -> float:
    """Return the median relative error of directional derivatives against finite differences."""
    draw = torch.Generator().manual_seed(0)
    errors = []
    for _ in range(9):
        own, run, leaves, _ = _setting(penalty, batch, 0.7)
        state = deepcopy(own)  # running means and generators as they were before the call
        gradients = torch.autograd.grad(own(run()), leaves, allow_unused=True)
        _require(any(g is not None for g in gradients), "it has no gradient at all")
        moves = []
        for leaf in leaves:
            move = torch.randn(leaf.shape, generator=draw, dtype=leaf.dtype)
            if leaf.shape[:1] == leaves[0].shape[:1]:  # a batch: a few rows only
                few = torch.randperm(len(leaf), generator=draw)[:5]
                still = torch.ones(len(leaf), dtype=torch.bool)
                still[few] = False
                move[still] = 0.0
            moves.append(move)
        slope = sum(
            float((g * m).sum()) for g, m in zip(gradients, moves, strict=True) if g is not None
        )
        ends = []
        for step in (1e-5, -2e-5):
            with torch.no_grad():
                for leaf, move in zip(leaves, moves, strict=True):
                    leaf += step * move
            again = _renewed(own, state) if isinstance(penalty, Penalty) else own
            ends.append(float(again(run()).detach()))
        numeric = (ends[0] - ends[1]) / 2e-5
        scale = max(abs(slope), abs(numeric), 1e-6)
        errors.append(abs(slope - numeric) / scale)
    middle = float(np.median(errors))
    _require(
        middle < 1e-3,
        f"its gradient differs from finite differences by {middle:.2g} of its size (median over"
        " directions)",
    )
    return middle


def _renewed(own: Penalty, state: Penalty) -> Penalty:
    """Return the penalty with its hidden state as before, and its parameters as they are now."""
    fresh = deepcopy(state)
    fresh.load_state_dict(own.state_dict())
    return fresh


def _few_rows(penalty: Penalty | WithModel, batch: Maker) -> float:
    """Return the value on a batch of one group; check it and that of a single row."""
    whole = batch(1.0, torch.float64, 0)
    same = torch.ones(len(whole.outcome), dtype=torch.bool)
    for values in (*whole.variables.values(), whole.outcome):
        if not values.is_floating_point():
            same &= values == values[0]
    found = 0.0
    for rows in (torch.nonzero(same)[:, 0], torch.tensor([0])):
        own, run, leaves, _ = _setting(penalty, batch, 1.0, rows=rows)
        value = own(run())
        _require(bool(torch.isfinite(value)), f"it is {value.item()} on {len(rows)} row(s)")
        gradients = torch.autograd.grad(value, leaves, allow_unused=True)
        good = all(bool(torch.isfinite(g).all()) for g in gradients if g is not None)
        _require(good, f"its gradient is not finite on {len(rows)} row(s) of one group")
        found = float(value.detach()) if len(rows) > 1 else found
    return found


def _check_weight_zero(penalty: Penalty | WithModel, batch: Maker) -> None:
    """Train a small model for three steps with weight 0 and without the penalty."""
    ends = []
    for with_it in (True, False):
        own, run, _, _ = _setting(penalty, batch, 1.0)
        torch_draw = torch.Generator().manual_seed(0)
        x = run().features.detach()
        weight = torch.randn(x.shape[1], generator=torch_draw, dtype=x.dtype).requires_grad_(True)
        loss = ConstrainedLoss(sample_losses, [(0.0, own)] if with_it else [])
        optimiser = torch.optim.SGD([weight], lr=0.1)
        for _ in range(3):
            optimiser.zero_grad()
            one = run()
            out = loss(x @ weight, one.outcome, features=x, variables=one.variables, inputs=x)
            out.total.backward()
            optimiser.step()
        ends.append(weight.detach().clone())
    _require(torch.equal(*ends), "with weight 0 training is not what it is without the penalty")
