"""Penalties by hand: their formulae, their groups and weights, what they refuse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError
from causalimg.training.adversarial import DomainAdversarial, reverse_gradient
from causalimg.training.agreement import AndMask, GradientAgreement
from causalimg.training.alignment import CORAL, MMD, ConditionalMMD
from causalimg.training.check import example_batch
from causalimg.training.dependence import CIRCE, HSCIC, HSIC
from causalimg.training.gram import median_scale, rbf, squared_distances
from causalimg.training.penalty import Batch, Penalty
from causalimg.training.risk import (
    IRM,
    Bottleneck,
    Fishr,
    VREx,
    sample_losses,
)
from causalimg.training.structure import (
    CASTLE,
    CastleNet,
    EdgeWeightedLasso,
    InputGradient,
    acyclicity,
)

N = 240


def val(x: Tensor | float) -> float:
    """Return a number, cut from the graph."""
    return float(x.detach()) if isinstance(x, Tensor) else float(x)


def make(violation: float, dtype: torch.dtype = torch.float64, seed: int = 0) -> Batch:
    """Return a batch in which the features move with ``violation`` times the attribute.

    Outcome and attribute are associated; given the outcome the features know of the attribute
    what ``violation`` gives them.
    """
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, N)
    a = np.where(rng.random(N) < 0.8, y, 1 - y)
    env = rng.integers(0, 3, N)
    x = rng.normal(size=(N, 3)) + y[:, None] * 0.5 + violation * a[:, None]
    x = x + violation * (env[:, None] == 0)
    age = rng.normal(size=N) + y
    x[:, 0] += violation * (age - y)
    slope = np.where(env == 0, 1 - violation, 1.0)
    logits = slope * x[:, 1] - 0.3
    return Batch(
        torch.tensor(x, dtype=dtype, requires_grad=True),
        torch.tensor(logits, dtype=dtype, requires_grad=True),
        torch.tensor(y),
        {
            "scanner": torch.tensor(a),
            "site": torch.tensor(env),
            "age": torch.tensor(age, dtype=dtype),
        },
    )


def circe() -> CIRCE:
    held = make(0.0, seed=99)
    return CIRCE("age", given=["outcome"]).fit(
        {"age": held.variables["age"], "outcome": held.outcome}
    )


BY_FEATURES: dict[str, Callable[[], Penalty]] = {
    "mmd": lambda: MMD("site"),
    "conditional_mmd": lambda: ConditionalMMD("scanner", given=["outcome"]),
    "coral": lambda: CORAL("site"),
    "hsic": lambda: HSIC("site"),
    "hscic": lambda: HSCIC("age", given=["outcome"]),
    "circe": circe,
}


@pytest.mark.parametrize("name", BY_FEATURES)
def test_rows_may_change_places(name: str) -> None:
    double = make(1.0)
    order = torch.randperm(N, generator=torch.Generator().manual_seed(3))
    moved = Batch(
        double.features[order],
        double.logits[order],
        double.outcome[order],
        {key: value[order] for key, value in double.variables.items()},
    )
    assert val(BY_FEATURES[name]()(moved)) == pytest.approx(val(BY_FEATURES[name]()(double)))


@pytest.mark.parametrize("name", ["mmd", "conditional_mmd", "coral", "vrex", "fishr", "irm"])
def test_one_group_only_gives_zero_and_a_gradient(name: str) -> None:
    penalties: dict[str, Penalty] = {
        **{key: BY_FEATURES[key]() for key in ("mmd", "conditional_mmd", "coral")},
        "vrex": VREx("site"),
        "fishr": Fishr("site"),
        "irm": IRM("site"),
    }
    whole = make(1.0)
    rows = torch.nonzero((whole.variables["site"] == 1) & (whole.variables["scanner"] == 0))[:, 0]
    batch = Batch(
        whole.features[rows],
        whole.logits[rows],
        whole.outcome[rows],
        {key: value[rows] for key, value in whole.variables.items()},
    )
    value = penalties[name](batch)
    assert torch.isfinite(value)
    if name != "irm":
        assert val(value) == 0.0
    value.backward()


def test_mmd_by_hand_and_weights_as_repeated_rows() -> None:
    x = torch.tensor([[0.0], [1.0], [3.0]], dtype=torch.float64)
    group = torch.tensor([0, 0, 1])
    batch = Batch(x, x[:, 0], group, {"a": group})
    k = rbf(x)
    by_hand = (k[0, 0] + 2 * k[0, 1] + k[1, 1]) / 4 - 2 * (k[0, 2] + k[1, 2]) / 2 + k[2, 2]
    penalty = ConditionalMMD("a", min_group=1, unbiased=False)
    assert val(penalty(batch)) == pytest.approx(val(by_hand))
    repeated = torch.tensor([0, 1, 1, 2])
    many = Batch(x[repeated], x[repeated, 0], group[repeated], {"a": group[repeated]})
    weighted = Batch(
        x, x[:, 0], group, {"a": group}, weights=torch.tensor([1.0, 2.0, 1.0]).double()
    )
    fixed = ConditionalMMD("a", min_group=1, unbiased=False, bandwidths=(1.0,))
    scale_once = val(fixed(weighted))
    assert scale_once == pytest.approx(val(fixed(many)), rel=0.2)
    assert scale_once != pytest.approx(val(fixed(batch)), rel=1e-3)


def test_conditional_mmd_is_the_mean_over_strata() -> None:
    batch = make(1.0)
    whole = val(ConditionalMMD("scanner", given=["outcome"], unbiased=False)(batch))
    found = []
    gram = rbf(batch.features)
    for y in (0, 1):
        first = (batch.outcome == y) & (batch.variables["scanner"] == 0)
        second = (batch.outcome == y) & (batch.variables["scanner"] == 1)
        found.append(
            gram[first][:, first].mean()
            + gram[second][:, second].mean()
            - 2 * gram[first][:, second].mean()
        )
    assert whole == pytest.approx(val(sum(found) / 2))


def test_unbiased_mmd_has_mean_zero_at_its_null_and_the_biased_one_does_not() -> None:
    rng = np.random.default_rng(0)
    plain, biased = [], []
    for _ in range(300):
        x = torch.tensor(rng.normal(size=(24, 2)))
        batch = Batch(x, x[:, 0], torch.zeros(24), {"a": torch.tensor([0] * 18 + [1] * 6)})
        plain.append(val(MMD("a")(batch)))
        biased.append(val(MMD("a", unbiased=False)(batch)))
    assert abs(np.mean(plain)) < 3 * np.std(plain) / np.sqrt(300)
    assert np.mean(biased) > 20 * np.std(biased) / np.sqrt(300)
    with pytest.raises(InvalidInputError, match="at least 2"):
        ConditionalMMD("a", min_group=1)


def test_hsic_by_the_trace_formula() -> None:
    batch = make(1.0)
    k = rbf(batch.features.detach())
    site = batch.variables["site"]
    other = (site[:, None] == site[None, :]).double()
    h = torch.eye(N, dtype=torch.float64) - 1.0 / N
    by_hand = torch.trace(h @ k @ h @ other) / N**2
    assert val(HSIC("site")(batch)) == pytest.approx(val(by_hand))


def test_hscic_by_the_formula_row_by_row() -> None:
    rng = np.random.default_rng(0)
    n = 25
    x, z, y = (torch.tensor(rng.normal(size=(n, 1))) for _ in range(3))
    batch = Batch(x, x[:, 0], y[:, 0], {"z": z[:, 0], "y": y[:, 0]})
    k, m, g = rbf(x), rbf(z, bandwidths=(1.0,)), rbf(y, bandwidths=(1.0,))
    total = 0.0
    for i in range(n):
        w = torch.linalg.solve(g + n * 0.01 * torch.eye(n, dtype=torch.float64), g[:, i])
        a, b = k @ w, m @ w
        total += val(w @ (k * m) @ w - 2 * w @ (a * b) + (w @ a) * (w @ b))
    found = HSCIC("z", given=["y"])(batch)
    assert val(found) == pytest.approx(total / n, rel=1e-8)


def test_circe_needs_its_regression_and_ignores_what_the_outcome_explains() -> None:
    with pytest.raises(NotEstimableError, match="call fit"):
        CIRCE("age", given=["outcome"])(make(0.0))
    rng = np.random.default_rng(2)

    def rows(f: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Batch:
        y = rng.normal(size=300)
        z = y + rng.normal(size=300)
        x = torch.tensor(f(y, z) + 0.5 * rng.normal(size=300))[:, None]
        return Batch(x, x[:, 0], torch.tensor(y), {"z": torch.tensor(z)})

    held = rows(lambda y, z: y)
    penalty = CIRCE("z", given=["outcome"]).fit({"z": held.variables["z"], "outcome": held.outcome})
    through_outcome = np.mean([val(penalty(rows(lambda y, z: y))) for _ in range(5)])
    direct = np.mean([val(penalty(rows(lambda y, z: z))) for _ in range(5)])
    assert direct > 5 * through_outcome
    marginal = np.mean([val(HSIC("z")(rows(lambda y, z: y))) for _ in range(5)])
    assert marginal > 3 * through_outcome


def test_circe_codes_categories_as_in_the_rows_held_out() -> None:
    held = make(0.0, seed=5)
    rows = {"scanner": held.variables["scanner"], "outcome": held.outcome}
    penalty = CIRCE("scanner", given=["outcome"]).fit(rows)
    whole = make(1.0)
    one = whole.outcome == 1
    part = Batch(
        whole.features[one],
        whole.logits[one],
        whole.outcome[one],
        {"scanner": whole.variables["scanner"][one]},
    )
    assert torch.isfinite(penalty(part))  # one outcome in the batch, two in the rows held out
    strange = Batch(whole.features, whole.logits, whole.outcome + 5, whole.variables)
    with pytest.raises(InvalidInputError, match=r"categories \[5, 6\] that the held-out rows"):
        penalty(strange)


def test_irm_is_the_squared_derivative_of_the_risk_for_a_scale() -> None:
    batch = make(0.5)
    penalty = IRM("site", split=False)
    step, terms = 1e-5, []
    for site in range(3):
        rows = batch.variables["site"] == site
        risks = [
            sample_losses(batch.logits[rows] * (1 + s), batch.outcome[rows]).mean()
            for s in (step, -step)
        ]
        terms.append(val((risks[0] - risks[1]) / (2 * step)) ** 2)
    assert val(penalty(batch)) == pytest.approx(np.mean(terms), rel=1e-6)
    halves = np.mean([val(IRM("site")(make(0.5, seed=s))) for s in range(30)])
    full = np.mean([val(penalty(make(0.5, seed=s))) for s in range(30)])
    assert halves < full


def test_irm_and_vrex_are_zero_for_the_same_risk_everywhere() -> None:
    half = make(0.3)
    y = half.outcome[:40]
    logits = half.logits[:40].detach()
    both = Batch(
        torch.cat([half.features[:40]] * 2),
        torch.cat([logits, logits]).requires_grad_(True),
        torch.cat([y, y]),
        {"site": torch.tensor([0] * 40 + [1] * 40)},
    )
    assert val(VREx("site")(both)) == pytest.approx(0.0, abs=1e-15)
    assert val(Fishr("site", momentum=0.0)(both)) == pytest.approx(0.0, abs=1e-15)
    assert val(VREx("site")(make(1.5))) > 1e-4


def test_fishr_is_the_per_sample_gradient_of_a_linear_head() -> None:
    batch = make(0.8)
    head = nn.Linear(3, 1, bias=False).double()
    logits = head(batch.features)[:, 0]
    used = Batch(batch.features, logits, batch.outcome, batch.variables)
    found = val(Fishr("site", momentum=0.0)(used))
    gradients = []
    for k in range(N):
        loss = sample_losses(head(batch.features[k : k + 1])[:, 0], batch.outcome[k : k + 1])
        gradients.append(torch.autograd.grad(loss.sum(), head.weight)[0].reshape(-1))
    stacked = torch.stack(gradients)
    sites = [stacked[batch.variables["site"] == s].var(dim=0) for s in range(3)]
    mean = sum(sites) / 3
    by_hand = sum(((v - mean) ** 2).sum() for v in sites) / 3
    assert found == pytest.approx(val(by_hand))


def test_gradient_agreement_by_hand() -> None:
    batch = make(0.8)
    head = nn.Linear(3, 1).double()
    logits = head(batch.features)[:, 0]
    used = Batch(batch.features, logits, batch.outcome, batch.variables)
    found = val(GradientAgreement("site", head.parameters())(used))
    each = []
    for s in range(3):
        rows = batch.variables["site"] == s
        loss = sample_losses(head(batch.features[rows])[:, 0], batch.outcome[rows]).mean()
        each.append(
            torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, head.parameters())])
        )
    mean = sum(each) / 3
    assert found == pytest.approx(val(sum(((g - mean) ** 2).sum() for g in each) / 3))


def test_and_mask_keeps_the_coordinates_on_which_all_sites_agree() -> None:
    batch = make(0.8)
    head = nn.Linear(3, 1).double()
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[0.5, 0.5, -0.5]]))
        head.bias.fill_(-0.2)
    used = Batch(batch.features, head(batch.features)[:, 0], batch.outcome, batch.variables)
    each = []
    for s in range(3):
        rows = batch.variables["site"] == s
        loss = sample_losses(head(batch.features[rows])[:, 0], batch.outcome[rows]).mean()
        each.append(torch.autograd.grad(loss, head.weight)[0])
    stacked = torch.stack(each)
    agreed = (stacked.sign().sum(0).abs() == 3).double()
    assert 0 < val(agreed.sum()) < 3  # the batch has both kinds
    AndMask("site", head.parameters()).backward(used)
    assert head.weight.grad is not None
    assert torch.allclose(head.weight.grad, stacked.mean(0) * agreed)
    again = Batch(batch.features, head(batch.features)[:, 0], batch.outcome, batch.variables)
    value = AndMask("site", head.parameters(), threshold=0.1).backward(again)
    assert torch.allclose(head.weight.grad, stacked.mean(0))  # any majority will do
    risks = [
        sample_losses(again.logits, again.outcome)[batch.variables["site"] == s].mean()
        for s in range(3)
    ]
    assert val(value) == pytest.approx(np.mean([val(r) for r in risks]))
    with pytest.raises(InvalidInputError, match=r"\(0, 1\]"):
        AndMask("site", head.parameters(), threshold=0.0)
    with pytest.raises(InvalidInputError, match="parameters of a model"):
        AndMask("site", [])


def test_and_mask_and_plain_descent_agree_with_one_environment() -> None:
    batch = make(0.3)
    head = nn.Linear(3, 1).double()
    same = {"site": torch.zeros(N, dtype=torch.long)}
    logits = head(batch.features)[:, 0]
    AndMask("site", head.parameters()).backward(Batch(batch.features, logits, batch.outcome, same))
    plain = torch.autograd.grad(
        sample_losses(head(batch.features)[:, 0], batch.outcome).mean(), head.weight
    )[0]
    assert head.weight.grad is not None and torch.allclose(head.weight.grad, plain)


def test_irm_takes_one_loss_for_all_sites() -> None:
    """A site whose numbers happen to be 0 and 1 is still regressed on."""
    predicted = torch.tensor([0.5, 0.5, 2.0, 2.0], dtype=torch.float64)
    y = torch.tensor([0.0, 1.0, 3.0, 5.0], dtype=torch.float64)
    batch = Batch(predicted[:, None], predicted, y, {"site": torch.tensor([0, 0, 1, 1])})
    by_hand = (((0.5 * (0.5 - 0.5)) ** 2) + (2 * (2 - 4.0)) ** 2) / 2
    assert val(IRM("site", split=False)(batch)) == pytest.approx(by_hand)


def test_bottleneck_is_the_mean_variance() -> None:
    batch = make(0.2)
    values = batch.features.detach().numpy().var(axis=0).mean()
    assert val(Bottleneck()(batch)) == pytest.approx(values)


def test_input_gradient_sees_only_the_forbidden_columns() -> None:
    x = torch.randn(20, 3, dtype=torch.float64, requires_grad=True)
    weights = torch.tensor([1.0, 2.0, 0.0], dtype=torch.float64)
    logits = x @ weights
    y = torch.zeros(20, dtype=torch.long)
    batch = Batch(x, logits, y, inputs=x)
    assert val(InputGradient([False, False, True])(batch)) == 0.0
    slope = 1 - 2 * torch.sigmoid(logits)
    wanted = val(((slope * 2.0) ** 2).mean())
    assert val(InputGradient([False, True, True])(batch)) == pytest.approx(wanted)
    with pytest.raises(InvalidInputError, match="requires_grad"):
        InputGradient([True])(Batch(x, logits, y, inputs=x.detach()))


def test_edge_weighted_lasso_frees_sure_parents() -> None:
    layer = nn.Linear(3, 4)
    with torch.no_grad():
        layer.weight[:, 2] = 0.0
    penalty = EdgeWeightedLasso(layer, [1.0, 0.25, 0.0])
    batch = Batch(torch.zeros(2, 3), torch.zeros(2), torch.zeros(2))
    norm = val(layer.weight[:, 1].norm())
    value = penalty(batch)
    assert val(value) == pytest.approx(0.75 * norm)
    value.backward()
    assert layer.weight.grad is not None and torch.isfinite(layer.weight.grad).all()
    assert val(layer.weight.grad[:, 0].abs().sum()) == 0.0
    assert len(list(penalty.parameters())) == 0
    with pytest.raises(InvalidInputError, match="one share"):
        EdgeWeightedLasso(layer, [0.5, 2.0, 0.1])


def test_castle_outcome_does_not_predict_itself_and_known_graph_replaces_acyclicity() -> None:
    torch.manual_seed(0)
    net = CastleNet(3)
    x, y = torch.randn(30, 3), torch.randn(30)
    assert torch.equal(net(x, y)[0], net(x, y + 5.0)[0])
    shifted = x.clone()
    shifted[:, 1] += 3.0
    assert torch.allclose(net(x, y)[1][:, 2], net(shifted, y)[1][:, 2])
    batch = Batch(x, net(x, y)[0], y, inputs=x)
    assert val(CASTLE(net)(batch)) > 0
    none = np.zeros((4, 4), dtype=bool)
    absent = none.copy()
    absent[2, 0] = True
    gap = val(CASTLE(net, absent=absent)(batch)) - val(CASTLE(net, absent=none)(batch))
    assert gap == pytest.approx(val(net.weights()[2, 0]), rel=1e-4)


def test_acyclicity_of_a_cycle_and_of_a_dag() -> None:
    dag = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    assert val(acyclicity(dag)) == pytest.approx(0.0, abs=1e-6)
    assert val(acyclicity(dag + dag.T)) == pytest.approx(2 * np.cosh(1) - 2, rel=1e-5)


def test_reversed_gradient_and_the_discriminator_learns() -> None:
    x = torch.ones(3, requires_grad=True)
    reverse_gradient(x, 2.0).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [-2.0, -2.0, -2.0]
    torch.manual_seed(0)
    batch = make(2.0, torch.float32)
    for map_ in ("concatenate", "multilinear"):
        penalty = DomainAdversarial(
            "scanner", n_features=3, n_groups=2, given=["outcome"], n_given=2, map=map_
        )
        first = val(penalty(batch))
        optimiser = torch.optim.Adam(penalty.parameters(), lr=0.02)
        for _ in range(150):
            optimiser.zero_grad()
            penalty(batch).backward()
            optimiser.step()
        assert val(penalty(batch)) < 0.6 * first
    with pytest.raises(InvalidInputError, match="both or neither"):
        DomainAdversarial("scanner", n_features=3, n_groups=2, given=["outcome"])


def test_bad_batches_are_named() -> None:
    batch = make(0.0)
    with pytest.raises(UnknownNameError, match="did you mean 'scanner'"):
        MMD("scaner")(batch)
    with pytest.raises(InvalidInputError, match="continuous variable has no groups"):
        MMD("age")(batch)
    with pytest.raises(InvalidInputError, match="240 outcomes"):
        Batch(batch.features[:5], batch.logits, batch.outcome)
    with pytest.raises(InvalidInputError, match="use HSIC"):
        HSCIC("age", given=[])


def test_statements_are_said() -> None:
    assert ConditionalMMD("scanner", given=["y"]).statement == "features ⊥ scanner | y"
    assert "features ⊥ scanner" in repr(MMD("scanner"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_distances_in_many_dimensions_are_those_of_the_differences(dtype: torch.dtype) -> None:
    draw = torch.Generator().manual_seed(0)
    x = 50.0 + torch.randn(40, 24, generator=draw, dtype=torch.float64)
    y = 50.0 + torch.randn(30, 24, generator=draw, dtype=torch.float64)
    x[1] = x[0]
    for other in (None, y):
        wanted = ((x[:, None] - (x if other is None else other)[None]) ** 2).sum(-1)
        found = squared_distances(x.to(dtype), None if other is None else other.to(dtype))
        assert torch.allclose(found.double(), wanted, rtol=1e-4, atol=2e-3)
        assert bool((found >= 0).all())
    own = squared_distances(x.to(dtype))
    assert bool((own.diagonal() == 0).all()) and float(own[0, 1]) == 0.0
    same = x.to(dtype)[:1].repeat(20, 1) * 7.3
    assert float(squared_distances(same).abs().max()) == 0.0
    leaf = x[2:10].clone().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda v: squared_distances(v), (leaf,))


def test_the_scale_of_a_large_batch_is_close_to_that_of_all_rows() -> None:
    x = torch.randn(900, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    distances = squared_distances(x)
    whole = distances[distances > 0].median()
    assert abs(float(median_scale(distances) / whole) - 1) < 0.1
    few = distances[:200, :200]
    assert float(median_scale(few)) == float(few[few > 0].median())
    assert float(median_scale(torch.zeros(3, 3))) == 1.0


def test_a_fixed_scale_feels_the_unit_of_the_features_and_the_median_does_not() -> None:
    one = example_batch(1.0)
    ten = Batch(10 * one.features, one.logits, one.outcome, one.variables)
    free = ConditionalMMD("scanner", given=["outcome"])
    fixed = ConditionalMMD("scanner", given=["outcome"], scale=1.0, unbiased=False)
    assert free(ten).item() == pytest.approx(free(one).item(), rel=1e-6)
    assert fixed(ten).item() != pytest.approx(fixed(one).item(), rel=0.1)
    small = Batch(1e-3 * one.features, one.logits, one.outcome, one.variables)
    assert fixed(small).item() < 1e-4 < fixed(one).item()
    x, a = torch.tensor([[0.0], [1.0]]), torch.tensor([0, 1])
    by_hand = ConditionalMMD("scanner", min_group=1, unbiased=False, bandwidths=(1.0,), scale=2.0)
    value = by_hand(Batch(x, x[:, 0], a, {"scanner": a})).item()
    assert value == pytest.approx(2 - 2 * np.exp(-0.25))
    with pytest.raises(InvalidInputError, match="scale"):
        MMD("site", scale=0.0)
