"""Front-door adjustment: an effect read off its mediators, where treatment is confounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.base import EffectEstimator
from causalimg.effects.design import Design
from causalimg.effects.influence import LevelMeans
from causalimg.effects.leverage import cluster_sums, corrected_weights, residual_df
from causalimg.effects.plans import Plan
from causalimg.effects.treatment_model import TreatmentModel
from causalimg.errors import InvalidInputError, NotEstimableError

Array = NDArray[np.float64]

_SINGULAR = 1e-9


@dataclass(frozen=True)
class MediatedPlan:
    """The plan of `FrontDoor`.

    Parameters
    ----------
    codes : ndarray of int, shape (n_samples,)
    shift : ndarray of shape (n_levels, n_mediators)
        How much each level moves the mediators, against the first level.
    shift_influence : ndarray of shape (n_levels, n_samples, n_mediators)
    full : ndarray of shape (n_samples, n_parameters)
        Regression matrix of the outcomes.
    hat : ndarray of shape (n_parameters, n_samples)
    slopes : ndarray of int, shape (n_parts, n_mediators)
        Parameters that are slopes of the mediators, in every level (or one row for all).
    share : ndarray of shape (n_parts,)
        Share of the cases in each.
    cluster : ndarray of int, shape (n_samples,), or None
    """

    codes: NDArray[np.intp]
    shift: Array
    shift_influence: Array
    full: Array
    hat: Array
    slopes: NDArray[np.intp]
    share: Array
    cluster: NDArray[np.intp] | None = None

    def weights(self, level: int) -> Array:
        """Return the weights (n_samples,) whose product with an outcome is the effect."""
        mean_slope = np.tensordot(self.share, self.hat[self.slopes], axes=1)
        return np.asarray(self.shift[level] @ mean_slope)

    def alone(self) -> tuple[tuple[int, int], ...]:
        """Return nothing: effects rest on slopes."""
        return ()

    def solve(self, outcomes: Array) -> LevelMeans:
        """Estimate effects against the first level, as means of which the first is 0."""
        n, q = outcomes.shape
        centred = outcomes - outcomes.mean(axis=0)
        coefficient = self.hat @ centred
        noise = centred - self.full @ coefficient
        part = coefficient[self.slopes]
        slope = np.tensordot(self.share, part, axes=1)
        count = len(self.shift)
        means, influence = self.shift @ slope, np.zeros((count, n, q))
        pull = np.zeros((count, n))
        for level in range(1, count):
            pull[level] = corrected_weights(self.full, self.hat, self.weights(level), self.cluster)[
                0
            ]
            influence[level] = (n * pull[level])[:, None] * noise
            influence[level] += self.shift_influence[level] @ slope
            if len(part) > 1:
                influence[level] += (self.shift[level] @ part)[self.codes] - means[level]

        def shared(level: int, base: int) -> tuple[Array, float]:
            own = pull[level] - pull[base]
            rest = own[:, None] * noise
            if self.cluster is not None:
                rest = cluster_sums(rest, self.cluster)
            df = residual_df(self.full, self.hat, own, self.cluster)
            return np.einsum("ij,ij->j", rest, rest), df

        zero = np.zeros((count, q))
        return LevelMeans(means, influence, zero, np.ones(count), self.codes, shared=shared)


def mediated_plan(
    design: Design, *, interactions: bool, cluster: NDArray[np.intp] | None = None
) -> MediatedPlan:
    """Plan a front-door estimate; the mediators are the design's ``precision`` columns.

    Raises
    ------
    NotEstimableError
        If mediators, covariates and levels cannot be told apart.
    """
    n, count = len(design.codes), len(design.levels)
    mediators = design.precision
    if mediators is None or not mediators.shape[1]:
        raise NotEstimableError("the mediators do not vary")
    has = (design.codes[:, None] == np.arange(count)).astype(np.float64)
    first = np.hstack([design.matrix, has[:, 1:]])
    first_hat = _least_squares(first)
    rest = mediators - first @ (first_hat @ mediators)
    shift = np.zeros((count, mediators.shape[1]))
    shift_influence = np.zeros((count, n, mediators.shape[1]))
    for level in range(1, count):
        own = first_hat[design.matrix.shape[1] + level - 1]
        shift[level] = own @ mediators
        pull = corrected_weights(first, first_hat, own, cluster)[0]
        shift_influence[level] = (n * pull)[:, None] * rest
    if interactions:
        inner = np.hstack([design.matrix, mediators])
        full = np.hstack([has[:, [k]] * inner for k in range(count)])
        start = np.arange(count)[:, None] * inner.shape[1] + design.matrix.shape[1]
        share = design.counts / n
    else:
        full = np.hstack([first, mediators])
        start, share = np.array([[first.shape[1]]]), np.ones(1)
    slopes = start + np.arange(mediators.shape[1])
    return MediatedPlan(
        design.codes, shift, shift_influence, full, _least_squares(full), slopes, share, cluster
    )


def _least_squares(matrix: Array) -> Array:
    orthogonal, triangle = np.linalg.qr(matrix)
    size = np.linalg.norm(matrix, axis=0)
    if (
        len(matrix) <= matrix.shape[1]
        or (np.abs(np.diag(triangle)) <= _SINGULAR * np.maximum(size, 1e-300)).any()
    ):
        raise NotEstimableError(
            "mediators, covariates and treatment levels cannot be told apart: a mediator that the"
            " treatment determines leaves nothing to compare. Use fewer covariates or mediators, or"
            " interactions=False."
        )
    return np.asarray(np.linalg.solve(triangle, orthogonal.T))


@dataclass(kw_only=True, eq=False, repr=False)
class FrontDoor(EffectEstimator):
    """Estimate effects through their mediators (front-door adjustment), for all outcomes at once.

    How the treatment moves the mediators is not confounded, and how they move the outcome is not,
    given the treatment; so the product of the two is the effect although treatment and outcome
    have unmeasured common causes. `frontdoor_sets` finds mediators in a graph.

    Parameters
    ----------
    treatment : str
        Column of levels.
    mediators : sequence of str
        A front-door set: every causal path goes through it.
    adjustment : sequence of str
        Measured confounders of treatment and mediators, or of mediators and outcome; often none.
    interactions : bool, default=True
        The outcome's slopes on the mediators are fitted within levels and averaged over them;
        False for common slopes.
    reference, alpha, fdr, cluster, bootstrap, random_state
        As in `AIPW`.

    Attributes
    ----------
    effects_ : EffectTable
        ``ess`` is the number of cases in the smaller level; ``max_smd`` is of the covariates.
    levels_ : tuple of str
    notes_ : tuple of str

    Notes
    -----
    Assumptions: the mediators carry the whole effect; nothing unmeasured confounds treatment and
    mediators, or mediators and outcome given treatment; mediators and outcomes are linear in what
    stands before them; overlap of the mediators' values between levels.

    Standard errors combine the influence functions of both regressions, leverage-corrected.

    References
    ----------
    Pearl (1995). doi:10.1093/biomet/82.4.669
    Fulcher, Shpitser, Marealle, Tchetgen Tchetgen (2020). doi:10.1111/rssb.12345

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> hidden = rng.normal(size=2000)
    >>> low_dose = rng.random(2000) < 1 / (1 + np.exp(-hidden))
    >>> table = pd.DataFrame({"protocol": np.where(low_dose, "low", "full")})
    >>> table["noise"] = 1.0 * low_dose + rng.normal(size=2000)
    >>> table["texture"] = 0.5 * table["noise"] + hidden + rng.normal(size=2000)
    >>> found = FrontDoor(treatment="protocol", mediators=["noise"]).fit(table, ["texture"])
    >>> row = found.effects_.frame.iloc[0]
    >>> row["contrast"], bool(row["ci_low"] < 0.5 < row["ci_high"])
    ('low - full', True)
    """

    _estimator = "front_door"
    _weighted = False
    _adjusted = False
    _estimands = ("ate",)
    _assumptions = (
        "The mediators carry the whole effect.",
        "Nothing unmeasured confounds treatment and mediators, given the adjustment set.",
        "Nothing unmeasured confounds mediators and outcomes, given treatment and adjustment set.",
        "Mediators and outcomes are linear in their causes within each level.",
        "Outcomes are missing at random given treatment, mediators and adjustment set.",
    )

    treatment: str
    mediators: Sequence[str]
    adjustment: Sequence[str] = ()
    interactions: bool = True
    reference: str | None = None
    alpha: float = 0.05
    fdr: str = "bh"
    cluster: str | None = None
    bootstrap: int | None = None
    random_state: int | None = 0

    def _adjustment(self) -> Sequence[str]:
        return self.adjustment

    def _precision(self) -> Sequence[str]:
        return self.mediators

    def _check_settings(self) -> None:
        super()._check_settings()
        if isinstance(self.mediators, str) or not len(self.mediators):
            raise InvalidInputError("mediators must be a list with at least one column")

    def _plans(self, model: TreatmentModel) -> dict[int, Plan]:
        plan = mediated_plan(model.design, interactions=self.interactions, cluster=model.cluster)
        return dict.fromkeys(model.targets, plan)
