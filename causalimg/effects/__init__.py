"""Effects of a treatment (scanner, protocol, site) on many outcomes at once."""

from causalimg.effects.balance import balance_table
from causalimg.effects.diagnostics import OverlapLimits, OverlapReport
from causalimg.effects.estimators import AIPW, DifferenceInMeans, GComputation
from causalimg.effects.identify import (
    BackdoorSets,
    Verdict,
    backdoor_sets,
    efficient_set,
    is_backdoor_set,
)
from causalimg.effects.multiplicity import fdr_adjust

__all__ = [
    "AIPW",
    "BackdoorSets",
    "DifferenceInMeans",
    "GComputation",
    "OverlapLimits",
    "OverlapReport",
    "Verdict",
    "backdoor_sets",
    "balance_table",
    "efficient_set",
    "fdr_adjust",
    "is_backdoor_set",
]
