from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from causalimg.errors import InvalidInputError, NotEstimableError, UnknownNameError
from causalimg.stats.independence import FisherZ
from causalimg.tables.encode import Encoded, encode
from causalimg.tables.moments import Moments


def mixed(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Two categories and two numbers that depend on a third of each kind only."""
    hub = rng.choice(["h0", "h1", "h2"], n)
    base = rng.normal(size=n)
    shift = pd.Series(hub).map({"h0": -0.7, "h1": 0.0, "h2": 0.9}).to_numpy()
    lean = np.where(rng.random(n) < 0.5, hub, rng.choice(["h0", "h1", "h2"], n))
    return pd.DataFrame(
        {
            "hub": hub,
            "base": base,
            "x": base + shift + rng.normal(size=n),
            "y": -base + shift + rng.normal(size=n),
            "c": rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2]),
            "k": np.char.add("k", np.char.replace(lean.astype(str), "h", "")),
            "two": rng.choice(["p", "q"], n),
        }
    )


COLUMNS = ("hub", "base", "x", "y", "c", "k", "two")


@pytest.fixture(scope="module")
def rows() -> Encoded:
    """Enough rows for every run of the level tests, encoded once."""
    return encode(mixed(600 * 200, np.random.default_rng(5)), COLUMNS)


def partial_correlation(frame: pd.DataFrame, x: str, y: str, given: list[str]) -> float:
    design = np.column_stack([np.ones(len(frame)), *[frame[g] for g in given]])
    left = [frame[v] - design @ np.linalg.lstsq(design, frame[v], rcond=None)[0] for v in (x, y)]
    return float(np.corrcoef(*left)[0, 1])


@pytest.mark.parametrize("size", [0, 1, 2, 3, 5])
def test_scalar_nodes_are_the_textbook_test(size: int) -> None:
    rng = np.random.default_rng(size)
    mix = rng.normal(size=(8, 8))
    frame = pd.DataFrame(rng.normal(size=(120, 8)) @ mix, columns=list("abcdefgh"))
    given = list("cdefgh")[:size]
    result = FisherZ(Moments.from_frame(frame))("a", "b", given)
    r = partial_correlation(frame, "a", "b", given)
    assert result.effect_size == pytest.approx(r, abs=1e-9)
    assert result.dof == 120 - size - 3
    z = np.sqrt(result.dof) * np.arctanh(r)
    assert result.statistic == pytest.approx(z, rel=1e-7)
    assert result.p_value == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-6)


def test_a_category_against_a_number_is_the_anova_likelihood_ratio() -> None:
    frame = mixed(200, np.random.default_rng(0))
    result = FisherZ(Moments.from_frame(frame))("x", "hub")
    groups = [part["x"].to_numpy() for _, part in frame.groupby("hub")]
    within = sum(((g - g.mean()) ** 2).sum() for g in groups)
    wilks = within / ((frame["x"] - frame["x"].mean()) ** 2).sum()
    assert result.dof == 2
    assert result.statistic == pytest.approx(-(200 - 1 - 2) * np.log(wilks))
    assert result.effect_size == pytest.approx(np.sqrt(1 - wilks))
    f = stats.f_oneway(*groups)
    assert np.log(result.p_value) == pytest.approx(np.log(f.pvalue), rel=0.05)


def test_the_coding_of_a_category_does_not_matter() -> None:
    frame = mixed(200, np.random.default_rng(1))
    other = frame.assign(hub=frame["hub"].map({"h0": "z", "h1": "a", "h2": "m"}))
    for x, y, given in [("x", "hub", []), ("x", "y", ["hub"]), ("hub", "k", ["x", "c"])]:
        one = FisherZ(Moments.from_frame(frame))(x, y, given)
        two = FisherZ(Moments.from_frame(other))(x, y, given)
        assert one.p_value == pytest.approx(two.p_value, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(
    ("x", "y", "given"),
    [
        ("x", "y", ["base", "hub"]),
        ("x", "c", []),
        ("x", "c", ["hub", "base"]),
        ("x", "two", []),
        ("c", "two", ["x"]),
        ("c", "k", []),
        ("c", "k", ["x", "hub"]),
        ("k", "base", ["hub"]),
        ("k", "x", ["hub"]),
    ],
)
@pytest.mark.parametrize("n", [60, 200])
def test_level_under_the_null(x: str, y: str, given: list[str], n: int, rows: Encoded) -> None:
    runs = 600
    p_values = np.empty(runs)
    for k in range(runs):
        moments = Moments.from_matrix(
            rows.matrix[k * n : (k + 1) * n], COLUMNS, blocks=rows.blocks, levels=rows.levels
        )
        p_values[k] = FisherZ(moments)(x, y, given).p_value
    for alpha in (0.01, 0.05, 0.2):
        error = np.sqrt(alpha * (1 - alpha) / runs)
        assert abs((p_values < alpha).mean() - alpha) < 3.5 * error, (x, y, given, n, alpha)


def test_power() -> None:
    rng = np.random.default_rng(6)
    found = {"x~hub": 0, "x~y|hub": 0, "k~hub": 0, "k~hub|x": 0}
    for _ in range(50):
        test = FisherZ(Moments.from_frame(mixed(200, rng)))
        found["x~hub"] += test("x", "hub").p_value < 0.01
        found["x~y|hub"] += test("x", "y", ["hub"]).p_value < 0.01
        found["k~hub"] += test("k", "hub").p_value < 0.01
        found["k~hub|x"] += test("k", "hub", ["x"]).p_value < 0.01
    assert min(found.values()) >= 48, found


def test_many_tests_at_once_equal_one_at_a_time() -> None:
    rng = np.random.default_rng(7)
    test = FisherZ(Moments.from_frame(mixed(150, rng)))
    d = len(test.nodes)
    for size in (0, 1, 2, 3):
        picks = np.array([rng.permutation(d)[: size + 2] for _ in range(40)])
        batch = test.batch(picks[:, 0], picks[:, 1], picks[:, 2:])
        for row, statistic, p, dof, effect in zip(picks, *batch, strict=True):
            names = [test.nodes[k] for k in row]
            one = test(names[0], names[1], names[2:])
            np.testing.assert_allclose(
                [statistic, p, dof, effect],
                [one.statistic, one.p_value, one.dof, one.effect_size],
                rtol=1e-7,
                atol=1e-12,
            )


def test_symmetric_in_the_two_nodes() -> None:
    test = FisherZ(Moments.from_frame(mixed(150, np.random.default_rng(8))))
    for x, y in [("x", "hub"), ("hub", "k"), ("x", "y")]:
        there, back = test(x, y, ["base"]), test(y, x, ["base"])
        assert there.p_value == pytest.approx(back.p_value, rel=1e-9)


def test_refusals() -> None:
    frame = mixed(30, np.random.default_rng(9))
    test = FisherZ(Moments.from_frame(frame))
    with pytest.raises(UnknownNameError, match="did you mean 'hub'"):
        test("x", "hubb")
    with pytest.raises(InvalidInputError, match="different nodes"):
        test("x", "y", ["x"])
    with pytest.raises(InvalidInputError, match="constant"):
        FisherZ(Moments.from_frame(frame.assign(flat=1.0)))
    short = Moments.from_frame(frame.iloc[:6], ["x", "y", "base"])
    few = pd.DataFrame(np.random.default_rng(0).normal(size=(6, 6)), columns=list("abcdef"))
    with pytest.raises(NotEstimableError, match="6 rows are too few to test given 4"):
        FisherZ(Moments.from_frame(few))("a", "b", list("cdef"))
    assert FisherZ(short)("x", "y", ["base"]).dof == 2
    summed = frame.assign(total=frame["x"] + frame["y"])
    with pytest.raises(NotEstimableError, match=r"\['x', 'y', 'total'\] are linearly dependent"):
        FisherZ(Moments.from_frame(summed))("total", "base", ["x", "y"])
    doubled = frame.assign(twice=2 * frame["x"])
    with pytest.raises(NotEstimableError, match="linearly dependent"):
        FisherZ(Moments.from_frame(doubled))("y", "base", ["x", "twice"])
