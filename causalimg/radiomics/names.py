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
from causalimg.radiomics.ibsi_names import IBSI_FEATURES

# name: unit, IBSI code. An empty code: the IBSI defines no such feature, or another one under the
# same name (PyRadiomics does not subtract 3 from kurtosis).
_FEATURES: dict[str, dict[str, tuple[str, str]]] = {
    "shape": {
        "Elongation": ("1", "Q3CK"),
        "Flatness": ("1", "N17B"),
        "LeastAxisLength": ("mm", "7J51"),
        "MajorAxisLength": ("mm", "TDIC"),
        "Maximum2DDiameterColumn": ("mm", ""),
        "Maximum2DDiameterRow": ("mm", ""),
        "Maximum2DDiameterSlice": ("mm", ""),
        "Maximum3DDiameter": ("mm", "L0JK"),
        "MeshVolume": ("mm^3", "RNU0"),
        "MinorAxisLength": ("mm", "P9VJ"),
        "Sphericity": ("1", "QCFX"),
        "SurfaceArea": ("mm^2", "C0JK"),
        "SurfaceVolumeRatio": ("1/mm", "2PR5"),
        "VoxelVolume": ("mm^3", "YEKZ"),
    },
    "shape2D": {
        "Elongation": ("1", ""),
        "MajorAxisLength": ("mm", ""),
        "MaximumDiameter": ("mm", ""),
        "MeshSurface": ("mm^2", ""),
        "MinorAxisLength": ("mm", ""),
        "Perimeter": ("mm", ""),
        "PerimeterSurfaceRatio": ("1/mm", ""),
        "PixelSurface": ("mm^2", ""),
        "Sphericity": ("1", ""),
    },
    "firstorder": {
        "10Percentile": ("intensity", "QG58"),
        "90Percentile": ("intensity", "8DWT"),
        "Energy": ("intensity^2", "N8CA"),
        "Entropy": ("1", "TLU2"),
        "InterquartileRange": ("intensity", "SALO"),
        "Kurtosis": ("1", ""),
        "Maximum": ("intensity", "84IY"),
        "Mean": ("intensity", "Q4LE"),
        "MeanAbsoluteDeviation": ("intensity", "4FUA"),
        "Median": ("intensity", "Y12H"),
        "Minimum": ("intensity", "1GSF"),
        "Range": ("intensity", "2OJQ"),
        "RobustMeanAbsoluteDeviation": ("intensity", "1128"),
        "RootMeanSquared": ("intensity", "5ZWQ"),
        "Skewness": ("1", "KE2A"),
        "TotalEnergy": ("intensity^2 mm^3", ""),
        "Uniformity": ("1", "BJ5W"),
        "Variance": ("intensity^2", "ECT3"),
    },
    "glcm": {
        "Autocorrelation": ("1", "QWB0"),
        "ClusterProminence": ("1", "AE86"),
        "ClusterShade": ("1", "7NFM"),
        "ClusterTendency": ("1", "DG8W"),
        "Contrast": ("1", "ACUI"),
        "Correlation": ("1", "NI2N"),
        "DifferenceAverage": ("1", "TF7R"),
        "DifferenceEntropy": ("1", "NTRS"),
        "DifferenceVariance": ("1", "D3YU"),
        "Id": ("1", "IB1Z"),
        "Idm": ("1", "WF0Z"),
        "Idmn": ("1", "1QCO"),
        "Idn": ("1", "NDRX"),
        "Imc1": ("1", "R8DG"),
        "Imc2": ("1", "JN9H"),
        "InverseVariance": ("1", "E8JP"),
        "JointAverage": ("1", "60VM"),
        "JointEnergy": ("1", "8ZQL"),
        "JointEntropy": ("1", "TU9B"),
        "MCC": ("1", ""),
        "MaximumProbability": ("1", "GYBY"),
        "SumAverage": ("1", "ZGXS"),
        "SumEntropy": ("1", "P6QZ"),
        "SumSquares": ("1", "UR99"),
    },
    "gldm": {
        "DependenceEntropy": ("1", "FCBV"),
        "DependenceNonUniformity": ("1", "Z87G"),
        "DependenceNonUniformityNormalized": ("1", "OKJI"),
        "DependenceVariance": ("1", "DNX2"),
        "GrayLevelNonUniformity": ("1", "FP8K"),
        "GrayLevelVariance": ("1", "1PFV"),
        "HighGrayLevelEmphasis": ("1", "OAE7"),
        "LargeDependenceEmphasis": ("1", "IMOQ"),
        "LargeDependenceHighGrayLevelEmphasis": ("1", "9QMG"),
        "LargeDependenceLowGrayLevelEmphasis": ("1", "NBZI"),
        "LowGrayLevelEmphasis": ("1", "TL9H"),
        "SmallDependenceEmphasis": ("1", "SODN"),
        "SmallDependenceHighGrayLevelEmphasis": ("1", "JA6D"),
        "SmallDependenceLowGrayLevelEmphasis": ("1", "EQ3F"),
    },
    "glrlm": {
        "GrayLevelNonUniformity": ("1", "R5YN"),
        "GrayLevelNonUniformityNormalized": ("1", "OVBL"),
        "GrayLevelVariance": ("1", "8CE5"),
        "HighGrayLevelRunEmphasis": ("1", "G3QZ"),
        "LongRunEmphasis": ("1", "W4KF"),
        "LongRunHighGrayLevelEmphasis": ("1", "3KUM"),
        "LongRunLowGrayLevelEmphasis": ("1", "IVPO"),
        "LowGrayLevelRunEmphasis": ("1", "V3SW"),
        "RunEntropy": ("1", "HJ9O"),
        "RunLengthNonUniformity": ("1", "W92Y"),
        "RunLengthNonUniformityNormalized": ("1", "IC23"),
        "RunPercentage": ("1", "9ZK5"),
        "RunVariance": ("1", "SXLW"),
        "ShortRunEmphasis": ("1", "22OV"),
        "ShortRunHighGrayLevelEmphasis": ("1", "GD3A"),
        "ShortRunLowGrayLevelEmphasis": ("1", "HTZT"),
    },
    "glszm": {
        "GrayLevelNonUniformity": ("1", "JNSA"),
        "GrayLevelNonUniformityNormalized": ("1", "Y1RO"),
        "GrayLevelVariance": ("1", "BYLV"),
        "HighGrayLevelZoneEmphasis": ("1", "5GN9"),
        "LargeAreaEmphasis": ("1", "48P8"),
        "LargeAreaHighGrayLevelEmphasis": ("1", "J17V"),
        "LargeAreaLowGrayLevelEmphasis": ("1", "YH51"),
        "LowGrayLevelZoneEmphasis": ("1", "XMSY"),
        "SizeZoneNonUniformity": ("1", "4JP3"),
        "SizeZoneNonUniformityNormalized": ("1", "VB3A"),
        "SmallAreaEmphasis": ("1", "5QRC"),
        "SmallAreaHighGrayLevelEmphasis": ("1", "HW1V"),
        "SmallAreaLowGrayLevelEmphasis": ("1", "5RAI"),
        "ZoneEntropy": ("1", "GU8N"),
        "ZonePercentage": ("1", "P30P"),
        "ZoneVariance": ("1", "3NSA"),
    },
    "ngtdm": {
        "Busyness": ("1", "NQ30"),
        "Coarseness": ("1", "QCDE"),
        "Complexity": ("1", "HDEZ"),
        "Contrast": ("1", "65HE"),
        "Strength": ("1", "1X9X"),
    },
}
FAMILIES = tuple(_FEATURES)
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
    """

    name: str
    family: str
    image_type: str
    unit: str
    ibsi: str
    original_name: str


def features_of(family: str) -> tuple[str, ...]:
    """Return PyRadiomics' names of the features of a family, in the order of the columns."""
    if family not in _FEATURES:
        raise UnknownNameError(
            f"no feature class is called {family!r}{nearest(family, FAMILIES)} "
            f"(there are: {', '.join(FAMILIES)})"
        )
    return tuple(_FEATURES[family])


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
    if feature not in _FEATURES.get(family, {}):
        raise UnknownNameError(
            f"{original_name!r} is not a feature name of PyRadiomics "
            "(image type, class and feature, such as 'original_glcm_Contrast') or the IBSI mode "
            "(such as 'glcm_contrast_3d_merged')"
        )
    unit, ibsi = _FEATURES[family][feature]
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
    """Return the column identifier of a feature given PyRadiomics' name for it."""
    return describe(original_name).name


_COLUMNS = frozenset(IBSI_FEATURES) | {
    f"{family.lower()}_{snake_case(feature)}"
    for family, features in _FEATURES.items()
    for feature in features
}
