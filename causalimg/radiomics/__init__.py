"""Radiomics features: the extractor, its engines, the feature dictionary, the store."""

from causalimg.radiomics.engine import Engine, make_engine
from causalimg.radiomics.extractor import RadiomicsExtractor
from causalimg.radiomics.names import Feature, column_name, describe, features_of
from causalimg.radiomics.settings import ExtractionSettings
from causalimg.radiomics.store import CaseStore

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
