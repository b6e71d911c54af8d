"""The kernels on CuPy arrays, under the names of `reference`; importable without CuPy."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from causalimg.kernels import reference
from causalimg.kernels.reference import (
    exponential,
    exponential_trace,
    golem,
    least_squares,
    logdet,
    logistic,
    squaring,
    weighted_covariances,
)

__all__ = [
    "exponential", "exponential_trace", "golem", "least_squares", "logdet", "logistic",
    "orthant_step", "pseudo_gradient", "soft_threshold", "squaring", "weighted_covariances",
]  # fmt: skip

Array = Any
Part = TypeVar("Part")
_THREADS = 128
_SWEEPS = 8  # between fresh factors


def source(name: str = "orders") -> str:
    """Return a CUDA text: ``"orders"`` (order search, lasso) or ``"fused"`` (`fused`)."""
    return Path(__file__).with_name(f"{name}.cu").read_text()


def fault() -> str | None:
    """Try the device with one small array; return what is wrong, or None."""
    try:
        cupy = import_module("cupy")
        cupy.zeros(1).sum().item()
    except ImportError as error:
        return f"CuPy cannot be imported ({error})"
    except Exception as error:  # CuPy's own classes, which cannot be named without it
        if type(error).__module__.partition(".")[0] not in ("cupy_backends", "cupy"):
            raise
        return f"CuPy is installed and no device answers ({error})"
    return None


def to_device(array: Any) -> Array:
    """Copy an array to the device."""
    return import_module("cupy").asarray(array)


def in_batches(solve: Callable[[Any], Part], items: Any, size: int) -> list[Part]:
    """Apply ``solve`` to slices of ``items``, halving them when the device's memory is short.

    Parameters
    ----------
    solve : callable
    items : array
        Split along the first axis.
    size : int
        First size of the slices.
    """
    memory_error = _memory_error()
    out: list[Part] = []
    start = 0
    size = max(1, min(size, len(items)))
    while start < len(items):
        try:
            out.append(solve(items[start : start + size]))
            start += size
        except memory_error:
            if size == 1:
                raise
            size = (size + 1) // 2
            _free()
    return out


def _memory_error() -> type[BaseException]:
    try:
        error: type[BaseException] = import_module("cupy").cuda.memory.OutOfMemoryError
    except ImportError:
        return MemoryError
    return error


def _free() -> None:
    try:
        import_module("cupy").get_default_memory_pool().free_all_blocks()
    except ImportError:
        return


@cache
def _fused(name: str, inputs: str, output: str, body: str) -> Any:
    return import_module("cupy").ElementwiseKernel(inputs, output, body, f"causalimg_{name}")


def soft_threshold(values: Array, by: Array) -> Array:
    """As `reference.soft_threshold`, in one kernel."""
    if reference.array_module(values) is np:
        return reference.soft_threshold(values, by)
    body = "T s = abs(v) - b; out = s > 0 ? copysign(s, v) : T(0)"
    return _fused("soft", "T v, T b", "T out", body)(values, by)


def pseudo_gradient(weights: Array, gradient: Array, penalty: Array) -> Array:
    """As `reference.pseudo_gradient`, in one kernel."""
    if reference.array_module(weights) is np:
        return reference.pseudo_gradient(weights, gradient, penalty)
    body = """
        T s = abs(g) - p;
        out = w > 0 ? g + p : (w < 0 ? g - p : (s > 0 ? copysign(s, g) : T(0)))"""
    return _fused("pseudo", "T w, T g, T p", "T out", body)(weights, gradient, penalty)


def orthant_step(weights: Array, steepest: Array, direction: Array, length: Array) -> Array:
    """As `reference.orthant_step`, in one kernel."""
    if reference.array_module(weights) is np:
        return reference.orthant_step(weights, steepest, direction, length)
    body = "T x = w + t * r; T o = w != 0 ? w : -s; out = x * o > 0 ? x : T(0)"
    return _fused("orthant", "T w, T s, T r, T t", "T out", body)(
        weights, steepest, direction, length
    )


@cache
def _module(text: str) -> Any:
    return import_module("cupy").RawModule(code=source(text), options=("--std=c++11",))


def raw_kernel(name: str, shared: int, text: str = "orders") -> Any:
    """Return a kernel of a CUDA text, allowed its shared memory in bytes."""
    kernel = _module(text).get_function(name)
    if shared > 48 * 1024:
        kernel.max_dynamic_shared_size_bytes = shared
    return kernel


def combined_factors(cov: Array, order: Array) -> Array:
    """Return the factors of `order_search.combined_factor` for a batch, shape (n_batch, d, d)."""
    cupy = import_module("cupy")
    n_batch, d = order.shape
    at = cupy.arange(n_batch)[:, None, None]
    lower = cupy.linalg.cholesky(cov[at, order[:, :, None], order[:, None, :]])
    both = cupy.triu(cupy.swapaxes(lower, 1, 2)) + cupy.tril(cupy.linalg.inv(lower), -1)
    out = cupy.empty_like(both)
    out[at, cupy.arange(d)[None, :, None], order[:, None, :]] = both
    return out


def search_orders(
    cov: Array, start: Array, before: Any, visits: Any, tolerance: float
) -> tuple[Array, Array, Array]:
    """Search the order of each problem of a batch, one block of threads for each.

    Parameters
    ----------
    cov : array, shape (n_batch, d, d)
    start : array of int, shape (n_batch, d)
    before : array of bool, shape (d, d)
    visits : array of int, shape (n_sweeps, d)
    tolerance : float
        As in `order_search.search_order`.

    Returns
    -------
    order : array of int32, shape (n_batch, d)
    score : array, shape (n_batch,)
    running : array of int32, shape (n_batch,)
        1 where the sweeps ran out.
    """
    cupy = import_module("cupy")
    n_batch, d = start.shape
    order = cupy.asarray(start, dtype=cupy.int32)
    mask = cupy.asarray(before, dtype=cupy.uint8)
    turns = cupy.asarray(visits, dtype=cupy.int32)
    score = cupy.zeros(n_batch)
    running = cupy.ones(n_batch, dtype=cupy.int32)
    threads = _THREADS if d <= 256 else 4 * _THREADS
    shared = 8 * (3 * d + 3 * threads) + 4 * (3 * d + threads)
    kernel = raw_kernel("search_orders", shared)
    has = np.int32(bool(np.asarray(before).any()))
    for first in range(0, len(turns), _SWEEPS):
        part = cupy.ascontiguousarray(turns[first : first + _SWEEPS])
        factor = combined_factors(cov, order)
        kernel(
            (n_batch,), (threads,),
            (factor, order, mask, has, part, np.int32(len(part)), np.int32(d),
             np.float64(tolerance), score, running),
            shared_mem=shared,
        )  # fmt: skip
        if not bool(running.any()):
            break
    return order, score, running


def solve_lassos(
    cov: Array, order: Array, allowed: Any, penalty: Any
) -> tuple[Array, Array, Array]:
    """Solve the lasso of every node of every problem of a batch, one block for each.

    Parameters
    ----------
    cov : array, shape (n_batch, d, d)
    order : array of int32, shape (n_batch, d)
    allowed : array, shape (d, d)
        Row = effect.
    penalty : array, shape (d, d) or (n_batch, d, d)

    Returns
    -------
    beta : array, shape (n_batch, d, d)
        Row = effect.
    objective : array, shape (n_batch, d)
    status : array of int32, shape (n_batch, d)
    """
    cupy = import_module("cupy")
    n_batch, d = order.shape
    beta, objective = cupy.zeros((n_batch, d, d)), cupy.zeros((n_batch, d))
    status = cupy.zeros((n_batch, d), dtype=cupy.int32)
    room = max(1, (4 << 30) // (8 * d * d))
    blocks = int(min(n_batch * d, 2048, room))
    work = cupy.empty((blocks, d, d))
    shared = 8 * (3 * d + _THREADS) + 4 * (d + _THREADS + 2) + d + 8
    raw_kernel("solve_lassos", shared)(
        (blocks,), (_THREADS,),
        (cupy.ascontiguousarray(cov), cupy.asarray(order, dtype=cupy.int32),
         cupy.asarray(allowed, dtype=cupy.uint8),
         cupy.ascontiguousarray(cupy.asarray(penalty, dtype=cupy.float64)),
         np.int32(d * d if np.ndim(penalty) == 3 else 0), np.int32(n_batch), np.int32(d), beta,
         objective, status, work),
        shared_mem=shared,
    )  # fmt: skip
    return beta, objective, status
