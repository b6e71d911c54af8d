"""Read an image and its mask into arrays, refusing what would give wrong features."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from causalimg.errors import GeometryError, ImageReadError, InvalidInputError
from causalimg.imaging.integrity import check_complete, lost_voxels
from causalimg.imaging.itk import captured_stderr

Direction = tuple[tuple[float, float, float], ...]
_IDENTITY: Direction = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@dataclass(frozen=True)
class ImageMask:
    """One image with one region of interest, on one grid.

    Parameters
    ----------
    image : ndarray, shape (z, y, x)
        Intensities, in the type of the file.
    mask : ndarray of bool, shape (z, y, x)
    spacing : tuple of float, (z, y, x) [mm]
        In the order of the array axes.
    origin : tuple of float, (x, y, z) [mm]
        Centre of voxel (0, 0, 0) in patient coordinates, as SimpleITK and DICOM give it.
    direction : 3 x 3 nested tuple
        Columns are the directions of the x, y and z index axes.
    case_id : str
    label : int
        Value of the region in the mask file.

    Raises
    ------
    GeometryError
        If the arrays differ in shape, are not 3-D, or the spacing is not positive.

    Examples
    --------
    >>> scan = ImageMask(np.zeros((4, 5, 6)), np.ones((4, 5, 6), dtype=bool), (2.0, 1.0, 1.0))
    >>> scan.n_voxels, scan.voxel_volume
    (120, 2.0)
    """

    image: np.ndarray
    mask: np.ndarray
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction: Direction = _IDENTITY
    case_id: str = ""
    label: int = 1

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape != self.mask.shape:
            raise GeometryError(
                f"case {self.case_id!r}: image of shape {self.image.shape} and mask of shape "
                f"{self.mask.shape}; both must be 3-D and equal"
            )
        if self.mask.dtype != bool:
            raise GeometryError(
                f"case {self.case_id!r}: the mask array is {self.mask.dtype}; it must be bool "
                "(compare the label image with the label)"
            )
        if len(self.spacing) != 3 or not all(step > 0 for step in self.spacing):
            raise GeometryError(
                f"case {self.case_id!r}: spacing {self.spacing}; three positive lengths [mm]"
            )

    @property
    def n_voxels(self) -> int:
        """Number of voxels in the region."""
        return int(self.mask.sum())

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel [mm^3]."""
        return float(np.prod(self.spacing))

    def bounds(self) -> tuple[tuple[int, int], ...]:
        """Return first and last-plus-one index of the region along z, y and x."""
        box = []
        for axis in range(3):
            others = tuple(k for k in range(3) if k != axis)
            hit = np.flatnonzero(self.mask.any(axis=others))
            if not len(hit):
                raise GeometryError(f"case {self.case_id!r}, column 'mask': the mask is empty")
            box.append((int(hit[0]), int(hit[-1]) + 1))
        return tuple(box)


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


def crop(
    scan: ImageMask,
    margin: int | tuple[int, int, int],
    *,
    whole_if_clipped: bool = False,
) -> ImageMask:
    """Cut to the box of the region plus a margin; the origin moves along.

    Parameters
    ----------
    scan : ImageMask
    margin : int or (z, y, x)
        Voxels kept around the box, as far as the image goes.
    whole_if_clipped : bool
        Keep an axis whole where the image ends inside the margin. A filter that wraps around
        (PyRadiomics' wavelets) then gives what it gives on the whole image.

    Examples
    --------
    >>> mask = np.zeros((9, 9, 9), dtype=bool)
    >>> mask[4, 4, 4:6] = True
    >>> small = crop(ImageMask(np.zeros((9, 9, 9)), mask, (1.0, 1.0, 1.0)), 1)
    >>> small.image.shape, small.origin
    ((3, 3, 4), (3.0, 3.0, 3.0))
    """
    margins = (margin, margin, margin) if isinstance(margin, int) else margin
    window, start = [], []
    for (first, stop), extra, length in zip(scan.bounds(), margins, scan.image.shape, strict=True):
        low, high = max(0, first - extra), min(length, stop + extra)
        if whole_if_clipped and (first - extra < 0 or stop + extra > length):
            low, high = 0, length
        window.append(slice(low, high))
        start.append(low)
    cut = tuple(window)
    return replace(
        scan,
        image=np.ascontiguousarray(scan.image[cut]),
        mask=np.ascontiguousarray(scan.mask[cut]),
        origin=_moved(scan, start),
    )


def pad(scan: ImageMask, width: int) -> ImageMask:
    """Add ``width`` voxels on every side: the edge intensities, outside the region."""
    return replace(
        scan,
        image=np.pad(scan.image, width, mode="edge"),
        mask=np.pad(scan.mask, width),
        origin=_moved(scan, [-width] * 3),
    )


def to_sitk(scan: ImageMask) -> tuple[Any, Any]:
    """Return image and mask (1 inside) as SimpleITK images."""
    import SimpleITK

    image = SimpleITK.GetImageFromArray(scan.image)
    mask = SimpleITK.GetImageFromArray(scan.mask.astype(np.uint8))
    for volume in (image, mask):
        volume.SetSpacing([float(step) for step in scan.spacing[::-1]])
        volume.SetOrigin([float(place) for place in scan.origin])
        volume.SetDirection(np.asarray(scan.direction).ravel().tolist())
    return image, mask


def _moved(scan: ImageMask, start: list[int]) -> tuple[float, float, float]:
    step = np.array(start[::-1]) * np.array(scan.spacing[::-1])
    x, y, z = np.asarray(scan.origin) + np.asarray(scan.direction) @ step
    return (float(x), float(y), float(z))


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
