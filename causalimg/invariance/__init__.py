"""Invariant feature sets: stable measurements, invariant predictors, and their evidence."""

from causalimg.invariance.anchor import AnchorRegression
from causalimg.invariance.graph_sets import GraphSets, graph_invariant_sets
from causalimg.invariance.hidden_icp import HiddenICP
from causalimg.invariance.icp import ICP
from causalimg.invariance.nonlinear_icp import NonlinearICP
from causalimg.invariance.predictors import InvariantPredictors
from causalimg.invariance.reliability import reliability
from causalimg.invariance.stabilized import StabilizedRegression
from causalimg.invariance.stable import StableFeatures

__all__ = [
    "ICP",
    "AnchorRegression",
    "GraphSets",
    "HiddenICP",
    "InvariantPredictors",
    "NonlinearICP",
    "StabilizedRegression",
    "StableFeatures",
    "graph_invariant_sets",
    "reliability",
]
