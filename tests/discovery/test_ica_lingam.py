from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from linear_models import random_dag, random_knowledge, simulate
from sklearn.base import clone

from causalimg.discovery.ica_lingam import ICALiNGAM, coefficients, order_of_coefficients
from causalimg.discovery.lingam import DirectLiNGAM
from causalimg.errors import InvalidInputError
from causalimg.graph.metrics import shd


def test_recovers_the_graph_and_agrees_with_direct_lingam() -> None:
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(8):
        dag = random_dag(10, 3, rng)
        frame = simulate(dag, 1000, rng, "exponential")
        found = ICALiNGAM(alpha=0.001).fit(frame)
        wrong += shd(found.graph_, dag)
        other = DirectLiNGAM(alpha=0.001).fit(frame).graph_
        if shd(found.graph_, other) == 0:
            np.testing.assert_allclose(found.graph_.weights, other.weights, atol=0.05)
        assert found.stats_["converged"]
        assert found.stats_["largest_ignored"] < 0.3
    assert wrong <= 8  # of about 120 edges


def test_coefficients_undo_any_row_order_and_sign() -> None:
    rng = np.random.default_rng(1)
    dag = random_dag(6, 3, rng)
    noise = rng.uniform(0.5, 2, 6)
    unmixing = (np.eye(6) - dag.weights).T / noise[:, None]
    signs = rng.choice([-1.0, 1.0], 6)
    found = coefficients((unmixing * signs[:, None])[rng.permutation(6)])
    np.testing.assert_allclose(found, dag.weights * noise[:, None] / noise[None, :], atol=1e-12)


def test_order_drops_as_little_as_possible_and_honours_what_is_known() -> None:
    effects = np.array([[0, 2.0, 0, 0], [0.3, 0, 1.0, 0], [0.1, 0.2, 0, 1.5], [0, 0, 0.05, 0]])
    none = np.zeros((4, 4), dtype=bool)
    assert order_of_coefficients(effects, none) == ([0, 1, 2, 3], 0.3)
    before = none.copy()
    before[3, 0] = True
    order, ignored = order_of_coefficients(effects, before)
    assert order.index(3) < order.index(0)
    assert ignored >= 1.0


def test_nothing_depends_on_units_or_order_of_columns() -> None:
    rng = np.random.default_rng(2)
    frame = simulate(random_dag(8, 3, rng), 500, rng, "exponential")
    first = ICALiNGAM().fit(frame)
    factor = pd.Series(rng.uniform(0.01, 100, 8), index=frame.columns)
    for other in (frame * factor, frame[list(rng.permutation(frame.columns))]):
        again = ICALiNGAM().fit(other)
        assert again.stats_["causal_order"] == first.stats_["causal_order"]
        assert shd(again.graph_, first.graph_) == 0
    assert (ICALiNGAM(random_state=0).fit(frame).graph_.weights == first.graph_.weights).all()


def test_knowledge_is_never_violated() -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        dag = random_dag(5, 3, rng)
        frame = simulate(dag, 80, rng, "exponential")
        known = random_knowledge(list(dag.nodes), rng)
        found = ICALiNGAM(alpha=0.3, knowledge=known, max_iter=50).fit(frame)
        assert known.violations(found.graph_) == []


def test_no_convergence_is_said_and_settings_are_refused() -> None:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(size=(200, 5)), columns=list("abcde"))
    found = ICALiNGAM(max_iter=2).fit(frame)
    assert not found.stats_["converged"]
    assert any("cannot be told from Gaussian" in text for text in found.assumptions_)
    model = ICALiNGAM(fun="cube", random_state=3)
    assert clone(model).get_params() == model.get_params()
    for settings in ({"fun": "tanh"}, {"max_iter": 0}, {"pruning": "lasso"}):
        with pytest.raises(InvalidInputError, match=next(iter(settings))):
            ICALiNGAM(**settings).fit(frame)


def test_columns_of_large_variance_do_not_take_the_components_of_others() -> None:
    rng = np.random.default_rng(21)
    reversed_ = 0
    for _ in range(6):
        dag = random_dag(14, 4, rng)
        weights = 2.0 * np.asarray(dag.weights)  # variances grow along the order
        rows = (rng.exponential(size=(1000, 14)) - 1) @ np.linalg.inv(np.eye(14) - weights)
        found = ICALiNGAM().fit(pd.DataFrame(rows, columns=list(dag.nodes)))
        place = [found.stats_["causal_order"].index(name) for name in dag.nodes]
        reversed_ += sum(place[i] > place[j] for i, j in np.argwhere(dag.directed()))
    assert reversed_ <= 4
