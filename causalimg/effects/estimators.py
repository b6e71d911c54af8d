"""Average treatment effects on many outcomes at once."""

from __future__ import annotations

from collections.abc import Sequence

from causalimg.effects.base import EffectEstimator
from causalimg.effects.diagnostics import OverlapLimits

_CAUSAL: tuple[str, ...] = (
    "No unmeasured confounding: given the adjustment set, treatment is independent of what each"
    " case's outcome would be under each level.",
    "Overlap: every case could have had every level.",
    "No interference: a case's outcome does not depend on other cases' treatment.",
    "Outcomes are missing at random given treatment and adjustment set.",
)


class AIPW(EffectEstimator):
    """Estimate average treatment effects by augmented inverse probability weighting.

    All outcomes are fitted together: one multinomial logistic propensity model, and one least
    squares solve per treatment level. The estimate is right if either the propensity model or the
    outcome model is right.

    Parameters
    ----------
    treatment : str
        Column of levels (scanner, protocol); numbers count as labels.
    adjustment : sequence of str
        Covariates, a back-door set; text and categories are coded by level.
    reference : str, optional
        Level to compare with; the first in sorted order by default.
    estimand : {"ate"}
        The mean effect in the population that the cases come from.
    alpha : float, default=0.05
        Intervals have level ``1 - alpha``.
    fdr : {"bh", "by"}
        False discovery rate over all estimable rows.
    trim : float, default=0.01
        Propensities below are raised to this bound, so that no case counts for more than 100;
        how many is in the notes.
    cluster : str, optional
        Column of clusters (patient, when there are several lesions each); standard errors then
        allow for any dependence within clusters.
    limits : OverlapLimits, optional
        Below these a contrast is ``not_estimable`` and has no number.

    Attributes
    ----------
    effects_ : EffectTable
    levels_ : tuple of str
        The reference first.
    propensity_ : pandas.DataFrame of shape (n_samples, n_levels)
        Before clipping.
    overlap_ : OverlapReport
    balance_ : pandas.DataFrame
    influence_ : dict of str to pandas.DataFrame
        Contrast -> influence functions (n_samples, n_outcomes); see `influence`.
    notes_ : tuple of str

    Notes
    -----
    Assumptions: no unmeasured confounding given ``adjustment``, overlap, no interference, outcomes
    missing at random given treatment and adjustment.

    Standard errors come from influence functions with the weights that each level's estimate
    really puts on its cases and with leverage-corrected (HC2) residuals; intervals use t quantiles
    with Satterthwaite degrees of freedom. There is no cross-fitting: the nuisance models are
    parametric, and unregularised models fitted to parts of a small table do harm.

    References
    ----------
    Robins, Rotnitzky, Zhao (1994). doi:10.1080/01621459.1994.10476818
    Imbens, Kolesar (2016), on small-sample standard errors. doi:10.1162/REST_a_00552

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> age = rng.normal(60, 10, 400)
    >>> scanner = np.where(rng.random(400) < 1 / (1 + np.exp((60 - age) / 10)), "B", "A")
    >>> texture = 0.1 * age + 2.0 * (scanner == "B") + rng.normal(size=400)
    >>> table = pd.DataFrame({"age": age, "scanner": scanner, "texture": texture})
    >>> effects = AIPW(treatment="scanner", adjustment=["age"]).fit(table, ["texture"]).effects_
    >>> row = effects.frame.iloc[0]
    >>> row["contrast"], bool(row["ci_low"] < 2.0 < row["ci_high"])
    ('B - A', True)
    """

    _estimator = "aipw"
    _weighted = True
    _adjusted = True
    _assumptions = _CAUSAL

    def __init__(
        self,
        *,
        treatment: str,
        adjustment: Sequence[str],
        reference: str | None = None,
        estimand: str = "ate",
        alpha: float = 0.05,
        fdr: str = "bh",
        trim: float = 0.01,
        cluster: str | None = None,
        limits: OverlapLimits | None = None,
    ) -> None:
        self.treatment = treatment
        self.adjustment = adjustment
        self.reference = reference
        self.estimand = estimand
        self.alpha = alpha
        self.fdr = fdr
        self.trim = trim
        self.cluster = cluster
        self.limits = limits

    def _adjustment(self) -> Sequence[str]:
        return self.adjustment


class GComputation(AIPW):
    """Estimate average treatment effects by averaging outcome models over all cases.

    One least squares model per treatment level; with linear outcomes it is more precise than
    `AIPW` where overlap is weak, and it is wrong where the outcomes are not linear. Settings,
    attributes, overlap limits and standard errors as in `AIPW`; ``trim`` only marks cases in the
    overlap report.

    Notes
    -----
    Assumptions: those of `AIPW`, and outcomes linear in the covariates within each level.

    References
    ----------
    Robins (1986). doi:10.1016/0270-0255(86)90088-6

    Examples
    --------
    >>> GComputation(treatment="scanner", adjustment=["age"]).trim
    0.01
    """

    _estimator = "g_computation"
    _weighted = False
    _assumptions = (*_CAUSAL, "Outcomes are linear in the covariates within each level.")


class DifferenceInMeans(EffectEstimator):
    """Compare raw means between treatment levels (Welch), the naive reference.

    Parameters
    ----------
    treatment : str
    reference : str, optional
    alpha : float, default=0.05
    fdr : {"bh", "by"}
    cluster : str, optional

    Attributes
    ----------
    effects_ : EffectTable
        ``ess`` is the number of cases in the smaller level; ``max_smd`` is empty.
    levels_ : tuple of str
    influence_ : dict of str to pandas.DataFrame

    Notes
    -----
    Assumptions: treatment was assigned at random. In observational data this is a description,
    not an effect.

    References
    ----------
    Welch (1947). doi:10.1093/biomet/34.1-2.28

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"scanner": list("AAABBB"), "size": [1.0, 2, 3, 4, 5, 6]})
    >>> found = DifferenceInMeans(treatment="scanner").fit(table, ["size"]).effects_
    >>> float(found.frame["estimate"].round(6).iloc[0])
    3.0
    """

    _estimator = "difference_in_means"
    _weighted = False
    _adjusted = False
    _assumptions = ("Treatment was assigned at random (nothing is adjusted for).",)

    def __init__(
        self,
        *,
        treatment: str,
        reference: str | None = None,
        alpha: float = 0.05,
        fdr: str = "bh",
        cluster: str | None = None,
    ) -> None:
        self.treatment = treatment
        self.reference = reference
        self.alpha = alpha
        self.fdr = fdr
        self.cluster = cluster
