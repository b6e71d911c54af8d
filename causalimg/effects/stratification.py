"""Stratification on the propensity score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.adjusted import CAUSAL, PopulationEstimator
from causalimg.effects.covariates import independent_columns
from causalimg.effects.plans import Plan, linear_plan
from causalimg.effects.targets import EVERYONE
from causalimg.effects.treatment_model import TreatmentModel
from causalimg.errors import InvalidInputError

Array = NDArray[np.float64]

_FEWEST = 2


def strata(
    score: Array,
    level: NDArray[np.bool_],
    other: NDArray[np.bool_],
    average: Array,
    n_strata: int,
) -> NDArray[np.intp]:
    """Cut cases into strata of one level's propensity.

    The cuts are quantiles in the target population; a stratum with fewer than 2 cases on either
    side of the comparison is joined with the next.

    Parameters
    ----------
    score : ndarray of shape (n_samples,)
        Propensity of the level.
    level, other : ndarray of bool, shape (n_samples,)
        Mark the cases that have it, and those that they stand for.
    average : ndarray of shape (n_samples,)
        The target population.
    n_strata : int

    Returns
    -------
    ndarray of int, shape (n_samples,)

    Examples
    --------
    >>> score = np.linspace(0.1, 0.9, 8)
    >>> even = np.arange(8) % 2 == 0
    >>> strata(score, even, ~even, np.full(8, 0.125), 2).tolist()
    [0, 0, 0, 0, 1, 1, 1, 1]
    """
    order = np.argsort(score, kind="stable")
    share = np.cumsum(average[order]) - average[order] / 2
    cuts = np.searchsorted(share, np.arange(1, n_strata) / n_strata)
    edges = np.unique(score[order][np.clip(cuts, 0, len(score) - 1)])
    place = np.searchsorted(edges, score, side="right")
    size = len(edges) + 1
    has = np.bincount(place[level], minlength=size)
    lacks = np.bincount(place[other], minlength=size)
    joined = np.zeros(size, dtype=np.intp)
    group, with_level, without = 0, 0, 0
    for k in range(size):
        joined[k] = group
        with_level, without = with_level + has[k], without + lacks[k]
        if with_level >= _FEWEST and without >= _FEWEST:
            group, with_level, without = group + 1, 0, 0
    if group:
        # what is left over at the end belongs to the last full stratum
        joined = np.minimum(joined, group - 1)
    return np.asarray(joined[place])


@dataclass(kw_only=True, eq=False, repr=False)
class Stratification(PopulationEstimator):
    """Estimate average treatment effects within strata of the propensity score.

    The mean under a level is the mean of its cases within strata of its propensity, or what a
    regression within them predicts, averaged over the target population (``ate``, ``att``,
    ``atc``). Other settings and attributes as in `AIPW`; ``trim`` only marks cases in the overlap
    report.

    Parameters
    ----------
    treatment, adjustment, reference, estimand, alpha, fdr, trim, trim_method, cluster, limits
        As in `AIPW`.
    n_strata : int, default=5
        Five strata remove about nine tenths of the bias of one confounder.
    bias_adjust : bool, default=True
        Also regress on the covariates within levels, with a constant per stratum: removes what
        strata leave of the confounding, and of the covariates' noise.
    splines, propensity_model, n_folds, bootstrap, random_state
        As in `AIPW`.

    Notes
    -----
    Assumptions: those of `AIPW`, and a right propensity model, or outcomes linear in the covariates
    inside strata. Without ``bias_adjust``, what is left of the confounding inside strata stays in
    the estimate, and the standard errors, which take the strata for given, are too large.

    References
    ----------
    Rosenbaum, Rubin (1984). doi:10.1080/01621459.1984.10478078
    Imbens, Rubin (2015), subclassification with regression. doi:10.1017/CBO9781139025751
    Imbens (2000), more than two levels. doi:10.1093/biomet/87.3.706

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> age = rng.normal(60, 10, 400)
    >>> scanner = np.where(rng.random(400) < 1 / (1 + np.exp((60 - age) / 10)), "B", "A")
    >>> texture = 0.1 * age + 2.0 * (scanner == "B") + rng.normal(size=400)
    >>> table = pd.DataFrame({"age": age, "scanner": scanner, "texture": texture})
    >>> found = Stratification(treatment="scanner", adjustment=["age"], n_strata=10)
    >>> row = found.fit(table, ["texture"]).effects_.frame.iloc[0]
    >>> bool(row["ci_low"] < 2.0 < row["ci_high"])
    True
    """

    _estimator = "stratification"
    _weighted = False
    _estimands = ("ate", "att", "atc")
    _assumptions = (
        *CAUSAL,
        "The propensity model is right and covariates are balanced within strata, or outcomes are"
        " linear in the covariates there.",
    )

    n_strata: int = 5
    bias_adjust: bool = True

    def _check_settings(self) -> None:
        super()._check_settings()
        if self.n_strata < 2:
            raise InvalidInputError(f"n_strata must be at least 2, got {self.n_strata!r}")

    def _plans(self, model: TreatmentModel) -> dict[int, Plan]:
        codes, count = model.design.codes, len(model.design.levels)
        plans: dict[int, Plan] = {}
        for key, target in model.targets.items():
            cells = []
            for level in range(count):
                score, other = model.probability[:, level], codes != level
                if key not in (EVERYONE, level):
                    score = score / (score + model.probability[:, key])
                    other = codes == key
                place = strata(score, codes == level, other, target.average, self.n_strata)
                cell = np.eye(int(place.max()) + 1)[place]
                if self.bias_adjust:
                    both = np.hstack([cell, model.design.matrix[:, 1:]])
                    cell = both[:, independent_columns(both[codes == level])]
                cells.append(cell)
            plans[key] = linear_plan(
                cells, codes, target, count, weighted=False, cluster=model.cluster
            )
        return plans
