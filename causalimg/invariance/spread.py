"""The unit of the margin: how much a feature differs between patients under one environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.base import EffectEstimator
from causalimg.errors import InvalidInputError, NotEstimableError
from causalimg.tables.encode import encode

Array = NDArray[np.float64]

SPREADS = ("within", "reference")


def reference_spread(
    frame: pd.DataFrame,
    *,
    features: Sequence[str],
    environment: str,
    adjustment: Sequence[str],
    reference: str,
) -> Array:
    """Estimate the standard deviation that all patients would have under one environment.

    The patients of one environment alone differ less than all of them where environment and
    covariates go together, so the variance is put together from two parts: that of the part the
    covariates explain, over all patients (slopes common to the environments), and that of the
    residuals in the reference environment.

    Parameters
    ----------
    frame : pandas.DataFrame
    features : sequence of str
    environment : str
    adjustment : sequence of str
    reference : str

    Returns
    -------
    ndarray of shape (n_features,)

    Raises
    ------
    NotEstimableError
        If the reference has too few patients.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> age = rng.normal(size=4000)
    >>> scanner = np.where(rng.random(4000) < 1 / (1 + np.exp(-3 * age)), "B", "A")
    >>> table = pd.DataFrame({"age": age, "scanner": scanner})
    >>> table["volume"] = age + rng.normal(size=4000)
    >>> settings = {"environment": "scanner", "adjustment": ["age"], "reference": "A"}
    >>> reference_spread(table, features=["volume"], **settings).round(1).tolist()
    [1.4]
    """
    covariates = encode(frame, list(adjustment)).matrix
    places = encode(frame.assign(**{environment: frame[environment].astype(str)}), [environment])
    z = np.column_stack([np.ones(len(frame)), covariates - covariates.mean(axis=0), places.matrix])
    here = (frame[environment].astype(str) == reference).to_numpy()
    k = covariates.shape[1]
    if here.sum() <= k + 2:
        raise NotEstimableError(
            f"{environment} {reference!r} has {here.sum()} cases, too few to estimate the spread"
            f" with {k} covariates; use spread='within' or another reference"
        )
    out = np.empty(len(features))
    for j, name in enumerate(features):
        y = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        known = np.isfinite(y)
        if (known & here).sum() <= k + 2:
            out[j] = np.nan
            continue
        part = z[known]
        inverse = np.linalg.pinv(part.T @ part, hermitian=True)
        coef = inverse @ (part.T @ y[known])
        residual = y[known] - part @ coef
        # the fitted part varies also by the errors of its slopes
        slopes = slice(1, k + 1)
        noise = (residual**2).sum() / max(known.sum() - z.shape[1], 1)
        centred = part[:, slopes] - part[:, slopes].mean(axis=0)
        extra = noise * np.trace(centred.T @ centred @ inverse[slopes, slopes]) / known.sum()
        explained = max(float((part[:, slopes] @ coef[slopes]).var() - extra), 0.0)
        own = residual[here[known]]
        free = len(own) - 1 - k * len(own) / known.sum()
        out[j] = np.sqrt(explained + ((own - own.mean()) ** 2).sum() / free)
    return out


def patient_spread(
    kind: str,
    between_sd: Mapping[str, float] | None,
    frame: pd.DataFrame,
    features: Sequence[str],
    effects: EffectEstimator,
) -> Array | None:
    """Return the unit of the margin of every feature; None for that of the effect table."""
    if between_sd is not None:
        return given_spread(between_sd, features)
    if kind == "within":
        return None
    return reference_spread(
        frame,
        features=features,
        environment=effects.treatment,
        adjustment=effects.covariates_,
        reference=effects.levels_[0],
    )


def given_spread(between_sd: Mapping[str, float], features: Sequence[str]) -> Array:
    """Return the standard deviations that the caller measured, in the order of the features.

    Raises
    ------
    InvalidInputError
        If one is missing or not above zero.
    """
    out = np.array([float(between_sd.get(name, np.nan)) for name in features])
    bad = [name for name, value in zip(features, out, strict=True) if not value > 0]
    if bad:
        raise InvalidInputError(
            f"between_sd must give a number above 0 for every feature; not so for {bad[:8]}"
        )
    return out
