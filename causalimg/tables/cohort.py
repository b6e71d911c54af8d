"""The cohort: one row per lesion with its image, its mask and what is known of the patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os.path import relpath
from pathlib import Path
from typing import Any

import pandas as pd

from causalimg.errors import InvalidInputError, UnknownNameError, check_columns, nearest
from causalimg.provenance import Provenance, sha256_frame
from causalimg.schemas import read_document
from causalimg.tables.encode import is_categorical, levels
from causalimg.tables.io import header_path, read_frame, read_table, write_table

SCHEMA_ID = "https://causalimg.org/schemas/cohort/1.0.0"
ROLES = ("id", "context", "covariate", "outcome", "feature", "other")
_PYRADIOMICS = {"Image": "image", "Mask": "mask", "Label": "label", "ID": "case_id"}


@dataclass(frozen=True, eq=False)
class Cohort:
    """The manifest of a study.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``case_id, image, mask``, optional ``label``, then any columns; paths are relative to
        ``folder``.
    roles : dict of str to str
        Column -> ``context`` (site, scanner, protocol), ``covariate`` (age, sex), ``outcome``
        (disease) or ``feature`` (already extracted). A column without a role is ``other`` and no
        stage uses it.
    folder : pathlib.Path
        Folder that the paths are relative to; kept as an absolute path, since workers may run in
        another folder.
    provenance : Provenance, optional

    Raises
    ------
    InvalidInputError
        Listing every problem of the manifest at once (missing columns, repeated case ids, empty
        cells), before any image is read.

    Examples
    --------
    >>> frame = pd.DataFrame({"case_id": ["P1", "P2"], "scanner": ["A", "B"], "age": [61, 58]})
    >>> frame["image"] = ["images/P1.nii.gz", "images/P2.nii.gz"]
    >>> frame["mask"] = ["masks/P1.nii.gz", "masks/P2.nii.gz"]
    >>> cohort = Cohort(frame, roles={"scanner": "context", "age": "covariate"})
    >>> cohort.case_ids, cohort.roles["age"]
    (('P1', 'P2'), 'covariate')
    """

    frame: pd.DataFrame
    roles: dict[str, str] = field(default_factory=dict)
    folder: Path = Path()
    provenance: Provenance | None = None

    def __post_init__(self) -> None:
        frame = self.frame.reset_index(drop=True).copy()
        where = "cohort"
        lacking = [name for name in ("case_id", "image", "mask") if name not in frame.columns]
        if lacking:
            raise InvalidInputError(
                f"{where}: no column {', '.join(map(repr, lacking))}"
                f" (needed: case_id, image, mask; the table has: {', '.join(map(str, frame))})"
            )
        if frame.empty:
            raise InvalidInputError(f"{where}: the table has no rows")
        frame.columns = [str(name) for name in frame.columns]
        repeated = sorted({name for name in frame.columns if list(frame.columns).count(name) > 1})
        if repeated:
            raise InvalidInputError(f"{where}: columns that occur twice: {repeated}")
        problems = _problems(frame)
        if len(problems):
            listed = "; ".join(
                f"case {row.case_id!r}, column {row.column!r}: {row.problem}"
                for row in problems.head(20).itertuples()
            )
            more = f" (and {len(problems) - 20} more)" if len(problems) > 20 else ""
            raise InvalidInputError(f"{where}: {listed}{more}")
        frame["case_id"] = frame["case_id"].astype(str)
        if "label" in frame.columns:
            frame["label"] = frame["label"].astype("Int64")
        roles = {"case_id": "id", **dict(self.roles)}
        check_columns(frame, roles, "cohort roles")
        for column, role in roles.items():
            if role not in ROLES:
                raise UnknownNameError(
                    f"{where}: column {column!r} has the role {role!r}{nearest(role, ROLES)}"
                    f" (roles: {', '.join(ROLES)})"
                )
            if role == "context" and not pd.api.types.is_float_dtype(frame[column].dtype):
                frame[column] = _as_category(frame[column])
        object.__setattr__(self, "frame", frame)
        object.__setattr__(self, "roles", roles)
        object.__setattr__(self, "folder", Path(self.folder).absolute())

    @classmethod
    def read(cls, path: str | Path, *, roles: Mapping[str, str] | None = None) -> Cohort:
        """Read a cohort file.

        Parameters
        ----------
        path : path
            CSV or parquet. The batch CSV of PyRadiomics (``Image``, ``Mask``, optional ``ID`` and
            ``Label``) is read as it is. Image and mask paths are relative to this file.
        roles : mapping, optional
            Column -> role. A cohort written by `save` brings its own (a CSV in the ``.json``
            beside it); roles given here come first.

        Raises
        ------
        FileReadError, InvalidInputError
        """
        where = Path(path)
        known: dict[str, str] = {}
        provenance = None
        frame = read_frame(where)
        header = _header(where)
        if header is not None:
            known = {
                item["name"]: item["role"]
                for item in header["fields"]
                if item["role"] != "other" and item["name"] in frame.columns
            }
            if header["provenance"] is not None:
                provenance = Provenance.from_dict(header["provenance"])
        if not {"image", "mask"} <= set(frame.columns) and {"Image", "Mask"} <= set(frame.columns):
            frame = frame.rename(columns=_PYRADIOMICS)
            if "case_id" not in frame.columns:
                frame.insert(0, "case_id", [f"case_{k + 1:04d}" for k in range(len(frame))])
        try:
            return cls(
                frame, roles={**known, **dict(roles or {})}, folder=where.parent,
                provenance=provenance,
            )  # fmt: skip
        except InvalidInputError as error:
            raise InvalidInputError(f"{where.name}: {error}") from error

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def case_ids(self) -> tuple[str, ...]:
        """The case ids in the order of the file."""
        return tuple(self.frame["case_id"])

    def names(self, role: str) -> list[str]:
        """Return the columns of one role, in the order of the file."""
        return [name for name in self.frame.columns if self.roles.get(name) == role]

    def _path(self, case_id: str, column: str) -> Path:
        rows = self.frame.index[self.frame["case_id"] == case_id]
        if not len(rows):
            raise UnknownNameError(f"no case {case_id!r}{nearest(case_id, self.case_ids)}")
        return self.folder / str(self.frame.loc[rows[0], column])

    def image_path(self, case_id: str) -> Path:
        """Return the path of a case's image."""
        return self._path(case_id, "image")

    def mask_path(self, case_id: str) -> Path:
        """Return the path of a case's mask."""
        return self._path(case_id, "mask")

    def problems(self) -> pd.DataFrame:
        """Return the files that are missing: ``case_id, column, problem``, one row each."""
        rows = [
            (case_id, column, f"no such file: {value}")
            for column in ("image", "mask")
            for case_id, value in zip(self.frame["case_id"], self.frame[column], strict=True)
            if not (self.folder / str(value)).exists()
        ]
        return pd.DataFrame(rows, columns=["case_id", "column", "problem"])

    def grouped(self, column: str, groups: Mapping[str, list[str]]) -> Cohort:
        """Return a cohort whose column has its levels merged into groups.

        Parameters
        ----------
        column : str
        groups : mapping of str to list of str
            New level -> old levels; ``["*"]`` takes all that no other group names.

        Raises
        ------
        UnknownNameError
            If a level is not in the column.
        InvalidInputError
            If a level is in two groups, or in none.
        """
        check_columns(self.frame, [column], "groups")
        present = levels(self.frame[column])
        named = [old for members in groups.values() for old in members if old != "*"]
        for old in named:
            if old not in present:
                raise UnknownNameError(
                    f"groups of {column!r}: no case has {old!r}{nearest(old, present)}"
                    f" (levels: {', '.join(present)})"
                )
            if named.count(old) > 1:
                raise InvalidInputError(f"groups of {column!r}: {old!r} is in two groups")
        mapping = {old: new for new, members in groups.items() for old in members if old != "*"}
        rest = [new for new, members in groups.items() if "*" in members]
        loose = [level for level in present if level not in mapping]
        if len(rest) > 1 or (loose and not rest):
            raise InvalidInputError(
                f"groups of {column!r}: {'two groups take' if len(rest) > 1 else 'no group takes'}"
                f' {loose or "*"}; write "*" in exactly one group for all the others'
            )
        mapping.update(dict.fromkeys(loose, rest[0] if rest else ""))
        frame = self.frame.copy()
        frame[column] = (
            frame[column]
            .astype("object")
            .map(lambda value: value if pd.isna(value) else mapping[str(value)])
        )
        frame[column] = _as_category(frame[column])
        return Cohort(frame, self.roles, self.folder, self.provenance)

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table."""
        return self.frame.copy()

    def digest(self) -> str:
        """Return the sha256 of the table and its roles."""
        from causalimg.provenance import digest

        return digest({"frame": sha256_frame(self.frame), "roles": self.roles})

    def header(self) -> dict[str, Any]:
        """Return the cohort document (schema ``cohort``): fields, roles, provenance."""
        return {
            "$schema": SCHEMA_ID,
            "n_cases": len(self.frame),
            "fields": [
                {
                    "name": name,
                    "type": "string" if is_categorical(self.frame[name]) else "number",
                    "role": self.roles.get(name, "other"),
                }
                for name in self.frame.columns
            ],
            "provenance": None if self.provenance is None else self.provenance.to_dict(),
        }

    def save(self, path: str | Path) -> None:
        """Write the cohort as ``.parquet`` or ``.csv``; the paths become relative to that file."""
        where = Path(path)
        frame = self.frame.copy()
        for column in ("image", "mask"):
            frame[column] = [
                Path(relpath(str(self.folder / str(value)), str(where.parent))).as_posix()
                for value in frame[column]
            ]
        write_table(frame, self.header(), where, schema="cohort")

    load = read

    def __repr__(self) -> str:
        described = ", ".join(f"{name} ({role})" for name, role in self.roles.items())
        return f"Cohort({len(self)} cases; {described})"

    def _repr_html_(self) -> str:
        shown: str = self.frame.head(10).to_html(index=False, escape=True, border=0)
        return f"<p>Cohort of {len(self)} cases</p>{shown}"


def _header(path: Path) -> dict[str, Any] | None:
    """Return the header that `Cohort.save` wrote into or beside a table, if there is one."""
    if path.suffix == ".csv":
        beside = header_path(path)
        ours = beside.is_file() and SCHEMA_ID in beside.read_text("utf-8", errors="replace")
        return read_document(beside, "cohort") if ours else None
    import pyarrow.parquet as pq

    if b"causalimg" not in (pq.read_schema(path).metadata or {}):
        return None
    return read_table(path, schema="cohort")[1]


def _as_category(series: pd.Series) -> pd.Series:
    text = series.astype("object").map(lambda value: None if pd.isna(value) else _text(value))
    return text.astype(pd.CategoricalDtype(sorted({v for v in text if not pd.isna(v)})))


def _text(value: object) -> str:
    return str(value).strip()


def _problems(frame: pd.DataFrame) -> pd.DataFrame:
    rows: list[tuple[str, str, str]] = []
    ids = frame["case_id"]
    for place in frame.index[ids.isna()]:
        rows.append((f"row {place + 1}", "case_id", "empty"))
    for value in ids[ids.notna() & ids.duplicated()].astype(str).unique():
        places = [str(k + 1) for k in frame.index[ids.astype(str) == value]]
        rows.append((value, "case_id", f"the same id in rows {', '.join(places)}"))
    for column in ("image", "mask"):
        empty = frame[column].isna() | (frame[column].astype(str).str.strip() == "")
        rows += [(str(ids[place]), column, "empty") for place in frame.index[empty]]
    if "label" in frame.columns:
        number = pd.to_numeric(frame["label"], errors="coerce")
        bad = frame["label"].notna() & ~(number.notna() & (number > 0) & (number % 1 == 0))
        rows += [
            (str(ids[k]), "label", f"{frame['label'][k]} is not a whole number above 0")
            for k in frame.index[bad]
        ]
    return pd.DataFrame(rows, columns=["case_id", "column", "problem"])
