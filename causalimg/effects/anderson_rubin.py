"""How strong instruments are, and what they say if they are weak."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.leverage import cluster_sums

Array = NDArray[np.float64]


def first_stage(
    treatment: Array,
    instruments: Array,
    n_covariates: int,
    levels: Sequence[str],
    cluster: NDArray[np.intp] | None = None,
) -> pd.DataFrame:
    """Test, for every level indicator, that the instruments do not move it (robust F).

    Parameters
    ----------
    treatment : ndarray of shape (n_samples, n_levels - 1)
    instruments : ndarray of shape (n_samples, n_instruments)
        Orthonormal; both freed of the covariates.
    n_covariates : int
        Parameters of the covariates, the intercept included.
    levels : sequence of str
    cluster : ndarray of int, shape (n_samples,), optional

    Returns
    -------
    pandas.DataFrame
        ``level, f, df, partial_r2, n_instruments``.
    """
    k = instruments.shape[1]
    rows = []
    for j, level in enumerate(levels[1:]):
        own = treatment[:, j]
        slope = instruments.T @ own
        rest = own - instruments @ slope
        spread, df = _spread(instruments, rest[:, None], n_covariates + k, cluster)
        wald = float(slope @ np.linalg.solve(spread[0], slope))
        rows.append(
            {
                "level": level,
                "f": wald / k,
                "df": df,
                "partial_r2": float(slope @ slope / (own @ own)),
                "n_instruments": k,
            }
        )
    return pd.DataFrame(rows)


def anderson_rubin_sets(
    outcomes: Array,
    treatment: Array,
    instruments: Array,
    n_covariates: int,
    alpha: float,
    cluster: NDArray[np.intp] | None = None,
) -> Array:
    """Return the hull of the effects that the robust Anderson-Rubin test does not reject.

    Parameters
    ----------
    outcomes : ndarray of shape (n_samples, n_outcomes)
    treatment : ndarray of shape (n_samples,)
    instruments : ndarray of shape (n_samples, n_instruments)
        Orthonormal; all freed of the covariates.
    n_covariates : int
    alpha : float
    cluster : ndarray of int, shape (n_samples,), optional

    Returns
    -------
    ndarray of shape (n_outcomes, 3)
        Lower limit, upper limit, p of no effect.

    Notes
    -----
    With g(b) the instruments' coefficients on ``outcome - b * treatment`` and V(b) their robust
    covariance, b is rejected if ``g' V^-1 g > c``, that is ``det(V + g g') > (1 + c) det(V)``: a
    polynomial in b of twice the number of instruments, whose roots bound the set.
    """
    from scipy.special import fdtrc, fdtri

    n, k = instruments.shape
    q = outcomes.shape[1]
    slope_t, slope_y = instruments.T @ treatment, instruments.T @ outcomes
    rest_t = treatment - instruments @ slope_t
    rest_y = outcomes - instruments @ slope_y
    fitted = n_covariates + k
    # V(b) = V0 - b V1 + b^2 V2, from its values at three points
    at = {
        b: _spread(instruments, rest_y - b * rest_t[:, None], fitted, cluster)[0]
        for b in (-1.0, 0.0, 1.0)
    }
    df = _spread(instruments, rest_t[:, None], fitted, cluster)[1]
    square = (at[1.0] + at[-1.0]) / 2 - at[0.0]
    linear = (at[1.0] - at[-1.0]) / 2
    limit = 1.0 + k * float(fdtri(k, df, 1 - alpha))
    g0 = slope_y.T
    none = np.einsum("qi,qi->q", g0, np.linalg.solve(at[0.0], g0[..., None])[..., 0])
    centre = (slope_t @ slope_y) / (slope_t @ slope_t)
    unit = np.sqrt((rest_y**2).sum(axis=0) / (n * (treatment @ treatment)))
    nodes = np.cos(np.pi * (np.arange(2 * k + 1) + 0.5) / (2 * k + 1)) * 10
    values = np.empty((q, len(nodes)))
    for j, node in enumerate(nodes):
        b = centre + unit * node
        spread = at[0.0] + b[:, None, None] * linear + (b**2)[:, None, None] * square
        g = g0 - b[:, None] * slope_t
        scale = np.trace(at[0.0], axis1=1, axis2=2)[:, None, None]
        inner = np.linalg.det((spread + g[:, :, None] * g[:, None, :]) / scale)
        values[:, j] = inner - limit * np.linalg.det(spread / scale)
    out = np.empty((q, 3))
    out[:, 2] = fdtrc(k, df, none / k)
    for j in range(q):
        coefficient = np.polyfit(nodes, values[j] / np.abs(values[j]).max(), 2 * k)
        roots = np.roots(coefficient)
        real = roots.real[np.abs(roots.imag) <= 1e-9 * np.maximum(np.abs(roots), 1.0)]
        if coefficient[0] <= 0:
            out[j, :2] = -np.inf, np.inf
        elif not len(real):
            out[j, :2] = np.nan
        else:
            out[j, :2] = centre[j] + unit[j] * np.array([real.min(), real.max()])
    return out


def _spread(
    instruments: Array, rest: Array, fitted: int, cluster: NDArray[np.intp] | None
) -> tuple[Array, float]:
    """Return the robust covariance of coefficients on orthonormal columns, per outcome, and df."""
    n, k = instruments.shape
    out = np.empty((rest.shape[1], k, k))
    if cluster is None:
        factor, df = n / (n - fitted), float(n - fitted)
        parts = [instruments[:, [j]] * rest for j in range(k)]
    else:
        count = int(cluster.max()) + 1
        factor, df = count / (count - 1) * (n - 1) / (n - fitted), float(count - 1)
        parts = [cluster_sums(instruments[:, [j]] * rest, cluster) for j in range(k)]
    for i in range(k):
        for j in range(k):
            out[:, i, j] = factor * np.einsum("ij,ij->j", parts[i], parts[j])
    return out, df
