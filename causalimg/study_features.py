"""Features that were extracted elsewhere: which columns they are, and which are not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from causalimg.errors import InvalidInputError, UnknownNameError, nearest
from causalimg.tables.cohort import Cohort
from causalimg.tables.encode import is_categorical
from causalimg.tables.features import Column, FeatureTable
from causalimg.tables.io import header_path, read_frame

_IDS = ("case_id", "id", "case", "patient_id", "patientid", "patient", "subject_id", "subject",
        "participant_id", "lesion_id", "study_id", "scan_id", "series_uid")  # fmt: skip
_FILES = ("image", "mask", "label", "roi")
_RADIOMIC = re.compile(
    r"^(original|wavelet|log|square|squareroot|logarithm|exponential|gradient|lbp)[-_ .]"
    r"|(^|[_. -])(firstorder|shape2?d?|glcm|glrlm|glszm|gldm|gldzm|ngtdm|ngldm|ivh)([_. -]|$)",
    re.IGNORECASE,
)


def looks_radiomic(name: str) -> bool:
    """Tell whether a column is called as radiomics programs call features.

    Examples
    --------
    >>> looks_radiomic("original_glcm_Contrast"), looks_radiomic("age")
    (True, False)
    """
    return bool(_RADIOMIC.search(name)) and not is_diagnostic(name)


def is_diagnostic(name: str) -> bool:
    """Tell whether PyRadiomics wrote a column to say how it worked."""
    return name.lower().startswith("diagnostics_")


def identified(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return a table with a column ``case_id``, and where the ids came from.

    The first column that is called like an identifier and differs in every row becomes it; else
    rows are numbered.

    Examples
    --------
    >>> identified(pd.DataFrame({"ID": ["a", "b"], "x": [1.0, 2.0]}))[0].columns.tolist()
    ['case_id', 'x']
    """
    named = {str(name).lower().replace(" ", "_"): name for name in reversed(list(frame.columns))}
    for known in _IDS:
        name = named.get(known)
        if name is not None and frame[name].notna().all() and frame[name].is_unique:
            texts = frame[name].astype(str).rename("case_id")
            return pd.concat([texts, frame.drop(columns=name)], axis=1), str(name)
    if "case_id" in frame.columns:
        raise InvalidInputError(
            "the column 'case_id' is empty or the same in some rows, and must tell cases apart"
        )
    numbers = [f"row_{k + 1:04d}" for k in range(len(frame))]
    ids = pd.Series(numbers, index=frame.index, name="case_id", dtype="str")
    return pd.concat([ids, frame], axis=1), ""


def no_features(frame: pd.DataFrame) -> list[str]:
    """Return the columns that identify, locate or describe and are no features, by their names."""
    return [
        str(name)
        for name in frame.columns
        if str(name).lower() in (*_IDS, *_FILES)
        or is_diagnostic(str(name))
        or str(name).startswith("Unnamed: ")
    ]


def feature_table(path: str | Path, roles: Mapping[str, str]) -> FeatureTable:
    """Read a table of features: one of ours, or any CSV or parquet table.

    Parameters
    ----------
    path : path
    roles : mapping of str to str
        Column -> role. Of the other columns, numbers are features, but for identifiers, file
        names and the diagnostics of PyRadiomics. A table of ours brings its roles; those given
        here come first.

    Raises
    ------
    FileReadError, InvalidInputError, UnknownNameError
    """
    where = Path(path)
    if _is_ours(where):
        return with_roles(FeatureTable.load(where), roles)
    frame = read_frame(where)
    frame.columns = [str(name) for name in frame.columns]
    frame, source = identified(frame)
    frame = frame.drop(columns=[n for n in frame.columns if is_diagnostic(n)])
    others = dict.fromkeys((n for n in no_features(frame) if n != "case_id"), "other")
    wanted = {name: role for name, role in roles.items() if name != source}
    table = FeatureTable.from_frame(frame, roles={**others, **wanted, "case_id": "id"})
    lower = {name.lower() for name in frame.columns}
    if {"image", "mask"} <= lower and not any(looks_radiomic(name) for name in table.features):
        raise InvalidInputError(
            f"{where.name} is a cohort of images, whose features are not extracted yet: run"
            f" 'causalimg extract {where.name}' first (if its numbers are features, drop the"
            " columns image and mask)"
        )
    if not table.features:
        raise InvalidInputError(
            f"{where.name} has no column of numbers that could be a feature"
            f" (columns: {', '.join(frame.columns[:12])})"
        )
    return table


def grouped(table: FeatureTable, column: str, groups: Mapping[str, list[str]]) -> FeatureTable:
    """Return the table with the levels of a column merged (see `Cohort.grouped`)."""
    table.column(column)
    manifest = table.frame[["case_id", column]].assign(image="-", mask="-")
    merged = Cohort(manifest, {column: "context"}).grouped(column, groups).frame[column]
    frame = table.frame.assign(**{column: merged.to_numpy()})
    frame[column] = frame[column].astype("category")
    return FeatureTable(frame, table.columns, table.failures, table.provenance)


def _is_ours(path: Path) -> bool:
    if path.suffix == ".csv":
        return header_path(path).is_file() and "feature_table" in header_path(path).read_text(
            encoding="utf-8", errors="replace"
        )
    if path.suffix != ".parquet" or not path.is_file():
        return False
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return b"causalimg" in (pq.read_schema(path).metadata or {})
    except (pa.ArrowException, OSError):
        return False


def with_roles(table: FeatureTable, roles: Mapping[str, str]) -> FeatureTable:
    """Return the table with other roles for some columns.

    Raises
    ------
    UnknownNameError
        If there is no such column.
    """
    names = [column.name for column in table.columns]
    for name in roles:
        if name not in names:
            raise UnknownNameError(f"roles: no such column: {name!r}{nearest(name, names)}")
    if not any(table.column(name).role != role for name, role in roles.items()):
        return table
    columns = tuple(
        Column(**{**vars(column), "role": roles.get(column.name, column.role)})
        for column in table.columns
    )
    frame = table.frame.copy()
    for name, role in roles.items():
        if role == "context" and not is_categorical(frame[name]):
            frame[name] = frame[name].astype(str).astype("category")
    return FeatureTable(frame, columns, table.failures, table.provenance)
