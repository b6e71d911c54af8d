"""Studies made by hand, as fixtures."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from synthetic_study import make_graph, make_study

from causalimg.graph.core import CausalGraph
from causalimg.study_result import StudyResult


@pytest.fixture(scope="session")
def studies() -> Callable[..., StudyResult]:
    """The function that makes a study."""
    return make_study


@pytest.fixture(scope="session")
def graphs() -> Callable[..., CausalGraph]:
    """The function that makes a graph of context, features and an outcome."""
    return make_graph


@pytest.fixture(scope="session")
def study() -> StudyResult:
    """A study with every part."""
    return make_study()


@pytest.fixture(scope="session")
def bare() -> StudyResult:
    """A study that only extracted."""
    return make_study(parts=False, n_failed=0)
