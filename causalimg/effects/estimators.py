"""Average treatment effects on many outcomes at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from causalimg.effects.base import EffectEstimator
from causalimg.effects.diagnostics import OverlapLimits
from causalimg.effects.plans import Plan, linear_plan
from causalimg.effects.treatment_model import TreatmentModel, Weighting

CAUSAL: tuple[str, ...] = (
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
    estimand : {"ate", "att", "atc", "ato"}
        Mean effect over all cases; over those that have the level (``att``) or the level it is
        compared with (``atc``); or over the overlap population (``ato``), in which every level is
        about equally likely: the most precise, and the one to ask for where overlap is weak.
    alpha : float, default=0.05
        Intervals have level ``1 - alpha``.
    fdr : {"bh", "by"}
        False discovery rate over all estimable rows.
    trim : float, default=0.01
        Propensities below are raised to this bound, so that no case counts for more than 100;
        how many is in the notes.
    trim_method : {"clip", "drop"}
        ``drop`` leaves these cases out and fits the rest anew; the effects are then theirs.
    cluster : str, optional
        Column of clusters (patient, when there are several lesions each); standard errors then
        allow for any dependence within clusters.
    limits : OverlapLimits, optional
        Below these a contrast is ``not_estimable`` and has no number.
    splines : int, optional
        Degrees of freedom of a natural cubic spline for every number column, in the propensity and
        the outcome models; straight lines by default.
    propensity_model : classifier, optional
        Any scikit-learn classifier; the built-in multinomial logistic regression by default.
    n_folds : int, default=1
        Above 1, propensities are cross-fitted. Only with a regularised ``propensity_model``.
    bootstrap : int, optional
        That many resamples of cases (of clusters, if given) for standard errors and percentile
        intervals, with everything fitted anew; influence functions by default.
    random_state : int or None, default=0
        Seed of folds and resamples.

    Attributes
    ----------
    effects_ : EffectTable
    levels_ : tuple of str
        The reference first.
    propensity_ : pandas.DataFrame of shape (n_samples, n_levels)
        Before clipping; of all cases.
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
    with Satterthwaite degrees of freedom. The outcome models are not cross-fitted: they are
    parametric, and unregularised models fitted to parts of a small table do harm.

    References
    ----------
    Robins, Rotnitzky, Zhao (1994). doi:10.1080/01621459.1994.10476818
    Imbens, Kolesar (2016), on small-sample standard errors. doi:10.1162/REST_a_00552
    Li, Morgan, Zaslavsky (2018), on the overlap population. doi:10.1080/01621459.2016.1260466
    Crump, Hotz, Imbens, Mitnik (2009), on dropping cases. doi:10.1093/biomet/asn055

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
    _assumptions = CAUSAL

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
        trim_method: str = "clip",
        cluster: str | None = None,
        limits: OverlapLimits | None = None,
        splines: int | None = None,
        propensity_model: Any = None,
        n_folds: int = 1,
        bootstrap: int | None = None,
        random_state: int | None = 0,
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
        self.trim_method = trim_method
        self.splines = splines
        self.propensity_model = propensity_model
        self.n_folds = n_folds
        self.bootstrap = bootstrap
        self.random_state = random_state

    def _adjustment(self) -> Sequence[str]:
        return self.adjustment

    def _weighting(self) -> Weighting:
        # the overlap population itself depends on the propensities
        return replace(super()._weighting(), slopes=self.estimand == "ato")

    def _plans(self, model: TreatmentModel) -> dict[int, Plan]:
        design = model.design
        return {
            key: linear_plan(
                design.matrix,
                design.codes,
                target,
                len(design.levels),
                weighted=self._weighted,
                nuisance=model.nuisance,
            )
            for key, target in model.targets.items()
        }


class IPW(AIPW):
    """Estimate average treatment effects by inverse probability weighting (Hajek).

    The weights add up to one within each level, so that they are stabilised and the estimates do
    not depend on where the outcome's scale has its zero. Settings and attributes as in `AIPW`.

    Notes
    -----
    Assumptions: those of `AIPW`, and a right propensity model: there is no outcome model to make
    up for a wrong one.

    With the built-in logistic model, standard errors account for the estimation of the
    propensities (they are smaller for it); with another ``propensity_model`` they take the
    propensities for known, which is usually conservative.

    References
    ----------
    Hajek (1971), comment in Foundations of Statistical Inference.
    Lunceford, Davidian (2004). doi:10.1002/sim.1903

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> age = rng.normal(60, 10, 400)
    >>> scanner = np.where(rng.random(400) < 1 / (1 + np.exp((60 - age) / 10)), "B", "A")
    >>> texture = 0.1 * age + 2.0 * (scanner == "B") + rng.normal(size=400)
    >>> table = pd.DataFrame({"age": age, "scanner": scanner, "texture": texture})
    >>> found = IPW(treatment="scanner", adjustment=["age"], estimand="att").fit(table, ["texture"])
    >>> row = found.effects_.frame.iloc[0]
    >>> row["estimand"], bool(row["ci_low"] < 2.0 < row["ci_high"])
    ('att', True)
    """

    _estimator = "ipw"
    _assumptions = (*CAUSAL, "The propensity model is right.")

    def _weighting(self) -> Weighting:
        return replace(super()._weighting(), slopes=True)

    def _plans(self, model: TreatmentModel) -> dict[int, Plan]:
        design = model.design
        return {
            key: linear_plan(
                design.matrix,
                design.codes,
                target,
                len(design.levels),
                modelled=False,
                nuisance=model.nuisance,
            )
            for key, target in model.targets.items()
        }


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
