"""Batches of resamples and of continuous searches, on the CPU or on a CUDA device."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.discovery.lagrangian import CENTRAL_PATH, Relaxed, relax
from causalimg.discovery.orders import OrderProblem
from causalimg.kernels import fused, reference

Float = NDArray[np.float64]


def relax_batch(
    problems: list[OrderProblem],
    *,
    constraint: str,
    h_tolerance: float,
    tolerance: float,
    max_iter: int,
    device: str,
    path: bool = False,
) -> list[Relaxed]:
    """Run the continuous search of problems of one size and one knowledge as a batch.

    A batch that does not fit the device's memory is halved. With ``path``, each problem starts on
    the CPU where the one before it ended.

    Returns
    -------
    list of Relaxed
        One entry each, with arrays in the memory of the CPU and a batch axis of length one.
    """
    cov = np.stack([problem.cov for problem in problems])
    penalty = np.stack([problem.penalty for problem in problems])
    free = problems[0].allowed.astype(np.float64)
    settings = (constraint, h_tolerance, tolerance, max_iter)
    parts: list[Relaxed] = []
    if device == "cuda":
        from causalimg.kernels import cuda

        def solve(rows: Any) -> Relaxed:
            there = [cuda.to_device(a) for a in (cov[rows], penalty[rows], free)]
            return _relax(there[0], there[1], there[2], None, settings, cuda)

        parts = cuda.in_batches(solve, np.arange(len(cov)), len(cov))
    else:
        # one after the other: on a CPU problems gain nothing from each other's company
        for k in range(len(cov)):
            start = parts[-1].weights if path and parts else None
            one = slice(k, k + 1)
            parts.append(_relax(cov[one], penalty[one], free, start, settings, reference))
    return [one for part in parts for one in one_each(part)]


def resampled_moments(matrix: Float, counts: Float, device: str) -> tuple[Float, Float]:
    """Return means and covariances of reweighted rows; see `reference.weighted_covariances`."""
    if device == "cpu":
        mean, cov = reference.weighted_covariances(matrix, counts)
        return mean, cov
    from causalimg.kernels import cuda

    rows = cuda.to_device(matrix)

    def solve(part: Float) -> tuple[Float, Float]:
        found = cuda.weighted_covariances(rows, cuda.to_device(part))
        return to_host(found[0]), to_host(found[1])

    parts = cuda.in_batches(solve, counts, len(counts))
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _relax(
    cov: Any, penalty: Any, free: Any, start: Any, settings: tuple[Any, ...], kernels: Any
) -> Relaxed:
    constraint, h_tolerance, tolerance, max_iter = settings
    xp = reference.array_module(cov)
    start = xp.zeros_like(cov) if start is None else start
    if kernels is not reference and fused.fits_fused(cov.shape[-1], constraint):
        weights, objective, h, ticks = fused.relax_fused(
            cov, penalty, free, start, CENTRAL_PATH, tolerance=tolerance, max_ticks=max_iter
        )
        stages = [
            {
                "weight": 1.0 / share + 0 * h[:, k], "h": h[:, k],
                "objective": objective[:, k], "iterations": ticks[:, k],
            }
            for k, (share, _) in enumerate(CENTRAL_PATH)
        ]  # fmt: skip
        return Relaxed(weights, stages, h[:, -1], h[:, -1] <= h_tolerance)
    return relax(
        lambda weights: kernels.least_squares(weights, cov),
        penalty,
        free,
        start,
        constraint=constraint,
        h_tolerance=h_tolerance,
        tolerance=tolerance,
        max_iter=max_iter,
        kernels=kernels,
    )


def one_each(part: Relaxed) -> list[Relaxed]:
    """Return the problems of a batch apart from each other, in the memory of the CPU."""
    weights, h, reached = (to_host(a) for a in (part.weights, part.h, part.reached))
    stages = [
        {key: value if np.ndim(value) == 0 else to_host(value) for key, value in stage.items()}
        for stage in part.stages
    ]
    return [
        Relaxed(
            weights[k : k + 1],
            [
                {key: v[k].item() if np.ndim(v) else int(v) for key, v in stage.items()}
                for stage in stages
            ],
            h[k : k + 1],
            reached[k : k + 1],
        )
        for k in range(len(weights))
    ]


def to_host(array: Any) -> Any:
    """Copy an array to the memory of the CPU."""
    return array.get() if hasattr(array, "get") else np.asarray(array)
