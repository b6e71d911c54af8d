"""The constrained classifier: recovers, repeats, refuses; the derived constraint beats none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from causalimg.datasets.transfer import INPUTS, PROBLEMS, transfer_problem
from causalimg.errors import InvalidInputError, UnknownNameError
from causalimg.training.alignment import MMD
from causalimg.training.group_dro import GroupDRO
from causalimg.training.licence import Kind
from causalimg.training.plan import ConstraintPlan
from causalimg.training.risk import VREx
from causalimg.training.tabular import ConstrainedClassifier

FAST = {"n_steps": 250, "ramp": 80, "random_state": 0}


def test_linear_model_is_logistic_regression() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 3)) * [1, 10, 0.1]
    y = rng.random(600) < 1 / (1 + np.exp(-(X[:, 0] - 0.2 * X[:, 1])))
    ours = ConstrainedClassifier(
        hidden=(), n_steps=800, batch_size=0, weight_decay=0.0, random_state=0
    ).fit(X, y)
    other = LogisticRegression(C=1e6).fit((X - X.mean(0)) / X.std(0), y)
    assert np.corrcoef(ours.decision_function(X), X @ (other.coef_[0] / X.std(0)))[0, 1] > 0.999
    assert ours.classes_.tolist() == [False, True]
    assert np.allclose(ours.predict_proba(X).sum(axis=1), 1)


def test_three_classes_and_text_labels() -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 3, 300)
    X = np.eye(3)[codes] + 0.3 * rng.normal(size=(300, 3))
    labels = np.array(["ct", "mr", "pet"])[codes]
    model = ConstrainedClassifier(hidden=(8,), n_steps=200, random_state=0).fit(X, labels)
    assert model.score(X, labels) > 0.95 and model.predict_proba(X).shape == (300, 3)


@pytest.mark.parametrize("name", ["shortcut", "label_shift"])
def test_the_derived_constraint_beats_none_and_a_wrong_one(name: str) -> None:
    torch.set_num_threads(1)
    problem = transfer_problem(name, n_per_site=800, n_test=2000, random_state=3)
    plan = ConstraintPlan.from_graph(problem.graph, **problem.roles())  # type: ignore[arg-type]
    X, y = problem.train[list(INPUTS)], problem.train["y"]
    variables = problem.train[["site", "marker", "y"]]

    def worst(**settings: object) -> float:
        model = ConstrainedClassifier(**FAST, **settings).fit(X, y, variables=variables)  # type: ignore[arg-type]
        return min(model.score(t[list(INPUTS)], t["y"]) for t in problem.tests.values())

    none = worst()
    wrong = worst(penalties=[(10.0, MMD("marker", on="logits"))])
    derived = worst(plan=plan)
    assert derived > none + 0.05 and derived > wrong + 0.03


def test_the_problems_license_what_their_names_say() -> None:
    wanted = {"shortcut": ("y",), "confounded": (), "anticausal": ("y",), "label_shift": ("y",)}
    for name in PROBLEMS:
        problem = transfer_problem(name, n_per_site=20, n_test=10)
        plan = ConstraintPlan.from_graph(problem.graph, **problem.roles())  # type: ignore[arg-type]
        assert plan.verdicts["marker"].kind is Kind.STATEMENT
        assert plan.verdicts["marker"].given == wanted[name]
    with pytest.raises(UnknownNameError, match="did you mean 'shortcut'"):
        transfer_problem("shortcuts")


def test_the_problems_have_the_association_they_name() -> None:
    problem = transfer_problem("shortcut", n_per_site=4000, n_test=8000)
    for share, test in problem.tests.items():
        assert (test["y"] == test["marker"]).mean() == pytest.approx(float(share), abs=0.02)
    shift = transfer_problem("label_shift", n_per_site=4000)
    rates = shift.train.groupby("site")["y"].mean()
    assert rates[0] == pytest.approx(0.85, abs=0.03) and rates[1] == pytest.approx(0.15, abs=0.03)


def test_same_seed_same_model_and_clone() -> None:
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(100, 2)), rng.integers(0, 2, 100)
    site = pd.DataFrame({"site": np.arange(100) % 2})
    model = ConstrainedClassifier(n_steps=30, penalties=[(1.0, VREx("site"))], random_state=7)
    first = clone(model).fit(X, y, variables=site).decision_function(X)
    torch.manual_seed(999)
    second = clone(model).fit(X, y, variables=site).decision_function(X)
    assert np.array_equal(first, second)
    other = clone(model).set_params(random_state=8).fit(X, y, variables=site)
    assert not np.array_equal(first, other.decision_function(X))


def test_a_penalty_that_switches_on_is_plain_training_until_then() -> None:
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(200, 3)), rng.integers(0, 2, 200)
    site = pd.DataFrame({"site": np.arange(200) % 2})
    common = {"hidden": (), "n_steps": 40, "batch_size": 0, "ramp": 60, "random_state": 0}
    weak = ConstrainedClassifier(penalties=[(1.0, VREx("site"))], schedule="switch", **common)  # type: ignore[arg-type]
    strong = clone(weak).set_params(penalties=[(1e4, VREx("site"))])
    first, second = (m.fit(X, y, variables=site).decision_function(X) for m in (weak, strong))
    assert np.array_equal(first, second)  # a weight of 1 until step 60
    after = clone(strong).set_params(ramp=20).fit(X, y, variables=site).decision_function(X)
    assert not np.allclose(first, after, atol=1e-3)
    with pytest.raises(InvalidInputError, match="'linear' or 'switch'"):
        clone(weak).set_params(schedule="jump").fit(X, y, variables=site)


def test_inputs_on_one_scale_may_stay_on_it() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 2)) * [1.0, 1e-3] + 5.0
    model = ConstrainedClassifier(n_steps=5, standardize=False, random_state=0)
    model.fit(X, rng.integers(0, 2, 50))
    assert model.mean_.tolist() == [0.0, 0.0] and model.scale_.tolist() == [1.0, 1.0]


def test_group_dro_raises_the_worst_group() -> None:
    rng = np.random.default_rng(4)
    n = 2000
    group = (rng.random(n) < 0.1).astype(int)
    y = rng.integers(0, 2, n)
    X = np.column_stack(
        [(2 * y - 1) * np.where(group == 0, 1.5, -0.2), (2 * y - 1) * np.where(group, 1.0, 0.1)]
    ) + rng.normal(size=(n, 2))
    frame = pd.DataFrame({"group": group})
    score = {}
    for dro in (None, "group"):
        model = ConstrainedClassifier(hidden=(), group_dro=dro, **FAST).fit(X, y, variables=frame)  # type: ignore[arg-type]
        right = model.predict(X) == y
        score[dro] = min(right[group == g].mean() for g in (0, 1))
    assert score["group"] > score[None] + 0.05
    with pytest.raises(InvalidInputError, match="above 0"):
        GroupDRO(2, step=0.0)


def test_bad_input_is_named() -> None:
    X, y = np.zeros((4, 2)), [0, 1, 0, 1]
    with pytest.raises(InvalidInputError, match="needs \\['site'\\]"):
        ConstrainedClassifier(penalties=[(1.0, VREx("site"))]).fit(X, y)
    with pytest.raises(InvalidInputError, match="one class only"):
        ConstrainedClassifier().fit(X, [1, 1, 1, 1])
    with pytest.raises(InvalidInputError, match="1 missing or infinite"):
        ConstrainedClassifier().fit([[np.nan, 0.0]], [1])
    with pytest.raises(InvalidInputError, match="4 rows in X, but 3"):
        ConstrainedClassifier().fit(X, [1, 0, 1])
    with pytest.raises(InvalidInputError, match="missing cells"):
        ConstrainedClassifier().fit(X, y, variables=pd.DataFrame({"site": [0, 1, None, 1]}))
    model = ConstrainedClassifier(n_steps=5).fit(X, y)
    with pytest.raises(InvalidInputError, match="trained on 2"):
        model.predict(np.zeros((1, 3)))
