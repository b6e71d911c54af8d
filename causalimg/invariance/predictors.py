"""The record of invariant prediction: which features, on what evidence, with which claim."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from causalimg.atomic import write_text
from causalimg.errors import (
    FileReadError,
    InvalidInputError,
    SchemaError,
    UnknownNameError,
    check_columns,
    nearest,
)
from causalimg.provenance import Provenance, digest
from causalimg.schemas import validate
from causalimg.tables.invariant_set import InvariantSet
from causalimg.tables.io import same_columns

FORMAT = "https://causalimg.org/schemas/invariant_predictors/1.0.0"
Item = TypeVar("Item")

COLUMNS = ("feature", "verdict", "estimate", "ci_low", "ci_high", "p", "share")
VERDICTS = ("invariant", "not_shown", "screened_out")
_FIELDS = (
    "meaning",
    "method",
    "environment",
    "outcome",
    "features",
    "alpha",
    "claim",
    "model_rejected",
    "p_model",
    "accepted_sets",
    "environments",
)


def smallest_overlap(sets: Iterable[tuple[Item, ...]], chosen: set[Item]) -> int:
    """Return the smallest number of ``chosen`` features in one of the sets; 0 without any set.

    Examples
    --------
    >>> smallest_overlap([(0, 1), (1, 2)], {0, 2})
    1
    """
    return min((len(chosen.intersection(one)) for one in sets), default=0)


@dataclass(frozen=True, eq=False)
class InvariantPredictors:
    """Features that predict an outcome alike in every environment, and the evidence.

    Parameters
    ----------
    features : tuple of str
        Those with the verdict ``invariant``.
    method : str
        ``icp``, ``nonlinear_icp``, ``hidden_icp`` or ``stabilized_regression``.
    environment, outcome : str
    alpha : float
    claim : str
        What is guaranteed about ``features``, and under which assumptions.
    evidence : pandas.DataFrame
        One row per candidate, columns `COLUMNS`; ``share`` is the share of accepted sets (or the
        weight of models) with the feature, ``verdict`` one of `VERDICTS`.
    accepted_sets : tuple of tuple of str
        The sets of features that passed as invariant, where the method searches sets.
    model_rejected : bool
        No set passed, so that an assumption is wrong: a hidden cause, an environment that acts on
        the outcome itself, a relation of another form, or a cause that is not a candidate.
    p_model : float
        Largest p-value of any set; small speaks against the model.
    environments : tuple of str
        The levels of the environment.
    provenance : Provenance, optional
    meaning : str
        Always ``invariant_predictors``.

    Examples
    --------
    >>> import numpy as np
    >>> from causalimg.invariance.icp import ICP
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"site": np.repeat(["S1", "S2"], 300)})
    >>> table["size"] = rng.normal(size=600) * np.where(table["site"] == "S1", 1.0, 3.0)
    >>> table["grade"] = table["size"] + rng.normal(size=600)
    >>> found = ICP(environment="site").fit(table, outcome="grade", features=["size"])
    >>> found.predictors_.features
    ('size',)
    """

    features: tuple[str, ...]
    method: str
    environment: str
    outcome: str
    alpha: float
    claim: str
    evidence: pd.DataFrame
    accepted_sets: tuple[tuple[str, ...], ...] = ()
    model_rejected: bool = False
    p_model: float = float("nan")
    environments: tuple[str, ...] = ()
    provenance: Provenance | None = None
    meaning: str = "invariant_predictors"

    def __post_init__(self) -> None:
        evidence = self.evidence.reset_index(drop=True)
        same_columns(evidence, list(COLUMNS), "invariant predictors' evidence")
        numbers = list(COLUMNS[2:])
        evidence[numbers] = evidence[numbers].astype(float)
        object.__setattr__(self, "evidence", evidence)
        object.__setattr__(self, "features", tuple(self.features))
        object.__setattr__(self, "environments", tuple(self.environments))
        object.__setattr__(self, "accepted_sets", tuple(tuple(one) for one in self.accepted_sets))
        strange = sorted(set(evidence["verdict"]) - set(VERDICTS))
        if strange:
            raise InvalidInputError(f"verdicts must be among {VERDICTS}, not {strange}")
        found = set(evidence.loc[evidence["verdict"] == "invariant", "feature"])
        if found != set(self.features):
            raise InvalidInputError(
                "the features and those that the evidence calls invariant differ: "
                f"{sorted(found ^ set(self.features))[:8]}"
            )

    def __len__(self) -> int:
        return len(self.features)

    def __contains__(self, feature: object) -> bool:
        return feature in self.features

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return only the invariant predictors of a table."""
        check_columns(frame, self.features, "invariant predictors")
        return frame.loc[:, list(self.features)].copy()

    def true_discoveries(self, among: Iterable[str]) -> int:
        """Return how many of the named features are direct causes of the outcome, at least.

        The smallest overlap with an accepted set, by closed testing: the numbers of all sets of
        features hold at once with the confidence ``1 - alpha``, so that the set may be chosen
        after looking. 0 if the model was rejected.

        Parameters
        ----------
        among : iterable of str

        Raises
        ------
        InvalidInputError
            If the method does not search sets.
        UnknownNameError
            If a name is not a candidate.

        References
        ----------
        Li, Goeman (2024). On the error control of invariant causal prediction.
        doi:10.48550/arXiv.2401.03834
        """
        if self.method not in ("icp", "nonlinear_icp"):
            raise InvalidInputError(
                f"true_discoveries needs accepted sets; method {self.method!r} has none with a"
                " confidence level (use ICP or NonlinearICP)"
            )
        chosen = {among} if isinstance(among, str) else {str(name) for name in among}
        known = set(self.evidence["feature"])
        for name in sorted(chosen - known):
            raise UnknownNameError(f"no candidate is called {name!r}{nearest(name, known)}")
        return smallest_overlap(self.accepted_sets, chosen)

    def discovery_curve(self) -> pd.DataFrame:
        """Return the bound of `true_discoveries` for the first 1, 2, 3 ... features by p-value.

        Columns: ``feature``, ``size``, ``true_at_least``, ``false_at_most``.
        """
        tested = self.evidence[self.evidence["verdict"] != "screened_out"]
        order = tested.sort_values(["p", "feature"], kind="stable")["feature"].tolist()
        bound = [self.true_discoveries(order[: k + 1]) for k in range(len(order))]
        size = list(range(1, len(order) + 1))
        wrong = [n - b for n, b in zip(size, bound, strict=True)]
        return pd.DataFrame(
            {"feature": order, "size": size, "true_at_least": bound, "false_at_most": wrong}
        )

    def to_invariant_set(self) -> InvariantSet:
        """Return the exchange form: features and evidence, without the accepted sets."""
        made = self.provenance
        return InvariantSet(
            features=self.features,
            meaning=self.meaning,
            environment=self.environment,
            margin=float("nan"),
            evidence=self.evidence,
            provenance=made,
            outcome=self.outcome,
            environments=self.environments,
            inputs={} if made is None else made.inputs,
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the evidence, one row per candidate."""
        return self.evidence.copy()

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON types."""
        rows = self.evidence.astype(object).where(self.evidence.notna(), None)
        for name in COLUMNS[3:5]:
            # JSON has no infinity; an interval without an end is written as text
            rows[name] = [repr(v) if v in (float("inf"), -float("inf")) else v for v in rows[name]]
        return {
            "$schema": FORMAT,
            **{name: getattr(self, name) for name in _FIELDS},
            "features": list(self.features),
            "environments": list(self.environments),
            "accepted_sets": [list(one) for one in self.accepted_sets],
            "p_model": None if pd.isna(self.p_model) else float(self.p_model),
            "evidence": rows.to_dict(orient="records"),
            "provenance": None if self.provenance is None else self.provenance.to_dict(),
        }

    def digest(self) -> str:
        """Return the sha256 of everything but the provenance."""
        return digest({k: v for k, v in self.to_dict().items() if k != "provenance"})

    def save(self, path: str | Path) -> None:
        """Write the record as JSON, with a digest that `load` checks."""
        document = {**self.to_dict(), "digest": self.digest()}
        write_text(path, json.dumps(document, indent=1, allow_nan=False) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> InvariantPredictors:
        """Read a record written by `save`.

        Raises
        ------
        FileReadError
            If the file is missing.
        SchemaError
            If it is not a record of invariant predictors of this version.
        InvalidInputError
            If the content does not match its digest.
        """
        where = Path(path)
        if not where.is_file():
            raise FileReadError(f"no such file: {where.name} (looked in {where.parent})")
        try:
            document = json.loads(where.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise SchemaError(f"{where.name} is not JSON: {error}") from error
        kind = document.get("$schema") if isinstance(document, dict) else None
        if kind != FORMAT:
            raise SchemaError(f"{where.name} is a document of kind {kind!r}, not {FORMAT!r}")
        validate(document, "invariant_predictors")
        made = document.get("provenance")
        fields = {name: document[name] for name in _FIELDS}
        fields["p_model"] = float("nan") if fields["p_model"] is None else fields["p_model"]
        found = cls(
            **fields,
            evidence=pd.DataFrame(document["evidence"], columns=list(COLUMNS)),
            provenance=None if made is None else Provenance.from_dict(made),
        )
        content = {k: v for k, v in document.items() if k not in ("provenance", "digest")}
        if digest(content) != document["digest"]:
            raise InvalidInputError(
                f"{where.name}: the content does not match its digest, so the file was changed"
                " after it was written; write it again"
            )
        return found

    def __repr__(self) -> str:
        state = ", model rejected" if self.model_rejected else ""
        return (
            f"InvariantPredictors({self.method}: {len(self)} of {len(self.evidence)} features for"
            f" {self.outcome!r} across {self.environment!r}{state})"
        )

    def _repr_html_(self) -> str:
        shown: str = self.evidence.head(20).round(4).to_html(index=False, border=0)
        return f"<p>{self!r}</p><p>{self.claim}</p>{shown}"
