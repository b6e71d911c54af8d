"""The values of the settings of an extraction: what each may be, and its one form."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from causalimg.errors import InvalidInputError, UnknownNameError, nearest
from causalimg.radiomics.ibsi_settings import IbsiSettings
from causalimg.radiomics.names import DEFAULT_FAMILIES, FAMILIES, features_of, snake_case

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
    "lbp2d": {"radius": 1.0, "samples": 8, "method": "uniform"},
}
_ALIASES = {"lo_g": "log", "square_root": "squareroot", "lbp_2d": "lbp2d"}
IMAGE_TYPES = tuple(_IMAGE_TYPES)
MODES = ("pyradiomics", "ibsi")
LBP_METHODS = ("uniform", "default")
WEIGHTINGS = ("manhattan", "euclidean", "infinity", "no_weighting")
_BINNING = ("bin_width", "bin_count")


def image_types_of(
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
        if not widths or not all(is_positive(width) for width in widths):
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
    if image_type == "lbp2d":
        check_whole("image_types: 'lbp2d': samples", options["samples"], 1, 24)
        check_one_of("image_types: 'lbp2d': method", options["method"], LBP_METHODS)
        if not is_positive(options["radius"]):
            raise InvalidInputError(f"{where}: radius={options['radius']!r}; above 0 [pixels]")
    for option in _BINNING:
        if option in options and not is_positive(options[option]):
            raise InvalidInputError(f"{where}: {option}={options[option]!r}; a number above 0")


def is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def feature_classes_of(
    given: Sequence[str] | Mapping[str, Sequence[str] | None] | None,
) -> dict[str, tuple[str, ...]]:
    """Return the features of each class, classes and features in the order of the columns."""
    wanted: Mapping[str, Sequence[str] | None]
    if given is None:
        wanted = dict.fromkeys(DEFAULT_FAMILIES)
    elif isinstance(given, Mapping):
        wanted = given
    else:
        wanted = dict.fromkeys((given,) if isinstance(given, str) else given)
    chosen: dict[str, tuple[str, ...]] = {}
    for given_family, names in wanted.items():
        family = "shape2D" if given_family.lower() == "shape2d" else given_family
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


def spacing_of(given: Sequence[float] | None) -> tuple[float, float, float] | None:
    if given is None:
        return None
    numbers = [float(step) for step in given]
    if len(numbers) != 3 or not all(0 <= step < math.inf for step in numbers) or not any(numbers):
        raise InvalidInputError(
            f"resample={list(given)}: three spacings (z, y, x) [mm], 0 to keep an axis"
        )
    return (numbers[0], numbers[1], numbers[2])


def check_whole(name: str, value: int, least: int, most: int | None) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        limits = f"at least {least}" if most is None else f"from {least} to {most}"
        raise InvalidInputError(f"{name}={value!r}: a whole number, {limits}")


def check_one_of(name: str, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise UnknownNameError(
            f"{name}={value!r}{nearest(str(value), allowed)} (there are: {', '.join(allowed)})"
        )
    return value


def limits_of(given: Sequence[float] | None) -> tuple[float, ...] | None:
    if given is None:
        return None
    limits = tuple(float(limit) for limit in given)
    if len(limits) not in (1, 2) or any(math.isnan(limit) for limit in limits):
        raise InvalidInputError(
            f"resegment_range={list(given)}: the lowest and, if wanted, the highest intensity"
        )
    return tuple(sorted(limits))


def ibsi_of(mode: str, given: IbsiSettings | None) -> IbsiSettings | None:
    if mode != "ibsi":
        if given is not None:
            raise InvalidInputError("ibsi= holds the settings of mode='ibsi'; set the mode too")
        return None
    if given is None:
        raise InvalidInputError(
            "mode='ibsi' needs ibsi=IbsiSettings(...): the IBSI leaves spacing, re-segmentation "
            "and binning to the study, so there is no default"
        )
    return given
