"""Sortability: how much of a graph the scale of the columns alone would give away."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from causalimg.errors import InvalidInputError

Float = NDArray[np.float64]
_TIE = 1e-9


def sortability(edges: ArrayLike, criterion: ArrayLike) -> float:
    """Return the share of directed paths along which a criterion rises; ties count one half.

    For each length of path, each pair of nodes joined by a path of that length counts once.
    0.5 means that sorting the nodes by the criterion says nothing, 1 that it gives the causal
    order away, 0 that it gives the reverse. NaN for a graph without edges.

    Parameters
    ----------
    edges : array_like of bool, shape (d, d)
        An acyclic graph, row = cause.
    criterion : array_like, shape (d,)
        Variances, or `explained`.

    References
    ----------
    Reisach A, Seiler C, Weichwald S. Beware of the simulated DAG! Causal discovery benchmarks may
    be easy to game. NeurIPS 2021. doi:10.48550/arXiv.2102.13647

    Examples
    --------
    >>> sortability([[0, 1, 0], [0, 0, 1], [0, 0, 0]], [1.0, 2.0, 1.5])
    0.6666666666666666
    """
    step = np.asarray(edges, dtype=bool)
    value = np.asarray(criterion, dtype=np.float64)
    if step.ndim != 2 or step.shape != (len(value), len(value)):
        raise InvalidInputError(
            f"edges of shape {step.shape} and {len(value)} values of the criterion do not fit"
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = value[None, :] / value[:, None]
    rises = ratio > 1 + _TIE
    ties = np.abs(ratio - 1) <= _TIE
    single = step.astype(np.float32)
    paths = step
    total, good = 0, 0.0
    for _ in range(len(value)):
        count = int(paths.sum())
        if count == 0:
            break
        total += count
        good += float((paths & rises).sum()) + 0.5 * float((paths & ties).sum())
        paths = paths.astype(np.float32) @ single > 0
    return good / total if total else float("nan")


def explained(cov: Float) -> Float:
    """Return the R2 of each column regressed on all others, from the covariance, shape (d,).

    References
    ----------
    Reisach A, Tami M, Seiler C, Chambaz A, Weichwald S. A scale-invariant sorting criterion to
    find a causal order in additive noise models. NeurIPS 2023. doi:10.48550/arXiv.2303.18211
    """
    return np.asarray(1.0 - 1.0 / (np.diag(cov) * np.diag(np.linalg.inv(cov))))
