"""Batches of resamples and of continuous searches, on the CPU or on a CUDA device."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.discovery.lagrangian import Relaxed, relax
from causalimg.discovery.orders import OrderProblem
from causalimg.kernels import reference

Float = NDArray[np.float64]


def relax_batch(
    problems: list[OrderProblem],
    *,
    constraint: str,
    h_tolerance: float,
    tolerance: float,
    max_iter: int,
    device: str,
) -> list[Relaxed]:
    """Run the continuous search of problems of one size and one knowledge as a batch.

    A batch that does not fit the device's memory is halved.

    Returns
    -------
    list of Relaxed
        One entry each, with arrays in the memory of the CPU and a batch axis of length one.
    """
    cov = np.stack([problem.cov for problem in problems])
    settings = (constraint, h_tolerance, tolerance, max_iter)
    if device == "cuda":
        from causalimg.kernels import cuda

        solve = _on_device(problems[0], settings)
        parts = cuda.in_batches(solve, cov, len(cov))
    else:
        # one after the other: on a CPU problems gain nothing from each other's company
        parts = [_relax(problems[0], cov[k : k + 1], settings, reference) for k in range(len(cov))]
    out: list[Relaxed] = []
    for part in parts:
        out += _split(part)
    return out


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


def _on_device(problem: OrderProblem, settings: tuple[Any, ...]) -> Any:
    from causalimg.kernels import cuda

    def solve(cov: Float) -> Relaxed:
        return _relax(problem, cuda.to_device(cov), settings, cuda)

    return solve


def _relax(problem: OrderProblem, cov: Any, settings: tuple[Any, ...], kernels: Any) -> Relaxed:
    xp = reference.array_module(cov)
    constraint, h_tolerance, tolerance, max_iter = settings
    return relax(
        lambda weights: kernels.least_squares(weights, cov),
        xp.asarray(problem.penalty),
        xp.asarray(problem.allowed.astype(np.float64)),
        xp.zeros_like(cov),
        constraint=constraint,
        h_tolerance=h_tolerance,
        tolerance=tolerance,
        max_iter=max_iter,
        kernels=kernels,
    )


def _split(part: Relaxed) -> list[Relaxed]:
    weights, h, reached = (to_host(a) for a in (part.weights, part.h, part.reached))
    stages = [
        {key: value if np.ndim(value) == 0 else to_host(value) for key, value in stage.items()}
        for stage in part.stages
    ]
    return [
        Relaxed(
            weights[k : k + 1],
            [
                {key: float(v[k]) if np.ndim(v) else int(v) for key, v in stage.items()}
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
