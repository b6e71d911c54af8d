"""What is extracted, and how: one frozen, validated record that also is the cache key."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from causalimg.errors import InvalidInputError, UnknownNameError, nearest
from causalimg.radiomics.names import FAMILIES, features_of, snake_case

# image type -> its options and their defaults; LoG needs a sigma, so it has none
_IMAGE_TYPES: dict[str, dict[str, Any]] = {
    "original": {},
    "wavelet": {"wavelet": "coif1", "level": 1, "start_level": 0},
    "log": {"sigma": None},
    "square": {},
    "squareroot": {},
    "logarithm": {},
    "exponential": {},
    "gradient": {"use_spacing": True},
}
_ALIASES = {"lo_g": "log", "square_root": "squareroot"}
IMAGE_TYPES = tuple(_IMAGE_TYPES)
_BINNING = ("bin_width", "bin_count")


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
        Voxels kept around the region before filtering; None: as many as the filters reach.
    """

    image_types: dict[str, dict[str, Any]]
    feature_classes: dict[str, tuple[str, ...]]
    bin_width: float | None
    bin_count: int | None
    resample: tuple[float, float, float] | None
    normalize: bool
    normalize_scale: float
    margin: int | None

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON types, in a canonical form."""
        return {
            "image_types": {name: dict(options) for name, options in self.image_types.items()},
            "feature_classes": {name: list(kept) for name, kept in self.feature_classes.items()},
            "bin_width": self.bin_width,
            "bin_count": self.bin_count,
            "resample": None if self.resample is None else list(self.resample),
            "normalize": self.normalize,
            "normalize_scale": self.normalize_scale,
            "margin": self.margin,
        }

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
        return cls(
            image_types=_image_types(image_types),
            feature_classes=_feature_classes(feature_classes),
            bin_width=None if bin_width is None else float(bin_width),
            bin_count=None if bin_count is None else int(bin_count),
            resample=_spacing(resample),
            normalize=bool(normalize),
            normalize_scale=float(normalize_scale) if normalize else 1.0,
            margin=None if margin is None else int(margin),
        )


def _image_types(
    given: Sequence[str] | Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    wanted: Mapping[str, Mapping[str, Any]]
    if isinstance(given, Mapping):
        wanted = given
    else:
        wanted = {name: {} for name in ((given,) if isinstance(given, str) else given)}
    if not wanted:
        raise InvalidInputError("image_types is empty; the plain image is 'original'")
    checked: dict[str, dict[str, Any]] = {}
    for name, options in wanted.items():
        key = snake_case(name)
        key = _ALIASES.get(key, key)
        if key not in _IMAGE_TYPES:
            raise UnknownNameError(
                f"image_types: no image type {name!r}{nearest(key, IMAGE_TYPES)} "
                f"(there are: {', '.join(IMAGE_TYPES)})"
            )
        known = _IMAGE_TYPES[key]
        for option in options or {}:
            if option not in known and option not in _BINNING:
                allowed = (*known, *_BINNING)
                raise UnknownNameError(
                    f"image_types: {key!r} has no option {option!r}{nearest(option, allowed)} "
                    f"(it has: {', '.join(allowed)})"
                )
        checked[key] = {**known, **(options or {})}
        _check_options(key, checked[key])
    return checked


def _check_options(image_type: str, options: dict[str, Any]) -> None:
    """Check the values of one image type, and bring them into one form."""
    where = f"image_types: {image_type!r}"
    if image_type == "log":
        sigma = options["sigma"]
        widths = tuple(sigma) if isinstance(sigma, Sequence) else (sigma,)
        if not widths or not all(_positive(width) for width in widths):
            raise InvalidInputError(
                f"{where}: sigma={sigma!r}; one or more widths above 0 [mm], such as [1, 3]"
            )
        options["sigma"] = tuple(float(width) for width in widths)
    if image_type == "wavelet":
        for option, least in (("level", 1), ("start_level", 0)):
            value = options[option]
            if not isinstance(value, int) or value < least:
                raise InvalidInputError(
                    f"{where}: {option}={value!r}; a whole number, at least {least}"
                )
    for option in _BINNING:
        if option in options and not _positive(options[option]):
            raise InvalidInputError(f"{where}: {option}={options[option]!r}; a number above 0")


def _positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _feature_classes(
    given: Sequence[str] | Mapping[str, Sequence[str] | None] | None,
) -> dict[str, tuple[str, ...]]:
    """Return the features of each class, classes and features in the order of the columns."""
    wanted: Mapping[str, Sequence[str] | None]
    if given is None:
        wanted = dict.fromkeys(FAMILIES)
    elif isinstance(given, Mapping):
        wanted = given
    else:
        wanted = dict.fromkeys((given,) if isinstance(given, str) else given)
    chosen: dict[str, tuple[str, ...]] = {}
    for family, names in wanted.items():
        known = {snake_case(name): name for name in features_of(family)}
        for name in names or ():
            if snake_case(name) not in known:
                raise UnknownNameError(
                    f"feature_classes: {family!r} has no feature {name!r}"
                    f"{nearest(snake_case(name), known)} (it has: {', '.join(known)})"
                )
        kept = {snake_case(name) for name in names or known}
        chosen[family] = tuple(known[key] for key in known if key in kept)
    if not chosen:
        raise InvalidInputError("feature_classes is empty; None takes all of them")
    return {family: chosen[family] for family in FAMILIES if family in chosen}


def _spacing(given: Sequence[float] | None) -> tuple[float, float, float] | None:
    if given is None:
        return None
    numbers = [float(step) for step in given]
    if len(numbers) != 3 or not all(0 <= step < math.inf for step in numbers) or not any(numbers):
        raise InvalidInputError(
            f"resample={list(given)}: three spacings (z, y, x) [mm], 0 to keep an axis"
        )
    return (numbers[0], numbers[1], numbers[2])
