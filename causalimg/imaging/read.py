"""Read an image and its mask into arrays, refusing what would give wrong features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from causalimg.errors import GeometryError, ImageReadError, InvalidInputError
from causalimg.imaging.integrity import check_complete, lost_voxels
from causalimg.imaging.itk import captured_stderr
from causalimg.imaging.volume import ImageMask


def read_image_mask(
    image_path: str | Path,
    mask_path: str | Path,
    *,
    case_id: str = "",
    label: int | None = None,
    tolerance: float = 1e-4,
) -> ImageMask:
    """Read an image and a mask (NIfTI, NRRD, MHA) and check that they belong together.

    Parameters
    ----------
    image_path, mask_path : str or Path
    case_id : str
        For the messages.
    label : int, optional
        Value of the region in the mask. None takes the only value that is not zero.
    tolerance : float
        Largest difference between the two grids: a share of a voxel for spacing and origin,
        an absolute difference for the direction cosines.

    Returns
    -------
    ImageMask

    Raises
    ------
    ImageReadError
        If a file is missing, truncated or not an image.
    GeometryError
        If the mask lies on another grid, is empty, or lacks the label; if it holds several labels
        and none was asked for.
    InvalidInputError
        If voxels inside the region are NaN or infinite.
    """
    image = _read(Path(image_path), case_id, "image")
    labels = _read(Path(mask_path), case_id, "mask")
    _check_grid(image, labels, case_id, tolerance)
    values = _array(image, Path(image_path))
    chosen, mask = _region(_array(labels, Path(mask_path)), case_id, label)
    inside = values[mask]
    if inside.dtype.kind == "f":
        bad = int((~np.isfinite(inside)).sum())
        if bad:
            raise InvalidInputError(
                f"case {case_id!r}, column 'image': {bad} of {inside.size} voxels inside the mask "
                "are NaN or infinite; repair the image or leave them out of the mask"
            )
    cosines = np.asarray(image.GetDirection()).reshape(3, 3)
    step, place = image.GetSpacing(), image.GetOrigin()
    return ImageMask(
        image=values,
        mask=mask,
        spacing=(float(step[2]), float(step[1]), float(step[0])),
        origin=(float(place[0]), float(place[1]), float(place[2])),
        direction=tuple((float(a), float(b), float(c)) for a, b, c in cosines),
        case_id=case_id,
        label=chosen,
    )


def _read(path: Path, case_id: str, column: str) -> Any:
    import SimpleITK

    where = f"case {case_id!r}, column {column!r}"
    if not path.is_file():
        seen = "it is a folder" if path.is_dir() else f"looked in {path.parent.name or '.'}/"
        raise ImageReadError(f"{where}: there is no file {path.name} ({seen})")
    check_complete(path, what=where)
    caught: list[str] = []
    try:
        with captured_stderr() as caught:
            volume = SimpleITK.ReadImage(str(path))
    except RuntimeError as error:
        lines = [line for line in (*str(error).splitlines(), *caught) if line.strip()]
        raise ImageReadError(
            f"{where}: {path.name} is truncated, damaged or not an image that can be read "
            f"(NIfTI, NRRD, MHA): {lines[-1].split('ERROR: ')[-1].strip()}"
        ) from error
    if volume.GetDimension() == 4 and volume.GetSize()[3] == 1:
        volume = volume[:, :, :, 0]
    if volume.GetDimension() != 3 or volume.GetNumberOfComponentsPerPixel() != 1:
        raise GeometryError(
            f"{where}: {path.name} has size {volume.GetSize()} and "
            f"{volume.GetNumberOfComponentsPerPixel()} values a voxel; "
            "a 3-D volume with one value a voxel is needed"
        )
    return volume


def _array(volume: Any, path: Path) -> np.ndarray:
    """Return the voxels, with the NaN and infinite ones that a NIfTI file holds put back."""
    import SimpleITK

    array = np.asarray(SimpleITK.GetArrayFromImage(volume))
    if array.dtype.kind == "f":
        lost = lost_voxels(path, array.shape)
        if lost is not None:
            places, values = lost
            array.flat[places] = values
    return array


def _check_grid(image: Any, mask: Any, case_id: str, tolerance: float) -> None:
    """Compare size, spacing, direction and origin, in that order."""
    where = f"case {case_id!r}, column 'mask'"
    advice = "resample the mask onto the image's grid"
    if image.GetSize() != mask.GetSize():
        raise GeometryError(
            f"{where}: the mask's size is {mask.GetSize()} and the image's {image.GetSize()} "
            f"(x, y, z); {advice}"
        )
    step = np.asarray(image.GetSpacing())
    for name, one, other, limit in (
        ("spacing", image.GetSpacing(), mask.GetSpacing(), tolerance * step),
        ("direction", image.GetDirection(), mask.GetDirection(), tolerance),
        ("origin", image.GetOrigin(), mask.GetOrigin(), tolerance * step.min()),
    ):
        if np.any(np.abs(np.subtract(one, other)) > limit):
            raise GeometryError(
                f"{where}: the mask's {name} is {_shown(other)} and the image's {_shown(one)}"
                f"{'' if name == 'direction' else ' [mm]'}; {advice}, "
                f"or raise the tolerance (now {tolerance:g}) if the two mean the same"
            )


def _shown(numbers: Any) -> str:
    return "(" + ", ".join(f"{float(number):.6g}" for number in numbers) + ")"


def _region(labels: np.ndarray, case_id: str, label: int | None) -> tuple[int, np.ndarray]:
    """Return the label and where it is."""
    where = f"case {case_id!r}, column 'mask'"
    present = _present(labels, where)
    if not present:
        raise GeometryError(f"{where}: the mask is empty (no voxel differs from 0)")
    shown = ", ".join(map(str, present[:10])) + (", ..." if len(present) > 10 else "")
    if label is None:
        if len(present) > 1:
            raise GeometryError(
                f"{where}: the mask holds the labels {shown}; say which one, "
                "in the column 'label' or with label="
            )
        label = present[0]
    elif label not in present:
        raise GeometryError(f"{where}: there is no label {label} in the mask (there are: {shown})")
    return label, labels == label


def _present(labels: np.ndarray, where: str) -> list[int]:
    """List the values that are not zero."""
    if labels.dtype == np.uint8:
        found = np.flatnonzero(np.bincount(labels.ravel(), minlength=1))
    else:
        found = np.unique(labels[labels != 0])
    if not np.all(np.isfinite(found)) or np.any(found != np.rint(found)):
        raise GeometryError(
            f"{where}: the mask holds values that are not whole numbers "
            f"({_shown(found[:4])}); is it a probability map or an image?"
        )
    return [int(value) for value in found if value != 0]
