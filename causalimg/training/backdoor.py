"""A classifier of what an intervention on its inputs would do: the back-door formula."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from causalimg.errors import InvalidInputError, NotEstimableError, check_columns
from causalimg.tables.encode import encode
from causalimg.training.constraint import ConstraintKind

Float = NDArray[np.float64]


class BackdoorClassifier(ClassifierMixin, BaseEstimator):
    """Predict ``P(y | do(x)) = Σ_z P(y | x, z) P(z)`` with a set z that blocks the back doors.

    The base classifier learns ``P(y | x, z)``; predictions average it over the z of the training
    data (or of ``population``), whatever z a new case has: z need not be known for it.

    Parameters
    ----------
    base : scikit-learn classifier, optional
        With ``predict_proba``; by default logistic regression. Without interactions of x and z
        in a linear base, the correction is that of the intercept alone.
    max_strata : int
        Largest number of different z to average over; of more, a seeded draw.
    random_state : int
    statement, reason : str
        What the prediction stands for, and why z suffices.

    Attributes
    ----------
    classes_ : ndarray
    base_ : classifier
        Fitted on inputs and z.
    strata_ : DataFrame
        The z averaged over, with ``weight``.

    Notes
    -----
    Assumptions: z blocks every back-door path from the inputs to the outcome in the graph
    (`causalimg.effects.backdoor_sets`), and every x is met with every z (positivity).

    References
    ----------
    Pearl J. Causality. 2nd ed. Cambridge University Press 2009, section 3.3.
    doi:10.1017/CBO9780511803161. Landeiro V, Culotta A. Robust text classification in the
    presence of confounding bias. AAAI 2016. doi:10.1609/aaai.v30i1.9997

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> z = rng.integers(0, 2, 500); y = (rng.random(500) < 0.2 + 0.6 * z).astype(int)
    >>> X = (z + rng.normal(size=500)).reshape(-1, 1)  # x does nothing to y
    >>> model = BackdoorClassifier().fit(X, y, adjust=pd.DataFrame({"site": z.astype(str)}))
    >>> bool(np.ptp(model.predict_proba([[-1.0], [2.0]])[:, 1]) < 0.1)
    True
    """

    kind: ClassVar[ConstraintKind] = ConstraintKind.MASK

    def __init__(
        self,
        base: Any = None,
        *,
        max_strata: int = 200,
        random_state: int = 0,
        statement: str = "P(outcome | do(inputs)) by the back-door formula",
        reason: str = "",
    ) -> None:
        self.base = base
        self.max_strata = max_strata
        self.random_state = random_state
        self.statement = statement
        self.reason = reason

    @property
    def needs(self) -> tuple[str, ...]:
        """The variables to average over, known once it is fitted."""
        return getattr(self, "adjust_", ())

    def fit(self, X: ArrayLike, y: ArrayLike, *, adjust: pd.DataFrame) -> Self:
        """Learn ``P(y | x, z)`` and the distribution of z.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
        y : array_like, shape (n_samples,)
        adjust : pandas.DataFrame
            z: one complete row per sample; text and categories become indicators.

        Raises
        ------
        NotEstimableError
            If a category of z has one class only, or the outcome has.
        """
        if self.base is not None and not hasattr(self.base, "predict_proba"):
            raise InvalidInputError(
                f"base={type(self.base).__name__} has no predict_proba; take a classifier that has"
            )
        data = self._inputs(X)
        labels = np.asarray(y)
        if not len(data) == len(labels) == len(adjust) or adjust.isna().to_numpy().any():
            raise InvalidInputError(
                f"X, y and adjust need the same complete rows: {len(data)}, {len(labels)} and"
                f" {len(adjust)} rows; {int(adjust.isna().to_numpy().sum())} cells are missing"
            )
        if len(np.unique(labels)) < 2:
            raise NotEstimableError(f"the outcome has one class only: {np.unique(labels).tolist()}")
        self._check_positivity(adjust, labels)
        self.adjust_ = tuple(str(name) for name in adjust.columns)
        self.n_features_in_ = data.shape[1]
        self.base_ = self._fitted(data, labels, adjust)
        self.classes_ = self.base_.classes_
        self.strata_ = self._strata(adjust)
        return self

    def _fitted(self, data: Float, labels: NDArray[Any], adjust: pd.DataFrame) -> Any:
        from sklearn.linear_model import LogisticRegression

        self._encoded = encode(adjust, list(adjust.columns))
        model = LogisticRegression(max_iter=2000) if self.base is None else clone(self.base)
        return model.fit(np.hstack([data, self._encoded.matrix]), labels)

    @staticmethod
    def _check_positivity(adjust: pd.DataFrame, labels: NDArray[Any]) -> None:
        for name in adjust.columns:
            column = adjust[name]
            if pd.api.types.is_numeric_dtype(column.dtype):
                continue
            for level, rows in column.groupby(column, observed=True).groups.items():
                found = np.unique(labels[adjust.index.get_indexer(rows)])
                if len(found) < 2:
                    raise NotEstimableError(
                        f"every case with {name} = {level!r} has outcome {found.tolist()}: what"
                        " another outcome looks like there cannot be learned; merge levels or leave"
                        " these cases out"
                    )

    def _strata(self, adjust: pd.DataFrame) -> pd.DataFrame:
        """Return the different z with their shares, or a draw of rows where there are many."""
        frame = adjust.reset_index(drop=True)
        coded = pd.DataFrame(self._encoded.matrix, columns=list(self._encoded.names))
        groups = coded.groupby(list(coded.columns), sort=True).size()
        if len(groups) <= self.max_strata:
            out = groups.rename("weight").reset_index()
        else:
            rng = np.random.default_rng(self.random_state)
            rows = rng.choice(len(frame), size=self.max_strata, replace=False)
            out = coded.iloc[np.sort(rows)].assign(weight=1.0).reset_index(drop=True)
        out["weight"] = out["weight"] / out["weight"].sum()
        return out

    def _matrix(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return new rows of z in the coding of the training data."""
        columns: dict[str, Float] = {}
        for name in self.adjust_:
            if name not in self._encoded.levels:
                columns[name] = frame[name].to_numpy(dtype=float)
                continue
            levels = self._encoded.levels[name]
            values = frame[name].astype(str).to_numpy()
            strange = sorted(set(values) - set(levels))
            if strange:
                raise InvalidInputError(
                    f"{name} has levels that training did not meet: {strange} (it met:"
                    f" {', '.join(levels)})"
                )
            for level in levels[1:]:
                columns[f"{name}[{level}]"] = (values == level).astype(float)
        return pd.DataFrame(columns)[list(self._encoded.names)]

    @staticmethod
    def _inputs(X: ArrayLike) -> Float:
        data = np.asarray(X, dtype=float)
        if data.ndim != 2 or not np.isfinite(data).all():
            raise InvalidInputError(
                f"X must be a table of finite numbers, not of shape {data.shape}"
            )
        return data

    def predict_proba(self, X: ArrayLike, *, population: pd.DataFrame | None = None) -> Float:
        """Return ``P(y | do(x))``, shape (n_samples, n_classes).

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
        population : pandas.DataFrame, optional
            Rows of z of the population to average over, with the columns of ``adjust``; its
            categories must have been met in training.
        """
        data = self._inputs(X)
        if data.shape[1] != self.n_features_in_:
            raise InvalidInputError(
                f"X has {data.shape[1]} columns, the model was trained on {self.n_features_in_}"
            )
        strata = self.strata_
        if population is not None:
            check_columns(population, list(self.adjust_), "population")
            coded = self._matrix(population)
            strata = coded.assign(weight=1.0 / len(coded))
        total = np.zeros((len(data), len(self.classes_)))
        names = list(self._encoded.names)
        for row, weight in zip(strata[names].to_numpy(), strata["weight"], strict=True):
            together = np.hstack([data, np.broadcast_to(row, (len(data), len(row)))])
            total += weight * self.base_.predict_proba(together)
        return total

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class of each row under the intervention."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])
