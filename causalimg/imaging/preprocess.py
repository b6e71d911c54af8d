"""Preparing an image as PyRadiomics does: resampling around the region, and re-segmentation.

The grid of the resampled image starts at the corner of the old one, and only the region and some
voxels around it are computed. A spline needs the image around these, not all of it; so it is cut
first. The mask is resampled by nearest neighbour on its whole grid, since whether a voxel half-way
falls to one side or the other hangs on the last bit of its coordinate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from causalimg.errors import InvalidInputError
from causalimg.imaging.intensities import Intensities
from causalimg.imaging.volume import ImageMask, crop, to_sitk

INTERPOLATORS = (
    "sitkBSpline",
    "sitkNearestNeighbor",
    "sitkLinear",
    "sitkGaussian",
    "sitkLabelGaussian",
    "sitkHammingWindowedSinc",
    "sitkCosineWindowedSinc",
    "sitkWelchWindowedSinc",
    "sitkLanczosWindowedSinc",
    "sitkBlackmanWindowedSinc",
)
RESEGMENTATION = ("absolute", "relative", "sigma")
_SPLINE_REACH = 32


def resampled(
    scan: ImageMask,
    source: Intensities,
    spacing: Sequence[float],
    *,
    interpolator: str = "sitkBSpline",
    pad: int = 5,
) -> ImageMask:
    """Resample the region and what is around it.

    Parameters
    ----------
    scan : ImageMask
    source : Intensities
        The image of ``scan``, perhaps normalised.
    spacing : sequence of float, (z, y, x) [mm]
        0 keeps an axis; an axis along which the region is one voxel thick is kept too.
    interpolator : str
        SimpleITK's name.
    pad : int
        Voxels kept around the region, as far as the image goes.

    Returns
    -------
    ImageMask
        In the type of the source; whole numbers are rounded.

    Raises
    ------
    InvalidInputError
        If no voxel of the region is left.
    """
    bounds = scan.bounds()
    wanted = np.array(
        [
            new if new and stop - first > 1 else old
            for new, old, (first, stop) in zip(spacing, scan.spacing, bounds, strict=True)
        ]
    )
    old = np.array(scan.spacing)
    if np.allclose(old, wanted):
        near = crop(replace(scan, image=source.image), pad)
        return replace(near, image=source.of(near.image))
    ratio = old / wanted
    low = np.array([first for first, _ in bounds])
    high = np.array([stop for _, stop in bounds])
    length = np.array(scan.mask.shape)
    first = np.maximum(np.floor((low - 0.5) * ratio - pad), 0)
    last = np.minimum(np.ceil((high - 0.5) * ratio + pad), np.ceil(length * ratio) - 1)
    size = (last - first + 1).astype(int)
    start = 0.5 * (wanted - old) / old + first / ratio
    return _on_grid(scan, source, interpolator, start, size, wanted)


def _on_grid(
    scan: ImageMask,
    source: Intensities,
    interpolator: str,
    start: np.ndarray,
    size: np.ndarray,
    spacing: np.ndarray,
) -> ImageMask:
    """Resample onto a grid that starts at a continuous index (z, y, x) of the scan."""
    import SimpleITK

    _, mask = to_sitk(replace(scan, image=scan.mask.view(np.uint8)))
    origin = mask.TransformContinuousIndexToPhysicalPoint(start[::-1].tolist())
    part, values = scan, source.image
    if interpolator == "sitkBSpline":
        end = start + (size - 1) * spacing / np.array(scan.spacing)
        part = _window(scan, start - _SPLINE_REACH, end + _SPLINE_REACH)
        values = part.image
    image, _ = to_sitk(replace(part, image=source.of(values), mask=part.mask))
    resampler = SimpleITK.ResampleImageFilter()
    resampler.SetOutputSpacing(spacing[::-1].tolist())
    resampler.SetOutputDirection(np.asarray(scan.direction).ravel().tolist())
    resampler.SetSize(size[::-1].tolist())
    resampler.SetOutputOrigin(origin)
    resampler.SetInterpolator(getattr(SimpleITK, interpolator))
    new_image = _array(resampler.Execute(image))
    resampler.SetInterpolator(SimpleITK.sitkNearestNeighbor)
    new_mask = _array(resampler.Execute(mask)) == 1
    if not new_mask.any():
        raise InvalidInputError(
            f"case {scan.case_id!r}, column 'mask': no voxel of the region is left after "
            f"resampling to {spacing.tolist()} (z, y, x) [mm]; take a finer spacing"
        )
    z, y, x = (float(step) for step in spacing)
    return replace(
        scan,
        image=new_image,
        mask=new_mask,
        spacing=(z, y, x),
        origin=(float(origin[0]), float(origin[1]), float(origin[2])),
    )


def _window(scan: ImageMask, low: np.ndarray, high: np.ndarray) -> ImageMask:
    """Cut a scan to the voxels between two continuous indices."""
    first = np.clip(np.floor(low).astype(int), 0, np.array(scan.mask.shape) - 1)
    stop = np.clip(np.ceil(high).astype(int) + 1, first + 1, scan.mask.shape)
    cut = tuple(slice(a, b) for a, b in zip(first, stop, strict=True))
    step = first[::-1] * np.array(scan.spacing[::-1])
    x, y, z = np.asarray(scan.origin) + np.asarray(scan.direction) @ step
    return replace(
        scan,
        image=np.ascontiguousarray(scan.image[cut]),
        mask=np.ascontiguousarray(scan.mask[cut]),
        origin=(float(x), float(y), float(z)),
    )


def _array(image: Any) -> np.ndarray:
    import SimpleITK

    return np.asarray(SimpleITK.GetArrayFromImage(image))


def kept_by_range(
    values: np.ndarray, limits: Sequence[float], *, mode: str = "absolute", case_id: str = ""
) -> np.ndarray:
    """Say which voxels of a region stay in it (re-segmentation).

    Parameters
    ----------
    values : ndarray, shape (n_voxels,)
        Intensities of the region.
    limits : one or two floats
        Lowest and, if given, highest intensity that stays.
    mode : {"absolute", "relative", "sigma"}
        The limits are intensities, shares of the highest intensity of the region, or numbers of
        standard deviations from its mean.
    case_id : str

    Returns
    -------
    ndarray of bool, shape (n_voxels,)

    Raises
    ------
    InvalidInputError
        If fewer than two voxels stay.

    Examples
    --------
    >>> kept_by_range(np.array([1, 5, 9]), [0.5, 1.0], mode="relative")
    array([False,  True,  True])
    """
    ends: list[Any] = sorted(float(limit) for limit in limits)
    if mode == "relative":
        highest = values.max()
        ends = [highest * limit for limit in ends]
    elif mode == "sigma":
        mean, spread = np.mean(values), np.std(values)
        ends = [mean + spread * limit for limit in ends]
    kept: np.ndarray = values >= ends[0]
    if len(ends) == 2:
        kept &= values <= ends[1]
    if int(kept.sum()) < 2:
        raise InvalidInputError(
            f"case {case_id!r}, column 'mask': re-segmentation to {list(limits)} ({mode}) keeps "
            f"{int(kept.sum())} of {len(values)} voxels, whose intensities go from "
            f"{float(values.min()):g} to {float(values.max()):g}; at least 2 are needed"
        )
    return kept
