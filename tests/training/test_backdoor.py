"""The back-door classifier: interventional error below the observational model's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import log_loss

from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError
from causalimg.training.backdoor import BackdoorClassifier


def draw(
    rng: np.random.Generator, n: int, confounded: bool
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Return inputs, outcome and site; the site moves both unless the inputs are set by hand."""
    site = rng.integers(0, 3, n)
    x = rng.normal(size=(n, 2))
    if confounded:
        x[:, 0] += 1.5 * (site - 1)
    y = rng.random(n) < 1 / (1 + np.exp(-(1.0 * x[:, 1] - 0.5 * x[:, 0] + 2.0 * (site - 1))))
    return x, y.astype(int), pd.DataFrame({"site": np.array(["a", "b", "c"])[site]})


def test_interventional_error_is_below_that_of_the_observational_model() -> None:
    rng = np.random.default_rng(0)
    X, y, site = draw(rng, 4000, True)
    new_x, new_y, _ = draw(rng, 8000, False)
    ours = BackdoorClassifier().fit(X, y, adjust=site)
    plain = LogisticRegression().fit(X, y)
    truth = np.zeros(len(new_x))
    for effect in (-2.0, 0.0, 2.0):
        truth += 1 / (1 + np.exp(-(new_x[:, 1] - 0.5 * new_x[:, 0] + effect))) / 3
    found = ours.predict_proba(new_x)[:, 1]
    assert np.abs(found - truth).mean() < 0.02
    assert np.abs(plain.predict_proba(new_x)[:, 1] - truth).mean() > 0.08
    assert log_loss(new_y, found) < log_loss(new_y, plain.predict_proba(new_x)[:, 1]) - 0.03


def test_formula_by_hand_another_base_and_another_population() -> None:
    rng = np.random.default_rng(1)
    X, y, site = draw(rng, 800, True)
    base = RandomForestClassifier(30, min_samples_leaf=5, random_state=0)
    model = BackdoorClassifier(base).fit(X, y, adjust=site)
    rows = X[:7]
    by_hand = np.zeros((7, 2))
    for level, share in site["site"].value_counts(normalize=True).items():
        code = np.tile([float(level == "b"), float(level == "c")], (7, 1))
        by_hand += share * model.base_.predict_proba(np.hstack([rows, code]))
    assert np.allclose(model.predict_proba(rows), by_hand)
    only_c = pd.DataFrame({"site": ["c"] * 5})
    code = np.tile([0.0, 1.0], (7, 1))
    wanted = model.base_.predict_proba(np.hstack([rows, code]))
    assert np.allclose(model.predict_proba(rows, population=only_c), wanted)
    with pytest.raises(UnknownNameError, match="site"):
        model.predict_proba(rows, population=only_c.rename(columns={"site": "sites"}))
    with pytest.raises(InvalidInputError, match=r"did not meet: \['d'\]"):
        model.predict_proba(rows, population=pd.DataFrame({"site": ["d"]}))


def test_many_strata_are_drawn_and_repeat() -> None:
    rng = np.random.default_rng(2)
    age = rng.normal(size=600)
    X = (age + rng.normal(size=600)).reshape(-1, 1)
    y = (rng.random(600) < 1 / (1 + np.exp(-2 * age))).astype(int)
    frame = pd.DataFrame({"age": age})
    first = BackdoorClassifier(max_strata=100).fit(X, y, adjust=frame)
    second = BackdoorClassifier(max_strata=100).fit(X, y, adjust=frame)
    assert len(first.strata_) == 100
    assert np.array_equal(first.predict_proba(X[:5]), second.predict_proba(X[:5]))
    assert abs(np.ptp(first.predict_proba([[-2.0], [2.0]])[:, 1])) < 0.25


def test_refusals() -> None:
    X, y = np.zeros((6, 1)), np.array([0, 1, 0, 1, 1, 1])
    site = pd.DataFrame({"site": list("aaaabb")})
    with pytest.raises(NotEstimableError, match="every case with site = 'b'"):
        BackdoorClassifier().fit(X, y, adjust=site)
    with pytest.raises(NotEstimableError, match="one class only"):
        BackdoorClassifier().fit(X, np.zeros(6), adjust=site)
    with pytest.raises(InvalidInputError, match="same complete rows"):
        BackdoorClassifier().fit(X, y, adjust=site[:3])
    with pytest.raises(InvalidInputError, match="predict_proba"):
        BackdoorClassifier(RidgeClassifier()).fit(X, y, adjust=site)
