"""What is wrong in a study file, a cohort, or a file that the package wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from causalimg.errors import CausalImgError, InvalidInputError
from causalimg.imaging.check import header_problems
from causalimg.schemas import NAMES, validate
from causalimg.study import Study
from causalimg.study_features import feature_table
from causalimg.tables.cohort import Cohort
from causalimg.tables.effect_table import EffectTable
from causalimg.tables.features import FeatureTable
from causalimg.tables.io import header_path, read_frame


def problems(path: str | Path) -> pd.DataFrame:
    """Return what is wrong in a study file, a cohort, or a file that the package wrote.

    Returns
    -------
    pandas.DataFrame
        ``where, problem``; no rows if nothing is wrong.
    """
    where = Path(path)
    try:
        if where.suffix == ".toml":
            return Study.read(where).problems()
        if where.suffix == ".json":
            _check_json(where)
            return _none()
        if where.suffix in (".parquet", ".csv") and (kind := _kind(where)) != "cohort":
            (FeatureTable if kind == "feature_table" else EffectTable).load(where)
            return _none()
        if not {"image", "mask"} & {str(name).lower() for name in read_frame(where).columns}:
            feature_table(where, {})  # no cohort: features that were extracted elsewhere
            return _none()
        cohort = Cohort.read(where)
        found = pd.concat([cohort.problems(), header_problems(cohort)])
        places = [f"case {r.case_id!r}, column {r.column!r}" for r in found.itertuples()]
        return pd.DataFrame({"where": places, "problem": list(found["problem"])})
    except CausalImgError as error:
        return pd.DataFrame([(where.name, str(error))], columns=["where", "problem"])


def _none() -> pd.DataFrame:
    return pd.DataFrame(columns=["where", "problem"])


def _check_json(path: Path) -> None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"cannot be read as JSON: {error}") from error
    named = str(document.get("$schema", "")) if isinstance(document, dict) else ""
    kinds = [name for name in NAMES if f"/{name}/" in named]
    if not kinds:
        raise InvalidInputError(
            f'no schema of this package is named in "$schema" (known: {", ".join(NAMES)})'
        )
    validate(document, kinds[0])


def _kind(path: Path) -> str:
    """Return which of our tables a file is; ``cohort`` if it is none that we wrote."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix == ".csv":
        beside = header_path(path)
        text = beside.read_text(encoding="utf-8", errors="replace") if beside.is_file() else ""
        return next((name for name in NAMES if f"/{name}/" in text[:400]), "cohort")
    try:
        raw = (pq.read_schema(path).metadata or {}).get(b"causalimg")
    except (pa.ArrowException, OSError) as error:
        raise InvalidInputError(f"cannot be read as parquet: {error}") from error
    named = json.loads(raw)["$schema"] if raw else "/cohort/"
    return next((name for name in NAMES if f"/{name}/" in named), "cohort")
