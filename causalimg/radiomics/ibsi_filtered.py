"""Filtered images in the `ibsi` mode: wavelets, Laplacian of Gaussian and the others.

The conventions, where the IBSI leaves a choice or this package takes another than its second part:

- The filters see the image after interpolation and rounding, and their responses are not rounded.
- The region is that of the plain image: re-segmentation by range and by outliers looks at the
  intensities as they were, not at responses.
- Filters and their borders are those of the mode ``pyradiomics``: the wavelets go on periodically
  (the IBSI mirrors the image), and the Laplacian of Gaussian is ITK's recursive one, multiplied by
  the square of sigma (the IBSI's is a convolution that is cut off at four sigma, and not scaled).
- Bins start at the lowest response (a range of intensities means nothing for responses), and
  ``bin_width`` or ``bin_count`` among the options of an image type comes before the general one.
  Responses have no unit of their own, so a fixed number of bins is the safer choice.
- The intensity-volume histogram has 1000 bins.
- Morphology and local intensity belong to the plain image only.

References
----------
Whybra P et al. The Image Biomarker Standardization Initiative: standardized convolutional filters
for reproducible radiomics and enhanced clinical insights. Radiology 2024.
https://doi.org/10.1148/radiol.231319
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from causalimg.imaging.intensities import Intensities
from causalimg.imaging.volume import ImageMask
from causalimg.radiomics.filters import Box
from causalimg.radiomics.ibsi import Prepared, compute, features_of, prepare
from causalimg.radiomics.ibsi_settings import IbsiSettings
from causalimg.radiomics.ibsi_texture import TEXTURE
from causalimg.radiomics.image_types import image_types
from causalimg.radiomics.reach import filters_reach
from causalimg.radiomics.settings import ExtractionSettings

FILTERED_FAMILIES = ("statistics", "histogram", "ivh", *TEXTURE)


def compute_types(
    scan: ImageMask, settings: ExtractionSettings, own: IbsiSettings
) -> dict[str, float]:
    """Return the features of a region in every image type of the settings.

    Parameters
    ----------
    scan : ImageMask
    settings : ExtractionSettings
        Its image types (and ``force_2d``) are used.
    own : IbsiSettings

    Returns
    -------
    dict of str to float
        The plain image's by the names of `ibsi_names`, the others' after the name of the image
        type, ``wavelet-LLH_statistics_mean``.

    Raises
    ------
    GeometryError, InvalidInputError
        As `causalimg.radiomics.ibsi.compute`.

    Examples
    --------
    >>> mask = np.zeros((8, 8, 8), dtype=bool)
    >>> mask[2:6, 2:6, 2:6] = True
    >>> scan = ImageMask(np.arange(512.0).reshape(8, 8, 8), mask, (1.0, 1.0, 1.0))
    >>> own = IbsiSettings(bin_count=8)
    >>> found = compute_types(
    ...     scan, ExtractionSettings.of(image_types=["square"], mode="ibsi", ibsi=own), own
    ... )
    >>> round(found["square_statistics_maximum"], 3)
    260.714
    """
    filtered = {
        kind: options for kind, options in settings.image_types.items() if kind != "original"
    }
    found = compute(scan, own) if "original" in settings.image_types else {}
    if not filtered:
        return found
    only = replace(settings, image_types=filtered)
    ready = _prepared(scan, only, own)
    z, y, x = ready.scan.bounds()
    box: Box = (z, y, x)
    cut = (slice(*z), slice(*y), slice(*x))
    mask, intensity_mask = ready.scan.mask[cut], ready.intensity_mask[cut]
    source = Intensities(ready.scan.image)
    for kind, values, options in image_types(
        source, mask, box, ready.scan.spacing, only, case_id=scan.case_id
    ):
        response = np.zeros(mask.shape)
        response[mask] = values
        part = Prepared(replace(ready.scan, image=response, mask=mask), intensity_mask)
        features = features_of(part, _of_type(own, options), FILTERED_FAMILIES)
        found.update((f"{kind}_{name}", value) for name, value in features.items())
    return found


def _prepared(scan: ImageMask, settings: ExtractionSettings, own: IbsiSettings) -> Prepared:
    """Prepare as much of the image as the filters see; all of it where that reaches its end."""
    reach = filters_reach(settings)
    if reach is None:
        return prepare(scan, own, whole=True)
    spacing = [
        new or old for new, old in zip(own.spacing or scan.spacing, scan.spacing, strict=True)
    ]
    steps = max(reach.voxels, reach.wrapping) + 1
    ready = prepare(scan, own, margin=max(reach.length, steps * max(spacing)))
    near_end = any(
        first < reach.wrapping or stop + reach.wrapping > length
        for (first, stop), length in zip(ready.scan.bounds(), ready.scan.mask.shape, strict=True)
    )
    return prepare(scan, own, whole=True) if near_end else ready


def _of_type(own: IbsiSettings, options: dict[str, Any]) -> IbsiSettings:
    """Return the settings for a response: no range, and the bins of the image type."""
    plain = replace(own, range=None, outlier_sigma=None, ivh="fixed_bin_number", ivh_bins=1000)
    if "bin_count" in options:
        return replace(plain, bin_count=int(options["bin_count"]), bin_width=None)
    if "bin_width" in options:
        return replace(plain, bin_width=float(options["bin_width"]), bin_count=None)
    return plain
