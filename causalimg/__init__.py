"""Causal discovery and inference for imaging features.

Cohort -> FeatureTable -> CausalGraph -> EffectTable -> InvariantSet, each usable alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from causalimg.lazy import lazy_names

__version__ = "0.1.0"

if TYPE_CHECKING:
    from causalimg import datasets, effects, graph
    from causalimg.discovery.bootstrap import BootstrapDiscovery
    from causalimg.discovery.lingam import DirectLiNGAM
    from causalimg.discovery.pc import PC
    from causalimg.discovery.redundancy import RedundancyFilter
    from causalimg.effects.estimators import AIPW, DifferenceInMeans
    from causalimg.graph import metrics
    from causalimg.graph.core import CausalGraph, GraphKind, Mark
    from causalimg.graph.knowledge import Knowledge
    from causalimg.invariance.stable import StableFeatures
    from causalimg.provenance import Provenance
    from causalimg.radiomics.extractor import RadiomicsExtractor
    from causalimg.radiomics.ibsi_settings import IbsiSettings
    from causalimg.study import Study
    from causalimg.study_result import StudyResult
    from causalimg.tables.cohort import Cohort
    from causalimg.tables.effect_table import EffectTable
    from causalimg.tables.features import Column, FeatureTable
    from causalimg.tables.invariant_set import InvariantSet
    from causalimg.tables.moments import Moments

_WHERE = {
    "AIPW": "effects.estimators",
    "BootstrapDiscovery": "discovery.bootstrap",
    "CausalGraph": "graph.core",
    "Cohort": "tables.cohort",
    "Column": "tables.features",
    "DifferenceInMeans": "effects.estimators",
    "DirectLiNGAM": "discovery.lingam",
    "EffectTable": "tables.effect_table",
    "FeatureTable": "tables.features",
    "GraphKind": "graph.core",
    "IbsiSettings": "radiomics.ibsi_settings",
    "InvariantSet": "tables.invariant_set",
    "Knowledge": "graph.knowledge",
    "Mark": "graph.core",
    "Moments": "tables.moments",
    "PC": "discovery.pc",
    "Provenance": "provenance",
    "RadiomicsExtractor": "radiomics.extractor",
    "RedundancyFilter": "discovery.redundancy",
    "StableFeatures": "invariance.stable",
    "Study": "study",
    "StudyResult": "study_result",
    "datasets": "datasets",
    "effects": "effects",
    "graph": "graph",
    "metrics": "graph.metrics",
}
__getattr__, _names = lazy_names(__name__, _WHERE)


def __dir__() -> list[str]:
    return sorted(["__version__", *_names()])


__all__ = [
    "AIPW",
    "PC",
    "BootstrapDiscovery",
    "CausalGraph",
    "Cohort",
    "Column",
    "DifferenceInMeans",
    "DirectLiNGAM",
    "EffectTable",
    "FeatureTable",
    "GraphKind",
    "IbsiSettings",
    "InvariantSet",
    "Knowledge",
    "Mark",
    "Moments",
    "Provenance",
    "RadiomicsExtractor",
    "RedundancyFilter",
    "StableFeatures",
    "Study",
    "StudyResult",
    "__version__",
    "datasets",
    "effects",
    "graph",
    "metrics",
]
