from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalimg.errors import InvalidInputError, UnknownNameError
from causalimg.tables.moments import Moments


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = 300
    site = rng.choice(["a", "b", "c"], n)
    size = 1e4 + 50 * rng.normal(size=n) + (site == "b") * 30
    return pd.DataFrame({"size": size, "site": site, "age": rng.normal(60, 10, n)})


def close(one: Moments, two: Moments) -> None:
    assert one.n == two.n
    np.testing.assert_allclose(one.mean, two.mean, rtol=1e-12)
    np.testing.assert_allclose(one.cov, two.cov, rtol=1e-9, atol=1e-9)


def test_equals_numpy_on_the_encoded_columns(table: pd.DataFrame) -> None:
    moments = Moments.from_frame(table)
    dummies = [(table["site"] == level).astype(float) for level in "bc"]
    matrix = np.column_stack([table["size"], *dummies, table["age"]])
    assert moments.columns == ("size", "site", "age")
    assert moments.levels == {"site": ("a", "b", "c")}
    assert moments.blocks["site"].tolist() == [1, 2]
    assert moments.width.tolist() == [1, 2, 1]
    np.testing.assert_allclose(moments.mean, matrix.mean(axis=0))
    np.testing.assert_allclose(moments.cov, np.cov(matrix.T, ddof=0), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(moments.correlation(), np.corrcoef(matrix.T), atol=1e-12)


def test_chunks_add_up_to_the_whole(table: pd.DataFrame) -> None:
    whole = Moments.from_frame(table)
    for size in (1, 37, 150):
        parts = [
            Moments.from_frame(table.iloc[low : low + size], levels=whole.levels)
            for low in range(0, len(table), size)
        ]
        close(Moments.pooled(parts), whole)
        close(Moments.pooled(parts[::-1]), whole)


def test_sites_with_columns_in_another_order_add_up(table: pd.DataFrame) -> None:
    whole = Moments.from_frame(table)
    first = Moments.from_frame(table[table["age"] < 60], levels=whole.levels)
    second = table.loc[table["age"] >= 60, ["age", "size", "site"]]
    close(first + Moments.from_frame(second, levels=whole.levels), whole)


def test_counts_are_repeated_rows(table: pd.DataFrame) -> None:
    rng = np.random.default_rng(1)
    rows = rng.integers(0, len(table), len(table))
    counts = np.bincount(rows, minlength=len(table))
    close(Moments.from_frame(table, weights=counts), Moments.from_frame(table.iloc[rows]))


def test_a_permutation_of_the_columns_only_permutes(table: pd.DataFrame) -> None:
    whole = Moments.from_frame(table)
    moved = Moments.from_frame(table[["age", "site", "size"]])
    assert moved.columns == ("age", "site", "size")
    close(moved, whole.select(["age", "site", "size"]))
    assert whole.select(["site"]).cov.shape == (2, 2)
    assert whole.select(["site"]).levels == whole.levels
    assert whole.select(["age"]).levels == {}


def test_large_offsets_do_not_cost_digits() -> None:
    values = pd.DataFrame({"x": 1e9 + np.arange(6.0)})
    parts = [Moments.from_frame(values.iloc[:2]), Moments.from_frame(values.iloc[2:])]
    assert (parts[0] + parts[1]).cov[0, 0] == pytest.approx(np.var(np.arange(6.0)), rel=1e-9)


def test_levels_that_do_not_occur_are_left_out(table: pd.DataFrame) -> None:
    whole = Moments.from_frame(table)
    for gone in "abc":
        rest = table[table["site"] != gone]
        fixed = Moments.from_frame(rest, levels=whole.levels).observed()
        direct = Moments.from_frame(rest)
        assert fixed.levels == direct.levels
        close(fixed, direct)
    one = Moments.from_frame(table[table["site"] == "b"], levels=whole.levels).observed()
    assert one.constant() == ("site",)
    assert whole.observed() is whole


def test_constant_nodes_are_named() -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0], "flat": [0.1, 0.1], "one": ["a", "a"]})
    moments = Moments.from_frame(frame)
    assert moments.constant() == ("flat", "one")
    with pytest.raises(InvalidInputError, match=r"constant: \('flat', 'one'\)"):
        moments.correlation()


def test_refusals(table: pd.DataFrame) -> None:
    holes = table.assign(age=table["age"].where(table["age"] < 60), flat=np.inf)
    with pytest.raises(InvalidInputError, match=r"infinite cells in: \['age', 'flat'\]"):
        Moments.from_frame(holes)
    with pytest.raises(InvalidInputError, match="encoded with levels"):
        _ = Moments.from_frame(table) + Moments.from_frame(table[table["site"] != "c"])
    with pytest.raises(InvalidInputError, match=r"odd ones: \['age'\]"):
        _ = Moments.from_frame(table) + Moments.from_frame(table.drop(columns="age"))
    with pytest.raises(InvalidInputError, match="none negative"):
        Moments.from_frame(table, weights=-np.ones(len(table)))
    with pytest.raises(InvalidInputError, match="sum to zero"):
        Moments.from_frame(table, weights=np.zeros(len(table)))
    with pytest.raises(InvalidInputError, match="at least one row"):
        Moments.from_frame(table.iloc[:0])
    with pytest.raises(InvalidInputError, match="nothing to pool"):
        Moments.pooled([])
    with pytest.raises(UnknownNameError, match="did you mean 'site'"):
        Moments.from_frame(table).select(["sitee"])
    with pytest.raises(ValueError, match="read-only"):
        Moments.from_frame(table).cov[0, 0] = 1.0
