"""Causal Dantzig: recovery under hidden confounding, level, intervals, when it must not answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from invariance_tables import hidden_arrays
from scipy.optimize import check_grad

from causalimg.errors import InvalidInputError, NotEstimableError
from causalimg.invariance.hidden_icp import HiddenICP
from causalimg.invariance.icp import ICP
from causalimg.invariance.inner_products import InnerProducts

NAMES = ["a", "b", "c", "d"]


def frame(seed: int, **sizes: int) -> pd.DataFrame:
    x, y, codes, _ = hidden_arrays(seed, **sizes)
    return pd.DataFrame(x, columns=NAMES).assign(y=y, site=[f"s{c}" for c in codes])


def fitted(table: pd.DataFrame, **settings: object) -> HiddenICP:
    return HiddenICP(environment="site", **settings).fit(table, outcome="y", features=NAMES)


def test_coefficients_under_hidden_confounding() -> None:
    table = frame(0, n=5000)
    found = fitted(table)
    np.testing.assert_allclose(found.coef_, [0.8, -0.5, 0.0, 0.0], atol=0.1)
    assert found.predictors_.features == ("a", "b")
    assert found.identified_
    # least squares is far off here, so that the agreement above is not by chance
    slope = np.linalg.lstsq(
        np.column_stack([np.ones(len(table)), table[NAMES]]), table["y"], rcond=None
    )[0]
    assert np.abs(slope[1:] - [0.8, -0.5, 0.0, 0.0]).max() > 0.3
    assert ICP(environment="site").fit(table, outcome="y", features=NAMES).model_rejected_


def test_level_and_coverage() -> None:
    wrong = rejected = used = 0
    outside = np.zeros(4)
    runs = 40
    for seed in range(runs):
        found = fitted(frame(seed))
        wrong += bool({"c", "d"} & set(found.predictors_.features))
        rejected += found.model_rejected_
        evidence = found.predictors_.evidence
        if found.identified_ and not found.model_rejected_:
            used += 1
            truth = np.array([0.8, -0.5, 0.0, 0.0])
            outside += ((evidence["ci_low"] > truth) | (evidence["ci_high"] < truth)).to_numpy()
    assert wrong / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)
    assert rejected / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)
    assert used > 25
    assert (outside / used <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / used)).all()


def test_two_environments_agree_with_the_closed_form() -> None:
    """With the covariances alone, two environments give one linear equation."""
    x, y, codes, truth = hidden_arrays(5, n=50_000, environments=2)
    first, second = codes == 0, codes == 1
    gap_x = np.cov(x[second], rowvar=False) - np.cov(x[first], rowvar=False)
    centred = [
        (x[r] - x[r].mean(axis=0)).T @ (y[r] - y[r].mean()) / r.sum() for r in (second, first)
    ]
    closed = np.linalg.solve(gap_x, centred[0] - centred[1])
    products = InnerProducts.of(x, y, codes)
    np.testing.assert_allclose(products.minimise(products.start())[1], closed, atol=0.05)
    np.testing.assert_allclose(closed, truth, atol=0.05)


def test_the_gradient() -> None:
    x, y, codes, _ = hidden_arrays(1, n=40)
    products = InnerProducts.of(x, y, codes)
    at = np.array([0.3, -0.2, 0.5, 0.1])
    error = check_grad(lambda b: products.distance(b)[0], lambda b: products.distance(b)[1], at)
    assert error < 1e-4 * np.abs(products.distance(at)[1]).max() + 1e-4


def test_environments_that_do_not_differ_identify_nothing() -> None:
    rng = np.random.default_rng(0)
    table = frame(2, n=600)
    table["site"] = rng.choice(["u", "v"], len(table))
    found = fitted(table)
    assert not found.identified_
    assert found.p_identified_ > 0.001
    assert found.predictors_.features == ()
    assert found.predictors_.evidence["ci_low"].isna().all()


def test_an_environment_that_acts_on_the_outcome_is_rejected() -> None:
    table = frame(2, n=800)
    table["y"] += 3.0 * (table["site"] == "s1")
    found = fitted(table)
    assert found.model_rejected_
    assert found.predictors_.features == ()


def test_screening_names_what_is_lost() -> None:
    rng = np.random.default_rng(5)
    table = frame(5, n=800)
    extra = pd.DataFrame(rng.normal(size=(len(table), 30)), columns=[f"z{k}" for k in range(30)])
    search = HiddenICP(environment="site", max_features=6)
    names = [*NAMES, *extra.columns]
    found = search.fit(table.join(extra), outcome="y", features=names).predictors_
    assert (found.evidence["verdict"] == "screened_out").sum() == 28
    assert "no direct cause was screened out" in found.claim


def test_units_and_order_do_not_matter() -> None:
    table = frame(6)
    first = fitted(table).predictors_.evidence
    scaled = table.assign(a=table["a"] * 100 + 3).sample(frac=1.0, random_state=1)
    second = fitted(scaled).predictors_.evidence
    np.testing.assert_allclose(second["p"], first["p"], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(second["estimate"][0] * 100, first["estimate"][0], rtol=1e-3)


def test_refusals() -> None:
    table = frame(0)
    with pytest.raises(InvalidInputError, match="must be from 1 to 20"):
        fitted(table, max_features=21)
    with pytest.raises(InvalidInputError, match="alpha must be between"):
        fitted(table, alpha=0.0)
    with pytest.raises(NotEstimableError, match="6 rows for 4 features"):
        fitted(table.iloc[:506])
    with pytest.raises(InvalidInputError, match="needs accepted sets"):
        fitted(table).predictors_.true_discoveries(["a"])
