"""The networks' loss, group norms and slopes against differences and plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from causalimg.kernels import mlp, reference

LAYOUT = mlp.Layout(4, 3)


def _given() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, 4, LAYOUT.width)), rng.normal(size=(25, 4))


@pytest.mark.parametrize("name", ["equal", "likelihood", "targets", "acyclicity"])
def test_gradients_equal_finite_differences(name: str) -> None:
    theta, data = _given()
    rng = np.random.default_rng(1)
    nodes = rng.normal(size=(2, 25, 4))

    def function(at: Any) -> tuple[Any, Any]:
        if name == "acyclicity":
            return mlp.mlp_acyclicity(0.3 * at, LAYOUT)[0], 0.3 * mlp.mlp_acyclicity(
                0.3 * at, LAYOUT
            )[1]
        return mlp.mlp_loss(
            at, data, LAYOUT, ridge=0.1, equal_variance=name == "equal",
            targets=nodes if name == "targets" else None,
        )  # fmt: skip

    slope = function(theta)[1]
    for _ in range(6):
        step = rng.normal(size=theta.shape)
        ahead, behind = (function(theta + e * step)[0] for e in (1e-6, -1e-6))
        np.testing.assert_allclose((ahead - behind) / 2e-6, (slope * step).sum((1, 2)), rtol=1e-5)


def test_predictions_and_slopes_are_those_of_a_plain_loop() -> None:
    theta, data = _given()
    got, slopes = mlp.mlp_predict(theta, data, LAYOUT), mlp.mlp_slopes(theta, data, LAYOUT)
    strength = mlp.mlp_strength(theta, LAYOUT)

    def node(b: int, j: int, rows: Any) -> Any:
        row = theta[b, j]
        first, shift, second = row[:12].reshape(3, 4), row[12:15], row[15:18]
        return (1 / (1 + np.exp(-(rows @ first.T + shift)))) @ second + row[18]

    for b in range(2):
        for j in range(4):
            np.testing.assert_allclose(got[b, :, j], node(b, j, data))
            for i in range(4):
                step = 1e-6 * np.eye(4)[i]
                change = node(b, j, data + step) - node(b, j, data - step)
                assert slopes[b, i, j] == pytest.approx(change.mean() / 2e-6, rel=1e-5)
                norm = np.linalg.norm(theta[b, j, :12].reshape(3, 4)[:, i])
                assert strength[b, i, j] == pytest.approx(norm)


def test_the_acyclicity_is_that_of_the_norms() -> None:
    theta, _ = _given()
    strength = mlp.mlp_strength(theta, LAYOUT)
    np.testing.assert_allclose(
        mlp.mlp_acyclicity(theta, LAYOUT)[0], reference.exponential(strength)[0]
    )


def test_a_node_alone_is_its_share_of_the_loss() -> None:
    theta, data = _given()
    whole = mlp.mlp_loss(theta, data, LAYOUT, ridge=0.2, equal_variance=False)
    parts = mlp.mlp_loss(
        theta[0][:, None], data, LAYOUT, ridge=0.2, equal_variance=False,
        targets=data.T[:, :, None],
    )  # fmt: skip
    assert parts[0].sum() == pytest.approx(whole[0][0])
    np.testing.assert_allclose(parts[1][:, 0], whole[1][0])
