"""A DICOM series as one volume: find its slices, sort them, refuse what is not a regular grid.

Values are the stored ones times RescaleSlope plus RescaleIntercept, slice by slice. PET series
are read in their own unit (mostly Bq/ml) unless standardised uptake values are asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from causalimg.errors import GeometryError, ImageReadError, UnknownNameError, nearest
from causalimg.imaging.dicom_file import (
    SUFFIXES,
    dicom_border,
    has_magic,
    open_dicom,
    value,
)
from causalimg.imaging.dicom_pixels import read_pixels
from causalimg.imaging.dicom_slice import TAGS, Slice, positions_along, slices_of
from causalimg.imaging.dicom_stack import stack
from causalimg.imaging.grid import Volume, check_finite
from causalimg.imaging.suv import suv_factor

_NOT_IMAGES = ("SEG", "RTSTRUCT", "RTDOSE", "RTPLAN", "RTRECORD", "SR", "PR", "KO", "REG", "DOC")


@dataclass(frozen=True)
class Series:
    """The slices of one series, in the order of the file names."""

    uid: str
    modality: str
    frame_of_reference: str
    slices: tuple[Slice, ...]
    files: tuple[Path, ...] = field(default=())

    def described(self) -> str:
        """Return the facts by which a person can tell series apart; no free text."""
        first = self.slices[0]
        facts = [self.modality or "no modality", f"{len(self.slices)} slices"]
        if first.spacing is not None:
            facts.append(f"pixels of {first.spacing[0]:.4g} x {first.spacing[1]:.4g} mm")
        gaps = np.diff(positions_along(self.slices))
        if len(gaps):
            facts.append(f"every {float(np.median(gaps)):.4g} mm")
        return f"{self.uid} ({', '.join(facts)})"


def list_series(path: Path, *, where: str) -> dict[str, Series]:
    """Return the image series of a folder, by UID; of a file, the series that it belongs to.

    Parameters
    ----------
    path : Path
        A folder (its subfolders are not looked at), or a DICOM file in it.
    where : str
        Case and column, for the messages.

    Raises
    ------
    ImageReadError
        If there is no DICOM image, or a file is damaged.
    """
    folder = path if path.is_dir() else path.parent
    wanted = None if path.is_dir() else _series_of(path, where)
    found: dict[str, list[tuple[Path, Any]]] = {}
    others: Counter[str] = Counter()
    for file in candidates(folder):
        try:
            header = open_dicom(file, where=where, tags=TAGS)
        except ImageReadError:
            if has_magic(file) or file.suffix.lower() in SUFFIXES:
                raise
            others["not DICOM"] += 1
            continue
        with dicom_border(where, file.name):
            modality = value(header, "Modality", str, "")
            if modality in _NOT_IMAGES or header.get("Rows") is None:
                if modality not in _NOT_IMAGES and "Image Storage" in header.SOPClassUID.name:
                    raise ImageReadError(
                        f"{where}: {file.name} is cut off in its header "
                        f"({file.stat().st_size} bytes); copy it again from its source"
                    )
                others[modality or "no image"] += 1
                continue
            uid = value(header, "SeriesInstanceUID", str, "")
        if wanted is None or uid == wanted:
            found.setdefault(uid, []).append((file, header))
    if not found:
        listed = ", ".join(f"{count} {kind}" for kind, count in sorted(others.items()))
        raise ImageReadError(
            f"{where}: there is no DICOM image in the folder {folder.name or '.'} "
            f"({listed or 'it holds no files'}; subfolders are not looked at)"
        )
    return {uid: _series(uid, members, where) for uid, members in sorted(found.items())}


def choose_series(path: Path, series: str | None, *, where: str) -> Series:
    """Return the series that is asked for, or the only one.

    Raises
    ------
    GeometryError
        If there are several and none was asked for; lists them.
    UnknownNameError
        If the one asked for is not there.
    """
    present = list_series(path, where=where)
    listed = "; ".join(one.described() for one in present.values())
    if series is not None:
        if series not in present:
            raise UnknownNameError(
                f"{where}: there is no series {series!r}{nearest(series, present)} in "
                f"{path.name} (there are: {listed})"
            )
        return present[series]
    if len(present) > 1:
        raise GeometryError(
            f"{where}: {path.name} holds {len(present)} series; say which one, in the column "
            f"'series_uid' or with series=: {listed}"
        )
    return next(iter(present.values()))


def candidates(folder: Path) -> list[Path]:
    """Return the files of a folder that may be DICOM, by name."""
    return [
        file
        for file in sorted(folder.iterdir())
        if file.is_file()
        and not file.name.startswith(".")
        and file.name.upper() != "DICOMDIR"
        and (_may_be(file.suffix) or has_magic(file))
    ]


def _may_be(suffix: str) -> bool:
    return suffix.lower() in SUFFIXES or suffix == "" or suffix[1:].isdigit()


def _series_of(path: Path, where: str) -> str:
    header = open_dicom(path, where=where, tags=("SOPClassUID", "SeriesInstanceUID", "Modality"))
    with dicom_border(where, path.name):
        modality = value(header, "Modality", str, "")
        if modality in _NOT_IMAGES:
            raise ImageReadError(
                f"{where}: {path.name} is a DICOM {modality} object, not an image; give the "
                "folder of the image series"
            )
        return value(header, "SeriesInstanceUID", str, "")


def _series(uid: str, members: Sequence[tuple[Path, Any]], where: str) -> Series:
    slices: list[Slice] = []
    instances: dict[str, Path] = {}
    for file, header in members:
        with dicom_border(where, file.name):
            instance = value(header, "SOPInstanceUID", str, "")
            if instance and instance in instances:
                raise GeometryError(
                    f"{where}: {file.name} and {instances[instance].name} are the same image "
                    "twice; remove the copy"
                )
            instances[instance] = file
            slices += slices_of(file, header, where)
    with dicom_border(where, members[0][0].name):
        header = members[0][1]
        return Series(
            uid=uid,
            modality=value(header, "Modality", str, ""),
            frame_of_reference=value(header, "FrameOfReferenceUID", str, ""),
            slices=tuple(slices),
            files=tuple(file for file, _ in members),
        )


def read_series(
    path: Path,
    *,
    series: str | None = None,
    where: str,
    slice_tolerance: float = 0.05,
    suv: str | None = None,
) -> Volume:
    """Read a DICOM series as one volume.

    Parameters
    ----------
    path : Path
        The folder of the series, or any of its files.
    series : str, optional
        SeriesInstanceUID, where the folder holds several.
    where : str
        Case and column, for the messages.
    slice_tolerance : float
        How far a slice may lie from its place in an even stack, as a share of the distance of two
        slices. Headers round positions, so this is not as small as the tolerance of two grids.
    suv : {"bw"}, optional
        Give a PET series as standardised uptake values (`causalimg.imaging.suv`), float32.

    Raises
    ------
    InvalidInputError
        If uptake values are asked for, and a field that they need is missing.
    ImageReadError
        If a file is damaged, or compressed in a way that cannot be decoded here.
    GeometryError
        If the slices are not one even stack: a slice is missing or there twice, orientations or
        sizes differ, distances differ, the stack is sheared (gantry tilt).
    """
    chosen = choose_series(path, series, where=where)
    slices, grid = stack(chosen.slices, where=where, slice_tolerance=slice_tolerance)
    check_finite(grid, where)
    factor = None if suv is None else suv_factor(chosen.files, where=where)
    voxels = read_pixels(slices, where)
    if factor is not None:
        voxels = (voxels * np.float64(factor)).astype(np.float32)
    return Volume(voxels, grid, chosen.frame_of_reference)
