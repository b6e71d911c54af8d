"""Causal discovery and inference for imaging features.

Cohort -> FeatureTable -> CausalGraph -> EffectTable -> InvariantSet -> ConstraintPlan, each usable
alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from causalimg.lazy import lazy_names

__version__ = "0.1.0"

if TYPE_CHECKING:
    from causalimg import datasets, effects, graph, harmonize, invariance, shift, training
    from causalimg.discovery import cluster_graph, cluster_moments, cluster_stability
    from causalimg.discovery.anm import ANM
    from causalimg.discovery.baselines import MinPivot, SortnRegress
    from causalimg.discovery.bootstrap import BootstrapDiscovery
    from causalimg.discovery.boss import BOSS
    from causalimg.discovery.cluster_stability import take_apart
    from causalimg.discovery.fci import FCI
    from causalimg.discovery.ges import GES
    from causalimg.discovery.golem import GOLEM
    from causalimg.discovery.ica_lingam import ICALiNGAM
    from causalimg.discovery.identities import find_identities
    from causalimg.discovery.imputation import MultipleImputation
    from causalimg.discovery.imputed import ImputedDiscovery
    from causalimg.discovery.lingam import DirectLiNGAM
    from causalimg.discovery.notears import NOTEARS
    from causalimg.discovery.notears_mlp import NOTEARSMLP
    from causalimg.discovery.pc import PC
    from causalimg.discovery.redundancy import RedundancyFilter
    from causalimg.discovery.sortability import sortability_report
    from causalimg.discovery.tier_regression import TierRegression
    from causalimg.effects.cate import DRLearner
    from causalimg.effects.dml import DML
    from causalimg.effects.dose import DoseResponse
    from causalimg.effects.entropy import EntropyBalance
    from causalimg.effects.estimators import AIPW, IPW, DifferenceInMeans
    from causalimg.effects.gcomputation import GComputation
    from causalimg.effects.matching import Matching
    from causalimg.effects.mediated import FrontDoor
    from causalimg.effects.stratification import Stratification
    from causalimg.effects.tmle import TMLE
    from causalimg.effects.two_stage import IV
    from causalimg.graph import metrics
    from causalimg.graph.core import CausalGraph, GraphKind, Mark
    from causalimg.graph.files import read_graph, write_graph
    from causalimg.graph.knowledge import Knowledge
    from causalimg.harmonize.causal import CausalComBat
    from causalimg.harmonize.combat import ComBat
    from causalimg.harmonize.covbat import CovBat
    from causalimg.harmonize.gam import ComBatGAM
    from causalimg.harmonize.longitudinal import LongitudinalComBat
    from causalimg.invariance.anchor import AnchorRegression
    from causalimg.invariance.hidden_icp import HiddenICP
    from causalimg.invariance.icp import ICP
    from causalimg.invariance.nonlinear_icp import NonlinearICP
    from causalimg.invariance.stabilized import StabilizedRegression
    from causalimg.invariance.stable import StableFeatures
    from causalimg.provenance import Provenance
    from causalimg.radiomics.extractor import RadiomicsExtractor
    from causalimg.radiomics.ibsi_settings import IbsiSettings
    from causalimg.stats.g_square import GSquare
    from causalimg.stats.independence import FisherZ
    from causalimg.stats.kci import KCI
    from causalimg.stats.mixed_lrt import MixedLRT
    from causalimg.stats.rcit import RCIT
    from causalimg.stats.transforms import nonparanormal, rank_transform, skeptic_moments
    from causalimg.study import Study
    from causalimg.study_result import StudyResult
    from causalimg.tables.cohort import Cohort
    from causalimg.tables.effect_table import EffectTable
    from causalimg.tables.features import Column, FeatureTable
    from causalimg.tables.invariant_set import InvariantSet
    from causalimg.tables.moments import Moments

_WHERE = {
    "AIPW": "effects.estimators",
    "ANM": "discovery.anm",
    "AnchorRegression": "invariance.anchor",
    "BOSS": "discovery.boss",
    "BootstrapDiscovery": "discovery.bootstrap",
    "CausalComBat": "harmonize.causal",
    "CausalGraph": "graph.core",
    "Cohort": "tables.cohort",
    "Column": "tables.features",
    "ComBat": "harmonize.combat",
    "ComBatGAM": "harmonize.gam",
    "CovBat": "harmonize.covbat",
    "DML": "effects.dml",
    "DRLearner": "effects.cate",
    "DifferenceInMeans": "effects.estimators",
    "DirectLiNGAM": "discovery.lingam",
    "DoseResponse": "effects.dose",
    "EffectTable": "tables.effect_table",
    "EntropyBalance": "effects.entropy",
    "FCI": "discovery.fci",
    "FeatureTable": "tables.features",
    "FisherZ": "stats.independence",
    "FrontDoor": "effects.mediated",
    "GComputation": "effects.gcomputation",
    "GES": "discovery.ges",
    "GOLEM": "discovery.golem",
    "GSquare": "stats.g_square",
    "GraphKind": "graph.core",
    "HiddenICP": "invariance.hidden_icp",
    "ICALiNGAM": "discovery.ica_lingam",
    "ICP": "invariance.icp",
    "IPW": "effects.estimators",
    "IV": "effects.two_stage",
    "IbsiSettings": "radiomics.ibsi_settings",
    "ImputedDiscovery": "discovery.imputed",
    "InvariantSet": "tables.invariant_set",
    "KCI": "stats.kci",
    "Knowledge": "graph.knowledge",
    "LongitudinalComBat": "harmonize.longitudinal",
    "Mark": "graph.core",
    "Matching": "effects.matching",
    "MinPivot": "discovery.baselines",
    "MixedLRT": "stats.mixed_lrt",
    "Moments": "tables.moments",
    "MultipleImputation": "discovery.imputation",
    "NOTEARS": "discovery.notears",
    "NOTEARSMLP": "discovery.notears_mlp",
    "NonlinearICP": "invariance.nonlinear_icp",
    "PC": "discovery.pc",
    "Provenance": "provenance",
    "RCIT": "stats.rcit",
    "RadiomicsExtractor": "radiomics.extractor",
    "RedundancyFilter": "discovery.redundancy",
    "SortnRegress": "discovery.baselines",
    "StabilizedRegression": "invariance.stabilized",
    "StableFeatures": "invariance.stable",
    "Stratification": "effects.stratification",
    "Study": "study",
    "StudyResult": "study_result",
    "TMLE": "effects.tmle",
    "TierRegression": "discovery.tier_regression",
    "cluster_graph": "discovery.cluster_graph",
    "cluster_moments": "discovery.cluster_moments",
    "cluster_stability": "discovery.cluster_stability",
    "datasets": "datasets",
    "effects": "effects",
    "find_identities": "discovery.identities",
    "graph": "graph",
    "harmonize": "harmonize",
    "invariance": "invariance",
    "metrics": "graph.metrics",
    "nonparanormal": "stats.transforms",
    "rank_transform": "stats.transforms",
    "read_graph": "graph.files",
    "shift": "shift",
    "skeptic_moments": "stats.transforms",
    "sortability_report": "discovery.sortability",
    "take_apart": "discovery.cluster_stability",
    "training": "training",
    "write_graph": "graph.files",
}
__getattr__, _names = lazy_names(__name__, _WHERE)


def __dir__() -> list[str]:
    return sorted(["__version__", *_names()])


__all__ = [
    "AIPW",
    "ANM",
    "BOSS",
    "DML",
    "FCI",
    "GES",
    "GOLEM",
    "ICP",
    "IPW",
    "IV",
    "KCI",
    "NOTEARS",
    "NOTEARSMLP",
    "PC",
    "RCIT",
    "TMLE",
    "AnchorRegression",
    "BootstrapDiscovery",
    "CausalComBat",
    "CausalGraph",
    "Cohort",
    "Column",
    "ComBat",
    "ComBatGAM",
    "CovBat",
    "DRLearner",
    "DifferenceInMeans",
    "DirectLiNGAM",
    "DoseResponse",
    "EffectTable",
    "EntropyBalance",
    "FeatureTable",
    "FisherZ",
    "FrontDoor",
    "GComputation",
    "GSquare",
    "GraphKind",
    "HiddenICP",
    "ICALiNGAM",
    "IbsiSettings",
    "ImputedDiscovery",
    "InvariantSet",
    "Knowledge",
    "LongitudinalComBat",
    "Mark",
    "Matching",
    "MinPivot",
    "MixedLRT",
    "Moments",
    "MultipleImputation",
    "NonlinearICP",
    "Provenance",
    "RadiomicsExtractor",
    "RedundancyFilter",
    "SortnRegress",
    "StabilizedRegression",
    "StableFeatures",
    "Stratification",
    "Study",
    "StudyResult",
    "TierRegression",
    "__version__",
    "cluster_graph",
    "cluster_moments",
    "cluster_stability",
    "datasets",
    "effects",
    "find_identities",
    "graph",
    "harmonize",
    "invariance",
    "metrics",
    "nonparanormal",
    "rank_transform",
    "read_graph",
    "shift",
    "skeptic_moments",
    "sortability_report",
    "take_apart",
    "training",
    "write_graph",
]
