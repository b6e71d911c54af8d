"""E-values, robustness values and Rosenbaum bounds, against published numbers and formulae."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from effect_tables import ADJUSTMENT, confounded_table
from scipy import stats

from causalimg.effects import AIPW
from causalimg.effects.evalue import e_value, e_values
from causalimg.effects.rosenbaum import pair_differences, rosenbaum_bounds, rosenbaum_p
from causalimg.effects.sensitivity import benchmark_bounds, robustness, robustness_value
from causalimg.errors import InvalidInputError, UnknownNameError

DARFUR_T, DARFUR_DF = 4.18443, 783


def test_darfur() -> None:
    """Published: partial R2 0.02187, robustness value 0.13878, at the 5 % level 0.07626."""
    r2 = DARFUR_T**2 / (DARFUR_T**2 + DARFUR_DF)
    assert r2 == pytest.approx(0.02187, abs=5e-6)
    assert float(robustness_value(r2, DARFUR_DF)) == pytest.approx(0.13878, abs=5e-6)
    assert float(robustness_value(r2, DARFUR_DF, alpha=0.05)) == pytest.approx(0.07626, abs=5e-6)


def test_darfur_benchmark() -> None:
    """Published bounds of a confounder as strong as ``female``: 0.00916 and 0.12464."""
    with_treatment, with_outcome = benchmark_bounds(0.00908, 0.10903)
    assert float(with_treatment) == pytest.approx(0.00916, abs=1e-5)
    assert float(with_outcome) == pytest.approx(0.12464, abs=2e-5)


def test_robustness_value_is_what_it_takes() -> None:
    """A confounder with exactly this partial R2 on both sides brings the estimate to zero."""
    for r2 in (0.01, 0.3, 0.9):
        value = float(robustness_value(r2, 100))
        bias = np.sqrt(value * value / (1 - value))
        assert bias == pytest.approx(np.sqrt(r2 / (1 - r2)))
    assert float(robustness_value(0.001, 100, alpha=0.05)) == 0.0


def test_e_value_published() -> None:
    assert float(e_value(3.9)) == pytest.approx(7.26, abs=0.005)
    assert float(e_value(1 / 3.9)) == pytest.approx(7.26, abs=0.005)
    assert float(e_value(1.0)) == 1.0
    with pytest.raises(InvalidInputError, match="above 0"):
        e_value(-1.0)


def test_e_values_of_a_table() -> None:
    frame, names = confounded_table(0, effect=0.8)
    frame["flat"] = 1.0
    fit = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, [*names, "flat"])
    found = e_values(fit).set_index("outcome")
    row = fit.effects_.frame.iloc[0]
    ratio = np.exp(0.91 * row["effect_sd"])
    expected = ratio + np.sqrt(ratio * (ratio - 1))
    assert found.loc[names[0], "e_value"] == pytest.approx(expected)
    assert (found.loc[names, "e_value"] >= found.loc[names, "e_value_limit"]).all()
    assert found.loc["flat", "words"] == "there is no estimate"
    assert "would need risk ratios" in found.loc[names[0], "words"]


def test_robustness_of_a_table_is_the_regression_of_the_outcome() -> None:
    api = pytest.importorskip("statsmodels.api")
    frame, names = confounded_table(1, effect=0.6)
    fit = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    found = robustness(fit, benchmark=["age", "site"]).set_index("outcome")
    encoded = pd.get_dummies(frame[ADJUSTMENT], drop_first=True).astype(float)
    encoded["b"] = (frame["scanner"] == "B").astype(float)
    for name in names:
        model = api.OLS(frame[name], api.add_constant(encoded)).fit()
        t = model.tvalues["b"]
        r2 = t**2 / (t**2 + model.df_resid)
        assert found.loc[name, "partial_r2"] == pytest.approx(r2)
        assert found.loc[name, "robustness_value"] == pytest.approx(
            float(robustness_value(r2, model.df_resid))
        )
        t_age = model.tvalues["age"]
        y_age = t_age**2 / (t_age**2 + model.df_resid)
        of_b = api.OLS(encoded["b"], api.add_constant(encoded.drop(columns="b"))).fit()
        b_age = of_b.tvalues["age"] ** 2 / (of_b.tvalues["age"] ** 2 + of_b.df_resid)
        expected = benchmark_bounds(b_age, y_age)
        assert found.loc[name, "benchmark"] == "age"
        assert found.loc[name, "benchmark_r2_treatment"] == pytest.approx(float(expected[0]))
        assert found.loc[name, "benchmark_r2_outcome"] == pytest.approx(float(expected[1]))
    with pytest.raises(UnknownNameError, match="did you mean 'age'"):
        robustness(fit, benchmark=["ago"])


def test_robustness_with_three_levels_and_bad_outcomes() -> None:
    frame, names = confounded_table(2, levels="ABC")
    frame["flat"] = 1.0
    fit = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, [*names, "flat"])
    found = robustness(fit)
    assert found["outcome"].tolist() == fit.effects_.frame["outcome"].tolist()
    assert found["contrast"].tolist() == fit.effects_.frame["contrast"].tolist()
    assert found.loc[found["outcome"] == "flat", "words"].unique() == ["there is no estimate"]
    assert (found["robustness_value_alpha"].dropna() <= found["robustness_value"].dropna()).all()


def test_without_hidden_bias_the_bound_is_the_signed_rank_test() -> None:
    rng = np.random.default_rng(3)
    gap = rng.normal(0.2, 1, (60, 4))
    expected = [
        stats.wilcoxon(gap[:, k], correction=False, method="approx").pvalue for k in range(4)
    ]
    np.testing.assert_allclose(rosenbaum_p(gap), expected)


def test_bounds_by_hand_and_monotone() -> None:
    rng = np.random.default_rng(4)
    gap = pd.DataFrame({"y": rng.normal(0.6, 1, 80)})
    found = rosenbaum_bounds(gap, gammas=(1.0, 2.0)).iloc[0]
    assert found["p_gamma_1"] == pytest.approx(found["p"])
    assert found["p_gamma_2"] > found["p"]
    at = rosenbaum_p(gap.to_numpy(), found["gamma"])
    assert float(at[0]) == pytest.approx(0.05, abs=1e-6)
    ranks = stats.rankdata(np.abs(gap["y"]))
    t = ranks[gap["y"] > 0].sum()
    z = (t - 2 / 3 * ranks.sum()) / np.sqrt(2 / 9 * (ranks**2).sum())
    assert found["p_gamma_2"] == pytest.approx(min(2 * stats.norm.sf(z), 1.0))
    with pytest.raises(InvalidInputError, match="gammas must be at least 1"):
        rosenbaum_bounds(gap, gammas=(0.5,))


def test_pairs_are_close_and_used_once() -> None:
    frame, names = confounded_table(5, n=300)
    fit = AIPW(treatment="scanner", adjustment=ADJUSTMENT).fit(frame, names)
    pairs = pair_differences(fit, caliper=0.2)
    assert list(pairs.columns) == names
    smaller = frame["scanner"].value_counts().min()
    assert 0.4 * smaller < len(pairs) <= smaller
    assert abs(pairs.mean().mean() - 0.5) < 0.25
    found = rosenbaum_bounds(pairs)
    assert (found["n_pairs"] == len(pairs)).all()
    with pytest.raises(InvalidInputError, match="is not compared with 'A'"):
        pair_differences(fit, level="A")
