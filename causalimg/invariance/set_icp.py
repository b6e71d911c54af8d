"""What the searches over sets share: screening, search, intervals, and the record they make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.effects.multiplicity import check_choice
from causalimg.effects.parameters import Parametrised
from causalimg.errors import InvalidInputError
from causalimg.invariance.environments import FAMILIES, EnvironmentData, read_environments
from causalimg.invariance.predictors import COLUMNS, InvariantPredictors
from causalimg.invariance.screening import SCREENINGS, screened
from causalimg.invariance.set_tests import SetTest
from causalimg.invariance.subset_search import SEARCHES, Accepted, search_sets
from causalimg.parallel import spawn_seeds
from causalimg.provenance import Provenance

Array = NDArray[np.float64]

MOST_FEATURES = 20
_ASSUMPTIONS = (
    "The environment is not an effect of the outcome and acts on it only through the candidate"
    " features.",
    "The outcome and its direct causes have no common cause outside the candidates.",
    "The mechanism of the outcome, given its direct causes, is the same in every environment.",
)


class SetICP(Parametrised):
    """Base of the methods that search sets: screening, search, intervals, record."""

    _method: str
    _form: str

    environment: str
    alpha: float
    family: str
    screening: str
    max_features: int
    max_set_size: int | None
    search: str
    random_state: int | None

    def fit(self, frame: pd.DataFrame, *, outcome: str, features: Sequence[str]) -> Self:
        """Test sets of features for invariance.

        Parameters
        ----------
        frame : pandas.DataFrame
            One row per case. Not modified.
        outcome : str
        features : sequence of str
            Candidate causes; number columns, covariates such as age among them.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            For settings outside their range, missing values, or an outcome that does not fit.
        NotEstimableError
            If there are fewer than two environments, or one is too small.
        UnknownNameError
            If a column does not exist.
        """
        self._check()
        data = read_environments(
            frame,
            environment=self.environment,
            outcome=outcome,
            features=features,
            family=self.family,
        )
        first, second = spawn_seeds(self.random_state, 2)
        part = screened(data, self.screening, self.max_features, first)
        count = len(part.features)
        most = count if self.max_set_size is None else self.max_set_size
        test = self._test(part, second)
        found = search_sets(test, count, alpha=self.alpha, most=most, kind=self.search)
        self.accepted_sets_ = [tuple(part.features[k] for k in one) for one in found.sets]
        self.screened_ = part.features
        self.n_tested_ = found.n_tested
        self.model_rejected_ = not found.sets
        self.predictors_ = InvariantPredictors(
            features=tuple(part.features[k] for k in found.intersection()),
            method=self._method,
            environment=self.environment,
            outcome=outcome,
            alpha=float(self.alpha),
            claim=self._claim(count < len(data.features)),
            evidence=self._evidence(features, part, found, test),
            accepted_sets=tuple(self.accepted_sets_),
            model_rejected=self.model_rejected_,
            p_model=found.p_model,
            environments=data.levels,
            provenance=Provenance.of(
                "invariance",
                settings={"estimator": self._method, **self.settings(), "outcome": outcome},
                inputs={"table": data.sha256},
                assumptions=(*_ASSUMPTIONS, self._form),
                seed=self.random_state,
            ),
        )
        self.invariant_set_ = self.predictors_.to_invariant_set()
        return self

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return only the features that were found."""
        return self.invariant_set_.transform(frame)

    def true_discoveries(self, among: Sequence[str]) -> int:
        """Return how many of the named features are direct causes, at least (simultaneous)."""
        return self.predictors_.true_discoveries(among)

    # ---- steps ---------------------------------------------------------------------------

    def _test(self, data: EnvironmentData, seed: np.random.SeedSequence) -> SetTest:
        raise NotImplementedError

    def _check(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise InvalidInputError(f"alpha must be between 0 and 0.5, got {self.alpha!r}")
        check_choice(self.family, FAMILIES, "family")
        check_choice(self.screening, SCREENINGS, "screening")
        check_choice(self.search, SEARCHES, "search")
        if not 1 <= self.max_features <= MOST_FEATURES:
            raise InvalidInputError(
                f"max_features={self.max_features!r} must be from 1 to {MOST_FEATURES}: every"
                " further feature doubles the number of sets"
            )
        if self.max_set_size is not None and self.max_set_size < 1:
            raise InvalidInputError(f"max_set_size must be at least 1, got {self.max_set_size!r}")

    def _claim(self, screened: bool) -> str:
        text = (
            f"With probability at least {1 - self.alpha:g} every feature found is a direct cause"
            " of the outcome"
        )
        if screened:
            text += (
                f", provided that the {self.max_features} features kept by the {self.screening}"
                " screening contain every direct cause among the candidates; otherwise the level"
                " rises by the chance that one was lost"
            )
        if self.max_set_size is not None:
            text += f", provided that it has at most {self.max_set_size} direct causes"
        return f"{text}. {self._form}"

    def _evidence(
        self,
        features: Sequence[str],
        data: EnvironmentData,
        found: Accepted,
        test: SetTest,
    ) -> pd.DataFrame:
        names = [features] if isinstance(features, str) else [str(name) for name in features]
        d = len(data.features)
        share = np.zeros(d)
        low, high, estimate = np.full(d, np.nan), np.full(d, np.nan), np.full(d, np.nan)
        if found.sets:
            for one in found.sets:
                share[list(one)] += 1 / len(found.sets)
            estimate, low, high = self._intervals(found, d, test)
        p = found.p_without
        chosen = found.intersection()
        at = {name: k for k, name in enumerate(data.features)}
        rows = []
        for name in names:
            k = at.get(name)
            if k is None:
                rows.append((name, "screened_out", *[np.nan] * 5))
                continue
            verdict = "invariant" if k in chosen else "not_shown"
            rows.append((name, verdict, estimate[k], low[k], high[k], p[k], share[k]))
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def _intervals(self, found: Accepted, d: int, test: SetTest) -> tuple[Array, Array, Array]:
        """Return the estimate of the best set, and the union of the intervals of all of them."""
        from scipy.special import stdtrit

        low, high = np.full(d, np.inf), np.full(d, -np.inf)
        best = max(range(len(found.sets)), key=lambda k: found.p[k])
        estimate = np.zeros(d)
        for size in sorted({len(one) for one in found.sets}):
            where = [k for k, one in enumerate(found.sets) if len(one) == size]
            sets = np.array([found.sets[k] for k in where], dtype=np.intp).reshape(len(where), size)
            coef, se, df = test.coefficients(sets)
            half = stdtrit(df, 1 - self.alpha / 2) * se
            np.minimum.at(low, sets, coef - half)
            np.maximum.at(high, sets, coef + half)
            if best in where:
                estimate[sets[where.index(best)]] = coef[where.index(best)]
        # a set without the feature says that its coefficient is zero
        absent = [k for k in range(d) if any(k not in one for one in found.sets)]
        low[absent], high[absent] = np.minimum(low[absent], 0.0), np.maximum(high[absent], 0.0)
        if self.search == "minimal":
            # larger accepted sets, not looked at, belong to the union
            low[:], high[:] = np.nan, np.nan
        return estimate, low, high
