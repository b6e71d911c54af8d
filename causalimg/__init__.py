"""Causal discovery and inference for imaging features.

Cohort -> FeatureTable -> CausalGraph -> EffectTable -> InvariantSet, each usable alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from causalimg.lazy import lazy_names

__version__ = "0.1.0"

if TYPE_CHECKING:
    from causalimg import datasets, effects, graph
    from causalimg.discovery.baselines import MinPivot, SortnRegress
    from causalimg.discovery.bootstrap import BootstrapDiscovery
    from causalimg.discovery.golem import GOLEM
    from causalimg.discovery.lingam import DirectLiNGAM
    from causalimg.discovery.notears import NOTEARS
    from causalimg.discovery.pc import PC
    from causalimg.discovery.redundancy import RedundancyFilter
    from causalimg.effects.cate import DRLearner
    from causalimg.effects.dml import DML
    from causalimg.effects.dose import DoseResponse
    from causalimg.effects.entropy import EntropyBalance
    from causalimg.effects.estimators import AIPW, IPW, DifferenceInMeans
    from causalimg.effects.gcomputation import GComputation
    from causalimg.effects.matching import Matching
    from causalimg.effects.stratification import Stratification
    from causalimg.effects.tmle import TMLE
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
    "DML": "effects.dml",
    "DRLearner": "effects.cate",
    "DifferenceInMeans": "effects.estimators",
    "DirectLiNGAM": "discovery.lingam",
    "DoseResponse": "effects.dose",
    "EffectTable": "tables.effect_table",
    "EntropyBalance": "effects.entropy",
    "FeatureTable": "tables.features",
    "GComputation": "effects.gcomputation",
    "GOLEM": "discovery.golem",
    "GraphKind": "graph.core",
    "IPW": "effects.estimators",
    "IbsiSettings": "radiomics.ibsi_settings",
    "InvariantSet": "tables.invariant_set",
    "Knowledge": "graph.knowledge",
    "Mark": "graph.core",
    "Matching": "effects.matching",
    "MinPivot": "discovery.baselines",
    "Moments": "tables.moments",
    "NOTEARS": "discovery.notears",
    "PC": "discovery.pc",
    "Provenance": "provenance",
    "RadiomicsExtractor": "radiomics.extractor",
    "RedundancyFilter": "discovery.redundancy",
    "SortnRegress": "discovery.baselines",
    "StableFeatures": "invariance.stable",
    "Stratification": "effects.stratification",
    "Study": "study",
    "StudyResult": "study_result",
    "TMLE": "effects.tmle",
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
    "DML",
    "GOLEM",
    "IPW",
    "NOTEARS",
    "PC",
    "TMLE",
    "BootstrapDiscovery",
    "CausalGraph",
    "Cohort",
    "Column",
    "DRLearner",
    "DifferenceInMeans",
    "DirectLiNGAM",
    "DoseResponse",
    "EffectTable",
    "EntropyBalance",
    "FeatureTable",
    "GComputation",
    "GraphKind",
    "IbsiSettings",
    "InvariantSet",
    "Knowledge",
    "Mark",
    "Matching",
    "MinPivot",
    "Moments",
    "Provenance",
    "RadiomicsExtractor",
    "RedundancyFilter",
    "SortnRegress",
    "StableFeatures",
    "Stratification",
    "Study",
    "StudyResult",
    "__version__",
    "datasets",
    "effects",
    "graph",
    "metrics",
]
