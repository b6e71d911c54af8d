"""The image types of an extraction: for each, the intensities of the region."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from causalimg.errors import InvalidInputError
from causalimg.imaging.intensities import Intensities
from causalimg.radiomics import filters, gaussian, lbp
from causalimg.radiomics.filters import Box
from causalimg.radiomics.settings import ExtractionSettings

_POINTWISE = ("square", "squareroot", "logarithm", "exponential")


def image_types(
    source: Intensities,
    mask: np.ndarray,
    box: Box,
    spacing: tuple[float, float, float],
    settings: ExtractionSettings,
    *,
    case_id: str = "",
) -> Iterator[tuple[str, np.ndarray, dict[str, Any]]]:
    """Go through the image types of the settings, in their order.

    Parameters
    ----------
    source : Intensities
    mask : ndarray of bool
        The region, in the box.
    box : three pairs of int
        Where the box lies in the image (z, y, x).
    spacing : tuple of float, (z, y, x) [mm]
    settings : ExtractionSettings
    case_id : str

    Yields
    ------
    name : str
        PyRadiomics' name: ``original``, ``wavelet-LLH``, ``log-sigma-3-0-mm-3D`` ...
    values : ndarray, shape (n_voxels,)
    options : dict
        Of the image type.
    """
    for kind, options in settings.image_types.items():
        for name, values in _of_type(kind, options, source, mask, box, spacing, settings):
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                bad = int((~np.isfinite(values)).sum())
                raise InvalidInputError(
                    f"case {case_id!r}, column 'image': {bad} of {values.size} voxels of the "
                    f"region are NaN or infinite in the image type {name!r}, since there are such "
                    "voxels in or near the mask; fill them first"
                )
            yield name, values, options


def _of_type(
    kind: str,
    options: dict[str, Any],
    source: Intensities,
    mask: np.ndarray,
    box: Box,
    spacing: tuple[float, float, float],
    settings: ExtractionSettings,
) -> Iterator[tuple[str, np.ndarray]]:
    across = settings.force_2d_dimension
    if kind == "wavelet":
        bands = filters.wavelet_bands(
            source,
            box,
            wavelet=options["wavelet"],
            level=options["level"],
            start_level=options["start_level"],
            axes=[axis for axis in (2, 1, 0) if not (settings.force_2d and axis == across)],
        )
        for name, band in bands.items():
            yield name, band[mask]
    elif kind == "log":
        for sigma in options["sigma"]:
            _check_size(source.image.shape, spacing, sigma)
            filtered = gaussian.laplacian_of_gaussian(source, box, spacing, sigma)
            yield f"log-sigma-{str(sigma).replace('.', '-')}-mm-3D", filtered[mask]
    elif kind == "gradient":
        steep = filters.gradient_magnitude(source, box, spacing, use_spacing=options["use_spacing"])
        yield kind, steep[mask]
    elif kind == "lbp2d":
        patterns = lbp.local_binary_patterns(
            source,
            box,
            radius=options["radius"],
            samples=options["samples"],
            method=options["method"],
            across=across,
        )
        yield "lbp-2D", patterns[mask]
    else:
        window = tuple(slice(first, stop) for first, stop in box)
        values = source.window((window[0], window[1], window[2]))[mask]
        if kind in _POINTWISE:
            values = filters.pointwise(kind, values, source.largest())
        yield kind, values


def _check_size(shape: tuple[int, ...], spacing: tuple[float, float, float], sigma: float) -> None:
    """Refuse an image that is too small for the filter, as ITK and PyRadiomics do."""
    least = [max(4, int(np.ceil(sigma / step)) + 1) for step in spacing]
    if any(length < needed for length, needed in zip(shape, least, strict=True)):
        raise InvalidInputError(
            f"image_types: 'log' with sigma={sigma:g} mm needs an image of at least "
            f"{tuple(least)} voxels (z, y, x) at this spacing, and it has {tuple(shape)}; take a "
            "smaller sigma or leave this image type out"
        )
