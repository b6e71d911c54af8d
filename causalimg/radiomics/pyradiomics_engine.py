"""The PyRadiomics engine: its kernels and filters, on an image cropped to what they reach.

PyRadiomics filters the whole image and hashes it twice; five sixths of its time go there. Here the
image is cut first, to the region plus the reach of the filter, with the same values.

Where it differs from `radiomics` on purpose: a mask that covers the whole image is padded by one
voxel, where some releases refuse it.

References
----------
van Griethuysen JJM et al. Computational radiomics system to decode the radiographic phenotype.
Cancer Research 2017. https://doi.org/10.1158/0008-5472.CAN-17-0339
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import math
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import metadata
from typing import Any

import numpy as np

from causalimg.errors import InvalidInputError, MissingDependencyError
from causalimg.imaging.intensities import Intensities
from causalimg.imaging.itk import one_thread
from causalimg.imaging.volume import ImageMask, crop, pad, to_sitk
from causalimg.radiomics.settings import ExtractionSettings

_LOCK = threading.RLock()
_SPELLING = {
    "original": "Original",
    "wavelet": "Wavelet",
    "log": "LoG",
    "square": "Square",
    "squareroot": "SquareRoot",
    "logarithm": "Logarithm",
    "exponential": "Exponential",
    "gradient": "Gradient",
    "lbp2d": "LBP2D",
}
_OPTIONS = {
    "use_spacing": "gradientUseSpacing",
    "bin_width": "binWidth",
    "bin_count": "binCount",
    "radius": "lbp2DRadius",
    "samples": "lbp2DSamples",
    "method": "lbp2DMethod",
}
_WHOLE_IMAGE = ("square", "squareroot", "logarithm", "exponential")
_MARGIN = 6
_PADDING = 5
_SIGMAS = 10.0
_DISTRIBUTIONS = ("pyradiomics-bhklab", "pyradiomics", "pyradiomics-cuda")


class PyRadiomicsEngine:
    """Compute features with the installed `radiomics` package.

    Parameters
    ----------
    settings : ExtractionSettings

    Raises
    ------
    MissingDependencyError
        If no distribution of PyRadiomics is installed.
    InvalidInputError
        If the settings are of the mode ``ibsi``.
    """

    name = "pyradiomics"

    def __init__(self, settings: ExtractionSettings) -> None:
        if settings.mode != "pyradiomics":
            raise InvalidInputError(
                f"engine='pyradiomics' has no mode {settings.mode!r}; take engine='native'"
            )
        if not self.available():
            raise MissingDependencyError(
                "engine='pyradiomics' needs PyRadiomics, which is not installed; run "
                'pip install "causalimg[engines]" (it compiles C code, so a C compiler such as '
                "gcc must be there)"
            )
        self.settings = settings

    @staticmethod
    def available() -> bool:
        """Return whether a `radiomics` package can be imported."""
        return importlib.util.find_spec("radiomics") is not None

    @staticmethod
    def version() -> str:
        """Return the distribution and version that provides `radiomics`."""
        for distribution in _DISTRIBUTIONS:
            try:
                return f"{distribution} {metadata.version(distribution)}"
            except metadata.PackageNotFoundError:
                continue
        return "radiomics of unknown version"

    def compute(self, scan: ImageMask) -> dict[str, float]:
        """Return the features of one region, by PyRadiomics' names, in a fixed order.

        Raises
        ------
        InvalidInputError
            Saying what PyRadiomics refused, and for which case.
        """
        if self.settings.normalize:
            source = Intensities.normalised(
                scan.image,
                scale=self.settings.normalize_scale,
                clip=self.settings.remove_outliers,
                case_id=scan.case_id,
            )
            scan = replace(scan, image=source.all())
        if scan.mask.all():
            scan = pad(scan, 1)
        found: dict[str, float] = {}
        with _LOCK, _quiet() as said, one_thread():
            for first, image_types in enumerate(self._groups()):
                part = self._cut(scan, image_types)
                _check_surroundings(part, image_types, self.settings)
                engine = self._engine(part, image_types, shape=first == 0)
                image, mask = to_sitk(part)
                try:
                    values = engine.execute(image, mask)
                except Exception as error:
                    raise InvalidInputError(
                        f"case {scan.case_id!r}, column 'mask': PyRadiomics cannot compute "
                        f"features of this region ({scan.n_voxels} voxels): {error}"
                    ) from error
                found.update((str(key), float(value)) for key, value in values.items())
        self._check_all_there(found, scan, said)
        return found

    def _groups(self) -> list[list[str]]:
        """Group the image types by how much of the image they need."""
        if self.settings.resample is not None:
            return [list(self.settings.image_types)]
        near = [t for t in self.settings.image_types if t not in (*_WHOLE_IMAGE, "log")]
        log = [t for t in self.settings.image_types if t == "log"]
        whole = [t for t in self.settings.image_types if t in _WHOLE_IMAGE]
        return [group for group in (near, log, whole) if group]

    def _cut(self, scan: ImageMask, image_types: list[str]) -> ImageMask:
        if self.settings.resample is not None or set(image_types) & set(_WHOLE_IMAGE):
            return scan
        margin = self._margin(image_types, scan.spacing)
        return crop(scan, margin, whole_if_clipped="wavelet" in image_types)

    def _margin(
        self, image_types: list[str], spacing: tuple[float, float, float]
    ) -> tuple[int, int, int]:
        """Return how many voxels along z, y and x the filters reach."""
        if self.settings.margin is not None:
            return (self.settings.margin,) * 3
        reach = [_MARGIN] * 3
        if "wavelet" in image_types:
            options = self.settings.image_types["wavelet"]
            steps = int(options["level"]) + int(options["start_level"])
            try:
                taps = int(importlib.import_module("pywt").Wavelet(options["wavelet"]).dec_len)
            except ValueError as error:
                raise InvalidInputError(
                    f"image_types: 'wavelet' has wavelet={options['wavelet']!r}: {error}"
                ) from error
            reach = [max(_MARGIN, taps * steps)] * 3
        if "log" in image_types:
            widest = max(self.settings.image_types["log"]["sigma"])
            reach = [
                max(least, math.ceil(_SIGMAS * widest / step))
                for least, step in zip(reach, spacing, strict=True)
            ]
        return (reach[0], reach[1], reach[2])

    def _engine(self, part: ImageMask, image_types: list[str], *, shape: bool) -> Any:
        from radiomics.featureextractor import RadiomicsFeatureExtractor

        options: dict[str, Any] = {"label": 1, "additionalInfo": False, **self._rules()}
        if self.settings.bin_count is not None:
            options["binCount"] = self.settings.bin_count
        else:
            options["binWidth"] = self.settings.bin_width
        if self.settings.resample is not None:
            z, y, x = (
                new or old for new, old in zip(self.settings.resample, part.spacing, strict=True)
            )
            options["resampledPixelSpacing"] = [x, y, z]
            margin = self.settings.margin
            options["padDistance"] = _PADDING if margin is None else margin
            options["interpolator"] = self.settings.interpolator
        engine = RadiomicsFeatureExtractor(**options)
        engine.enabledImagetypes = {
            _SPELLING[name]: {
                _OPTIONS.get(option, option): list(value) if option == "sigma" else value
                for option, value in self.settings.image_types[name].items()
            }
            for name in image_types
        }
        engine.enabledFeatures = {
            family: list(names)
            for family, names in self.settings.feature_classes.items()
            if not family.startswith("shape") or shape
        }
        return engine

    def _rules(self) -> dict[str, Any]:
        """Return the settings that hold for every image type, by PyRadiomics' names."""
        settings = self.settings
        rules: dict[str, Any] = {
            "force2D": settings.force_2d,
            "force2Ddimension": settings.force_2d_dimension,
            "distances": list(settings.distances),
            "weightingNorm": settings.weighting,
            "symmetricalGLCM": settings.symmetric_glcm,
            "gldm_a": settings.gldm_alpha,
            "voxelArrayShift": settings.array_shift,
            "minimumROIDimensions": settings.minimum_dimensions,
            "minimumROISize": settings.minimum_voxels,
        }
        if settings.resegment_range is not None:
            rules["resegmentRange"] = list(settings.resegment_range)
            rules["resegmentMode"] = settings.resegment_mode
            rules["resegmentShape"] = settings.resegment_shape
        return rules

    def _check_all_there(self, found: dict[str, float], scan: ImageMask, said: list[str]) -> None:
        """Refuse a result in which PyRadiomics left out a filtered image (it only logs that)."""
        if set(self.settings.feature_classes) <= {"shape", "shape2D"}:
            return
        wanted = []
        for image_type, options in self.settings.image_types.items():
            if image_type == "log":
                widths = (str(sigma).replace(".", "-") for sigma in options["sigma"])
                wanted += [f"log-sigma-{width}-mm-3D_" for width in widths]
            else:
                end = "-" if image_type == "wavelet" else "_"
                start = "lbp-2D" if image_type == "lbp2d" else _SPELLING[image_type].lower()
                wanted.append(f"{start}{end}")
        lost = [start for start in wanted if not any(name.startswith(start) for name in found)]
        if lost:
            raise InvalidInputError(
                f"case {scan.case_id!r}, column 'image': PyRadiomics gives no features of "
                f"{', '.join(start[:-1] for start in lost)}: "
                f"{'; '.join(said) or 'it does not say why'}"
            )


def _check_surroundings(
    part: ImageMask, image_types: list[str], settings: ExtractionSettings
) -> None:
    """Refuse voxels around the region that a filter would spread into it."""
    if part.image.dtype.kind != "f" or (image_types == ["original"] and not settings.resample):
        return
    bad = int((~np.isfinite(part.image)).sum())
    if bad:
        raise InvalidInputError(
            f"case {part.case_id!r}, column 'image': {bad} voxels near the mask are NaN or "
            f"infinite, and {', '.join(image_types)} would spread them into it; fill them first"
        )


class _Heard(logging.Handler):
    """Keep the messages of warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@contextmanager
def _quiet() -> Iterator[list[str]]:
    """Let PyRadiomics' own logger write to a list; its state is put back afterwards."""
    logger = logging.getLogger("radiomics")
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        importlib.import_module("radiomics.featureextractor")
        before = (list(logger.handlers), logger.level, logger.propagate)
        heard = _Heard()
        logger.handlers, logger.propagate = [heard], False
        logger.setLevel(logging.WARNING)
        try:
            yield heard.said
        finally:
            logger.handlers, logger.propagate = before[0], before[2]
            logger.setLevel(before[1])
