"""The record behind an invariant set: its fields, what must agree, and its file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from causalimg.atomic import replacing, write_text
from causalimg.errors import InvalidInputError, SchemaError
from causalimg.provenance import Provenance, digest, plain
from causalimg.schemas import read_document, validate
from causalimg.tables.io import same_columns
from causalimg.tables.meanings import MEANINGS, OPTIONAL_COLUMNS, meaning_of

SCHEMA_ID = "https://causalimg.org/schemas/invariant_set/2.0.0"
EVIDENCE_COLUMNS = MEANINGS["stable_measurement"].columns
SET_FILE, EVIDENCE_FILE = "invariant_set.json", "evidence.csv"


@dataclass(frozen=True, eq=False)
class InvariantRecord:
    """The fields of an `InvariantSet`, which adds what can be done with it; see there."""

    features: tuple[str, ...]
    meaning: str
    environment: str
    margin: float
    evidence: pd.DataFrame
    provenance: Provenance | None = None
    outcome: str | None = None
    role: str = "feature"
    environments: tuple[str, ...] = ()
    inputs: dict[str, str] = field(default_factory=dict)
    original_names: dict[str, str] = field(default_factory=dict)
    extraction: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        kind = meaning_of(self.meaning)
        evidence = self.evidence.reset_index(drop=True)
        more = [name for name in OPTIONAL_COLUMNS if name in evidence.columns]
        same_columns(evidence, [*kind.columns, *more], "invariant set evidence")
        numbers = [*kind.numbers, *more]
        evidence[numbers] = evidence[numbers].astype(float)
        for name, value in (
            ("evidence", evidence),
            ("features", tuple(self.features)),
            ("environments", tuple(self.environments)),
            ("margin", float(self.margin)),
        ):
            object.__setattr__(self, name, value)
        strange = sorted(set(evidence["verdict"]) - set(kind.verdicts))
        if strange:
            raise InvalidInputError(f"verdicts must be among {kind.verdicts}, not {strange}")
        admitted = set(evidence.loc[evidence["verdict"] == kind.verdicts[0], "feature"])
        if admitted != set(self.features):
            raise InvalidInputError(
                f"the features of the set and those its evidence calls {kind.verdicts[0]} differ: "
                f"{sorted(admitted ^ set(self.features))[:8]}"
            )
        if kind.needs_outcome == (self.outcome is None):
            raise InvalidInputError(
                f"meaning {self.meaning!r} "
                + ("needs outcome=" if kind.needs_outcome else "has no outcome; leave outcome out")
            )

    def __len__(self) -> int:
        return len(self.features)

    def __contains__(self, feature: object) -> bool:
        return feature in self.features

    def counts(self) -> dict[str, int]:
        """Return how many features have each verdict."""
        found = self.evidence["verdict"].value_counts()
        return {
            verdict: int(found.get(verdict, 0)) for verdict in meaning_of(self.meaning).verdicts
        }

    def to_frame(self) -> pd.DataFrame:
        """Return the evidence, one row per feature."""
        return self.evidence.copy()

    # ---- files ---------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return the set as JSON types (schema ``invariant_set``)."""
        # JSON has no infinity: an interval without an end is null, like what is not known
        known = self.evidence.notna() & ~self.evidence.isin([np.inf, -np.inf])
        rows = self.evidence.astype(object).where(known, None)
        return {
            "$schema": SCHEMA_ID,
            "meaning": self.meaning,
            "environment": self.environment,
            "environments": list(self.environments),
            "outcome": self.outcome,
            "role": self.role,
            "margin": None if np.isnan(self.margin) else self.margin,
            "features": list(self.features),
            "evidence": rows.to_dict(orient="records"),
            "inputs": dict(self.inputs),
            "original_names": dict(self.original_names),
            "extraction": None if self.extraction is None else plain(self.extraction),
            "provenance": None if self.provenance is None else self.provenance.to_dict(),
        }

    def digest(self) -> str:
        """Return the sha256 of everything but the provenance."""
        return digest({k: v for k, v in self.to_dict().items() if k != "provenance"})

    def save(self, path: str | Path) -> None:
        """Write the set, with a digest over all of it that `load` checks.

        Parameters
        ----------
        path : path
            A name that ends in ``.json``: one file. Else a folder, with the evidence as CSV too.
        """
        content = self.to_dict()
        document = {**content, "digest": digest(content)}
        validate(document, "invariant_set")
        where = Path(path)
        text = json.dumps(document, indent=1, allow_nan=False) + "\n"
        if where.suffix == ".json":
            write_text(where, text)
            return
        write_text(where / SET_FILE, text)
        with replacing(where / EVIDENCE_FILE) as temporary:
            # as in the JSON, an interval without an end is empty
            self.evidence.replace([np.inf, -np.inf], np.nan).to_csv(temporary, index=False)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a set written by `save`: the file, or the folder.

        Raises
        ------
        FileReadError
            If the file is missing.
        SchemaError
            If it is not an invariant set of this version, or its content does not match its
            digest: it was changed after it was written.
        """
        where = Path(path) / SET_FILE if Path(path).is_dir() else Path(path)
        document = read_document(where, "invariant_set")
        content = {k: v for k, v in document.items() if k != "digest"}
        if digest(content) != document["digest"]:
            raise SchemaError(
                f"{where.name}: the content does not match its digest, so the file was"
                " changed after it was written; export the set again"
            )
        made = document["provenance"]
        names = [*meaning_of(document["meaning"]).columns, *OPTIONAL_COLUMNS]
        have = {name for row in document["evidence"] for name in row}
        needed = set(meaning_of(document["meaning"]).columns)
        columns = [name for name in names if name in have | needed]
        plain_fields = ("meaning", "environment", "outcome", "role", "inputs", "original_names")
        return cls(
            features=tuple(document["features"]),
            margin=float("nan") if document["margin"] is None else document["margin"],
            evidence=pd.DataFrame(document["evidence"], columns=columns),
            environments=tuple(document["environments"]),
            extraction=document["extraction"],
            provenance=None if made is None else Provenance.from_dict(made),
            **{name: document[name] for name in plain_fields},
        )

    def __repr__(self) -> str:
        counts = ", ".join(f"{n} {verdict}" for verdict, n in self.counts().items())
        within = "" if np.isnan(self.margin) else f" within {self.margin} SD"
        about = "" if self.outcome is None else f" for {self.outcome!r}"
        first = meaning_of(self.meaning).verdicts[0]
        return (
            f"InvariantSet({len(self)} features {first}{about} across {self.environment!r}"
            f"{within}; {counts})"
        )

    def _repr_html_(self) -> str:
        shown: str = self.evidence.head(20).round(4).to_html(index=False, border=0)
        return f"<p>{self!r}</p>{shown}"
