"""Harmonisation: take batch effects (scanner, site, protocol) out of features, and keep biology."""

from causalimg.harmonize.causal import CausalComBat
from causalimg.harmonize.combat import ComBat
from causalimg.harmonize.comparable import check_overlap
from causalimg.harmonize.covbat import CovBat
from causalimg.harmonize.gam import ComBatGAM
from causalimg.harmonize.graph_covariates import covariates_from_graph
from causalimg.harmonize.longitudinal import LongitudinalComBat
from causalimg.harmonize.report import HarmonizationReport, harmonization_report

__all__ = [
    "CausalComBat",
    "ComBat",
    "ComBatGAM",
    "CovBat",
    "HarmonizationReport",
    "LongitudinalComBat",
    "check_overlap",
    "covariates_from_graph",
    "harmonization_report",
]
