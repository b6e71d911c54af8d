from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from linear_models import random_dag, simulate

from causalimg.discovery.lingam import DirectLiNGAM
from causalimg.discovery.sortability import explained, sortability, sortability_report
from causalimg.errors import UnknownNameError
from causalimg.graph.core import CausalGraph
from causalimg.tables.moments import Moments


def test_the_report_is_that_of_the_parts_and_takes_moments() -> None:
    rng = np.random.default_rng(0)
    dag = random_dag(8, 3, rng)
    frame = simulate(dag, 400, rng)
    cov = np.cov(frame.T, ddof=0)
    found = sortability_report(dag, frame)
    assert found.variance == pytest.approx(sortability(dag.directed(), np.diag(cov)))
    assert found.r2 == pytest.approx(sortability(dag.directed(), explained(cov)))
    assert sortability_report(dag, Moments.from_frame(frame)) == found
    assert found.to_frame().loc[0, "n_edges"] == int(dag.directed().sum())


def test_a_chain_in_growing_units_is_warned_of_and_one_unit_of_each_is_not() -> None:
    rng = np.random.default_rng(1)
    steps = rng.normal(size=(500, 6)).cumsum(axis=1)
    frame = pd.DataFrame(steps, columns=list("abcdef"))
    chain = CausalGraph.from_directed("abcdef", np.eye(6, k=1))
    assert sortability_report(chain, frame).variance == 1.0
    assert "variance (the units): 1.00" in sortability_report(chain, frame).warning
    mixed = frame / frame.std() * [1, 3, 2, 1, 3, 2]
    assert sortability_report(chain, mixed).warning == ""


def test_categories_are_left_out_and_few_rows_give_no_r2() -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.normal(size=(12, 12)), columns=[f"v{k:02d}" for k in range(12)])
    graph = CausalGraph.from_directed([*frame.columns, "site"], np.eye(13, k=1))
    found = sortability_report(graph, frame.assign(site=["A", "B"] * 6))
    assert found.n_edges == 11
    assert np.isnan(found.r2)
    assert 0 <= found.variance <= 1
    with pytest.raises(UnknownNameError, match="site"):
        sortability_report(graph, frame)


def test_every_fit_reports_it() -> None:
    rng = np.random.default_rng(3)
    dag = random_dag(6, 3, rng)
    frame = simulate(dag, 500, rng, "exponential")
    model = DirectLiNGAM().fit(frame)
    report = sortability_report(model.graph_, frame)
    assert model.stats_["sortability"] == {"variance": report.variance, "r2": report.r2}
