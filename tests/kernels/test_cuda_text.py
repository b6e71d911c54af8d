"""The CUDA text without a GPU: compiled as C++ and run with threads, and compiled by NVRTC."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from causalimg.discovery.lagrangian import CENTRAL_PATH, relax
from causalimg.discovery.orders import order_of
from causalimg.kernels import cuda, fused, reference
from causalimg.kernels.lasso import lasso_given_order
from causalimg.kernels.order_search import combined_factor, search_order

THREADS = 4
_HOST = """
#include <barrier>
#include <cmath>
#include <thread>
#include <vector>
#define CAUSALIMG_HOST
#define __global__
#define __device__ static
struct Index { int x; };
static thread_local Index threadIdx, blockIdx;
static Index blockDim, gridDim;
static std::barrier<>* gate;
static double* host_arena;
#define __syncthreads() gate->arrive_and_wait()
#define ARENA double* arena = host_arena
%s
template <class F> void launch(int blocks, int threads, F body) {
  std::vector<double> memory(1 << 16);
  host_arena = memory.data();
  blockDim.x = threads;
  gridDim.x = blocks;
  for (int block = 0; block < blocks; ++block) {
    std::barrier<> here(threads);
    gate = &here;
    std::vector<std::thread> all;
    for (int t = 0; t < threads; ++t)
      all.emplace_back([&, t] {
        threadIdx.x = t;
        blockIdx.x = block;
        body();
        here.arrive_and_drop();
      });
    for (auto& one : all) one.join();
  }
}
extern "C" void host_search(int blocks, int threads, double* f, int* o, unsigned char* b, int has,
                            int* v, int ns, int d, double tol, double* s, int* r) {
  launch(blocks, threads, [&] { search_orders(f, o, b, has, v, ns, d, tol, s, r); });
}
extern "C" void host_lasso(int blocks, int threads, double* c, int* o, unsigned char* a, double* p,
                           int stride, int nb, int d, double* be, double* ob, int* st,
                           double* w) {
  launch(blocks, threads, [&] { solve_lassos(c, o, a, p, stride, nb, d, be, ob, st, w); });
}
extern "C" void host_relax(int blocks, int threads, double* c, double* p, int stride, double* f,
                           int nb, int d, int ns, double* sh, double* sc, double tol, int mt,
                           int mem, double* w, double* ob, double* h, int* ti, double* work) {
  launch(blocks, threads, [&] {
    relax_logdet(c, p, stride, f, nb, d, ns, sh, sc, tol, mt, mem, w, ob, h, ti, work);
  });
}
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The kernels as a shared library: the threads of a block are threads of the CPU."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler here")
    folder = tmp_path_factory.mktemp("host")
    (folder / "host.cpp").write_text(_HOST % (cuda.source() + cuda.source("fused")))
    command = [compiler, "-std=c++20", "-O1", "-pthread", "-shared", "-fPIC"]
    done = subprocess.run(
        [*command, str(folder / "host.cpp"), "-o", str(folder / "host.so")],
        capture_output=True, text=True,
    )  # fmt: skip
    if "barrier: No such file" in done.stderr:
        pytest.skip("the C++ compiler has no std::barrier")
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(folder / "host.so"))


def _at(array: Any) -> Any:
    return array.ctypes.data_as(ctypes.c_void_p)


def _covs(n_batch: int, d: int) -> Any:
    rng = np.random.default_rng(d)
    mix = np.triu(rng.normal(size=(n_batch, d, d)), 1) / 2 + np.eye(d)
    rows = rng.normal(size=(n_batch, 20 * d, d)) @ mix[:, :, rng.permutation(d)]
    return np.ascontiguousarray(np.swapaxes(rows, 1, 2) @ rows / (20 * d))


def _searched(host: Any, covs: Any, starts: Any, before: Any, visits: Any, threads: int) -> Any:
    n_batch, d = starts.shape
    factor = np.stack([combined_factor(c, s) for c, s in zip(covs, starts, strict=True)])
    order = starts.astype(np.int32)
    scores, running = np.zeros(n_batch), np.ones(n_batch, dtype=np.int32)
    mask = np.ascontiguousarray(before, dtype=np.uint8)
    turns = np.ascontiguousarray(visits, dtype=np.int32)
    host.host_search(
        n_batch, threads, _at(factor), _at(order), _at(mask), int(before.any()), _at(turns),
        len(turns), d, ctypes.c_double(1e-9), _at(scores), _at(running),
    )  # fmt: skip
    return order, scores, running, factor


@pytest.mark.parametrize("d", [2, 7, 12])
@pytest.mark.parametrize("threads", [1, THREADS])
@pytest.mark.parametrize("bound", [False, True])
def test_the_search_of_the_device_is_that_of_the_cpu(
    host: Any, d: int, threads: int, bound: bool
) -> None:
    rng = np.random.default_rng(0)
    covs = _covs(3, d)
    before = np.zeros((d, d), dtype=bool)
    if bound:
        before[: d // 2, d - 1] = True
    starts = np.stack([np.arange(d)] * 3)
    visits = rng.permuted(np.tile(np.arange(d), (7, 1)), axis=1)
    order, scores, running, factor = _searched(host, covs, starts, before, visits, threads)
    closed = before if before.any() else np.zeros((0, 0), dtype=bool)
    for k in range(3):
        mine = search_order(covs[k], starts[k], closed, visits, 1e-9)
        assert order[k].tolist() == mine[0].tolist()
        assert scores[k] == pytest.approx(mine[1], rel=1e-10)
        fresh = combined_factor(covs[k], order[k].astype(np.int64))
        np.testing.assert_allclose(factor[k], fresh, atol=1e-8)
        assert not running[k] or mine[2] == 7


def test_a_problem_that_is_done_is_left_alone(host: Any) -> None:
    covs = _covs(1, 5)
    starts = np.arange(5)[None]
    visits = np.tile(np.arange(5), (3, 1))
    first = _searched(host, covs, starts, np.zeros((5, 5), bool), visits, 4)
    again = _searched(host, covs, first[0].astype(np.int64), np.zeros((5, 5), bool), visits, 4)
    np.testing.assert_array_equal(first[0], again[0])
    assert not again[2].any()


@pytest.mark.parametrize("lam", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("threads", [1, THREADS])
@pytest.mark.parametrize("shared", [True, False])
def test_the_lasso_of_the_device_is_that_of_the_cpu(
    host: Any, lam: float, threads: int, shared: bool
) -> None:
    n_batch, d = 3, 12
    rng = np.random.default_rng(1)
    covs = _covs(n_batch, d)
    orders = np.stack([rng.permutation(d) for _ in range(n_batch)])
    allowed = rng.random((d, d)) < 0.8
    penalty = np.full((n_batch, d, d), lam)
    penalty[:, 3, 4] = 0.0
    if not shared:
        penalty *= np.array([1.0, 0.5, 2.0])[:, None, None]
    blocks = 5
    beta, objective = np.zeros((n_batch, d, d)), np.zeros((n_batch, d))
    status, work = np.full((n_batch, d), 9, dtype=np.int32), np.zeros((blocks, d, d))
    order, mask = orders.astype(np.int32), np.ascontiguousarray(allowed, dtype=np.uint8)
    host.host_lasso(
        blocks, threads, _at(covs), _at(order), _at(mask), _at(penalty),
        0 if shared else d * d, n_batch, d, _at(beta),
        _at(objective), _at(status), _at(work),
    )  # fmt: skip
    for k in range(n_batch):
        mine = lasso_given_order(covs[k], orders[k], allowed, penalty[k], np.zeros((d, d)))
        np.testing.assert_allclose(beta[k], mine[0], atol=1e-10)
        np.testing.assert_allclose(objective[k], mine[1], rtol=1e-10)
    assert (status == 0).all()


def _relaxed(
    host: Any, covs: Any, penalty: Any, free: Any, *, threads: int, tolerance: float, ticks: int
) -> Any:
    n_batch, d = covs.shape[:2]
    path = np.array(CENTRAL_PATH)
    shares, scales = (np.ascontiguousarray(column) for column in path.T)
    weights, memory = np.zeros((n_batch, d, d)), 10
    objective, h = np.zeros((n_batch, len(path))), np.zeros((n_batch, len(path)))
    count = np.zeros((n_batch, len(path)), dtype=np.int32)
    work = np.full((2, (4 + 2 * memory) * d * d), np.nan)  # nothing is read before it is written
    host.host_relax(
        2, threads, _at(covs), _at(penalty), d * d if penalty.ndim == 3 else 0, _at(free), n_batch,
        d, len(path), _at(shares), _at(scales), ctypes.c_double(tolerance), ticks, memory,
        _at(weights), _at(objective), _at(h), _at(count), _at(work),
    )  # fmt: skip
    return weights, objective, h, count


@pytest.mark.parametrize("threads", [1, THREADS])
@pytest.mark.parametrize("d", [2, 5])
def test_the_fused_path_takes_the_steps_of_the_arrays(host: Any, threads: int, d: int) -> None:
    covs = _covs(3, d)
    free = 1.0 - np.eye(d)
    free[0, 1] = 0.0
    penalty = np.full((3, d, d), 0.1) * np.array([1.0, 0.3, 3.0])[:, None, None]
    # few evaluations: later, rounding tells two ways of adding up apart
    got = _relaxed(host, covs, penalty, free, threads=threads, tolerance=1e-9, ticks=25)
    for k in range(3):
        mine = relax(
            lambda w, k=k: reference.least_squares(w, covs[k : k + 1]), penalty[k : k + 1], free,
            np.zeros((1, d, d)), constraint="logdet", h_tolerance=1e-3, tolerance=1e-9,
            max_iter=25,
        )  # fmt: skip
        np.testing.assert_allclose(got[0][k], mine.weights[0], atol=1e-7)
        for stage, said in enumerate(mine.stages):
            assert got[1][k, stage] == pytest.approx(said["objective"][0], rel=1e-8)
            assert got[2][k, stage] == pytest.approx(said["h"][0], rel=1e-6, abs=1e-9)
            assert 1 <= got[3][k, stage] <= 25  # at zero to the last digit it ends earlier


def test_the_fused_path_ends_at_the_optimum_of_the_arrays(host: Any) -> None:
    covs, free, penalty = _covs(2, 6), 1.0 - np.eye(6), np.full((6, 6), 0.1)
    got = _relaxed(host, covs, penalty, free, threads=1, tolerance=1e-10, ticks=2000)
    mine = relax(
        lambda w: reference.least_squares(w, covs), penalty, free, np.zeros((2, 6, 6)),
        constraint="logdet", h_tolerance=1e-3, tolerance=1e-10, max_iter=2000,
    )  # fmt: skip
    np.testing.assert_allclose(got[1][:, -1], mine.stages[-1]["objective"], rtol=1e-4)
    # on nearly acyclic weights the least cost is that of the exact lassos
    for k in range(2):
        order, _ = order_of(got[0][k], np.zeros((6, 6), dtype=bool))
        allowed = ~np.eye(6, dtype=bool)
        exact = lasso_given_order(covs[k], order, allowed, penalty, np.zeros((6, 6)))[1].sum()
        assert got[1][k, -1] == pytest.approx(exact, rel=0.02)


def test_the_fused_path_fits_98_columns_of_a_hopper() -> None:
    limit = 227 * 1024
    assert fused.fused_memory(98) <= limit < fused.fused_memory(99)
    assert fused.fused_memory(2) >= 8 * (8 + 256)


def _nvrtc() -> Any:
    nvrtc = pytest.importorskip("cuda.bindings.nvrtc", reason="cuda-bindings is not installed")
    try:
        nvrtc.nvrtcVersion()
    except RuntimeError as error:
        pytest.skip(f"NVRTC itself is not installed ({error})")
    return nvrtc


@pytest.mark.parametrize("text", ["orders", "fused"])
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90", "sm_100"])
def test_nvrtc_compiles_the_text(text: str, architecture: str) -> None:
    nvrtc = _nvrtc()
    _, program = nvrtc.nvrtcCreateProgram(cuda.source(text).encode(), b"text.cu", 0, [], [])
    options = [f"--gpu-architecture={architecture}".encode(), b"--std=c++11"]
    (code,) = nvrtc.nvrtcCompileProgram(program, len(options), options)
    _, size = nvrtc.nvrtcGetProgramLogSize(program)
    log = b" " * size
    nvrtc.nvrtcGetProgramLog(program, log)
    assert int(code) == 0, log.decode()
    assert nvrtc.nvrtcGetCUBINSize(program)[1] > 1000


@pytest.mark.parametrize("text", ["orders", "fused"])
def test_the_text_is_read_with_the_package(text: str) -> None:
    assert Path(cuda.__file__).with_name(f"{text}.cu").read_text() == cuda.source(text)
