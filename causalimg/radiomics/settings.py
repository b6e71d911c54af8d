"""What is extracted, and how: one frozen, validated record that also is the cache key."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from causalimg.errors import InvalidInputError
from causalimg.imaging.preprocess import INTERPOLATORS, RESEGMENTATION
from causalimg.radiomics.ibsi_settings import IbsiSettings
from causalimg.radiomics.settings_values import (
    IMAGE_TYPES,
    MODES,
    WEIGHTINGS,
    check_one_of,
    check_whole,
    feature_classes_of,
    ibsi_of,
    image_types_of,
    is_positive,
    limits_of,
    spacing_of,
)

__all__ = ["IMAGE_TYPES", "MODES", "ExtractionSettings"]


@dataclass(frozen=True)
class ExtractionSettings:
    """The settings of an extraction. Every one of them can change a value.

    Parameters
    ----------
    image_types : dict of str to dict
        Image type -> its options, complete.
    feature_classes : dict of str to tuple of str
        Feature class -> PyRadiomics' names of its features.
    bin_width : float or None
        Width of a grey-level bin [intensity]; None if ``bin_count`` is given.
    bin_count : int or None
    resample : tuple of float or None
        New spacing (z, y, x) [mm]; 0 keeps an axis.
    normalize : bool
        Subtract the mean of the whole image, divide by its standard deviation.
    normalize_scale : float
        Factor after that.
    margin : int or None
        Voxels kept around the region of a resampled image; None: five, as PyRadiomics keeps. The
        engine ``pyradiomics`` also cuts an image that is not resampled to it; None: as far as the
        filters reach. (The engine ``native`` reads as far as they reach by itself.)
    remove_outliers : float or None
        Normalised intensities are clipped to so many standard deviations.
    interpolator : str
        SimpleITK's name.
    resegment_range : tuple of float or None
        One or two limits of the intensities that stay in the region, for all but shape.
    resegment_mode : {"absolute", "relative", "sigma"}
    resegment_shape : bool
        For shape too.
    force_2d : bool
        Texture and wavelets within slices only.
    force_2d_dimension : {0, 1, 2}
        Axis (z, y, x) across the slices.
    distances : tuple of int
        Of the neighbours in GLCM, GLDM and NGTDM [voxels].
    weighting : str or None
        Merge the GLCM and GLRLM of all directions, weighted by the length of a step: a norm. None:
        average the features over the directions.
    symmetric_glcm : bool
    gldm_alpha : int
        Largest difference between dependent grey levels.
    array_shift : float
        Added to the intensities in the energy features.
    minimum_dimensions : {1, 2, 3}
        Axes along which the region must be more than a voxel long.
    minimum_voxels : int or None
        The region must have more voxels than this.
    mode : {"pyradiomics", "ibsi"}
        Who owns the preprocessing and the features. In the mode ``ibsi`` only ``ibsi`` is used.
    ibsi : IbsiSettings or None
        The settings of the mode ``ibsi``.

    Examples
    --------
    >>> settings = ExtractionSettings.of(image_types={"log": {"sigma": [1, 3]}}, bin_count=32)
    >>> settings.bin_count, settings.bin_width
    (32, None)
    """

    image_types: dict[str, dict[str, Any]]
    feature_classes: dict[str, tuple[str, ...]]
    bin_width: float | None
    bin_count: int | None
    resample: tuple[float, float, float] | None
    normalize: bool
    normalize_scale: float
    margin: int | None
    remove_outliers: float | None = None
    interpolator: str = "sitkBSpline"
    resegment_range: tuple[float, ...] | None = None
    resegment_mode: str = "absolute"
    resegment_shape: bool = False
    force_2d: bool = False
    force_2d_dimension: int = 0
    distances: tuple[int, ...] = (1,)
    weighting: str | None = None
    symmetric_glcm: bool = True
    gldm_alpha: int = 0
    array_shift: float = 0.0
    minimum_dimensions: int = 2
    minimum_voxels: int | None = None
    mode: str = "pyradiomics"
    ibsi: IbsiSettings | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON types, in a canonical form."""
        document = asdict(self)
        for name, value in document.items():
            if isinstance(value, tuple):
                document[name] = list(value)
        document["feature_classes"] = {k: list(v) for k, v in self.feature_classes.items()}
        document["ibsi"] = None if self.ibsi is None else self.ibsi.to_dict()
        return document

    @classmethod
    def of(
        cls,
        *,
        image_types: Sequence[str] | Mapping[str, Mapping[str, Any]] = ("original",),
        feature_classes: Sequence[str] | Mapping[str, Sequence[str] | None] | None = None,
        bin_width: float | None = 25.0,
        bin_count: int | None = None,
        resample: Sequence[float] | None = None,
        normalize: bool = False,
        normalize_scale: float = 100.0,
        margin: int | None = None,
        remove_outliers: float | None = None,
        interpolator: str = "sitkBSpline",
        resegment_range: Sequence[float] | None = None,
        resegment_mode: str = "absolute",
        resegment_shape: bool = False,
        force_2d: bool = False,
        force_2d_dimension: int = 0,
        distances: Sequence[int] = (1,),
        weighting: str | None = None,
        symmetric_glcm: bool = True,
        gldm_alpha: int = 0,
        array_shift: float = 0.0,
        minimum_dimensions: int = 2,
        minimum_voxels: int | None = None,
        mode: str = "pyradiomics",
        ibsi: IbsiSettings | None = None,
    ) -> ExtractionSettings:
        """Check the settings and fill in what was left out.

        Raises
        ------
        UnknownNameError
            Naming the nearest image type, option, feature class or feature.
        InvalidInputError
            If a value is outside what it may be.

        Examples
        --------
        >>> ExtractionSettings.of(image_types={"log": {"sigma": [1, 3]}}).image_types
        {'log': {'sigma': (1.0, 3.0)}}
        """
        if bin_count is not None:
            if int(bin_count) != bin_count or bin_count < 2:
                raise InvalidInputError(f"bin_count={bin_count}: a whole number, at least 2")
            bin_width = None
        elif bin_width is None or not 0 < bin_width < math.inf:
            raise InvalidInputError(
                f"bin_width={bin_width}: a width above 0 [intensity], or set bin_count"
            )
        if margin is not None and (int(margin) != margin or margin < 0):
            raise InvalidInputError(f"margin={margin}: a whole number of voxels, or None")
        if not 0 < normalize_scale < math.inf:
            raise InvalidInputError(f"normalize_scale={normalize_scale}: a factor above 0")
        if remove_outliers is not None and not is_positive(remove_outliers):
            raise InvalidInputError(
                f"remove_outliers={remove_outliers}: a number of standard deviations above 0"
            )
        check_whole("force_2d_dimension", force_2d_dimension, 0, 2)
        check_whole("gldm_alpha", gldm_alpha, 0, None)
        check_whole("minimum_dimensions", minimum_dimensions, 1, 3)
        if minimum_voxels is not None:
            check_whole("minimum_voxels", minimum_voxels, 1, None)
        steps = tuple(sorted(set(distances)))
        if not steps:
            raise InvalidInputError("distances is empty; the next voxels are at distance 1")
        for distance in steps:
            check_whole("distances", distance, 1, None)
        if weighting is not None:
            check_one_of("weighting", weighting, WEIGHTINGS)
        return cls(
            image_types=image_types_of(image_types),
            feature_classes=feature_classes_of(feature_classes),
            bin_width=None if bin_width is None else float(bin_width),
            bin_count=None if bin_count is None else int(bin_count),
            resample=spacing_of(resample),
            normalize=bool(normalize),
            normalize_scale=float(normalize_scale) if normalize else 1.0,
            margin=None if margin is None else int(margin),
            remove_outliers=None if remove_outliers is None or not normalize else remove_outliers,
            interpolator=check_one_of("interpolator", interpolator, INTERPOLATORS),
            resegment_range=limits_of(resegment_range),
            resegment_mode=check_one_of("resegment_mode", resegment_mode, RESEGMENTATION),
            resegment_shape=bool(resegment_shape),
            force_2d=bool(force_2d),
            force_2d_dimension=int(force_2d_dimension),
            distances=tuple(int(distance) for distance in steps),
            weighting=weighting,
            symmetric_glcm=bool(symmetric_glcm),
            gldm_alpha=int(gldm_alpha),
            array_shift=float(array_shift),
            minimum_dimensions=int(minimum_dimensions),
            minimum_voxels=minimum_voxels,
            mode=check_one_of("mode", mode, MODES),
            ibsi=ibsi_of(mode, ibsi),
        )

    @classmethod
    def from_yaml(cls, path: str | Path) -> ExtractionSettings:
        """Read a parameter file of PyRadiomics (YAML or JSON).

        Raises
        ------
        MissingDependencyError
            If PyYAML is not installed.
        UnknownNameError, InvalidInputError
            If the file holds a setting that is not known, or that has no meaning here.
        """
        from causalimg.radiomics.parameter_file import options_of

        return cls.of(**options_of(Path(path)))
