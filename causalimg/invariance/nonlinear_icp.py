"""Invariant causal prediction without linearity."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from causalimg.effects.multiplicity import check_choice
from causalimg.errors import InvalidInputError
from causalimg.invariance.environments import EnvironmentData
from causalimg.invariance.residual_tests import COMPARISONS, REGRESSORS, ResidualSetTest
from causalimg.invariance.set_icp import SetICP
from causalimg.invariance.set_tests import SetTest
from causalimg.invariance.subset_search import Accepted

Array = NDArray[np.float64]


class NonlinearICP(SetICP):
    """Find direct causes of an outcome, with mechanisms of any smooth form.

    As `ICP`; a set is accepted if the out-of-fold residuals of a flexible regression on it, fitted
    to all environments together, have the same distribution in every environment.

    Parameters
    ----------
    environment : str
    alpha : float, default=0.05
    family : {"auto", "gaussian", "binomial", "poisson"}
    regressor : {"splines", "forest"} or scikit-learn estimator
        ``splines`` (default) is additive in the features; ``forest`` is not, and slower.
    comparison : {"levene", "ks"}
        See `ResidualSetTest`.
    n_folds : int, default=5
    screening : {"forest", "boosting", "lasso"}
    max_features : int, default=8
    max_set_size : int, optional
    search : {"minimal", "all"}
        As in `ICP`; the default is ``minimal``.
    random_state : int or None, default=0
        Seed of folds and forests.

    Attributes
    ----------
    predictors_ : InvariantPredictors
        ``p`` is the largest p-value of a tested set without the feature; there are no estimates.
    accepted_sets_ : list of tuple of str
    model_rejected_ : bool
    screened_ : tuple of str
    n_tested_ : int
    invariant_set_ : InvariantSet
        The same features and evidence, to save and share.

    Notes
    -----
    Assumptions: those of `ICP` without linearity; noise that is added to (gaussian) or drawn given
    (binomial, poisson) a smooth function of the direct causes. The guarantee is approximate: the
    regression on the true causes must be estimated so well that its own error is small beside the
    noise in every environment, the more so where environments hardly overlap.

    References
    ----------
    Heinze-Deml, Peters, Meinshausen (2018). doi:10.1515/jci-2017-0016

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> site = np.repeat(["a", "b", "c"], 200)
    >>> shift = 1.5 * (site == "b") - 1.0 * (site == "c")
    >>> cause = rng.normal(size=600) + shift
    >>> y = cause**2 / 2 + 0.5 * rng.normal(size=600)
    >>> effect = y + 0.5 * rng.normal(size=600) + shift
    >>> table = pd.DataFrame({"site": site, "cause": cause, "effect": effect, "y": y})
    >>> search = NonlinearICP(environment="site")
    >>> search.fit(table, outcome="y", features=["cause", "effect"]).invariant_set_.features
    ('cause',)
    """

    _method = "nonlinear_icp"
    _form = (
        "The outcome is a smooth function of its direct causes with independent noise, and the"
        " regression estimates it well (approximate level)."
    )

    def __init__(
        self,
        *,
        environment: str,
        alpha: float = 0.05,
        family: str = "auto",
        regressor: Any = "splines",
        comparison: str = "levene",
        n_folds: int = 5,
        screening: str = "forest",
        max_features: int = 8,
        max_set_size: int | None = None,
        search: str = "minimal",
        random_state: int | None = 0,
    ) -> None:
        self.environment = environment
        self.alpha = alpha
        self.family = family
        self.regressor = regressor
        self.comparison = comparison
        self.n_folds = n_folds
        self.screening = screening
        self.max_features = max_features
        self.max_set_size = max_set_size
        self.search = search
        self.random_state = random_state

    def _check(self) -> None:
        super()._check()
        if isinstance(self.regressor, str):
            check_choice(self.regressor, REGRESSORS, "regressor")
        elif not (hasattr(self.regressor, "fit") and hasattr(self.regressor, "predict")):
            raise InvalidInputError(
                f"regressor must be one of {', '.join(REGRESSORS)} or have fit and predict, got"
                f" {type(self.regressor).__name__}"
            )
        check_choice(self.comparison, COMPARISONS, "comparison")
        if self.n_folds < 2:
            raise InvalidInputError(f"n_folds must be at least 2, got {self.n_folds!r}")

    def _test(self, data: EnvironmentData, seed: np.random.SeedSequence) -> SetTest:
        return ResidualSetTest(
            data,
            regressor=self.regressor,
            comparison=self.comparison,
            n_folds=self.n_folds,
            seed=seed,
        )

    def _intervals(self, found: Accepted, d: int, test: SetTest) -> tuple[Array, Array, Array]:
        return np.full(d, np.nan), np.full(d, np.nan), np.full(d, np.nan)
