"""Nearest cases of every treatment level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.design import Design

Array = NDArray[np.float64]

_TIE = 1e-9


@dataclass(frozen=True)
class Neighbours:
    """Matches of every case in every level.

    Parameters
    ----------
    levels : list of scipy.sparse matrices of shape (n_samples, n_samples)
        Row i of the k-th adds up to 1 over the cases of level k nearest to case i; a case of the
        level itself has 1 on the diagonal.
    matched : ndarray of bool, shape (n_samples,)
        False for a case that lacks a match in some level within the caliper.
    """

    levels: list[Any]
    matched: NDArray[np.bool_]


def matching_points(design: Design, probability: Array, metric: str) -> Array:
    """Return coordinates whose Euclidean distance is the matching metric.

    Parameters
    ----------
    design : Design
    probability : ndarray of shape (n_samples, n_levels)
    metric : {"mahalanobis", "propensity"}
        Covariates made uncorrelated with unit variance; or the log odds of each level against the
        first, in standard deviations.

    Returns
    -------
    ndarray of shape (n_samples, n_coordinates)
    """
    values = design.matrix[:, 1:]
    if metric == "propensity" or not values.shape[1]:
        raised = np.maximum(probability, 1e-12)
        values = np.log(raised[:, 1:] / raised[:, [0]])
        spread = values.std(axis=0)
        return np.asarray(values / np.where(spread > 0, spread, 1.0))
    centred = values - values.mean(axis=0)
    covariance = centred.T @ centred / max(len(centred) - 1, 1)
    root = np.linalg.cholesky(np.linalg.inv(covariance))
    return np.asarray(centred @ root)


def match_levels(
    points: Array,
    codes: NDArray[np.intp],
    n_levels: int,
    n_matches: int,
    caliper: float | None = None,
) -> Neighbours:
    """Find the nearest cases of every level for every case; ties are all used.

    Parameters
    ----------
    points : ndarray of shape (n_samples, n_coordinates)
    codes : ndarray of int, shape (n_samples,)
    n_levels, n_matches : int
    caliper : float, optional
        Largest distance of a match.

    Returns
    -------
    Neighbours
    """
    from scipy.sparse import csr_matrix
    from scipy.spatial import cKDTree

    n = len(points)
    matched = np.ones(n, dtype=bool)
    levels = []
    for level in range(n_levels):
        rows = np.flatnonzero(codes == level)
        others = np.flatnonzero(codes != level)
        tree = cKDTree(points[rows])
        nearest = tree.query(points[others], k=[min(n_matches, len(rows))])[0][:, 0]
        reach = nearest * (1 + _TIE) + _TIE
        near = tree.query_ball_point(points[others], reach)
        counts = np.array([len(one) for one in near])
        if caliper is not None:
            matched[others[nearest > caliper]] = False
        place = np.repeat(others, counts)
        columns = rows[np.concatenate([np.asarray(one, dtype=np.intp) for one in near])]
        shares = np.repeat(1.0 / counts, counts)
        levels.append(
            csr_matrix(
                (
                    np.concatenate([shares, np.ones(len(rows))]),
                    (np.concatenate([place, rows]), np.concatenate([columns, rows])),
                ),
                shape=(n, n),
            )
        )
    return Neighbours(levels, matched)


def twin_of_each(points: Array, codes: NDArray[np.intp], n_levels: int) -> NDArray[np.intp]:
    """Return, for every case, the nearest other case of its own level."""
    from scipy.spatial import cKDTree

    twin = np.empty(len(codes), dtype=np.intp)
    for level in range(n_levels):
        rows = np.flatnonzero(codes == level)
        found = cKDTree(points[rows]).query(points[rows], k=2)[1]
        itself = found[:, 0] == np.arange(len(rows))
        twin[rows] = rows[np.where(itself, found[:, 1], found[:, 0])]
    return twin
