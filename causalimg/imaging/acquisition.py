"""How a scan was acquired, from its headers into columns: the environment of a causal model."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from causalimg.errors import (
    CausalImgWarning,
    ImageReadError,
    InvalidInputError,
    UnknownNameError,
    nearest,
)
from causalimg.imaging.acquisition_header import from_dicom, from_sidecar
from causalimg.imaging.acquisition_record import COLUMNS, Acquisition
from causalimg.imaging.dicom_file import is_dicom
from causalimg.imaging.sidecar import grid_facts, sidecar
from causalimg.parallel import Failure, ordered_map
from causalimg.tables.cohort import Cohort

_NUMERIC = [name for name, meta in COLUMNS.items() if meta["unit"]]


def read_acquisition(
    path: str | Path,
    *,
    series: str | None = None,
    weight: bool = False,
    uid_hash: bool = False,
    where: str = "acquisition",
) -> Acquisition:
    """Read how an image was acquired.

    Nothing leaves the header but the listed columns: no name, identifier, date, station,
    institution, description or other free text, and no UID.

    Parameters
    ----------
    path : str or Path
        The folder of a DICOM series, any of its files, or a NIfTI (NRRD, MHA) file with a BIDS
        sidecar ``.json`` of the same name beside it.
    series : str, optional
        SeriesInstanceUID, where the folder holds several series.
    weight : bool
        Also take the patient's weight.
    uid_hash : bool
        Also give the first 16 hex digits of the SHA-256 of the SeriesInstanceUID.
    where : str
        For the messages.

    Raises
    ------
    ImageReadError
        If there is no such image or no sidecar, or a file is damaged.
    GeometryError, UnknownNameError
        If the folder holds several series and none, or one that is not there, is asked for.
    MissingDependencyError
        If the image is DICOM and pydicom is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> import json, tempfile
    >>> from causalimg.imaging.write import write_volume
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_volume(folder / "P1.nii", np.zeros((2, 4, 4)), (2.0, 1.0, 1.0))
    >>> _ = (folder / "P1.json").write_text(json.dumps({"Manufacturer": "GE", "KVP": 120}))
    >>> read_acquisition(folder / "P1.nii").kvp
    120.0
    """
    image = Path(path)
    if not image.exists():
        raise ImageReadError(f"{where}: there is no {image.name} in {image.parent.name or '.'}/")
    if image.is_dir() or is_dicom(image):
        from causalimg.imaging.dicom_series import choose_series
        from causalimg.imaging.dicom_slice import positions_along

        chosen = choose_series(image, series, where=where)
        facts, varying = from_dicom(chosen.files, positions_along(chosen.slices), where=where)
        if uid_hash and chosen.uid:
            facts["series_hash"] = hashlib.sha256(chosen.uid.encode()).hexdigest()[:16]
    else:
        facts, varying = from_sidecar(sidecar(image, where)), ()
        facts.update(grid_facts(image, where))
    if not weight:
        facts["patient_weight_kg"] = None
    return Acquisition(**facts, varying=varying)


def acquisition_table(
    cohort: Cohort, *, n_jobs: int = 1, weight: bool = False, uid_hash: bool = False
) -> pd.DataFrame:
    """Read how every case of a cohort was acquired.

    Parameters
    ----------
    cohort : Cohort
        Its column ``series_uid``, if there is one, chooses the series of a folder.
    n_jobs : int
    weight, uid_hash : bool
        See `read_acquisition`.

    Returns
    -------
    pandas.DataFrame
        ``case_id``, the columns of `Acquisition`, and ``problem``: why a case could not be read,
        empty if it could.

    Examples
    --------
    >>> import numpy as np
    >>> import json, tempfile
    >>> from causalimg.imaging.write import write_volume
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_volume(folder / "P1.nii", np.zeros((2, 4, 4)), (2.0, 1.0, 1.0))
    >>> _ = (folder / "P1.json").write_text(json.dumps({"Manufacturer": "GE", "KVP": 120}))
    >>> frame = pd.DataFrame({"case_id": ["P1"], "image": ["P1.nii"], "mask": ["P1.nii"]})
    >>> cohort = Cohort(frame, folder=folder)
    >>> acquisition_table(cohort)[["case_id", "manufacturer"]].values.tolist()
    [['P1', 'GE']]
    """
    frame = cohort.frame
    uids = frame["series_uid"] if "series_uid" in frame.columns else [None] * len(frame)
    items = [
        (cohort.folder / str(image), None if pd.isna(uid) else str(uid), str(case_id))
        for case_id, image, uid in zip(frame["case_id"], frame["image"], uids, strict=True)
    ]
    read = _Read(weight, uid_hash)
    found = ordered_map(read, items, n_jobs=n_jobs, labels=list(cohort.case_ids))
    blank = Acquisition().to_dict()
    rows = [
        {"case_id": case_id, **blank, "problem": one.reason}
        if isinstance(one, Failure)
        else {"case_id": case_id, **one.to_dict(), "problem": ""}
        for case_id, one in zip(cohort.case_ids, found, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["case_id", *COLUMNS, "problem"])
    return table.astype(dict.fromkeys(_NUMERIC, "float64"))


def with_acquisition(
    cohort: Cohort, keywords: Sequence[str] | None = None, *, n_jobs: int = 1
) -> Cohort:
    """Return the cohort with columns of how its images were acquired, and their roles.

    Parameters
    ----------
    cohort : Cohort
    keywords : sequence of str, optional
        DICOM keywords (``Manufacturer``, ``KVP``) or column names (``kvp``). None takes what at
        least one case states, but for the maker's original spelling and the patient's weight.
    n_jobs : int

    Notes
    -----
    Lengths are rounded to 0.0001 mm: what headers of one protocol write beyond that (3.26996 and
    3.27 mm) would split it into levels. `read_acquisition` has them as they were written.

    Raises
    ------
    UnknownNameError
        If a keyword is not on the list; names the nearest.
    InvalidInputError
        If the cohort already has such a column, or no case states what was asked for.

    Examples
    --------
    >>> import numpy as np
    >>> import json, tempfile
    >>> from causalimg.imaging.write import write_volume
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_volume(folder / "P1.nii", np.zeros((2, 4, 4)), (2.0, 1.0, 1.0))
    >>> _ = (folder / "P1.json").write_text(json.dumps({"Manufacturer": "GE", "KVP": 120}))
    >>> frame = pd.DataFrame({"case_id": ["P1"], "image": ["P1.nii"], "mask": ["P1.nii"]})
    >>> cohort = Cohort(frame, folder=folder)
    >>> found = with_acquisition(cohort, ["KVP"])
    >>> found.frame["kvp"].tolist(), found.roles["kvp"]
    ([120.0], 'context')
    """
    wanted = None if keywords is None else _wanted(keywords)
    table = acquisition_table(cohort, n_jobs=n_jobs, weight="patient_weight_kg" in (wanted or ()))
    failed = table[table["problem"] != ""]
    if len(failed):
        said = (
            f"the acquisition of {len(failed)} of {len(table)} cases could not be read; the first: "
            f"{failed['problem'].iloc[0]}"
        )
        if len(failed) == len(table):
            raise ImageReadError(said)
        warnings.warn(said, CausalImgWarning, stacklevel=2)
    stated = [name for name in COLUMNS if table[name].notna().any()]
    if np.allclose(
        table["pixel_spacing_mm"], table["pixel_spacing_column_mm"], rtol=1e-4, equal_nan=True
    ) and (wanted is None or "PixelSpacing" in (keywords or ())):
        stated = [name for name in stated if name != "pixel_spacing_column_mm"]
        wanted = None if wanted is None else [n for n in wanted if n != "pixel_spacing_column_mm"]
    if wanted is None:
        wanted = [name for name in stated if name not in ("manufacturer_original", "series_hash")]
    silent = [name for name in wanted if name not in stated]
    if silent:
        raise InvalidInputError(f"no case of the cohort states {', '.join(silent)}")
    taken = [name for name in wanted if name in cohort.frame.columns]
    if taken:
        raise InvalidInputError(
            f"the cohort already has the columns {', '.join(taken)}; rename them, or ask for others"
        )
    lengths = [name for name in wanted if name.endswith("_mm")]
    table[lengths] = table[lengths].round(4)
    frame = pd.concat([cohort.frame, table[wanted].set_index(cohort.frame.index)], axis=1)
    roles = {**cohort.roles, **{name: COLUMNS[name]["role"] for name in wanted}}
    return Cohort(frame, roles, cohort.folder, cohort.provenance)


@dataclass(frozen=True)
class _Read:
    """Read one case; picklable, so workers can run it."""

    weight: bool
    uid_hash: bool

    def __call__(self, item: tuple[Path, str | None, str]) -> Acquisition:
        path, series, case_id = item
        return read_acquisition(
            path,
            series=series,
            weight=self.weight,
            uid_hash=self.uid_hash,
            where=f"case {case_id!r}, column 'image'",
        )


def _wanted(keywords: Sequence[str]) -> list[str]:
    if isinstance(keywords, str):
        raise InvalidInputError(f"keywords={keywords!r}: a list of names is needed")
    by_keyword: dict[str, list[str]] = {}
    for name, meta in COLUMNS.items():
        if name not in ("manufacturer_original", "series_hash"):
            by_keyword.setdefault(meta["keyword"], []).append(name)
    allowed = [*by_keyword, *(name for name in COLUMNS if name != "series_hash")]
    wanted: list[str] = []
    for word in keywords:
        if word not in allowed:
            raise UnknownNameError(
                f"acquisition: {word!r} is not read from headers{nearest(word, allowed)} "
                f"(keywords: {', '.join(by_keyword)})"
            )
        wanted += [name for name in by_keyword.get(word, [word]) if name not in wanted]
    return wanted
