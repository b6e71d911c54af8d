"""Simulated cohorts: scans whose causal graph, effects and counterfactuals are known."""

from causalimg.datasets.phantom import PhantomWorld, counterfactual, phantom_cohort
from causalimg.datasets.truth import PhantomTruth, phantom_truth
from causalimg.imaging.phantom import PhantomModel, simulate_patients, true_graph

__all__ = [
    "PhantomModel",
    "PhantomTruth",
    "PhantomWorld",
    "counterfactual",
    "phantom_cohort",
    "phantom_truth",
    "simulate_patients",
    "true_graph",
]
