"""Negative controls: outcomes and treatments between which there can be no effect."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from causalimg.effects.base import EffectEstimator
from causalimg.effects.refute import Refutation, judged_frame, refutation


def negative_control_outcome(
    estimator: EffectEstimator, frame: pd.DataFrame, outcomes: Sequence[str], *, alpha: float = 0.05
) -> Refutation:
    """Estimate effects on outcomes that the treatment cannot have: they should be zero.

    Parameters
    ----------
    estimator : EffectEstimator
        Its settings are used; it is not changed.
    frame : pandas.DataFrame
    outcomes : sequence of str
        Columns that share the confounders of the real outcomes and precede the treatment, or
        cannot respond to it.
    alpha : float, default=0.05
        Level over all rows (Bonferroni).

    Returns
    -------
    Refutation
        ``estimate, p``.

    References
    ----------
    Lipsitch, Tchetgen Tchetgen, Cohen (2010). doi:10.1097/EDE.0b013e3181d61eeb

    Examples
    --------
    >>> from causalimg.effects.estimators import AIPW
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"age": rng.normal(size=300), "height": rng.normal(size=300)})
    >>> table["scanner"] = np.where(rng.random(300) < 0.5, "A", "B")
    >>> design = AIPW(treatment="scanner", adjustment=["age"])
    >>> negative_control_outcome(design, table, ["height"]).frame["verdict"].tolist()
    ['passes']
    """
    fitted = type(estimator)(**estimator.get_params()).fit(frame, outcomes)
    words = "the treatment seems to act on what it cannot act on: confounding is left"
    return _zero("negative_control_outcome", fitted, alpha, words)


def negative_control_treatment(
    estimator: EffectEstimator,
    frame: pd.DataFrame,
    outcomes: Sequence[str],
    *,
    treatment: str,
    reference: str | None = None,
    alpha: float = 0.05,
) -> Refutation:
    """Estimate effects of a treatment that cannot have any: they should be zero.

    Parameters
    ----------
    estimator : EffectEstimator
        Its settings are used, but for treatment and reference; it is not changed.
    frame : pandas.DataFrame
    outcomes : sequence of str
    treatment : str
        A column that shares the confounders of the real treatment and does nothing to the
        outcomes, such as a protocol introduced after the scan.
    reference : str, optional
    alpha : float, default=0.05
        Level over all rows (Bonferroni).

    Returns
    -------
    Refutation

    References
    ----------
    Lipsitch, Tchetgen Tchetgen, Cohen (2010). doi:10.1097/EDE.0b013e3181d61eeb

    Examples
    --------
    >>> from causalimg.effects.estimators import AIPW
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"age": rng.normal(size=300)})
    >>> table["scanner"] = np.where(rng.random(300) < 0.5, "A", "B")
    >>> table["archive"] = np.where(rng.random(300) < 0.5, "old", "new")
    >>> table["contrast"] = (table["scanner"] == "B") + rng.normal(size=300)
    >>> design = AIPW(treatment="scanner", adjustment=["age"])
    >>> found = negative_control_treatment(design, table, ["contrast"], treatment="archive")
    >>> found.frame["verdict"].tolist()
    ['passes']
    """
    settings = {**estimator.get_params(), "treatment": treatment, "reference": reference}
    fitted = type(estimator)(**settings).fit(frame, outcomes)
    words = f"{treatment!r}, which can do nothing, seems to have an effect: confounding is left"
    return _zero("negative_control_treatment", fitted, alpha, words)


def _zero(method: str, fitted: EffectEstimator, alpha: float, words: str) -> Refutation:
    p = fitted.effects_.frame["p"].to_numpy()
    known = np.isfinite(p)
    good = p > alpha / max(int(known.sum()), 1)
    frame = judged_frame(fitted, known, good).assign(p=p)
    frame["words"] = np.where(good, "no effect, as there should be none", words)
    return refutation(method, frame, f"level {alpha:g} over {int(known.sum())} effects")
