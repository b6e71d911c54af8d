"""The feature dictionary: identifiers, families, units and IBSI codes.

Column names are identifiers: ``glcm_contrast`` for the original image,
``wavelet_hhl_glcm_contrast`` and ``log_sigma_3_0_mm_3d_glszm_zone_entropy`` for a filtered one.
The spelling of PyRadiomics (``original_glcm_Contrast``) is kept beside them.

References
----------
Zwanenburg A et al. The Image Biomarker Standardization Initiative. Radiology 2020.
https://doi.org/10.1148/radiol.2020191145
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from causalimg.errors import UnknownNameError, nearest
from causalimg.radiomics.feature_codes import FEATURES
from causalimg.radiomics.ibsi_names import IBSI_FEATURES

FAMILIES = tuple(FEATURES)
DEFAULT_FAMILIES = tuple(family for family in FAMILIES if family != "shape2D")
_FILTERED = re.compile(
    r"(wavelet\d*_[lh]{2,3}|log_sigma_[0-9_]+_mm_3d|square|squareroot|logarithm|exponential"
    r"|gradient|lbp_2d)_"
)


@dataclass(frozen=True)
class Feature:
    """What is known about a feature from its name alone.

    Parameters
    ----------
    name : str
        Column identifier.
    family : str
        ``shape``, ``shape2D``, ``firstorder``, ``glcm``, ``gldm``, ``glrlm``, ``glszm`` or
        ``ngtdm``.
    image_type : str
        ``original``, ``wavelet_llh``, ``log_sigma_3_0_mm_3d`` ...
    unit : str
        In terms of mm and the image's own intensity; ``1`` for a pure number.
    ibsi : str
        IBSI code, empty where the IBSI defines no such feature.
    original_name : str
        PyRadiomics' spelling; in the `ibsi` mode the tag in the IBSI's tables.

    Examples
    --------
    >>> feature = describe("original_shape_MeshVolume")
    >>> feature.family, feature.unit
    ('shape', 'mm^3')
    """

    name: str
    family: str
    image_type: str
    unit: str
    ibsi: str
    original_name: str


def features_of(family: str) -> tuple[str, ...]:
    """Return PyRadiomics' names of the features of a family, in the order of the columns.

    Parameters
    ----------
    family : str
        ``shape``, ``firstorder``, ``glcm`` ...

    Examples
    --------
    >>> features_of("ngtdm")
    ('Busyness', 'Coarseness', 'Complexity', 'Contrast', 'Strength')
    """
    if family not in FEATURES:
        raise UnknownNameError(
            f"no feature class is called {family!r}{nearest(family, FAMILIES)} "
            f"(there are: {', '.join(FAMILIES)})"
        )
    return tuple(FEATURES[family])


def snake_case(name: str) -> str:
    """Turn PyRadiomics' spelling of a feature or image type into an identifier.

    Examples
    --------
    >>> snake_case("LargeDependenceLowGrayLevelEmphasis")
    'large_dependence_low_gray_level_emphasis'
    >>> snake_case("Maximum2DDiameterSlice"), snake_case("10Percentile"), snake_case("MCC")
    ('maximum_2d_diameter_slice', '10_percentile', 'mcc')
    >>> snake_case("log-sigma-3-0-mm-3D"), snake_case("wavelet-LLH")
    ('log_sigma_3_0_mm_3d', 'wavelet_llh')
    """
    text = re.sub(r"([23])D", r"_\1d_", name)
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=\d)(?=[A-Z])", "_", text)
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def describe(original_name: str) -> Feature:
    """Describe a feature given PyRadiomics' name for it, or its column name in the `ibsi` mode.

    Parameters
    ----------
    original_name : str

    Examples
    --------
    >>> describe("original_glcm_Contrast").name
    'glcm_contrast'
    >>> describe("wavelet-HHL_firstorder_Mean")
    ... # doctest: +NORMALIZE_WHITESPACE
    Feature(name='wavelet_hhl_firstorder_mean', family='firstorder', image_type='wavelet_hhl',
            unit='intensity', ibsi='Q4LE', original_name='wavelet-HHL_firstorder_Mean')
    """
    ours = IBSI_FEATURES.get(original_name)
    if ours is not None:
        return Feature(ours.name, ours.family, "original", ours.unit, ours.ibsi, ours.tag)
    image_type, _, rest = original_name.partition("_")
    if rest in IBSI_FEATURES:
        ours, kind = IBSI_FEATURES[rest], snake_case(image_type)
        return Feature(
            f"{kind}_{rest}", ours.family, kind, ours.unit, ours.ibsi, f"{image_type}_{ours.tag}"
        )
    family, _, feature = rest.partition("_")
    if feature not in FEATURES.get(family, {}):
        raise UnknownNameError(
            f"{original_name!r} is not a feature name of PyRadiomics "
            "(image type, class and feature, such as 'original_glcm_Contrast') or the IBSI mode "
            "(such as 'glcm_contrast_3d_merged')"
        )
    unit, ibsi = FEATURES[family][feature]
    kind = snake_case(image_type)
    prefix = "" if kind == "original" else f"{kind}_"
    return Feature(
        f"{prefix}{family.lower()}_{snake_case(feature)}", family, kind, unit, ibsi, original_name
    )


def is_feature(name: str) -> bool:
    """Say whether a column identifier can be that of a feature of this dictionary.

    Examples
    --------
    >>> is_feature("glcm_contrast"), is_feature("wavelet_hhl_glcm_contrast"), is_feature("age")
    (True, True, False)
    """
    if name in _COLUMNS:
        return True
    ends = (name[at + 1 :] for at, letter in enumerate(name) if letter == "_")
    return _FILTERED.match(name) is not None and any(end in _COLUMNS for end in ends)


def column_name(original_name: str) -> str:
    """Return the column identifier of a feature given PyRadiomics' name for it.

    Parameters
    ----------
    original_name : str

    Examples
    --------
    >>> column_name("wavelet-HHL_glcm_Contrast")
    'wavelet_hhl_glcm_contrast'
    """
    return describe(original_name).name


_COLUMNS = frozenset(IBSI_FEATURES) | {
    f"{family.lower()}_{snake_case(feature)}"
    for family, features in FEATURES.items()
    for feature in features
}
