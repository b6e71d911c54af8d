"""Direct causes with hidden confounders: invariance of the inner product with the residual."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.multiplicity import check_choice
from causalimg.effects.parameters import Parametrised
from causalimg.errors import InvalidInputError, NotEstimableError
from causalimg.invariance.environments import EnvironmentData, read_environments
from causalimg.invariance.gram import standardised
from causalimg.invariance.inner_products import InnerProducts
from causalimg.invariance.predictors import COLUMNS, InvariantPredictors
from causalimg.invariance.screening import SCREENINGS, screened
from causalimg.invariance.set_icp import MOST_FEATURES
from causalimg.parallel import spawn_seeds
from causalimg.provenance import Provenance

Array = NDArray[np.float64]

_ASSUMPTIONS = (
    "The environments differ by additive interventions on the features, of which neither the"
    " outcome's noise nor the hidden confounders know.",
    "The outcome is linear in its direct causes, with the same coefficients and noise everywhere.",
    "Hidden common causes of features and outcome are allowed; they are the same in every"
    " environment.",
)


def _precision(products: InnerProducts, b: Array) -> Array:
    covariance = products.covariance(np.concatenate([[1.0], -b]))
    slope = products.slope
    return np.asarray(slope.T @ np.linalg.lstsq(covariance, slope, rcond=1e-12)[0])


class HiddenICP(Parametrised):
    """Estimate the direct causes of an outcome although hidden confounders are at work.

    The causal Dantzig: with the causal coefficients, the covariance of every feature with the
    outcome's residual is the same in all environments, and so is the residual's mean. Coefficients
    are estimated from these equations by the continuously updated generalised method of moments,
    for two or more environments.

    Parameters
    ----------
    environment : str
    alpha : float, default=0.05
    screening : {"boosting", "lasso", "forest"}
        How to choose, where there are more than ``max_features`` candidates.
    max_features : int, default=12
    random_state : int or None, default=0

    Attributes
    ----------
    predictors_ : InvariantPredictors
        Features whose coefficient differs from zero after Holm's correction; ``ci_low`` and
        ``ci_high`` are the intervals of the single coefficients, ``p`` tests that one is zero by
        how much worse the equations then hold.
    coef_ : pandas.Series
    identified_ : bool
        Whether the environments differ enough to tell all coefficients; if not, none is reported.
    p_identified_ : float
        Test that some combination of the features is the same in all environments.
    model_rejected_ : bool
        The equations contradict each other (test of overidentification); nothing is reported.
    invariant_set_ : InvariantSet
        The same features and evidence, to save and share.

    Notes
    -----
    Assumptions: additive interventions (shifts, added noise) on the features only, and linear
    mechanisms. The claim is for large samples: no feature found is without a direct effect, with
    probability at least ``1 - alpha``, if the environments identify the coefficients. A feature
    that was screened out while it is a direct cause acts as a hidden confounder that differs
    between environments, and the claim is lost.

    References
    ----------
    Rothenhausler, Buhlmann, Meinshausen (2019). doi:10.1214/18-AOS1732
    Long, Zhu, Do, Ha (2023). doi:10.1214/23-EJS2160

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> site = np.repeat(["a", "b"], 1000)
    >>> hidden = rng.normal(size=2000)
    >>> x = hidden + rng.normal(size=2000) + 2.0 * (site == "b") * rng.normal(size=2000)
    >>> table = pd.DataFrame({"site": site, "x": x, "y": 0.5 * x - hidden})
    >>> found = HiddenICP(environment="site").fit(table, outcome="y", features=["x"])
    >>> found.coef_.round(1).tolist()
    [0.5]
    """

    def __init__(
        self,
        *,
        environment: str,
        alpha: float = 0.05,
        screening: str = "boosting",
        max_features: int = 12,
        random_state: int | None = 0,
    ) -> None:
        self.environment = environment
        self.alpha = alpha
        self.screening = screening
        self.max_features = max_features
        self.random_state = random_state

    def fit(self, frame: pd.DataFrame, *, outcome: str, features: Sequence[str]) -> Self:
        """Estimate the coefficients.

        Parameters
        ----------
        frame : pandas.DataFrame
            One row per case. Not modified.
        outcome : str
            A number column.
        features : sequence of str

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            For settings outside their range, missing values or text.
        NotEstimableError
            If an environment has no more rows than features, or there is only one.
        UnknownNameError
            If a column does not exist.
        """
        if not 0 < self.alpha < 0.5:
            raise InvalidInputError(f"alpha must be between 0 and 0.5, got {self.alpha!r}")
        check_choice(self.screening, SCREENINGS, "screening")
        if not 1 <= self.max_features <= MOST_FEATURES:
            raise InvalidInputError(
                f"max_features={self.max_features!r} must be from 1 to {MOST_FEATURES}: the noise"
                " of the equations has the fourth power of it in parameters"
            )
        data = read_environments(
            frame,
            environment=self.environment,
            outcome=outcome,
            features=features,
            family="gaussian",
        )
        names = data.features
        seed = spawn_seeds(self.random_state, 1)[0]
        data = screened(data, self.screening, self.max_features, seed)
        if data.counts.min() < len(data.features) + 3:
            short = data.levels[int(data.counts.argmin())]
            raise NotEstimableError(
                f"environment {short!r} has {data.counts.min()} rows for {len(data.features)}"
                " features; lower max_features or join environments"
            )
        b, se, p, p_model = self._solve(data)
        usable = self.identified_ and p_model > self.alpha
        self.model_rejected_ = bool(p_model <= self.alpha)
        self.coef_ = pd.Series(b, index=list(data.features))
        evidence = self._evidence(list(map(str, features)), data, (b, se, p), usable)
        chosen = evidence.loc[evidence["verdict"] == "invariant", "feature"]
        self.predictors_ = InvariantPredictors(
            features=tuple(chosen),
            method="hidden_icp",
            environment=self.environment,
            outcome=outcome,
            alpha=float(self.alpha),
            claim=(
                f"In large samples, with probability at least {1 - self.alpha:g} every feature"
                " found has a direct effect on the outcome, hidden confounders notwithstanding,"
                " if the environments are additive interventions on the features that identify"
                " all coefficients"
                + (
                    " and no direct cause was screened out."
                    if len(data.features) < len(names)
                    else "."
                )
            ),
            evidence=evidence,
            model_rejected=self.model_rejected_,
            p_model=p_model,
            environments=data.levels,
            provenance=Provenance.of(
                "invariance",
                settings={"estimator": "hidden_icp", **self.settings(), "outcome": outcome},
                inputs={"table": data.sha256},
                assumptions=_ASSUMPTIONS,
                seed=self.random_state,
            ),
        )
        self.invariant_set_ = self.predictors_.to_invariant_set()
        return self

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return only the features that were found."""
        return self.invariant_set_.transform(frame)

    # ---- steps ---------------------------------------------------------------------------

    def _solve(self, data: EnvironmentData) -> tuple[Array, Array, Array, float]:
        """Return coefficients, standard errors and p-values, and the p-value of the model."""
        from scipy.special import chdtrc

        z, y, scale, y_scale = standardised(data)
        products = InnerProducts.of(z[:, 1:], y, data.codes)
        d, extra = len(scale), len(products.constant) - len(scale)
        distance, b = products.minimise(products.start())
        precision = _precision(products, b)
        # the combination of features that the environments move least, beside its own noise
        values, vectors = np.linalg.eigh(precision)
        least = vectors[:, 0]
        noise = products.covariance(np.concatenate([[0.0], least]))
        moved = products.slope @ least
        statistic = float(moved @ np.linalg.lstsq(noise, moved, rcond=1e-12)[0])
        self.p_identified_ = float(chdtrc(extra + 1, statistic))
        self.identified_ = bool(self.p_identified_ < self.alpha / 50)
        covariance = (vectors / np.maximum(values, 1e-12 * values[-1])) @ vectors.T
        wald = np.sqrt(np.diag(covariance))
        ratio = np.empty(d)
        for j in range(d):
            nearby = b - b[j] * covariance[:, j] / covariance[j, j]
            ratio[j] = max(products.minimise(nearby, fixed=j)[0] - distance, 0.0)
        # an interval that agrees with the ratio test at zero, and is no shorter than Wald's
        by_ratio = np.abs(b) / np.sqrt(np.maximum(ratio, 1e-12))
        se = np.where(ratio > 0.5, np.maximum(wald, by_ratio), wald)
        unit = y_scale / scale
        return b * unit, se * unit, chdtrc(1, ratio), float(chdtrc(extra, distance))

    def _evidence(
        self,
        names: list[str],
        data: EnvironmentData,
        found: tuple[Array, Array, Array],
        usable: bool,
    ) -> pd.DataFrame:
        from scipy.special import ndtri

        b, se, p = found
        order = np.argsort(p, kind="stable")
        raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
        holm = np.empty(len(p))
        holm[order] = np.minimum(raised, 1.0)
        half = ndtri(1 - self.alpha / 2) * se
        at = {name: k for k, name in enumerate(data.features)}
        rows = []
        for name in names:
            k = at.get(name)
            if k is None:
                rows.append((name, "screened_out", *[np.nan] * 5))
                continue
            good = usable and holm[k] <= self.alpha
            low, high = (b[k] - half[k], b[k] + half[k]) if usable else (np.nan, np.nan)
            rows.append((name, "invariant" if good else "not_shown", b[k], low, high, p[k], np.nan))
        return pd.DataFrame(rows, columns=list(COLUMNS))
