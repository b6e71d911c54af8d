"""Read an image and its mask into arrays, refusing what would give wrong features."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from causalimg.errors import ImageReadError, InvalidInputError
from causalimg.imaging.dicom_file import (
    SEGMENTATION,
    STRUCTURE_SET,
    dicom_border,
    is_dicom,
    open_dicom,
    value,
)
from causalimg.imaging.grid import Volume, on_grid
from causalimg.imaging.itk_file import read_itk
from causalimg.imaging.labels import region_of
from causalimg.imaging.near_region import read_near
from causalimg.imaging.suv import check_suv
from causalimg.imaging.volume import ImageMask, cut
from causalimg.imaging.window import Reach


def read_image_mask(
    image_path: str | Path,
    mask_path: str | Path,
    *,
    case_id: str = "",
    label: int | None = None,
    roi: str | None = None,
    series: str | None = None,
    tolerance: float = 1e-4,
    slice_tolerance: float = 0.05,
    resample_mask: bool = False,
    reach: Reach | None = None,
    suv: str | None = None,
) -> ImageMask:
    """Read an image and a mask and check that they belong together.

    Parameters
    ----------
    image_path : str or Path
        NIfTI, NRRD, MHA, a 2-D image (it becomes one slice), the folder of a DICOM series, or any
        file of a DICOM series (all of that series is read).
    mask_path : str or Path
        NIfTI, NRRD, MHA; a DICOM SEG; an RTSTRUCT, which is rasterised on the grid of the image
        (`causalimg.imaging.rtstruct`); or a folder that holds exactly one of the latter two.
    case_id : str
        For the messages.
    label : int, optional
        Value of the region in the mask, SegmentNumber of a SEG, ROINumber of an RTSTRUCT. None
        takes the only one.
    roi : str, optional
        SegmentLabel of a SEG, or ROIName of an RTSTRUCT, exactly as it is written there.
    series : str, optional
        SeriesInstanceUID, where the image folder holds several series.
    tolerance : float
        Largest difference between the two grids: a share of a voxel for spacing and origin,
        an absolute difference for the direction cosines.
    slice_tolerance : float
        Largest distance of a DICOM slice from its place in an even stack, as a share of the
        distance of two slices.
    resample_mask : bool
        Give a mask on another grid to the image by nearest neighbour; False refuses it.
    reach : Reach, optional
        Keep of the image only what lies so far around the region, and read no more than that where
        the format allows it (NIfTI, NRRD and MHA, raw or deflated). A deflated file is then not
        inflated beyond the last slice needed, so the checksum at its end is not compared. None:
        all of the image.
    suv : {"bw"}, optional
        Turn a PET series [Bq/ml] into standardised uptake values by body weight [g/ml]; needs the
        weight, the dose, its half-life and times in the headers. None: the file's own unit.

    Returns
    -------
    ImageMask
        Where it was cut, the origin is that of the part.

    Raises
    ------
    ImageReadError
        If a file is missing, truncated or not an image.
    GeometryError
        If the mask lies on another grid, is empty, or lacks the label; if it holds several labels
        and none was asked for; if a DICOM series is not one even stack of slices.
    UnknownNameError
        If there is no such region or series; names the nearest.
    InvalidInputError
        If voxels inside the region are NaN or infinite.
    MissingDependencyError
        If a file is DICOM and pydicom is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from causalimg.datasets import phantom_cohort
    >>> cohort = phantom_cohort(tempfile.mkdtemp(), n_patients=1, size=16)
    >>> scan = read_image_mask(cohort.image_path("P0001"), cohort.mask_path("P0001"))
    >>> scan.image.shape == scan.mask.shape
    True
    """
    place, other = f"case {case_id!r}, column 'image'", f"case {case_id!r}, column 'mask'"
    if reach is not None and suv is None and _are_plain(image_path, mask_path, series, roi):
        near = read_near(
            Path(image_path),
            Path(mask_path),
            reach=reach,
            case_id=case_id,
            where=other,
            label=label,
            tolerance=tolerance,
        )
        if near is not None:
            _check_finite_inside(near.image, near.mask, place)
            return near
    image = read_volume(
        image_path, where=place, series=series, slice_tolerance=slice_tolerance, suv=suv
    )
    chosen, mask = _read_mask(
        Path(mask_path),
        image,
        where=other,
        label=label,
        roi=roi,
        tolerance=tolerance,
        resample=resample_mask,
    )
    _check_finite_inside(image.array, mask, place)
    scan = ImageMask(
        image=image.array,
        mask=mask,
        spacing=image.grid.spacing,
        origin=image.grid.origin,
        direction=image.grid.direction,
        case_id=case_id,
        label=chosen,
    )
    if reach is None:
        return scan
    return cut(scan, reach.window(scan.bounds(), mask.shape, scan.spacing))


def _are_plain(image: str | Path, mask: str | Path, series: str | None, roi: str | None) -> bool:
    """Say whether both are files that are not DICOM, and nothing of DICOM is asked for."""
    files = [Path(image), Path(mask)]
    return (
        series is None
        and roi is None
        and all(file.is_file() and not is_dicom(file) for file in files)
    )


def _check_finite_inside(image: np.ndarray, mask: np.ndarray, where: str) -> None:
    if image.dtype.kind != "f":
        return
    inside = image[mask]
    bad = int((~np.isfinite(inside)).sum())
    if bad:
        raise InvalidInputError(
            f"{where}: {bad} of {inside.size} voxels inside the mask "
            "are NaN or infinite; repair the image or leave them out of the mask"
        )


def read_volume(
    path: str | Path,
    *,
    where: str = "image",
    series: str | None = None,
    slice_tolerance: float = 0.05,
    suv: str | None = None,
) -> Volume:
    """Read an image of any format that `read_image_mask` knows.

    Parameters
    ----------
    path : str or Path
    where : str
        Case and column, for the messages.
    series, slice_tolerance, suv
        See `read_image_mask`.

    Raises
    ------
    ImageReadError, GeometryError, UnknownNameError, MissingDependencyError

    Examples
    --------
    >>> import tempfile
    >>> from causalimg.datasets import phantom_cohort
    >>> cohort = phantom_cohort(tempfile.mkdtemp(), n_patients=1, size=16)
    >>> read_volume(cohort.image_path("P0001")).array.shape[1:]
    (16, 16)
    """
    check_suv(suv)
    found = _existing(Path(path), where)
    if found.is_dir() or is_dicom(found):
        from causalimg.imaging.dicom_series import read_series

        return read_series(
            found, series=series, where=where, slice_tolerance=slice_tolerance, suv=suv
        )
    if suv is not None:
        raise InvalidInputError(
            f"{where}: suv={suv!r} needs the headers of a PET series, and {found.name} is not "
            "DICOM; convert it before, or leave suv out"
        )
    if series is not None:
        raise InvalidInputError(
            f"{where}: a series was asked for, and {found.name} is not DICOM; leave "
            "'series_uid' empty"
        )
    return read_itk(found, where=where)


def _existing(path: Path, where: str) -> Path:
    if not path.exists():
        raise ImageReadError(
            f"{where}: there is no file {path.name} (looked in {path.parent.name or '.'}/)"
        )
    return path


def _read_mask(
    path: Path,
    image: Volume,
    *,
    where: str,
    label: int | None,
    roi: str | None,
    tolerance: float,
    resample: bool,
) -> tuple[int, np.ndarray]:
    """Return the label and where it is, on the grid of the image."""
    found = _existing(path, where)
    if found.is_dir():
        found = only_mask(found, where)
    if is_dicom(found):
        return _dicom_mask(found, image, where, label, roi, tolerance, resample)
    if roi is not None:
        raise InvalidInputError(
            f"{where}: a region was asked for by name ({roi!r}), and {found.name} holds numbers "
            "only; choose with 'label' and leave 'roi' empty"
        )
    labels = read_itk(found, where=where)
    array = labels.array
    if image.grid.difference(labels.grid, tolerance) is not None:
        if resample:
            _, inside = region_of(array, where, label)
            label = int(array[inside][0])
            array = np.where(inside, label, 0).astype(np.uint8 if label < 256 else np.int32)
        array = on_grid(
            array, labels.grid, image.grid, where=where, tolerance=tolerance, resample=resample
        )
    return region_of(array, where, label)


def only_mask(folder: Path, where: str) -> Path:
    """Return the one DICOM file of a folder.

    Raises
    ------
    ImageReadError
        If there is none, or several.
    """
    files = [file for file in sorted(folder.iterdir()) if file.is_file() and is_dicom(file)]
    if len(files) != 1:
        raise ImageReadError(
            f"{where}: the folder {folder.name} holds {len(files)} DICOM files; give the mask's "
            "own file (SEG, RTSTRUCT, NIfTI, NRRD or MHA)"
        )
    return files[0]


def _dicom_mask(
    path: Path,
    image: Volume,
    where: str,
    label: int | None,
    roi: str | None,
    tolerance: float,
    resample: bool,
) -> tuple[int, np.ndarray]:
    from causalimg.imaging.dicom_seg import read_seg
    from causalimg.imaging.rtstruct import read_rtstruct

    dataset = open_dicom(path, where=where)
    with dicom_border(where, path.name):
        kind = value(dataset, "SOPClassUID", str, "")
        modality = value(dataset, "Modality", str, "")
    if kind == STRUCTURE_SET:
        return read_rtstruct(dataset, image, name=path.name, where=where, roi=roi, number=label)
    if kind in SEGMENTATION:
        return read_seg(
            dataset, image, name=path.name, where=where, roi=roi, number=label,
            tolerance=tolerance, resample=resample,
        )  # fmt: skip
    raise ImageReadError(
        f"{where}: {path.name} is a DICOM object of modality {modality or 'unknown'}, not a mask; "
        "give a SEG, an RTSTRUCT, or a label image as NIfTI, NRRD or MHA"
    )
