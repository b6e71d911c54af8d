"""Does the distribution of nodes given their parents differ between environments: tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.covariates import independent_columns
from causalimg.effects.propensity import fit_multinomial

Array = NDArray[np.float64]
Codes = NDArray[np.intp]


def interactions(basis: Array, codes: Codes, count: int) -> Array:
    """Return the columns that let every environment but the first have its own regression."""
    member = np.eye(count)[codes][:, 1:]
    return np.asarray((member[:, :, None] * basis[:, None, :]).reshape(len(basis), -1))


def mean_change_p(values: Array, null: Array, more: Array) -> tuple[Array, Array]:
    """Test whether ``more`` columns improve the regressions on ``null`` columns (Chow-type).

    A Wald test with the HC3 covariance, so that noise may differ from case to case.

    Parameters
    ----------
    values : ndarray of shape (n_cases, n_nodes)
    null : ndarray of shape (n_cases, n_null)
    more : ndarray of shape (n_cases, n_more)

    Returns
    -------
    p : ndarray of shape (n_nodes,)
    residual : ndarray of shape (n_cases, n_nodes)
        Of the regressions with both.

    References
    ----------
    Chow (1960). doi:10.2307/1910133
    MacKinnon, White (1985), HC3. doi:10.1016/0304-4076(85)90158-7
    """
    from scipy.stats import f as f_distribution

    n = len(values)
    base = np.linalg.qr(null)[0]
    apart = more - base @ (base.T @ more)
    size = np.linalg.norm(more, axis=0)
    apart = apart[:, np.linalg.norm(apart, axis=0) > 1e-8 * np.maximum(size, 1e-300)]
    apart = apart[:, independent_columns(apart)]
    extra = np.linalg.qr(apart)[0]
    both = np.hstack([base, extra])
    leverage = np.minimum((both**2).sum(axis=1), 1 - 1e-8)
    residual = values - both @ (both.T @ values)
    effect = extra.T @ values
    weight = (residual / (1 - leverage)[:, None]) ** 2
    spread = np.einsum("na,nf,nb->fab", extra, weight, extra, optimize=True)
    df = extra.shape[1]
    scale = np.trace(spread, axis1=1, axis2=2) / df
    spread += np.maximum(1e-12 * scale, np.finfo(float).tiny)[:, None, None] * np.eye(df)
    wald = np.einsum("af,fa->f", effect, np.linalg.solve(spread, effect.T[..., None])[..., 0])
    return np.asarray(f_distribution.sf(wald / df, df, n - both.shape[1])), residual


def level_change_p(labels: Codes, count: int, null: Array, more: Array) -> float:
    """Test the same for a node of categories: likelihood ratio of multinomial regressions."""
    from scipy.stats import chi2

    free = independent_columns(np.hstack([null, more]))
    full = np.hstack([null, more])[:, free]
    small = null[:, free[: null.shape[1]]]
    both = [fit_multinomial(part, labels, count).probability for part in (small, full)]
    rows = np.arange(len(labels))
    gain = np.log(np.maximum(both[1][rows, labels], 1e-300)).sum()
    gain -= np.log(np.maximum(both[0][rows, labels], 1e-300)).sum()
    df = (full.shape[1] - small.shape[1]) * (count - 1)
    return float(chi2.sf(2 * max(gain, 0.0), df))
