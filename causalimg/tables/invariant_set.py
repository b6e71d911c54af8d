"""The invariant set: features that may be relied on across an environment, with the evidence."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from causalimg.atomic import write_text
from causalimg.errors import InvalidInputError, check_columns
from causalimg.provenance import Provenance, digest
from causalimg.schemas import read_document, validate
from causalimg.tables.io import same_columns

SCHEMA_ID = "https://causalimg.org/schemas/invariant_set/1.0.0"
EVIDENCE_COLUMNS = (
    "feature",
    "verdict",
    "contrast",
    "effect_sd",
    "ci_low_sd",
    "ci_high_sd",
    "p_equivalence",
    "q_equivalence",
    "n",
    "n_needed",
)
VERDICTS = ("stable", "shifted", "not_certifiable")


@dataclass(frozen=True, eq=False)
class InvariantSet:
    """Features that an environment does not move, and the evidence for every feature looked at.

    Parameters
    ----------
    features : tuple of str
        The features certified as ``stable``.
    meaning : str
        Which sense of "invariant": ``stable_measurement``.
    environment : str
        The column (scanner, site ...) across which they are stable.
    margin : float
        Largest effect still called stable, in units of the between-patient SD.
    evidence : pandas.DataFrame
        One row per feature, columns `EVIDENCE_COLUMNS`; ``contrast`` is the worst one and
        ``verdict`` one of `VERDICTS`.
    provenance : Provenance, optional
    """

    features: tuple[str, ...]
    meaning: str
    environment: str
    margin: float
    evidence: pd.DataFrame
    provenance: Provenance | None = None

    def __post_init__(self) -> None:
        evidence = self.evidence.reset_index(drop=True)
        same_columns(evidence, list(EVIDENCE_COLUMNS), "invariant set evidence")
        numbers = list(EVIDENCE_COLUMNS[3:])
        evidence[numbers] = evidence[numbers].astype(float)
        object.__setattr__(self, "evidence", evidence)
        object.__setattr__(self, "features", tuple(self.features))
        strange = sorted(set(evidence["verdict"]) - set(VERDICTS))
        if strange:
            raise InvalidInputError(f"verdicts must be among {VERDICTS}, not {strange}")
        stable = tuple(evidence.loc[evidence["verdict"] == "stable", "feature"])
        if set(stable) != set(self.features):
            raise InvalidInputError(
                "the features of the set and those its evidence calls stable differ: "
                f"{sorted(set(stable) ^ set(self.features))[:8]}"
            )

    def __len__(self) -> int:
        return len(self.features)

    def __contains__(self, feature: object) -> bool:
        return feature in self.features

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return only the stable features of a table.

        Raises
        ------
        UnknownNameError
            Naming the features that the table lacks.
        """
        check_columns(frame, self.features, "invariant set")
        return frame.loc[:, list(self.features)].copy()

    def counts(self) -> dict[str, int]:
        """Return how many features have each verdict."""
        return {verdict: int((self.evidence["verdict"] == verdict).sum()) for verdict in VERDICTS}

    def to_frame(self) -> pd.DataFrame:
        """Return the evidence, one row per feature."""
        return self.evidence.copy()

    def to_dict(self) -> dict[str, Any]:
        """Return the set as JSON types (schema ``invariant_set``)."""
        rows = self.evidence.astype(object).where(self.evidence.notna(), None)
        return {
            "$schema": SCHEMA_ID,
            "meaning": self.meaning,
            "environment": self.environment,
            "margin": float(self.margin),
            "features": list(self.features),
            "evidence": rows.to_dict(orient="records"),
            "provenance": None if self.provenance is None else self.provenance.to_dict(),
        }

    def digest(self) -> str:
        """Return the sha256 of everything but the provenance."""
        return digest({k: v for k, v in self.to_dict().items() if k != "provenance"})

    def save(self, path: str | Path) -> None:
        """Write the set as JSON, with a digest that `load` checks."""
        document = {**self.to_dict(), "digest": self.digest()}
        validate(document, "invariant_set")
        write_text(path, json.dumps(document, indent=1, allow_nan=False) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> InvariantSet:
        """Read a set written by `save`.

        Raises
        ------
        FileReadError, SchemaError
            If the file is missing, or not an invariant set of this version.
        InvalidInputError
            If the content does not match its digest: it was changed after it was written.
        """
        document = read_document(path, "invariant_set")
        evidence = pd.DataFrame(document["evidence"], columns=list(EVIDENCE_COLUMNS))
        made = document["provenance"]
        found = cls(
            features=tuple(document["features"]),
            meaning=document["meaning"],
            environment=document["environment"],
            margin=document["margin"],
            evidence=evidence,
            provenance=None if made is None else Provenance.from_dict(made),
        )
        content = {k: v for k, v in document.items() if k not in ("provenance", "digest")}
        if digest(content) != document["digest"]:
            raise InvalidInputError(
                f"{Path(path).name}: the content does not match its digest, so the file was"
                " changed after it was written; export the set again"
            )
        return found

    def __repr__(self) -> str:
        counts = ", ".join(f"{n} {verdict}" for verdict, n in self.counts().items())
        return (
            f"InvariantSet({len(self)} features stable across {self.environment!r}"
            f" within {self.margin} SD; {counts})"
        )

    def _repr_html_(self) -> str:
        shown: str = self.evidence.head(20).round(4).to_html(index=False, border=0)
        return f"<p>{self!r}</p>{shown}"
