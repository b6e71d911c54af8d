"""The feature table: one row per case, a dictionary of its columns, and the cases that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from causalimg.errors import InvalidInputError, UnknownNameError, nearest
from causalimg.provenance import Provenance, digest, sha256_frame
from causalimg.tables.cohort import ROLES
from causalimg.tables.encode import is_categorical
from causalimg.tables.io import read_table, same_columns, write_table

SCHEMA_ID = "https://causalimg.org/schemas/feature_table/1.0.0"
FAILURE_COLUMNS = ("case_id", "stage", "error", "reason")


@dataclass(frozen=True)
class Column:
    """One entry of the column dictionary (a Frictionless field with our extra properties).

    Parameters
    ----------
    name : str
        Identifier, ``wavelet_hhl_glcm_contrast``.
    role : str
        ``id``, ``context``, ``covariate``, ``outcome``, ``feature`` or ``other``.
    type : str
        ``number``, ``integer``, ``string`` or ``boolean``.
    unit : str
        ``mm``, ``HU`` ...; empty if not known, ``1`` if it has none.
    family : str
        Feature family: ``shape``, ``firstorder``, ``glcm`` ...
    ibsi : str
        Code of the Image Biomarker Standardisation Initiative, where the definition is the same.
    original_name : str
        The spelling of the tool that computed it.
    image_type : str
        ``original``, ``wavelet-HHL`` ...
    description : str

    Examples
    --------
    >>> column = Column("original_shape_volume", "feature", unit="mm^3", family="shape")
    >>> column.unit, column.type
    ('mm^3', 'number')
    """

    name: str
    role: str
    type: str = "number"
    unit: str = ""
    family: str = ""
    ibsi: str = ""
    original_name: str = ""
    image_type: str = ""
    description: str = ""


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Radiomics features and what is known of each case.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per case; columns exactly as ``columns`` lists them.
    columns : tuple of Column
    failures : pandas.DataFrame
        ``case_id, stage, error, reason``: the cases that are not in ``frame``, and why.
    provenance : Provenance, optional

    Examples
    --------
    >>> frame = pd.DataFrame({"case_id": ["P1", "P2"], "scanner": ["A", "B"]})
    >>> frame["glcm_contrast"] = [4.1, 5.6]
    >>> table = FeatureTable.from_frame(frame, roles={"case_id": "id", "scanner": "context"})
    >>> table.features, table.names("context")
    (['glcm_contrast'], ['scanner'])
    """

    frame: pd.DataFrame
    columns: tuple[Column, ...]
    failures: pd.DataFrame
    provenance: Provenance | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(self.columns))
        for column in self.columns:
            if column.role not in ROLES:
                raise UnknownNameError(
                    f"column {column.name!r} has the role {column.role!r}"
                    f"{nearest(column.role, ROLES)} (roles: {', '.join(ROLES)})"
                )
        frame = self.frame.reset_index(drop=True)
        same_columns(frame, [column.name for column in self.columns], "feature table")
        failures = self.failures.reset_index(drop=True)
        if list(failures.columns) != list(FAILURE_COLUMNS):
            raise InvalidInputError(
                f"failures need the columns {FAILURE_COLUMNS}, not {tuple(failures.columns)}"
            )
        object.__setattr__(self, "frame", frame)
        object.__setattr__(self, "failures", failures)

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        roles: Mapping[str, str],
        provenance: Provenance | None = None,
    ) -> FeatureTable:
        """Make a table from features that were extracted elsewhere.

        Parameters
        ----------
        frame : pandas.DataFrame
        roles : mapping of str to str
            Column -> role. Numeric columns that it does not name are features, others ``other``.
        """
        columns = []
        kept = frame.copy()
        kept.columns = [str(name) for name in kept.columns]
        for name in kept.columns:
            categorical = is_categorical(kept[name])
            role = roles.get(name, "other" if categorical else "feature")
            if role == "context" and not pd.api.types.is_float_dtype(kept[name].dtype):
                kept[name] = kept[name].astype(str).astype("category")
                categorical = True
            columns.append(Column(name, role, "string" if categorical else "number"))
        missing = [name for name in roles if name not in kept.columns]
        if missing:
            hints = ", ".join(f"{name!r}{nearest(name, kept.columns)}" for name in missing)
            raise UnknownNameError(f"roles: no such column: {hints}")
        return cls(kept, tuple(columns), no_failures(), provenance)

    def names(self, role: str) -> list[str]:
        """Return the columns of one role, in order."""
        return [column.name for column in self.columns if column.role == role]

    @property
    def features(self) -> list[str]:
        """The feature columns, in order."""
        return self.names("feature")

    def column(self, name: str) -> Column:
        """Return the dictionary entry of one column."""
        for column in self.columns:
            if column.name == name:
                return column
        names = [column.name for column in self.columns]
        raise UnknownNameError(f"no column {name!r}{nearest(name, names)}")

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table."""
        return self.frame.copy()

    def dictionary(self) -> pd.DataFrame:
        """Return the column dictionary, one row per column."""
        return pd.DataFrame([asdict(column) for column in self.columns])

    def digest(self) -> str:
        """Return the sha256 of the values, the dictionary and the failures."""
        return digest(
            {
                "frame": sha256_frame(self.frame),
                "columns": [asdict(column) for column in self.columns],
                "failures": sha256_frame(self.failures),
            }
        )

    def header(self) -> dict[str, Any]:
        """Return the document that travels with the table (schema ``feature_table``)."""
        return {
            "$schema": SCHEMA_ID,
            "fields": [asdict(column) for column in self.columns],
            "primaryKey": self.names("id"),
            "failures": self.failures.astype(str).to_dict(orient="records"),
            "provenance": None if self.provenance is None else self.provenance.to_dict(),
        }

    def save(self, path: str | Path) -> None:
        """Write ``.parquet`` (dictionary inside) or ``.csv`` (dictionary beside it, ``.json``)."""
        write_table(self.frame, self.header(), path, schema="feature_table")

    @classmethod
    def load(cls, path: str | Path) -> FeatureTable:
        """Read a table written by `save`.

        Raises
        ------
        FileReadError, SchemaError
            If the file is missing, damaged or not a feature table of this version.
        """
        frame, header = read_table(path, schema="feature_table")
        columns = tuple(Column(**field) for field in header["fields"])
        for column in columns:
            if column.type == "string" and column.name in frame and column.role == "context":
                text = frame[column.name].astype("object")
                text = text.where(text.isna(), text.astype(str))
                kinds = sorted({value for value in text if not pd.isna(value)})
                frame[column.name] = text.astype(pd.CategoricalDtype(kinds))
            elif column.role == "id" and column.name in frame:
                frame[column.name] = frame[column.name].astype(str)
        made = header["provenance"]
        return cls(
            frame,
            columns,
            failure_table(header["failures"]),
            None if made is None else Provenance.from_dict(made),
        )

    def __repr__(self) -> str:
        failed = f", {len(self.failures)} failed" if len(self.failures) else ""
        return f"FeatureTable({len(self.frame)} cases{failed}; {len(self.features)} features)"

    def _repr_html_(self) -> str:
        shown: str = self.frame.iloc[:10, :12].round(4).to_html(index=False, border=0)
        return f"<p>{self!r}</p>{shown}"


def failure_table(rows: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """Return a table of failures from rows with ``case_id, stage, error, reason``."""
    return pd.DataFrame(
        [[str(row[name]) for name in FAILURE_COLUMNS] for row in rows],
        columns=list(FAILURE_COLUMNS),
        dtype="str",
    )


def no_failures() -> pd.DataFrame:
    """Return an empty table of failures."""
    return failure_table([])
