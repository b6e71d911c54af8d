from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from causalimg.discovery.pc import PC
from causalimg.errors import InvalidInputError
from causalimg.graph.metrics import shd
from causalimg.stats.transforms import nonparanormal, rank_transform, skeptic_moments


def chain(n: int, rng: np.random.Generator) -> pd.DataFrame:
    a, e, f = rng.normal(size=(3, n))
    b = a + e
    return pd.DataFrame({"a": a, "b": b, "c": b + f, "d": rng.normal(size=n)})


def bent(frame: pd.DataFrame) -> pd.DataFrame:
    """Increasing functions of the columns, far from normal."""
    return pd.DataFrame(
        {
            "a": np.exp(2 * frame["a"]),
            "b": frame["b"] ** 3,
            "c": np.exp(np.exp(frame["c"] / 3)),
            "d": np.sinh(2 * frame["d"]),
        }
    )


def test_increasing_functions_do_not_matter() -> None:
    frame = chain(300, np.random.default_rng(0))
    pd.testing.assert_frame_equal(rank_transform(frame), rank_transform(bent(frame)))
    for kind in ("spearman", "kendall"):
        one = skeptic_moments(frame, correlation=kind)
        two = skeptic_moments(bent(frame), correlation=kind)
        np.testing.assert_allclose(one.cov, two.cov, atol=1e-12)
    one, two = nonparanormal(frame), nonparanormal(bent(frame))
    np.testing.assert_allclose(one.corr(), two.corr(), atol=1e-12)
    np.testing.assert_allclose(two.mean(), bent(frame).mean())
    np.testing.assert_allclose(two.std(), bent(frame).std())


def test_the_graph_of_bent_columns() -> None:
    lost = 0
    for seed in range(5):
        frame = chain(1000, np.random.default_rng(seed))
        wanted = PC().fit(frame).graph_
        assert shd(PC().fit(nonparanormal(bent(frame))).graph_, wanted) == 0
        assert shd(PC().fit(skeptic_moments(bent(frame))).graph_, wanted) == 0
        lost += shd(PC().fit(bent(frame)).graph_, wanted)
    assert lost > 0


def test_rank_correlations_are_those_of_scipy() -> None:
    frame = chain(100, np.random.default_rng(1))
    rho = stats.spearmanr(frame["a"], frame["b"]).statistic
    tau = stats.kendalltau(frame["a"], frame["b"]).statistic
    assert skeptic_moments(frame).cov[0, 1] == pytest.approx(2 * np.sin(np.pi / 6 * rho))
    kendall = skeptic_moments(frame, correlation="kendall").cov[0, 1]
    assert kendall == pytest.approx(np.sin(np.pi / 2 * tau))


def test_the_matrix_is_a_correlation_matrix_with_more_columns_than_rows() -> None:
    frame = pd.DataFrame(np.random.default_rng(2).normal(size=(15, 30))).add_prefix("x")
    cov = skeptic_moments(frame).cov
    assert np.linalg.eigvalsh(cov)[0] > 0
    np.testing.assert_allclose(np.diag(cov), 1.0)


def test_the_variance_of_the_rank_estimate_is_as_stated() -> None:
    rng = np.random.default_rng(3)
    drawn = np.array(
        [
            skeptic_moments(pd.DataFrame(rng.normal(size=(200, 6))).add_prefix("x")).cov[
                np.triu_indices(6, 1)
            ]
            for _ in range(150)
        ]
    )
    assert drawn.var() * 200 == pytest.approx((np.pi / 3) ** 2, rel=0.1)


def test_categories_and_holes_stay() -> None:
    frame = chain(50, np.random.default_rng(4)).assign(site=["p", "q"] * 25)
    frame.loc[3, "a"] = np.nan
    for made in (rank_transform(frame), nonparanormal(frame)):
        assert made["site"].tolist() == frame["site"].tolist()
        assert made["a"].isna().tolist() == frame["a"].isna().tolist()


def test_refusals() -> None:
    frame = chain(50, np.random.default_rng(5))
    with pytest.raises(InvalidInputError, match=r"categorical: \['site'\]"):
        skeptic_moments(frame.assign(site=["p", "q"] * 25))
    with pytest.raises(InvalidInputError, match=r"constant columns .*\['flat'\]"):
        skeptic_moments(frame.assign(flat=1.0))
    with pytest.raises(InvalidInputError, match="'a'"):
        skeptic_moments(frame.mask(frame["a"] > 1))
    with pytest.raises(InvalidInputError, match="'pearson' is not one of"):
        skeptic_moments(frame, correlation="pearson")
    with pytest.raises(InvalidInputError, match=r"infinite ones in: \['a'\]"):
        rank_transform(frame.assign(a=np.inf))
