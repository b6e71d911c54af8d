from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalimg.discovery.anm import ANM, spline_residual
from causalimg.discovery.hsic import hsic_test
from causalimg.errors import InvalidInputError
from causalimg.graph.knowledge import Knowledge
from causalimg.tables.moments import Moments


def curve(rng: np.random.Generator, n: int = 300) -> pd.DataFrame:
    x = rng.uniform(-2, 2, n)
    return pd.DataFrame({"b": np.exp(x) + rng.normal(size=n), "a": x})


def test_hsic_keeps_its_level_and_sees_what_correlation_does_not() -> None:
    rng = np.random.default_rng(0)
    p = [hsic_test(rng.normal(size=60), rng.exponential(size=60))[1] for _ in range(600)]
    for level in (0.05, 0.2):
        share = np.mean(np.array(p) < level)
        assert abs(share - level) < 4 * np.sqrt(level * (1 - level) / 600)
    x = rng.normal(size=200)
    assert hsic_test(x, x**2 + rng.normal(size=200))[1] < 1e-3


def test_the_gamma_p_value_is_that_of_permutations() -> None:
    rng = np.random.default_rng(1)
    for strength in (0.0, 0.12, 0.2):
        x = rng.normal(size=60)
        y = strength * x**2 + rng.normal(size=60)
        statistic, p = hsic_test(x, y)
        shuffled = [hsic_test(x, rng.permutation(y))[0] for _ in range(400)]
        assert p == pytest.approx(np.mean(np.array(shuffled) >= statistic), abs=0.08)


def test_hsic_refuses_what_it_cannot_test() -> None:
    with pytest.raises(InvalidInputError, match="equal length"):
        hsic_test(np.arange(10.0), np.arange(9.0))
    with pytest.raises(InvalidInputError, match="vary"):
        hsic_test(np.ones(10), np.arange(10.0))


def test_finds_the_direction() -> None:
    rng = np.random.default_rng(2)
    right = 0
    for _ in range(20):
        found = ANM().fit(curve(rng))
        right += found.graph_.parents("b") == ("a",)
        assert set(found.stats_["p_values"]) == {("a", "b"), ("b", "a")}
    assert right >= 18


def test_linear_gaussian_is_undecided_and_independent_has_no_edge() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=300)
    line = ANM().fit(pd.DataFrame({"a": x, "b": x + rng.normal(size=300)}))
    assert line.stats_["decision"] == "undecided"
    assert line.stats_["reason"].startswith("both directions fit")
    assert line.graph_.neighbors("a") == ("b",)
    apart = ANM().fit(pd.DataFrame({"a": x, "b": rng.normal(size=300)}))
    assert apart.stats_["decision"] == "independent"
    assert not apart.graph_.adjacent("a", "b")


def test_a_hidden_common_cause_fits_neither_direction() -> None:
    rng = np.random.default_rng(4)
    hidden = rng.uniform(-2, 2, 800)
    frame = pd.DataFrame(
        {
            "a": hidden**2 + 0.2 * rng.normal(size=800),
            "b": np.sin(3 * hidden) + hidden + 0.2 * rng.normal(size=800),
        }
    )
    found = ANM().fit(frame)
    assert found.stats_["decision"] == "undecided"
    assert found.stats_["reason"].startswith("neither direction fits")


def test_engines_and_regressions_agree_on_a_clear_case() -> None:
    pytest.importorskip("causallearn")
    frame = curve(np.random.default_rng(5), 120)
    for settings in ({"regression": "gaussian_process"}, {"engine": "causal-learn"}):
        assert ANM(**settings).fit(frame).stats_["decision"] == "a -> b"


def test_the_spline_follows_a_curve_and_not_the_noise() -> None:
    rng = np.random.default_rng(6)
    x = rng.uniform(-3, 3, 500)
    noise = rng.normal(size=500)
    left = spline_residual(x, np.sin(2 * x) + noise)
    assert np.corrcoef(left, noise)[0, 1] > 0.97


def test_nothing_depends_on_units_or_order() -> None:
    frame = curve(np.random.default_rng(7))
    first = ANM().fit(frame).stats_["p_values"]
    other = ANM().fit(frame[["a", "b"]] * [100.0, 0.001] + 5).stats_["p_values"]
    assert other == pytest.approx(first, rel=1e-6)
    few = [ANM(max_rows=100, random_state=0).fit(frame).stats_["p_values"] for _ in range(2)]
    assert few[0] == few[1] != first


def test_knowledge_decides() -> None:
    frame = curve(np.random.default_rng(8))
    for known, decision in [
        (Knowledge(required=[("b", "a")]), "b -> a"),
        (Knowledge(tiers=[["b"], ["a"]]), "b -> a"),
        (Knowledge(forbidden=[("a", "b"), ("b", "a")]), "no edge"),
    ]:
        found = ANM(knowledge=known).fit(frame)
        assert found.stats_["decision"] == decision
        assert known.violations(found.graph_) == []
        assert found.stats_["p_values"]["a", "b"] > 0.01


def test_refusals() -> None:
    frame = curve(np.random.default_rng(9), 50)
    with pytest.raises(InvalidInputError, match="two continuous columns"):
        ANM().fit(frame.assign(c=frame["a"] ** 2))
    with pytest.raises(InvalidInputError, match=r"categorical: \['site'\]"):
        ANM().fit(frame.assign(site=["x", "y"] * 25)[["a", "site"]])
    with pytest.raises(InvalidInputError, match="needs the rows"):
        ANM().fit(Moments.from_frame(frame))
    for settings in ({"alpha": 0}, {"regression": "tree"}, {"max_rows": 5}, {"engine": "r"}):
        with pytest.raises(InvalidInputError, match=next(iter(settings))):
            ANM(**settings).fit(frame)
