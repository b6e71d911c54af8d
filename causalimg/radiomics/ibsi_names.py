"""The dictionary of the `ibsi` mode: column names, units, IBSI codes, and the tags of its tables.

A column is ``family_feature`` or, for texture, ``family_feature_aggregation``:
``morphology_sphericity``, ``glcm_contrast_3d_merged``, ``gldzm_zone_distance_entropy_2_5d``.

References
----------
Zwanenburg A et al. The Image Biomarker Standardization Initiative. Radiology 2020.
https://doi.org/10.1148/radiol.2020191145
"""

from __future__ import annotations

from dataclasses import dataclass

from causalimg.radiomics.ibsi_codes import FEATURES
from causalimg.radiomics.ibsi_settings import MATRIX_AGGREGATIONS, ZONE_AGGREGATIONS

_STEMS = {
    "morphology": "morph",
    "local_intensity": "loc",
    "statistics": "stat",
    "histogram": "ih",
    "ivh": "ivh",
    "glcm": "cm",
    "glrlm": "rlm",
    "glszm": "szm",
    "gldzm": "dzm",
    "ngtdm": "ngt",
    "ngldm": "ngl",
}
_AGGREGATED: dict[str, dict[str, str]] = {
    **dict.fromkeys(("glcm", "glrlm"), MATRIX_AGGREGATIONS),
    **dict.fromkeys(("glszm", "gldzm", "ngtdm", "ngldm"), ZONE_AGGREGATIONS),
}
_TAG_ENDS = {
    "2d_averaged": "2D_avg",
    "2d_slice_merged": "2D_comb",
    "2_5d_direction_merged": "2_5D_avg",
    "2_5d_merged": "2_5D_comb",
    "3d_averaged": "3D_avg",
    "3d_merged": "3D_comb",
    "2d": "2D",
    "2_5d": "2_5D",
    "3d": "3D",
}
FAMILIES = tuple(_STEMS)
NO_CONSENSUS = (
    "morph_vol_dens_ombb",
    "morph_area_dens_ombb",
    "morph_vol_dens_mvee",
    "morph_area_dens_mvee",
    "ivh_auc",
)
"""Tags of the IBSI's tables that have no reference value. They are not computed."""


@dataclass(frozen=True)
class IbsiFeature:
    """One column of the `ibsi` mode.

    Parameters
    ----------
    name : str
        Column identifier.
    family : str
        One of `FAMILIES`.
    feature : str
        Name within the family, without the aggregation.
    aggregation : str
        How texture was aggregated; empty for the rest.
    unit : str
        In terms of mm and the image's own intensity; ``1`` for a pure number.
    ibsi : str
        IBSI code of the feature.
    aggregation_ibsi : str
        IBSI code of the aggregation.
    tag : str
        Name in the IBSI's tables of reference values.
    """

    name: str
    family: str
    feature: str
    aggregation: str
    unit: str
    ibsi: str
    aggregation_ibsi: str
    tag: str


def _all() -> dict[str, IbsiFeature]:
    found = {}
    for family, stem in _STEMS.items():
        for aggregation, code in _AGGREGATED.get(family, {"": ""}).items():
            for feature, (tag, unit, ibsi) in FEATURES[family].items():
                name = "_".join(part for part in (family, feature, aggregation) if part)
                end = _TAG_ENDS.get(aggregation, "")
                full = "_".join(part for part in (stem, tag, end) if part)
                found[name] = IbsiFeature(
                    name, family, feature, aggregation, unit, ibsi, code, full
                )
    return found


IBSI_FEATURES: dict[str, IbsiFeature] = _all()
"""Every column that the `ibsi` mode can give, by its name."""
TAGS: dict[str, str] = {feature.tag: name for name, feature in IBSI_FEATURES.items()}
"""Tag of the IBSI's tables of reference values -> column name."""
