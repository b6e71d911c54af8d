"""PyRadiomics' parameter files, as they are: their settings by our names.

A file has up to four parts: ``imageType``, ``featureClass``, ``setting`` and ``voxelSetting``. What
only concerns PyRadiomics' own running (``additionalInfo``, ``preCrop``, ``geometryTolerance`` ...)
is left out; ``label`` and ``correctMask`` concern the reading (`label_of`, `corrects_mask`); what
has no counterpart (feature maps) is refused.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
from pathlib import Path
from typing import Any

from causalimg.errors import (
    FileReadError,
    InvalidInputError,
    MissingDependencyError,
    UnknownNameError,
    nearest,
)
from causalimg.tables.parameters import OF_A_TYPE, SETTINGS

_OWN = ("additionalInfo", "preCrop", "correctMask", "geometryTolerance", "label", "label_channel")
_PARTS = ("imageType", "featureClass", "setting", "voxelSetting")
# what PyRadiomics takes where a file is silent, and our own default is another
_DEFAULTS = {"normalize_scale": 1.0}


def options_of(path: Path) -> dict[str, Any]:
    """Return the keyword arguments of `ExtractionSettings.of` that a parameter file means.

    Raises
    ------
    FileReadError
        If the file is missing or is neither YAML nor JSON.
    MissingDependencyError
        If it is YAML and PyYAML is not installed.
    UnknownNameError
        If it holds a part or a setting that PyRadiomics does not have.
    InvalidInputError
        If it asks for feature maps.
    """
    document = _document(path)
    _check_names(document, _PARTS, path, "part")
    if document.get("voxelSetting"):
        raise InvalidInputError(
            f"{path.name}: voxelSetting asks for feature maps, which are not computed here; "
            "take that part out"
        )
    given = document.get("setting") or {}
    _check_names(given, (*SETTINGS, *_OWN, *OF_A_TYPE), path, "setting")
    options: dict[str, Any] = {**_DEFAULTS}
    for name, value in given.items():
        if name in SETTINGS:
            options[SETTINGS[name]] = _value(name, value)
    if options.get("weighting") in ("None", ""):
        options["weighting"] = None
    if options.get("resample") is None:
        options.pop("margin", None)
    options["image_types"] = _image_types(document.get("imageType"), given, path)
    options["feature_classes"] = document.get("featureClass") or None
    return options


def label_of(path: Path) -> int | None:
    """Return the label that a parameter file asks for, if it does."""
    label = (_document(path).get("setting") or {}).get("label")
    return None if label is None else int(label)


def corrects_mask(path: Path) -> bool:
    """Say whether a parameter file asks for a mask on another grid to be resampled.

    PyRadiomics' ``correctMask``: nearest neighbour, onto the grid of the image.
    """
    return bool((_document(path).get("setting") or {}).get("correctMask", False))


def _image_types(
    given: dict[str, dict[str, Any] | None] | None, everywhere: dict[str, Any], path: Path
) -> dict[str, dict[str, Any]]:
    known = {"Wavelet": ("wavelet", "level", "start_level"), "LoG": ("sigma",)}
    known |= {"Gradient": ("gradientUseSpacing",)}
    known |= {"LBP2D": ("lbp2DRadius", "lbp2DSamples", "lbp2DMethod")}
    types: dict[str, dict[str, Any]] = {}
    for kind, options in (given or {"Original": {}}).items():
        inherited = {name: everywhere[name] for name in known.get(kind, ()) if name in everywhere}
        merged = {**inherited, **(options or {})}
        _check_names(merged, tuple(OF_A_TYPE), path, f"setting of imageType {kind}")
        types[kind] = {OF_A_TYPE[name]: value for name, value in merged.items()}
    return types


def _value(name: str, value: Any) -> Any:
    """Bring a value into our form: PyRadiomics lists axes as (x, y, z)."""
    if name == "resampledPixelSpacing" and value is not None:
        return list(value)[::-1]
    return value


def _check_names(given: Any, known: tuple[str, ...], path: Path, what: str) -> None:
    if not isinstance(given, dict):
        raise InvalidInputError(f"{path.name}: a {what} must be a mapping, not {given!r}")
    for name in given:
        if name not in known:
            raise UnknownNameError(
                f"{path.name}: no {what} {name!r}{nearest(str(name), known)} "
                f"(there are: {', '.join(known)})"
            )


def _document(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FileReadError(f"parameter file {path.name}: {error.strerror}") from error
    if path.suffix.lower() == ".json":
        try:
            document = json.loads(text)
        except ValueError as error:
            raise FileReadError(f"parameter file {path.name} is not JSON: {error}") from error
    else:
        if importlib.util.find_spec("yaml") is None:
            raise MissingDependencyError(
                f"parameter file {path.name} is YAML, and PyYAML is not installed: "
                "pip install PyYAML, or save the file as JSON"
            )
        yaml = importlib.import_module("yaml")

        try:
            document = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise FileReadError(f"parameter file {path.name} is not YAML: {error}") from error
    if not isinstance(document, dict):
        raise FileReadError(f"parameter file {path.name} holds no mapping of parameters")
    return document
