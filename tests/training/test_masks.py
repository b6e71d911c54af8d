"""Masks: the Jacobian's support is the graph's, no more and no less."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from causalimg.errors import InvalidInputError
from causalimg.training.masks import AdditiveHead, MaskedLinear, MaskedMLP, factorize


def test_jacobian_support_equals_the_graph_on_random_dags() -> None:
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    for _ in range(200):
        d = int(rng.integers(2, 9))
        order = rng.permutation(d)
        adjacency = np.triu(rng.random((d, d)) < rng.uniform(0.1, 0.7), 1)[np.ix_(order, order)]
        depth = int(rng.integers(1, 4))
        net = MaskedMLP(adjacency.T, hidden=[d + int(rng.integers(0, 9))] * depth).double()
        points = torch.tensor(rng.normal(size=(2, d)), requires_grad=True)
        rows = [torch.autograd.grad(net(points)[:, k].sum(), points)[0] for k in range(d)]
        jacobian = torch.stack(rows).abs().sum(dim=1)
        assert ((jacobian > 1e-12).numpy() == adjacency.T).all()


def test_a_chain_sees_its_parent_and_no_ancestor() -> None:
    chain = np.diag([True] * 3, -1)
    masks = factorize(chain, [6, 6])
    product = masks[2].astype(int) @ masks[1].astype(int) @ masks[0].astype(int)
    assert ((product > 0) == chain).all()
    assert not product[3, 0] and not product[3, 1] and product[3, 2]


def test_too_narrow_a_layer_is_refused_and_none_is_the_graph_itself() -> None:
    with pytest.raises(InvalidInputError, match="at least 3"):
        factorize(np.diag([True] * 3, -1), [2])
    assert (factorize(np.eye(3), [])[0] == np.eye(3, dtype=bool)).all()
    nothing = MaskedMLP(np.zeros((2, 2)), hidden=[4])
    assert torch.equal(nothing(torch.zeros(1, 2)), nothing(torch.ones(1, 2)))


def test_masked_weights_never_move() -> None:
    layer = MaskedLinear([[1, 0], [1, 1]])
    layer(torch.randn(5, 2)).sum().backward()
    assert layer.weight.grad is not None
    assert float(layer.weight.grad[0, 1]) == 0.0 and float(layer.weight.grad[1, 1]) != 0.0


def test_additive_head_reads_parents_only_and_adds_up() -> None:
    torch.manual_seed(0)
    head = AdditiveHead(4, [0, 2])
    x = torch.randn(7, 4)
    changed = x.clone()
    changed[:, [1, 3]] += 5.0
    assert torch.equal(head(x), head(changed))
    one = x.clone()
    one[:, 0] += 1.0
    parts, moved = head.contributions(x), head.contributions(one)
    assert torch.equal(parts[:, 1], moved[:, 1]) and not torch.equal(parts[:, 0], moved[:, 0])
    assert torch.allclose(head(x), parts.sum(dim=1) + head.bias)
    with pytest.raises(InvalidInputError, match="columns from 0 to 3"):
        AdditiveHead(4, [4])
