"""Stable measurements: features that an environment (scanner, site, protocol) does not move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import pandas as pd

from causalimg.effects.base import EffectEstimator
from causalimg.effects.diagnostics import OverlapLimits
from causalimg.effects.estimators import AIPW
from causalimg.effects.multiplicity import check_choice
from causalimg.effects.parameters import Parametrised
from causalimg.errors import InvalidInputError, UnknownNameError, nearest
from causalimg.invariance.control import CONTROLS, Control
from causalimg.invariance.evidence import stable_evidence, with_repeats
from causalimg.invariance.frequency import certified_again, certified_frequency
from causalimg.invariance.spread import SPREADS, patient_spread
from causalimg.parallel import spawn_seeds
from causalimg.provenance import Provenance
from causalimg.tables.invariant_set import InvariantSet

_ASSUMPTIONS = (
    "Stable means that every pairwise effect of the environment is smaller than the margin; a"
    " difference that is merely not significant is not called stable.",
    "The margin is in units of the feature's standard deviation within environments, taken as"
    " known.",
)


class StableFeatures(Parametrised):
    """Find the features whose adjusted environment effects are all smaller than a margin.

    For every feature and every pair of environment levels, two one-sided tests (TOST) ask whether
    the causal effect lies inside plus or minus the margin; the feature's p-value is the largest
    of them, so one moved pair is enough to keep a feature out. Three verdicts:

    - ``stable``: equivalence is shown after control over all features.
    - ``shifted``: equivalence is not shown, and some pair's effect differs from zero after
      control over all features and pairs.
    - ``not_certifiable``: the data decide neither, or the effect is not estimable.

    Parameters
    ----------
    environment : str
        Column of levels that should not matter: scanner, protocol, site.
    adjustment : sequence of str
        Covariates, a back-door set for the environment's effect.
    precision : sequence of str
        Covariates that the features depend on and the environment does not, given ``adjustment``
        (site, where the scanner does not follow from it; disease): they narrow the intervals, and
        so certify more.
    estimand : {"ato", "ate", "att", "atc"}
        Whose mean effect is looked at, as in `AIPW`: the overlap population by default, which is
        the most precise.
    margin : float, default=0.2
        Largest effect called stable, in units of ``spread``.
    alpha : float, default=0.05
    control : {"bh", "maxt"}
        ``bh``: at most a share ``alpha`` of the certified features is wrong, on average.
        ``maxt``: any wrong feature at all with probability at most ``alpha`` (step-down over the
        joint distribution of the estimates, by multiplier bootstrap).
    reference : str, optional
        First level of the pairs; matters for the sign of the effects only.
    spread : {"within", "reference"}
        The unit of margin and effects: the feature's standard deviation within environments, or
        that of all patients under the reference (see `reference_spread`).
    cluster : str, optional
        Column of clusters (patient), for standard errors.
    trim : float, default=0.01
    limits : OverlapLimits, optional
        Both as in `AIPW`.
    n_bootstrap : int, default=2000
        Multiplier draws for ``maxt``.
    n_resamples : int, default=0
        Resamples of cases (or clusters) in which everything is done anew; the share that certify a
        feature is its ``bootstrap_frequency`` in the evidence.
    random_state : int or None, default=0
        Seed of the draws.

    Attributes
    ----------
    invariant_set_ : InvariantSet
    effects_ : EffectTable
        Every pair of levels.
    estimator_ : AIPW
        The fitted effect estimator: ``overlap_``, ``propensity_``, ``influence``.

    Notes
    -----
    Assumptions: those of `AIPW`. In the evidence, ``ci_low_sd`` and ``ci_high_sd`` are the
    two-sided ``1 - alpha`` interval of the worst contrast, not adjusted for many features;
    ``n_needed`` is the number of patients with which the feature would be decided, one way or
    the other, with probability 0.8 if its estimate (less what its error adds to its square) is
    the truth, at the level that it would have to meet together with the features that need fewer.

    References
    ----------
    Schuirmann (1987). doi:10.1007/BF01068419
    Romano, Wolf (2005). doi:10.1198/016214504000000539

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> scanner = np.where(rng.random(2000) < 0.5, "A", "B")
    >>> table = pd.DataFrame({"scanner": scanner, "age": rng.normal(60, 9, 2000)})
    >>> table["volume"] = rng.normal(size=2000)
    >>> table["entropy"] = rng.normal(size=2000) + (scanner == "B")
    >>> found = StableFeatures(environment="scanner", adjustment=["age"])
    >>> found.fit(table, features=["volume", "entropy"]).invariant_set_.features
    ('volume',)
    """

    def __init__(
        self,
        *,
        environment: str,
        adjustment: Sequence[str],
        precision: Sequence[str] = (),
        estimand: str = "ato",
        margin: float = 0.2,
        alpha: float = 0.05,
        control: str = "bh",
        reference: str | None = None,
        spread: str = "within",
        cluster: str | None = None,
        trim: float = 0.01,
        limits: OverlapLimits | None = None,
        n_bootstrap: int = 2000,
        n_resamples: int = 0,
        random_state: int | None = 0,
    ) -> None:
        self.environment = environment
        self.adjustment = adjustment
        self.precision = precision
        self.estimand = estimand
        self.margin = margin
        self.alpha = alpha
        self.control = control
        self.reference = reference
        self.spread = spread
        self.cluster = cluster
        self.trim = trim
        self.limits = limits
        self.n_bootstrap = n_bootstrap
        self.n_resamples = n_resamples
        self.random_state = random_state

    def fit(
        self,
        frame: pd.DataFrame,
        *,
        features: Sequence[str],
        effects: EffectEstimator | None = None,
        between_sd: Mapping[str, float] | None = None,
        repeats: pd.DataFrame | None = None,
        n_jobs: int = 1,
    ) -> Self:
        """Test every feature.

        Parameters
        ----------
        frame : pandas.DataFrame
            One row per case. Not modified.
        features : sequence of str
        effects : fitted effect estimator, optional
            Estimated on the same table, with ``environment`` as its treatment and at least these
            features as outcomes; used instead of estimating again. Its own settings
            (``adjustment``, ``cluster``, ``trim`` ...) then hold.
        between_sd : mapping of str to float, optional
            Spread of every feature between patients, from repeats (`reliability`), as the unit.
        repeats : pandas.DataFrame, optional
            What `reliability` gave for repeated scans: intraclass correlations, concordance,
            coefficient of variation and repeatability coefficient are put beside the evidence.
            They do not change a verdict.
        n_jobs : int, default=1
            Of ``n_resamples``, at a time.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            For settings outside their range, or ``effects`` of another treatment or table.
        NotEstimableError, UnknownNameError
            As `AIPW.fit`.
        """
        self._check()
        names = [features] if isinstance(features, str) else [str(name) for name in features]
        if effects is None:
            effects = AIPW(
                treatment=self.environment,
                adjustment=self.adjustment,
                precision=self.precision,
                estimand=self.estimand,
                reference=self.reference,
                alpha=self.alpha,
                trim=self.trim,
                cluster=self.cluster,
                limits=self.limits,
            ).fit(frame, names)
        self._check_effects(effects, frame, names)
        self.estimator_ = effects
        self.effects_ = effects.effects(pairs=True)
        sd = patient_spread(self.spread, between_sd, frame, names, effects)
        control = Control(
            self.control, self.alpha, self.n_bootstrap, spawn_seeds(self.random_state, 1)[0]
        )
        evidence = stable_evidence(effects, names, sd, margin=self.margin, control=control)
        if repeats is not None:
            evidence = with_repeats(evidence, repeats)
        if self.n_resamples:
            evidence["bootstrap_frequency"] = certified_frequency(
                certified_again(self, effects, names, between_sd),
                frame,
                names,
                n_resamples=self.n_resamples,
                cluster=effects.cluster,
                random_state=self.random_state,
                n_jobs=n_jobs,
            )
        stable = evidence.loc[evidence["verdict"] == "stable", "feature"]
        self.invariant_set_ = InvariantSet(
            features=tuple(stable),
            meaning="stable_measurement",
            environment=self.environment,
            margin=float(self.margin),
            evidence=evidence,
            environments=effects.levels_,
            provenance=Provenance.of(
                "invariance",
                settings=self.settings(),
                inputs={"effects": self.effects_.digest()},
                assumptions=(*_ASSUMPTIONS, *effects.assumptions),
                seed=self.random_state,
            ),
        )
        return self

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return only the stable features of a table."""
        return self.invariant_set_.transform(frame)

    # ---- steps ---------------------------------------------------------------------------

    def _check(self) -> None:
        if not self.margin > 0:
            raise InvalidInputError(
                f"margin must be above 0 (in standard deviations), got {self.margin!r}"
            )
        if not 0 < self.alpha < 0.5:
            raise InvalidInputError(f"alpha must be between 0 and 0.5, got {self.alpha!r}")
        check_choice(self.control, CONTROLS, "control")
        check_choice(self.spread, SPREADS, "spread")
        if self.n_resamples < 0:
            raise InvalidInputError(f"n_resamples must be at least 0, got {self.n_resamples!r}")
        if self.n_bootstrap < 100:
            raise InvalidInputError(f"n_bootstrap must be at least 100, got {self.n_bootstrap!r}")

    def _check_effects(
        self, effects: EffectEstimator, frame: pd.DataFrame, names: list[str]
    ) -> None:
        if not hasattr(effects, "effects_"):
            raise InvalidInputError("effects is not fitted; call its fit() first, or leave it out")
        if effects.treatment != self.environment:
            raise InvalidInputError(
                f"effects were estimated for treatment {effects.treatment!r}, and the environment"
                f" is {self.environment!r}"
            )
        if effects.n_samples_ != len(frame):
            raise InvalidInputError(
                f"effects were estimated on {effects.n_samples_} cases, and the table has"
                f" {len(frame)}"
            )
        missing = [name for name in names if name not in set(effects.outcomes_)]
        if missing:
            raise UnknownNameError(
                f"effects has no outcome {missing[0]!r}{nearest(missing[0], effects.outcomes_)}"
                f" ({len(missing)} of {len(names)} features are missing there)"
            )
