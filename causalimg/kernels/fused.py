"""The fused continuous search of small problems on a CUDA device: the launch of ``fused.cu``."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from causalimg.kernels.cuda import raw_kernel

Array = Any
_THREADS = 256


def fused_memory(d: int) -> int:
    """Return the shared memory that `relax_fused` needs for d columns, in bytes."""
    return 8 * (2 * d * d + max(d * d, _THREADS))


@cache
def _shared_limit() -> int:
    cupy = import_module("cupy")
    limits = cupy.cuda.Device().attributes
    return int(limits["MaxSharedMemoryPerBlockOptin"])


def fits_fused(d: int, constraint: str) -> bool:
    """Whether `relax_fused` takes the problem: up to 98 columns where a block has 227 KB."""
    return constraint == "logdet" and fused_memory(d) <= _shared_limit()


def relax_fused(
    cov: Array,
    penalty: Array,
    free: Array,
    start: Array,
    path: Any,
    *,
    tolerance: float,
    max_ticks: int,
    memory: int = 10,
) -> tuple[Array, Array, Array, Array]:
    """Follow the central path of each problem of a batch in one launch, one block for each.

    Parameters
    ----------
    cov, start : array, shape (n_batch, d, d)
    penalty : array, shape (d, d) or (n_batch, d, d)
    free : array, shape (d, d)
    path : sequence of (share, s)
        Of each stage: the weight of the objective and the scale of the log-determinant.
    tolerance, max_ticks, memory
        As in `quasi_newton.minimise`; ``memory`` is at most 16.

    Returns
    -------
    weights : array, shape (n_batch, d, d)
    objective, h : array, shape (n_batch, n_stages)
    ticks : array of int32, shape (n_batch, n_stages)
    """
    cupy = import_module("cupy")
    n_batch, d = cov.shape[:2]
    shares, scales = (cupy.asarray(list(one), dtype=float) for one in zip(*path, strict=True))
    weights = cupy.array(start, dtype=cupy.float64, order="C")
    shape = (n_batch, len(shares))
    objective, h = cupy.zeros(shape), cupy.zeros(shape)
    ticks = cupy.zeros(shape, dtype=cupy.int32)
    each = (4 + 2 * memory) * d * d
    blocks = int(min(n_batch, 1024, max(1, (4 << 30) // (8 * each))))
    shared = fused_memory(d)
    raw_kernel("relax_logdet", shared, "fused")(
        (blocks,), (_THREADS,),
        (cupy.ascontiguousarray(cov), cupy.ascontiguousarray(penalty),
         np.int32(d * d if penalty.ndim == 3 else 0), cupy.ascontiguousarray(free),
         np.int32(n_batch), np.int32(d), np.int32(len(shares)), shares, scales,
         np.float64(tolerance), np.int32(max_ticks), np.int32(memory), weights, objective, h,
         ticks, cupy.empty(blocks * each)),
        shared_mem=shared,
    )  # fmt: skip
    return weights, objective, h, ticks
