"""Which files an image or a mask consists of: what a hash of it has to cover."""

from __future__ import annotations

import re
from pathlib import Path

from causalimg.errors import CausalImgError
from causalimg.imaging.dicom_file import is_dicom

_NAMED = re.compile(rb"^(?:ElementDataFile *=|data ?file:) *([^\r\n]+)", re.MULTILINE)


def source_files(path: str | Path, *, series: str | None = None) -> tuple[Path, ...]:
    """Return the files that are read for an image or a mask, sorted.

    Of a DICOM series all its slices (or all files of the folder, where the series cannot be told),
    of a header with detached voxels both files, else the file itself.

    Parameters
    ----------
    path : str or Path
        As in the columns ``image`` and ``mask`` of a cohort.
    series : str, optional
        SeriesInstanceUID.

    Returns
    -------
    tuple of Path
        Empty if there is nothing.
    """
    where = Path(path)
    if where.is_file() and not is_dicom(where):
        return (where, *_detached(where))
    if not where.exists():
        return ()
    from causalimg.imaging.dicom_series import choose_series

    try:
        return tuple(sorted(choose_series(where, series, where=where.name).files))
    except CausalImgError:  # not an image series, or one that the reader will name
        if where.is_file():
            return (where,)
        return tuple(sorted(file for file in where.iterdir() if file.is_file()))


def _detached(header: Path) -> list[Path]:
    """Return the file with the voxels of a header that has them elsewhere."""
    suffix = header.suffix.lower()
    if suffix in (".hdr", ".img"):
        other = [header.with_suffix(".img" if suffix == ".hdr" else ".hdr")]
    elif suffix in (".mhd", ".nhdr"):
        with open(header, "rb") as handle:
            named = _NAMED.search(handle.read(1 << 16))
        name = "" if named is None else named[1].strip().decode("utf-8", "replace")
        other = [header.parent / name] if name else []
    else:
        other = []
    return [file for file in other if "\0" not in str(file) and file.is_file()]
