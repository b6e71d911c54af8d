"""The JSON Schemas of every file the package writes, and validation against them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from causalimg.errors import FileReadError, SchemaError, UnknownNameError, nearest

NAMES = (
    "cohort",
    "feature_table",
    "causal_graph",
    "graph_evidence",
    "harmonization",
    "effect_table",
    "invariant_set",
    "invariant_predictors",
    "constraint_plan",
    "provenance",
    "phantom",
    "phantom_truth",
)


def folder() -> Path:
    """Return the folder that holds the schemas: inside the wheel, or the source tree's own."""
    packaged = Path(__file__).parent / "data_schemas"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "data_schemas"


@cache
def schema(name: str) -> dict[str, Any]:
    """Return one JSON Schema (draft 2020-12) as a dictionary.

    Raises
    ------
    UnknownNameError
        If no schema has that name.
    """
    if name not in NAMES:
        raise UnknownNameError(
            f"no schema is called {name!r}{nearest(name, NAMES)} (there are: {', '.join(NAMES)})"
        )
    document: dict[str, Any] = json.loads((folder() / f"{name}.schema.json").read_text("utf-8"))
    return document


@cache
def _validator(name: str) -> Any:
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource

    registry: Any = Registry().with_resources(
        [(schema(other)["$id"], Resource.from_contents(schema(other))) for other in NAMES]
    )
    return Draft202012Validator(schema(name), registry=registry)


def validate(document: Mapping[str, Any], name: str) -> None:
    """Check a document against the schema called ``name``.

    Raises
    ------
    SchemaError
        Naming the place in the document, what stands there and what is allowed.
    """
    errors = sorted(_validator(name).iter_errors(document), key=lambda e: list(map(str, e.path)))
    if not errors:
        return
    shown = []
    for error in errors[:5]:
        place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
        shown.append(f"at {place.lstrip('.') or 'the top'}: {error.message[:300]}")
    more = f" (and {len(errors) - 5} more)" if len(errors) > 5 else ""
    raise SchemaError(f"not a valid {name} document: " + "; ".join(shown) + more)


def read_document(path: str | Path, name: str) -> dict[str, Any]:
    """Read a JSON file and check it against its schema.

    Raises
    ------
    FileReadError
        If the file is missing.
    SchemaError
        If it is not JSON, or not a document of that kind and version.
    """
    where = Path(path)
    if not where.is_file():
        raise FileReadError(f"no such file: {where.name} (looked in {where.parent})")
    try:
        document = json.loads(where.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise SchemaError(f"{where.name} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise SchemaError(f"{where.name} holds a {type(document).__name__}, not a {name} document")
    _check_version(document, name, where)
    validate(document, name)
    return document


def _check_version(document: Mapping[str, Any], name: str, where: Path) -> None:
    """Refuse a document of the right kind that another version of the package wrote."""
    ours: str = schema(name)["$id"]
    kind, version = ours.rsplit("/", 1)
    theirs = str(document.get("$schema", ""))
    if theirs != ours and theirs.startswith(f"{kind}/"):
        raise SchemaError(
            f"{where.name} is a {name} document of format version {theirs[len(kind) + 1 :]}, and"
            f" this version of causalimg reads {version}: make it again from what it was made of"
        )
