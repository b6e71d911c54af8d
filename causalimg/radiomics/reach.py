"""How far around a region the native engine looks at the image."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from causalimg.imaging.window import Reach
from causalimg.radiomics.filters import wavelet_filters
from causalimg.radiomics.gaussian import REACH
from causalimg.radiomics.local_intensity import PEAK_RADIUS
from causalimg.radiomics.settings import ExtractionSettings

_LEAST_LOG = 4  # the shortest axis that the Laplacian of Gaussian takes


def reach_of(settings: ExtractionSettings) -> Reach | None:
    """Return how far the settings reach; None if they need the whole image.

    The whole image is needed by normalisation, by resampling (its extent places the new grid), by
    the image types that are scaled to its largest intensity, and by local binary patterns, where
    ties hang on the last bit of a coordinate.

    Parameters
    ----------
    settings : ExtractionSettings

    Examples
    --------
    >>> reach_of(ExtractionSettings.of())
    Reach(voxels=0, length=0.0, wrapping=0)
    >>> reach_of(ExtractionSettings.of(image_types={"log": {"sigma": [3]}})).length
    60.0
    >>> reach_of(ExtractionSettings.of(normalize=True)) is None
    True
    """
    if settings.normalize or settings.resample is not None:
        return None
    filters = filters_reach(settings)
    if settings.mode != "ibsi" or settings.ibsi is None or filters is None:
        return filters
    if settings.ibsi.spacing is not None:
        return None
    return replace(filters, length=max(filters.length, PEAK_RADIUS))


def filters_reach(settings: ExtractionSettings) -> Reach | None:
    """Return how far the image types reach; None if one of them needs the whole image."""
    needs = [_of_type(kind, options) for kind, options in settings.image_types.items()]
    known = [need for need in needs if need is not None]
    if len(known) < len(needs):
        return None
    return Reach(
        voxels=max((need.voxels for need in known), default=0),
        length=max((need.length for need in known), default=0.0),
        wrapping=max((need.wrapping for need in known), default=0),
    )


def _of_type(kind: str, options: dict[str, Any]) -> Reach | None:
    if kind == "original":
        return Reach()
    if kind == "gradient":
        return Reach(voxels=1)
    if kind == "log":
        return Reach(voxels=_LEAST_LOG, length=REACH * max(options["sigma"]))
    if kind == "wavelet":
        low, _ = wavelet_filters(options["wavelet"])
        return Reach(wrapping=len(low) * (options["level"] + options["start_level"]))
    return None
