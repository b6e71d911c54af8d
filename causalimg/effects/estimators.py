"""Average treatment effects on many outcomes at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from causalimg.effects.adjusted import CAUSAL, PopulationEstimator
from causalimg.effects.base import EffectEstimator
from causalimg.effects.multiplicity import check_choice
from causalimg.effects.plans import LinearPlan, Plan, linear_plan
from causalimg.effects.treatment_model import TreatmentModel, Weighting
from causalimg.errors import InvalidInputError

SCOPES = ("population", "sample")


@dataclass(kw_only=True, eq=False, repr=False)
class AIPW(PopulationEstimator):
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
        ``ate`` is the default because it is what "the effect" is taken to mean; where effects vary
        little, ``ato`` answers the same question with the smaller error.
    scope : {"population", "sample"}
        What intervals are for: the mean effect in the population that the cases come from, or in
        just these cases. Estimates are the same; the sample's intervals are narrower by what
        effects are seen to vary.
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
    precision : sequence of str
        Covariates that the outcomes depend on and the treatment does not, given ``adjustment``
        (parents of the outcome in the graph): they enter the outcome model alone, and narrow the
        intervals without straining overlap.
    outcome_model : regressor, optional
        Any scikit-learn regressor instead of least squares, cross-fitted with ``n_folds``. One that
        takes several outcomes is fitted to all at once (a forest then shares its splits between
        them; ``sklearn.multioutput.MultiOutputRegressor`` keeps them apart), others one by one.
    propensity_model : classifier, optional
        Any scikit-learn classifier; the built-in multinomial logistic regression by default.
    n_folds : int, default=1
        Folds in which ``propensity_model`` and ``outcome_model`` are cross-fitted. Only regularised
        ones should be: others draw a warning.
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
    really puts on its cases, leverage-corrected residuals (HC2; CR2 with ``cluster``) and, for the
    built-in propensities, their estimation. Intervals use t quantiles with Satterthwaite (Bell and
    McCaffrey's) degrees of freedom, which hold with few clusters, too. The built-in outcome models
    are not cross-fitted: they are parametric, and unregularised models fitted to parts of a small
    table do harm.

    References
    ----------
    Robins, Rotnitzky, Zhao (1994). doi:10.1080/01621459.1994.10476818
    Imbens, Kolesar (2016), on small-sample standard errors. doi:10.1162/REST_a_00552
    Pustejovsky, Tipton (2018), on clusters. doi:10.1080/07350015.2016.1247004
    Aronow, Green, Lee (2014), on the sample's effect. doi:10.1214/13-AOS1200
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
    scope: str = "population"
    precision: Sequence[str] = ()
    outcome_model: Any = None

    def _check_settings(self) -> None:
        super()._check_settings()
        check_choice(self.scope, SCOPES, "scope")
        if self.scope == "sample" and self.bootstrap is not None:
            raise InvalidInputError(
                "resampled cases stand for a population: leave bootstrap out with scope='sample'"
            )

    def _more_notes(self) -> tuple[str, ...]:
        if self.scope == "population":
            return ()
        return ("intervals are for the mean effect in just these cases (scope='sample')",)

    def _precision(self) -> Sequence[str]:
        return self.precision

    def _weighting(self) -> Weighting:
        # the overlap population itself depends on the propensities
        slopes = self._weighted or self.estimand == "ato"
        return replace(super()._weighting(), slopes=slopes)

    def _plans(self, model: TreatmentModel) -> dict[int, Plan]:
        return dict(self._linear_plans(model))

    def _linear_plans(self, model: TreatmentModel) -> dict[int, LinearPlan]:
        design = model.design
        return {
            key: linear_plan(
                design.level_matrices,
                design.codes,
                target,
                len(design.levels),
                weighted=self._weighted,
                nuisance=model.nuisance,
                learner=self._learner(model),
                cluster=model.cluster,
                sample=self.scope == "sample",
            )
            for key, target in model.targets.items()
        }


class IPW(PopulationEstimator):
    """Estimate average treatment effects by inverse probability weighting (Hajek).

    The weights add up to one within each level, so that they are stabilised and the estimates do
    not depend on where the outcome's scale has its zero. Settings and attributes as in `AIPW`.

    Parameters
    ----------
    treatment, adjustment, reference, alpha, fdr, trim, trim_method, cluster, limits, splines
        As in `AIPW`.
    propensity_model, n_folds, bootstrap, random_state, estimand
        As in `AIPW`.

    Notes
    -----
    Assumptions: those of `AIPW`, and a right propensity model: there is no outcome model to make
    up for a wrong one.

    With the built-in logistic model, standard errors account for the estimation of the
    propensities (they are smaller for it), corrected for what that explains by chance (each case's
    leverage on the propensities; with ``cluster``, the clusters' mean leverage); with another
    ``propensity_model`` they take the propensities for known, which is usually conservative.

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
                cluster=model.cluster,
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
