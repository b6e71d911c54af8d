"""The native engine: PyRadiomics' features from NumPy and SciPy alone, around the region only.

It reads from the image what the region and its filters need, finds the voxels of the region once,
and shares their neighbours and grey levels between the features of an image type. Nothing is
compiled and nothing is warmed up.

Where it differs from PyRadiomics on purpose:

- A mask that covers the whole image is computed; PyRadiomics says that it holds no label.
- The Laplacian of Gaussian sees the image up to 20 sigma around the region (what is further away
  changes the response by less than 10^-11 of the intensities); some voxels in ten thousand differ
  in the last bit of single precision.
- MCC and Imc2 of a direction whose grey levels are independent are 0; PyRadiomics takes the square
  root of what rounding leaves of 0, which may be NaN and then drops out of its mean.
- Where an entropy is 0, PyRadiomics gives -3e-16.
- Eigenvalues of the voxel covariance below 0 (rounding, flat regions) are 0 and no NaN.
- A filter that PyRadiomics leaves out with a warning (an image too small for the Laplacian of
  Gaussian) is an error.

What it does as PyRadiomics does, although one might wish otherwise: after re-segmentation the
mask for shape is cut to the box of the re-segmented one; a resampled image is kept for five voxels
around the region, and filters see no further.

References
----------
van Griethuysen JJM et al. Computational radiomics system to decode the radiographic phenotype.
Cancer Research 2017. https://doi.org/10.1158/0008-5472.CAN-17-0339
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from causalimg.errors import InvalidInputError
from causalimg.imaging.intensities import Intensities
from causalimg.imaging.itk import one_thread
from causalimg.imaging.preprocess import kept_by_range, resampled
from causalimg.imaging.volume import ImageMask
from causalimg.radiomics import firstorder, shape, shape2d
from causalimg.radiomics.discretise import grey_levels
from causalimg.radiomics.filters import Box
from causalimg.radiomics.image_types import image_types
from causalimg.radiomics.region import Region
from causalimg.radiomics.settings import ExtractionSettings
from causalimg.radiomics.texture import Texture

_VERSION = "2"
_PADDING = 5


class NativeEngine:
    """Compute features without PyRadiomics, with its values.

    Parameters
    ----------
    settings : ExtractionSettings
        In the mode ``ibsi`` the features and rules are those of `causalimg.radiomics.ibsi`, for
        filtered images those of `causalimg.radiomics.ibsi_filtered`.

    Examples
    --------
    >>> image = np.arange(216.0).reshape(6, 6, 6)
    >>> mask = np.zeros((6, 6, 6), dtype=bool)
    >>> mask[1:5, 1:5, 1:5] = True
    >>> engine = NativeEngine(ExtractionSettings.of())
    >>> found = engine.compute(ImageMask(image, mask, (1.0, 1.0, 1.0)))
    >>> len(found), found["original_firstorder_Mean"]
    (107, 107.5)
    """

    name = "native"

    def __init__(self, settings: ExtractionSettings) -> None:
        self.settings = settings

    @staticmethod
    def version() -> str:
        """Return the version of the rules that the values follow; part of the cache key."""
        return _VERSION

    def compute(self, scan: ImageMask) -> dict[str, float]:
        """Return the features of one region, by PyRadiomics' names, in a fixed order.

        Raises
        ------
        InvalidInputError
            Saying why, and for which case.
        """
        if self.settings.mode == "ibsi" and self.settings.ibsi is not None:
            from causalimg.radiomics.ibsi_filtered import compute_types

            return compute_types(scan, self.settings, self.settings.ibsi)
        ready = self._prepare(scan)
        found = self._shape(ready)
        wanted = {
            family: names
            for family, names in self.settings.feature_classes.items()
            if not family.startswith("shape")
        }
        if not wanted:
            return found
        region = Region.of(ready.mask, reach=max(self.settings.distances))
        texture = Texture(region, ready.spacing, self.settings)
        volume = float(np.prod(ready.spacing))
        for kind, values, options in image_types(
            ready.source,
            ready.mask,
            ready.box,
            ready.spacing,
            self.settings,
            case_id=scan.case_id,
        ):
            width, count = self._bins(options)
            levels = grey_levels(values, bin_width=width, bin_count=count)
            families = texture.features(levels, tuple(wanted))
            if "firstorder" in wanted:
                families["firstorder"] = firstorder.features(
                    values, levels, voxel_volume=volume, shift=self.settings.array_shift
                )
            for family, names in wanted.items():
                for name in names:
                    found[f"{kind}_{family}_{name}"] = families[family][name]
        return found

    def _bins(self, options: dict[str, float]) -> tuple[float | None, int | None]:
        """Return width and count of the bins: those of the image type come first."""
        if "bin_count" in options:
            return None, int(options["bin_count"])
        if "bin_width" in options and self.settings.bin_count is None:
            return float(options["bin_width"]), None
        return self.settings.bin_width, self.settings.bin_count

    def _prepare(self, scan: ImageMask) -> _Ready:
        """Normalise, resample, check, re-segment, and cut to the region."""
        settings = self.settings
        source = Intensities(scan.image)
        if settings.normalize:
            source = Intensities.normalised(
                scan.image,
                scale=settings.normalize_scale,
                clip=settings.remove_outliers,
                case_id=scan.case_id,
            )
        if settings.resample is not None:
            with one_thread():
                scan = resampled(
                    scan,
                    source,
                    settings.resample,
                    interpolator=settings.interpolator,
                    pad=_PADDING if settings.margin is None else settings.margin,
                )
            source = Intensities(scan.image)
        bounds = scan.bounds()
        box: Box = (bounds[0], bounds[1], bounds[2])
        mask = scan.mask[_slices(box)]
        self._check(mask, scan.case_id)
        shape_mask = mask
        if settings.resegment_range is not None:
            kept = kept_by_range(
                source.window(_slices(box))[mask],
                settings.resegment_range,
                mode=settings.resegment_mode,
                case_id=scan.case_id,
            )
            left = np.zeros_like(mask)
            left[mask] = kept
            inner = replace(scan, image=left, mask=left).bounds()
            cut = _slices((inner[0], inner[1], inner[2]))
            shape_mask = (left if settings.resegment_shape else mask)[cut]
            mask = left[cut]
            self._check(mask, scan.case_id)
            z, y, x = (
                (outer[0] + first, outer[0] + stop)
                for outer, (first, stop) in zip(box, inner, strict=True)
            )
            box = (z, y, x)
        return _Ready(source, mask, box, shape_mask, scan.spacing)

    def _check(self, mask: np.ndarray, case_id: str) -> None:
        """Refuse a region that is too small; the mask is cut to its box."""
        where = f"case {case_id!r}, column 'mask'"
        thick = sum(length > 1 for length in mask.shape)
        n_voxels = int(mask.sum())
        if n_voxels == 1:
            raise InvalidInputError(
                f"{where}: the region is a single voxel (1 voxel), which has no texture; "
                "check the mask, or leave the case out"
            )
        if thick < self.settings.minimum_dimensions:
            raise InvalidInputError(
                f"{where}: the region ({n_voxels} voxels) is more than one voxel long along "
                f"{thick} axes only; minimum_dimensions={self.settings.minimum_dimensions}"
            )
        least = self.settings.minimum_voxels
        if least is not None and n_voxels <= least:
            raise InvalidInputError(
                f"{where}: the region has {n_voxels} voxels, and more than "
                f"minimum_voxels={least} are asked for"
            )

    def _shape(self, ready: _Ready) -> dict[str, float]:
        """Return the shape features that are wanted."""
        found: dict[str, float] = {}
        chosen = self.settings.feature_classes
        if "shape" in chosen:
            solid = shape.features(ready.shape_mask, ready.spacing)
            found.update((f"original_shape_{name}", solid[name]) for name in chosen["shape"])
        if "shape2D" in chosen:
            axis = self.settings.force_2d_dimension
            if not self.settings.force_2d or ready.shape_mask.shape[axis] != 1:
                raise InvalidInputError(
                    "feature_classes: 'shape2D' needs force_2d=True and a region of one slice; "
                    f"this one has {ready.shape_mask.shape[axis]}"
                )
            kept = [k for k in range(3) if k != axis]
            plane = shape2d.features(
                ready.shape_mask.take(0, axis=axis),
                (ready.spacing[kept[0]], ready.spacing[kept[1]]),
            )
            found.update((f"original_shape2D_{name}", plane[name]) for name in chosen["shape2D"])
        return found


@dataclass(frozen=True)
class _Ready:
    """A region, prepared: where it lies, and the image around it."""

    source: Intensities
    mask: np.ndarray
    box: Box
    shape_mask: np.ndarray
    spacing: tuple[float, float, float]


def _slices(box: Box) -> tuple[slice, slice, slice]:
    (z0, z1), (y0, y1), (x0, x1) = box
    return slice(z0, z1), slice(y0, y1), slice(x0, x1)
