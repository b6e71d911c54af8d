"""What the headers of a cohort's DICOM files say is wrong, before a voxel is read."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from causalimg.errors import CausalImgError, ImageReadError
from causalimg.imaging.dicom_file import (
    SEGMENTATION,
    STRUCTURE_SET,
    dicom_border,
    is_dicom,
    open_dicom,
    value,
)
from causalimg.parallel import Failure, ordered_map
from causalimg.tables.cohort import Cohort

_REGIONS = {
    STRUCTURE_SET: ("StructureSetROISequence", "ROINumber", "ROIName", "RTSTRUCT", "ROI"),
    **dict.fromkeys(
        SEGMENTATION, ("SegmentSequence", "SegmentNumber", "SegmentLabel", "SEG", "segment")
    ),
}


def header_problems(cohort: Cohort, *, n_jobs: int = 1) -> pd.DataFrame:
    """Return what is wrong with DICOM series and with the choice of regions in DICOM masks.

    Several series where none is chosen, missing or doubled slices, mixed orientations, a region
    whose name is not there. Files that do not exist are left to `Cohort.problems`.

    Parameters
    ----------
    cohort : Cohort
    n_jobs : int

    Returns
    -------
    pandas.DataFrame
        ``case_id, column, problem``, one row each.

    Examples
    --------
    >>> import tempfile
    >>> from causalimg.datasets import phantom_cohort
    >>> cohort = phantom_cohort(tempfile.mkdtemp(), n_patients=1, size=16)
    >>> len(header_problems(cohort))
    0
    """
    frame = cohort.frame
    rows = []
    for k, case_id in enumerate(frame["case_id"]):
        chosen = _text(frame, "series_uid", k), _text(frame, "roi", k)
        label = None
        if "label" in frame.columns and not pd.isna(frame["label"].iloc[k]):
            label = int(frame["label"].iloc[k])
        for column in ("image", "mask"):
            path = cohort.folder / str(frame[column].iloc[k])
            if path.is_dir() or (path.is_file() and is_dicom(path)):
                rows.append((str(case_id), column, path, *chosen, label))
    found = ordered_map(_check, rows, n_jobs=n_jobs, labels=[row[0] for row in rows])
    listed = [
        (row[0], row[1], one.reason)
        for row, one in zip(rows, found, strict=True)
        if isinstance(one, Failure)
    ]
    return pd.DataFrame(listed, columns=["case_id", "column", "problem"])


def _text(frame: pd.DataFrame, column: str, k: int) -> str | None:
    if column not in frame.columns or pd.isna(frame[column].iloc[k]):
        return None
    return str(frame[column].iloc[k]).strip() or None


def _check(row: tuple[str, str, Path, str | None, str | None, int | None]) -> None:
    """Raise what the reader would raise for the headers alone."""
    _, column, path, series, roi, label = row
    try:
        if column == "image":
            from causalimg.imaging.dicom_series import choose_series
            from causalimg.imaging.dicom_stack import stack

            found = choose_series(path, series, where=column)
            stack(found.slices, where=column, slice_tolerance=0.05)
        else:
            _check_region(path, roi, label)
    except CausalImgError as error:
        raise type(error)(str(error).removeprefix(f"{column}: ")) from error


def _check_region(path: Path, roi: str | None, label: int | None) -> None:
    from causalimg.imaging.read import only_mask
    from causalimg.imaging.rtstruct import choose

    file = only_mask(path, "mask") if path.is_dir() else path
    if not is_dicom(file):
        return
    sequences = [layout[0] for layout in _REGIONS.values()]
    header = open_dicom(file, where="mask", tags=["SOPClassUID", *sequences])
    with dicom_border("mask", file.name):
        layout = _REGIONS.get(value(header, "SOPClassUID", str, ""))
        if layout is None:
            raise ImageReadError(f"{file.name} is a DICOM object, but neither SEG nor RTSTRUCT")
        sequence, number, name, kind, one = layout
        present = {
            int(entry[number].value): str(entry.get(name) or "").strip()
            for entry in header.get(sequence) or []
        }
    choose(present, roi, label, what=f"{file.name} ({kind})", kind=one, where="mask")
