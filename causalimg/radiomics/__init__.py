"""Radiomics features: the extractor, its engines, the feature dictionary, the store."""

from typing import TYPE_CHECKING

from causalimg.lazy import lazy_names

if TYPE_CHECKING:
    from causalimg.radiomics.engine import Engine, make_engine
    from causalimg.radiomics.extractor import RadiomicsExtractor
    from causalimg.radiomics.names import Feature, column_name, describe, features_of
    from causalimg.radiomics.settings import ExtractionSettings
    from causalimg.radiomics.store import CaseStore

_WHERE = {
    "CaseStore": "store",
    "Engine": "engine",
    "ExtractionSettings": "settings",
    "Feature": "names",
    "RadiomicsExtractor": "extractor",
    "column_name": "names",
    "describe": "names",
    "features_of": "names",
    "make_engine": "engine",
}
__getattr__, __dir__ = lazy_names(__name__, _WHERE)

__all__ = [
    "CaseStore",
    "Engine",
    "ExtractionSettings",
    "Feature",
    "RadiomicsExtractor",
    "column_name",
    "describe",
    "features_of",
    "make_engine",
]
