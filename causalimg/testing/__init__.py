"""Checks that a plug-in keeps the contract that this package holds its own algorithms to."""

from causalimg.testing.ci_test import check_ci_test
from causalimg.testing.clauses import Conformance, ConformanceError, FailedClause
from causalimg.testing.discovery import check_discovery
from causalimg.testing.effect import check_effect
from causalimg.testing.extractor import check_extractor, lesion_scan
from causalimg.testing.penalty import check_penalty
from causalimg.testing.tables import discovery_table, independence_table, trial_table

__all__ = [
    "Conformance",
    "ConformanceError",
    "FailedClause",
    "check_ci_test",
    "check_discovery",
    "check_effect",
    "check_extractor",
    "check_penalty",
    "discovery_table",
    "independence_table",
    "lesion_scan",
    "trial_table",
]
