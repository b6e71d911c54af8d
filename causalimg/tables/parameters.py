"""The parameter file of PyRadiomics: its names for our settings, and a file for chosen features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from causalimg.errors import InvalidInputError

SETTINGS = {
    "binWidth": "bin_width",
    "binCount": "bin_count",
    "normalize": "normalize",
    "normalizeScale": "normalize_scale",
    "removeOutliers": "remove_outliers",
    "resampledPixelSpacing": "resample",
    "interpolator": "interpolator",
    "padDistance": "margin",
    "resegmentRange": "resegment_range",
    "resegmentMode": "resegment_mode",
    "resegmentShape": "resegment_shape",
    "force2D": "force_2d",
    "force2Ddimension": "force_2d_dimension",
    "distances": "distances",
    "weightingNorm": "weighting",
    "symmetricalGLCM": "symmetric_glcm",
    "gldm_a": "gldm_alpha",
    "voxelArrayShift": "array_shift",
    "minimumROIDimensions": "minimum_dimensions",
    "minimumROISize": "minimum_voxels",
}
"""PyRadiomics' name of a setting -> ours."""
OF_A_TYPE = {
    "sigma": "sigma",
    "wavelet": "wavelet",
    "level": "level",
    "start_level": "start_level",
    "gradientUseSpacing": "use_spacing",
    "lbp2DRadius": "radius",
    "lbp2DSamples": "samples",
    "lbp2DMethod": "method",
    "binWidth": "bin_width",
    "binCount": "bin_count",
}
"""The same for the options of one image type."""
_TYPES = {
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


def parameter_document(
    original_names: Iterable[str], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the parameter file that computes these features with these settings.

    The format names feature classes and image types apart: with features of several image types
    the file computes each feature for each of the types, and no smaller file exists.

    Parameters
    ----------
    original_names : iterable of str
        PyRadiomics' names, ``wavelet-HHL_glcm_Contrast``.
    settings : mapping
        As the provenance of an extraction holds them.

    Raises
    ------
    InvalidInputError
        If there are no features, a name is not PyRadiomics', or the settings cannot be written in
        this format (the mode ``ibsi``).

    Examples
    --------
    >>> found = parameter_document(
    ...     ["original_glcm_Contrast"], {"image_types": {"original": {}}, "bin_width": 25.0}
    ... )
    >>> found["featureClass"], found["setting"]
    ({'glcm': ['Contrast']}, {'binWidth': 25.0})
    """
    if settings.get("mode", "pyradiomics") != "pyradiomics":
        raise InvalidInputError(
            f"the features were extracted in the mode {settings['mode']!r}, which PyRadiomics'"
            " parameter files cannot ask for: extract with RadiomicsExtractor(mode='ibsi',"
            " ibsi=...) and take the features with transform()"
        )
    classes: dict[str, list[str]] = {}
    kinds: list[str] = []
    for name in original_names:
        parts = name.split("_", 2)
        if len(parts) != 3:
            raise InvalidInputError(
                f"{name!r} is not a feature name of PyRadiomics (image type, class and feature,"
                " such as 'original_glcm_Contrast'), so no parameter file computes it"
            )
        kinds.append(parts[0])
        if parts[2] not in classes.setdefault(parts[1], []):
            classes[parts[1]].append(parts[2])
    if not classes:
        raise InvalidInputError("the set has no features, so there is nothing to compute")
    written = {
        theirs: _value(theirs, settings[ours])
        for theirs, ours in SETTINGS.items()
        if settings.get(ours) is not None
    }
    if settings.get("resample") is None:
        # without resampling the engine reads as far as its filters reach
        written.pop("padDistance", None)
    if settings.get("label") is not None:
        written["label"] = int(settings["label"])
    if settings.get("resample_mask"):
        written["correctMask"] = True
    return {
        "imageType": _image_types(kinds, settings.get("image_types") or {"original": {}}),
        "featureClass": classes,
        "setting": written,
    }


def _value(name: str, value: Any) -> Any:
    """Bring a value into PyRadiomics' form, which lists axes as (x, y, z)."""
    if name == "resampledPixelSpacing":
        return list(value)[::-1]
    return list(value) if isinstance(value, tuple) else value


def _image_types(kinds: list[str], given: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Keep the image types, and the widths of LoG, that the features come from."""
    found: dict[str, Any] = {}
    theirs = {ours: name for name, ours in OF_A_TYPE.items()}
    for kind, options in given.items():
        written = {theirs[name]: _value(name, value) for name, value in options.items()}
        if kind == "log":
            widths = [float(sigma) for sigma in options["sigma"]]
            written["sigma"] = [s for s in widths if _log_name(s) in kinds]
            wanted = bool(written["sigma"])
        elif kind == "wavelet":
            wanted = any(name.startswith("wavelet") for name in kinds)
        else:
            wanted = {"lbp2d": "lbp-2D"}.get(kind, kind) in kinds
        if wanted:
            found[_TYPES[kind]] = written
    if not found:
        raise InvalidInputError(
            f"no image type of the extraction ({', '.join(given)}) gives the features of"
            f" {', '.join(dict.fromkeys(kinds))}; the settings are those of another table"
        )
    return found


def _log_name(sigma: float) -> str:
    return f"log-sigma-{str(sigma).replace('.', '-')}-mm-3D"
