"""E-values: the risk ratios that an unmeasured confounder would need."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from causalimg.effects.fitted import FittedEffects
from causalimg.errors import InvalidInputError

Array = NDArray[np.float64]

_PER_SD = 0.91
"""Logarithm of the risk ratio per standardised difference (VanderWeele 2017)."""


def e_value(risk_ratio: ArrayLike) -> Array:
    """Return the E-value of a risk ratio.

    The smallest risk ratio that an unmeasured confounder must have with both treatment and outcome,
    beyond the adjustment set, to explain the association away.

    Parameters
    ----------
    risk_ratio : array_like
        Above 0; below 1 it is inverted.

    Returns
    -------
    ndarray

    References
    ----------
    VanderWeele, Ding (2017). doi:10.7326/M16-2607

    Examples
    --------
    >>> float(e_value(3.9).round(2))
    7.26
    """
    ratio = np.asarray(risk_ratio, dtype=np.float64)
    if (ratio <= 0).any():
        raise InvalidInputError("risk_ratio must be above 0")
    away = np.where(ratio < 1, 1.0 / ratio, ratio)
    return np.asarray(away + np.sqrt(away * (away - 1.0)))


def e_values(fitted: FittedEffects) -> pd.DataFrame:
    """Return E-values for every row of an effect table.

    A standardised mean difference d is turned into an approximate risk ratio exp(0.91 d), the
    limits of its interval likewise.

    Parameters
    ----------
    fitted : FittedEffects
        After ``fit``.

    Returns
    -------
    pandas.DataFrame
        ``outcome, contrast, effect_sd, e_value, e_value_limit, words``; ``e_value_limit`` belongs
        to the end of the interval nearer to zero and is 1 if the interval includes zero.

    Notes
    -----
    Assumptions: the outcome is about normal within levels, and its standard deviation alike in
    both; for the conversion from standardised differences to risk ratios.

    References
    ----------
    VanderWeele, Ding (2017). doi:10.7326/M16-2607
    Chinn (2000). doi:10.1002/1097-0258(20001130)19:22<3127::AID-SIM784>3.0.CO;2-M

    Examples
    --------
    >>> from causalimg.effects.estimators import DifferenceInMeans
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"scanner": ["A", "B"] * 200})
    >>> table["y"] = rng.normal(size=400) + (table["scanner"] == "B")
    >>> found = e_values(DifferenceInMeans(treatment="scanner").fit(table, ["y"]))
    >>> bool(found["e_value"].iloc[0] > found["e_value_limit"].iloc[0] > 1)
    True
    """
    rows = fitted.require_fit().effects_.frame
    effect = rows["effect_sd"].to_numpy()
    sd = rows["outcome_sd"].to_numpy()
    low, high = rows["ci_low"].to_numpy() / sd, rows["ci_high"].to_numpy() / sd
    nearer = np.where(low > 0, low, np.where(high < 0, high, 0.0))
    point, limit = (e_value(np.exp(_PER_SD * np.abs(part))) for part in (effect, nearer))
    limit[np.isnan(effect)] = np.nan
    words = [
        "there is no estimate"
        if np.isnan(a)
        else "the interval includes no effect already"
        if b <= 1
        else f"a confounder would need risk ratios of {a:.2f} with treatment and outcome to explain"
        f" the effect away, of {b:.2f} to bring its interval to zero"
        for a, b in zip(point, limit, strict=True)
    ]
    return pd.DataFrame(
        {
            "outcome": rows["outcome"],
            "contrast": rows["contrast"],
            "effect_sd": effect,
            "e_value": point,
            "e_value_limit": limit,
            "words": words,
        }
    )
