"""What made a result: settings, inputs by hash, software versions, seed, assumptions."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from causalimg.atomic import write_text

SCHEMA_ID = "https://causalimg.org/schemas/provenance/1.0.0"
_RECORDED = ("causalimg", "numpy", "pandas", "scipy", "scikit-learn", "SimpleITK", "networkx")


def plain(value: Any) -> Any:
    """Turn a value into JSON types; arrays become lists, paths become POSIX text.

    Raises
    ------
    TypeError
        If the value has no JSON form.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | np.floating):
        number = float(value)
        return number if math.isfinite(number) else repr(number)
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(plain(item) for item in value)
    if isinstance(value, Iterable):
        return [plain(item) for item in value]
    raise TypeError(f"no JSON form for a value of type {type(value).__name__}: {value!r}")


def canonical_json(value: Any) -> str:
    """Serialise with sorted keys and no spaces, so that equal values give equal text.

    Examples
    --------
    >>> canonical_json({"b": 1, "a": (1.5, None)})
    '{"a":[1.5,null],"b":1}'
    """
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    """Return the sha256 (hex) of the canonical JSON of a value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def sha256_file(path: str | Path) -> str:
    """Return the sha256 (hex) of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sha256_frame(frame: pd.DataFrame) -> str:
    """Return the sha256 (hex) of a table's column names, types and values, bit for bit.

    Parameters
    ----------
    frame : pandas.DataFrame

    Examples
    --------
    >>> one = sha256_frame(pd.DataFrame({"age": [60.0]}))
    >>> one == sha256_frame(pd.DataFrame({"age": [60.0]}))
    True
    >>> one == sha256_frame(pd.DataFrame({"age": [60.0 + 1e-14]}))
    False
    """
    state = hashlib.sha256()
    for name in frame.columns:
        column = frame[name]
        state.update(f"{name}\0{len(column)}\0".encode())
        if pd.api.types.is_numeric_dtype(column.dtype):
            state.update(column.to_numpy(dtype=np.float64, na_value=np.nan).tobytes())
        else:
            pairs = zip(column.tolist(), column.isna().tolist(), strict=True)
            state.update(
                "".join("1\0" if gone else f"0{item!s}\0" for item, gone in pairs).encode()
            )
    return state.hexdigest()


@cache
def software_versions(names: tuple[str, ...] = _RECORDED) -> Mapping[str, str]:
    """Return the versions of Python and of the named distributions that are installed."""
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return MappingProxyType(found)


@dataclass(frozen=True)
class Provenance:
    """What made a result.

    Parameters
    ----------
    stage : str
        Name of the step (``"extract"``, ``"effects"`` ...).
    settings : dict
        Every setting that the result depends on, as JSON types.
    inputs : dict of str to str
        Name of each input -> sha256.
    assumptions : tuple of str
        What must hold for the result to mean what it says, one sentence each.
    seed : int or None
    versions : dict of str to str
        Software name -> version.
    created : str
        Time of making, UTC, ISO 8601; not part of the digest.

    Examples
    --------
    >>> made = Provenance.of("effects", settings={"alpha": 0.05}, seed=7, assumptions=("Overlap.",))
    >>> made.stage, made.seed, made.settings, "numpy" in made.versions
    ('effects', 7, {'alpha': 0.05}, True)
    """

    stage: str
    settings: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()
    seed: int | None = None
    versions: dict[str, str] = field(default_factory=dict)
    created: str = ""

    @classmethod
    def of(
        cls,
        stage: str,
        *,
        settings: Mapping[str, Any] | None = None,
        inputs: Mapping[str, str] | None = None,
        assumptions: Iterable[str] = (),
        seed: int | None = None,
    ) -> Provenance:
        """Make a record, filling in the software versions and the time."""
        return cls(
            stage=stage,
            settings=plain(dict(settings or {})),
            inputs=dict(inputs or {}),
            assumptions=tuple(assumptions),
            seed=seed,
            versions=dict(software_versions()),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON types."""
        document = asdict(self)
        document["assumptions"] = list(self.assumptions)
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Provenance:
        """Rebuild a record from `to_dict`."""
        fields = {key: document[key] for key in cls.__dataclass_fields__ if key in document}
        fields["assumptions"] = tuple(fields.get("assumptions", ()))
        return cls(**fields)

    def digest(self) -> str:
        """Return the sha256 of everything but the time."""
        document = self.to_dict()
        del document["created"]
        return digest(document)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per recorded fact: ``section``, ``name``, ``value``."""
        rows: list[tuple[str, str, str]] = [("stage", "stage", self.stage)]
        for section in ("settings", "inputs", "versions"):
            for key, value in getattr(self, section).items():
                text = value if isinstance(value, str) else canonical_json(value)
                rows.append((section, str(key), text))
        rows += [("assumptions", str(k + 1), text) for k, text in enumerate(self.assumptions)]
        rows.append(("seed", "seed", "" if self.seed is None else str(self.seed)))
        rows.append(("created", "created", self.created))
        return pd.DataFrame(rows, columns=["section", "name", "value"])

    def save(self, path: str | Path) -> None:
        """Write the record as JSON (schema ``provenance``)."""
        from causalimg.schemas import validate

        document = {"$schema": SCHEMA_ID, **self.to_dict()}
        validate(document, "provenance")
        write_text(path, json.dumps(document, indent=2, allow_nan=False) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> Provenance:
        """Read a record written by `save`."""
        from causalimg.schemas import read_document

        return cls.from_dict(read_document(path, "provenance"))
