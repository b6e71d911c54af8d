"""Every penalty, the same questions: null, violation, gradient, precision, one group, weight 0."""

from __future__ import annotations

import inspect
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import causalimg.training as training
import causalimg.training.gram as gram
from causalimg.training.adversarial import DomainAdversarial
from causalimg.training.agreement import GradientAgreement
from causalimg.training.alignment import CORAL, MMD, ConditionalMMD, MixtureMatching
from causalimg.training.check import WithModel, check_penalty, example_batch
from causalimg.training.dependence import CIRCE, HSCIC, HSIC
from causalimg.training.objective import ConstrainedLoss
from causalimg.training.penalty import Batch, Penalty
from causalimg.training.risk import IRM, Bottleneck, Fishr, VREx, sample_losses
from causalimg.training.structure import CASTLE, CastleNet, EdgeWeightedLasso, InputGradient


def circe() -> CIRCE:
    held = example_batch(0.0, seed=99)
    rows = {"age": held.variables["age"], "outcome": held.outcome}
    return CIRCE("age", given=["outcome"]).fit(rows)


def adversary(given: bool) -> DomainAdversarial:
    """Return one that already tells the groups apart, and whose gradient is not reversed."""
    torch.manual_seed(0)
    more = {"given": ["outcome"], "n_given": 2} if given else {}
    made = DomainAdversarial("site", n_features=3, n_groups=3, hidden=4, strength=-1.0, **more)  # type: ignore[arg-type]
    for p in made.parameters():
        nn.init.zeros_(p)
    return made.double()


def head_of(violation: float) -> nn.Linear:
    """Return a head that reads its first input, and the others the more it is in the wrong."""
    torch.manual_seed(0)
    head = nn.Linear(3, 1)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[1.0, violation, 2 * violation]]))
    return head


def input_gradient(violation: float) -> tuple[Penalty, nn.Module]:
    return InputGradient([False, True, True]), head_of(violation)


def lasso(violation: float) -> tuple[Penalty, nn.Module]:
    head = head_of(violation)
    return EdgeWeightedLasso(head, [1.0, 0.25, 0.0]), head


def agreement(violation: float) -> tuple[Penalty, nn.Module]:
    head = head_of(0.0)
    with torch.no_grad():
        head.weight.fill_(0.5)
        head.bias.fill_(-0.375)
    return GradientAgreement("site", head.parameters()), head


class CastlePrediction(nn.Module):
    """The outcome's sub-network alone, as the model."""

    def __init__(self, net: CastleNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x, torch.zeros(len(x), dtype=x.dtype))[0]
        return out


def castle(violation: float) -> tuple[Penalty, nn.Module]:
    """Return a net whose weighted graph is empty, or full of cycles."""
    torch.manual_seed(0)
    net = CastleNet(3, hidden=4)
    with torch.no_grad():
        net.first.mul_(3 * violation)
    return CASTLE(net), CastlePrediction(net)


def spread_batch(violation: float, dtype: torch.dtype = torch.float64, seed: int = 0) -> Batch:
    found = example_batch(0.0, dtype, seed)
    features = (violation * found.features).detach().requires_grad_(True)
    return Batch(features, found.logits, found.outcome, found.variables, features)


EVERY: dict[str, Penalty | WithModel] = {
    "MMD": MMD("site"),
    "ConditionalMMD": ConditionalMMD("scanner", given=["outcome"]),
    "CORAL": CORAL("site"),
    "MixtureMatching": MixtureMatching("site", random_state=0),
    "HSIC": HSIC("site"),
    "HSIC of a number": HSIC("site", on="logits"),
    "HSCIC": HSCIC("age", given=["outcome"]),
    "CIRCE": circe(),
    "IRM": IRM("site"),
    "IRM, not split": IRM("site", split=False),
    "VREx": VREx("site"),
    "Fishr": Fishr("site", momentum=0.0),
    "GradientAgreement": agreement,
    "Bottleneck": Bottleneck(),
    "InputGradient": input_gradient,
    "EdgeWeightedLasso": lasso,
    "CASTLE": castle,
    "DomainAdversarial": adversary(False),
    "DomainAdversarial, conditional": adversary(True),
}
BATCHES = {"Bottleneck": spread_batch}
FLAT = ("DomainAdversarial", "DomainAdversarial, conditional")  # a discriminator before training


def built(name: str, violation: float) -> tuple[Penalty, nn.Module | None]:
    made = EVERY[name]
    if isinstance(made, Penalty):
        return deepcopy(made), None
    return made(violation)


def test_no_penalty_is_left_out() -> None:
    public = {
        name
        for name in training.__all__
        if inspect.isclass(getattr(training, name))
        and issubclass(getattr(training, name), Penalty)
        and name != "Penalty"
    }
    assert public == {name.split(",")[0].split(" ")[0] for name in EVERY}


@pytest.mark.parametrize("name", [n for n in EVERY if n not in FLAT])
def test_the_public_check(name: str) -> None:
    table = check_penalty(EVERY[name], batch=BATCHES.get(name, example_batch))
    assert table["check"].tolist()[0] == "null level" and np.isfinite(table["value"]).all()


EXACT = ["CORAL", "HSIC", "VREx", "Fishr", "GradientAgreement"]


def twice(name: str, dtype: torch.dtype = torch.float64) -> tuple[Penalty, Batch]:
    """Return a batch whose every row is in each of the three sites: the statement holds exactly."""
    one = example_batch(0.4, dtype)
    penalty, model = built(name, 0.4)
    x = one.features.detach().repeat(3, 1).requires_grad_(True)
    logits = one.logits.detach().repeat(3).requires_grad_(True)
    if model is not None:
        logits = model.to(dtype)(x)[:, 0]
    site = torch.arange(3).repeat_interleave(len(one.outcome))
    return penalty.to(dtype), Batch(x, logits, one.outcome.repeat(3), {"site": site}, x)


@pytest.mark.parametrize("name", EXACT)
def test_exactly_zero_where_every_site_holds_the_same_rows(name: str) -> None:
    penalty, batch = twice(name)
    assert penalty(batch).item() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("name", ["MMD", "ConditionalMMD", "IRM"])
def test_unbiased_ones_scatter_around_zero_at_their_null(name: str) -> None:
    values = [built(name, 0.0)[0](example_batch(0.0, seed=s)).item() for s in range(200)]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(200)
    assert min(values) < 0 < max(values)


@pytest.mark.parametrize("name", ["InputGradient", "EdgeWeightedLasso", "Bottleneck"])
def test_zero_where_nothing_forbidden_is_used(name: str) -> None:
    penalty, model = built(name, 0.0)
    batch = spread_batch(0.0)
    if model is not None:
        model.double()
        batch = Batch(
            batch.features, model(batch.features)[:, 0], batch.outcome, {}, batch.features
        )
    assert penalty.double()(batch).item() == 0.0


@pytest.mark.parametrize("name", FLAT)
def test_an_adversary_starts_at_the_entropy_and_learns_what_is_there_to_tell(name: str) -> None:
    penalty, batch = built(name, 0.0)[0], example_batch(3.0)
    start = penalty(batch).item()
    assert start == pytest.approx(np.log(3), rel=1e-6)
    torch.manual_seed(1)
    for p in penalty.parameters():
        nn.init.normal_(p, std=0.3)
    null = deepcopy(penalty)
    ends = []
    for made, rows in ((penalty, batch), (null, example_batch(0.0))):
        optimiser = torch.optim.Adam(made.parameters(), lr=0.02)
        for _ in range(150):
            optimiser.zero_grad()
            made(rows).backward()
            optimiser.step()
        ends.append(made(rows).item())
    assert ends[0] < 0.9 * ends[1]


@pytest.mark.parametrize("name", EVERY)
def test_gradcheck_in_double_precision(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bandwidths follow the batch but are constants in the gradient, so they are held here."""
    whole = example_batch(0.7)
    rows = torch.arange(18)
    y, cut = whole.outcome[rows], {k: v[rows] for k, v in whole.variables.items()}
    features, logits = whole.features.detach()[rows], whole.logits.detach()[rows]
    one = torch.ones((), dtype=torch.float64)
    penalty, model = built(name, 0.7)
    state = deepcopy(penalty.double()) if model is None else penalty.double()
    monkeypatch.setattr(gram, "median_scale", lambda distances: one)
    if name.startswith("DomainAdversarial"):
        for p in state.parameters():
            nn.init.normal_(p, std=0.5)

    def value(x: Tensor, out: Tensor) -> Tensor:
        used = deepcopy(state) if model is None else state  # its random draws begin anew
        if model is not None:
            found = model.double()(x)
            out = found[:, 0] if found.ndim == 2 else found
        result: Tensor = used(Batch(x, out, y, cut, x))
        return result + 0.0 * (x.sum() + out.sum())

    inputs = (features.requires_grad_(True), logits.requires_grad_(True))
    assert torch.autograd.gradcheck(value, inputs, eps=1e-6, atol=1e-6, rtol=1e-4)


def test_a_reversed_gradient_is_the_opposite() -> None:
    plain, turned = adversary(False), adversary(False)
    turned.strength = 1.0
    for made in (plain, turned):
        torch.manual_seed(3)
        for p in made.parameters():
            nn.init.normal_(p, std=0.5)
    batch = example_batch(1.0)
    first, second = (torch.autograd.grad(m(batch), batch.features)[0] for m in (plain, turned))
    assert torch.allclose(first, -second)


@pytest.mark.parametrize("name", EVERY)
def test_weight_zero_trains_a_network_to_the_same_bits(name: str) -> None:
    def trained(weight: float | None) -> list[Tensor]:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1))
        penalty = built(name, 1.0)[0].float()
        terms = [] if weight is None else [(weight, penalty)]
        loss = ConstrainedLoss(sample_losses, terms)
        optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
        for step in range(4):
            batch = example_batch(1.0, torch.float32, seed=step)
            x = batch.features.detach().requires_grad_(True)
            optimiser.zero_grad()
            out = loss(net(x)[:, 0], batch.outcome, features=x, variables=batch.variables, inputs=x)
            out.total.backward()
            optimiser.step()
        return [p.detach() for p in net.parameters()]

    assert all(torch.equal(a, b) for a, b in zip(trained(0.0), trained(None), strict=True))


# ---- the check itself fails where it should ------------------------------------------------


class Broken(Penalty):
    """A mean difference with one fault."""

    needs = ("site",)

    def __init__(self, fault: str) -> None:
        super().__init__("" if fault == "statement" else "features ⊥ site")
        self.fault = fault
        if fault == "needs":
            self.needs = ("ward",)

    def forward(self, batch: Batch) -> Tensor:
        """Return the gap of the means of site 0 and the others."""
        x = batch.flat()
        first = batch.variable("site") == 0
        both = bool(first.any()) and bool((~first).any())
        gap = x[first].mean(0) - x[~first].mean(0) if both else 0.0 * x.sum(0)
        if self.fault == "one group":
            gap = x[first].mean(0) - x[~first].mean(0)
        value = (gap**2).mean()
        return {
            "shape": gap**2,
            "gradient": (gap.detach() * gap).mean(),
            "constant": 1.0 + 0.0 * value,
            "sign": -value,
            "dtype": value.float(),
        }.get(self.fault, value)


FAULTS = {
    "statement": "statement is empty",
    "needs": r"needs \['ward'\]",
    "shape": "not that of a scalar",
    "gradient": "differs from finite differences",
    "constant": "at least twice as large",
    "sign": "at least twice as large",
    "dtype": "float32 for features of torch.float64",
    "one group": "row",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_check_finds_a_fault(fault: str) -> None:
    check_penalty(Broken("none"))
    with pytest.raises(AssertionError, match=FAULTS[fault]):
        check_penalty(Broken(fault))
