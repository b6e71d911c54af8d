"""Test-retest reliability of many features at once: ICC, concordance, variation, repeatability."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.errors import InvalidInputError, NotEstimableError, check_columns
from causalimg.tables.encode import is_categorical

Array = NDArray[np.float64]

RELIABILITY_COLUMNS = (
    "feature",
    "icc_2_1",
    "icc_2_1_low",
    "icc_2_1_high",
    "icc_3_1",
    "icc_3_1_low",
    "icc_3_1_high",
    "ccc",
    "ccc_low",
    "ccc_high",
    "wsd",
    "wcv",
    "repeatability",
    "repeatability_low",
    "repeatability_high",
    "between_sd",
    "n",
    "n_repeats",
)


def reliability(
    frame: pd.DataFrame,
    *,
    subject: str,
    repeat: str,
    features: Sequence[str],
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Measure how well repeated measurements of the same subjects agree, per feature.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per subject and repeat (test and retest, or one per scanner or reader). Not
        modified. Every subject needs every repeat once.
    subject, repeat : str
        Columns that name them.
    features : sequence of str
        Number columns.
    alpha : float
        The intervals have confidence ``1 - alpha``.

    Returns
    -------
    pandas.DataFrame
        One row per feature, columns `RELIABILITY_COLUMNS`:

        - ``icc_2_1``: share of a single measurement's variance that lies between subjects, repeats
          drawn from many (absolute agreement).
          ``(MSB - MSE) / (MSB + (k-1) MSE + k (MSJ - MSE) / n)``
        - ``icc_3_1``: the same for just these repeats, their mean differences left aside
          (consistency). ``(MSB - MSE) / (MSB + (k-1) MSE)``
        - ``ccc``: Lin's concordance, ``2 s12 / (s1^2 + s2^2 + (m1 - m2)^2)`` with moments of
          divisor n; for more than two repeats, sums over all pairs. Interval by Fisher's z for two
          repeats, else NaN.
        - ``wsd``: within-subject standard deviation, root of the mean variance within subjects.
        - ``wcv``: within-subject coefficient of variation, root of the mean over subjects of
          variance / mean squared; NaN where a subject's mean is zero or signs are mixed.
        - ``repeatability``: ``1.96 sqrt(2) wsd``: 95 % of the differences of two repeats are
          smaller; interval from the chi-square distribution with ``n (k-1)`` degrees.
        - ``between_sd``: root of ``(MSB - MSE) / k``, zero at least: the unit of the margin in
          `StableFeatures`.

        A feature that is constant or has missing values in some cells uses the subjects that are
        complete; with fewer than 3, or no variance, its row is NaN.

    Raises
    ------
    InvalidInputError
        If a subject has a repeat twice or lacks one, or a feature is text.
    NotEstimableError
        With fewer than 3 subjects or 2 repeats.
    UnknownNameError
        If a column does not exist.

    Notes
    -----
    MSB, MSJ and MSE are the mean squares of subjects, repeats and rest in the two-way analysis of
    variance. Assumptions of the intervals: normal subjects, repeats and errors.

    References
    ----------
    Shrout, Fleiss (1979). doi:10.1037/0033-2909.86.2.420
    McGraw, Wong (1996). doi:10.1037/1082-989X.1.1.30
    Lin (1989). doi:10.2307/2532051
    Bland, Altman (1996). doi:10.1136/bmj.312.7047.1654

    Examples
    --------
    >>> table = pd.DataFrame({"patient": [1, 1, 2, 2, 3, 3], "scan": list("ababab")})
    >>> table["volume"] = [10.0, 11.0, 20.0, 21.0, 30.0, 31.0]
    >>> found = reliability(table, subject="patient", repeat="scan", features=["volume"])
    >>> found[["icc_2_1", "icc_3_1"]].round(3).values.tolist()
    [[0.995, 1.0]]
    """
    if not 0 < alpha < 1:
        raise InvalidInputError(f"alpha must be between 0 and 1, got {alpha!r}")
    names = [features] if isinstance(features, str) else [str(name) for name in features]
    check_columns(frame, [subject, repeat, *names], "reliability")
    text = [name for name in names if is_categorical(frame[name])]
    if text:
        raise InvalidInputError(f"features must be numbers; not so: {text[:8]}")
    values = _cube(frame, subject, repeat, names)
    whole = np.isfinite(values).all(axis=1)
    rows = np.full((len(names), len(RELIABILITY_COLUMNS) - 1), np.nan)
    # features with the same complete subjects are computed together
    patterns, group = np.unique(whole, axis=1, return_inverse=True)
    for g in range(patterns.shape[1]):
        columns = np.flatnonzero(group.ravel() == g)
        part = values[patterns[:, g]][:, :, columns]
        rows[columns, -2:] = (len(part), values.shape[1])
        if len(part) > 2:
            rows[columns, :-2] = _measures(part, alpha)
    found = pd.DataFrame(rows, columns=list(RELIABILITY_COLUMNS[1:]))
    found.insert(0, "feature", names)
    return found


def _cube(frame: pd.DataFrame, subject: str, repeat: str, names: list[str]) -> Array:
    """Return values as subjects by repeats by features."""
    keys = frame[[subject, repeat]]
    if keys.isna().any().any():
        raise InvalidInputError(f"missing values in {subject!r} or {repeat!r}")
    twice = keys.duplicated()
    if twice.any():
        one = keys[twice].iloc[0]
        raise InvalidInputError(
            f"{subject} {one[subject]} has {repeat} {one[repeat]} more than once"
        )
    who, subjects = pd.factorize(frame[subject], sort=True)
    which, repeats = pd.factorize(frame[repeat], sort=True)
    n, k = len(subjects), len(repeats)
    if n < 3 or k < 2:
        raise NotEstimableError(
            f"reliability needs 3 subjects and 2 repeats at least; there are {n} and {k}"
        )
    if len(frame) != n * k:
        counts = np.bincount(who, minlength=n)
        short = subjects[int(np.flatnonzero(counts < k)[0])]
        raise InvalidInputError(
            f"{subject} {short} has {counts[counts < k][0]} of the {k} repeats; leave out"
            " incomplete subjects"
        )
    values = np.empty((n, k, len(names)))
    values[who, which] = frame[names].to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def _measures(values: Array, alpha: float) -> Array:
    """Return the measures of complete values (n, k, d), in the order of the columns, (d, 15)."""
    from scipy.special import chdtri, fdtri, ndtri

    n, k, _ = values.shape
    grand = values.mean(axis=(0, 1))
    subject, repeat = values.mean(axis=1) - grand, values.mean(axis=0) - grand
    msb = k * (subject**2).sum(axis=0) / (n - 1)
    msj = n * (repeat**2).sum(axis=0) / (k - 1)
    rest = values - grand - subject[:, None, :] - repeat[None, :, :]
    mse = (rest**2).sum(axis=(0, 1)) / ((n - 1) * (k - 1))
    variance = values.var(axis=1, ddof=1)
    within = variance.mean(axis=0)
    means = values.mean(axis=1)
    one_sign = (means > 0).all(axis=0) | (means < 0).all(axis=0)
    tiny = 1e-24 * (values**2).max(axis=(0, 1))
    flat = msb + within <= tiny
    with np.errstate(divide="ignore", invalid="ignore"):
        icc2 = (msb - mse) / (msb + (k - 1) * mse + k * (msj - mse) / n)
        icc3 = (msb - mse) / (msb + (k - 1) * mse)
        df = (n - 1) * (k - 1)
        ratio = msb / mse
        low = ratio / fdtri(n - 1, df, 1 - alpha / 2)
        high = ratio * fdtri(df, n - 1, 1 - alpha / 2)
        low3, high3 = (low - 1) / (low + k - 1), (high - 1) / (high + k - 1)
        # Satterthwaite degrees of the mix of repeats and rest
        f = msj / mse
        a = k * icc2 * f + n * (1 + (k - 1) * icc2) - k * icc2
        v = (
            df
            * a**2
            / ((n - 1) * k**2 * icc2**2 * f**2 + (n * (1 + (k - 1) * icc2) - k * icc2) ** 2)
        )
        v = np.where(np.isfinite(v) & (v > 0), v, 1.0)
        mix = k * msj + (k * n - k - n) * mse
        up, down = fdtri(n - 1, v, 1 - alpha / 2), fdtri(v, n - 1, 1 - alpha / 2)
        low2 = n * (msb - up * mse) / (up * mix + n * msb)
        high2 = n * (down * msb - mse) / (mix + n * down * msb)
        wcv = np.sqrt((variance / means**2).mean(axis=0))
        ccc, ccc_low, ccc_high = _concordance(values, ndtri(1 - alpha / 2))
    perfect = (mse <= tiny) & ~flat
    low3[perfect] = high3[perfect] = icc3[perfect] = 1.0
    wsd = np.sqrt(within)
    repeatability = 1.96 * np.sqrt(2.0) * wsd
    degrees = n * (k - 1)
    ends = [
        repeatability * np.sqrt(degrees / chdtri(degrees, q)) for q in (alpha / 2, 1 - alpha / 2)
    ]
    between = np.sqrt(np.maximum(msb - mse, 0.0) / k)
    wcv = np.where(one_sign, wcv, np.nan)
    columns = [icc2, low2, high2, icc3, low3, high3, ccc, ccc_low, ccc_high]
    out = np.column_stack([*columns, wsd, wcv, repeatability, *ends, between])
    out[flat] = np.nan
    return np.asarray(out)


def _concordance(values: Array, quantile: float) -> tuple[Array, Array, Array]:
    n, k, d = values.shape
    mean, centred = values.mean(axis=0), values - values.mean(axis=0)
    cross = np.einsum("nad,nbd->abd", centred, centred) / n
    above = np.triu_indices(k, 1)
    shared = cross[above].sum(axis=0)
    gap = ((mean[above[0]] - mean[above[1]]) ** 2).sum(axis=0)
    spread = np.einsum("aad->d", cross)
    ccc = 2 * shared / ((k - 1) * spread + gap)
    if k > 2 or n < 4:
        return ccc, np.full(d, np.nan), np.full(d, np.nan)
    product = np.sqrt(cross[0, 0] * cross[1, 1])
    r, u2 = cross[0, 1] / product, gap / product
    variance = (
        (1 - r**2) * ccc**2 / ((1 - ccc**2) * r**2)
        + 2 * ccc**3 * (1 - ccc) * u2 / (r * (1 - ccc**2) ** 2)
        - ccc**4 * u2**2 / (2 * r**2 * (1 - ccc**2) ** 2)
    ) / (n - 2)
    half = quantile * np.sqrt(np.maximum(variance, 0.0))
    z = np.arctanh(ccc)
    return ccc, np.tanh(z - half), np.tanh(z + half)
