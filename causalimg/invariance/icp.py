"""Invariant causal prediction: the features that every invariant set of predictors contains."""

from __future__ import annotations

import numpy as np

from causalimg.effects.multiplicity import check_choice
from causalimg.errors import InvalidInputError
from causalimg.invariance.environments import EnvironmentData
from causalimg.invariance.score_tests import ScoreSetTest
from causalimg.invariance.set_icp import SetICP
from causalimg.invariance.set_tests import LINEAR_TESTS, LinearSetTest, SetTest


class ICP(SetICP):
    """Find direct causes of an outcome as the predictors that every invariant set contains.

    A set of features is invariant if the outcome depends on it alike in all environments (site,
    scanner, period). Every set is tested; the features in all accepted sets are the answer.

    Parameters
    ----------
    environment : str
        Column whose levels are the environments.
    alpha : float, default=0.05
    family : {"auto", "gaussian", "binomial", "poisson"}
        ``auto``: binomial for an outcome of two values, else gaussian.
    test : {"auto", "chow", "residuals", "levene", "score"}
        See `LinearSetTest` and `ScoreSetTest`; ``auto`` is ``chow`` for gaussian outcomes and
        ``score`` for the others, the only one they have.
    screening : {"boosting", "lasso", "forest"}
        How to choose, where there are more than ``max_features`` candidates.
    max_features : int, default=12
        Most features in the search, at most 20.
    max_set_size : int, optional
        Largest set to test; a bound on the number of direct causes.
    search : {"all", "minimal"}
        ``minimal`` does not test sets that contain an accepted one: the same features and the
        same `true_discoveries`, faster, without intervals, shares or ``p`` above ``alpha``.
    random_state : int or None, default=0
        Seed of the ``forest`` screening.

    Attributes
    ----------
    predictors_ : InvariantPredictors
        In the evidence, ``p`` tests that the feature is no direct cause (the largest p-value of
        a set without it); ``ci_low`` and ``ci_high`` bound its coefficient over all accepted
        sets: tests at level ``alpha`` and intervals at ``1 - alpha`` give each a confidence of
        ``1 - 2 alpha``; ``estimate`` is that of the accepted set with the largest p-value.
    accepted_sets_ : list of tuple of str
    model_rejected_ : bool
        No set was accepted: an assumption is wrong, and no feature is reported.
    screened_ : tuple of str
        The features that took part in the search.
    n_tested_ : int
        Number of sets tested.
    invariant_set_ : InvariantSet
        The same features and evidence, to save and share.

    Notes
    -----
    Assumptions: the environment acts on the outcome only through candidate features and is not
    caused by it; no hidden common cause of the outcome and its direct causes; the outcome's
    mechanism is linear (in the link) and the same everywhere. The guarantee is finite-sample for
    ``chow`` with Gaussian noise, approximate for ``residuals`` and ``levene``, and for large
    samples with ``score``. It holds after screening if no direct cause was screened out, without
    splitting the data: the true set must only be among those tested.

    References
    ----------
    Peters, Buhlmann, Meinshausen (2016). doi:10.1111/rssb.12167
    Li, Goeman (2024). doi:10.48550/arXiv.2401.03834

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> site = np.repeat(["a", "b", "c"], 300)
    >>> shift = 1.5 * (site == "b") - 1.0 * (site == "c")
    >>> cause = rng.normal(size=900) + shift
    >>> y = 1.0 * cause + rng.normal(size=900)
    >>> effect = y + rng.normal(size=900) + shift
    >>> table = pd.DataFrame({"site": site, "cause": cause, "effect": effect, "y": y})
    >>> found = ICP(environment="site").fit(table, outcome="y", features=["cause", "effect"])
    >>> found.invariant_set_.features
    ('cause',)
    """

    _method = "icp"
    _form = "The outcome is linear in its direct causes (on the scale of the link)."

    def __init__(
        self,
        *,
        environment: str,
        alpha: float = 0.05,
        family: str = "auto",
        test: str = "auto",
        screening: str = "boosting",
        max_features: int = 12,
        max_set_size: int | None = None,
        search: str = "all",
        random_state: int | None = 0,
    ) -> None:
        self.environment = environment
        self.alpha = alpha
        self.family = family
        self.test = test
        self.screening = screening
        self.max_features = max_features
        self.max_set_size = max_set_size
        self.search = search
        self.random_state = random_state

    def _check(self) -> None:
        super()._check()
        check_choice(self.test, ("auto", *LINEAR_TESTS, "score"), "test")

    def _test(self, data: EnvironmentData, seed: np.random.SeedSequence) -> SetTest:
        linear = data.family == "gaussian"
        if self.test != "auto" and linear != (self.test in LINEAR_TESTS):
            allowed = ", ".join(LINEAR_TESTS) if linear else "score"
            raise InvalidInputError(
                f"test={self.test!r} does not fit a {data.family} outcome (allowed: {allowed})"
            )
        if linear:
            return LinearSetTest(data, "chow" if self.test == "auto" else self.test)
        return ScoreSetTest(data)
