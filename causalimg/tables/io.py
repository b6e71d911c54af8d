"""Tables on disk: parquet with a JSON header in its metadata, CSV with the header beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from causalimg.atomic import replacing, write_text
from causalimg.errors import FileReadError, InvalidInputError, SchemaError
from causalimg.schemas import read_document, validate

_KEY = b"causalimg"
_NEWER = tuple(int(part) for part in pd.__version__.split(".")[:2]) >= (3, 1)
_EXACT: dict[str, Any] = {} if _NEWER else {"float_precision": "round_trip"}


def header_path(path: str | Path) -> Path:
    """Return the name of the JSON header that stands beside a CSV file."""
    return Path(path).with_suffix(".json")


def write_table(
    frame: pd.DataFrame, header: Mapping[str, Any], path: str | Path, *, schema: str
) -> None:
    """Write a table and its header, atomically.

    Parameters
    ----------
    frame : pandas.DataFrame
    header : mapping
        A document of the named schema; in the parquet metadata, or beside a CSV file.
    path : path
        ``.parquet`` or ``.csv`` decides the format.
    schema : str
        Name of the header's schema.

    Raises
    ------
    InvalidInputError
        If the suffix is neither.
    SchemaError
        If the header is not valid; nothing is written then.
    """
    validate(header, schema)
    where = Path(path)
    if where.suffix == ".csv":
        with replacing(where) as temporary:
            frame.to_csv(temporary, index=False)
        write_text(header_path(where), json.dumps(header, indent=2, allow_nan=False) + "\n")
    elif where.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pandas(frame, preserve_index=False)
        metadata = {
            **(table.schema.metadata or {}),
            _KEY: json.dumps(header, allow_nan=False).encode(),
        }
        with replacing(where) as temporary:
            pq.write_table(table.replace_schema_metadata(metadata), temporary)
    else:
        raise InvalidInputError(
            f"cannot write a table as {where.name!r}: use a name that ends in .parquet or .csv"
        )


def read_frame(path: str | Path) -> pd.DataFrame:
    """Read a plain CSV or parquet table, with no header asked for.

    Raises
    ------
    FileReadError
        If the file is missing or cannot be read.
    InvalidInputError
        If the suffix is neither ``.csv`` nor ``.parquet``.
    """
    where = Path(path)
    if where.is_dir():
        raise FileReadError(
            f"{where.name} is a folder; give a table that names its images: a .csv or .parquet"
            " file with case_id, image, mask"
        )
    if not where.is_file():
        raise FileReadError(f"no such file: {where.name} (looked in {where.parent})")
    if where.suffix == ".csv":
        try:
            frame: pd.DataFrame = pd.read_csv(where, **_EXACT)
        except UnicodeDecodeError as error:
            raise FileReadError(
                f"{where.name} is not UTF-8 ({error.reason} at byte {error.start}); write it anew:"
                f" {_converted(where.name, encoding='latin-1')}"
            ) from error
        except ValueError as error:
            raise FileReadError(f"{where.name} cannot be read as CSV: {error}") from error
        _refuse_other_separator(frame, where.name)
        return frame
    if where.suffix == ".parquet":
        import pyarrow as pa

        try:
            return pd.read_parquet(where)
        except (pa.ArrowException, OSError) as error:
            raise FileReadError(f"{where.name} cannot be read as parquet: {error}") from error
    advice = (
        "save the sheet as CSV"
        if where.suffix in (".xlsx", ".xls", ".ods")
        else "use .csv or .parquet"
    )
    raise InvalidInputError(f"cannot read {where.name!r} as a table: {advice}")


def _converted(name: str, **options: str) -> str:
    """Return the line of Python that reads a CSV with these options and writes it as ours."""
    how = ", ".join(f"{key}={value!r}" for key, value in options.items())
    return f"pandas.read_csv({name!r}, {how}).to_csv({name!r}, index=False)"


def _refuse_other_separator(frame: pd.DataFrame, name: str) -> None:
    """Refuse a table whose one column is a whole line: it is separated by something else."""
    header = str(frame.columns[0]) if len(frame.columns) == 1 else ""
    for sign, word in ((";", "semicolons"), ("\t", "tabs")):
        if sign in header:
            raise FileReadError(
                f"{name} is separated by {word}, not commas; write it anew:"
                f" {_converted(name, sep=sign)}"
                " (with decimal=',' where numbers have a comma)"
            )


def read_table(path: str | Path, *, schema: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a table and its header, as `write_table` wrote them.

    Raises
    ------
    FileReadError, InvalidInputError
        As `read_frame`.
    SchemaError
        If the header is missing or is not a document of that schema.
    """
    where = Path(path)
    frame = read_frame(where)
    if where.suffix == ".csv":
        return frame, read_document(header_path(where), schema)
    import pyarrow.parquet as pq

    raw = (pq.read_schema(where).metadata or {}).get(_KEY)
    if raw is None:
        raise SchemaError(
            f"{where.name} is a parquet file without a causalimg header, so it is not a {schema}"
        )
    header: dict[str, Any] = json.loads(raw)
    validate(header, schema)
    return frame, header


def same_columns(frame: pd.DataFrame, names: list[str], where: str) -> None:
    """Raise `SchemaError` unless the table has exactly the columns its dictionary lists."""
    have = [str(column) for column in frame.columns]
    if have != names:
        extra = sorted(set(have) - set(names))
        lacking = sorted(set(names) - set(have))
        raise SchemaError(
            f"{where}: the table and its column dictionary differ"
            f" (only in the table: {extra}; only in the dictionary: {lacking})"
        )
