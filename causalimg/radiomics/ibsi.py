"""The `ibsi` mode: preparation and features as the Image Biomarker Standardisation Initiative says.

In this order: resample image and mask to a centre-aligned grid; round; take the region as
*morphological mask* (shape, distances to the edge) and, after re-segmentation by range and by
outliers, as *intensity mask* (everything else); discretise from the lower end of the range; count;
aggregate.

Where the `pyradiomics` mode differs: its grid is aligned to a corner, its mask is resampled by
nearest neighbour, its bins start at a multiple of their width, re-segmentation also cuts the shape,
kurtosis has no 3 subtracted, axis lengths use the population covariance.

References
----------
Zwanenburg A et al. The Image Biomarker Standardization Initiative. Radiology 2020.
https://doi.org/10.1148/radiol.2020191145
Zwanenburg A et al. Image biomarker standardisation initiative, reference manual.
https://doi.org/10.48550/arXiv.1612.07003
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from causalimg.errors import InvalidInputError, UnknownNameError, nearest
from causalimg.imaging.ibsi_grid import resample_centred
from causalimg.imaging.volume import ImageMask, crop
from causalimg.radiomics.histogram import histogram_features
from causalimg.radiomics.ibsi_levels import grey_levels, intensity_grid
from causalimg.radiomics.ibsi_morphology import (
    axis_features,
    intensity_features,
    surface_features,
)
from causalimg.radiomics.ibsi_names import FAMILIES, IBSI_FEATURES
from causalimg.radiomics.ibsi_settings import IbsiSettings
from causalimg.radiomics.ibsi_texture import TEXTURE, texture_features
from causalimg.radiomics.intensity import statistics
from causalimg.radiomics.ivh import ivh_features
from causalimg.radiomics.local_intensity import PEAK_RADIUS, local_intensity_features
from causalimg.radiomics.spatial import autocorrelation


@dataclass(frozen=True)
class Prepared:
    """A scan on the new grid, with its two masks and its grey levels.

    Parameters
    ----------
    scan : ImageMask
        Resampled image and morphological mask, cut to the region and what the local intensity
        reaches around it.
    intensity_mask : ndarray of bool, shape (z, y, x)
        What re-segmentation has left of the region.
    """

    scan: ImageMask
    intensity_mask: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """Intensities inside the intensity mask, shape (n_voxels,)."""
        return np.asarray(self.scan.image[self.intensity_mask], dtype=np.float64)


def prepare(
    scan: ImageMask,
    settings: IbsiSettings,
    *,
    whole: bool = False,
    margin: float = PEAK_RADIUS,
) -> Prepared:
    """Resample, round and re-segment.

    Parameters
    ----------
    scan : ImageMask
        The whole image: the new grid shares its centre.
    settings : IbsiSettings
    whole : bool
        Keep the whole image, not only what the features need.
    margin : float [mm]
        What the features need around the region.

    Raises
    ------
    GeometryError
        If nothing of the region is left on the new grid.
    InvalidInputError
        If re-segmentation leaves nothing, or voxels that interpolation needs are NaN or infinite.

    Examples
    --------
    >>> image = np.array([[[0.0, 10.0, 20.0, 500.0]]])
    >>> scan = ImageMask(image, image >= 0, (1.0, 1.0, 1.0))
    >>> prepare(scan, IbsiSettings(bin_width=5.0, range=(0.0, 100.0))).values
    array([ 0., 10., 20.])
    """
    if settings.spacing is not None:
        scan = resample_centred(
            scan,
            settings.spacing,
            image_interpolation=settings.interpolation,
            mask_threshold=settings.mask_threshold,
            round_intensities=settings.round_intensities,
            margin=None if whole else margin,
        )
    else:
        if not whole:
            z, y, x = (math.ceil(margin / step) for step in scan.spacing)
            scan = crop(scan, (z, y, x))
        if settings.round_intensities:
            scan = replace(scan, image=np.rint(scan.image))
    return Prepared(scan, _intensity_mask(scan, settings))


def _intensity_mask(scan: ImageMask, settings: IbsiSettings) -> np.ndarray:
    """Take out of the region what lies outside the range or is an outlier of the whole region."""
    kept = scan.mask.copy()
    inside = scan.image[scan.mask].astype(np.float64)
    limits = [(-math.inf, math.inf) if settings.range is None else settings.range]
    if settings.outlier_sigma is not None:
        reach = settings.outlier_sigma * float(inside.std())
        limits.append((float(inside.mean()) - reach, float(inside.mean()) + reach))
    for low, high in limits:
        kept &= (scan.image >= low) & (scan.image <= high)
    if not kept.any():
        raise InvalidInputError(
            f"case {scan.case_id!r}, column 'mask': none of the {inside.size} voxels, with "
            f"intensities from {inside.min():g} to {inside.max():g}, is left by re-segmentation "
            f"to {' and '.join(f'[{low:g}, {high:g}]' for low, high in limits)}; widen the range"
        )
    return kept


def compute(
    scan: ImageMask, settings: IbsiSettings, *, families: Sequence[str] | None = None
) -> dict[str, float]:
    """Return the features of one region, by the names of `ibsi_names`.

    Parameters
    ----------
    scan : ImageMask
        The whole image with its mask: where the new grid lies follows from the image's extent.
    settings : IbsiSettings
    families : sequence of str, optional
        Of `ibsi_names.FAMILIES`. None: all.

    Returns
    -------
    dict of str to float
        In an order that depends on the settings only; NaN where a feature is not defined (the
        flatness of one voxel).

    Raises
    ------
    GeometryError, InvalidInputError
        As `prepare` and `grey_levels`.
    UnknownNameError
        If there is no such family.

    Examples
    --------
    >>> mask = np.zeros((6, 6, 6), dtype=bool)
    >>> mask[1:5, 1:5, 1:5] = True
    >>> scan = ImageMask(np.arange(216.0).reshape(6, 6, 6), mask, (1.0, 1.0, 1.0))
    >>> found = compute(scan, IbsiSettings(bin_count=8))
    >>> len(found), found["statistics_mean"], found["morphology_volume_voxel_counting"]
    (210, 107.5, 64.0)
    """
    wanted = FAMILIES if families is None else tuple(families)
    for family in wanted:
        if family not in FAMILIES:
            raise UnknownNameError(
                f"no feature family is called {family!r}{nearest(family, FAMILIES)} "
                f"(there are: {', '.join(FAMILIES)})"
            )
    return features_of(prepare(scan, settings), settings, wanted)


def features_of(ready: Prepared, settings: IbsiSettings, wanted: Sequence[str]) -> dict[str, float]:
    """Return the features of some families of a prepared scan, by the names of `ibsi_names`."""
    values = ready.values
    found: dict[str, float] = {}
    if "morphology" in wanted:
        found.update(_named("morphology", _morphology(ready)))
    if "local_intensity" in wanted:
        bright = replace(ready.scan, mask=ready.intensity_mask)
        found.update(_named("local_intensity", local_intensity_features(bright)))
    if "statistics" in wanted:
        found.update(_named("statistics", statistics(values)))
    if "ivh" in wanted:
        found.update(_named("ivh", ivh_features(intensity_grid(values, settings))))
    textures = [family for family in TEXTURE if family in wanted]
    if textures or "histogram" in wanted:
        levels, n_levels = grey_levels(values, settings, case_id=ready.scan.case_id)
        if "histogram" in wanted:
            found.update(_named("histogram", histogram_features(levels, n_levels=n_levels)))
        if textures:
            grid = np.zeros(ready.scan.mask.shape, dtype=np.int32)
            grid[ready.intensity_mask] = levels
            box = tuple(slice(first, stop) for first, stop in ready.scan.bounds())
            found.update(
                texture_features(
                    grid[box],
                    ready.scan.mask[box],
                    n_levels=n_levels,
                    aggregations=settings.aggregations,
                    families=textures,
                )
            )
    return {name: found[name] for name in IBSI_FEATURES if name in found}


def _morphology(ready: Prepared) -> dict[str, float]:
    box = tuple(slice(first, stop) for first, stop in ready.scan.bounds())
    region, spacing = ready.scan.mask[box], ready.scan.spacing
    image, intensity_mask = ready.scan.image[box], ready.intensity_mask[box]
    found = surface_features(region, spacing)
    volume, area = found["volume_mesh"], found["surface_area"]
    return {
        **found,
        **axis_features(region, spacing, volume=volume, area=area),
        **intensity_features(image, intensity_mask, region, spacing, volume=volume),
        **autocorrelation(image, intensity_mask, spacing),
    }


def _named(family: str, values: dict[str, float]) -> dict[str, float]:
    return {f"{family}_{name}": value for name, value in values.items()}
