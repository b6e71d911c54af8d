"""Effects of a treatment (scanner, protocol, site) on many outcomes at once."""

from causalimg.effects.balance import balance_table
from causalimg.effects.cate import DRLearner
from causalimg.effects.diagnostics import OverlapLimits, OverlapReport
from causalimg.effects.dml import DML
from causalimg.effects.dose import DoseResponse
from causalimg.effects.econml_engine import econml_effects
from causalimg.effects.entropy import EntropyBalance
from causalimg.effects.estimators import AIPW, IPW, DifferenceInMeans
from causalimg.effects.evalue import e_value, e_values
from causalimg.effects.frontdoor import frontdoor_sets
from causalimg.effects.gcomputation import GComputation
from causalimg.effects.ida import possible_effects, possible_parents
from causalimg.effects.identify import (
    BackdoorSets,
    Verdict,
    backdoor_sets,
    efficient_set,
    is_backdoor_set,
)
from causalimg.effects.instruments import Instrument, instruments
from causalimg.effects.matching import Matching
from causalimg.effects.mediated import FrontDoor
from causalimg.effects.multiplicity import fdr_adjust
from causalimg.effects.negative_controls import (
    negative_control_outcome,
    negative_control_treatment,
)
from causalimg.effects.refute import (
    Refutation,
    placebo_treatment,
    random_common_cause,
    random_subset,
)
from causalimg.effects.rosenbaum import pair_differences, rosenbaum_bounds, rosenbaum_p
from causalimg.effects.sensitivity import (
    benchmark_bounds,
    robustness,
    robustness_value,
)
from causalimg.effects.simultaneous import SimultaneousEffects, simultaneous
from causalimg.effects.stratification import Stratification
from causalimg.effects.tmle import TMLE
from causalimg.effects.two_stage import IV

__all__ = [
    "AIPW",
    "DML",
    "IPW",
    "IV",
    "TMLE",
    "BackdoorSets",
    "DRLearner",
    "DifferenceInMeans",
    "DoseResponse",
    "EntropyBalance",
    "FrontDoor",
    "GComputation",
    "Instrument",
    "Matching",
    "OverlapLimits",
    "OverlapReport",
    "Refutation",
    "SimultaneousEffects",
    "Stratification",
    "Verdict",
    "backdoor_sets",
    "balance_table",
    "benchmark_bounds",
    "e_value",
    "e_values",
    "econml_effects",
    "efficient_set",
    "fdr_adjust",
    "frontdoor_sets",
    "instruments",
    "is_backdoor_set",
    "negative_control_outcome",
    "negative_control_treatment",
    "pair_differences",
    "placebo_treatment",
    "possible_effects",
    "possible_parents",
    "random_common_cause",
    "random_subset",
    "robustness",
    "robustness_value",
    "rosenbaum_bounds",
    "rosenbaum_p",
    "simultaneous",
]
