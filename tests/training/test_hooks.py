"""The same parameters by the explicit loss, the Lightning callback and the MONAI handler."""

from __future__ import annotations

import warnings
from copy import deepcopy
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from causalimg.errors import (
    IdentificationError,
    InvalidInputError,
    NotEstimableError,
    UnknownNameError,
)
from causalimg.graph.core import CausalGraph
from causalimg.training.adversarial import DomainAdversarial
from causalimg.training.objective import ConstrainedLoss
from causalimg.training.penalty import Batch
from causalimg.training.plan import ConstraintPlan
from causalimg.training.risk import IRM, VREx, sample_losses
from causalimg.training.structure import InputGradient

STEPS = 4


def shortcut_plan(**more: Any) -> ConstraintPlan:
    """Return the plan of: disease shows, disease causes a marker whose rate varies by site."""
    nodes = ("y", "site", "marker", "image")
    graph = CausalGraph.from_directed(
        nodes, [[0, 0, 1, 1], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    )
    return ConstraintPlan.from_graph(
        graph, outcome="y", environment="site", attributes=["marker"], **more
    )


class Rows(Dataset[dict[str, Tensor]]):
    """Rows of the shortcut problem."""

    def __init__(self, n: int = 128) -> None:
        rng = np.random.default_rng(1)
        y = rng.integers(0, 2, n)
        marker = np.where(rng.random(n) < 0.85, y, 1 - y)
        x = np.stack([y + rng.normal(size=n), marker + 0.1 * rng.normal(size=n)], axis=1)
        self.x = torch.tensor(x, dtype=torch.float32)
        self.y, self.marker = torch.tensor(y), torch.tensor(marker)

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, k: int) -> dict[str, Tensor]:
        return {"image": self.x[k], "label": self.y[k].float()[None], "marker": self.marker[k]}


class Net(nn.Module):
    """A representation and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(2, 8), nn.Tanh())
        self.head = nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, shape (n, 1)."""
        out: Tensor = self.head(self.encoder(x))
        return out


def start() -> Net:
    torch.manual_seed(0)
    return Net()


def read(batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the outcome and the variables of a batch."""
    return batch["label"][:, 0], {"marker": batch["marker"]}


def loader() -> DataLoader[dict[str, Tensor]]:
    return DataLoader(Rows(), batch_size=32, shuffle=False)


def explicit(weight: float) -> Net:
    """Return the net after some steps with the loss written out."""
    net = start()
    loss = shortcut_plan().loss(weights={"marker": weight})
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    for batch in list(loader())[:STEPS]:
        optimiser.zero_grad()
        features = net.encoder(batch["image"])
        outcome, variables = read(batch)
        out = loss(net.head(features)[:, 0], outcome, features=features, variables=variables)
        out.total.backward()
        optimiser.step()
    return net


def same(first: nn.Module, second: nn.Module, tolerance: float = 1e-6) -> bool:
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    return all(torch.allclose(a, b, atol=tolerance, rtol=0) for a, b in pairs)


def test_lightning_callback_gives_the_same_parameters() -> None:
    lightning = pytest.importorskip("lightning.pytorch", reason="lightning is not installed")

    class Module(lightning.LightningModule):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.net = start()

        def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
            return sample_losses(self.net(batch["image"]), batch["label"]).mean()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    callback = shortcut_plan().lightning(
        features="net.encoder", logits="net.head", read=read, weights={"marker": 5.0}
    )
    module = Module()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice about workers and loggers
        lightning.Trainer(
            max_steps=STEPS,
            callbacks=[callback],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            accelerator="cpu",
        ).fit(module, loader())
    assert same(module.net, explicit(5.0))
    assert not same(module.net, explicit(0.0), 1e-4)


def test_monai_handler_gives_the_same_parameters() -> None:
    engines = pytest.importorskip("monai.engines", reason="monai is not installed")
    pytest.importorskip("ignite", reason="pytorch-ignite is not installed")
    net = start()
    handler = shortcut_plan().monai(
        net, features="encoder", logits="head", read=read, weights={"marker": 5.0}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # third-party deprecations inside the engine
        engines.SupervisedTrainer(
            device=torch.device("cpu"),
            max_epochs=1,
            train_data_loader=loader(),
            network=net,
            optimizer=torch.optim.SGD(net.parameters(), lr=0.1),
            loss_function=lambda logits, y: sample_losses(logits, y).mean(),
            train_handlers=[handler],
        ).run()
    assert same(net, explicit(5.0))
    assert set(handler.terms) == {"content ⊥ marker | y"}


def hooked(loss: ConstrainedLoss, way: str, more: list[nn.Parameter], **settings: Any) -> Net:
    """Return the net after some steps with a loss of any penalties, by a hook."""
    names = {"features": "encoder", "logits": "head", "read": read, "inputs": "encoder"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice of third parties
        if way == "monai":
            engines = pytest.importorskip("monai.engines", reason="monai is not installed")
            from causalimg.training.monai import PlanHandler

            net = start()
            engines.SupervisedTrainer(
                device=torch.device("cpu"),
                max_epochs=1,
                train_data_loader=loader(),
                network=net,
                optimizer=torch.optim.SGD([*net.parameters(), *more], lr=0.1),
                loss_function=lambda logits, y: sample_losses(logits, y).mean(),
                train_handlers=[PlanHandler(loss, net, **names, **settings)],
            ).run()
            return net
        lightning = pytest.importorskip("lightning.pytorch", reason="lightning is not installed")
        from causalimg.training.lightning import lightning_callback

        class Module(lightning.LightningModule):  # type: ignore[misc,name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.encoder, self.head = start().encoder, start().head

            def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
                logits = self.head(self.encoder(batch["image"]))
                return sample_losses(logits, batch["label"]).mean()

            def configure_optimizers(self) -> torch.optim.Optimizer:
                return torch.optim.SGD([*self.parameters(), *more], lr=0.1)

        module = Module()
        lightning.Trainer(
            max_steps=STEPS,
            callbacks=[lightning_callback(loss, **names, **settings)],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            accelerator="cpu",
        ).fit(module, loader())
        net = start()
        net.load_state_dict(module.state_dict())
        return net


def several() -> ConstrainedLoss:
    """Return penalties on the inputs, on the features and with parameters of their own."""
    torch.manual_seed(5)
    adversary = DomainAdversarial("marker", n_features=8, n_groups=2, hidden=4)
    return ConstrainedLoss(sample_losses, [(3.0, InputGradient([False, True])), (0.7, adversary)])


@pytest.mark.parametrize("way", ["lightning", "monai"])
def test_hooks_carry_inputs_own_parameters_and_a_ramp(way: str) -> None:
    net, loss = start(), several()
    parameters = [*net.parameters(), *loss.parameters()]
    optimiser = torch.optim.SGD(parameters, lr=0.1)
    for step, batch in enumerate(list(loader())[:STEPS]):
        optimiser.zero_grad()
        x = batch["image"].requires_grad_(True)
        features = net.encoder(x)
        outcome, variables = read(batch)
        loss.ramp = step / 2 if step < 2 else 1.0
        out = loss(
            net.head(features)[:, 0], outcome, features=features, variables=variables, inputs=x
        )
        out.total.backward()
        optimiser.step()
    again = several()
    found = hooked(again, way, list(again.parameters()), ramp=2)
    assert same(found, net)
    assert same(again, loss)
    with pytest.raises(InvalidInputError, match="parameters of the penalties"):
        hooked(several(), way, [])


def test_weight_zero_is_plain_training_exactly() -> None:
    plain = start()
    optimiser = torch.optim.SGD(plain.parameters(), lr=0.1)
    for batch in list(loader())[:STEPS]:
        optimiser.zero_grad()
        sample_losses(plain(batch["image"])[:, 0], batch["label"][:, 0]).mean().backward()
        optimiser.step()
    assert same(plain, explicit(0.0), 0.0)


def test_terms_are_named_by_their_statements_and_weighted_by_their_probability() -> None:
    plan = shortcut_plan()
    sure = shortcut_plan(
        resamples=[
            CausalGraph.from_directed(
                ("y", "site", "marker", "image"),
                [[0, 0, 1, 1], [0, 0, 1, 0], [way, 0, 0, 1], [0, 0, 0, 0]]
                if not way
                else [[0, 0, 0, 1], [0, 0, 1, 0], [1, 0, 0, 1], [0, 0, 0, 0]],
            )
            for way in (0, 0, 0, 1)
        ]
    )
    rows = Rows()
    call = (rows.x[:, 0], rows.y)
    more: dict[str, Any] = {"features": rows.x, "variables": {"marker": rows.marker}}
    full = plan.loss(weights=4.0)(*call, **more)
    part = sure.loss(weights=4.0)(*call, **more)
    assert list(full.terms) == ["content ⊥ marker | y"]
    term = float(full.terms["content ⊥ marker | y"])
    assert float(full.total - full.task) == pytest.approx(4 * term, rel=1e-5)
    assert sure.verdicts["marker"].probability == pytest.approx(0.75)
    assert float(part.total - part.task) == pytest.approx(3 * term, rel=1e-5)
    assert set(full.to_dict()) == {"total", "task", "content ⊥ marker | y"}


def test_families_enter_only_when_licensed() -> None:
    plan = shortcut_plan()
    loss = plan.loss(weights={"risk_invariance": 2.0}, families={"risk_invariance": VREx("site")})
    rows = Rows()
    site = torch.tensor([0, 1] * 64)
    assert loss.needs == ("site",)
    out = loss(rows.x[:, 0], rows.y, features=rows.x, variables={"site": site})
    assert float(out.total - out.task) == pytest.approx(
        2 * float(next(iter(out.terms.values()))), rel=1e-3
    )
    nodes = ("y", "site", "image")
    shift = CausalGraph.from_directed(nodes, [[0, 0, 1], [1, 0, 1], [0, 0, 0]])
    refused = ConstraintPlan.from_graph(shift, outcome="y", environment="site")
    with pytest.raises(IdentificationError, match="risk_invariance: refused"):
        refused.loss(families={"risk_invariance": IRM("site")})


def test_two_penalties_for_one_statement_are_logged_apart() -> None:
    rows = Rows()
    loss = ConstrainedLoss(sample_losses, [(1.0, VREx("site")), (1.0, IRM("site"))])
    site = torch.tensor([0, 1] * 64)
    out = loss(rows.x[:, 0], rows.y, features=rows.x, variables={"site": site})
    assert list(out.terms) == ["outcome ⊥ site | features", "outcome ⊥ site | features [IRM]"]
    parts = out.to_dict()
    added = sum(parts[name] for name in out.terms)
    assert parts["total"] - parts["task"] == pytest.approx(added, rel=1e-4)


def test_refusals_of_loss_and_weights() -> None:
    graph = CausalGraph.from_directed(("y", "sex", "image"), [[0, 0, 1], [1, 0, 1], [0, 0, 0]])
    plan = ConstraintPlan.from_graph(graph, outcome="y", attributes=["sex"])
    with pytest.raises(IdentificationError, match="causes the outcome"):
        plan.loss(weights={"sex": 1.0})
    assert list(plan.loss(weights=3.0).penalties) == []
    with pytest.raises(IdentificationError, match="causes the outcome"):
        plan.weights(pd.DataFrame({"y": [0, 1], "sex": ["f", "m"]}), "sex")
    with pytest.raises(UnknownNameError, match="did you mean 'sex'"):
        plan.loss(weights={"sexx": 1.0})
    confounded = CausalGraph.from_directed(
        ("y", "u", "a", "image"),
        [[0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]],
    )
    given_nothing = ConstraintPlan.from_graph(confounded, outcome="y", attributes=["a"])
    assert given_nothing.verdicts["a"].given == ()
    with pytest.raises(IdentificationError, match=r"use plan\.loss"):
        given_nothing.weights(pd.DataFrame({"y": [0, 1], "a": [0, 1]}), "a")


def test_weights_make_outcome_and_attribute_independent() -> None:
    rows = Rows()
    frame = pd.DataFrame({"y": rows.y.numpy(), "marker": rows.marker.numpy()})
    weights = shortcut_plan().weights(frame, "marker")
    table = frame.assign(w=weights).pivot_table(
        index="y", columns="marker", values="w", aggfunc="sum"
    )
    shares = table / table.to_numpy().sum()
    outer = np.outer(shares.sum(axis=1), shares.sum(axis=0))
    assert np.allclose(shares, outer)
    assert weights.mean() == pytest.approx(1.0)
    with pytest.raises(NotEstimableError, match="no row has outcome"):
        shortcut_plan().weights(pd.DataFrame({"y": [0, 0, 1], "marker": [0, 1, 1]}), "marker")


def test_sampler_draws_the_balanced_data() -> None:
    rows = Rows(2000)
    frame = pd.DataFrame({"y": rows.y.numpy(), "marker": rows.marker.numpy()})
    raw = frame.corr().iloc[0, 1]
    sampler = shortcut_plan().sampler(frame, "marker", random_state=3)
    drawn = frame.iloc[list(sampler)]
    assert raw > 0.6
    assert abs(drawn.corr().iloc[0, 1]) < 0.08
    again = shortcut_plan().sampler(frame, "marker", random_state=3)
    assert list(again) == drawn.index.tolist()


def test_sample_weights_reach_task_and_penalty() -> None:
    rows = Rows()
    loss = shortcut_plan().loss(weights=1.0)
    keep = torch.ones(128)
    keep[::2] = 0.0
    more: dict[str, Any] = {"features": rows.x, "variables": {"marker": rows.marker}}
    half = loss(
        rows.x[1::2, 0],
        rows.y[1::2],
        features=rows.x[1::2],
        variables={"marker": rows.marker[1::2]},
    )
    weighted = loss(rows.x[:, 0], rows.y, weights=2 * keep, **more)
    assert float(weighted.task) == pytest.approx(float(half.task), rel=1e-5)
    mean = ConstrainedLoss(nn.BCEWithLogitsLoss())
    with pytest.raises(InvalidInputError, match="reduction='none'"):
        mean(rows.x[:, 0], rows.y.float(), weights=keep)


def test_a_layer_that_is_not_there_is_named() -> None:
    with pytest.raises(InvalidInputError, match=r"no layer 'encoder.pool'; it has: encoder"):
        shortcut_plan().monai(start(), features="encoder.pool", logits="head", read=read)


def test_penalty_has_no_part_in_the_batch_it_cannot_see() -> None:
    loss = shortcut_plan().loss(weights=1.0)
    x = torch.randn(6, 3, requires_grad=True)
    batch = Batch(x, x[:, 0], torch.zeros(6), {"marker": torch.zeros(6, dtype=torch.long)})
    value, terms = loss.penalty(batch)
    value.backward()
    assert float(value.detach()) == 0.0 and len(terms) == 1
    assert deepcopy(loss).weights == loss.weights
