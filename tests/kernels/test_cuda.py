"""The CuPy kernels: against NumPy on a device, and what surrounds them without one."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

from causalimg.discovery.bootstrap import BootstrapDiscovery
from causalimg.discovery.lagrangian import CENTRAL_PATH, relax
from causalimg.discovery.notears import NOTEARS
from causalimg.errors import InvalidInputError, MissingDependencyError
from causalimg.kernels import cuda, fused, reference
from causalimg.kernels.device import choose_device, log_fallback
from causalimg.kernels.lasso import lasso_given_order
from causalimg.kernels.order_search import combined_factor, search_order

needs_device = pytest.mark.skipif(cuda.fault() is not None, reason=f"no device: {cuda.fault()}")


def _problem(n_batch: int, d: int) -> Any:
    rng = np.random.default_rng(d)
    rows = rng.normal(size=(n_batch, 20 * d, d)) @ rng.normal(size=(n_batch, d, d))
    return rng, np.swapaxes(rows, 1, 2) @ rows / (20 * d), 0.2 * rng.normal(size=(n_batch, d, d))


@needs_device
def test_values_and_gradients_agree_with_numpy() -> None:
    _, cov, weights = _problem(4, 9)
    there = [cuda.to_device(a) for a in (weights, cov)]
    for name, arrays in (
        ("least_squares", (weights, cov)),
        ("exponential", (weights,)),
        ("squaring", (weights,)),
        ("logdet", (weights,)),
    ):
        mine = getattr(reference, name)(*arrays)
        other = getattr(cuda, name)(*there[: len(arrays)])
        for a, b in zip(mine, other, strict=True):
            np.testing.assert_allclose(b.get(), a, rtol=1e-10, atol=1e-12)
    for equal in (True, False):
        mine = reference.golem(weights, cov, equal_variance=equal)
        other = cuda.golem(*there, equal_variance=equal)
        np.testing.assert_allclose(other[1].get(), mine[1], rtol=1e-9, atol=1e-10)


@needs_device
def test_steps_agree_with_numpy() -> None:
    rng, _, weights = _problem(3, 7)
    weights[rng.random(weights.shape) < 0.5] = 0.0
    slope, penalty = rng.normal(size=weights.shape), np.full((7, 7), 0.4)
    length = np.array([0.1, 1.0, 3.0])[:, None, None]
    mine = reference.pseudo_gradient(weights, slope, penalty)
    there = [cuda.to_device(a) for a in (weights, slope, penalty, mine, length)]
    got = cuda.pseudo_gradient(*there[:3])
    np.testing.assert_allclose(got.get(), mine, atol=1e-14)
    step = cuda.orthant_step(there[0], there[3], -there[3], there[4])
    np.testing.assert_allclose(
        step.get(), reference.orthant_step(weights, mine, -mine, length), atol=1e-14
    )
    soft = cuda.soft_threshold(there[1], there[2])
    np.testing.assert_allclose(soft.get(), reference.soft_threshold(slope, penalty), atol=1e-14)


@needs_device
def test_orders_and_lassos_agree_with_the_cpu() -> None:
    rng, cov, _ = _problem(5, 40)
    starts = np.stack([rng.permutation(40) for _ in range(5)])
    visits = rng.permuted(np.tile(np.arange(40), (50, 1)), axis=1)
    before = np.zeros((40, 40), dtype=bool)
    there = cuda.to_device(cov)
    order, score, running = cuda.search_orders(there, starts, before, visits, 1e-9)
    assert not running.get().any()
    allowed, penalty = ~np.eye(40, dtype=bool), np.full((40, 40), 0.1)
    beta, objective, status = cuda.solve_lassos(there, order, allowed, penalty)
    assert not status.get().any()
    for k in range(5):
        mine = search_order(cov[k], starts[k], np.zeros((0, 0), bool), visits, 1e-9)
        assert order[k].get().tolist() == mine[0].tolist()
        assert float(score[k]) == pytest.approx(mine[1], rel=1e-10)
        solved = lasso_given_order(cov[k], mine[0], allowed, penalty, np.zeros((40, 40)))
        np.testing.assert_allclose(beta[k].get(), solved[0], atol=1e-8)
        np.testing.assert_allclose(objective[k].get(), solved[1], rtol=1e-9)
    factor = cuda.combined_factors(there, cuda.to_device(starts))
    np.testing.assert_allclose(factor[0].get(), combined_factor(cov[0], starts[0]), atol=1e-8)


@needs_device
def test_the_estimator_gives_the_same_graph_on_both_devices() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(500, 8)) @ np.triu(rng.normal(size=(8, 8))))
    for solver in ("order", "alm"):
        graphs = [
            NOTEARS(standardize=False, solver=solver, device=device).fit(table).graph_
            for device in ("cpu", "cuda")
        ]
        np.testing.assert_array_equal(graphs[0].marks, graphs[1].marks)


class Memory(Exception):
    """Stands for the device's out-of-memory error."""


def test_a_batch_that_does_not_fit_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "_memory_error", lambda: Memory)
    sizes: list[int] = []

    def solve(part: Any) -> Any:
        sizes.append(len(part))
        if len(part) > 3:
            raise Memory
        return part

    parts = cuda.in_batches(solve, np.arange(10), 10)
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(10))
    assert sizes[:3] == [10, 5, 3] and max(sizes[2:]) == 3
    with pytest.raises(Memory):
        cuda.in_batches(lambda part: solve(np.arange(9)), np.arange(2), 2)


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that is the CPU: what the kernels do is tested elsewhere, here how they are used."""

    def search(cov: Any, start: Any, before: Any, visits: Any, tolerance: float) -> Any:
        closed = before if before.any() else np.zeros((0, 0), dtype=bool)
        found = [
            search_order(c, s, closed, visits, tolerance) for c, s in zip(cov, start, strict=True)
        ]
        order, score = np.stack([f[0] for f in found]), np.array([f[1] for f in found])
        return order, score, np.zeros(len(score), dtype=np.int32)

    def lassos(cov: Any, order: Any, allowed: Any, penalty: Any) -> Any:
        found = [
            lasso_given_order(c, o, allowed, p, np.zeros_like(c))
            for c, o, p in zip(cov, order, penalty, strict=True)
        ]
        status = np.array([[f[2]] for f in found])
        return np.stack([f[0] for f in found]), np.stack([f[1] for f in found]), status

    def relaxed(
        cov: Any, penalty: Any, free: Any, start: Any, path: Any, *, tolerance: float,
        max_ticks: int,
    ) -> Any:  # fmt: skip
        assert path == CENTRAL_PATH
        found = relax(
            lambda weights: reference.least_squares(weights, cov), penalty, free, start,
            constraint="logdet", h_tolerance=0.0, tolerance=tolerance, max_iter=max_ticks,
        )  # fmt: skip
        objective, h = (
            np.stack([stage[key] for stage in found.stages], axis=1) for key in ("objective", "h")
        )
        return found.weights, objective, h, np.full(h.shape, 7, dtype=np.int32)

    monkeypatch.setattr(cuda, "fault", lambda: None)
    monkeypatch.setattr(fused, "_shared_limit", lambda: 227 * 1024)
    monkeypatch.setattr(fused, "relax_fused", relaxed)
    monkeypatch.setattr(cuda, "to_device", np.asarray)
    monkeypatch.setattr(cuda, "search_orders", search)
    monkeypatch.setattr(cuda, "solve_lassos", lassos)


@pytest.mark.parametrize(
    ("solver", "constraint"),
    [("order", "logdet"), ("alm", "logdet"), ("alm", "squaring"), ("best", "logdet")],
)
def test_the_way_over_the_device_leads_to_the_same_graphs(
    pretend: None, solver: str, constraint: str
) -> None:
    rng = np.random.default_rng(1)
    mix = np.triu(rng.normal(size=(6, 6)), 1) + np.eye(6)
    table = pd.DataFrame(rng.normal(size=(400, 6)) @ mix)
    found = {
        device: NOTEARS(standardize=False, solver=solver, constraint=constraint, device=device)
        for device in ("cpu", "cuda")
    }
    boots = {}
    for device, model in found.items():
        model.fit(table)
        boots[device] = BootstrapDiscovery(model, n_bootstrap=12, random_state=0).fit(table)
    assert found["cuda"].stats_["device"] == "cuda"
    stages = found["cuda"].stats_["stages"]
    assert (solver != "order" and stages[0]["iterations"] == 7) == (
        solver != "order" and constraint == "logdet"
    )
    np.testing.assert_allclose(found["cpu"].graph_.weights, found["cuda"].graph_.weights)
    # a batch takes the steps of its slowest problem, so that near ties may end differently
    assert np.abs(boots["cpu"].support_ - boots["cuda"].support_).max() < 0.2


@pytest.mark.parametrize("how", ["bic", "stability"])
def test_a_path_over_the_device_chooses_as_on_the_cpu(pretend: None, how: str) -> None:
    rng = np.random.default_rng(2)
    mix = np.triu(rng.normal(size=(6, 6)), 1) + np.eye(6)
    table = pd.DataFrame(rng.normal(size=(300, 6)) @ mix)
    settings: dict[str, Any] = {"lambda1": how, "standardize": False, "solver": "order"}
    here, there = (NOTEARS(**settings, device=d).fit(table) for d in ("cpu", "cuda"))
    assert here.stats_["lambda1"] == there.stats_["lambda1"]
    np.testing.assert_array_equal(here.graph_.marks, there.graph_.marks)


@needs_device
@pytest.mark.parametrize("d", [5, 40, 98])
def test_the_fused_path_agrees_with_the_arrays_on_the_device(d: int) -> None:
    _, cov, _ = _problem(3, d)
    free, penalty = 1.0 - np.eye(d), np.full((d, d), 0.1)
    if not fused.fits_fused(d, "logdet"):
        pytest.skip("a block of this device has too little shared memory")
    there = [cuda.to_device(a) for a in (cov, penalty, free, np.zeros_like(cov))]
    got = fused.relax_fused(*there, CENTRAL_PATH, tolerance=1e-8, max_ticks=20)
    mine = relax(
        lambda weights: reference.least_squares(weights, cov), penalty, free, np.zeros_like(cov),
        constraint="logdet", h_tolerance=1e-3, tolerance=1e-8, max_iter=20,
    )  # fmt: skip
    for stage, said in enumerate(mine.stages):
        np.testing.assert_allclose(got[1][:, stage].get(), said["objective"], rtol=1e-6)
    assert not fused.fits_fused(d, "squaring") and not fused.fits_fused(200, "logdet")


def test_device_settings(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    monkeypatch.setattr(cuda, "fault", lambda: "the driver is too old")
    assert choose_device("cpu") == "cpu"
    log_fallback.cache_clear()
    with caplog.at_level(logging.INFO, logger="causalimg"):
        assert choose_device("auto", worth=False) == "cpu"
        assert not caplog.messages
        assert choose_device("auto") == "cpu"
        assert choose_device("auto") == "cpu"
    assert caplog.messages == ["no CUDA device (the driver is too old); using the CPU"]
    with pytest.raises(MissingDependencyError, match=r"too old.*causalimg\[cuda12\]"):
        choose_device("cuda")
    with pytest.raises(InvalidInputError, match="device='tpu' is not one of 'auto', 'cpu'"):
        choose_device("tpu")
    monkeypatch.setattr(cuda, "fault", lambda: None)
    assert choose_device("auto") == "cuda"


class _Pretended:
    """Stands for CuPy: its first allocation raises."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def zeros(self, n: int) -> Any:
        raise self.error


def test_a_fault_of_the_driver_is_said_and_any_other_is_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class CUDARuntimeError(RuntimeError):
        pass

    CUDARuntimeError.__module__ = "cupy_backends.cuda.api.runtime"
    for error, said in (
        (CUDARuntimeError("cudaErrorInsufficientDriver"), "no device answers .*Insufficient"),
        (ImportError("libcudart"), "CuPy cannot be imported .libcudart"),
    ):
        monkeypatch.setitem(sys.modules, "cupy", _Pretended(error))
        found = cuda.fault()
        assert found is not None and re.search(said, found)
    monkeypatch.setitem(sys.modules, "cupy", _Pretended(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        cuda.fault()
