"""Moments of what clusters of near-copies measure, with the noise of the copies taken out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.discovery.redundancy import RedundancyFilter, fitted_clusters
from causalimg.errors import CausalImgWarning, InvalidInputError, check_columns
from causalimg.tables.moments import Moments

Float = NDArray[np.float64]
_ROUNDS = 500
_CLOSE = 1e-10


def cluster_moments(
    redundancy: RedundancyFilter, table: pd.DataFrame, *, others: Sequence[str] = ()
) -> Moments:
    """Return the moments of the things that clusters measure, for the covariance-based methods.

    A near-copy is the thing plus noise, and noise in a cause leaves links between its effects
    that no conditioning on the copy takes away. Where a cluster has two or more members, how much
    of their variance they share says how much is noise: of each cluster the members' mean stands
    for the thing, and the noise is taken out of its variance (correction for attenuation), as a
    model of one factor for each cluster would.

    Parameters
    ----------
    redundancy : RedundancyFilter
        Fitted; `take_apart` first, since a cluster of two things has no one factor.
    table : pandas.DataFrame
    others : sequence of str
        Columns that are in no cluster (age, site, scanner), taken as they are.

    Returns
    -------
    Moments
        Nodes: the representatives, standardised (variance 1 without noise), then ``others``.

    Raises
    ------
    InvalidInputError
        If the filter is not fitted, one of ``others`` is in a cluster, or cells are missing.
    UnknownNameError
        If the table lacks a column.

    Warns
    -----
    CausalImgWarning
        If the corrected matrix is no covariance matrix (rows are too few for what is left after
        the noise); the nearest eigenvalues that are positive are used, and their number is named.

    Notes
    -----
    Assumptions: the noise of the members of a cluster is independent, of one another and of all
    else; relations are linear. A cluster of one keeps its noise. The sample size is that of the
    table: p-values and scores do not count what estimating the noise costs.

    References
    ----------
    Spearman C. The proof and measurement of association between two things. Am J Psychol
    1904;15:72-101. doi:10.2307/1412159
    Silva R, Scheines R, Glymour C, Spirtes P. Learning the structure of linear latent variable
    models. J Mach Learn Res 2006;7:191-246.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> things = rng.normal(size=(2000, 3)) @ np.array([[1, 2, 0], [0, 1, 2], [0, 0, 1.0]])
    >>> things /= things.std(axis=0)
    >>> table = pd.DataFrame(
    ...     {f"{n}{k}": things[:, j] + 0.2 * rng.normal(size=2000)
    ...      for j, n in enumerate("abc") for k in range(4)})
    >>> groups = [[f"{n}{k}" for k in range(4)] for n in "abc"]
    >>> reduced = RedundancyFilter(threshold=0.95, merge=groups).fit(table)
    >>> moments = cluster_moments(reduced, table)
    >>> bool(np.abs(moments.cov - np.corrcoef(things.T)).max() < 0.01)
    True
    """
    clusters = fitted_clusters(redundancy)
    members = [name for group in clusters.values() for name in group]
    check_columns(table, [*members, *others], "cluster_moments")
    inside = [name for name in others if name in members]
    if inside:
        raise InvalidInputError(f"others: these columns are in a cluster: {inside}")
    frame = pd.DataFrame(index=table.index)
    for name, group in clusters.items():
        values = table[list(group)].to_numpy(dtype=np.float64)
        if not np.isfinite(values).all():
            raise InvalidInputError(
                f"cluster_moments needs complete columns; missing or infinite cells in the "
                f"cluster of {name!r}: {', '.join(group)}"
            )
        frame[name] = _thing(values, list(group).index(name))
    observed = Moments.from_frame(pd.concat([frame, table[list(others)]], axis=1))
    cov = np.array(observed.cov)
    for name in clusters:
        at = observed.blocks[name]
        cov[at, at] = 1.0
    return replace(observed, cov=_positive(cov, observed.n))


def _thing(values: Float, lead: int) -> Float:
    """Return the members' mean, in units of the thing's standard deviation; leads gives its sign.

    The mean of standardised members is the mean loading times the thing, plus noise.
    """
    z = (values - values.mean(axis=0)) / values.std(axis=0)
    corr = z.T @ z / len(z)
    z *= np.where(corr[lead] < 0, -1.0, 1.0)
    return np.asarray(z.mean(axis=1) / loadings(np.abs(corr)).mean())


def loadings(corr: Float) -> Float:
    """Return the correlation of each near-copy with what they have in common.

    One factor by principal axes; of two copies the square root of their correlation, of one 1.

    Parameters
    ----------
    corr : ndarray, shape (m, m)
        Absolute correlations.

    Examples
    --------
    >>> true = np.array([0.99, 0.95, 0.9])
    >>> corr = np.outer(true, true)
    >>> np.fill_diagonal(corr, 1.0)
    >>> loadings(corr).round(3).tolist()
    [0.99, 0.95, 0.9]
    """
    if len(corr) <= 2:
        return np.full(len(corr), np.sqrt(corr.min()))
    shared = corr - np.eye(len(corr))
    common = np.where(shared > 0, shared, 0.0).max(axis=1)
    for _ in range(_ROUNDS):
        values, vectors = np.linalg.eigh(shared + np.diag(common))
        loading = np.abs(vectors[:, -1]) * np.sqrt(values[-1])
        before, common = common, np.minimum(loading**2, 1.0)
        if np.abs(common - before).max() < _CLOSE:
            break
    return np.asarray(np.sqrt(common))


def _positive(cov: Float, n: float) -> Float:
    """Return the covariance with the eigenvalues of its correlations at least 1 / n."""
    scale = np.sqrt(np.diag(cov))
    scale = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(cov / np.outer(scale, scale))
    least = 1.0 / n
    if values[0] >= least:
        return cov
    if values[0] <= 0:
        warnings.warn(
            f"cluster_moments: {int((values <= 0).sum())} of {len(values)} eigenvalues are not "
            f"positive once the noise is taken out; they are set to 1/n. {n:g} rows are few for "
            "these clusters: reduce further, or use the representatives",
            CausalImgWarning,
            stacklevel=3,
        )
    corr = (vectors * np.maximum(values, least)) @ vectors.T
    size = np.sqrt(np.diag(corr))
    corr = corr / np.outer(size, size)
    return np.asarray((corr + corr.T) / 2 * np.outer(scale, scale))
