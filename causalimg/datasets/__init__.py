"""Simulated cohorts and tables, whose causal graph, effects and counterfactuals are known."""

from causalimg.datasets.dicom import phantom_dicom
from causalimg.datasets.near_copies import NearCopies, near_copies
from causalimg.datasets.phantom import PhantomWorld, counterfactual, phantom_cohort
from causalimg.datasets.potential import phantom_truth
from causalimg.datasets.truth import PhantomTruth
from causalimg.imaging.phantom import simulate_patients, true_graph
from causalimg.imaging.phantom_model import PhantomModel

__all__ = [
    "NearCopies",
    "PhantomModel",
    "PhantomTruth",
    "PhantomWorld",
    "counterfactual",
    "near_copies",
    "phantom_cohort",
    "phantom_dicom",
    "phantom_truth",
    "simulate_patients",
    "true_graph",
]
