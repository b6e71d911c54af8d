"""Sortability: how much of a graph the scale of the columns alone would give away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from causalimg.errors import InvalidInputError
from causalimg.graph.core import CausalGraph
from causalimg.tables.encode import is_categorical
from causalimg.tables.moments import Moments

Float = NDArray[np.float64]
_TIE = 1e-9
_TELLING = 0.9


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


@dataclass(frozen=True)
class Sortability:
    """How much of a graph could have been read off the columns one by one.

    Parameters
    ----------
    variance : float
        Share of directed paths along which the variance rises; NaN without directed edges.
    r2 : float
        The same for the share of each column that the others explain; NaN also if the rows do not
        suffice.
    n_edges : int
        Directed edges among continuous columns.
    """

    variance: float
    r2: float
    n_edges: int

    @property
    def warning(self) -> str:
        """What to be told of a method that the values may have misled; empty if nothing."""
        named = {"variance (the units)": self.variance, "R2 with the others": self.r2}
        high = [f"{name}: {value:.2f}" for name, value in named.items() if not self._quiet(value)]
        if not high or self.n_edges < 3:
            return ""
        return (
            f"sorting the columns gives the direction of nearly every path away ({'; '.join(high)})"
            ": compare the graph with SortnRegress, and with rescaling_test if the method uses"
            " least squares"
        )

    @staticmethod
    def _quiet(value: float) -> bool:
        return not np.isfinite(value) or 1 - _TELLING < value < _TELLING

    def to_frame(self) -> pd.DataFrame:
        """Return one row: ``variance, r2, n_edges, warning``."""
        row = {"variance": self.variance, "r2": self.r2, "n_edges": self.n_edges}
        return pd.DataFrame([{**row, "warning": self.warning}])


def sortability_report(graph: CausalGraph, table: pd.DataFrame | Moments) -> Sortability:
    """Tell how much of a graph the scale or the predictability of the columns gives away.

    Parameters
    ----------
    graph : CausalGraph
        Its directed edges among continuous columns are looked at.
    table : pandas.DataFrame or Moments
        On the scale that the method was given.

    Raises
    ------
    UnknownNameError
        If the table lacks a node.
    InvalidInputError
        If a cell is missing.

    References
    ----------
    Reisach A, Seiler C, Weichwald S. Beware of the simulated DAG! NeurIPS 2021.
    doi:10.48550/arXiv.2102.13647

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a = rng.normal(size=300)
    >>> b = a + rng.normal(size=300)
    >>> table = pd.DataFrame({"a": a, "b": b, "c": 2 * b + rng.normal(size=300)})
    >>> graph = CausalGraph.from_directed("abc", [[0, 1, 0], [0, 0, 1], [0, 0, 0]])
    >>> report = sortability_report(graph, table)
    >>> report.variance, report.warning == ""
    (1.0, True)
    """
    if isinstance(table, Moments):
        nodes = [name for name in graph.nodes if name not in table.levels]
        moments = table.select(nodes)
    else:
        nodes = [n for n in graph.nodes if n not in table.columns or not is_categorical(table[n])]
        moments = Moments.from_frame(table, nodes)
    at = [graph.index(name) for name in nodes]
    edges = graph.directed()[np.ix_(at, at)]
    cov = moments.cov
    known = len(nodes) > 1 and moments.n > len(nodes) + 2
    known = known and np.linalg.cond(moments.correlation()) < 1e12
    return Sortability(
        variance=sortability(edges, np.diag(cov)),
        r2=sortability(edges, explained(cov)) if known else float("nan"),
        n_edges=int(edges.sum()),
    )
