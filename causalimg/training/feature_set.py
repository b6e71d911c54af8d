"""Feature columns that a graph licenses as inputs, each set with the statement that makes it so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from causalimg.errors import IdentificationError, InvalidInputError, check_columns
from causalimg.tables.invariant_set import InvariantSet
from causalimg.tables.meanings import meaning_of
from causalimg.training.constraint import ConstraintKind, Mask
from causalimg.transformer import PipelineStep

if TYPE_CHECKING:
    from torch import nn

    from causalimg.training.structure import EdgeWeightedLasso, InputGradient


@dataclass(frozen=True)
class FeatureRecord:
    """The fields of a `FeatureSet`, which adds what can be done with it; see there."""

    kind: ClassVar[ConstraintKind] = ConstraintKind.FEATURE_SET
    features: tuple[str, ...]
    rule: str
    outcome: str
    candidates: tuple[str, ...]
    statement: str = ""
    reason: str = ""
    refused: bool = False
    invariant: bool | None = None
    environment: str | None = None
    frequency: Mapping[str, float] = field(default_factory=dict)
    graph_digest: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the set as JSON types."""
        return {
            "features": list(self.features),
            "rule": self.rule,
            "candidates": list(self.candidates),
            "statement": self.statement,
            "reason": self.reason,
            "refused": self.refused,
            "invariant": self.invariant,
            "frequency": dict(self.frequency),
        }

    @classmethod
    def from_dict(
        cls, document: Mapping[str, Any], *, outcome: str, environment: str | None, graph: str
    ) -> Self:
        """Rebuild a set from `to_dict` and what the plan holds once for all sets."""
        named: dict[str, Any] = {key: tuple(document[key]) for key in ("features", "candidates")}
        rest = {
            key: document[key] for key in ("rule", "statement", "reason", "refused", "invariant")
        }
        return cls(
            **named,
            **rest,
            frequency=dict(document["frequency"]),
            outcome=outcome,
            environment=environment,
            graph_digest=graph,
        )


class FeatureSet(PipelineStep, FeatureRecord):
    """Columns of a feature table that a graph licenses as inputs; a scikit-learn selector.

    Made by ``plan.feature_set``.

    Parameters
    ----------
    features : tuple of str
        In the order of the graph; empty when refused.
    rule : str
        ``parents``, ``markov_blanket``, ``non_descendants``, ``stable``, or the name of an
        attribute: the features for which the attribute's own statement holds.
    outcome : str
    candidates : tuple of str
        The columns that were asked about.
    statement, reason : str
    refused : bool
        True where the graph does not settle the set; ``reason`` says why.
    invariant : bool, optional
        Whether outcome and environment are independent given the set; None without environment.
    environment : str, optional
    frequency : mapping of str to float
        Share of the resampled graphs in which each candidate is in the set; empty without.
    graph_digest : str
        sha256 of the graph.

    Notes
    -----
    Assumptions: the graph is right about the columns; selection on the outcome is in the graph.

    Examples
    --------
    >>> found = FeatureSet(("energy",), "parents", "malignant", ("energy", "volume"))
    >>> found.transform(pd.DataFrame({"volume": [1.0], "energy": [2.0]})).columns.tolist()
    ['energy']
    >>> found.mask(["volume", "energy"]).tolist()
    [False, True]
    """

    @property
    def needs(self) -> tuple[str, ...]:
        """Nothing beside the columns themselves."""
        return ()

    def __str__(self) -> str:
        said = f"refused: {self.reason}" if self.refused else f"{self.statement}: {self.reason}"
        return f"{self.rule}: {said}"

    # ---- selection -----------------------------------------------------------------------

    def fit(self, frame: pd.DataFrame, y: Any = None) -> Self:
        """Check that a table has the features; nothing is learnt."""
        self.transform(frame)
        return self

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return only the features of the set.

        Raises
        ------
        IdentificationError
            If the graph refuses the set, or admits no feature at all.
        UnknownNameError
            Naming the features that the table lacks.
        """
        if not isinstance(frame, pd.DataFrame):
            raise InvalidInputError(
                f"a feature set selects by column name, and {type(frame).__name__} has none; give a"
                " DataFrame, or select columns of an array with mask(columns)"
            )
        self._require()
        check_columns(frame, self.features, "feature set")
        return frame.loc[:, list(self.features)].copy()

    def fit_transform(self, frame: pd.DataFrame, y: Any = None) -> pd.DataFrame:
        """Return only the features of the set."""
        return self.transform(frame)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the columns that `transform` gives."""
        return np.array(self.features, dtype=object)

    def mask(self, columns: Iterable[str]) -> NDArray[np.bool_]:
        """Mark the features of the set among the columns of an array, shape (n_columns,).

        Raises
        ------
        UnknownNameError
            If a feature of the set is not among them.
        """
        self._require()
        names = [str(name) for name in columns]
        check_columns(pd.DataFrame(columns=names), self.features, "feature set")
        return np.isin(np.array(names, dtype=object), list(self.features))

    def _require(self) -> None:
        if self.refused or not self.features:
            why = self.reason if self.refused else "no candidate belongs to it"
            raise IdentificationError(f"the plan has no feature set {self.rule!r}: {why}")

    def __sklearn_clone__(self) -> Self:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    # ---- the same licence, another way ---------------------------------------------------

    def wiring(self, columns: Sequence[str]) -> Mask:
        """Return the mask of a network that reads all columns and uses only these features."""
        names = tuple(str(name) for name in columns)
        open_ = tuple(bool(value) for value in self.mask(names))
        return Mask(names, (self.outcome,), (open_,), self.statement, self.reason)

    def input_gradient(self, columns: Sequence[str]) -> InputGradient:
        """Return the penalty on a model's use of every other column."""
        from causalimg.training.structure import InputGradient

        forbidden = ~self.mask(columns)
        return InputGradient(forbidden, statement=self.statement, reason=self.reason)

    def lasso(self, layer: nn.Linear, columns: Sequence[str]) -> EdgeWeightedLasso:
        """Return the group lasso in which a column is the cheaper, the more often it is in the set.

        Raises
        ------
        IdentificationError
            If the plan was made without resampled graphs, so that no frequency is known.
        """
        from causalimg.training.structure import EdgeWeightedLasso

        if not self.frequency:
            raise IdentificationError(
                "how often a feature is in the set is known from resampled graphs: make the plan"
                " with resamples=BootstrapDiscovery(...).fit(frame).graphs_"
            )
        check_columns(pd.DataFrame(columns=list(columns)), self.frequency, "lasso")
        shares = [self.frequency.get(str(name), 0.0) for name in columns]
        return EdgeWeightedLasso(layer, shares, statement=self.statement, reason=self.reason)

    def to_invariant_set(self) -> InvariantSet:
        """Return the set in the exchange form, as invariant predictors on the graph's word.

        Raises
        ------
        IdentificationError
            If the graph does not make outcome and environment independent given the set.
        """
        self._require()
        if not self.invariant or self.environment is None:
            raise IdentificationError(
                f"{self.outcome!r} and the environment are not independent given the set"
                f" {self.rule!r}, so it holds no invariant predictors; take the set 'stable' of a"
                " plan with an environment"
            )
        columns = meaning_of("invariant_predictors").columns
        rows = [
            {
                "feature": name,
                "verdict": "invariant" if name in self.features else "not_shown",
                "share": self.frequency.get(name, np.nan),
            }
            for name in self.candidates
        ]
        return InvariantSet(
            features=self.features,
            meaning="invariant_predictors",
            environment=self.environment,
            margin=float("nan"),
            evidence=pd.DataFrame(rows, columns=list(columns)),
            outcome=self.outcome,
            inputs={"graph": self.graph_digest} if self.graph_digest else {},
        )
