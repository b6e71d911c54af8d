"""The covariates to preserve, read off the graph."""

from __future__ import annotations

import pytest

from causalimg.errors import (
    CausalImgWarning,
    IdentificationError,
    InvalidInputError,
    UnknownNameError,
)
from causalimg.graph.core import CausalGraph
from causalimg.harmonize import covariates_from_graph
from causalimg.imaging.phantom import true_graph


def graph(*edges: str) -> CausalGraph:
    """Return a DAG from edges such as ``"age>f"``."""
    pairs = [tuple(edge.split(">")) for edge in edges]
    nodes = tuple(dict.fromkeys(name for pair in pairs for name in pair))
    matrix = [[int((a, b) in pairs) for b in nodes] for a in nodes]
    return CausalGraph.from_directed(nodes, matrix)


def test_confounders_and_causes_are_kept_instruments_and_mediators_are_not() -> None:
    known = graph("age>scanner", "age>f", "sex>f", "site>scanner", "scanner>dose", "dose>f")
    assert covariates_from_graph(known, batch="scanner", features=["f"]) == ("age", "sex")


def test_the_outcome_is_never_kept_in_silence() -> None:
    known = graph("age>scanner", "age>f", "ill>f", "ill>drug", "drug>f", "scanner>f")
    assert covariates_from_graph(known, batch="scanner", outcome="ill") == ("age",)
    with pytest.warns(CausalImgWarning, match="labels of the training cases"):
        kept = covariates_from_graph(known, batch="scanner", outcome="ill", allow_outcome=True)
    assert kept == ("age", "ill", "drug")


def test_a_case_mix_that_differs_by_scanner_has_no_answer() -> None:
    known = graph("ill>f", "ill>scanner", "scanner>f")
    with pytest.raises(IdentificationError, match=r"no answer.*without the outcome 'ill'"):
        covariates_from_graph(known, batch="scanner", outcome="ill")
    with pytest.warns(CausalImgWarning):
        assert covariates_from_graph(known, batch="scanner", outcome="ill", allow_outcome=True) == (
            "ill",
        )


def test_what_was_not_measured_cannot_be_kept() -> None:
    known = graph("age>scanner", "age>f", "scanner>f", "sex>f")
    with pytest.raises(IdentificationError, match="no answer"):
        covariates_from_graph(known, batch="scanner", observed=["scanner", "f", "sex"])
    assert (
        covariates_from_graph(
            graph("age>f", "scanner>f"), batch="scanner", observed=["scanner", "f"]
        )
        == ()
    )


def test_the_phantoms_graph() -> None:
    known = true_graph({"texture": ["scanner", "protocol", "lesion_texture"]})
    observed = ["age", "sex", "site", "scanner", "protocol", "malignant", "texture"]
    kept = covariates_from_graph(
        known, batch="scanner", outcome="malignant", features=["texture"], observed=observed
    )
    # site acts on the texture by way of the protocol as well
    assert kept == ("age", "site", "protocol")


def test_refusals() -> None:
    known = graph("age>f", "scanner>f")
    with pytest.raises(InvalidInputError, match="no node that batch 'f' acts on"):
        covariates_from_graph(known, batch="f")
    with pytest.raises(UnknownNameError):
        covariates_from_graph(known, batch="scaner")
    with pytest.raises(InvalidInputError, match="outcome 'f' is among the features"):
        covariates_from_graph(known, batch="scanner", features=["f"], outcome="f")
